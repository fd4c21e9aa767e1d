"""Exponential moving average: each value moves the average by 2 / (period + 1) of its distance.

The average begins at the mean of the first `period` values, added up oldest first, as in TA-Lib. What is
wrong with it at any time shrinks by 1 - 2 / (period + 1) with each value, so rounding errors do not pile up.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.base import PriceIndicator
from qtrader.libraries.indicators.inputs import checked_column, checked_period
from qtrader.libraries.indicators.windows import after_warmup


class EMA(PriceIndicator[float]):
    """Exponential moving average, bar by bar.

    Args:
        period: Number of values of the first mean; the weight of a new value is 2 / (period + 1). At least 1.
        field: The bar's price that `update_bar` takes.
    """

    __slots__ = ("_seed_sum", "_until_ready", "_weight", "period")
    parameter_names = ("period",)

    def __init__(self, period: int, *, field: str = "close") -> None:
        self.period = checked_period("EMA", "period", period, 1)
        self._weight = ema_weight(self.period)
        super().__init__(warmup=self.period, field=field)

    def reset(self) -> None:
        """Forget every price seen."""
        self.value = nan
        self.is_ready = False
        self._seed_sum = 0.0
        self._until_ready = self.period

    def update(self, price: float) -> float:
        """Take the next price, finite by contract, and return the new average (NaN until ready)."""
        if self.is_ready:
            average = self.value
            self.value = average = (price - average) * self._weight + average
            return average
        return self._seed(price)

    def _seed(self, price: float) -> float:
        self._seed_sum += price
        self._until_ready -= 1
        if not self._until_ready:
            self.value = self._seed_sum / self.period
            self.is_ready = True
        return self.value

    def on_columns(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the column that a fresh indicator with these parameters would give."""
        return ema(values, self.period)


def ema(values: ArrayLike, period: int) -> NDArray[np.float64]:
    """Return the exponential moving average of a column: same length, NaN in the first `period` - 1 rows.

    Raises:
        IndicatorError: bad period, or a row that is not finite.
    """
    period = checked_period("ema", "period", period, 1)
    column = checked_column("ema", "values", values)
    return after_warmup(np.array(ema_values(column.tolist(), period), dtype=np.float64), len(column))


def ema_weight(period: int) -> float:
    """Return the weight of a new value."""
    return 2.0 / (period + 1)


def ema_values(values: list[float], period: int) -> list[float]:
    """Return the averages from the first full period on; none if there are fewer values."""
    if len(values) < period:
        return []
    seed_sum = 0.0
    for value in values[:period]:
        seed_sum += value
    weight = ema_weight(period)
    average = seed_sum / period
    averages = [average]
    averages += [average := (value - average) * weight + average for value in values[period:]]
    return averages
