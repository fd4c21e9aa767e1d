"""Progress on a terminal: arithmetic over given times, and what is drawn of it."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from qtrader.cli.progress import Pace, drawn, duration, shown_progress


def pace_of(*readings: tuple[float, int], total: int = 1_000_000, window_s: float = 30.0) -> Pace:
    pace = Pace(window_s)
    for at_s, done in readings:
        pace.read(at_s, done, total)
    return pace


@pytest.mark.parametrize(
    ("readings", "rate", "left"),
    [
        ([], None, None),
        ([(0.0, 0)], None, None),
        ([(0.0, 0), (0.0, 0)], None, None),
        ([(5.0, 0), (7.0, 0)], None, None),
        ([(5.0, 0), (7.0, 200_000)], 100_000.0, 8.0),
        ([(0.0, 0), (1.0, 100_000), (4.0, 1_000_000)], 250_000.0, 0.0),
    ],
)
def test_rate_and_time_left(
    readings: list[tuple[float, int]], rate: float | None, left: float | None
) -> None:
    pace = pace_of(*readings)
    assert (pace.bars_per_second, pace.seconds_left) == (rate, left)


def test_the_rate_is_that_of_the_latest_seconds() -> None:
    fast = [(float(second), second * 10_000) for second in range(11)]
    slow = [(10.0 + second, 100_000 + second * 1_000) for second in range(1, 31)]
    assert pace_of(*fast).bars_per_second == 10_000
    assert pace_of(*fast, *slow, window_s=10.0).bars_per_second == 1_000
    between = pace_of(*fast, *slow[:5], window_s=10.0).bars_per_second
    assert between == (105_000 - 50_000) / 10


def test_many_readings_are_not_kept() -> None:
    pace = pace_of(*((at / 10, at) for at in range(10_000)), window_s=2.0)
    assert len(pace._readings) < 25


def test_a_pause_longer_than_the_window_counts() -> None:
    assert pace_of((0.0, 0), (100.0, 50_000), window_s=30.0).bars_per_second == 500


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.2, "1 s"),
        (59.0, "59 s"),
        (59.5, "1 min 00 s"),
        (200.0, "3 min 20 s"),
        (3_599.0, "59 min 59 s"),
        (3_600.0, "1 h 00 min"),
        (7_261.0, "2 h 02 min"),
        (100_000.0, "27 h 47 min"),
    ],
)
def test_times_to_wait_are_rounded_up(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_shown() -> None:
    assert str(pace_of((0.0, 0))) == ""
    assert str(pace_of((0.0, 0), (2.0, 250_000), total=10_000_000)) == "125,000 bars/s, 1 min 18 s left"


def test_the_bar_is_drawn_with_bars_rate_and_time_left_and_is_gone_afterwards() -> None:
    now = 100.0
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=110, color_system=None)
    with drawn(console, lambda: now) as show:
        show("bars", 0, 50_000_000)
        now = 104.0
        show("bars", 2_000_000, 50_000_000)
        shown = output.getvalue()
    assert "bars" in shown
    assert "2000000/50000000" in shown
    assert "500,000 bars/s, 1 min 36 s left" in shown


def test_a_new_stage_has_a_pace_of_its_own_and_is_drawn_at_once() -> None:
    now = 0.0
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=110, color_system=None)
    with drawn(console, lambda: now) as show:
        show("reading", 0, 1_000)
        now = 10.0
        show("reading", 1_000, 1_000)
        show("bars", 0, 1_000)
        now = 11.0
        show("bars", 500, 1_000)
        shown = output.getvalue()
    assert "reading" in shown
    assert "100 bars/s, 0 s left" in shown
    assert "500 bars/s, 1 s left" in shown


def test_nothing_is_shown_where_nobody_looks() -> None:
    for is_quiet in (True, False):
        with shown_progress(is_quiet=is_quiet) as advance:
            assert advance is None
