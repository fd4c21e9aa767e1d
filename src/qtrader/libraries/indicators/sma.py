"""Simple moving average: the mean of the last `period` values (see `windows` for the order of operations)."""

from __future__ import annotations

from collections import deque
from itertools import repeat
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.base import PriceIndicator
from qtrader.libraries.indicators.inputs import checked_column, checked_period
from qtrader.libraries.indicators.windows import anchor_interval, moving_sums


class SMA(PriceIndicator[float]):
    """Simple moving average, bar by bar.

    Args:
        period: Number of values averaged, at least 1.
        field: The bar's price that `update_bar` takes.
    """

    __slots__ = ("_divisor", "_interval", "_until_anchor", "_window", "_window_sum", "period")
    parameter_names = ("period",)

    def __init__(self, period: int, *, field: str = "close") -> None:
        self.period = checked_period("SMA", "period", period, 1)
        self._interval = anchor_interval(self.period)
        super().__init__(warmup=self.period, field=field)

    def reset(self) -> None:
        """Forget every price seen."""
        self.value = nan
        self.is_ready = False
        self._window: deque[float] = deque(repeat(0.0, self.period), maxlen=self.period)
        self._window_sum = 0.0
        self._until_anchor = self.period
        # Dividing by NaN keeps the value NaN until the first anchor, without a test on every bar.
        self._divisor = nan

    def update(self, price: float) -> float:
        """Take the next price, finite by contract, and return the new mean (NaN until ready)."""
        window = self._window
        window_sum = self._window_sum - window[0] + price
        window.append(price)
        until_anchor = self._until_anchor - 1
        if not until_anchor:
            until_anchor = self._interval
            window_sum = 0.0
            for value in window:
                window_sum += value
            self._divisor = float(self.period)
            self.is_ready = True
        self._until_anchor = until_anchor
        self._window_sum = window_sum
        self.value = mean = window_sum / self._divisor
        return mean

    @property
    def column_anchor(self) -> int:
        """From any multiple of this many values on, `on_columns` gives the same means as from the first."""
        return self._interval

    def on_columns(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the column that a fresh indicator with these parameters would give."""
        return sma(values, self.period)


def sma(values: ArrayLike, period: int) -> NDArray[np.float64]:
    """Return the simple moving average of a column: same length, NaN in the first `period` - 1 rows.

    Raises:
        IndicatorError: bad period, or a row that is not finite.
    """
    period = checked_period("sma", "period", period, 1)
    column = checked_column("sma", "values", values)
    means = np.empty(len(column))
    means[: period - 1] = np.nan
    if len(column) >= period:
        moving_sums(column, period, float(period), out=means[period - 1 :])
    return means
