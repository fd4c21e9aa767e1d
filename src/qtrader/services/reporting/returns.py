"""Returns, growth and calendar periods of an equity curve.

An equity curve is one value per valuation, at a session's close, after a first point that is the starting
capital. Its n periods lie between n + 1 points. With external flows the returns are time-weighted: a deposit
is no gain. Equity that reached zero or below is ruin: the period that ends there has its return (-100 % or
worse), the next one has none (NaN).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from qtrader.services.reporting.moments import (
    FloatArray,
    IntArray,
    MetricInputError,
    float_column,
    none_on_overflow,
    require_finite,
    require_same_length,
)

FlowTiming = Literal["start", "end"]

MICROSECONDS_PER_DAY = 86_400_000_000
DAYS_PER_YEAR = 365.25

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PeriodReturn:
    """The return of one calendar year or, when `month` is given, of one calendar month."""

    year: int
    month: int | None
    value: float | None


def returns_from_equity(
    equity: ArrayLike, flows: ArrayLike | None = None, *, flow_timing: FlowTiming = "start"
) -> FloatArray:
    """Give the n time-weighted returns between n + 1 equity values.

    `flows[i]` is the net external deposit (withdrawals negative) of the period that ends at `equity[i]`,
    which includes it; `flows[0]` belongs to no period and is not used. With `flow_timing` "start" the money
    was there for the whole period: r = E[i] / (E[i-1] + F[i]) - 1; with "end" it came at the close: r = (E[i]
    - F[i]) / E[i-1] - 1. A period whose base (the denominator) is not positive has no return: NaN.
    """
    values = float_column("equity", equity)
    require_finite("equity", values)
    base, end = values[:-1], values[1:]
    if flows is not None:
        deposits = float_column("flows", flows)
        require_finite("flows", deposits)
        require_same_length("flows", deposits.size, "equity", values.size)
        if flow_timing == "start":
            base = base + deposits[1:]
        else:
            end = end - deposits[1:]
    usable = base > 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        result: FloatArray = np.full(base.size, np.nan)
        np.divide(end - base, base, out=result, where=usable)
    return result


def wealth_index(returns: ArrayLike) -> FloatArray:
    """Give the n + 1 values of one unit of money that earned the n `returns`, first value 1.

    Ruin is final: from the first value at or below zero on, the index keeps that value, because nothing is
    left that a later return could be earned on. A NaN before ruin makes every later value NaN.
    """
    growth = 1.0 + float_column("returns", returns)
    index: FloatArray = np.ones(growth.size + 1)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        np.multiply.accumulate(growth, out=index[1:])
    ruined = np.flatnonzero(index <= 0.0)
    if ruined.size:
        index[ruined[0] :] = index[ruined[0]]
    return index


@none_on_overflow
def total_return(wealth: ArrayLike) -> float | None:
    """Give last / first - 1 of an equity curve or wealth index.

    None for no period, or where the first value is not positive.
    """
    values = float_column("wealth", wealth)
    if values.size < 2 or not values[0] > 0.0:
        return None
    return float((values[-1] - values[0]) / values[0])


@none_on_overflow
def _annualised_growth(wealth: FloatArray, periods_per_year_over_periods: float) -> float | None:
    if wealth.size < 2 or not wealth[0] > 0.0 or not wealth[-1] >= 0.0:
        return None
    return math.pow(float(wealth[-1] / wealth[0]), periods_per_year_over_periods) - 1.0


def cagr(wealth: ArrayLike, valued_at_us: IntArray) -> float | None:
    """Give the compound annual growth rate by actual days: (last / first) ** (365.25 / days) - 1.

    None for no period, where the first value is not positive or where the last is negative; -1 where the last
    is zero.
    """
    values = float_column("wealth", wealth)
    require_same_length("valued_at_us", valued_at_us.size, "wealth", values.size)
    days = elapsed_days(valued_at_us)
    return _annualised_growth(values, DAYS_PER_YEAR / days) if days > 0.0 else None


def cagr_n_over_p(wealth: ArrayLike, periods_per_year: int) -> float | None:
    """Give the growth rate with P periods as a year: (last / first) ** (P / n) - 1, n periods in all."""
    values = float_column("wealth", wealth)
    return _annualised_growth(values, periods_per_year / (values.size - 1)) if values.size > 1 else None


def elapsed_days(valued_at_us: IntArray) -> float:
    """Give the calendar days from the first point's date to the last one's, both included.

    Dates decide, not the time of day: the same bars give the same days whether their sessions last from 14:30
    to 21:00 or all day. Zero for fewer than two points.
    """
    if valued_at_us.size < 2:
        return 0.0
    days = valuation_date(int(valued_at_us[-1])) - opening_date(int(valued_at_us[0]))
    return float(days.days + 1)


def risk_free_per_period(risk_free: float, periods_per_year: int) -> float:
    """Give the rate per period that compounds to the annual rate `risk_free`: (1 + rf) ** (1 / P) - 1."""
    if not (math.isfinite(risk_free) and risk_free > -1.0):
        msg = f"risk_free: found {risk_free}, an annual rate above -1 is required (0.02 is 2 %)"
        raise MetricInputError(msg)
    if periods_per_year < 1:
        msg = f"periods_per_year: found {periods_per_year}, 1 or more is required (252, or 365)"
        raise MetricInputError(msg)
    return math.expm1(math.log1p(risk_free) / periods_per_year)


def opening_date(began_us: int) -> date:
    """Give the UTC date of the first point, the open at which the starting capital begins to work."""
    return (_EPOCH + timedelta(microseconds=int(began_us))).date()


def valuation_date(valued_at_us: int) -> date:
    """Give the UTC date of the instant just before: a close at midnight belongs to the day that it ends."""
    return (_EPOCH + timedelta(microseconds=int(valued_at_us) - 1)).date()


def monthly_returns(wealth: ArrayLike, valued_at_us: IntArray) -> tuple[PeriodReturn, ...]:
    """Give the return of every calendar month that has a valuation after the first point, in order."""
    return _calendar_returns(wealth, valued_at_us, by_month=True)


def yearly_returns(wealth: ArrayLike, valued_at_us: IntArray) -> tuple[PeriodReturn, ...]:
    """Give the return of every calendar year that has a valuation after the first point, in order."""
    return _calendar_returns(wealth, valued_at_us, by_month=False)


def _calendar_returns(
    wealth: ArrayLike, valued_at_us: IntArray, *, by_month: bool
) -> tuple[PeriodReturn, ...]:
    values = float_column("wealth", wealth)
    require_same_length("valued_at_us", valued_at_us.size, "wealth", values.size)
    # The date of each valuation as `valuation_date` gives it, all at once.
    dates = (np.asarray(valued_at_us, dtype=np.int64)[1:] - 1).astype("datetime64[us]")
    numbers = dates.astype("datetime64[M]" if by_month else "datetime64[Y]").astype(np.int64)
    is_last = np.append(numbers[1:] != numbers[:-1], [True] * (numbers.size > 0))
    periods: list[PeriodReturn] = []
    base = 0
    for row in (np.flatnonzero(is_last) + 1).tolist():
        number = int(numbers[row - 1])
        year, month = (number // 12, number % 12 + 1) if by_month else (number, None)
        periods.append(PeriodReturn(1970 + year, month, total_return(values[[base, row]])))
        base = row
    return tuple(periods)
