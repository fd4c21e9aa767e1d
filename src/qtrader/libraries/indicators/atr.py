"""Average true range (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

The true range of a bar spans its own range and the previous close: max(high, previous close) - min(low,
previous close). Rounding never changes the order of two differences, so this is to the bit the largest of the
three differences of Wilder's definition. The first bar has no previous close and gives no range. Averages are
Wilder's: first the mean of `period` ranges, then (average · (period - 1) + range) / period.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.inputs import BarLike, IndicatorError, checked_column, checked_period
from qtrader.libraries.indicators.rsi import wilder_averages
from qtrader.libraries.indicators.windows import Floats, after_warmup


class ATR:
    """Wilder's average true range, bar by bar, in units of price.

    Args:
        period: Number of true ranges of the first mean, at least 1 (which gives the true range itself).

    Attributes:
        warmup: Number of bars until the first result.
        is_ready: Whether `value` is a number.
        value: The latest result, NaN until ready.
    """

    __slots__ = (
        "_divisor",
        "_kept",
        "_previous_close",
        "_seed_sum",
        "_until_ready",
        "is_ready",
        "period",
        "value",
        "warmup",
    )

    def __init__(self, period: int = 14) -> None:
        self.period = checked_period("ATR", "period", period, 1)
        self.warmup = self.period + 1
        self._divisor = float(self.period)
        self._kept = float(self.period - 1)
        self.reset()

    def reset(self) -> None:
        """Forget every bar seen."""
        self.value = nan
        self.is_ready = False
        self._previous_close = nan
        self._seed_sum = 0.0
        self._until_ready = self.warmup

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar, finite and low ≤ high by contract, and return the average (NaN until ready)."""
        previous_close = self._previous_close
        self._previous_close = close
        if previous_close > high:
            true_range = previous_close - low
        elif previous_close < low:
            true_range = high - previous_close
        else:
            true_range = high - low
        if self.is_ready:
            self.value = average = (self.value * self._kept + true_range) / self._divisor
            return average
        return self._seed(true_range)

    def _seed(self, true_range: float) -> float:
        if self._until_ready < self.warmup:
            self._seed_sum += true_range
        self._until_ready -= 1
        if not self._until_ready:
            self.value = self._seed_sum / self.period
            self.is_ready = True
        return self.value

    def update_bar(self, bar: BarLike) -> float:
        """Take the bar's prices in the signal series (times `signal_factor`) and return the average."""
        factor = bar.signal_factor
        return self.update(bar.high * factor, bar.low * factor, bar.close * factor)

    def on_columns(self, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> NDArray[np.float64]:
        """Return the column that a fresh indicator with these parameters would give."""
        return atr(high, low, close, self.period)

    def __repr__(self) -> str:
        return f"ATR(period={self.period!r})"


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14) -> NDArray[np.float64]:
    """Return Wilder's average true range of three columns: same length, NaN in the first `period` rows.

    Raises:
        IndicatorError: bad period, columns of different lengths, a row that is not finite or has low > high.
    """
    period = checked_period("atr", "period", period, 1)
    highs = checked_column("atr", "high", high)
    lows = checked_column("atr", "low", low)
    closes = checked_column("atr", "close", close)
    _check_rows(highs, lows, closes)
    true_ranges = np.maximum(highs[1:], closes[:-1]) - np.minimum(lows[1:], closes[:-1])
    averages = np.array(wilder_averages(true_ranges.tolist(), period), dtype=np.float64)
    return after_warmup(averages, len(highs))


def _check_rows(highs: Floats, lows: Floats, closes: Floats) -> None:
    if not len(highs) == len(lows) == len(closes):
        message = (
            f"atr: high, low and close have {len(highs)}, {len(lows)} and {len(closes)} rows;"
            " they must be equally long"
        )
        raise IndicatorError(message)
    crossed = lows > highs
    if crossed.any():
        row = int(np.argmax(crossed))
        message = f"atr: low[{row}] is {lows[row]} above high[{row}] {highs[row]}; low must be ≤ high"
        raise IndicatorError(message)
