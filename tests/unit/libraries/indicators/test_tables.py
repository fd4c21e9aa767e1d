"""Values that a trader can check by hand."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
import pytest

from qtrader.libraries.indicators import (
    ATR,
    MACD,
    RSI,
    SMA,
    BollingerBands,
    atr,
    bollinger_bands,
    ema,
    macd,
    rsi,
    sma,
)


def test_sma_of_one_to_five() -> None:
    np.testing.assert_array_equal(sma([1.0, 2.0, 3.0, 4.0, 5.0], 3), [nan, nan, 2.0, 3.0, 4.0])
    mean = SMA(3)
    assert [mean.update(price) for price in (1.0, 2.0, 3.0, 4.0, 5.0)][2:] == [2.0, 3.0, 4.0]
    assert mean.value == 4.0


def test_ema_begins_at_the_mean_and_moves_half_way_for_period_three() -> None:
    # Mean of 1, 2, 6 is 3; then 3 + (5 - 3) / 2 = 4 and 4 + (0 - 4) / 2 = 2.
    np.testing.assert_array_equal(ema([1.0, 2.0, 6.0, 5.0, 0.0], 3), [nan, nan, 3.0, 4.0, 2.0])


def test_rsi_by_hand() -> None:
    # Changes +2, -1, +1, -3. Gains 1, (1 + 1) / 2 = 1, 0.5; losses 0.5, 0.25, (0.25 + 3) / 2 = 1.625.
    expected = [nan, nan, 100.0 * 1.0 / 1.5, 100.0 * 1.0 / 1.25, 100.0 * 0.5 / 2.125]
    np.testing.assert_allclose(rsi([10.0, 12.0, 11.0, 12.0, 9.0], 2), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("prices", "expected"), [([1.0, 2.0, 3.0, 4.0], 100.0), ([4.0, 3.0, 2.0, 1.0], 0.0), ([5.0] * 4, 0.0)]
)
def test_rsi_of_a_rise_a_fall_and_no_change(prices: list[float], expected: float) -> None:
    assert rsi(prices, 3)[-1] == expected
    index = RSI(3)
    assert [index.update(price) for price in prices][-1] == expected


def test_atr_counts_gaps_from_the_previous_close() -> None:
    # (high, low, close): ranges are — , gap up 15 - 10 = 5, inside 3, gap down 14 - 9 = 5.
    high, low, close = [11.0, 15.0, 16.0, 10.0], [9.0, 13.0, 13.0, 9.0], [10.0, 14.0, 14.0, 9.5]
    np.testing.assert_array_equal(atr(high, low, close, 1), [nan, 5.0, 3.0, 5.0])
    np.testing.assert_array_equal(atr(high, low, close, 2), [nan, nan, 4.0, 4.5])
    average = ATR(2)
    assert [average.update(*row) for row in zip(high, low, close, strict=True)][2:] == [4.0, 4.5]


def test_bollinger_bands_of_one_to_five() -> None:
    # Each window of three has the population deviation sqrt(2 / 3).
    bands = bollinger_bands([1.0, 2.0, 3.0, 4.0, 5.0], 3, 2.0)
    np.testing.assert_array_equal(bands.middle, [nan, nan, 2.0, 3.0, 4.0])
    half_width = 2.0 * sqrt(2.0 / 3.0)
    np.testing.assert_allclose(bands.upper[2:], np.array([2.0, 3.0, 4.0]) + half_width, rtol=1e-15)
    np.testing.assert_allclose(bands.lower[2:], np.array([2.0, 3.0, 4.0]) - half_width, rtol=1e-15)


def test_bollinger_value_unpacks_by_name_and_in_order() -> None:
    indicator = BollingerBands(2, 1.0)
    indicator.update(1.0)
    lower, middle, upper = indicator.update(3.0)
    assert (lower, middle, upper) == (1.0, 2.0, 3.0)
    assert (indicator.value.lower, indicator.value.middle, indicator.value.upper) == (1.0, 2.0, 3.0)


def test_macd_by_hand() -> None:
    # Fast 1 is the price. Slow 3 begins at (1 + 2 + 3) / 3 = 2 and moves half way: 3, 4.5.
    # Signal 2 begins at the mean of two lines and moves two thirds of the way.
    result = macd([1.0, 2.0, 3.0, 4.0, 6.0], 1, 3, 2)
    np.testing.assert_allclose(result.macd, [nan, nan, nan, 1.0, 1.5], rtol=1e-15)
    np.testing.assert_allclose(result.signal, [nan, nan, nan, 1.0, 4.0 / 3.0], rtol=1e-15)
    np.testing.assert_allclose(
        result.histogram, [nan, nan, nan, 0.0, 1.5 - 4.0 / 3.0], rtol=1e-14, atol=1e-15
    )
    indicator = MACD(1, 3, 2)
    for price in (1.0, 2.0, 3.0, 4.0, 6.0):
        line, signal, histogram = indicator.update(price)
    assert (line, signal, histogram) == (result.macd[-1], result.signal[-1], result.histogram[-1])


@pytest.mark.parametrize("constant", [0.1, 0.3, 100.0, 123456.789])
def test_bands_of_a_constant_price_have_no_width(constant: float) -> None:
    bands = bollinger_bands(np.full(1000, constant), 20)
    assert (bands.upper[19:] == bands.lower[19:]).all()
    np.testing.assert_allclose(bands.middle[19:], constant, rtol=1e-15)


def test_bands_have_no_width_as_soon_as_a_jump_has_left_the_window() -> None:
    prices = np.concatenate((np.linspace(100.0, 137.7, 50), np.full(60, 212.34)))
    bands = bollinger_bands(prices, 20)
    width = bands.upper - bands.lower
    assert (width[69:] == 0.0).all()
    assert (width[19:69] > 0.0).all()
