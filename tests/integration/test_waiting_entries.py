"""Entries that wait for another order of their strategy, asked for by signals, through the whole engine."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.engine_inputs import closes, daily, events, fills, flat, hourly, inputs_of, refusals, run
from tests.remote_traders import Chained

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.results import Results
from qtrader.events import codec
from qtrader.events.events import FillEvent, OrderEvent, OrderUpdateEvent, PriceBarEvent, SignalEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.remote import RemoteStrategies

Step = Callable[[Context], Any]

X = closes(100, 100, 100, 96, 96, 97, 98, 99)
Y = closes(50, 50, 51, 52, 53, 54, 55, 56)
BOTH = (daily(X), daily(Y, "Y"))
LIMIT = {"order_type": "limit", "limit_price": 97}


class Steps:
    """Do on each slice what is listed for it."""

    def __init__(self, *steps: Step | None) -> None:
        self.steps = list(steps)

    def on_slice(self, bars: list[PriceBarEvent], context: Context) -> None:
        step = self.steps.pop(0) if self.steps else None
        if step is not None:
            step(context)


def steps(*todo: Step | None, rows: Any = BOTH, **overrides: Any) -> Results:
    return run(inputs_of(*rows), StrategySpec(Steps(*todo), "s"), **overrides)


def enter(context: Context, symbol: str = "X", intention: str = "open_long", **wish: Any) -> SignalEvent:
    return context.emit_signal(symbol, intention, quantity=10, **wish)


def pair(context: Context) -> None:
    """Buy X at a limit, and be short of Y as soon as that has filled."""
    enter(context, "Y", "open_short", after=enter(context, **LIMIT))


def lives(results: Results) -> list[str]:
    """Return the steps of the orders in the order of the log: symbol, purpose, status, reason."""
    purposes = {order.order_id: order.purpose for order in events(results, OrderEvent)}
    return [
        f"{update.symbol} {purposes[update.order_id]} {update.status} {update.reason}"
        for update in events(results, OrderUpdateEvent)
    ]


def trades(results: Results) -> list[str]:
    return [
        f"{fill.executed_at:%d %H:%M} {fill.side} {fill.quantity} {fill.symbol} {fill.price.normalize():f}"
        for fill in events(results, FillEvent)
    ]


def test_the_other_leg_of_a_pair_opens_once_the_first_has_filled() -> None:
    results = steps(None, pair)
    assert lives(results) == [
        "X open accepted accepted",
        "Y open accepted held_for_parent",
        "X open filled filled",
        "Y open accepted parent_filled",
        "Y open filled filled",
    ]
    # The limit fills within the fourth bar, and the short at the next open.
    assert trades(results) == ["05 21:00 buy 10 X 97", "08 14:30 sell 10 Y 52"]
    parent, child = events(results, OrderEvent)
    assert child.parent_order_id == parent.order_id
    signals = events(results, SignalEvent)
    assert [signal.after_order_id for signal in signals] == [None, parent.order_id]


@pytest.mark.parametrize("given", ["view", "id"])
def test_an_order_at_work_can_be_waited_for_by_view_or_id(given: str) -> None:
    def follow(context: Context) -> None:
        (order,) = context.orders
        enter(context, "Y", after=order if given == "view" else order.order_id)

    results = steps(lambda context: enter(context, **LIMIT), follow)
    assert trades(results) == ["05 21:00 buy 10 X 97", "08 14:30 buy 10 Y 52"]


def test_a_waiting_entry_goes_with_the_order_that_it_waits_for() -> None:
    def give_up(context: Context) -> None:
        context.cancel(context.orders[0])
        # Neither of the two stands in the way of the next pair.
        pair(context)

    results = steps(pair, give_up)
    assert lives(results)[2:4] == ["X open canceled canceled_by_strategy", "Y open canceled parent_canceled"]
    assert refusals(results) == []
    assert trades(results) == ["05 21:00 buy 10 X 97", "08 14:30 sell 10 Y 52"]

    day = steps(lambda context: enter(context, "Y", after=enter(context, time_in_force="day", **LIMIT)))
    assert lives(day)[2:] == ["X open expired session_closed", "Y open canceled parent_expired"]


def test_a_part_of_the_awaited_order_is_not_enough() -> None:
    results = steps(pair, participation_percent="0.4")
    # Of 1,000 a bar, 0.4 % are 4: the ten take three bars from the fourth on, and the last one trades at 97.
    assert [trade for trade in trades(results) if " X " in trade] == [
        "05 21:00 buy 4 X 97",
        "08 14:30 buy 4 X 96",
        "09 14:30 buy 2 X 96",
    ]
    assert next(trade for trade in trades(results) if " Y " in trade) == "10 14:30 sell 4 Y 54"


def test_a_purchase_waits_for_a_sale() -> None:
    def rotate(context: Context) -> None:
        sale = context.emit_signal("X", "close_long", order_type="limit", limit_price=97.5)
        enter(context, "Y", after=sale)

    results = steps(enter, None, None, rotate)
    assert trades(results)[1:] == ["10 21:00 sell 10 X 97.5", "11 14:30 buy 10 Y 55"]


def test_stop_and_reverse() -> None:
    """A short waits for the stop of what is held: it neither closes first nor needs a second signal."""

    def reverse(context: Context) -> None:
        stop = next(order for order in context.orders if order.purpose == "stop_loss")
        enter(context, "X", "open_short", after=stop)

    results = steps(lambda context: enter(context, stop_loss=98), reverse, rows=(daily(X),))
    assert fills(results) == [
        ("open", Decimal(10), Decimal(100)),
        ("stop_loss", Decimal(-10), Decimal(98)),
        ("open", Decimal(-10), Decimal(96)),
    ]

    # The target ends the stop, and with it what waits for it.
    rising = daily(closes(100, 100, 100, 104, 106, 106))
    gained = steps(lambda context: enter(context, stop_loss=98, take_profit=103), reverse, rows=(rising,))
    assert [purpose for purpose, *_ in fills(gained)] == ["open", "take_profit"]
    assert lives(gained)[-1] == "X open canceled parent_canceled"


def test_an_entry_that_meets_a_position_of_the_other_side_takes_it_off() -> None:
    def oppose(context: Context) -> None:
        enter(context, "X", "open_short", after=enter(context, "Y"))

    results = steps(enter, None, oppose)
    assert [trade.split(" ", 2)[2] for trade in trades(results)] == [
        "buy 10 X 100",
        "buy 10 Y 51",
        "sell 10 X 96",
    ]


def test_a_second_entry_in_a_symbol_takes_scale_in_as_any_other() -> None:
    def pyramid(context: Context) -> None:
        enter(context, after=enter(context, **LIMIT), order_type="stop", stop_price=98)

    assert refusals(steps(pyramid)) == ["order_pending"]
    results = steps(pyramid, scale_in=True)
    # A stop below the present price is no market order in disguise if the price has to fall first.
    assert refusals(results) == []
    assert trades(results) == ["05 21:00 buy 10 X 97", "10 21:00 buy 10 X 98"]


def test_exits_of_a_waiting_entry_rest_when_it_has_filled() -> None:
    results = steps(
        lambda context: enter(context, "Y", after=enter(context, **LIMIT), stop_loss=45, take_profit=54.5)
    )
    assert trades(results) == ["05 21:00 buy 10 X 97", "08 14:30 buy 10 Y 52", "10 21:00 sell 10 Y 54.5"]


def test_what_waits_lays_claim_to_cash() -> None:
    def spend(context: Context) -> None:
        pair_of = context.emit_signal("X", "open_long", quantity=600, **LIMIT)
        context.emit_signal("Y", "open_long", quantity=700, after=pair_of)
        context.emit_signal("Y", "open_long", quantity=400)

    # Of 100,000 the pair takes 58,200 + 35,000, which leaves 6,800.
    assert refusals(steps(spend, initial_equity=100_000, scale_in=True)) == ["gross_leverage"]


@pytest.mark.parametrize(
    "after", [lambda context: enter(context, "Y", "close_long"), lambda context: "nobody's/open"]
)
def test_what_was_never_taken_cannot_be_waited_for(after: Any) -> None:
    # The signal to close what nobody holds is refused, and becomes no order.
    results = steps(lambda context: enter(context, after=after(context)))
    assert lives(results) == ["X open rejected unknown_parent"]
    assert trades(results) == []


def test_what_is_done_cannot_be_waited_for() -> None:
    results = steps(enter, None, lambda context: enter(context, "Y", after="s:X:20240102T210000Z:0/open"))
    assert lives(results)[-1] == "Y open rejected parent_done"


def test_another_strategy_s_order_cannot_be_waited_for() -> None:
    inputs = inputs_of(daily(X), daily(Y, "Y"))
    one = StrategySpec(Steps(lambda context: enter(context, **LIMIT)), "one")
    two = StrategySpec(
        Steps(None, lambda context: enter(context, "Y", after="one:X:20240102T210000Z:0/open")), "two"
    )
    assert lives(run(inputs, [one, two]))[1] == "Y open rejected invalid_child"


def test_nobody_trades_on_a_fill_before_it_is_known() -> None:
    """X trades by the hour and Y by the day: a fill in X at the open comes too late for that of Y."""
    rows = hourly([flat(100.0)] * 21), daily([flat(50.0)] * 3, "Y")

    def at_the_market(context: Context) -> None:
        enter(context, "Y", after=enter(context))

    # The seventh hour is the last of the day; the order meets the next day's first, known at 15:30.
    results = steps(*[None] * 6, at_the_market, rows=rows)
    assert trades(results) == ["03 14:30 buy 10 X 100", "04 14:30 buy 10 Y 50"]


def test_a_trail_in_another_symbol_begins_with_its_own_market() -> None:
    trail = {"order_type": "trailing_stop", "trail_amount": 2}
    y = daily(closes(50, 50, 50, 50, 50, 51, 47, 47), "Y")
    results = steps(
        lambda context: enter(context, "Y", "open_short", after=enter(context, **LIMIT), **trail),
        rows=(daily(X), y),
    )
    # From 51, not from the 97 at which X was bought.
    assert trades(results) == ["05 21:00 buy 10 X 97", "10 21:00 sell 10 Y 49"]


@pytest.mark.parametrize("market_fill", ["next_open", "same_close"])
def test_two_processes_give_the_log_of_one(market_fill: str) -> None:
    waves = [100 + (place * 7) % 11 for place in range(40)]
    inputs = inputs_of(daily(closes(*waves)), daily(closes(*(150 - each for each in waves)), "Y"))
    config = apply_overrides(default_run_config(), {"market_fill": market_fill, "valuation_calendar": "XNYS"})
    near, far = (
        BacktestEngine(config, inputs, (StrategySpec(Chained),), remote=remote).run()
        for remote in (None, RemoteStrategies)
    )
    assert [codec.encode(event, number) for number, event in far.events()] == [
        codec.encode(event, number) for number, event in near.events()
    ]
    assert far.log.equals(near.log)
    reasons = {update.reason for update in events(near, OrderUpdateEvent)}
    assert reasons >= {"held_for_parent", "parent_filled", "parent_canceled"}
