"""What the terms of signals become in orders."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import signal
from tests.unit.services.manager.desk import Desk, told

from qtrader.events.events import OrderEvent, Target
from qtrader.events.vocabulary import OrderPurpose, OrderType, TimeInForce


def targets(*pairs: tuple[str, str]) -> tuple[Target, ...]:
    return tuple(Target(Decimal(price), Decimal(fraction)) for price, fraction in pairs)


# side, given → limit and stop on the order: buy limits and triggers of better prices down, stops up
ROUNDED: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("open_long", {"order_type": "limit", "limit_price": "99.999"}, "99.99", None),
    ("open_short", {"order_type": "limit", "limit_price": "100.001"}, "100.01", None),
    ("open_long", {"order_type": "stop", "stop_price": "100.001"}, None, "100.01"),
    ("open_short", {"order_type": "stop", "stop_price": "99.999"}, None, "99.99"),
    ("open_long", {"order_type": "market_if_touched", "stop_price": "99.999"}, None, "99.99"),
    ("open_short", {"order_type": "market_if_touched", "stop_price": "100.001"}, None, "100.01"),
    (
        "open_long",
        {"order_type": "limit_if_touched", "stop_price": "99.999", "limit_price": "99.999"},
        "99.99",
        "99.99",
    ),
    (
        "open_long",
        {"order_type": "trailing_stop", "stop_price": "100.001", "trail_amount": Decimal("2.005")},
        None,
        "100.01",
    ),
    ("open_long", {"order_type": "limit_on_close", "limit_price": "101.005"}, "101", None),
]


@pytest.mark.parametrize(("intention", "given", "limit", "stop"), ROUNDED)
def test_prices_lie_on_the_tick_by_side(
    intention: str, given: dict[str, Any], limit: str | None, stop: str | None
) -> None:
    desk = Desk()
    desk.send(intention, quantity="10", **(given | {"order_type": OrderType(given["order_type"])}))
    (order,) = desk.orders
    assert order.limit_price == (None if limit is None else Decimal(limit))
    assert order.stop_price == (None if stop is None else Decimal(stop))
    assert order.trail_amount == given.get("trail_amount")


TERMS: list[dict[str, Any]] = [
    {"order_type": OrderType.TRAILING_STOP, "trail_percent": Decimal(3)},
    {"order_type": OrderType.TRAILING_STOP, "trail_atr_multiple": Decimal(3), "trail_atr_period": 14},
    {
        "order_type": OrderType.TRAILING_STOP_LIMIT,
        "trail_amount": Decimal(3),
        "trail_limit_offset": Decimal("0.5"),
    },
    {"time_in_force": TimeInForce.GTD, "expires_at": datetime(2024, 3, 1, tzinfo=UTC)},
    {"order_type": OrderType.MARKET_ON_OPEN},
    {"time_in_force": TimeInForce.IOC},
]


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_an_order_carries_its_signals_terms(terms: dict[str, Any]) -> None:
    desk = Desk()
    desk.send("open_long", quantity="10", **terms)
    (order,) = desk.orders
    assert {name: getattr(order, name) for name in terms} == terms


@pytest.mark.parametrize(
    ("intention", "terms", "refused"),
    [
        ("open_long", {"order_type": OrderType.MARKET_IF_TOUCHED, "stop_price": "101"}, True),
        ("open_long", {"order_type": OrderType.MARKET_IF_TOUCHED, "stop_price": "99"}, False),
        ("open_short", {"order_type": OrderType.MARKET_IF_TOUCHED, "stop_price": "99"}, True),
        ("open_short", {"order_type": OrderType.MARKET_IF_TOUCHED, "stop_price": "101"}, False),
        ("open_long", {"order_type": OrderType.STOP, "stop_price": "99"}, True),
        (
            "open_long",
            {"order_type": OrderType.TRAILING_STOP, "stop_price": "99", "trail_amount": Decimal(1)},
            True,
        ),
        (
            "open_short",
            {"order_type": OrderType.TRAILING_STOP, "stop_price": "99", "trail_amount": Decimal(1)},
            False,
        ),
    ],
)
def test_a_trigger_that_the_price_has_passed_is_refused(
    intention: str, terms: dict[str, Any], *, refused: bool
) -> None:
    desk = Desk()
    desk.send(intention, quantity="10", **terms)
    assert [refusal.reason for refusal in desk.refusals] == (["stop_on_wrong_side"] if refused else [])


# quantity, targets → their quantities and what runs with the stop alone
SHARED = [
    ("100", [("110", "0.5"), ("120", "0.5")], ["50", "50"]),
    ("11", [("110", "0.5"), ("120", "0.5")], ["5", "6"]),
    ("300", [("110", "0.333333333334"), ("120", "0.333333333334"), ("130", "0.333333333332")], ["100"] * 3),
    ("10", [("110", "0.25"), ("120", "0.25")], ["2", "2"]),
    ("1", [("110", "0.5"), ("120", "0.5")], ["1"]),
    ("3", [("110", "0.1")], []),
]


@pytest.mark.parametrize(("quantity", "given", "expected"), SHARED)
def test_targets_share_an_entry_on_the_step(
    quantity: str, given: list[tuple[str, str]], expected: list[str]
) -> None:
    desk = Desk()
    desk.send("open_long", quantity=quantity, stop_loss="90", targets=targets(*given))
    entry, stop, *exits = desk.orders
    assert (stop.order_type, stop.quantity, stop.parent_order_id) == ("stop", entry.quantity, entry.order_id)
    assert [order.quantity for order in exits] == [Decimal(each) for each in expected]
    assert {order.order_type for order in exits} <= {"limit"}
    assert {order.oco_group for order in (stop, *exits)} == {entry.signal_id}
    assert len({order.order_id for order in desk.orders}) == len(desk.orders)


@given(
    st.integers(1, 10**6),
    st.lists(st.integers(1, 10), min_size=1, max_size=6).flatmap(
        lambda parts: st.sampled_from([(parts, sum(parts)), (parts, sum(parts) + 3)])
    ),
)
def test_targets_never_take_more_than_the_entry_and_all_of_it_where_they_say_so(
    quantity: int, shares: tuple[list[int], int]
) -> None:
    parts, whole = shares
    # Fractions over a power of two are exact.
    fractions = [Decimal(part) / 64 for part in parts]
    if whole == sum(parts):
        fractions[-1] = 1 - sum(fractions[:-1], Decimal(0))
    if not all(0 < each <= 1 for each in fractions) or sum(fractions) > 1:
        return
    desk = Desk(cash="1000000000")
    desk.send(
        "open_long",
        quantity=str(quantity),
        targets=tuple(Target(Decimal(101), fraction) for fraction in fractions),
    )
    taken = sum(order.quantity for order in desk.orders if order.purpose is OrderPurpose.TAKE_PROFIT)
    assert taken == quantity if sum(fractions) == 1 else 0 <= taken <= quantity * sum(fractions)


def test_a_target_on_the_wrong_side_is_refused() -> None:
    desk = Desk()
    desk.send("open_long", quantity="10", targets=targets(("110", "0.5"), ("99", "0.5")))
    (refusal,) = desk.refusals
    assert refusal.reason == "target_on_wrong_side"
    assert "take_profit 99 must lie above" in refusal.message


class TestGroups:
    def test_entries_of_one_group_share_claim_and_cash(self) -> None:
        desk = Desk(cash="100000")
        limit = {"order_type": OrderType.LIMIT, "limit_price": "95", "oco_group": "a"}
        stop = {"order_type": OrderType.STOP, "stop_price": "105", "oco_group": "a"}
        assert told(desk.send("open_long", quantity="900", **limit)) == ["buy 900 open"]
        assert told(desk.send("open_long", quantity="900", **stop)) == ["buy 900 open"]
        # What is left is the account less the larger of the two.
        assert told(desk.send("open_long", quantity="56", symbol="IBM")) == ["refused gross_leverage"]
        assert told(desk.send("open_long", quantity="55", symbol="IBM")) == ["buy 55 open"]

    @pytest.mark.parametrize("other", [None, "b"])
    def test_an_entry_of_another_group_or_none_is_still_pending(self, other: str | None) -> None:
        desk = Desk()
        limit = {"order_type": OrderType.LIMIT, "limit_price": "95"}
        desk.send("open_long", quantity="10", **limit, oco_group="a")
        assert told(desk.send("open_long", quantity="10", **limit, oco_group=other)) == [
            "refused order_pending"
        ]

    def test_a_group_is_a_strategys_and_symbols_own(self) -> None:
        desk = Desk()
        for symbol in ("AAPL", "MSFT"):
            desk.send("open_long", "50", quantity="10", symbol=symbol, oco_group="a")
        assert [order.oco_group for order in desk.orders] == ["sma:AAPL:a", "sma:MSFT:a"]

    def test_the_close_of_a_reversal_belongs_to_no_group(self) -> None:
        desk = Desk()
        desk.hold("-10")
        desk.send("open_long", quantity="10", order_type=OrderType.LIMIT, limit_price="95", oco_group="a")
        closing, opening = desk.orders
        assert (closing.order_type, closing.oco_group) == ("market", None)
        assert (opening.order_type, opening.oco_group) == ("limit", "sma:AAPL:a")


def test_a_plain_signal_makes_a_plain_order() -> None:
    desk = Desk()
    desk.send("open_long", quantity="10")
    (order,) = desk.orders
    absent = {
        name: getattr(order, name) for name in OrderEvent.__struct_fields__ if getattr(order, name) is None
    }
    assert set(absent) == {
        "limit_price",
        "stop_price",
        "parent_order_id",
        "oco_group",
        "trail_amount",
        "trail_percent",
        "trail_atr_multiple",
        "trail_atr_period",
        "trail_limit_offset",
        "expires_at",
    }
    assert signal("open_long").targets == ()
