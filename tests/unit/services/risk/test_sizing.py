"""Sizes by table, and by the property that a size is the largest multiple of the step within its target."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.services.risk.policy import FixedQuantity, PercentOfEquity, Sizer
from qtrader.services.risk.sizing import Sized, size


def sized(sizer: Sizer, equity: str, price: str, step: str = "1", **more: str | None) -> Sized:
    given_numbers = {name: None if value is None else Decimal(value) for name, value in more.items()}
    return size(
        sizer, equity=Decimal(equity), price=Decimal(price), quantity_step=Decimal(step), **given_numbers
    )


FIXED = FixedQuantity(quantity=Decimal(100))
TENTH = PercentOfEquity(method="percent_of_equity", percent=Decimal(10))
DOUBLE = PercentOfEquity(method="percent_of_equity", percent=Decimal(200))

# sizer, equity, price, step, confidence, asked, quantity
TABLE = [
    (FIXED, "100000", "50", "1", None, None, "100"),
    (FIXED, "0", "50", "1", None, None, "100"),
    (FIXED, "100000", "50", "1", "0.5", None, "50"),
    (FIXED, "100000", "50", "1", "0.555", None, "55"),
    (FIXED, "100000", "50", "1", "0", None, "0"),
    (FIXED, "100000", "50", "30", None, None, "90"),
    (FIXED, "100000", "50", "1", None, "7", "7"),
    (FIXED, "100000", "50", "1", "0.5", "7", "7"),
    (FIXED, "100000", "50", "1", None, "7.9", "7"),
    (FIXED, "100000", "50", "1", None, "0.9", "0"),
    (FIXED, "100000", "50", "0.01", None, "0.999", "0.99"),
    (TENTH, "100000", "50", "1", None, None, "200"),
    (TENTH, "100000", "30", "1", None, None, "333"),
    (TENTH, "100000", "30", "0.001", None, None, "333.333"),
    (TENTH, "100000", "30", "100", None, None, "300"),
    (TENTH, "100000", "10000", "1", None, None, "1"),
    (TENTH, "100000", "10000.01", "1", None, None, "0"),
    (TENTH, "100000", "50", "1", "0.25", None, "50"),
    (TENTH, "-500", "50", "1", None, None, "0"),
    (TENTH, "0", "50", "1", None, None, "0"),
    (DOUBLE, "1000", "3", "1", None, None, "666"),
]


@pytest.mark.parametrize(("sizer", "equity", "price", "step", "confidence", "asked", "quantity"), TABLE)
def test_sizes(  # noqa: PLR0917 - the columns of the table
    sizer: Sizer, equity: str, price: str, step: str, confidence: str | None, asked: str | None, quantity: str
) -> None:
    found = sized(sizer, equity, price, step, confidence=confidence, asked_quantity=asked)
    assert found.quantity == Decimal(quantity)


# what was asked → method, formula, names of the numbers
EXPLAINED = [
    (FIXED, None, None, "fixed_quantity", "quantity", ["quantity", "quantity_step"]),
    (
        FIXED,
        "0.5",
        None,
        "fixed_quantity",
        "quantity * confidence",
        ["quantity", "confidence", "quantity_step"],
    ),
    (
        TENTH,
        None,
        None,
        "percent_of_equity",
        "equity * percent / 100 / price",
        ["equity", "percent", "price", "quantity_step"],
    ),
    (
        TENTH,
        "1",
        None,
        "percent_of_equity",
        "equity * percent / 100 / price * confidence",
        ["equity", "percent", "price", "confidence", "quantity_step"],
    ),
    (TENTH, "0.5", "7", "signal", "quantity asked by the signal", ["quantity", "quantity_step"]),
]


@pytest.mark.parametrize(("sizer", "confidence", "asked", "method", "formula", "names"), EXPLAINED)
def test_every_size_comes_with_its_formula_and_numbers(  # noqa: PLR0917 - the columns of the table
    sizer: Sizer, confidence: str | None, asked: str | None, method: str, formula: str, names: list[str]
) -> None:
    sizing = sized(sizer, "100000", "50", confidence=confidence, asked_quantity=asked).sizing
    assert (sizing.method, sizing.formula) == (method, f"{formula}, down to quantity_step")
    assert [number.name for number in sizing.inputs] == names


cents = st.integers(1, 10**9).map(lambda value: Decimal(value) / 100)


@given(cents, cents, st.integers(1, 100_000), st.sampled_from(["1", "0.01", "100", "0.00000001"]))
def test_a_percentage_is_used_as_far_as_the_step_allows_and_never_exceeded(
    equity: Decimal, price: Decimal, basis_points: int, step_text: str
) -> None:
    step, percent = Decimal(step_text), Decimal(basis_points) / 100
    sizer = PercentOfEquity(method="percent_of_equity", percent=percent)
    quantity = size(sizer, equity=equity, price=price, quantity_step=step).quantity
    target = Fraction(equity) * Fraction(percent) / 100
    assert Fraction(quantity) * Fraction(price) <= target
    assert target < (Fraction(quantity) + Fraction(step)) * Fraction(price)
    assert quantity % step == 0
