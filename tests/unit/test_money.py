from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.money import MONEY_CONTEXT, decimal_of, money_context, quantize

HALF_EVEN = [
    ("0.125", 2, "0.12"),
    ("0.135", 2, "0.14"),
    ("-0.125", 2, "-0.12"),
    ("2.5", 0, "2"),
    ("3.5", 0, "4"),
    ("1.000000005", 8, "1.00000000"),
    ("1.000000015", 8, "1.00000002"),
    ("1.0000000050000000000000000000001", 8, "1.00000001"),
    ("123456789012345678901234567890.123456785", 8, "123456789012345678901234567890.12345678"),
]


@pytest.mark.parametrize(("amount", "scale", "rounded"), HALF_EVEN)
def test_amounts_are_rounded_half_even(amount: str, scale: int, rounded: str) -> None:
    assert str(quantize(Decimal(amount), scale)) == rounded


def test_rounding_does_not_depend_on_the_callers_context() -> None:
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        assert quantize(Decimal("123456.125"), 2) == Decimal("123456.12")


@given(st.decimals(-(10**12), 10**12, places=12), st.integers(0, 8))
def test_rounding_is_to_the_nearest(amount: Decimal, scale: int) -> None:
    error = abs(Fraction(quantize(amount, scale)) - Fraction(amount))
    assert error <= Fraction(1, 2 * 10**scale)


FLOATS = [
    (0.1, "0.1"),
    (100.0, "100.0"),
    (1e-7, "1E-7"),
    (24.205, "24.205"),
    (1e22, "1E+22"),
    (0.1 + 0.2, "0.30000000000000004"),
]


@pytest.mark.parametrize(("value", "written"), FLOATS)
def test_a_float_becomes_the_decimal_that_its_source_wrote(value: float, written: str) -> None:
    assert str(decimal_of(value)) == written


@given(st.integers(1, 10**15 - 1), st.integers(0, 12))
def test_up_to_fifteen_digits_survive_the_way_through_a_float(digits: int, places: int) -> None:
    written = Decimal(digits).scaleb(-places)
    assert decimal_of(float(written)) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_bridge_from_floats_is_exact_both_ways(value: float) -> None:
    assert float(decimal_of(value)) == value


def test_the_money_context_has_fifty_digits_and_leaves_the_callers_alone() -> None:
    before = decimal.getcontext().prec
    with money_context():
        assert str(Decimal(1) / 3) == "0." + "3" * 50
    assert decimal.getcontext().prec == before


@pytest.mark.parametrize(
    "calculate",
    [
        lambda: Decimal(1) / 0,
        lambda: Decimal("Infinity") - Decimal("Infinity"),
        lambda: Decimal("1E+999999") * Decimal("1E+999999"),
    ],
)
def test_money_is_never_silently_infinite_or_undefined(calculate: object) -> None:
    with money_context(), pytest.raises(decimal.DecimalException):
        calculate()  # type: ignore[operator]


def test_nobody_can_spoil_the_shared_context_from_within() -> None:
    with money_context():
        decimal.getcontext().prec = 3
    assert MONEY_CONTEXT.prec == 50
