"""What indicators accept: parameters, bars and columns, and the refusal that names what was wrong."""

from __future__ import annotations

import math
import operator
from typing import Protocol, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.errors import QTraderError

PRICE_FIELDS = ("open", "high", "low", "close")


class IndicatorError(QTraderError, ValueError):
    """A parameter or an input column is not usable: names it, what was found and what is allowed."""


class BarLike(Protocol):
    """The part of a price bar that indicators read; `PriceBarEvent` is one."""

    @property
    def open(self) -> float:
        """First price."""
        ...

    @property
    def high(self) -> float:
        """Highest price."""
        ...

    @property
    def low(self) -> float:
        """Lowest price."""
        ...

    @property
    def close(self) -> float:
        """Last price."""
        ...

    @property
    def signal_factor(self) -> float:
        """Factor from the raw price to the append-only signal series."""
        ...


def checked_period(indicator: str, name: str, value: SupportsIndex, minimum: int) -> int:
    """Return a number of values as an int; integers of numpy count, booleans and floats do not."""
    try:
        period = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        period = None
    if period is None or period < minimum:
        message = f"{indicator}: {name} is {value!r}; it must be an integer ≥ {minimum}"
        raise IndicatorError(message)
    return period


def checked_deviations(indicator: str, value: float) -> float:
    """Return the half-width of a band in standard deviations as a float."""
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except TypeError:
        number = math.nan
    if not (math.isfinite(number) and number > 0.0):
        message = f"{indicator}: deviations is {value!r}; it must be a finite number > 0"
        raise IndicatorError(message)
    return number


def checked_field(indicator: str, value: str) -> str:
    """Return the name of the bar's price that an indicator follows."""
    if value not in PRICE_FIELDS:
        message = f"{indicator}: field is {value!r}; it must be one of {', '.join(PRICE_FIELDS)}"
        raise IndicatorError(message)
    return value


def checked_column(indicator: str, name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return a column as contiguous float64; integers are converted, float32 and missing values are refused.

    Raises:
        IndicatorError: not one column, a type other than float64 or integer, or a row that is not finite.
    """
    column = np.asarray(values)
    if column.ndim != 1:
        message = f"{indicator}: {name} has {column.ndim} dimensions; it must be one column"
        raise IndicatorError(message)
    if column.dtype != np.float64 and column.dtype.kind not in "iu" and column.size:
        message = f"{indicator}: {name} is of type {column.dtype}; it must be float64 or integers"
        raise IndicatorError(message)
    column = np.ascontiguousarray(column, dtype=np.float64)
    finite = np.isfinite(column)
    if not finite.all():
        row = int(np.argmin(finite))
        message = (
            f"{indicator}: {name}[{row}] is {column[row]}; every row must be finite"
            " (drop the rows before the first price, fill or drop the others)"
        )
        raise IndicatorError(message)
    return column
