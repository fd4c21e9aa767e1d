"""Every indicator equals TA-Lib within 1e-9 of the price (RSI: of its scale), NaN in the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pytest
import talib

from qtrader.libraries.indicators import atr, bollinger_bands, ema, macd, rsi, sma
from qtrader.libraries.indicators.windows import Floats


class Bars(Protocol):
    """Columns of one stock."""

    high: Floats
    low: Floats
    close: Floats

    def __iter__(self) -> Iterator[Floats]: ...


TOLERANCE = 1e-9


def assert_equal(ours: Floats, theirs: Floats, scale: float) -> None:
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    assert not np.isnan(ours).all()
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("period", [1, 2, 10, 50, 200, 1000])
def test_sma(bars: Bars, period: int) -> None:
    assert_equal(sma(bars.close, period), talib.SMA(bars.close, period), bars.close.max())


@pytest.mark.parametrize("period", [1, 2, 10, 50, 200, 1000])
def test_ema(bars: Bars, period: int) -> None:
    assert_equal(ema(bars.close, period), talib.EMA(bars.close, period), bars.close.max())


@pytest.mark.parametrize("period", [2, 5, 14, 100])
def test_rsi(bars: Bars, period: int) -> None:
    assert_equal(rsi(bars.close, period), talib.RSI(bars.close, period), 100.0)


@pytest.mark.parametrize("period", [1, 2, 14, 100])
def test_atr(bars: Bars, period: int) -> None:
    assert_equal(atr(*bars, period), talib.ATR(*bars, period), bars.close.max())


@pytest.mark.parametrize(("period", "deviations"), [(3, 2.0), (5, 1.0), (20, 2.0), (20, 2.5), (200, 3.0)])
def test_bollinger_bands(bars: Bars, period: int, deviations: float) -> None:
    upper, middle, lower = talib.BBANDS(bars.close, period, deviations, deviations, matype=0)
    ours = bollinger_bands(bars.close, period, deviations)
    assert_equal(ours.middle, middle, bars.close.max())
    assert_equal(ours.lower, lower, bars.close.max())
    assert_equal(ours.upper, upper, bars.close.max())


def test_bollinger_bands_of_two_values(bars: Bars) -> None:
    # Not against TA-Lib: for closes a cent apart its E[x²] - E[x]² has lost the digits asked for here. The
    # deviation of two values is half their distance.
    ours = bollinger_bands(bars.close, 2, 1.0)
    distances = np.abs(np.diff(bars.close))
    np.testing.assert_allclose(
        (ours.upper - ours.lower)[1:], distances, rtol=0.0, atol=TOLERANCE * bars.close.max()
    )


@pytest.mark.parametrize("periods", [(12, 26, 9), (3, 10, 16), (5, 6, 1), (2, 3, 2), (50, 200, 30)])
def test_macd(bars: Bars, periods: tuple[int, int, int]) -> None:
    for ours, theirs in zip(macd(bars.close, *periods), talib.MACD(bars.close, *periods), strict=True):
        assert_equal(ours, theirs, bars.close.max())


def test_the_fast_average_of_macd_is_seeded_next_to_the_slow_one(apple: Bars) -> None:
    """The alignment that makes MACD differ from the difference of two EMAs while the seeds fade."""
    fast, slow, signal = 12, 26, 9
    first = slow + signal - 2
    late_start = ema(apple.close[slow - fast :], fast)[first - (slow - fast)]
    line = macd(apple.close, fast, slow, signal).macd
    assert line[first] == late_start - ema(apple.close, slow)[first]
    assert line[first] != ema(apple.close, fast)[first] - ema(apple.close, slow)[first]


@pytest.mark.parametrize("constant", [0.1, 1.0, 33.33])
def test_a_constant_price(constant: float) -> None:
    values = np.full(600, constant)
    assert_equal(rsi(values, 14), talib.RSI(values, 14), 1.0)
    for ours, theirs in zip(macd(values), talib.MACD(values), strict=True):
        assert_equal(ours, theirs, constant)
