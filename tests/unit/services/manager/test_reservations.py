"""What is on its way: each total against its definition over all claims, however the asking is spread."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at, envelope, order_update

from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from qtrader.money import money_context
from qtrader.services.manager.intentions import Holding
from qtrader.services.manager.reservations import Reservations, Totals


@pytest.fixture(autouse=True)
def _money() -> Iterator[None]:
    with money_context():
        yield


def order(
    number: int,
    purpose: str = "open",
    side: str = "buy",
    quantity: str = "100",
    symbol: str = "AAPL",
    *,
    group: str | None = None,
    parent: str | None = None,
) -> OrderEvent:
    return OrderEvent(
        **envelope(f"order:{number}", at(1)),
        order_id=f"o-{number}",
        signal_id=f"s-{number}",
        strategy_id="sma",
        symbol=symbol,
        side=Side(side),
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose(purpose),
        oco_group=group,
        parent_order_id=parent,
    )


def totals(cash: str, exposure: str, proceeds: str, closing: str) -> Totals:
    return Totals(Decimal(cash), Decimal(exposure), Decimal(proceeds), Decimal(closing))


# purpose, side of 100 at 50 → cash, exposure, closing proceeds, closing exposure
TABLE = [
    ("open", "buy", totals("5000", "5000", "0", "0")),
    ("open", "sell", totals("0", "5000", "0", "0")),
    ("close", "sell", totals("0", "0", "5000", "5000")),
    ("close", "buy", totals("0", "0", "0", "5000")),
]


@pytest.mark.parametrize(("purpose", "side", "expected"), TABLE)
def test_what_an_order_lays_claim_to(purpose: str, side: str, expected: Totals) -> None:
    claims = Reservations()
    assert claims.totals() == totals("0", "0", "0", "0")
    claims.add(order(1, purpose, side), Decimal(50))
    assert claims.totals() == expected
    assert (claims.exposure, claims.closing_exposure) == (expected.exposure, expected.closing_exposure)


# status, filled, left, reason → exposure left of 100 at 50
STEPS: list[tuple[str, dict[str, Any], str]] = [
    ("accepted", {}, "5000"),
    ("triggered", {}, "5000"),
    ("partially_filled", {"filled": "40"}, "3000"),
    ("accepted", {"reason": "split", "quantity": "200", "leaves": "200"}, "5000"),
    ("accepted", {"reason": "split", "quantity": "25", "leaves": "25"}, "5000"),
    ("filled", {"filled": "100"}, "0"),
    ("canceled", {}, "0"),
    ("rejected", {}, "0"),
    ("expired", {}, "0"),
]


@pytest.mark.parametrize(("status", "more", "exposure"), STEPS)
@pytest.mark.parametrize("asks_before", [True, False])
def test_what_a_step_of_an_order_leaves_of_its_claim(
    status: str, more: dict[str, Any], exposure: str, *, asks_before: bool
) -> None:
    claims, opening = Reservations(), order(1)
    claims.add(opening, Decimal(50))
    if asks_before:
        claims.totals()
    claims.update(order_update(opening, OrderStatus(status), **more))
    assert claims.totals() == totals(exposure, exposure, "0", "0")


def test_an_order_that_laid_no_claim_changes_nothing() -> None:
    claims = Reservations()
    claims.add(order(1), Decimal(50))
    claims.update(order_update(order(2), OrderStatus.FILLED, filled="100"))
    assert claims.exposure == 5000


def test_a_holding_names_the_orders_on_their_way_for_it() -> None:
    claims = Reservations()
    assert claims.holding("sma", "AAPL", Decimal(7)) == Holding(Decimal(7), Decimal(0), None, None)
    claims.add(order(1), Decimal(50))
    claims.add(order(2, "close", "sell", "30"), Decimal(50))
    claims.add(order(3, "close", "sell", "20"), Decimal(50))
    claims.add(order(4, "close", "sell", "10", symbol="MSFT"), Decimal(50))
    assert claims.holding("sma", "AAPL", Decimal(100)) == Holding(Decimal(100), Decimal(50), "o-1", "o-3")
    assert claims.holding("rsi", "AAPL", Decimal(0)) == Holding(Decimal(0), Decimal(0), None, None)
    claims.update(order_update(order(3, "close", "sell", "20"), OrderStatus.CANCELED))
    assert claims.holding("sma", "AAPL", Decimal(100)) == Holding(Decimal(100), Decimal(30), "o-1", "o-2")


# reason, limit, stop → exposure of 100 at 50
MODIFIED = [
    ({"reason": "modified", "limit_price": Decimal(60)}, "6000"),
    ({"reason": "modified", "stop_price": Decimal(40)}, "4000"),
    ({"reason": "modified", "limit_price": Decimal(61), "stop_price": Decimal(60)}, "6100"),
    ({"reason": "modified", "limit_price": Decimal(60), "quantity": "30", "leaves": "30"}, "1800"),
    ({"reason": "modified", "quantity": "30", "leaves": "30"}, "1500"),
    ({"reason": "dividend", "limit_price": Decimal(49)}, "5000"),
]


@pytest.mark.parametrize(("more", "exposure"), MODIFIED)
def test_a_modified_order_claims_what_it_would_trade_at_now(more: dict[str, Any], exposure: str) -> None:
    claims, opening = Reservations(), order(1)
    claims.add(opening, Decimal(50))
    claims.update(order_update(opening, OrderStatus.ACCEPTED, **more))
    assert claims.exposure == Decimal(exposure)


def test_an_order_that_is_to_be_canceled_stands_in_nobodys_way() -> None:
    claims, opening, closing = Reservations(), order(1), order(2, "close", "sell", "30")
    for each in (opening, closing):
        claims.add(each, Decimal(50))
        claims.update(order_update(each, OrderStatus.ACCEPTED))
        claims.cancel_requested("sma", each.order_id)
    assert claims.totals() == totals("0", "0", "0", "0")
    assert claims.holding("sma", "AAPL", Decimal(30)) == Holding(Decimal(30), Decimal(0), None, None)
    claims.cancel_refused("o-2")
    assert claims.closing_exposure == 1500
    assert claims.holding("sma", "AAPL", Decimal(30)) == Holding(Decimal(30), Decimal(30), None, "o-2")


def test_a_request_that_execution_will_refuse_gives_nothing_back() -> None:
    claims, opening = Reservations(), order(1)
    claims.add(opening, Decimal(50))
    # Not yet accepted, another's, unknown.
    claims.cancel_requested("sma", "o-1")
    claims.update(order_update(opening, OrderStatus.ACCEPTED))
    claims.cancel_requested("rsi", "o-1")
    claims.cancel_requested("sma", "o-9")
    assert claims.exposure == 5000


def _in_line() -> Reservations:
    """Let three orders of 100 at 50 wait, each for the one before, with all of them at work."""
    claims = Reservations()
    for number, symbol in enumerate(("AAPL", "IBM", "MSFT"), 1):
        each = order(number, symbol=symbol, parent=f"o-{number - 1}" if number > 1 else None)
        claims.add(each, Decimal(50))
        claims.update(order_update(each, OrderStatus.ACCEPTED))
    return claims


# the order that is to be canceled → exposure that is still claimed
@pytest.mark.parametrize(
    ("order_id", "exposure"), [("o-1", 0), ("o-2", 5000), ("o-3", 10_000), ("o-4", 15_000)]
)
def test_what_waits_for_an_order_to_be_canceled_claims_nothing_either(order_id: str, exposure: int) -> None:
    claims = _in_line()
    claims.cancel_requested("sma", order_id)
    assert claims.exposure == exposure
    claims.cancel_refused(order_id)
    assert claims.exposure == 15_000


def test_an_order_whose_parent_has_filled_claims_for_itself() -> None:
    claims = _in_line()
    claims.update(order_update(order(1), OrderStatus.FILLED))
    claims.update(order_update(order(2, symbol="IBM"), OrderStatus.ACCEPTED, reason="parent_filled"))
    claims.cancel_requested("sma", "o-1")
    assert claims.exposure == 10_000
    for number, symbol in ((2, "IBM"), (3, "MSFT")):
        claims.update(order_update(order(number, symbol=symbol), OrderStatus.CANCELED))
    assert claims.totals() == totals("0", "0", "0", "0")


def test_an_order_that_waits_for_itself_claims_until_it_is_rejected() -> None:
    claims, circular = Reservations(), order(1, parent="o-1")
    claims.add(circular, Decimal(50))
    claims.cancel_requested("sma", "o-1")
    assert claims.exposure == 5000
    claims.update(order_update(circular, OrderStatus.REJECTED))
    assert claims.exposure == 0


def test_of_a_group_the_largest_claims() -> None:
    claims = Reservations()
    claims.add(order(1, quantity="10"), Decimal(1))
    claims.add(order(2, "open", "buy", "100", group="a"), Decimal(50))
    claims.add(order(3, "open", "sell", "100", group="a"), Decimal(60))
    claims.add(order(4, "open", "buy", "100", group="b"), Decimal(2))
    # Cash of the largest purchase, exposure of the largest of all.
    assert claims.totals() == totals("5210", "6210", "0", "0")
    assert claims.totals("a") == totals("210", "210", "0", "0")
    claims.update(order_update(order(3), OrderStatus.FILLED, filled="100"))
    assert claims.totals() == totals("5210", "5210", "0", "0")
    held = claims.holding("sma", "AAPL", Decimal(0), "b")
    assert held.opening_order_id == "o-2"


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "fill_part", "end", "accept", "cancel", "keep"]),
        st.integers(0, 5),
        st.sampled_from(["open", "close"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 10**6).map(lambda number: Decimal(number) / 100),
        st.sampled_from([None, None, "a", "b"]),
        st.booleans(),
    ),
    max_size=25,
)


class _Live:
    """A claim by its definition."""

    def __init__(self, order: OrderEvent, price: Decimal) -> None:
        self.order, self.left, self.price = order, order.quantity, price
        self.is_working = self.is_canceling = False

    @property
    def amount(self) -> Decimal:
        return Decimal(0) if self.is_canceling else self.left * self.price


@given(steps)
def test_totals_are_the_sums_over_all_claims_whenever_they_are_asked(story: list[tuple[Any, ...]]) -> None:
    claims = Reservations()
    live: list[_Live] = []
    with money_context():
        for number, (step, which, purpose, side, price, group, asks) in enumerate(story):
            if step == "add" or not live:
                added = order(number, purpose, side, group=group if purpose == "open" else None)
                claims.add(added, price)
                live.append(_Live(added, price))
            else:
                told = live[which % len(live)]
                _step(claims, told, step)
                if step == "end":
                    live.remove(told)
            if asks:
                assert claims.totals() == _defined(live)
        assert claims.totals() == _defined(live)


def _step(claims: Reservations, told: _Live, step: str) -> None:
    if step == "end":
        claims.update(order_update(told.order, OrderStatus.CANCELED))
    elif step == "fill_part":
        told.left /= 2
        claims.update(order_update(told.order, OrderStatus.PARTIALLY_FILLED, leaves=f"{told.left:f}"))
    elif step == "accept":
        told.is_working = True
        claims.update(order_update(told.order, OrderStatus.ACCEPTED, leaves=f"{told.left:f}"))
    elif step == "cancel":
        told.is_canceling = told.is_canceling or told.is_working
        claims.cancel_requested("sma", told.order.order_id)
    else:
        told.is_canceling = False
        claims.cancel_refused(told.order.order_id)


def _defined(live: list[_Live]) -> Totals:
    def total(purpose: OrderPurpose, *sides: Side) -> Decimal:
        amounts: dict[str, list[Decimal]] = {}
        for each in live:
            if each.order.purpose is purpose and each.order.side in sides:
                # An order without group is a group of its own.
                amounts.setdefault(each.order.oco_group or each.order.order_id, []).append(each.amount)
        return sum(map(max, amounts.values()), start=Decimal(0))

    return Totals(
        total(OrderPurpose.OPEN, Side.BUY),
        total(OrderPurpose.OPEN, Side.BUY, Side.SELL),
        total(OrderPurpose.CLOSE, Side.SELL),
        total(OrderPurpose.CLOSE, Side.BUY, Side.SELL),
    )
