"""Orders that strategies cancel, modify and look at, through the whole engine."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.engine_inputs import closes, daily, events, fills, flat, inputs_of, log, refusals, run, split

from qtrader.engine.results import Results
from qtrader.events.events import (
    OrderCancelEvent,
    OrderEvent,
    OrderModifyEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
)
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec

Step = Callable[[Context], Any]


class Steps:
    """Do on each bar what is listed for it, and write down the orders seen before that."""

    def __init__(self, *steps: Step | None) -> None:
        self.steps = list(steps)

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        context.log("orders", seen="; ".join(map(shown, context.orders)))
        step = self.steps.pop(0) if self.steps else None
        if step is not None:
            step(context)

    def on_request_refusal(self, refusal: OrderRequestRejectedEvent, context: Context) -> None:
        context.log("refused", seen=f"{refusal.reason}: {refusal.message}")


def shown(order: Any) -> str:
    prices = [f"{price:f}" for price in (order.stop_price, order.limit_price) if price is not None]
    return f"{order.purpose} {order.order_type} {order.leaves_quantity} {'/'.join(prices)} {order.status}"


def seen(results: Results, message: str = "orders") -> list[str]:
    rows = results.log.filter(results.log["message"] == message)
    return [str(fields).partition('"seen":"')[2].removesuffix('"}') for fields in rows["fields"]]


def steps(rows: list[Any], *todo: Step | None, **overrides: Any) -> Results:
    return run(inputs_of(daily(rows)), StrategySpec(Steps(*todo), "script"), **overrides)


def changes(results: Results) -> list[str]:
    """Return the steps of orders in the order of the log: name, status and reason."""
    return [
        f"{update.order_id.rpartition('/')[2]} {update.status} {update.reason}"
        for update in events(results, OrderUpdateEvent)
    ]


def enter(**wish: Any) -> Step:
    return lambda context: context.emit_signal("X", **{"intention": "open_long", "quantity": 10} | wish)


def limit(price: float) -> Step:
    return enter(order_type="limit", limit_price=price)


def cancel(context: Context) -> None:
    for order in context.orders:
        context.cancel(order)


STILL = [flat(100.0)] * 8


def test_a_limit_entry_is_canceled_after_three_bars_and_replaced() -> None:
    def replace(context: Context) -> None:
        cancel(context)
        # The canceled entry stands in nobody's way: neither as pending nor with its claim on cash.
        limit(97)(context)

    results = steps(closes(100, 100, 100, 100, 100, 96, 96), limit(90), None, None, replace)
    assert changes(results) == [
        "open accepted accepted",
        "open canceled canceled_by_strategy",
        "open accepted accepted",
        "open filled filled",
    ]
    assert fills(results) == [("open", Decimal(10), Decimal(97))]
    assert refusals(results) == []
    resting = "open limit 10 {} accepted"
    assert seen(results)[:6] == ["", *[resting.format(90)] * 3, resting.format(97), ""]


def test_a_stop_is_raised_with_every_bar() -> None:
    def trail(context: Context) -> None:
        for order in context.orders:
            if order.purpose == "stop_loss":
                context.modify(order, stop_price=context.history("X", 1).close[-1] - 4.004)

    rows = closes(100, 100, 102, 104, 106, 101, 101)
    results = steps(rows, enter(stop_loss=95), trail, trail, trail, trail, trail)
    stops = [
        (update.reason, update.stop_price)
        for update in events(results, OrderUpdateEvent)
        if update.order_id.endswith("/stop_loss")
    ]
    # Sell stops are rounded down to the tick.
    assert stops == [
        ("held_for_parent", Decimal(95)),
        ("parent_filled", Decimal(95)),
        ("modified", Decimal("95.99")),
        ("modified", Decimal("97.99")),
        ("modified", Decimal("99.99")),
        ("modified", Decimal("101.99")),
        ("filled", Decimal("101.99")),
    ]
    assert fills(results) == [
        ("open", Decimal(10), Decimal(100)),
        ("stop_loss", Decimal(-10), Decimal("101.99")),
    ]


REFUSED: list[tuple[str, Step, Step, str]] = [
    ("unknown", limit(90), lambda c: c.cancel("nobody"), "unknown_order"),
    ("filled", enter(), lambda c: c.cancel("script:X:20240102T210000Z:0/open"), "order_done"),
    (
        "modify of a filled one",
        enter(),
        lambda c: c.modify("script:X:20240102T210000Z:0/open", limit_price=90),
        "order_done",
    ),
    (
        "limit of a stop",
        enter(order_type="stop", stop_price=110),
        lambda c: ask(c, limit_price=1),
        "wrong_prices",
    ),
    ("stop of a limit", limit(90), lambda c: ask(c, stop_price=1), "wrong_prices"),
    ("more", limit(90), lambda c: ask(c, quantity=11), "quantity_increase"),
    ("off step", limit(90), lambda c: ask(c, quantity="2.5"), "quantity_off_step"),
    (
        "a stop that trails",
        enter(order_type="trailing_stop", trail_amount=20),
        lambda c: ask(c, stop_price=1),
        "wrong_prices",
    ),
    (
        "a child's size",
        enter(stop_loss=90),
        lambda c: ask(c, quantity=5),
        "sized_by_parent",
    ),
]


def ask(context: Context, **terms: Any) -> None:
    context.modify(context.orders[-1], **terms)


@pytest.mark.parametrize(("first", "second", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_granted_is_an_event_with_its_reason(first: Step, second: Step, reason: str) -> None:
    # One bar lies between, so that a market order has filled.
    results = steps(STILL, first, None, second)
    (refused,) = events(results, OrderRequestRejectedEvent)
    (request,) = events(results, OrderCancelEvent, OrderModifyEvent)
    assert refused.reason == reason
    assert refused.request_id == request.request_id
    assert refused.causation_id == request.event_id == refused.correlation_id
    assert results.refusal_counts == {reason: 1}
    assert results.refusals["stage"].to_list() == ["request"]
    assert seen(results, "refused") == [f"{reason}: {refused.message}".replace('"', '\\"')]
    # The order stays as it was.
    assert "modified" not in {update.reason for update in events(results, OrderUpdateEvent)}


def test_nobody_touches_the_orders_of_another_strategy() -> None:
    specs = [
        StrategySpec(Steps(limit(90)), "owner"),
        StrategySpec(Steps(None, lambda c: c.cancel("owner:X:20240102T210000Z:0/open")), "other"),
    ]
    results = run(inputs_of(daily(STILL)), specs)
    (refused,) = events(results, OrderRequestRejectedEvent)
    assert (refused.strategy_id, refused.reason) == ("other", "not_own_order")
    assert changes(results) == ["open accepted accepted"]


def test_a_request_that_comes_before_its_order_is_refused_and_lets_its_claim_stand() -> None:
    def hasty(context: Context) -> None:
        signal = context.emit_signal("X", "open_long", quantity=10, order_type="limit", limit_price=90)
        context.cancel(f"{signal.signal_id}/open")
        limit(91)(context)

    results = steps(STILL, hasty)
    assert [event.reason for event in events(results, OrderRequestRejectedEvent)] == ["unknown_order"]
    assert refusals(results) == ["unknown_order", "order_pending"]


def test_a_canceled_parent_takes_its_waiting_children_with_it() -> None:
    def cancel_entry(context: Context) -> None:
        context.cancel(next(order for order in context.orders if order.is_entry), "changed my mind")

    results = steps(STILL, enter(order_type="limit", limit_price=90, stop_loss=80), cancel_entry)
    assert changes(results)[2:] == [
        "open canceled canceled_by_strategy",
        "stop_loss canceled parent_canceled",
    ]
    assert "changed my mind" in events(results, OrderUpdateEvent)[2].message
    assert seen(results)[2] == ""


def test_a_smaller_order_keeps_its_place_and_a_new_price_goes_to_the_end_of_the_line() -> None:
    # The market falls through both limits at once; the earlier place fills first.
    falling = [*closes(100, 100, 100), (100.0, 100.0, 80.0, 80.0), flat(80.0)]

    def both(context: Context) -> None:
        limit(90)(context)
        enter(order_type="limit", limit_price=90.5)(context)

    def order_of_fills(terms: dict[str, Any]) -> list[str]:
        results = steps(
            falling,
            both,
            lambda context: context.modify(context.orders[0], **terms),
            risk={"scale_in": True},
        )
        return [f"{quantity} at {price.normalize():f}" for _, quantity, price in fills(results)]

    assert order_of_fills({"quantity": 4}) == ["4 at 90", "10 at 90.5"]
    assert order_of_fills({"limit_price": 91}) == ["10 at 90.5", "10 at 91"]
    # The same terms again change nothing.
    assert order_of_fills({"limit_price": 90}) == ["10 at 90", "10 at 90.5"]


def test_requests_at_the_end_are_refused() -> None:
    class Late(Steps):
        def on_fill(self, fill: Any, context: Context) -> None:
            if context.orders:
                context.cancel(context.orders[0])

    # The fill at the last close is heard of when no bar is left.
    rows = closes(100, 100, 100)
    results = run(
        inputs_of(daily(rows)),
        StrategySpec(Late(None, None, enter(stop_loss=50)), "script"),
        market_fill="same_close",
    )
    assert [event.reason for event in events(results, OrderRequestRejectedEvent)] == ["run_ended"]


def test_several_targets_share_an_entry_and_the_stop_covers_the_rest() -> None:
    rows = [*closes(100, 100), (100.0, 106.0, 100.0, 106.0), (106.0, 106.0, 90.0, 90.0), flat(90.0)]
    results = steps(rows, enter(quantity=11, stop_loss=95, take_profit=[(105, "0.5"), (110, "0.5")]))
    assert [(order.order_id.rpartition("/")[2], order.quantity) for order in events(results, OrderEvent)] == [
        ("open", 11),
        ("stop_loss", 11),
        ("take_profit_1", 5),
        ("take_profit_2", 6),
    ]
    assert fills(results) == [
        ("open", Decimal(11), Decimal(100)),
        ("take_profit", Decimal(-5), Decimal(105)),
        ("stop_loss", Decimal(-6), Decimal(95)),
    ]
    assert "take_profit_2 canceled oco" in changes(results)


def test_of_a_group_of_entries_one_fills() -> None:
    def straddle(context: Context) -> None:
        context.emit_signal(
            "X", "open_long", quantity=600, order_type="stop", stop_price=105, oco_group="breakout"
        )
        # The whole account twice: of the two only one may fill, so that only one lays claim.
        context.emit_signal(
            "X", "open_short", quantity=900, order_type="stop", stop_price=95, oco_group="breakout"
        )

    rows = [*closes(100, 100, 100), (100.0, 100.0, 94.0, 94.0), flat(94.0)]
    results = steps(rows, straddle)
    assert refusals(results) == []
    assert fills(results) == [("open", Decimal(-900), Decimal(95))]
    assert changes(results)[2:] == ["open filled filled", "open canceled oco"]
    groups = {order.oco_group for order in events(results, OrderEvent)}
    assert groups == {"script:X:breakout"}


def test_the_same_entries_without_a_group_are_refused() -> None:
    def twice(context: Context) -> None:
        enter(order_type="stop", stop_price=105)(context)
        enter(order_type="limit", limit_price=95)(context)

    assert refusals(steps(STILL, twice)) == ["order_pending"]


def test_a_view_after_a_split_is_in_new_shares() -> None:
    inputs = inputs_of(daily([flat(100.0), flat(100.0), flat(50.0), flat(50.0)]), actions=[split(2, "2")])
    results = run(inputs, StrategySpec(Steps(limit(90)), "script"))
    assert seen(results)[1:3] == ["open limit 10 90 accepted", "open limit 20 45 accepted"]


def test_a_run_with_requests_is_the_same_twice() -> None:
    def once() -> list[bytes]:
        return log(steps(STILL, limit(90), lambda c: ask(c, limit_price=91), cancel, limit(92)))

    assert once() == once()


def test_every_request_is_answered_once() -> None:
    def busy(context: Context) -> None:
        for order in context.orders:
            context.modify(order, limit_price=90.5)
            context.cancel(order)
            context.cancel(order)
            context.modify(order, quantity=5)

    results = steps(STILL, limit(90), busy)
    answers = [event.reason for event in events(results, OrderRequestRejectedEvent)]
    assert changes(results) == [
        "open accepted accepted",
        "open accepted modified",
        "open canceled canceled_by_strategy",
    ]
    assert answers == ["order_done", "order_done"]
    requests = events(results, OrderCancelEvent, OrderModifyEvent)
    assert [each.request_id.rpartition("/")[2] for each in requests] == [
        "modify:20240103T210000Z:0",
        "cancel:20240103T210000Z:1",
        "cancel:20240103T210000Z:2",
        "modify:20240103T210000Z:3",
    ]
    bars = {event.event_id for event in events(results, PriceBarEvent)}
    assert {each.causation_id for each in requests} <= bars
