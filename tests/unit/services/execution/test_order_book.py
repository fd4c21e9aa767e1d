"""The book finds the orders that a bar may concern as if it had compared each of them with it."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.execution.exchange import Exchange, bar, closes, told

from qtrader.events.vocabulary import OrderType
from qtrader.services.execution.order_book import OrderBook

PRICE = st.integers(90, 110)
ORDERS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.sampled_from(["limit", "stop", ""]), PRICE), max_size=12
)


def reached(book: OrderBook, low: float, high: float) -> set[str]:
    resting = book.resting_in("AAPL")
    return set() if resting is None else {each.order.order_id for each in resting.reached(low, high)}


@settings(max_examples=100, deadline=None)
@given(ORDERS, st.tuples(PRICE, PRICE), st.data())
def test_only_what_a_bar_may_concern_is_looked_at(
    orders: list[tuple[str, str, int]], ends: tuple[int, int], data: st.DataObject
) -> None:
    exchange = Exchange()
    book = exchange.service.orders
    for number, (side, kind, price) in enumerate(orders):
        exchange.order(str(number), f"{side} 1 {kind} {price}" if kind else f"{side} 1")
    gone = data.draw(st.sets(st.sampled_from([str(n) for n in range(len(orders))]))) if orders else set()
    for order_id in sorted(gone):
        order = book.find(order_id)
        assert order is not None
        book.close(order)
    low, high = sorted(float(end) for end in ends)
    left = [order for order in book if order.order.order_id not in gone]
    expected = {o.order.order_id for o in left if not (low > o.reach_down and high < o.reach_up)}
    assert reached(book, low, high) == expected
    assert book.has_live_orders is bool(left)
    resting = book.resting_in("AAPL")
    if resting is None:
        assert not left
        return
    assert len(resting) == len(left)
    assert resting.reach_down == max(order.reach_down for order in left)
    assert resting.reach_up == min(order.reach_up for order in left)
    assert [order.order.order_id for order in book.live_in("AAPL")] == [o.order.order_id for o in left]


def test_an_order_moves_in_the_book_with_its_price_and_its_state() -> None:
    exchange = Exchange()
    book = exchange.service.orders
    exchange.order("a", "buy 10 stop 105 limit 104")
    assert reached(book, 90.0, 104.9) == set()
    exchange.match(bar(1, "100,106,99,105.5"))
    assert exchange.steps("a")[-1] == "triggered:stop_reached"
    assert (reached(book, 104.5, 110.0), reached(book, 104.0, 110.0)) == (set(), {"a"})
    resting = book.resting_in("AAPL")
    assert resting is not None
    assert (resting.reach_down, resting.reach_up) == (104.0, inf)


def test_an_order_sent_to_the_end_of_the_line_is_served_last() -> None:
    exchange = Exchange()
    book = exchange.service.orders
    for name in ("first", "second"):
        exchange.order(name, "buy 10 limit 98", oco="pair" if name == "first" else None)
    order = book.find("first")
    assert order is not None
    book.requeue(order, 99, closes(0))
    assert told(exchange.match(bar(1, "100,101,97,98"))) == [
        "second buy 10 98 limit",
        "first buy 10 98 limit",
    ]


def test_ten_thousand_resting_orders_are_not_walked() -> None:
    exchange = Exchange()
    exchange.checks_events = False
    for number in range(2_000):
        exchange.order(
            str(number), "buy 1", order_type=OrderType.LIMIT, limit_price=Decimal(number + 1) / 100
        )
    assert reached(exchange.service.orders, 19.995, 120.0) == {"1999"}
    assert reached(exchange.service.orders, 20.01, 120.0) == set()
