"""`qtrader sweep`: what it prints, writes and returns."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.research import sweep_page

Run = Callable[..., Any]

CONFIG = "config/system.yaml"
WINDOWS = ("--param", "window=20:60:20")


def test_the_best_are_printed_and_everything_is_written(project: Path, run: Run) -> None:
    outcome = run("sweep", CONFIG, *WINDOWS, "--metric", "calmar")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "2 sets of MyStrategy · engine 2 · max Calmar"
    assert lines[1].split()[:2] == ["window", "Total"]
    assert any(line.startswith("Warning: best of 2: ") for line in lines)
    assert any("MyStrategy is called bar by bar (2)" in line for line in lines)
    assert "2 sets in " in outcome.err
    folder = project / outcome.last_line
    assert folder.name.startswith("my_strategy-sweep-")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "heatmap.html",
        "manifest.json",
        "sweep.csv",
        "sweep.parquet",
    ]
    table = pl.read_parquet(folder / "sweep.parquet")
    assert table["window"].to_list() == [20, 40]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["best"]["value"] == max(table["calmar"])
    assert manifest["counts"] == {
        "kernel": 0,
        "engine": 2,
        "refused": 0,
        "left_out": 0,
        "bars": manifest["counts"]["bars"],
    }


def test_an_identical_sweep_is_recognised(project: Path, run: Run) -> None:
    first = run("sweep", CONFIG, *WINDOWS, "--quiet")
    assert first.out.count("\n") == 1
    before = {path: path.stat().st_mtime_ns for path in (project / first.last_line).iterdir()}
    again = run("sweep", CONFIG, *WINDOWS, "--workers", "2")
    assert again.last_line == first.last_line
    assert "holds the identical sweep already" in again.err
    assert {path: path.stat().st_mtime_ns for path in (project / first.last_line).iterdir()} == before
    other = run("sweep", CONFIG, *WINDOWS, "--quiet", "--set", "commission=0.2%")
    assert other.last_line != first.last_line
    assert not list((project / "runs").glob(".*"))


def test_a_section_of_the_configuration_says_the_same(project: Path, run: Run) -> None:
    by_options = run("sweep", CONFIG, *WINDOWS, "--metric", "calmar", "--quiet")
    file = project / CONFIG
    section = "\nsweep:\n  grid: {window: '20:60:20'}\n  metric: calmar\n"
    file.write_text(file.read_text(encoding="utf-8") + section, encoding="utf-8")
    assert run("sweep", CONFIG, "--quiet").last_line == by_options.last_line
    # A backtest passes over it.
    assert run("backtest", CONFIG, "--quiet", "--no-report").code == 0
    drawn = run("sweep", CONFIG, "--quiet", "--param", "window=20:100", "--random", "2", "--seed", "5")
    assert pl.read_csv(project / drawn.last_line / "sweep.csv").height == 2


def test_refused_sets_are_counted_by_reason(project: Path, run: Run) -> None:
    settings = ("--set", "strategies.0.strategy=SMADualCrossStrategy", "--set", "strategies.0.parameters={}")
    outcome = run("sweep", CONFIG, *settings, "-p", "fast=5,60", "-p", "slow=20,50", "-o", "elsewhere")
    assert outcome.code == 0, outcome.err
    assert (
        "Refused: 1: SMADualCrossStrategy: fast is 60 and slow is 20; allowed is 0 < fast < slow"
        in outcome.out
    )
    folder = project / outcome.last_line
    assert folder.parent.name == "elsewhere"
    assert pl.read_csv(folder / "refused.csv").select("set", "fast", "slow").rows() == [
        (2, 60, 20),
        (3, 60, 50),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("config/nowhere.yaml", *WINDOWS), "config/nowhere.yaml"),
        ((CONFIG,), "no parameter is varied; give --param NAME=VALUES"),
        ((CONFIG, "--param", "windw=5"), "unknown parameter 'windw' (did you mean 'window'?)"),
        ((CONFIG, "--param", "window"), "--param 'window': allowed is NAME=VALUES"),
        ((CONFIG, "--param", "window=5:5"), "window is '5:5', which has no value"),
        ((CONFIG, *WINDOWS, "--metric", "sharp"), "did you mean 'sharpe'"),
        ((CONFIG, *WINDOWS, "--workers", "0"), "workers is 0"),
        ((CONFIG, *WINDOWS, "--verify", "-1"), "verify"),
        ((CONFIG, *WINDOWS, "--set", "market_fill=next_opne"), "did you mean 'next_open'"),
    ],
)
def test_bad_input_exits_with_2(project: Path, run: Run, arguments: tuple[str, ...], message: str) -> None:
    outcome = run("sweep", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (project / "runs").exists()


def test_a_failing_strategy_exits_with_3_and_leaves_nothing(project: Path, run: Run) -> None:
    module = project / "failing.py"
    module.write_text(
        "import qtrader as qt\n\n\nclass Failing(qt.Strategy):\n    window: int = 1\n\n"
        "    def on_bar(self, bar, context):\n        raise ValueError(self.window)\n",
        encoding="utf-8",
    )
    settings = ("--set", "strategies.0.strategy=failing:Failing", "--set", "strategies.0.parameters={}")
    outcome = run("sweep", CONFIG, *WINDOWS, *settings)
    assert outcome.code == 3
    assert "sweep: window=20: Failing.on_bar failed" in outcome.err
    assert not (project / "runs").exists()


def test_what_stands_in_the_place_is_not_overwritten(project: Path, run: Run) -> None:
    folder = project / run("sweep", CONFIG, *WINDOWS, "--quiet").last_line
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    outcome = run("sweep", CONFIG, *WINDOWS, "--quiet")
    assert outcome.code == 2
    assert "exists and holds something else; it is not overwritten" in outcome.err


def test_a_full_disk_leaves_nothing_behind(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sweep_page, "sweep_page", full)
    outcome = run("sweep", CONFIG, *WINDOWS, "--quiet")
    assert outcome.code == 2
    assert "could not be written: No space left on device; nothing was left there" in outcome.err
    assert list((project / "runs").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.chdir(project)
    in_the_way = run("sweep", CONFIG, *WINDOWS, "--output", CONFIG)
    assert in_the_way.code == 2
    assert "could not be written" in in_the_way.err
