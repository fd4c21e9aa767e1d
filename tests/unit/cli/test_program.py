"""The program as a process: exit codes, last line, pipes, interruption, and how little `--help` loads."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qtrader.cli.failures import exit_code
from qtrader.errors import AccountingError, ConfigError, DataError, HandlerError, StrategyFailedError
from qtrader.version import __version__

Run = Callable[..., Any]


ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-c", "import qtrader.cli; qtrader.cli.main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}


def qtrader(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shipped_example_ends_with_the_path_of_its_report(tmp_path: Path) -> None:
    done = qtrader("backtest", "config/system.yaml", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    report = Path(done.stdout.splitlines()[-1])
    assert report.is_file()
    assert report.is_relative_to(tmp_path)


def test_basic_run_example_runs_as_the_specification_says(tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    command = [sys.executable, str(ROOT / "basic_run_example.py")]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.splitlines()[-1]).is_file()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_an_example_runs(tmp_path: Path, name: str) -> None:
    command = [sys.executable, str(ROOT / "examples" / name)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_listed() -> None:
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in readme for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize(
    ("arguments", "code"), [(["backtest", "nope.yaml"], 2), (["nope"], 2), (["--version"], 0)]
)
def test_exit_codes_reach_the_shell(arguments: list[str], code: int) -> None:
    assert qtrader(*arguments).returncode == code


def test_an_interruption_ends_with_130_and_writes_nothing(project: Path) -> None:
    (project / "slow.py").write_text(
        "import time\nimport qtrader as qt\n\n\nclass Slow(qt.Strategy):\n"
        "    def on_bar(self, bar, context):\n        print('ready', flush=True)\n        time.sleep(60)\n",
        encoding="utf-8",
    )
    arguments = ["backtest", "config/system.yaml", "--set", "strategies=[{strategy: 'slow:Slow'}]"]
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (project / "runs").exists()


def test_a_terminal_shows_speed_and_time_left(project: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "backtest", "config/system.yaml"]
    environment = {**ENVIRONMENT, "TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        shown = b""
        # Reading a terminal whose other side is closed fails, which is its end of file.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                shown += part
        out, _err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert b"bars/s" in shown
    assert b"left" in shown
    assert out.splitlines()[-1].endswith("report.html")


def test_a_reader_that_leaves_is_no_failure(project: Path, run: Run) -> None:
    saved = Path(run("backtest", "config/system.yaml", "-q").last_line).parent
    with subprocess.Popen(
        [*PROGRAM, "events", str(saved), "--bars", "--json"],
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_help_loads_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "polars",
        "pydantic",
        "rich",
        "yaml",
        "msgspec",
        "jsonschema_rs",
        "pandas",
        "pyarrow",
        "exchange_calendars",
    ]
    code = (
        "import sys, qtrader.cli\n"
        "try:\n    qtrader.cli.main(['--help'])\nexcept SystemExit as left:\n    assert left.code == 0\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"
    for command in ("init", "backtest", "data", "report", "events", "contracts", "version"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_printed(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).out == f"{__version__}\n"


def caused_by(cause: Exception, error: HandlerError) -> HandlerError:
    """Chain a cause to a handler error."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (DataError("x"), 2),
        (AccountingError("the ledger is not balanced"), 1),
        (KeyError("x"), 1),
        (caused_by(KeyError("x"), StrategyFailedError("failed")), 3),
        (caused_by(KeyError("x"), HandlerError("failed")), 1),
        (caused_by(ConfigError("x"), StrategyFailedError("failed")), 2),
    ],
)
def test_an_exit_code_says_whose_fault_it_was(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_a_defect_shows_its_traceback_and_asks_for_a_report(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        msg = "impossible"
        raise RuntimeError(msg)

    monkeypatch.setattr("qtrader.contracts.registry.names", fail)
    outcome = run("contracts", "list")
    assert outcome.code == 1
    assert "RuntimeError: impossible" in outcome.err
    assert (
        outcome.err.splitlines()[-1]
        == "qtrader: this is a defect of QTrader; please report it with what stands above"
    )


def test_the_package_runs_as_a_module() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "qtrader", "version"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout.strip()) == (0, __version__)
