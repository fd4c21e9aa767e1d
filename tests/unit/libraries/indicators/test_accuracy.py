"""Moving sums do not drift: the error stays within the stated bound however long the series is."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np

from qtrader.libraries.indicators import bollinger_bands, sma
from qtrader.libraries.indicators.windows import Floats, anchor_interval, running_sums

ROWS = 200_000


def prices(rows: int = ROWS) -> Floats:
    steps = np.random.default_rng(11).normal(0.0, 0.002, rows)
    return 100.0 * np.exp(np.cumsum(steps))


def test_sma_over_200_000_values_against_exact_sums() -> None:
    period = 20
    values = prices()
    means = sma(values, period)
    as_list = values.tolist()
    exact = np.array([fsum(as_list[end - period : end]) / period for end in range(period, ROWS + 1)])
    largest = values.max()
    assert (
        np.abs(means[period - 1 :] - exact).max()
        <= (period + 2 * anchor_interval(period)) * 2.0**-53 * largest
    )


def test_sma_recovers_from_a_price_that_a_running_sum_never_forgets() -> None:
    period = 10
    values = np.concatenate((np.full(50, 1e12 + 0.1), np.full(1000, 0.01)))
    never_anchored = 0.0
    for row, value in enumerate(values.tolist()):
        never_anchored = never_anchored - (values[row - period] if row >= period else 0.0) + value
    assert abs(never_anchored / period - 0.01) > 1e-6
    np.testing.assert_allclose(sma(values, period)[-1], 0.01, rtol=1e-15)


def test_bollinger_deviation_over_200_000_values_against_two_passes() -> None:
    period = 20
    values = prices()
    bands = bollinger_bands(values, period, 1.0)
    as_list = values.tolist()
    for end in range(period, ROWS + 1, 97):
        window = as_list[end - period : end]
        mean = fsum(window) / period
        deviation = sqrt(fsum((value - mean) ** 2 for value in window) / period)
        assert abs(bands.upper[end - 1] - (mean + deviation)) <= 1e-11


def test_bollinger_keeps_its_digits_where_the_spread_is_small_beside_the_price() -> None:
    # One cent around a million: E[x²] - E[x]² would be wrong in the first digit.
    period = 20
    values = 1e6 + np.random.default_rng(3).normal(0.0, 0.01, 5000)
    width = bollinger_bands(values, period, 1.0).upper - bollinger_bands(values, period, 1.0).middle
    for end in range(period, 5001, 61):
        window = values[end - period : end].tolist()
        mean = fsum(window) / period
        deviation = sqrt(fsum((value - mean) ** 2 for value in window) / period)
        # Adding the deviation to a price of a million rounds it to 2**-33, about 1.2e-10.
        assert abs(width[end - 1] - deviation) <= 1e-9


def test_running_sums_add_in_the_order_given() -> None:
    # 1e16 + 1 - 1e16 is 0 from left to right; any other grouping gives 1.
    steps = np.array([[0.0, 0.0], [1.0, -1e16], [0.5, 0.5]])
    np.testing.assert_array_equal(running_sums(np.array([1e16]), steps, 4), [1e16, 0.0, 1.0])
    np.testing.assert_array_equal(running_sums(np.array([1e16, 7.0]), steps, 2), [1e16, 0.0, 7.0])
