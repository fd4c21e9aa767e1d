"""What each order type is: prices, reach, and terms that make no sense."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checked_events import example, replaced
from tests.strategies_events import events_of
from tests.unit.services.execution.matching_tables import rows

from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderType, Side, TimeInForce
from qtrader.services.execution.matching import BarPrices, OrderTerms, match_order
from qtrader.services.execution.order_kinds import (
    EVERY_BAR,
    PRICES,
    SLIPPING,
    TRAILING,
    TRIGGERED_FIRST,
    Prices,
    Reach,
    problem_with,
    reach,
)

NOW = datetime(2012, 8, 7, 20, tzinfo=UTC)


def order_of(**values: Any) -> OrderEvent:
    found: OrderEvent = replaced(example(OrderEvent), **values)
    return found


def test_every_type_has_a_line() -> None:
    assert set(PRICES) == set(OrderType)
    # What has a limit, from the start or behind its stop, does not slip.
    limited = {kind for kind, prices in PRICES.items() if prices.limit} | TRIGGERED_FIRST
    assert set(OrderType) - limited == SLIPPING
    assert {kind for kind, prices in PRICES.items() if prices == Prices(limit=False, stop=None)} == TRAILING


# type | side | limit | stop | triggered | a bar concerns it from this price down, and from this price up
REACHES = """
market              | buy  | -   | -   | no  | every bar
limit               | buy  | 98  | -   | no  | 98 -
limit               | sell | 98  | -   | no  | - 98
stop                | buy  | -   | 103 | no  | - 103
stop                | sell | -   | 103 | no  | 103 -
stop_limit          | buy  | 104 | 103 | no  | - 103
stop_limit          | buy  | 104 | 103 | yes | 104 -
stop_limit          | sell | 96  | 97  | yes | - 96
market_if_touched   | buy  | -   | 97  | no  | 97 -
market_if_touched   | sell | -   | 103 | no  | - 103
limit_if_touched    | buy  | 96  | 97  | no  | 97 -
limit_if_touched    | buy  | 96  | 97  | yes | 96 -
limit_if_touched    | sell | 104 | 103 | no  | - 103
trailing_stop       | sell | -   | 97  | no  | every bar
trailing_stop_limit | sell | -   | 97  | no  | every bar
trailing_stop_limit | sell | 96  | 97  | yes | - 96
market_on_open      | buy  | -   | -   | no  | every bar
limit_on_open       | buy  | 98  | -   | no  | every bar
market_on_close     | buy  | -   | -   | no  | every bar
limit_on_close      | buy  | 98  | -   | no  | every bar
"""


@pytest.mark.parametrize("row", rows(REACHES, 6), ids=" ".join)
def test_which_bars_can_concern_an_order(row: tuple[str, ...]) -> None:
    kind, side, limit, stop, triggered, expected = row
    order = order_of(order_type=OrderType(kind), side=Side(side))
    prices = [None if text == "-" else Decimal(text) for text in (limit, stop)]
    found = reach(order, prices[0], prices[1], is_triggered=triggered == "yes")
    if expected == "every bar":
        assert found == EVERY_BAR
        assert reach(order, prices[0], prices[1], is_triggered=triggered == "yes") == Reach(inf, -inf)
        return
    down, up = expected.split()
    assert found == Reach(-inf if down == "-" else float(down), inf if up == "-" else float(up))


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK])
def test_the_first_bar_ends_an_immediate_order_wherever_it_is(force: TimeInForce) -> None:
    order = order_of(order_type=OrderType.LIMIT, time_in_force=force)
    assert reach(order, Decimal(98), None, is_triggered=False) == EVERY_BAR


CENTS = st.integers(9_000, 11_000).map(lambda cents: Decimal(cents) / 100)
WITH_A_PRICE = sorted(
    {OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}
    | {OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED}
)


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(WITH_A_PRICE),
    side=st.sampled_from(Side),
    prices=st.tuples(CENTS, CENTS),
    is_triggered=st.booleans(),
    bar=st.tuples(CENTS, CENTS, CENTS, CENTS).map(sorted),
)
def test_a_bar_out_of_reach_does_nothing_to_an_order(
    kind: OrderType, side: Side, prices: tuple[Decimal, Decimal], is_triggered: bool, bar: list[Decimal]
) -> None:
    has = PRICES[kind]
    limit, stop = (price if wanted else None for price, wanted in zip(prices, has, strict=True))
    is_triggered = is_triggered and kind in TRIGGERED_FIRST
    found = reach(order_of(order_type=kind, side=side), limit, stop, is_triggered=is_triggered)
    low, opened, close, high = bar
    if float(low) > found.down and float(high) < found.up:
        terms = OrderTerms(side, kind, limit, stop, is_triggered)
        assert match_order(terms, BarPrices(opened, high, low, close), limit_touch=True) is None


AMOUNT = {"order_type": OrderType.TRAILING_STOP, "trail_amount": Decimal(5)}
RANGES = {"order_type": OrderType.TRAILING_STOP, "trail_atr_multiple": Decimal(3), "trail_atr_period": 14}
LIMITED = AMOUNT | {"order_type": OrderType.TRAILING_STOP_LIMIT, "trail_limit_offset": Decimal(1)}
PROBLEMS: list[tuple[dict[str, Any], str, str]] = [
    ({"limit_price": Decimal(5)}, "wrong_prices", "a market order has no price"),
    ({"order_type": OrderType.STOP_LIMIT, "stop_price": Decimal(5)}, "wrong_prices", "limit and stop price"),
    ({"order_type": OrderType.LIMIT_ON_CLOSE}, "wrong_prices", "a limit_on_close order has limit price"),
    ({"order_type": OrderType.MARKET_IF_TOUCHED}, "wrong_prices", "has stop price and nothing else"),
    (AMOUNT | {"limit_price": Decimal(5)}, "wrong_prices", "a trailing_stop order has no price"),
    ({"order_type": OrderType.LIMIT, "limit_price": Decimal(0)}, "non_positive_price", "0 must be above"),
    (AMOUNT | {"stop_price": Decimal(-1)}, "non_positive_price", "-1 must be above zero"),
    ({"trail_amount": Decimal(5)}, "wrong_trail", "a market order does not trail"),
    ({"trail_atr_period": 5}, "wrong_trail", "a market order does not trail"),
    ({"trail_limit_offset": Decimal(0)}, "wrong_trail", "a market order does not trail"),
    ({"order_type": OrderType.TRAILING_STOP}, "wrong_trail", "by one of amount, percent and average"),
    (AMOUNT | {"trail_percent": Decimal(5)}, "wrong_trail", "by one of amount, percent and average"),
    (AMOUNT | {"trail_amount": Decimal(0)}, "wrong_trail", "above zero"),
    (RANGES | {"trail_atr_period": None}, "wrong_trail", "a period of at least one bar"),
    (RANGES | {"trail_atr_period": 0}, "wrong_trail", "a period of at least one bar"),
    (AMOUNT | {"trail_atr_period": 14}, "wrong_trail", "a period of at least one bar"),
    (AMOUNT | {"trail_limit_offset": Decimal(1)}, "wrong_trail", "and no other, has a limit offset"),
    (LIMITED | {"trail_limit_offset": None}, "wrong_trail", "has a limit offset of zero or more"),
    (LIMITED | {"trail_limit_offset": Decimal(-1)}, "wrong_trail", "has a limit offset of zero or more"),
    (
        {"order_type": OrderType.TRAILING_STOP, "trail_percent": Decimal(100), "side": Side.SELL},
        "wrong_trail",
        "trails by 100 percent is never reached; allowed is below 100",
    ),
    ({"time_in_force": TimeInForce.GTD}, "wrong_expiry", "a gtd order, and no other"),
    ({"expires_at": NOW + timedelta(days=1)}, "wrong_expiry", "a gtd order, and no other"),
    (
        {"time_in_force": TimeInForce.GTD, "expires_at": NOW},
        "expired_on_arrival",
        r"until 2012-08-07T20:00:00\+00:00, which is not after 2012-08-07T20:00:00",
    ),
    (AMOUNT | {"time_in_force": TimeInForce.IOC}, "wrong_time_in_force", "trailing_stop .* cannot be ioc"),
    (
        {"order_type": OrderType.MARKET_ON_CLOSE, "time_in_force": TimeInForce.FOK},
        "wrong_time_in_force",
        "a market_on_close order has to wait and cannot be fok",
    ),
]


@pytest.mark.parametrize(("values", "reason", "says"), PROBLEMS)
def test_terms_that_make_no_sense_are_named(values: dict[str, Any], reason: str, says: str) -> None:
    found = problem_with(order_of(**values), NOW)
    assert found is not None
    assert found.reason == reason
    assert re.search(says, found.message)


@settings(max_examples=40, deadline=None)
@given(order=events_of(OrderEvent))
def test_an_order_that_keeps_its_contract_has_no_problem_but_with_time_and_reach(order: OrderEvent) -> None:
    found = problem_with(order, datetime(1, 1, 1, tzinfo=UTC))
    if found is None:
        return
    is_far = order.side is Side.SELL and order.trail_percent is not None and order.trail_percent >= 100
    assert found.reason == "wrong_time_in_force" or (found.reason == "wrong_trail" and is_far)
