"""The view of orders: after any steps it shows what the last of each order's steps reported."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at, envelope, order_update

from qtrader.events.events import OrderEvent, OrderUpdateEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from qtrader.services.strategy.orders import OrderProjection


def order(number: int, strategy_id: str = "sma") -> OrderEvent:
    return OrderEvent(
        **envelope(f"order:{number}", at(1)),
        order_id=f"o-{number}",
        signal_id=f"s-{number}",
        strategy_id=strategy_id,
        symbol="AAPL",
        side=Side.BUY,
        quantity=Decimal(100),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose.OPEN,
        limit_price=Decimal("9.50"),
    )


def test_an_order_is_shown_from_its_acceptance_to_its_last_step() -> None:
    orders, made = OrderProjection(), order(1)
    orders.on_order(made)
    assert orders.of("sma") == ()
    orders.on_order_update(order_update(made, OrderStatus.ACCEPTED, limit_price=Decimal("9.50")))
    (shown,) = orders.of("sma")
    assert (shown.order_id, shown.signal_id, shown.symbol) == ("o-1", "s-1", "AAPL")
    assert (shown.status, shown.leaves_quantity, shown.filled_quantity) == (OrderStatus.ACCEPTED, 100, 0)
    # As on the wire, in whatever process it is written out.
    assert str(shown.limit_price) == "9.5"
    assert shown.is_entry
    assert (shown.stop_price, shown.average_price, shown.parent_order_id) == (None, None, None)
    assert shown.ordered_at == at(1)
    assert orders.of("another") == ()
    orders.on_order_update(order_update(made, OrderStatus.CANCELED))
    assert orders.of("sma") == ()


def test_a_rejected_order_is_never_shown() -> None:
    orders, made = OrderProjection(), order(1)
    orders.on_order(made)
    orders.on_order_update(order_update(made, OrderStatus.REJECTED))
    assert orders.of("sma") == ()


_DONE = {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(OrderStatus)), max_size=30))
def test_it_is_the_last_step_of_each_order_that_is_not_done(steps: list[tuple[int, OrderStatus]]) -> None:
    orders = OrderProjection()
    made = {number: order(number, "sma" if number % 2 else "other") for number in range(6)}
    for each in made.values():
        orders.on_order(each)
    last: dict[int, OrderUpdateEvent] = {}
    done: set[int] = set()
    for number, status in steps:
        if number in done:
            continue
        last[number] = order_update(made[number], status)
        orders.on_order_update(last[number])
        if status in _DONE:
            done.add(number)
    for strategy_id, odd in (("sma", 1), ("other", 0)):
        expected = [
            (f"o-{number}", last[number].status)
            for number in sorted(last)
            if number not in done and number % 2 == odd
        ]
        assert [(each.order_id, each.status) for each in orders.of(strategy_id)] == expected
