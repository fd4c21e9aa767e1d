"""`qtrader backtest`: what it prints, writes and returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


CONFIG = "config/system.yaml"
FAST = ("--set", "strategies.my_strategy.parameters.window=20")


def test_the_last_line_is_the_path_of_the_report_and_nothing_else(project: Path, run: Run) -> None:
    outcome = run("backtest", CONFIG)
    assert outcome.code == 0, outcome.err
    directory = Path(outcome.last_line).parent
    assert outcome.last_line == f"{directory}/report.html"
    assert (project / directory / "report.html").is_file()
    assert "End equity" in outcome.out
    assert "my_strategy · 2005-01-03 to 2005-12-30 · AAPL, IBM, MSFT · my_strategy · USD" in outcome.out
    assert "bars/s" in outcome.err
    assert "\x1b" not in outcome.out + outcome.err


def test_the_summary_shows_what_the_run_measured(project: Path, run: Run) -> None:
    outcome = run("backtest", CONFIG, *FAST)
    metrics = json.loads((project / outcome.last_line).with_name("metrics.json").read_text(encoding="utf-8"))[
        "metrics"
    ]
    assert f"{metrics['end_equity']:,.2f}" in outcome.out
    assert f"{metrics['total_return'] * 100:,.2f} %" in outcome.out
    assert metrics["trade_count"] > 0


def test_refusals_are_counted_by_reason(project: Path, run: Run) -> None:
    outcome = run(
        "backtest",
        CONFIG,
        *FAST,
        "--set",
        "account=cash",
        "--set",
        "initial_cash=5",
        "--set",
        "risk.limits={}",
    )
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    counts = json.loads((project / lines[-1]).with_name("manifest.json").read_text(encoding="utf-8"))[
        "counts"
    ]["refusals"]
    assert counts
    at = lines.index("Refused, by reason")
    shown = dict(line.split() for line in lines[at + 1 : at + 1 + len(counts)])
    assert {reason: int(count) for reason, count in shown.items()} == counts


def test_a_run_that_knows_the_future_says_so(project: Path, run: Run) -> None:
    outcome = run("backtest", CONFIG, "--set", "market_fill=same_close")
    assert "Warning: lookahead: same_close" in outcome.out


def test_bounds_are_shown_when_asked_for(project: Path, run: Run) -> None:
    plain, bounded = run("backtest", CONFIG), run("backtest", CONFIG, "--bounds")
    title = "Final equity if every flagged fill went worst or best, in USD"
    assert title not in plain.out
    lines = bounded.out.splitlines()
    place = lines.index(title)
    assert lines[:place] == plain.out.splitlines()[:place]
    metrics = json.loads((project / bounded.last_line).with_name("metrics.json").read_text(encoding="utf-8"))[
        "metrics"
    ]
    assert lines[place + 1].split() == ["worst", "booked", "best"]
    assert lines[place + 2].split() == ["Equity", *[f"{metrics['end_equity']:,.2f}"] * 3]
    assert lines[place + 4].startswith("Flagged: 0 of ")
    assert bounded.last_line == plain.last_line


def test_an_identical_run_is_recognised_and_another_is_not(project: Path, run: Run) -> None:
    first, again, other = run("backtest", CONFIG), run("backtest", CONFIG), run("backtest", CONFIG, *FAST)
    assert first.last_line == again.last_line != other.last_line
    assert "holds the identical run already" in again.err
    assert len(list((project / "runs").iterdir())) == 2


def test_the_folder_of_the_caller_does_not_decide(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run("backtest", CONFIG, "--quiet")
    monkeypatch.chdir(project.parent)
    there = run("backtest", project / CONFIG, "--quiet", "--output", "elsewhere")
    assert there.code == 0, there.err
    assert Path(here.last_line).parent.name == Path(there.last_line).parent.name
    assert Path(there.last_line).parts[0] == "elsewhere"


def test_quiet_prints_the_path_only(project: Path, run: Run) -> None:
    outcome = run("backtest", CONFIG, "-q")
    assert (outcome.out.count("\n"), outcome.err) == (1, "")


def test_without_report_nothing_is_written(project: Path, run: Run) -> None:
    outcome = run("backtest", CONFIG, "--no-report")
    assert outcome.code == 0
    assert "End equity" in outcome.out
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope.yaml"], "nope.yaml: no such file; it should hold a run's configuration"),
        ([CONFIG, "--set", "seeed=1"], "unknown setting 'seeed' (did you mean 'seed'?)"),
        ([CONFIG, "--set", "seed"], "--set 'seed': allowed is KEY=VALUE"),
        ([CONFIG, "--set", "seed=1", "--set", "seed=2"], "seed is set twice"),
        ([CONFIG, "--set", "seed=[1"], "--set seed:1:3: is not YAML"),
        ([CONFIG, "--set", "seed=many"], "run.seed: found 'many' (text); allowed is a whole number"),
        (
            [CONFIG, "--set", "strategies.0.parameters.windw=5"],
            "MyStrategy has no parameter 'windw'; its parameters are window",
        ),
        (
            [CONFIG, "--set", "strategies.0.strategy=my_strategy:Yours"],
            "has no 'Yours'; its classes are MyStrategy",
        ),
        ([CONFIG, "--set", "strategies.0.strategy=yours:Yours"], "there is no module 'yours'"),
        (
            [CONFIG, "--set", "strategies.0.strategy=SMADualCross"],
            "did you mean 'SMADualCrossStrategy' or 'SMADualCrossColumns'?",
        ),
        ([CONFIG, "--set", "data.0.symbols=[AAPL, GOOG]"], "symbol 'GOOG'"),
        ([CONFIG, "--set", "start=2006-01-01"], "the range is empty"),
        ([CONFIG, "--set", "start=2000-03-06"], "has only"),
        ([CONFIG, "--bogus"], "No such option: --bogus"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    project: Path, run: Run, arguments: list[str], message: str
) -> None:
    outcome = run("backtest", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert not (project / "runs").exists()


def test_an_empty_set_value_is_null_and_a_word_is_a_truth(project: Path, run: Run) -> None:
    outcome = run(
        "backtest", CONFIG, "-q", "--set", "end=", "--set", "start=2012-06-01", "--set", "allow_short=no"
    )
    assert outcome.code == 0, outcome.err
    text = (project / outcome.last_line).with_name("config.yaml").read_text(encoding="utf-8")
    assert "end: null" in text
    assert "allow_short: false" in text


@pytest.mark.parametrize(
    ("text", "cause", "place"),
    [
        ("import qtrader as qt\n\ndef on_bar(:\n", "SyntaxError: invalid syntax", "unreadable.py:3"),
        ("import no_such_module\n", "No module named 'no_such_module'", "unreadable.py:1 in <module>"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_own_line(
    project: Path, run: Run, text: str, cause: str, place: str
) -> None:
    (project / "unreadable.py").write_text(text, encoding="utf-8")
    outcome = run("backtest", CONFIG, "--set", "strategies=[{strategy: 'unreadable:Mine'}]")
    assert outcome.code == 3
    assert "strategy 'unreadable:Mine': importing module 'unreadable' failed: " in outcome.err
    assert cause in outcome.err
    assert outcome.err.rstrip().endswith(place)
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("handler", ["on_bar", "on_start", "on_stop"])
def test_a_strategy_that_raises_is_named_with_its_own_line(project: Path, run: Run, handler: str) -> None:
    signature = "self, bar, context" if handler == "on_bar" else "self, context"
    (project / "broken.py").write_text(
        "import qtrader as qt\n\n\nclass Broken(qt.Strategy):\n"
        "    def on_bar(self, bar, context):\n        pass\n\n"
        f"    def {handler}({signature}):\n        raise KeyError('abc')\n",
        encoding="utf-8",
    )
    given = ("backtest", CONFIG, "--set", "strategies=[{strategy: 'broken:Broken'}]")
    outcome = run(*given)
    assert outcome.code == 3
    assert handler in outcome.err
    assert "KeyError: 'abc'" in outcome.err
    assert f"broken.py:9 in {handler}" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (project / "runs").exists()
    assert "Traceback" in run("--traceback", *given).err
    assert "Traceback" in run(*given, "--traceback").err


def test_a_strategy_that_refuses_its_parameters_is_bad_input(project: Path, run: Run) -> None:
    entry = "[{strategy: SMADualCrossStrategy, parameters: {fast: 9, slow: 3}}]"
    outcome = run("backtest", CONFIG, "--set", f"strategies={entry}")
    assert outcome.code == 2
    assert "allowed is 0 < fast < slow" in outcome.err


def test_what_cannot_be_written_leaves_nothing(project: Path, run: Run) -> None:
    (project / "taken").write_text("a file", encoding="utf-8")
    outcome = run("backtest", CONFIG, "--output", "taken")
    assert outcome.code == 2
    assert "could not be written" in outcome.err
    assert (project / "taken").read_text(encoding="utf-8") == "a file"


def test_the_log_may_be_kept_on_disk_while_the_run_goes_on(project: Path, run: Run) -> None:
    in_memory = run("backtest", CONFIG, *FAST, "--output", "one")
    on_disk = run("backtest", CONFIG, *FAST, "--output", "two", "--event-log", "disk")
    assert on_disk.code == 0, on_disk.err
    one, two = (Path(each.last_line).parent for each in (in_memory, on_disk))
    assert one.name == two.name
    for name in ("events.jsonl", "trades.parquet", "metrics.json", "equity.csv"):
        assert (project / one / name).read_bytes() == (project / two / name).read_bytes()
    assert [path.name for path in (project / "two").iterdir()] == [two.name]
    outcome = run("backtest", CONFIG, "--event-log", "tape")
    assert outcome.code == 2
    assert "reporting.event_log: found 'tape'; allowed are 'auto', 'memory' or 'disk'" in outcome.err
