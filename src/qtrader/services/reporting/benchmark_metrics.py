"""Measures against a benchmark whose returns are aligned, period by period, with the account's.

A benchmark of another length is refused, never truncated or filled. Whether its returns include dividends is
a fact of the series that the report prints beside the numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from qtrader.services.reporting.moments import (
    ROUNDING_DEVIATION,
    FloatArray,
    float_column,
    mean,
    none_on_overflow,
    require_same_length,
    standard_deviation,
    total,
)
from qtrader.services.reporting.ratios import TRADING_DAYS_PER_YEAR
from qtrader.services.reporting.returns import risk_free_per_period


def _pair(returns: ArrayLike, benchmark_returns: ArrayLike) -> tuple[FloatArray, FloatArray] | None:
    values = float_column("returns", returns)
    benchmark = float_column("benchmark_returns", benchmark_returns)
    require_same_length("benchmark_returns", benchmark.size, "returns", values.size)
    usable = values.size > 1 and np.isfinite(values).all() and np.isfinite(benchmark).all()
    return (values, benchmark) if usable else None


def _covariance(values: FloatArray, other: FloatArray) -> float:
    size = values.size
    return total((values - total(values) / size) * (other - total(other) / size)) / (size - 1)


@none_on_overflow
def beta(returns: ArrayLike, benchmark_returns: ArrayLike) -> float | None:
    """Give cov(r, b) / var(b), both ddof 1; None below two returns or where b has no variance."""
    pair = _pair(returns, benchmark_returns)
    if pair is None:
        return None
    values, benchmark = pair
    deviation = standard_deviation(benchmark)
    if deviation is None or deviation <= ROUNDING_DEVIATION:
        return None
    return _covariance(values, benchmark) / _covariance(benchmark, benchmark)


@none_on_overflow
def alpha(
    returns: ArrayLike,
    benchmark_returns: ArrayLike,
    periods_per_year: int = TRADING_DAYS_PER_YEAR,
    risk_free: float = 0.0,
) -> float | None:
    """Give Jensen's alpha a year: (mean(r - rf) - beta * mean(b - rf)) * P; None where beta is.

    Source: Jensen, The Performance of Mutual Funds in the Period 1945-1964, Journal of Finance (1968).
    """
    rate = risk_free_per_period(risk_free, periods_per_year)
    pair = _pair(returns, benchmark_returns)
    slope = beta(returns, benchmark_returns)
    if pair is None or slope is None:
        return None
    average, benchmark_average = mean(pair[0] - rate), mean(pair[1] - rate)
    if average is None or benchmark_average is None:
        return None
    return (average - slope * benchmark_average) * periods_per_year


@none_on_overflow
def correlation(returns: ArrayLike, benchmark_returns: ArrayLike) -> float | None:
    """Give Pearson's correlation, in [-1, 1]; None where either series has no variance."""
    pair = _pair(returns, benchmark_returns)
    if pair is None:
        return None
    deviation, benchmark_deviation = standard_deviation(pair[0]), standard_deviation(pair[1])
    if deviation is None or benchmark_deviation is None:
        return None
    # Returns too large to be squared have a deviation that is not a number: it is above nothing.
    if not (deviation > ROUNDING_DEVIATION and benchmark_deviation > ROUNDING_DEVIATION):
        return None
    coefficient = _covariance(*pair) / deviation / benchmark_deviation
    return max(-1.0, min(1.0, coefficient)) if math.isfinite(coefficient) else None


@none_on_overflow
def tracking_error(
    returns: ArrayLike, benchmark_returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR
) -> float | None:
    """Give std(r - b, ddof 1) * sqrt(P); None for fewer than two returns."""
    pair = _pair(returns, benchmark_returns)
    deviation = None if pair is None else standard_deviation(pair[0] - pair[1])
    return None if deviation is None else deviation * math.sqrt(periods_per_year)


@none_on_overflow
def information_ratio(
    returns: ArrayLike, benchmark_returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR
) -> float | None:
    """Give mean(r - b) / std(r - b, ddof 1) * sqrt(P); None where the active return has no variance.

    Source: Goodwin, The Information Ratio, Financial Analysts Journal (1998).
    """
    pair = _pair(returns, benchmark_returns)
    if pair is None:
        return None
    active = pair[0] - pair[1]
    average, deviation = mean(active), standard_deviation(active)
    if average is None or deviation is None or deviation <= ROUNDING_DEVIATION:
        return None
    return average / deviation * math.sqrt(periods_per_year)
