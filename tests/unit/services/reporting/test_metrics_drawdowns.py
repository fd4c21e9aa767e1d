"""Drawdowns, against a table that can be read by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qtrader.services.reporting.drawdowns import (
    Drawdown,
    drawdown_series,
    drawdowns,
    longest_drawdown_days,
    max_drawdown,
    top_drawdowns,
    ulcer_index,
)
from qtrader.services.reporting.moments import MetricInputError

DAY = 86_400_000_000
#            0      1      2      3      4      5     6     7
EQUITY = [100.0, 110.0, 99.0, 104.5, 110.0, 120.0, 90.0, 96.0]


def days(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * DAY


def test_the_series_is_the_fall_below_the_running_peak() -> None:
    expected = [0.0, 0.0, -0.1, -0.05, 0.0, 0.0, -0.25, -0.2]
    assert drawdown_series(EQUITY) == pytest.approx(expected, abs=1e-15)


def test_each_drawdown_has_its_instants_and_durations() -> None:
    assert drawdowns(EQUITY, days(8)) == (
        Drawdown(pytest.approx(-0.1), DAY, 2 * DAY, 4 * DAY, 1.0, 2.0, 3.0),
        Drawdown(-0.25, 5 * DAY, 6 * DAY, None, 1.0, None, 2.0),
    )
    assert longest_drawdown_days(EQUITY, days(8)) == 3.0


def test_the_deepest_come_first() -> None:
    assert [one.depth for one in top_drawdowns(EQUITY, days(8), 5)] == [-0.25, pytest.approx(-0.1)]
    assert [one.depth for one in top_drawdowns(EQUITY, days(8), 1)] == [-0.25]
    assert max_drawdown(EQUITY) == -0.25


def test_the_peak_is_the_last_point_at_it_and_the_trough_the_first() -> None:
    (one,) = drawdowns([100.0, 100.0, 80.0, 80.0, 100.0], days(5))
    assert (one.peak_at_us, one.trough_at_us, one.recovered_at_us) == (DAY, 2 * DAY, 4 * DAY)


def test_a_loss_in_the_first_period_counts_from_the_starting_capital() -> None:
    (one,) = drawdowns([100.0, 90.0], days(2))
    assert (one.peak_at_us, one.depth) == (0, pytest.approx(-0.1))


def test_the_ulcer_index_counts_the_periods_not_the_first_point() -> None:
    assert ulcer_index(EQUITY) == pytest.approx(math.sqrt(0.115 / 7), rel=1e-13)


def test_rising_and_constant_equity_have_no_drawdown() -> None:
    for equity in ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]):
        assert drawdowns(equity, days(3)) == ()
        assert max_drawdown(equity) == ulcer_index(equity) == longest_drawdown_days(equity, days(3)) == 0.0


def test_negative_equity_falls_by_more_than_all() -> None:
    assert max_drawdown([100.0, 0.0]) == -1.0
    assert max_drawdown([100.0, -20.0, 50.0]) == -1.2


@pytest.mark.parametrize(
    "equity", [[], [100.0], [0.0, 100.0], [-1.0, 2.0], [100.0, math.nan, 90.0], [0.0, 0.0]]
)
def test_without_a_period_or_a_positive_peak_there_is_none(equity: list[float]) -> None:
    assert max_drawdown(equity) is None
    assert ulcer_index(equity) is None
    assert longest_drawdown_days(equity, days(len(equity))) is None
    assert drawdowns(equity, days(len(equity))) == ()


def test_instants_of_another_length_are_refused() -> None:
    with pytest.raises(MetricInputError, match="valued_at_us: found 2 values, wealth has 8"):
        drawdowns(EQUITY, days(2))
