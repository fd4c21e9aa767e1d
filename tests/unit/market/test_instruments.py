"""Computed prices go to the tick on the conservative side; quantities go to the step towards zero."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import Side
from qtrader.market.instruments import Instrument, Instruments, Rounding, round_quantity, round_to_tick


@pytest.mark.parametrize(
    ("price", "side", "fill", "limit", "stop"),
    [
        ("100.004", Side.BUY, "100.01", "100.00", "100.01"),
        ("100.004", Side.SELL, "100.00", "100.01", "100.00"),
        ("100.00", Side.BUY, "100.00", "100.00", "100.00"),
        ("100.00", Side.SELL, "100.00", "100.00", "100.00"),
        ("0.004", Side.BUY, "0.01", "0.01", "0.01"),
        ("0.004", Side.SELL, "0.01", "0.01", "0.01"),
    ],
)
def test_prices_by_use_and_side(price: str, side: Side, fill: str, limit: str, stop: str) -> None:
    share = Instrument(symbol="A")
    assert share.round_fill_price(Decimal(price), side) == Decimal(fill)
    assert share.round_limit_price(Decimal(price), side) == Decimal(limit)
    assert share.round_stop_price(Decimal(price), side) == Decimal(stop)


@pytest.mark.parametrize(
    ("tick", "down", "up"),
    [
        ("0.05", "7.10", "7.15"),
        ("0.25", "7.00", "7.25"),
        ("0.001", "7.123", "7.124"),
        (None, "7.1234", "7.1234"),
    ],
)
def test_ticks(tick: str | None, down: str, up: str) -> None:
    size = None if tick is None else Decimal(tick)
    assert round_to_tick(Decimal("7.1234"), size, Rounding.DOWN) == Decimal(down)
    assert round_to_tick(Decimal("7.1234"), size, Rounding.UP) == Decimal(up)


def test_a_price_a_hair_below_a_tick_is_not_rounded_onto_it_by_the_division() -> None:
    price = Decimal("99.99999999999999999999999999")
    assert round_to_tick(price, Decimal("0.01"), Rounding.DOWN) == Decimal("99.99")
    assert round_to_tick(price, Decimal("0.01"), Rounding.UP) == Decimal("100.00")


@given(
    st.decimals("0.0001", "100000", places=6),
    st.sampled_from([Decimal("0.01"), Decimal("0.05"), Decimal("0.25"), Decimal(1)]),
)
def test_rounding_brackets_the_price_within_one_tick(price: Decimal, tick: Decimal) -> None:
    down, up = round_to_tick(price, tick, Rounding.DOWN), round_to_tick(price, tick, Rounding.UP)
    for rounded in (down, up):
        assert Fraction(rounded) % Fraction(tick) == 0
    assert up - tick < price <= up
    assert down == tick if price < tick else down <= price < down + tick


@pytest.mark.parametrize(
    ("quantity", "step", "rounded"),
    [
        ("10.9", "1", "10"),
        ("-10.9", "1", "-10"),
        ("199", "100", "100"),
        ("0.123456789", "0.00000001", "0.12345678"),
    ],
)
def test_quantities_go_towards_zero(quantity: str, step: str, rounded: str) -> None:
    assert round_quantity(Decimal(quantity), Decimal(step)) == Decimal(rounded)
    assert Instrument(symbol="A", quantity_step=Decimal(step)).round_quantity(Decimal(quantity)) == Decimal(
        rounded
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", ""),
        ("currency", "usd"),
        ("currency", "US"),
        ("tick_size", Decimal(0)),
        ("tick_size", Decimal("NaN")),
        ("quantity_step", Decimal(0)),
        ("quantity_step", Decimal("0.000000001")),
    ],
)
def test_an_impossible_instrument_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{field} is .*allowed is"):
        Instrument(**({"symbol": "A"} | {field: value}))


def test_lookup_gives_listed_instruments_and_the_default_for_others() -> None:
    instruments = Instruments(
        [Instrument(symbol="A", currency="EUR")], default=Instrument(symbol="*", tick_size=None)
    )
    assert instruments["A"].currency == "EUR"
    assert instruments["B"] == Instrument(symbol="B", tick_size=None)
    assert list(instruments.listed) == ["A", "B"]
    assert Instruments()["X"] == Instrument(symbol="X")


def test_two_descriptions_of_one_symbol_are_refused() -> None:
    Instruments([Instrument(symbol="A"), Instrument(symbol="A")])
    with pytest.raises(ConfigError, match="'A' is defined twice"):
        Instruments([Instrument(symbol="A"), Instrument(symbol="A", currency="EUR")])
