"""Sums, moments and quantiles of report statistics.

Every sum is `math.fsum`: correctly rounded, hence independent of the order of summation, of the numpy version
and of the processor. Square roots are exact by IEEE 754; powers and logarithms come from the platform's libm
and may differ in the last bit. No function gives infinity or NaN: a result that does not exist, or that
exceeds the range of a float, is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.errors import QTraderError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROUNDING_DEVIATION = 1e-12
"""A deviation of returns at or below this is rounding of amounts, not variance: a ratio over it is None."""

_Parameters = ParamSpec("_Parameters")


class MetricInputError(QTraderError):
    """An input of a measure is not usable: names input, position, what was found and what is allowed."""


def float_column(name: str, values: ArrayLike) -> FloatArray:
    """Give `values` as a one-dimensional float64 array; `MetricInputError` if it has another shape."""
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        msg = f"{name}: found {column.ndim} dimensions, one is allowed"
        raise MetricInputError(msg)
    return column


def instant_column(name: str, values: ArrayLike) -> IntArray:
    """Give `values` as strictly increasing int64 microseconds since the epoch; else `MetricInputError`."""
    column = np.asarray(values)
    if column.ndim != 1 or (column.size and column.dtype.kind not in "iu"):
        msg = f"{name}: found {column.dtype} in {column.ndim} dimensions, int64 in one is required"
        raise MetricInputError(msg)
    instants = column.astype(np.int64)
    late = np.flatnonzero(instants[1:] <= instants[:-1])
    if late.size:
        row = int(late[0]) + 1
        found, before = int(instants[row]), int(instants[row - 1])
        msg = f"{name}[{row}]: found {found} after {before}, instants must increase"
        raise MetricInputError(msg)
    return instants


def require_finite(name: str, column: FloatArray) -> None:
    """Raise `MetricInputError` at the first NaN or infinity of `column`."""
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        row = int(bad[0])
        msg = f"{name}[{row}]: found {float(column[row])}, a finite number is required"
        raise MetricInputError(msg)


def require_same_length(name: str, length: int, other_name: str, other_length: int) -> None:
    """Raise `MetricInputError` unless both lengths are equal."""
    if length != other_length:
        msg = f"{name}: found {length} values, {other_name} has {other_length}; they must be equal"
        raise MetricInputError(msg)


def finite_or_none(value: float) -> float | None:
    """Give `value`, or None if it is infinite or NaN."""
    return value if math.isfinite(value) else None


def none_on_overflow(function: Callable[_Parameters, float | None]) -> Callable[_Parameters, float | None]:
    """Make `function` give None where its result is infinite, NaN or beyond the range of a float."""

    def guarded(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> float | None:
        try:
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                result = function(*args, **kwargs)
        except OverflowError:
            return None
        return None if result is None else finite_or_none(result)

    guarded.__name__ = function.__name__
    guarded.__qualname__ = function.__qualname__
    guarded.__doc__ = function.__doc__
    guarded.__module__ = function.__module__
    return guarded


def total(values: FloatArray) -> float:
    """Give the correctly rounded sum of `values`, NaN if one of them is not finite."""
    return math.fsum(values.tolist()) if np.isfinite(values).all() else math.nan


def mean(values: FloatArray) -> float | None:
    """Give the arithmetic mean, None for no values."""
    return total(values) / values.size if values.size else None


def standard_deviation(values: FloatArray) -> float | None:
    """Give the sample standard deviation (ddof 1), None for fewer than two values."""
    average = mean(values)
    if average is None or values.size < 2:
        return None
    return math.sqrt(total((values - average) ** 2) / (values.size - 1))


def root_mean_square(values: FloatArray) -> float | None:
    """Give the root of the mean square, None for no values."""
    return math.sqrt(total(values**2) / values.size) if values.size else None


def quantile(values: FloatArray, probability: float) -> float | None:
    """Give the quantile by linear interpolation between order statistics at position (n - 1) * probability.

    Source: Hyndman and Fan (1996), definition 7; numpy's and pandas' default. None for no values.
    """
    if not values.size:
        return None
    ordered: list[float] = np.sort(values).tolist()
    position = (len(ordered) - 1) * probability
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
