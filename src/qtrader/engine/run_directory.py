"""Run directories: a finished run as files, sealed, and read back.

A directory `<name>-<short run id>` is written beside its place and completed by one rename, so that it is
whole or not there. It holds the manifest, the effective configuration, the decisions as contract documents
(one a line, with their sequence; bars are the rows of `bars.parquet`, and sequences count them), equity,
trades, measures, the report and, where fills are in doubt, their bounds. Equal runs give equal directories.
A directory of the same run is reused; nothing is ever overwritten.

`load_run` checks every digest that the manifest names before it gives anything back.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as numbers_from
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from qtrader.engine.fingerprints import configuration_hash, log_hash, log_lines
from qtrader.events.event_store_file import FileEventStore
from qtrader.services.reporting.export import (
    OutputError,
    metrics_json,
    to_json,
    unwritable,
    write_csv,
    write_parquet,
)

if TYPE_CHECKING:
    from qtrader.engine.completed_run import CompletedRun
    from qtrader.engine.results import Results
    from qtrader.events.event_store import EventStore

#: The layout that is written; another one is refused when it is read.
FORMAT: Final = 2

#: A tape of more rows is not copied into the directory.
BARS_LIMIT: Final = 5_000_000

MANIFEST: Final = "manifest.json"
EVENTS: Final = "events.jsonl"

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class SavedRun(NamedTuple):
    """Where a run lies, and whether it lay there before."""

    path: Path
    is_reused: bool


def directory_name(name: str, run_id: str, *, is_short: bool = True) -> str:
    """Name a run's directory: letters, digits, dot, dash and underscore only."""
    stem = _UNSAFE.sub("_", name).strip("._") or "run"
    identity = _UNSAFE.sub("_", run_id)
    return f"{stem[:80]}-{identity[:8] if is_short else identity}"


def find_run(root: Path, name: str, run_id: str) -> Path | None:
    """Find the complete directory of a run below `root`, so that it need not run again."""
    for is_short in (True, False):
        path = root / directory_name(name, run_id, is_short=is_short)
        manifest = _read_manifest(path)
        if manifest is not None and manifest.get("run_id") == run_id:
            return path
    return None


def save_run(results: Results, root: Path, *, with_bars: bool = False) -> SavedRun:
    """Write a run's directory below `root`, or find it there.

    Args:
        results: the finished run.
        root: the directory of all runs; it is made if it is missing.
        with_bars: write the bars into the log of events too, at their places.

    Raises:
        OutputError: it cannot be written, or something else stands in its place; nothing is left behind.
    """
    identity = _identity_of(results.run)
    for target in _places(root, results.run):
        standing = _read_manifest(target)
        if standing is None:
            if target.exists():
                raise _occupied(target)
            break
        if _is_same(standing, identity):
            return SavedRun(target, is_reused=True)
    # The process's number keeps two that write the same run at once out of each other's way.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        _write_files(results, temporary, identity["log"], with_bars=with_bars)
        if not target.exists():
            temporary.rename(target)
            if isinstance(results.run.store, FileEventStore) and not with_bars:
                results.run.store.settle(target / EVENTS)
            return SavedRun(target, is_reused=False)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone after the rename; else the failure tells
    # Another process was faster; what it wrote is this run, or this one finds the next place.
    return save_run(results, root, with_bars=with_bars)


def _places(root: Path, run: CompletedRun) -> Iterator[Path]:
    """Give where a run may stand: by its short id, its whole id, then numbered.

    Runs that differ share an id where something decided that the id does not see, for example an installed
    package of the user's; a finished run is never lost and never overwritten for that.
    """
    short = directory_name(run.name, run.run_id)
    whole = directory_name(run.name, run.run_id, is_short=False)
    yield from (root / name for name in dict.fromkeys((short, whole)))
    yield from (root / f"{whole}-{number}" for number in numbers_from(2))


def _write_files(results: Results, directory: Path, log: str, *, with_bars: bool) -> None:
    from qtrader.engine.bundle import run_record, tape_frame
    from qtrader.engine.report_content import configuration_yaml

    run = results.run
    count = _write_log(results.run.store, directory / EVENTS, with_bars=with_bars)
    notes = []
    if run.tape is None:
        notes.append(
            "The run kept no bars: price charts and re-execution need the data that it was made from."
        )
    elif len(run.tape) > BARS_LIMIT:
        notes.append(f"{len(run.tape):,} bars are not in this directory (more than {BARS_LIMIT:,}).")
    else:
        write_parquet(tape_frame(run.tape), directory / "bars.parquet")
    _write_if_any(results, directory)
    (directory / "config.yaml").write_text(configuration_yaml(run.config), encoding="utf-8")
    for name, frame in (("equity", results.equity_curve), ("trades", results.trades)):
        write_csv(frame, directory / f"{name}.csv")
        write_parquet(frame, directory / f"{name}.parquet")
    (directory / "metrics.json").write_bytes(metrics_json(results.summary))
    (directory / "report.html").write_bytes(results.html().encode())
    manifest = {
        "format": FORMAT,
        "run_id": run.run_id,
        "name": run.name,
        "engine_version": run.engine_version,
        "fingerprints": {
            "algorithm": "blake2b-128",
            "tape": None if run.tape is None else run.tape.fingerprint,
            "configuration": configuration_hash(run.config),
            "decisions": run.config_fingerprint,
            "strategies": dict(run.strategy_hashes),
            "log": log,
        },
        "counts": {
            "events": len(run.store),
            "decisions": count,
            "bars": 0 if run.tape is None else len(run.tape),
            "fills": results.digest.fills.count,
            "trades": results.trades.height,
            "refusals": results.refusal_counts,
        },
        "log": {
            "file": EVENTS,
            "line": "one contract document",
            "has_bars": with_bars,
            "bars": "rows of bars.parquet in order; sequences count them",
        },
        "warnings": list(run.warnings),
        "notes": notes,
        "run": run_record(run, began_us=int(results.account.valued_at_us[0])),
    }
    (directory / MANIFEST).write_bytes(to_json(manifest))


def _write_if_any(results: Results, directory: Path) -> None:
    """Write what not every run has: a benchmark, what strategies logged and recorded, fills in doubt."""
    from qtrader.engine.bounds_view import bounds_document
    from qtrader.engine.bundle import benchmark_frame, strategy_log

    run = results.run
    if run.benchmark is not None:
        write_parquet(benchmark_frame(run.benchmark), directory / "benchmark.parquet")
    if any(run.logs.values()):
        (directory / "strategy_log.json").write_bytes(to_json(strategy_log(run.logs)))
    if any(run.records.values()):
        write_parquet(results.recorded, directory / "recorded.parquet")
    if results.bounds().legs:
        (directory / "bounds.json").write_bytes(to_json(bounds_document(results.bounds())))


def _write_log(store: EventStore, path: Path, *, with_bars: bool) -> int:
    """Write the log, or let one on disk stand here too; return how many decisions it has."""
    if with_bars or not isinstance(store, FileEventStore):
        with path.open("wb") as file:
            file.writelines(log_lines(store, with_bars=with_bars))
    else:
        store.link_to(path)
    return store.decision_count


def _read_manifest(directory: Path) -> dict[str, Any] | None:
    """Read a manifest, or give None where none is complete."""
    try:
        manifest = msgspec.json.decode((directory / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        msg = f"{directory / MANIFEST} cannot be read: {error}; remove the directory or restore the file"
        raise OutputError(msg) from error
    return manifest if isinstance(manifest, dict) else None


def _occupied(target: Path) -> OutputError:
    return OutputError(
        f"{target} exists, but holds no complete run; it is not overwritten: move or remove it, and repeat"
    )


def _identity_of(run: CompletedRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "tape": None if run.tape is None else run.tape.fingerprint,
        "decisions": run.config_fingerprint,
        "strategies": dict(run.strategy_hashes),
        "log": log_hash(run.store),
    }


def _is_same(standing: dict[str, Any], wanted: dict[str, Any]) -> bool:
    found = {"run_id": standing.get("run_id"), **standing.get("fingerprints", {})}
    return all(found.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run read back from its directory; its digests agree with its manifest."""

    path: Path
    manifest: dict[str, Any]
    results: Results

    @property
    def run_id(self) -> str:
        """Identity of the run."""
        return self.results.run_id

    def events(self) -> Iterator[tuple[int, Any]]:
        """Iterate over (sequence, event), bars included where the directory holds them."""
        return (
            self.results.events() if self.results.run.tape is not None else self.results.run.store.decisions()
        )

    @property
    def metrics(self) -> dict[str, Any]:
        """The measures as they were written."""
        metrics: dict[str, Any] = msgspec.json.decode((self.path / "metrics.json").read_bytes())["metrics"]
        return metrics


def load_run(path: str | Path) -> StoredRun:
    """Read a run's directory back: every document is validated, every digest is compared.

    Raises:
        OutputError: there is no complete run, it is of another format, or a file does not agree with the
            manifest.
        ContractError: a document of the log breaks its contract.
    """
    from qtrader.engine.bundle import rebuild
    from qtrader.engine.results import Results

    directory = Path(path)
    manifest = _read_manifest(directory)
    if manifest is None:
        msg = f"{directory} holds no run: there is no {MANIFEST}; name a directory that a run has written"
        raise OutputError(msg)
    found = manifest.get("format")
    if found != FORMAT:
        msg = f"{directory / MANIFEST}: format is {found!r}; this version of QTrader reads format {FORMAT}"
        if isinstance(found, int) and found < FORMAT:
            msg += "; the directory is of an earlier version: run the backtest again"
        raise OutputError(msg)
    try:
        run = rebuild(directory, manifest)
    except OSError as error:
        msg = f"{directory} cannot be read: {error}; restore the file, or run again"
        raise OutputError(msg) from error
    except (KeyError, TypeError, msgspec.MsgspecError) as error:
        msg = f"{directory} is damaged ({type(error).__name__}: {error}); restore the directory, or run again"
        raise OutputError(msg) from error
    return StoredRun(directory, manifest, Results(run))
