"""Single values: exactly one spelling each, and the same value back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.events import codec


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0E+7", "0"),
        ("0E-7", "0"),
        ("1E-7", "0.0000001"),
        ("1E+3", "1000"),
        ("-1.5E+1", "-15"),
        ("1.50", "1.5"),
        ("100.00000000", "100"),
        ("100", "100"),
        ("-10.10", "-10.1"),
        ("9" * 60 + ".10", "9" * 60 + ".1"),
    ],
)
def test_a_decimal_has_one_spelling(value: str, text: str) -> None:
    assert codec.canonical_decimal(Decimal(value)) == text
    assert codec.parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"), 1, 1.5, "1"]
)
def test_what_is_not_a_finite_decimal_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a finite Decimal"):
        codec.canonical_decimal(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (1.7976931348623157e308, "17976931348623157" + "0" * 292),
        (5e-324, "0." + "0" * 323 + "5"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (np.float64(101.5), "101.5"),
        (7, "7"),
    ],
)
def test_a_float_is_written_as_its_shortest_decimal(value: float, text: str) -> None:
    assert codec.canonical_float(value) == text
    assert codec.parse_float(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_the_same_float(value: float) -> None:
    assert codec.parse_float(codec.canonical_float(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2012, 8, 7, 20, tzinfo=UTC), "2012-08-07T20:00:00Z"),
        (datetime(2012, 8, 7, 20, 0, 0, 120_000, tzinfo=UTC), "2012-08-07T20:00:00.12Z"),
        (datetime(2012, 8, 7, 20, 0, 0, 1, tzinfo=UTC), "2012-08-07T20:00:00.000001Z"),
        (datetime(2012, 8, 7, 16, tzinfo=timezone(timedelta(hours=-4))), "2012-08-07T20:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_the_shortest_fraction(value: datetime, text: str) -> None:
    assert codec.canonical_instant(value) == text
    assert codec.parse_instant(text) == value
    assert codec.parse_instant(text).utcoffset() == timedelta(0)
