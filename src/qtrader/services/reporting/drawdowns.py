"""Drawdowns of an equity curve or wealth index: how far below its peak, for how long.

A drawdown runs from the last point at the peak, over the trough, to the first point at or above the peak
again. Depths are fractions at or below zero; they pass -1 only where equity is negative. Days are calendar
days between valuations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import ArrayLike

from qtrader.services.reporting.moments import (
    FloatArray,
    IntArray,
    float_column,
    none_on_overflow,
    require_same_length,
    root_mean_square,
)
from qtrader.services.reporting.returns import MICROSECONDS_PER_DAY, opening_date, valuation_date


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One drawdown: depth (-0.25 is 25 % below the peak), instants in microseconds and durations in days.

    `recovered_at_us` and `days_to_recovery` are None while it lasts; `days` is then counted to the last
    valuation.
    """

    depth: float
    peak_at_us: int
    trough_at_us: int
    recovered_at_us: int | None
    days_to_trough: float
    days_to_recovery: float | None
    days: float
    #: Whether the peak is the starting capital, whose date is that of the open.
    peaks_at_start: bool = False

    @property
    def peak_on(self) -> date:
        """Date of the peak, UTC."""
        return opening_date(self.peak_at_us) if self.peaks_at_start else valuation_date(self.peak_at_us)


def drawdown_series(wealth: ArrayLike) -> FloatArray:
    """Give value / running peak - 1 at every point; NaN where the running peak is not positive."""
    values = float_column("wealth", wealth)
    result: FloatArray = np.full(values.size, np.nan)
    if values.size:
        peak = np.maximum.accumulate(values)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            np.divide(values - peak, peak, out=result, where=peak > 0.0)
    return result


@none_on_overflow
def max_drawdown(wealth: ArrayLike) -> float | None:
    """Give the deepest drawdown, zero where there is none; None for no period or an undefined drawdown."""
    depths = drawdown_series(wealth)
    return float(depths.min()) if depths.size > 1 else None


@none_on_overflow
def ulcer_index(wealth: ArrayLike) -> float | None:
    """Give the root mean square of the drawdown at the n period ends; the first point is not counted.

    Source: Martin and McCann, The Investor's Guide to Fidelity Funds (1989), here as a fraction, not times
    100.
    """
    depths = drawdown_series(wealth)
    return root_mean_square(depths[1:]) if np.isfinite(depths).all() else None


def drawdowns(wealth: ArrayLike, valued_at_us: IntArray) -> tuple[Drawdown, ...]:
    """Give every drawdown in order of time; none where the drawdown series is undefined anywhere."""
    depths = drawdown_series(wealth)
    require_same_length("valued_at_us", valued_at_us.size, "wealth", depths.size)
    if not np.isfinite(depths).all():
        return ()
    below = np.concatenate(([False], depths < 0.0, [False]))
    edges = np.flatnonzero(below[1:] != below[:-1])
    found = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        trough = first + int(np.argmin(depths[first:after]))
        recovery = after if after < depths.size else None
        found.append(_drawdown(depths, valued_at_us, first - 1, trough, recovery))
    return tuple(found)


def top_drawdowns(wealth: ArrayLike, valued_at_us: IntArray, count: int) -> tuple[Drawdown, ...]:
    """Give the `count` deepest drawdowns, deepest first, the earlier first where depths are equal."""
    return tuple(sorted(drawdowns(wealth, valued_at_us), key=lambda one: one.depth)[:count])


def longest_drawdown_days(wealth: ArrayLike, valued_at_us: IntArray) -> float | None:
    """Give the calendar days of the longest drawdown, an unfinished one included; zero without any."""
    depths = drawdown_series(wealth)
    if depths.size < 2 or not math.isfinite(float(depths.min())):
        return None
    return max((one.days for one in drawdowns(wealth, valued_at_us)), default=0.0)


def _drawdown(
    depths: FloatArray, valued_at_us: IntArray, peak: int, trough: int, recovery: int | None
) -> Drawdown:
    peak_at, trough_at = int(valued_at_us[peak]), int(valued_at_us[trough])
    recovered_at = None if recovery is None else int(valued_at_us[recovery])
    until = int(valued_at_us[-1]) if recovered_at is None else recovered_at
    return Drawdown(
        depth=float(depths[trough]),
        peak_at_us=peak_at,
        trough_at_us=trough_at,
        recovered_at_us=recovered_at,
        days_to_trough=(trough_at - peak_at) / MICROSECONDS_PER_DAY,
        days_to_recovery=None if recovered_at is None else (recovered_at - trough_at) / MICROSECONDS_PER_DAY,
        days=(until - peak_at) / MICROSECONDS_PER_DAY,
        peaks_at_start=peak == 0,
    )
