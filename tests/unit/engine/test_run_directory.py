"""Run directories are whole or not there, recognise an identical run, and read back to the same results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from tests.factories_run import tiny_run

from qtrader.engine.completed_run import CompletedRun
from qtrader.engine.results import Results
from qtrader.engine.run_directory import directory_name, find_run, load_run, save_run
from qtrader.errors import ContractError
from qtrader.events import codec
from qtrader.services.reporting.equity import BenchmarkSeries
from qtrader.services.reporting.export import OutputError

ROOT = Path(__file__).parents[3]


def full_run(**overrides: object) -> CompletedRun:
    run = tiny_run()
    assert run.tape is not None
    values = {
        "warnings": ("no costs",),
        "notes": ("2 splits are in the prices",),
        "conventions": ("Market orders fill at the next open.",),
        "benchmark": BenchmarkSeries.from_tape_at(run.tape, "MSFT", run.tape.instants_us.tolist()),
        "logs": {"sma": [(1_325_600_000_000_000, "crossed", {"fast": 1.5})]},
        "records": {"sma": [(1_325_600_000_000_000, "fast", float("nan"))]},
        "strategy_hashes": {"sma": "ab" * 16},
        "risk_free": 0.01,
        "periods_per_year": 365,
    }
    return tiny_run(**{**values, **overrides})


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


def test_a_run_directory_holds_everything_about_a_run(tmp_path: Path) -> None:
    saved = save_run(Results(full_run()), tmp_path / "runs")
    assert saved.path == tmp_path / "runs" / "tiny-run-1"
    assert saved.is_reused is False
    assert names(saved.path.parent) == ["tiny-run-1"]
    assert names(saved.path) == [
        "bars.parquet",
        "benchmark.parquet",
        "config.yaml",
        "equity.csv",
        "equity.parquet",
        "events.jsonl",
        "manifest.json",
        "metrics.json",
        "recorded.parquet",
        "report.html",
        "strategy_log.json",
        "trades.csv",
        "trades.parquet",
    ]
    manifest = json.loads((saved.path / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["engine_version"], manifest["warnings"]) == (
        "run-1",
        "0.1.0",
        ["no costs"],
    )
    assert manifest["counts"]["fills"] == 3
    assert manifest["counts"]["refusals"] == {"already_open": 1, "gross_leverage": 1}
    assert yaml.safe_load((saved.path / "config.yaml").read_text()) == full_run().config
    assert "101096.99" in (saved.path / "equity.csv").read_text()
    assert json.loads((saved.path / "metrics.json").read_text())["metrics"]["end_equity"] == 101096.99


def test_the_log_is_one_contract_document_a_line(tmp_path: Path) -> None:
    run = full_run()
    saved = save_run(Results(run), tmp_path)
    lines = (saved.path / "events.jsonl").read_bytes().splitlines()
    assert [codec.decode_stored(line) for line in lines] == list(run.store.decisions())
    with_bars = save_run(Results(full_run(name="all")), tmp_path, with_bars=True)
    lines = (with_bars.path / "events.jsonl").read_bytes().splitlines()
    assert [codec.decode_stored(line) for line in lines] == list(run.store.history())


def test_equal_runs_give_equal_directories(tmp_path: Path) -> None:
    first = save_run(Results(full_run()), tmp_path / "a").path
    second = save_run(Results(full_run()), tmp_path / "b").path
    assert names(first) == names(second)
    for name in names(first):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.mark.parametrize("with_bars", [False, True])
def test_a_run_reads_back_to_the_same_results(tmp_path: Path, with_bars: bool) -> None:
    original = Results(full_run())
    path = original.save(tmp_path, with_bars=with_bars)
    stored = load_run(path)
    assert stored.run_id == "run-1"
    assert list(stored.events()) == list(original.events())
    assert stored.results.html() == original.html()
    assert stored.results.metrics == original.metrics == stored.metrics
    for name in (
        "equity_curve",
        "trades",
        "orders",
        "fills",
        "signals",
        "refusals",
        "ledger",
        "positions",
        "log",
    ):
        assert getattr(stored.results, name).equals(getattr(original, name)), name
    assert stored.results.recorded.equals(original.recorded, null_equal=True)
    assert pl.read_parquet(path / "equity.parquet").equals(original.equity_curve)
    assert pl.read_parquet(path / "trades.parquet").equals(original.trades)


def test_a_run_without_bars_reads_back_and_says_so(tmp_path: Path) -> None:
    original = Results(full_run(tape=None, benchmark=None, logs={}, records={}))
    path = original.save(tmp_path)
    stored = load_run(path)
    assert "bars.parquet" not in names(path)
    assert stored.manifest["notes"] == [
        "The run kept no bars: price charts and re-execution need the data that it was made from."
    ]
    assert list(stored.events()) == list(original.run.store.decisions())
    assert stored.results.metrics == original.metrics
    assert stored.results.html() == original.html()


def test_an_identical_run_is_recognised_and_reused(tmp_path: Path) -> None:
    first = save_run(Results(full_run()), tmp_path)
    before = {name: (first.path / name).stat().st_mtime_ns for name in names(first.path)}
    second = save_run(Results(full_run()), tmp_path)
    assert second == (first.path, True)
    assert {name: (first.path / name).stat().st_mtime_ns for name in names(first.path)} == before
    assert find_run(tmp_path, "tiny", "run-1") == first.path
    assert find_run(tmp_path, "tiny", "another") is None
    assert find_run(tmp_path / "missing", "tiny", "run-1") is None


def test_another_run_under_the_same_id_is_never_overwritten(tmp_path: Path) -> None:
    path = save_run(Results(full_run()), tmp_path).path
    before = (path / "manifest.json").read_bytes()
    other = save_run(Results(full_run(config_fingerprint="another")), tmp_path)
    assert other == (tmp_path / "tiny-run-1-2", False)
    assert save_run(Results(full_run(config_fingerprint="another")), tmp_path) == (other.path, True)
    assert (path / "manifest.json").read_bytes() == before
    assert names(tmp_path) == ["tiny-run-1", "tiny-run-1-2"]


def test_ids_that_begin_alike_get_directories_of_their_own(tmp_path: Path) -> None:
    first = save_run(Results(full_run(run_id="3f1c9a52-aaaa")), tmp_path).path
    second = save_run(Results(full_run(run_id="3f1c9a52-bbbb")), tmp_path).path
    assert (first.name, second.name) == ("tiny-3f1c9a52", "tiny-3f1c9a52-bbbb")
    assert find_run(tmp_path, "tiny", "3f1c9a52-bbbb") == second
    assert save_run(Results(full_run(run_id="3f1c9a52-bbbb")), tmp_path) == (second, True)


def test_a_directory_that_holds_no_run_is_left_alone(tmp_path: Path) -> None:
    stranger = tmp_path / "tiny-run-1"
    stranger.mkdir()
    (stranger / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists, but holds no complete run"):
        save_run(Results(full_run()), tmp_path)
    assert names(tmp_path) == ["tiny-run-1"]
    assert names(stranger) == ["mine.txt"]


@pytest.mark.parametrize(
    ("name", "run_id", "expected"),
    [
        ("sma 10/50", "3f1c9a52-0000", "sma_10_50-3f1c9a52"),
        ("../../etc", "../x", "etc-.._x"),
        ("", "abc", "run-abc"),
        ("x" * 300, "abc", "x" * 80 + "-abc"),
    ],
)
def test_names_are_safe_on_every_file_system(name: str, run_id: str, expected: str) -> None:
    assert directory_name(name, run_id) == expected


FAILING = """
import resource, sys
from pathlib import Path
from qtrader.engine.results import Results
from qtrader.services.reporting.export import OutputError
from tests.factories_run import tiny_run

results = Results(tiny_run())
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    results.save(sys.argv[1])
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [100, 3_000, 20_000])
def test_a_full_disk_leaves_no_directory_and_says_what_to_do(tmp_path: Path, limit: int) -> None:
    """The kernel lets no file grow beyond the limit: the log, a table or the report is the first to fail."""
    environment = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", FAILING, str(tmp_path / "runs"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert f"{tmp_path / 'runs' / 'tiny-run-1'} could not be written: File too large" in done.stdout
    assert "free space" in done.stdout
    assert names(tmp_path / "runs") == []


def test_a_place_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a directory")
    with pytest.raises(OutputError, match="could not be written"):
        save_run(Results(full_run()), tmp_path / "runs")


def test_no_run_to_load(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no run: there is no manifest"):
        load_run(tmp_path)
    with pytest.raises(OutputError, match="holds no run"):
        load_run(tmp_path / "missing")


def changed(path: Path, name: str, old: bytes, new: bytes) -> Path:
    content = (path / name).read_bytes()
    assert old in content
    (path / name).write_bytes(content.replace(old, new, 1))
    return path


def test_a_changed_log_is_found(tmp_path: Path) -> None:
    path = changed(
        save_run(Results(full_run()), tmp_path).path, "events.jsonl", b'"price":"102"', b'"price":"101"'
    )
    with pytest.raises(OutputError, match=r"events\.jsonl was changed"):
        load_run(path)


def test_a_document_that_breaks_its_contract_is_found(tmp_path: Path) -> None:
    path = changed(
        save_run(Results(full_run()), tmp_path).path, "events.jsonl", b'"price":"102"', b'"price":102.0'
    )
    with pytest.raises(ContractError, match="price"):
        load_run(path)


def test_changed_bars_are_found(tmp_path: Path) -> None:
    path = save_run(Results(full_run()), tmp_path).path
    frame = pl.read_parquet(path / "bars.parquet")
    frame.with_columns(pl.col("close") + 0.01).write_parquet(path / "bars.parquet")
    with pytest.raises(OutputError, match=r"bars\.parquet was changed"):
        load_run(path)


def test_a_changed_configuration_is_found(tmp_path: Path) -> None:
    path = changed(
        save_run(Results(full_run()), tmp_path).path, "manifest.json", b'"fast": 10', b'"fast": 11'
    )
    with pytest.raises(OutputError, match=r"manifest\.json was changed"):
        load_run(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"format": 2', b'"format": 9', "format is 9; this version of QTrader reads format 2"),
        (
            b'"format": 2',
            b'"format": 1',
            "format 2; the directory is of an earlier version: run the backtest again",
        ),
        (b'"began_us"', b'"began"', "is damaged"),
        (b"{", b"", "cannot be read"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = changed(save_run(Results(full_run()), tmp_path).path, "manifest.json", old, new)
    with pytest.raises(OutputError, match=message):
        load_run(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = save_run(Results(full_run()), tmp_path).path
    (path / "events.jsonl").unlink()
    with pytest.raises(OutputError, match=r"cannot be read: .*events\.jsonl"):
        load_run(path)
