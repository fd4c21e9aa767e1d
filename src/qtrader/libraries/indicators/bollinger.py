"""Bollinger bands: a moving mean and, on either side of it, a multiple of the standard deviation.

John Bollinger, Bollinger on Bollinger Bands, 2001.

The deviation is the population's (divided by `period`). It is kept as the sum of squared distances from the
mean, updated without ever squaring a price: replacing the oldest value by the newest changes that sum by
(newest - oldest) · ((newest - new mean) + (oldest - old mean)). The textbook's E[x²] - E[x]² loses all digits
where the spread is small beside the price. The sum is added up afresh together with the mean (see `windows`),
cut off at zero, and exactly zero where all values of the window are equal. The middle band is the SMA, to the
bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import nan, sqrt
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.base import PriceIndicator
from qtrader.libraries.indicators.inputs import checked_column, checked_deviations, checked_period
from qtrader.libraries.indicators.windows import (
    Floats,
    after_warmup,
    anchor_interval,
    anchored_windows,
    moving_sums,
    row_sums,
    running_sums,
)


class BollingerValue(msgspec.Struct, frozen=True, gc=False):
    """The three bands at one bar; unpacks as `lower, middle, upper`."""

    lower: float
    middle: float
    upper: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.lower, self.middle, self.upper))


class BollingerColumns(NamedTuple):
    """The three bands as columns of equal length."""

    lower: NDArray[np.float64]
    middle: NDArray[np.float64]
    upper: NDArray[np.float64]


_NOT_READY = BollingerValue(nan, nan, nan)


class BollingerBands(PriceIndicator[BollingerValue]):
    """Bollinger bands, bar by bar.

    Args:
        period: Number of values of the mean and the deviation, at least 2.
        deviations: Distance of the outer bands from the mean in standard deviations.
        field: The bar's price that `update_bar` takes.
    """

    __slots__ = (
        "_divisor",
        "_equal_values",
        "_interval",
        "_mean",
        "_squares",
        "_until_anchor",
        "_window",
        "_window_sum",
        "deviations",
        "period",
    )
    parameter_names = ("period", "deviations")

    def __init__(self, period: int = 20, deviations: float = 2.0, *, field: str = "close") -> None:
        self.period = checked_period("BollingerBands", "period", period, 2)
        self.deviations = checked_deviations("BollingerBands", deviations)
        self._interval = anchor_interval(self.period)
        super().__init__(warmup=self.period, field=field)

    def reset(self) -> None:
        """Forget every price seen."""
        self.value = _NOT_READY
        self.is_ready = False
        self._window: deque[float] = deque([0.0] * self.period, maxlen=self.period)
        self._window_sum = 0.0
        self._mean = nan
        self._squares = nan
        self._equal_values = 0
        self._until_anchor = self.period
        # Dividing by NaN keeps the bands NaN until the first anchor, without a test on every bar.
        self._divisor = nan

    def update(self, price: float) -> BollingerValue:
        """Take the next price, finite by contract, and return the new bands (NaN until ready)."""
        window = self._window
        oldest = window[0]
        self._equal_values = equal_values = self._equal_values + 1 if price == window[-1] else 1
        window.append(price)
        self._until_anchor = until_anchor = self._until_anchor - 1
        if until_anchor:
            self._window_sum = window_sum = self._window_sum - oldest + price
            mean = window_sum / self._divisor
            squares = self._squares + (price - oldest) * ((price - mean) + (oldest - self._mean))
            self._mean = mean
            self._squares = squares
        else:
            self._anchor()
            mean = self._mean
            squares = self._squares
        if squares > 0.0 and equal_values < self.period:
            distance = sqrt(squares / self._divisor) * self.deviations
        else:
            distance = 0.0
        self.value = bands = BollingerValue(mean - distance, mean, mean + distance)
        return bands

    def _anchor(self) -> None:
        window_sum = 0.0
        for value in self._window:
            window_sum += value
        self._window_sum = window_sum
        self._divisor = float(self.period)
        self._mean = mean = window_sum / self._divisor
        squares = 0.0
        for value in self._window:
            deviation = value - mean
            squares += deviation * deviation
        self._squares = squares
        self._until_anchor = self._interval
        self.is_ready = True

    @property
    def column_anchor(self) -> int:
        """From any multiple of this many values on, `on_columns` gives the same bands as from the first."""
        return self._interval

    def on_columns(self, values: ArrayLike) -> BollingerColumns:
        """Return the columns that a fresh indicator with these parameters would give."""
        return bollinger_bands(values, self.period, self.deviations)


def bollinger_bands(values: ArrayLike, period: int = 20, deviations: float = 2.0) -> BollingerColumns:
    """Return the Bollinger bands of a column: same length, NaN in the first `period` - 1 rows.

    Raises:
        IndicatorError: bad period or deviations, or a row that is not finite.
    """
    period = checked_period("bollinger_bands", "period", period, 2)
    deviations = checked_deviations("bollinger_bands", deviations)
    column = checked_column("bollinger_bands", "values", values)
    rows = len(column)
    if rows < period:
        return BollingerColumns(*(np.full(rows, np.nan) for _ in range(3)))
    means = moving_sums(column, period, float(period))
    squares = _squares(column, means, period)
    squares[~(squares > 0.0) | _all_equal(column, period)] = 0.0
    distances = np.sqrt(squares / float(period)) * deviations
    return BollingerColumns(
        *(after_warmup(band, rows) for band in (means - distances, means, means + distances))
    )


def _squares(values: Floats, means: Floats, period: int) -> Floats:
    interval = anchor_interval(period)
    deviations = anchored_windows(values, period) - means[::interval, np.newaxis]
    newest = values[period:]
    oldest = values[:-period]
    steps = np.zeros((len(means), 1))
    steps[1:, 0] = (newest - oldest) * ((newest - means[1:]) + (oldest - means[:-1]))
    return running_sums(row_sums(deviations * deviations), steps, interval)


def _all_equal(values: Floats, period: int) -> NDArray[np.bool_]:
    changes = np.cumsum(values[1:] != values[:-1], dtype=np.int64)
    changes_before = np.concatenate((np.zeros(1, dtype=np.int64), changes))
    equal: NDArray[np.bool_] = changes_before[period - 1 :] == changes_before[: len(values) - period + 1]
    return equal
