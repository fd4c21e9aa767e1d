"""How strategies are given, what reaches them and when, and what they can look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.engine_inputs import (
    BUY,
    SELL,
    SHORT,
    Script,
    closes,
    daily,
    events,
    fills,
    flat,
    hourly,
    inputs_of,
    log,
    play,
    refusals,
    run,
    session,
    split,
)

import qtrader as qt
from qtrader.errors import ConfigError, HandlerError
from qtrader.events.events import FillEvent, OrderUpdateEvent, PriceBarEvent, SignalEvent, SignalRejectedEvent
from qtrader.market.universe import Membership, Universe
from qtrader.services.strategy.protocol import StrategySpec


class Every(qt.Strategy):
    """Buy every so many bars."""

    count: int = 3
    quantity: int = 10

    def on_start(self, context: qt.Context) -> None:
        self.seen = 0

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        self.seen += 1
        if self.seen % self.count == 0:
            context.emit_signal(bar.symbol, qt.SignalIntention.OPEN_LONG, quantity=self.quantity)


class Diary:
    """Buy on the first bar with a stop, ask for too much on the second, and write down what arrives when."""

    def __init__(self) -> None:
        self.bars = 0

    def write(self, what: str, context: qt.Context) -> None:
        held = context.position("X").quantity
        context.log(f"{what} holding {held}")

    def on_start(self, context: qt.Context) -> None:
        self.write("start", context)

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        self.write(f"bar {bar.close:g}", context)
        if self.bars == 0:
            context.emit_signal("X", "open_long", stop_loss=95)
        if self.bars == 1:
            context.emit_signal("X", "open_short", quantity=10_000)
        self.bars += 1

    def on_fill(self, fill: FillEvent, context: qt.Context) -> None:
        self.write(f"fill {fill.purpose} {fill.price:f}", context)

    def on_order(self, update: OrderUpdateEvent, context: qt.Context) -> None:
        self.write(f"{update.order_id.rpartition('/')[2]} {update.status}", context)

    def on_refusal(self, refusal: SignalRejectedEvent, context: qt.Context) -> None:
        self.write(f"refusal {refusal.reason}", context)

    def on_stop(self, context: qt.Context) -> None:
        self.write("stop", context)


def test_what_happened_to_orders_arrives_before_the_next_bar_with_the_account_of_then() -> None:
    results = run(
        inputs_of(daily([flat(100), flat(101), (100, 100, 90, 92), flat(92)])), StrategySpec(Diary())
    )
    lines = [(at.date(), text) for at, text in results.log.select("at", "message").rows()]
    first, second, third, fourth = (session(number) for number in range(4))
    assert lines == [
        (first, "start holding 0"),
        (first, "bar 100 holding 0"),
        (second, "open accepted holding 100"),
        (second, "stop_loss accepted holding 100"),
        (second, "fill open 101 holding 100"),
        (second, "open filled holding 100"),
        (second, "stop_loss accepted holding 100"),
        (second, "bar 101 holding 100"),
        (third, "refusal position_percent holding 0"),
        (third, "close accepted holding 0"),
        (third, "fill close 100 holding 0"),
        (third, "close filled holding 0"),
        (third, "stop_loss canceled holding 0"),
        (third, "bar 92 holding 0"),
        (fourth, "bar 92 holding 0"),
        (fourth, "stop holding 0"),
    ]


def test_a_signal_of_on_fill_is_an_order_of_that_instant() -> None:
    class Doubling:
        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            if context.now.date() == session(0):
                context.emit_signal("X", "open_long", quantity=1)

        def on_fill(self, fill: FillEvent, context: qt.Context) -> None:
            if fill.quantity == 1:
                context.emit_signal("X", "open_long", quantity=2)

    results = run(inputs_of(daily(closes(100, 101, 102, 103))), StrategySpec(Doubling()), scale_in=True)
    assert fills(results) == [("open", 1, 100), ("open", 2, 101)]
    assert [signal.occurred_at.date() for signal in events(results, SignalEvent)] == [session(0), session(1)]
    second = events(results, SignalEvent)[1]
    assert second.causation_id == events(results, FillEvent)[0].event_id


def test_two_strategies_hold_apart_what_they_hold_and_share_the_cash() -> None:
    inputs = inputs_of(daily(closes(100, 101, 102, 103)))
    long = StrategySpec(Script({0: [BUY], 2: [SELL]}), "long")
    short = StrategySpec(Script({0: [SHORT]}), "short")
    results = run(inputs, [long, short])
    assert [(fill.strategy_id, fill.side.value, fill.price) for fill in events(results, FillEvent)] == [
        ("long", "buy", 100),
        ("short", "sell", 100),
        ("long", "sell", 102),
    ]
    assert [(position.strategy_id, position.quantity) for position in results.open_positions] == [
        ("short", -100)
    ]
    assert results.valuations[1].equity == 100_000
    assert results.valuations[-1].equity == Decimal(100_000) + 200 - 300


def test_what_one_strategy_does_alone_it_does_beside_another_that_does_nothing() -> None:
    inputs = inputs_of(daily(closes(*range(100, 120)), "A"), daily(closes(*range(50, 70)), "B"))
    one = StrategySpec(Script({4: [BUY], 9: [SHORT], 13: [{**BUY, "stop_loss": 40}]}), "one")
    idle = StrategySpec(Script({}), "idle")
    assert log(run(inputs, one)) == log(run(inputs, [one, idle])) == log(run(inputs, [idle, one]))


def test_the_order_of_an_instant_is_symbol_then_strategy_in_wiring_order() -> None:
    inputs = inputs_of(daily([flat(10)] * 2, "B"), daily([flat(10)] * 2, "A"))
    plan = {0: [BUY], 1: [BUY]}
    results = run(inputs, [StrategySpec(Script(plan), "z"), StrategySpec(Script(plan), "a")])
    assert [(signal.symbol, signal.strategy_id) for signal in events(results, SignalEvent)] == [
        ("A", "z"),
        ("A", "a"),
        ("B", "z"),
        ("B", "a"),
    ]


def test_a_strategy_sees_only_the_symbols_that_it_was_given() -> None:
    inputs = inputs_of(daily([flat(10)] * 3, "A"), daily([flat(20)] * 3, "B"))
    results = run(
        inputs, [StrategySpec(Script({0: [BUY]}), "s", symbols=("B",)), StrategySpec(Script({}), "t")]
    )
    assert [fill.symbol for fill in events(results, FillEvent)] == ["B"]


class Slices:
    """Buy what is cheapest among the bars of an instant, once all have closed."""

    def __init__(self) -> None:
        self.is_done = False

    def on_slice(self, bars: Sequence[PriceBarEvent], context: qt.Context) -> None:
        context.log(",".join(bar.symbol for bar in bars), universe="/".join(context.universe))
        if not self.is_done:
            context.emit_signal(min(bars, key=lambda bar: bar.close).symbol, "open_long")
            self.is_done = True


def test_a_slice_holds_all_bars_of_an_instant_by_symbol() -> None:
    inputs = inputs_of(
        daily([flat(30)] * 3, "C"), daily([flat(10)] * 3, "A"), daily([flat(5)] * 2, "L", calendar="XLON"),
        calendars={"L": "XLON"},
    )  # fmt: skip
    results = run(inputs, StrategySpec(Slices()))
    assert results.log["message"].to_list() == ["L", "A,C", "L", "A,C", "A,C"]
    assert [fill.symbol for fill in events(results, FillEvent)] == ["L"]


def test_the_universe_is_that_of_the_day() -> None:
    stays = [Membership("A", date(2000, 1, 1), session(0)), Membership("B", session(1))]
    inputs = inputs_of(daily([flat(10)] * 2, "A"), daily([flat(10)] * 2, "B"), universe=Universe(stays))
    results = run(inputs, StrategySpec(Slices()))
    assert results.log["fields"].to_list() == ['{"universe":"A"}', '{"universe":"B"}']


def test_history_is_adjusted_by_the_splits_of_its_day_and_ends_with_the_present_bar() -> None:
    seen: list[list[float]] = []

    class Looking:
        def __deepcopy__(self, memo: Any) -> Looking:
            return self

        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            window = context.history(count=3)
            assert window.closed_at_us[-1] == bar.closed_at_us
            window.close[:] = window.close  # a copy: writing to it changes nothing
            seen.append(window.close.tolist())
            window.close[:] = -1

    run(inputs_of(daily(closes(100, 102, 52, 53)), actions=[split(2, "2")]), StrategySpec(Looking()))
    assert seen == [[100.0], [100.0, 102.0], [50.0, 51.0, 52.0], [51.0, 52.0, 53.0]]


def test_hours_are_the_history_where_a_symbol_has_hours_and_days() -> None:
    lengths: list[int] = []

    class Counting:
        def __deepcopy__(self, memo: Any) -> Counting:
            return self

        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            if bar.interval == "1d":
                lengths.append(len(context.history()))

    run(inputs_of(daily([flat(1)] * 2), hourly([flat(1)] * 14)), StrategySpec(Counting()))
    assert lengths == [7, 14]


def test_random_numbers_are_of_the_seed_and_the_strategy() -> None:
    class Dice:
        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            context.record("dice", context.rng.random())

    inputs = inputs_of(daily([flat(1)] * 5))

    def rolled(*names: str, seed: int = 1) -> list[float]:
        return (
            run(inputs, [StrategySpec(Dice(), name) for name in names], seed=seed).recorded["value"].to_list()
        )

    assert rolled("a") == rolled("a")
    assert rolled("a") != rolled("a", seed=2)
    assert set(rolled("a", "b")) == {*rolled("a"), *rolled("b")}
    assert set(rolled("a")).isdisjoint(rolled("b"))


def test_a_class_an_instance_and_a_text_give_the_same_log() -> None:
    inputs = inputs_of(daily(closes(*range(100, 112))))
    by_class = run(inputs, StrategySpec(Every, parameters={"count": 4}))
    by_instance = run(inputs, Every(count=4))
    by_text = run(inputs, StrategySpec("tests.strategies_shared:EveryFew", "every", {"count": 4}))
    assert [fill[0] for fill in fills(by_class)] == ["open"]
    assert log(by_class) == log(by_instance) == log(by_text)


def test_an_instance_is_not_changed_by_a_run_and_can_run_again() -> None:
    script = Script({1: [BUY]})
    first, second = (play_again(script) for _ in range(2))
    assert script.seen == 0
    assert log(first) == log(second)


def play_again(script: Script) -> qt.Results:
    return run(inputs_of(daily(closes(1, 2, 3))), StrategySpec(script, "script"))


def test_parameters_of_a_class_are_checked_by_name() -> None:
    data = {"date": [session(0)], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    with pytest.raises(
        ConfigError, match=r"Every has no parameter 'cont'; its parameters are count, quantity"
    ):
        qt.backtest(data, Every, parameters={"cont": 3}, symbol="X")
    with pytest.raises(ConfigError, match="given as an instance, so parameters"):
        qt.backtest(data, Every(), parameters={"count": 3}, symbol="X")
    with pytest.raises(ConfigError, match="two strategies have the id 'every'"):
        qt.backtest(data, [Every, Every], symbol="X")


def test_a_signal_of_on_start_trades_at_the_first_open() -> None:
    class Eager:
        def on_start(self, context: qt.Context) -> None:
            context.emit_signal("X", "open_long", price=100)

        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            """Do nothing."""

    results = run(inputs_of(daily([(99, 101, 98, 100), flat(100)])), StrategySpec(Eager()))
    assert fills(results) == [("open", 100, 99)]


def test_a_signal_of_on_stop_is_an_error_that_names_the_strategy() -> None:
    class Late(Script):
        def on_stop(self, context: qt.Context) -> None:
            context.emit_signal("X", "close_long")

    with pytest.raises(HandlerError, match=r"Late\.on_stop of strategy 's' failed: .*the run has ended"):
        run(inputs_of(daily([flat(1)] * 2)), StrategySpec(Late({}), "s"))


@pytest.mark.parametrize("market_fill", ["same_close", "next_open"])
def test_what_a_strategy_answers_after_the_last_bar_is_refused_and_no_error(market_fill: str) -> None:
    """Fills and refusals of the last instant are handed out at the end; no answer can trade any more."""

    class Answering(Script):
        def on_fill(self, fill: FillEvent, context: qt.Context) -> None:
            context.emit_signal("X", "close_long")

        def on_refusal(self, refusal: SignalRejectedEvent, context: qt.Context) -> None:
            context.emit_signal("X", "open_long", quantity=1)

    plan = {2: [BUY, {**BUY, "quantity": 100_000}]}
    results = run(
        inputs_of(daily([flat(1)] * 3)), StrategySpec(Answering(plan), "s"), market_fill=market_fill
    )
    assert set(refusals(results)) == {"order_pending", "run_ended"}
    assert len(fills(results)) == (market_fill == "same_close")


def test_the_shipped_strategies_run_by_name() -> None:
    results = qt.backtest(
        qt.sample_data("IBM"), "BuyAndHoldStrategy", start=date(2010, 1, 4), end=date(2010, 3, 31)
    )
    assert [(purpose, quantity) for purpose, quantity, _ in fills(results)] == [("open", 100)]
    crossing = qt.backtest(
        qt.sample_data(), "SMADualCrossStrategy", parameters={"fast": 10, "slow": 30}, end=date(2001, 12, 31)
    )
    assert crossing.trades.height > 10


def test_results_are_frames_of_what_happened() -> None:
    results = play(closes(100, 101, 102, 103), {0: [BUY], 1: [BUY], 2: [SELL]})
    assert results.signals["outcome"].to_list() == ["ordered", "refused", "ordered"]
    assert refusals(results) == ["already_open"]
    assert results.trades.select("entry_price", "exit_price", "net_pnl").rows() == [(100.0, 102.0, 200.0)]
    assert results.equity_curve["equity"].to_list() == [100_000, 100_000, 100_100, 100_200, 100_200]
    assert isinstance(results.valuations[0].occurred_at, datetime)
