"""Charts as text: thinning keeps the extremes, ticks are round."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.clock import to_epoch_us
from qtrader.services.reporting.charts import (
    Line,
    compact,
    line_chart,
    percent,
    sparkline,
    thinned,
    time_ticks,
    value_ticks,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes_in_order(values: list[float], limit: int) -> None:
    instants, kept = thinned(range(len(values)), values, limit)
    assert len(kept) <= max(limit, 4)
    assert (instants[0], instants[-1]) == (0, len(values) - 1)
    assert instants == sorted(set(instants))
    assert [values[place] for place in instants] == kept
    assert (min(kept), max(kept)) == (min(values), max(values))


def test_thinning_leaves_a_short_series_alone_and_passes_over_gaps() -> None:
    assert thinned([1, 2], [3.0, 4.0]) == ([1, 2], [3.0, 4.0])
    values = [math.nan] * 50 + [5.0] * 50
    _, kept = thinned(range(100), values, 10)
    assert [value for value in kept if not math.isnan(value)] != []


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (97.0, 113.0, [100.0, 105.0, 110.0]),
        (-0.145, 0.0, [-0.1, -0.05, 0.0]),
        (5.0, 5.0, [5.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert value_ticks(low, high) == pytest.approx(expected)


def test_time_ticks_are_years_months_or_days() -> None:
    def at(*when: int) -> int:
        return to_epoch_us(datetime(*when, tzinfo=UTC))  # type: ignore[arg-type]

    years = [text for _, text in time_ticks(at(2000, 1, 3), at(2012, 7, 13))]
    assert years == ["2002", "2004", "2006", "2008", "2010", "2012"]
    months = [text for _, text in time_ticks(at(2012, 1, 2), at(2012, 6, 20))]
    assert months == ["2012-02", "2012-03", "2012-04", "2012-05", "2012-06"]
    days = [text for _, text in time_ticks(at(2012, 1, 2, 14), at(2012, 1, 13))]
    assert days == ["01-03", "01-05", "01-07", "01-09", "01-11", "01-13"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(125000.0, "125k"), (1_250_000.0, "1.25M"), (3e9, "3G"), (12.5, "12.5"), (-2e4, "-20k")],
)
def test_axis_labels_are_short(value: float, text: str) -> None:
    assert compact(value) == text


def test_fractions_are_written_in_percent() -> None:
    assert percent(-0.1) == "-10 %"


def test_a_chart_of_nothing_says_so() -> None:
    assert "no data" in line_chart([Line([], [], "equity")], "Equity", height=100)


def test_a_gap_lifts_the_pen_and_a_flat_line_is_drawn() -> None:
    drawn = line_chart([Line([0, 1, 2, 3], [1.0, math.nan, 1.0, 1.0], "equity")], "x", height=100)
    path = drawn.split('class="equity" d="')[1].split('"')[0]
    assert path.count("M") == 2
    assert "nan" not in drawn


def test_labels_are_escaped() -> None:
    assert "<script>" not in line_chart([Line([0], [1.0], "equity")], "<script>", height=100)
    assert "<script>" not in sparkline([0, 1], [1.0, 2.0], 100, 50, "<script>")
