"""The page of results, on made-up figures: goals, tables, what is missing, and the picture of growth."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from benchmarks import growth, harness, peers_run, streaming, workloads
from benchmarks.harness import Bench, Case, Dataset, Found
from benchmarks.results import Measured, Page, fills_of, render, verdict
from benchmarks.workloads import Goal, Workload, times_faster, times_of

DATA = Dataset(1, 1_000)


def run(seconds: float, **more: Any) -> dict[str, Any]:
    """Return what a case prints, with figures of no engine."""
    figures = {
        "seconds": seconds,
        "processor_seconds": seconds / 2,
        "rows": 1_000,
        "prepare_seconds": 0.5,
        "first_seconds": 2.0,
        "whole_seconds": seconds + 3,
        "peak_mb": 120.4,
        "version": "9.9",
        "python": "3.11",
        "fills": 27,
    }
    return {**figures, **more}


def found(label: str, *seconds: float, engine: str = "raptorbt", **more: Any) -> Found:
    """Return a case with rounds of so many seconds."""
    return Found(Case(label, engine, "mode", DATA), [run(each, **more) for each in seconds])


def test_a_ratio_is_that_within_each_round() -> None:
    pair = {"slow": found("slow", 2.0, 30.0, 4.0), "fast": found("fast", 1.0, 10.0, 1.0)}

    assert harness.ratios(pair, "slow", "fast") == pytest.approx([2.0, 3.0, 4.0])


def test_one_that_ran_once_stands_for_all_rounds() -> None:
    pair = {"slow": found("slow", 8.0), "fast": found("fast", 1.0, 2.0, 4.0)}

    assert harness.ratios(pair, "slow", "fast") == pytest.approx([8.0, 4.0, 2.0])


def test_rates_are_compared_where_sizes_differ() -> None:
    pair = {"few": found("few", 1.0, rows=100), "many": found("many", 1.0, rows=1_000)}

    assert harness.ratios(pair, "few", "many") == pytest.approx([10.0])


def test_the_fastest_of_the_peers_is_the_one_to_beat() -> None:
    several = {"ours": found("ours", 1.0), "a": found("a", 9.0), "b": found("b", 4.0), "c": found("c")}

    assert times_faster("ours", "a", "b", "c")(several) == pytest.approx([4.0])
    assert times_faster("ours", "c")(several) == []


@pytest.mark.parametrize(
    ("values", "at_most", "expected"),
    [
        ([], False, "not measured"),
        ([1.9], False, "missed"),
        ([2.0], False, "met"),
        ([1.0, 2.5, 9.0], False, "met"),
        ([3.0], False, "stretch"),
        ([2.1], True, "missed"),
        ([2.0], True, "met"),
    ],
)
def test_a_goal_is_judged_by_its_median(values: list[float], at_most: bool, expected: str) -> None:
    goal = Goal("x", lambda _: [], 2.0, at_most=at_most, stretch=None if at_most else 3.0)

    assert verdict(goal, values) == expected


@pytest.mark.parametrize(
    ("fills", "expected"),
    [(1_000, "1,000"), (1_004, "1,004 (+4)"), (900, "900 (-100) **differs**"), (None, "")],
)
def test_fills_are_compared_with_the_reference(fills: int | None, expected: str) -> None:
    assert fills_of(found("a", 1.0, fills=fills), {(DATA.name, None): 1_000}) == expected


def test_trades_are_shown_where_fills_are_not_known() -> None:
    assert fills_of(found("a", 1.0, fills=None, trades=23_855), {(DATA.name, None): 1_000}) == "23,855 trades"


def test_the_page_shows_goals_tables_and_what_is_missing() -> None:
    ours = Found(Case("QTrader", "qtrader", "full", DATA, kind="ours"), [run(2.0), run(2.2), run(2.1)])
    gone = Found(Case("zipline", "zipline", "callback", DATA), failure="not installed here")
    cases = {each.case.label: each for each in (ours, found("raptor", 6.3, 6.6, 6.0), gone)}
    workload = Workload(
        "W9",
        "a title",
        "About it.",
        tuple(each.case for each in cases.values()),
        (
            Goal("times faster", times_faster("QTrader", "raptor"), 2.0, stretch=4.0),
            Goal("part", times_of("QTrader", "zipline"), 1.0, at_most=True),
        ),
    )

    page = render(
        Page("a machine", 3, 1, [Measured(workload, cases, {(DATA.name, None): 27})], ["## More\n\ntext\n"])
    )

    assert "Measured on a machine.\nMedians of 3 interleaved rounds" in page
    assert "| W9 | times faster | 3.00 | ≥ 2 | ≥ 4 | met |" in page
    assert "| W9 | part | - | ≤ 1 |  | not measured |" in page
    assert "## W9: a title\n\nAbout it.\n" in page
    assert "| **QTrader** | 2.10 | 1.05 | 476 | 0.500 | 2.00 | 5.10 | 120 | 27 |" in page
    assert "| raptor | 6.30 | 3.15 | 159 |" in page
    assert "| W9 | zipline | not installed here |" in page
    assert "| raptorbt | 9.9, Python 3.11 |" in page
    assert "## More\n\ntext\n" in page
    assert "quick" not in page


def test_a_quick_page_says_so() -> None:
    assert "1/10 of the bars" in render(Page("a machine", 1, 10, []))


def test_every_workload_of_the_goals_is_there() -> None:
    known = peers_run.every_workload(1)

    assert {"W1", "W2", "W3", "W4", "longer tapes", "first result", "start-up"} <= set(known)
    assert known["W1"].cases[0].data == Dataset(1, 1_000_000)
    assert known["W2"].cases[0].data == Dataset(500, 2_520, "1d")
    assert known["W3"].cases[0].data == Dataset(1, 10_000)
    for workload in known.values():
        labels = [case.label for case in workload.cases]
        assert len(labels) == len(set(labels))
        nothing = {case.label: Found(case) for case in workload.cases}
        assert [goal.values(nothing) for goal in workload.goals] == [[] for _ in workload.goals]


def test_the_slope_of_longer_tapes_is_in_bars_of_the_bare_loop() -> None:
    workload = workloads.long_tapes(1)
    bare, few, many = (case.label for case in workload.cases)
    measured = {
        bare: found(bare, 1.0, rows=1_000_000),
        few: found(few, 0.5, rows=100_000),
        many: found(many, 0.545, rows=1_000_000),
    }

    assert workload.goals[0].values(measured) == pytest.approx([0.05])


def test_an_order_costs_the_run_less_the_silent_one() -> None:
    workload = workloads.order_path(1)
    bare, silent, trading = (case.label for case in workload.cases[:3])
    measured = {bare: found(bare, 1.0), silent: found(silent, 2.0), trading: found(trading, 42.0)}

    assert workload.goals[0].values(measured) == pytest.approx([40.0])


def test_rounds_take_turns_and_keep_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def measure(_: Bench, case: Case) -> dict[str, Any]:
        asked.append(case.label)
        if case.label == "broken":
            msg = "no wheels"
            raise harness.MeasureError(msg)
        return run(1.0)

    monkeypatch.setattr(Bench, "measure", measure)
    cases = [Case("a", "x", "m"), Case("broken", "x", "m"), Case("slow", "x", "m", once=True)]

    result = Bench(tmp_path, tmp_path, asked.append).rounds(cases, 2)

    assert [name for name in asked if ":" not in name] == ["a", "broken", "slow", "a"]
    assert [len(each.runs) for each in result.values()] == [2, 0, 1]
    assert result["broken"].failure == "no wheels"


def test_a_peer_that_is_not_installed_is_a_reason(tmp_path: Path) -> None:
    result = Bench(tmp_path, tmp_path / "peers", str).rounds([Case("a", "raptorbt", "class", DATA)], 1)

    assert result["a"].failure == "not installed here"


def test_a_process_is_timed_as_a_whole(tmp_path: Path) -> None:
    cases = [Case("fine", "process", "pass"), Case("bad", "process", "raise SystemExit('/a/b/c.py is bad')")]

    result = Bench(tmp_path, tmp_path, str).rounds(cases, 1)

    assert 0 < result["fine"].runs[0]["whole_seconds"] < 60
    assert result["bad"].failure == "c.py is bad"


def test_growth_is_drawn_and_tabled() -> None:
    lines = growth.cases(1)
    measured = {
        case.label: Found(case, [run(0.01 * 9.0**place)])
        for line in lines.values()
        for place, case in enumerate(line)
    }

    made = growth.panels(measured, lines, 1)
    picture = ET.fromstring(growth.drawing(made))  # noqa: S314 - our own drawing

    assert [panel.title for panel in made] == ["bars", "symbols", "orders", "strategies"]
    assert (
        "| bars | callback | 10,000 bars of one symbol | 0.010 | 0.090 | 0.810 | 9.0 x | 9.0 x |"
        in growth.table(made, "growth.svg")
    )
    marks = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(marks) == 3 * len(lines)
    left, top, width, height = (float(part) for part in picture.attrib["viewBox"].split())
    assert all(
        left <= float(mark.attrib["cx"]) <= width and top <= float(mark.attrib["cy"]) <= height
        for mark in marks
    )


def test_the_section_of_the_stream_judges_memory_and_rate() -> None:
    memory = {"rows": 1_000, "load_seconds": 1.0, "seconds": 1.0, "resident_mb": [100.0] * 8}
    streamed = {
        "rows": 10_000,
        "load_seconds": 5.0,
        "seconds": 11.0,
        "resident_mb": [200.0] * 4 + [230.0] * 4,
    }

    page = streaming.page(memory, streamed, streamed)

    assert "| resident memory, MB, building included | 230 | ≤ 1,024 | met |" in page
    assert "| flat: last quarter / second quarter | 1.15 | ≤ 1.1 | missed |" in page
    assert "| rate / rate in memory | 0.91 | ≥ 0.8 | met |" in page
