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
    number: int, purpose: str = "open", side: str = "buy", quantity: str = "100", symbol: str = "AAPL"
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


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "fill_part", "end", "accept"]),
        st.integers(0, 5),
        st.sampled_from(["open", "close"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 10**6).map(lambda number: Decimal(number) / 100),
        st.booleans(),
    ),
    max_size=25,
)


@given(steps)
def test_totals_are_the_sums_over_all_claims_whenever_they_are_asked(story: list[tuple[Any, ...]]) -> None:
    claims = Reservations()
    live: list[list[Any]] = []  # [order, left, price] of each, in the order in which they came
    with money_context():
        for number, (step, which, purpose, side, price, asks) in enumerate(story):
            if step == "add" or not live:
                added = order(number, purpose, side)
                claims.add(added, price)
                live.append([added, added.quantity, price])
            else:
                told = live[which % len(live)]
                if step == "end":
                    live.remove(told)
                    claims.update(order_update(told[0], OrderStatus.CANCELED))
                elif step == "fill_part":
                    told[1] /= 2
                    left = f"{told[1]:f}"
                    claims.update(order_update(told[0], OrderStatus.PARTIALLY_FILLED, leaves=left))
                else:
                    left = f"{told[1]:f}"
                    claims.update(order_update(told[0], OrderStatus.ACCEPTED, leaves=left))
            if asks:
                assert claims.totals() == _defined(live)
        assert claims.totals() == _defined(live)


def _defined(live: list[list[Any]]) -> Totals:
    def total(purpose: OrderPurpose, *sides: Side) -> Decimal:
        amounts = [left * price for it, left, price in live if it.purpose is purpose and it.side in sides]
        return sum(amounts, start=Decimal(0))

    return Totals(
        total(OrderPurpose.OPEN, Side.BUY),
        total(OrderPurpose.OPEN, Side.BUY, Side.SELL),
        total(OrderPurpose.CLOSE, Side.SELL),
        total(OrderPurpose.CLOSE, Side.BUY, Side.SELL),
    )
