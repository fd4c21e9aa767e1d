"""Ten measures of a set, by the definitions of the metric catalogue.

Sums go in four lanes that are added in one order, so that the results are the same everywhere; they agree
with the reports' exactly rounded sums to some units in the last place. A measure that does not exist is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qtrader.research.kernel_jit import compiled

#: As `qtrader.services.reporting.moments.ROUNDING_DEVIATION`.
_ROUNDING = 1e-12


@compiled
def metrics_of(
    equity: Any,
    returns: Any,
    conventions: tuple[float, int, float, float],
    trades: tuple[int, int, int, int, int],
    found: Any,
) -> None:
    """Measure a set.

    Args:
        equity: float64[sessions].
        returns: float64[sessions], overwritten.
        conventions: starting capital, periods a year, risk-free rate per period, days of all periods.
        trades: closed, won, lost, and the sums of gains and of losses in any unit.
        found: float64[10], the measures in the order of `kernel.METRICS`.
    """
    start, periods, risk_free, days = conventions
    closed, won, lost, gains, losses = trades
    found[:] = np.nan
    found[9] = closed
    if closed > 0:
        found[7] = won / closed
    if lost > 0:
        found[8] = gains / losses
    count = len(equity)
    if count == 0:
        return
    last = equity[count - 1]
    if start > 0.0:
        found[0] = _finite((last - start) / start)
        if last >= 0.0 and days > 0.0:
            found[1] = _finite(math.pow(last / start, 365.25 / days) - 1.0)
    found[5] = _finite(_deepest(start, equity))
    if not math.isnan(found[1]) and found[5] < -_ROUNDING:
        found[6] = _finite(found[1] / -found[5])
    if not _returns(start, equity, returns):
        return
    year = math.sqrt(periods)
    mean, deviation, downside = _moments(returns, risk_free)
    if count > 1:
        found[2] = _finite(deviation * year)
        if deviation > _ROUNDING:
            found[3] = _finite((mean - risk_free) / deviation * year)
    if downside > _ROUNDING:
        found[4] = _finite((mean - risk_free) / downside * year)


@compiled
def _finite(value: float) -> float:
    return value if math.isfinite(value) else np.nan


@compiled
def _deepest(start: float, equity: Any) -> float:
    """Return the deepest drawdown; a block that makes no new peak is looked at for its lowest value only."""
    if not start > 0.0:
        return np.nan
    peak, deepest = start, 0.0
    count = len(equity)
    place = 0
    while place < count:
        stop = min(place + 32, count)
        high, low = equity[place], equity[place]
        for each in range(place + 1, stop):
            high = max(high, equity[each])
            low = min(low, equity[each])
        if high <= peak:
            deepest = min(deepest, (low - peak) / peak)
        else:
            for each in range(place, stop):
                value = equity[each]
                if value > peak:
                    peak = value
                else:
                    deepest = min(deepest, (value - peak) / peak)
        place = stop
    return deepest


@compiled
def _returns(start: float, equity: Any, returns: Any) -> bool:
    """Fill in the returns, and say whether all of them exist."""
    count = len(equity)
    is_whole = start > 0.0
    returns[0] = (equity[0] - start) / start
    for place in range(1, count):
        base = equity[place - 1]
        returns[place] = (equity[place] - base) / base
        is_whole &= base > 0.0
    return is_whole


@compiled
def _moments(returns: Any, risk_free: float) -> tuple[float, float, float]:
    """Return mean, standard deviation (ddof 1) and downside root mean square of returns."""
    count = len(returns)
    whole = count - count % 4
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    for place in range(0, whole, 4):
        a += returns[place]
        b += returns[place + 1]
        c += returns[place + 2]
        d += returns[place + 3]
        w = min(returns[place] - risk_free, 0.0)
        x = min(returns[place + 1] - risk_free, 0.0)
        y = min(returns[place + 2] - risk_free, 0.0)
        z = min(returns[place + 3] - risk_free, 0.0)
        e += w * w
        f += x * x
        g += y * y
        h += z * z
    for place in range(whole, count):
        a += returns[place]
        w = min(returns[place] - risk_free, 0.0)
        e += w * w
    mean = ((a + b) + (c + d)) / count
    downside = math.sqrt(((e + f) + (g + h)) / count)
    a = b = c = d = 0.0
    for place in range(0, whole, 4):
        w = returns[place] - mean
        x = returns[place + 1] - mean
        y = returns[place + 2] - mean
        z = returns[place + 3] - mean
        a += w * w
        b += x * x
        c += y * y
        d += z * z
    for place in range(whole, count):
        w = returns[place] - mean
        a += w * w
    deviation = math.sqrt(((a + b) + (c + d)) / max(count - 1, 1))
    return mean, deviation, downside
