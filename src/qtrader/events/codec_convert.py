"""Single values between class and wire, each in both directions.

On the wire a number is a canonical decimal string: fixed point, no exponent, no superfluous zero, no "-0"; an
instant is RFC 3339 with `Z`, its fraction only as long as it must be. A value has exactly one spelling, so
equal events are equal bytes. A refusal is a `ValueError` here; the codec adds which contract and field.
Values are checked although they are typed: event classes check nothing when they are built.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

import msgspec

from qtrader.clock import from_epoch_us, to_epoch_us


def canonical_decimal(value: Decimal) -> str:
    """Write a Decimal canonically: equal values give equal text.

    Raises:
        ValueError: the value is not a Decimal, or is NaN or infinite.
    """
    text = str(value)
    # Most numbers are whole, or end where they must; only what is finite has a point in it.
    if type(value) is Decimal and (text.isdecimal() or (text[-1] != "0" and "." in text and "E" not in text)):
        return text
    if type(value) is not Decimal or not value.is_finite():
        msg = f"found {value!r}; must be a finite Decimal"
        raise ValueError(msg)
    if "E" in text:
        text = format(value, "f") if value else "0"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def parse_decimal(text: str) -> Decimal:
    """Read a canonical decimal, exactly, whatever the decimal context's precision."""
    return Decimal(text)


def canonical_integer(value: int) -> int:
    """Give a whole number, which stays a number on the wire.

    Raises:
        ValueError: the value is not an int.
    """
    if type(value) is not int:
        msg = f"found {value!r}; must be an int"
        raise ValueError(msg)
    return value


def canonical_float(value: float) -> str:
    """Write a float as the shortest decimal that reads back as the same float, in fixed point.

    Raises:
        ValueError: the value is neither float nor int, or is NaN or infinite.
    """
    if type(value) is not float:
        value = _plain_float(value)
    if not math.isfinite(value):
        msg = f"found {value!r}; must be a finite float"
        raise ValueError(msg)
    text = repr(value)
    if "e" in text:
        return canonical_decimal(Decimal(text))
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _plain_float(value: Any) -> float:
    # NumPy's float64 is a float, but its repr is not a number.
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    msg = f"found {value!r}; must be a finite float"
    raise ValueError(msg)


def parse_float(text: str) -> float:
    """Read a canonical decimal as the float whose shortest decimal it is.

    Raises:
        ValueError: a float cannot hold the value without changing its text.
    """
    value = float(text)
    if not math.isfinite(value) or canonical_float(value) != text:
        msg = f"found {text!r}; must be the shortest decimal of a 64-bit float, which this is not"
        raise ValueError(msg)
    return value


def canonical_float_or_unknown(value: float) -> str | None:
    """Write a float as `canonical_float` does, NaN (unknown) as None."""
    return None if value != value else canonical_float(value)  # noqa: PLR0124 - only NaN differs from itself


def parse_float_or_unknown(text: str | None) -> float:
    """Read what `canonical_float_or_unknown` writes."""
    return math.nan if text is None else parse_float(text)


def canonical_instant(value: datetime) -> str:
    """Write an aware datetime in UTC with `Z`.

    Raises:
        ValueError: the value is not a datetime, or is naive.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        msg = f"found {value!r}; must be a datetime with a time zone"
        raise ValueError(msg)
    # msgspec's conversion is several times as fast as isoformat, and already ends in Z.
    text = cast("str", msgspec.to_builtins(value if value.tzinfo is UTC else value.astimezone(UTC)))
    return text[:-1].rstrip("0") + "Z" if "." in text else text


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant that ends in `Z`, as an aware UTC datetime."""
    return datetime.fromisoformat(text)


@lru_cache(
    maxsize=1024
)  # one instant stands on the bars of many symbols, and closes one bar and opens the next
def canonical_instant_us(value_us: int) -> str:
    """Write microseconds since the Unix epoch as an RFC 3339 instant.

    Raises:
        ValueError: no datetime can hold the value.
    """
    try:
        return canonical_instant(from_epoch_us(value_us))
    except (OverflowError, TypeError) as error:
        msg = f"found {value_us!r}; must be microseconds since 1970 within the years 1 to 9999"
        raise ValueError(msg) from error


def parse_instant_us(text: str) -> int:
    """Read an RFC 3339 instant as microseconds since the Unix epoch."""
    return to_epoch_us(datetime.fromisoformat(text))


def canonical_date(value: date) -> str:
    """Write a date.

    Raises:
        ValueError: the value is not a date, or has a time of day.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        msg = f"found {value!r}; must be a date without a time"
        raise ValueError(msg)  # noqa: TRY004 - every refusal of this module is a ValueError
    return value.isoformat()


def parse_date(text: str) -> date:
    """Read a date."""
    return date.fromisoformat(text)
