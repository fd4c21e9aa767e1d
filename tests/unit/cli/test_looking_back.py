"""`qtrader events` and `qtrader report`: a run looked at again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def saved(project: Path, run: Run) -> Path:
    outcome = run("backtest", "config/system.yaml", "-q", "--set", "strategies.0.parameters.window=20")
    assert outcome.code == 0, outcome.err
    return Path(outcome.last_line).parent


def documents(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_json_is_the_log_of_the_run(saved: Path, run: Run) -> None:
    assert run("events", saved, "--json").out == (saved / "events.jsonl").read_text(encoding="utf-8")


def test_events_are_chosen_by_type_and_symbol(saved: Path, run: Run) -> None:
    everything = documents(run("events", saved, "--json").out)
    fills = documents(run("events", saved, "--json", "--type", "fill", "--symbol", "IBM").out)
    assert fills == [
        each for each in everything if each["event_type"] == "fill" and each["payload"]["symbol"] == "IBM"
    ]
    assert fills


def test_bars_stand_among_the_events_when_asked_for(saved: Path, run: Run) -> None:
    manifest = json.loads((saved / "manifest.json").read_text(encoding="utf-8"))["counts"]
    everything = documents(run("events", saved, "--json", "--bars").out)
    assert [each["sequence"] for each in everything] == list(range(manifest["events"]))
    bars = documents(run("events", saved, "--json", "--type", "bar").out)
    assert len(bars) == manifest["bars"]


def test_the_table_has_a_line_for_each_event(saved: Path, run: Run) -> None:
    fills = documents(run("events", saved, "--json", "--type", "fill").out)
    heading, *lines = run("events", saved, "--type", "fill").out.splitlines()
    assert heading.split() == ["sequence", "time", "type", "symbol", "what"]
    assert [int(line.split()[0]) for line in lines] == [each["sequence"] for each in fills]
    first = fills[0]["payload"]
    assert f"price={first['price']}" in lines[0]
    assert lines[0].split()[2:4] == ["fill", first["symbol"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--type", "fil"], "--type: unknown event type 'fil' (did you mean 'fill'?)"),
        (
            ["--symbol", "AAPPL"],
            "--symbol: unknown symbol 'AAPPL' (did you mean 'AAPL'?); known are AAPL, IBM, MSFT",
        ),
    ],
)
def test_what_no_event_can_have_is_refused(saved: Path, run: Run, arguments: list[str], message: str) -> None:
    outcome = run("events", saved, *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_the_report_is_made_again_byte_for_byte(saved: Path, run: Run) -> None:
    report = saved / "report.html"
    written = report.read_bytes()
    report.unlink()
    outcome = run("report", saved)
    assert (outcome.code, outcome.last_line) == (0, str(report))
    assert report.read_bytes() == written
    outcome = run("report", saved, "-o", "copies/report.html")
    assert Path("copies/report.html").read_bytes() == written


def test_a_run_that_was_changed_is_refused(saved: Path, run: Run) -> None:
    log = saved / "events.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    for command in ("events", "report"):
        outcome = run(command, saved)
        assert outcome.code == 2
        assert "events.jsonl was changed" in outcome.err


@pytest.mark.parametrize("command", ["events", "report"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, run: Run, command: str) -> None:
    outcome = run(command, tmp_path)
    assert outcome.code == 2
    assert "holds no run" in outcome.err
