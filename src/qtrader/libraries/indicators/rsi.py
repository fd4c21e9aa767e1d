"""Relative strength index (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

100 · gain / (gain + loss), where gain and loss are Wilder's averages of the rises and falls from one price to
the next: first the mean of `period` changes, then (average · (period - 1) + change) / period. Where no price
has ever changed there is no strength to measure; the value is then 0, as in TA-Lib.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.base import PriceIndicator
from qtrader.libraries.indicators.inputs import checked_column, checked_period
from qtrader.libraries.indicators.windows import after_warmup


class RSI(PriceIndicator[float]):
    """Wilder's relative strength index, bar by bar, from 0 to 100.

    Args:
        period: Number of changes of the first mean, at least 2.
        field: The bar's price that `update_bar` takes.
    """

    __slots__ = ("_average_gain", "_average_loss", "_divisor", "_kept", "_previous", "_until_ready", "period")
    parameter_names = ("period",)

    def __init__(self, period: int = 14, *, field: str = "close") -> None:
        self.period = checked_period("RSI", "period", period, 2)
        self._divisor = float(self.period)
        self._kept = float(self.period - 1)
        super().__init__(warmup=self.period + 1, field=field)

    def reset(self) -> None:
        """Forget every price seen."""
        self.value = nan
        self.is_ready = False
        self._average_gain = 0.0
        self._average_loss = 0.0
        self._previous = nan
        self._until_ready = self.warmup

    def update(self, price: float) -> float:
        """Take the next price, finite by contract, and return the new index (NaN until ready)."""
        change = price - self._previous
        self._previous = price
        if not self.is_ready:
            return self._seed(change)
        kept = self._kept
        divisor = self._divisor
        gain = self._average_gain * kept
        loss = self._average_loss * kept
        if change < 0.0:
            loss -= change
        else:
            gain += change
        self._average_gain = gain = gain / divisor
        self._average_loss = loss = loss / divisor
        movement = gain + loss
        self.value = index = 100.0 * (gain / movement) if movement else 0.0
        return index

    def _seed(self, change: float) -> float:
        self._until_ready -= 1
        # The first price has no change: NaN is neither a rise nor a fall.
        if change < 0.0:
            self._average_loss -= change
        elif change > 0.0:
            self._average_gain += change
        if not self._until_ready:
            self._average_gain /= self.period
            self._average_loss /= self.period
            self.value = _index(self._average_gain, self._average_loss)
            self.is_ready = True
        return self.value

    def on_columns(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the column that a fresh indicator with these parameters would give."""
        return rsi(values, self.period)


def rsi(values: ArrayLike, period: int = 14) -> NDArray[np.float64]:
    """Return Wilder's relative strength index of a column: same length, NaN in the first `period` rows.

    Raises:
        IndicatorError: bad period, or a row that is not finite.
    """
    period = checked_period("rsi", "period", period, 2)
    column = checked_column("rsi", "values", values)
    if len(column) <= period:
        return np.full(len(column), np.nan)
    changes = np.diff(column)
    gains = np.array(wilder_averages(np.where(changes > 0.0, changes, 0.0).tolist(), period))
    losses = np.array(wilder_averages(np.where(changes < 0.0, -changes, 0.0).tolist(), period))
    movements = gains + losses
    shares = np.divide(gains, movements, out=np.zeros_like(movements), where=movements != 0.0)
    return after_warmup(100.0 * shares, len(column))


def wilder_averages(values: list[float], period: int) -> list[float]:
    """Return Wilder's averages from the first full period on; none if there are fewer values."""
    if len(values) < period:
        return []
    seed_sum = 0.0
    for value in values[:period]:
        seed_sum += value
    kept = float(period - 1)
    average = seed_sum / period
    averages = [average]
    averages += [average := (average * kept + value) / period for value in values[period:]]
    return averages


def _index(gain: float, loss: float) -> float:
    movement = gain + loss
    return 100.0 * (gain / movement) if movement else 0.0
