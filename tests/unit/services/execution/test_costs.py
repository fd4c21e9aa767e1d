"""Commission and slippage, computed by hand to the cent and below."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.costs import order_commission, slippage_memo, slipped_price
from qtrader.services.execution.settings import (
    CommissionSettings,
    ExecutionSettings,
    NoCommission,
    PercentCommission,
    PerOrderCommission,
    PerShareCommission,
)

CENT = Decimal("0.01")


def percent(text: str) -> PercentCommission:
    return PercentCommission(type="percent", percent=Decimal(text))


def per_share(amount: str, minimum: str = "0", maximum_percent: str | None = None) -> PerShareCommission:
    cap = None if maximum_percent is None else Decimal(maximum_percent)
    return PerShareCommission(
        type="per_share", amount=Decimal(amount), minimum=Decimal(minimum), maximum_percent=cap
    )


@pytest.mark.parametrize(
    ("model", "quantity", "price", "expected"),
    [
        (NoCommission(), "100", "101.23", "0"),
        (percent("0.1"), "100", "100", "10"),
        (percent("0.1"), "100", "101.23", "10.123"),
        (percent("0.1"), "1", "0.000012345", "0.00000001"),
        (percent("0.25"), "333", "33.33", "27.747225"),
        (percent("0"), "100", "100", "0"),
        (per_share("0.005"), "100", "50", "0.5"),
        (per_share("0.005", "1"), "100", "50", "1"),
        (per_share("0.005", "1"), "200", "50", "1"),
        (per_share("0.005", "1"), "201", "50", "1.005"),
        (per_share("0.005", "1", "1"), "1000", "25", "5"),
        # 1 % of 1000 x 0.25 is 2.50, less than 1000 x 0.005.
        (per_share("0.005", "1", "1"), "1000", "0.25", "2.5"),
        # 1 % of 10 x 0.20 is 0.02, less than the minimum: the cap wins.
        (per_share("0.005", "1", "1"), "10", "0.2", "0.02"),
        (PerOrderCommission(type="per_order", amount=Decimal("4.95")), "1", "1", "4.95"),
        (PerOrderCommission(type="per_order", amount=Decimal("4.95")), "100000", "100", "4.95"),
    ],
)
def test_the_commission_of_an_order_in_one_fill(
    model: CommissionSettings, quantity: str, price: str, expected: str
) -> None:
    value = Decimal(quantity) * Decimal(price)
    assert order_commission(model, Decimal(quantity), value) == Decimal(expected)


def test_an_order_that_has_traded_nothing_pays_nothing() -> None:
    for model in (per_share("0.005", "1"), PerOrderCommission(type="per_order", amount=Decimal(5))):
        assert order_commission(model, Decimal(0), Decimal(0)) == 0


@pytest.mark.parametrize(("scale", "expected"), [(8, "1.23456785"), (4, "1.2346"), (2, "1.23"), (0, "1")])
def test_amounts_are_rounded_half_even_at_the_ledger_scale(scale: int, expected: str) -> None:
    model = PerOrderCommission(type="per_order", amount=Decimal("1.23456785"))
    assert str(order_commission(model, Decimal(1), Decimal(1), scale)) == expected


@pytest.mark.parametrize(("amount", "expected"), [("0.125", "0.12"), ("0.135", "0.14"), ("0.1251", "0.13")])
def test_a_half_goes_to_the_even_neighbour(amount: str, expected: str) -> None:
    model = PerOrderCommission(type="per_order", amount=Decimal(amount))
    assert order_commission(model, Decimal(1), Decimal(1), 2) == Decimal(expected)


@given(
    first=st.integers(1, 1000),
    second=st.integers(1, 1000),
    model=st.sampled_from(
        [
            percent("0.1"),
            per_share("0.005", "1", "1"),
            PerOrderCommission(type="per_order", amount=Decimal(5)),
        ]
    ),
)
def test_two_fills_cost_what_one_costs_and_none_is_paid_back(
    first: int, second: int, model: CommissionSettings
) -> None:
    price = Decimal("12.34")
    whole = order_commission(model, Decimal(first + second), (first + second) * price)
    part = order_commission(model, Decimal(first), first * price)
    assert 0 <= part <= whole


@pytest.mark.parametrize(
    ("reference", "side", "bps", "tick", "expected"),
    [
        ("100", Side.BUY, "5", "0.01", "100.05"),
        ("100", Side.SELL, "5", "0.01", "99.95"),
        # 101.23 x 1.0005 = 101.280615: up to the tick for a buy; x 0.9995 = 101.179385: down for a sell.
        ("101.23", Side.BUY, "5", "0.01", "101.29"),
        ("101.23", Side.SELL, "5", "0.01", "101.17"),
        ("101.23", Side.BUY, "5", None, "101.280615"),
        ("101.23", Side.SELL, "5", None, "101.179385"),
        # A rounding never moves in the trader's favour, however small the slippage.
        ("100", Side.BUY, "0.001", "0.05", "100.05"),
        ("100", Side.SELL, "0.001", "0.05", "99.95"),
        # Observed prices are not rounded, even off the tick.
        ("101.2345", Side.BUY, "0", "0.01", "101.2345"),
        # One tick is the least that a seller gets.
        ("0.01", Side.SELL, "100", "0.01", "0.01"),
    ],
)
def test_slippage_moves_the_price_against_the_trader(
    reference: str, side: Side, bps: str, tick: str | None, expected: str
) -> None:
    tick_size = None if tick is None else Decimal(tick)
    for order_type in (OrderType.MARKET, OrderType.STOP):
        price = slipped_price(Decimal(reference), side, order_type, Decimal(bps), tick_size)
        assert price == Decimal(expected)


@pytest.mark.parametrize("order_type", [OrderType.LIMIT, OrderType.STOP_LIMIT])
@pytest.mark.parametrize("side", list(Side))
def test_limits_have_no_slippage(order_type: OrderType, side: Side) -> None:
    assert slipped_price(Decimal("101.23"), side, order_type, Decimal(50), CENT) == Decimal("101.23")


@pytest.mark.parametrize(
    ("price", "reference", "quantity", "expected"),
    [("101.29", "101.23", "100", "6"), ("101.17", "101.23", "100", "6"), ("5", "5", "100", "0")],
)
def test_the_memo_is_a_cost_on_both_sides(price: str, reference: str, quantity: str, expected: str) -> None:
    assert slippage_memo(Decimal(price), Decimal(reference), Decimal(quantity)) == Decimal(expected)


def test_settings_are_read_as_a_person_writes_them() -> None:
    settings = ExecutionSettings.model_validate(
        {"market_fill": "next_close", "slippage_bps": 2.5, "commission": {"type": "percent", "percent": 0.1}}
    )
    assert settings.slippage_bps == Decimal("2.5")
    assert settings.commission == percent("0.1")
    assert ExecutionSettings().commission == NoCommission()
    assert ExecutionSettings().market_fill == "next_open"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"market_fil": "next_open"}, "market_fil"),
        ({"market_fill": "yesterday"}, "market_fill"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"slippage_bps": 10_000}, "slippage_bps"),
        ({"slippage_bps": "NaN"}, "slippage_bps"),
        ({"commission": {"type": "percent", "rate": 1}}, "rate"),
        ({"commission": {"type": "percent", "percent": -1}}, "percent"),
        ({"commission": {"type": "free"}}, "commission"),
        ({"commission": {"type": "per_share"}}, "amount"),
    ],
)
def test_settings_refuse_what_they_do_not_know(document: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        ExecutionSettings.model_validate(document)
