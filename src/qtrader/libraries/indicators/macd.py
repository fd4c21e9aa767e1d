"""Moving average convergence/divergence: a fast EMA minus a slow one, and an EMA of that as signal.

Gerald Appel, Technical Analysis: Power Tools for Active Investors, 2005.

As in TA-Lib, both averages give their first value at the same row: the fast one's first mean takes the last
`fast_period` of the first `slow_period` values, not the first. So the fast average here is not
`EMA(fast_period)` of the same series while warming up; the difference fades with time. Results begin with the
signal, after slow_period + signal_period - 1 values; until then all three are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.libraries.indicators.base import PriceIndicator
from qtrader.libraries.indicators.ema import EMA, ema_values, ema_weight
from qtrader.libraries.indicators.inputs import IndicatorError, checked_column, checked_period
from qtrader.libraries.indicators.windows import after_warmup


class MACDValue(msgspec.Struct, frozen=True, gc=False):
    """Line, signal and their difference at one bar; unpacks as `macd, signal, histogram`."""

    macd: float
    signal: float
    histogram: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.macd, self.signal, self.histogram))


class MACDColumns(NamedTuple):
    """Line, signal and their difference as columns of equal length."""

    macd: NDArray[np.float64]
    signal: NDArray[np.float64]
    histogram: NDArray[np.float64]


_NOT_READY = MACDValue(nan, nan, nan)


class MACD(PriceIndicator[MACDValue]):
    """Moving average convergence/divergence, bar by bar, in units of price.

    Args:
        fast_period: Period of the fast average, at least 1.
        slow_period: Period of the slow average, greater than `fast_period`.
        signal_period: Period of the signal's average, at least 1.
        field: The bar's price that `update_bar` takes.
    """

    __slots__ = (
        "_fast",
        "_fast_weight",
        "_seeds",
        "_signal",
        "_signal_weight",
        "_skipped",
        "_slow",
        "_slow_weight",
        "fast_period",
        "signal_period",
        "slow_period",
    )
    parameter_names = ("fast_period", "slow_period", "signal_period")

    def __init__(
        self, fast_period: int = 12, slow_period: int = 26, signal_period: int = 9, *, field: str = "close"
    ) -> None:
        periods = _checked_periods("MACD", fast_period, slow_period, signal_period)
        self.fast_period, self.slow_period, self.signal_period = periods
        self._fast_weight = ema_weight(self.fast_period)
        self._slow_weight = ema_weight(self.slow_period)
        self._signal_weight = ema_weight(self.signal_period)
        super().__init__(warmup=self.slow_period + self.signal_period - 1, field=field)

    def reset(self) -> None:
        """Forget every price seen."""
        self.value = _NOT_READY
        self.is_ready = False
        self._fast = self._slow = self._signal = nan
        self._skipped = 0
        self._seeds: tuple[EMA, EMA, EMA] | None = (
            EMA(self.fast_period),
            EMA(self.slow_period),
            EMA(self.signal_period),
        )

    def update(self, price: float) -> MACDValue:
        """Take the next price, finite by contract, and return the new values (NaN until ready)."""
        if self._seeds is not None:
            return self._seed(price, *self._seeds)
        fast = self._fast
        slow = self._slow
        signal = self._signal
        self._fast = fast = (price - fast) * self._fast_weight + fast
        self._slow = slow = (price - slow) * self._slow_weight + slow
        line = fast - slow
        self._signal = signal = (line - signal) * self._signal_weight + signal
        self.value = value = MACDValue(line, signal, line - signal)
        return value

    def _seed(self, price: float, fast: EMA, slow: EMA, signal: EMA) -> MACDValue:
        if self._skipped < self.slow_period - self.fast_period:
            self._skipped += 1
        else:
            fast.update(price)
        slow.update(price)
        if slow.is_ready:
            line = fast.value - slow.value
            signal.update(line)
            if signal.is_ready:
                self._fast = fast.value
                self._slow = slow.value
                self._signal = signal.value
                self._seeds = None
                self.is_ready = True
                self.value = MACDValue(line, signal.value, line - signal.value)
        return self.value

    def on_columns(self, values: ArrayLike) -> MACDColumns:
        """Return the columns that a fresh indicator with these parameters would give."""
        return macd(values, self.fast_period, self.slow_period, self.signal_period)


def macd(
    values: ArrayLike, fast_period: int = 12, slow_period: int = 26, signal_period: int = 9
) -> MACDColumns:
    """Return the MACD of a column: same length, NaN in the first slow_period + signal_period - 2 rows.

    Raises:
        IndicatorError: a bad period, fast not below slow, or a row that is not finite.
    """
    fast_period, slow_period, signal_period = _checked_periods(
        "macd", fast_period, slow_period, signal_period
    )
    column = checked_column("macd", "values", values)
    rows = len(column)
    prices = column.tolist()
    fast = np.array(ema_values(prices[slow_period - fast_period :], fast_period), dtype=np.float64)
    slow = np.array(ema_values(prices, slow_period), dtype=np.float64)
    line = fast - slow
    signal = np.array(ema_values(line.tolist(), signal_period), dtype=np.float64)
    line = line[len(line) - len(signal) :]
    return MACDColumns(*(after_warmup(part, rows) for part in (line, signal, line - signal)))


def _checked_periods(indicator: str, fast: int, slow: int, signal: int) -> tuple[int, int, int]:
    fast = checked_period(indicator, "fast_period", fast, 1)
    slow = checked_period(indicator, "slow_period", slow, 2)
    signal = checked_period(indicator, "signal_period", signal, 1)
    if fast >= slow:
        message = f"{indicator}: fast_period is {fast}; it must be less than slow_period, which is {slow}"
        raise IndicatorError(message)
    return fast, slow, signal
