"""Measures of a series of returns: volatility, risk-adjusted ratios, distribution and tails.

`returns` are per period (0.01 is 1 %), P periods make a year, `risk_free` is an annual rate that is brought
to one period by (1 + rf) ** (1 / P) - 1 and subtracted before anything else. A measure is None where it does
not exist: too few returns, a NaN among them (ruin), or a denominator that is zero up to the rounding of
amounts.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from qtrader.services.reporting.moments import (
    ROUNDING_DEVIATION,
    FloatArray,
    MetricInputError,
    finite_or_none,
    float_column,
    mean,
    none_on_overflow,
    quantile,
    root_mean_square,
    standard_deviation,
    total,
)
from qtrader.services.reporting.returns import risk_free_per_period

TRADING_DAYS_PER_YEAR = 252
CALENDAR_DAYS_PER_YEAR = 365


def _usable(returns: ArrayLike) -> FloatArray | None:
    values = float_column("returns", returns)
    return values if values.size and np.isfinite(values).all() else None


def _excess(returns: ArrayLike, risk_free: float, periods_per_year: int) -> FloatArray | None:
    rate = risk_free_per_period(risk_free, periods_per_year)
    values = _usable(returns)
    return None if values is None else values - rate


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or denominator is None or denominator <= ROUNDING_DEVIATION:
        return None
    return numerator / denominator


@none_on_overflow
def annual_volatility(returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR) -> float | None:
    """Give std(r, ddof 1) * sqrt(P); None for fewer than two returns."""
    values = _usable(returns)
    deviation = None if values is None else standard_deviation(values)
    return None if deviation is None else deviation * math.sqrt(periods_per_year)


@none_on_overflow
def downside_deviation(
    returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR, risk_free: float = 0.0
) -> float | None:
    """Give sqrt(mean(min(r - rf, 0) ** 2)) * sqrt(P), the mean over all n returns; None for no returns."""
    excess = _excess(returns, risk_free, periods_per_year)
    downside = None if excess is None else root_mean_square(np.minimum(excess, 0.0))
    return None if downside is None else downside * math.sqrt(periods_per_year)


@none_on_overflow
def sharpe(
    returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR, risk_free: float = 0.0
) -> float | None:
    """Give mean(r - rf) / std(r - rf, ddof 1) * sqrt(P); None for fewer than two returns or no variance.

    Source: Sharpe, The Sharpe Ratio, Journal of Portfolio Management (1994).
    """
    excess = _excess(returns, risk_free, periods_per_year)
    if excess is None:
        return None
    ratio = _ratio(mean(excess), standard_deviation(excess))
    return None if ratio is None else ratio * math.sqrt(periods_per_year)


@none_on_overflow
def sortino(
    returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR, risk_free: float = 0.0
) -> float | None:
    """Give mean(r - rf) / sqrt(mean(min(r - rf, 0) ** 2)) * sqrt(P), both means over all n.

    None without a return below the risk-free rate.
    Source: Sortino and Price, Performance Measurement in a Downside Risk Framework, Journal of Investing
    (1994).
    """
    excess = _excess(returns, risk_free, periods_per_year)
    if excess is None:
        return None
    ratio = _ratio(mean(excess), root_mean_square(np.minimum(excess, 0.0)))
    return None if ratio is None else ratio * math.sqrt(periods_per_year)


@none_on_overflow
def calmar(annual_growth: float | None, deepest_drawdown: float | None) -> float | None:
    """Give growth / |maximum drawdown|; None where either is None or there was no drawdown.

    Source: Young, Calmar Ratio: A Smoother Tool, Futures (1991); here over the whole run, not the last 36
    months.
    """
    if annual_growth is None or deepest_drawdown is None or deepest_drawdown >= -ROUNDING_DEVIATION:
        return None
    return annual_growth / -deepest_drawdown


@none_on_overflow
def omega(
    returns: ArrayLike, periods_per_year: int = TRADING_DAYS_PER_YEAR, risk_free: float = 0.0
) -> float | None:
    """Give sum(max(r - rf, 0)) / sum(max(rf - r, 0)), the threshold being the risk-free rate.

    None without a return below the risk-free rate.
    Source: Keating and Shadwick, A Universal Performance Measure (2002).
    """
    excess = _excess(returns, risk_free, periods_per_year)
    if excess is None:
        return None
    return _ratio(total(np.maximum(excess, 0.0)), total(np.maximum(-excess, 0.0)))


@none_on_overflow
def skew(returns: ArrayLike) -> float | None:
    """Give the sample skewness G1, adjusted for bias; None for fewer than three returns or no variance.

    Source: Joanes and Gill, Comparing Measures of Sample Skewness and Kurtosis, The Statistician (1998).
    """
    standardised = _standardised(returns)
    if standardised is None or standardised.size < 3:
        return None
    n = standardised.size
    return total(standardised**2 * standardised) / n * math.sqrt(n * (n - 1)) / (n - 2)


@none_on_overflow
def excess_kurtosis(returns: ArrayLike) -> float | None:
    """Give the sample excess kurtosis G2, adjusted for bias, 0 for a normal law.

    None for fewer than four returns or no variance.
    Source: Joanes and Gill (1998).
    """
    standardised = _standardised(returns)
    if standardised is None or standardised.size < 4:
        return None
    n = standardised.size
    population_excess = total((standardised**2) ** 2) / n - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * population_excess + 6.0)


def _standardised(returns: ArrayLike) -> FloatArray | None:
    values = _usable(returns)
    if values is None:
        return None
    centred = values - total(values) / values.size
    deviation = root_mean_square(centred)
    if deviation is None or deviation <= ROUNDING_DEVIATION:
        return None
    return centred / deviation


def _checked_tail(tail_probability: float) -> float:
    if not 0.0 < tail_probability < 0.5:
        msg = f"tail_probability: found {tail_probability}, between 0 and 0.5 is required (0.05)"
        raise MetricInputError(msg)
    return tail_probability


@none_on_overflow
def var_historical(returns: ArrayLike, tail_probability: float = 0.05) -> float | None:
    """Give the signed return that the worst `tail_probability` of periods fall below, interpolated."""
    probability = _checked_tail(tail_probability)
    values = _usable(returns)
    return None if values is None else quantile(values, probability)


@none_on_overflow
def cvar_historical(returns: ArrayLike, tail_probability: float = 0.05) -> float | None:
    """Give the mean of the floor((n - 1) * tail_probability) + 1 lowest returns; signed."""
    probability = _checked_tail(tail_probability)
    values = _usable(returns)
    if values is None:
        return None
    return mean(np.sort(values)[: math.floor((values.size - 1) * probability) + 1])


@none_on_overflow
def var_normal(returns: ArrayLike, tail_probability: float = 0.05) -> float | None:
    """Give mean + z * std(ddof 1), z the normal quantile; signed; None for fewer than two returns."""
    z = NormalDist().inv_cdf(_checked_tail(tail_probability))
    return _normal_tail(returns, z)


@none_on_overflow
def cvar_normal(returns: ArrayLike, tail_probability: float = 0.05) -> float | None:
    """Give mean - std(ddof 1) * density(z) / tail_probability; signed; None for fewer than two returns."""
    law = NormalDist()
    probability = _checked_tail(tail_probability)
    return _normal_tail(returns, -law.pdf(law.inv_cdf(probability)) / probability)


def _normal_tail(returns: ArrayLike, deviations: float) -> float | None:
    values = _usable(returns)
    if values is None:
        return None
    average, deviation = mean(values), standard_deviation(values)
    return None if average is None or deviation is None else average + deviations * deviation


@none_on_overflow
def tail_ratio(returns: ArrayLike, tail_probability: float = 0.05) -> float | None:
    """Give |upper quantile| / |lower quantile| at `tail_probability` from either end; None over zero."""
    probability = _checked_tail(tail_probability)
    values = _usable(returns)
    if values is None:
        return None
    upper, lower = quantile(values, 1.0 - probability), quantile(values, probability)
    return None if upper is None or lower is None else _ratio(abs(upper), abs(lower))


def best_return(returns: ArrayLike) -> float | None:
    """Give the highest return; None for no returns."""
    values = _usable(returns)
    return None if values is None else finite_or_none(float(values.max()))


def worst_return(returns: ArrayLike) -> float | None:
    """Give the lowest return; None for no returns."""
    values = _usable(returns)
    return None if values is None else finite_or_none(float(values.min()))


def positive_share(returns: ArrayLike) -> float | None:
    """Give the share of returns above zero; None for no returns."""
    values = _usable(returns)
    return None if values is None else int((values > 0.0).sum()) / values.size
