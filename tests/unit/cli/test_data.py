"""`qtrader data`: rows, symbols, period and problems of a source; data kept for faster starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qtrader.services.data.service import DataService

Run = Callable[..., Any]


HEADING = "Date,Open,High,Low,Close,Adj Close,Volume\n"
GOOD = "2020-01-02,10,11,9,9.5,9.5,100\n2020-01-03,10,11,9,9.5,9.5,100\n"
BAD = "2020-01-06,10,9,8,9.5,9.5,100\n2020-01-07,-1,9,8,8.5,8.5,100\n"
DAILY = ("--preset", "yahoo", "--symbol", "X", "--set", "calendar=XNYS")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(HEADING + GOOD, encoding="utf-8")
    (tmp_path / "bad.csv").write_text(HEADING + GOOD + BAD, encoding="utf-8")
    return tmp_path


def test_a_declared_source_is_shown(project: Path, run: Run) -> None:
    outcome = run("data", "check", "sample")
    assert outcome.code == 0, outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    assert rows[0] == ["symbol", "interval", "first", "last", "rows", "read", "rows", "kept", "file"]
    assert rows[1] == ["AAPL", "1d", "2000-03-01", "2013-03-01", "3,270", "3,270", "bars.parquet"]
    actions = len(DataService(config="config/data_sources.yaml").load().actions)
    assert f"9,810 rows, 3 symbols, {actions} actions" in outcome.out


def test_a_long_file_name_is_shown_whole(folder: Path, run: Run) -> None:
    name = f"{'long_' * 20}.csv"
    (folder / "good.csv").rename(folder / name)
    assert name in run("data", "check", name, *DAILY).out


def test_a_file_is_shown(folder: Path, run: Run) -> None:
    outcome = run("data", "check", "good.csv", *DAILY)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[1].split() == [
        "X",
        "1d",
        "2020-01-02",
        "2020-01-03",
        "2",
        "2",
        "good.csv",
    ]


def test_bad_rows_are_counted_by_rule_and_the_first_is_named(folder: Path, run: Run) -> None:
    outcome = run("data", "check", "bad.csv", *DAILY)
    assert outcome.code == 2
    assert "bad.csv: X: open must be ≤ high: rows 1" in outcome.out
    assert "bad.csv: X: open must be positive: rows 1" in outcome.out
    assert "row 4 (line 5): X: open must be positive; found Date 2020-01-07, Open -1" in outcome.err


def test_rows_that_a_source_drops_do_not_stop_a_run(folder: Path, run: Run) -> None:
    outcome = run("data", "check", "bad.csv", *DAILY, "--set", "on_bad_bar=drop")
    assert outcome.code == 0, outcome.err
    assert "rows 1" in outcome.out


def test_what_no_rule_mends_is_said(folder: Path, run: Run) -> None:
    (folder / "double.csv").write_text(HEADING + GOOD + GOOD, encoding="utf-8")
    outcome = run("data", "check", "double.csv", *DAILY)
    assert outcome.code == 2
    assert "nothing can be loaded, even without its bad bars" in outcome.out
    assert "double.csv: row 3 (line 4)" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nope.csv"],
            "nope.csv: there is no such file, and in config/data_sources.yaml it is an unknown source",
        ),
        (["good.csv", "--preset", "yaho"], "preset 'yaho' is unknown; allowed are alpha_vantage"),
        (["good.csv", "--set", "pirces=raw"], "unknown key 'pirces' (did you mean 'prices'?)"),
        (["good.csv", "--config", "nope.yaml"], "nope.yaml: no such file"),
        (["*.parquet", *DAILY], "no file fits this pattern"),
    ],
)
def test_bad_input_is_refused(folder: Path, run: Run, arguments: list[str], message: str) -> None:
    outcome = run("data", "check", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_runs_configuration_may_hold_the_sources_itself(project: Path, run: Run) -> None:
    named = run("data", "check", "sample", "--config", "config/system.yaml")
    assert named.code == 0, named.err
    assert "9,810 rows, 3 symbols" in named.out
    sources = "{own: {path: 'sample:bars.csv', calendar: XNYS, prices: raw}}"
    text = f"data_sources: {{sources: {sources}}}\nrun: {{seed: 1}}\n"
    (project / "inline.yaml").write_text(text, encoding="utf-8")
    inline = run("data", "check", "own", "-c", "inline.yaml")
    assert inline.code == 0, inline.err
    assert "9,810 rows, 3 symbols" in inline.out
    assert "note: own: " not in inline.out
    wrong = run("data", "check", "other", "-c", "inline.yaml")
    assert wrong.code == 2
    assert "unknown source 'other'; known are own" in wrong.err


def test_what_is_not_declared_is_noted_and_options_declare_it(folder: Path, run: Run) -> None:
    bare = run("data", "check", "good.csv").out
    assert "note: good.csv: prices not declared: taken as raw" in bare
    assert "bars fall on weekdays only; declare calendar, for example XNYS" in bare
    assert "note: good.csv: column 'Adj Close' is ignored" in bare
    told = run("data", "check", "good.csv", "--calendar", "XNYS", "--prices", "split_adjusted")
    assert told.code == 0, told.err
    assert "declared" not in told.out
    assert "no calendar" not in told.out


def test_options_say_where_times_are_meant(folder: Path, run: Run) -> None:
    rows = "".join(f"2020-01-02 09:3{minute}:00,10,11,9,9.5,9.5,100\n" for minute in range(3))
    (folder / "minutes.csv").write_text(HEADING + rows, encoding="utf-8")
    outcome = run("data", "check", "minutes.csv", "--timezone", "America/New_York", "--set", "bar_label=open")
    assert outcome.code == 0, outcome.err


def test_a_run_over_prepared_data_is_the_same_run(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(HEADING + GOOD, encoding="utf-8")
    (tmp_path / "run.yaml").write_text(
        "data: [{source: mine}]\n"
        "strategies: [{strategy: BuyAndHoldStrategy}]\n"
        "data_sources: {sources: {mine: {path: good.csv, preset: yahoo, symbol: X, calendar: XNYS}}}\n",
        encoding="utf-8",
    )
    before = run("backtest", "run.yaml", "--quiet")
    assert before.code == 0, before.err
    prepared = run("data", "prepare", "run.yaml")
    assert prepared.code == 0, prepared.err
    assert Path(prepared.last_line).parent.resolve() == (tmp_path / "qtrader-prepared").resolve()
    monkeypatch.setattr(DataService, "load", None)
    after = run("backtest", "run.yaml", "--quiet", "--output", "again")
    assert after.code == 0, after.err
    for name in ("metrics.json", "config.yaml"):
        first, second = (tmp_path / Path(each.last_line).with_name(name) for each in (before, after))
        assert first.read_bytes() == second.read_bytes()
    assert Path(before.last_line).parent.name == Path(after.last_line).parent.name
