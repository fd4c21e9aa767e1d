"""The parts of a run directory that a run is rebuilt from: bars, log, and what else the run was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from qtrader.engine.completed_run import CompletedRun
from qtrader.engine.decisions import Decisions
from qtrader.engine.fingerprints import configuration_hash
from qtrader.events import codec
from qtrader.events.codec import canonical_decimal
from qtrader.events.event_store import EventStore, InMemoryEventStore
from qtrader.events.event_store_file import FileEventStore
from qtrader.events.events import ConsolidatedPortfolioEvent, PriceBarEvent
from qtrader.market.tape import Tape, TapeColumns
from qtrader.services.reporting.equity import BenchmarkSeries
from qtrader.services.reporting.export import OutputError
from qtrader.services.reporting.valuations import Valuations

#: A log of more bytes is not read into memory.
IN_MEMORY_BYTES: Final = 64_000_000

_PRICES = ("open", "high", "low", "close", "volume", "signal_factor")


def tape_frame(tape: Tape) -> pl.DataFrame:
    """Give a tape's rows in order."""
    return pl.DataFrame(
        [
            pl.Series("opened_at_us", tape.opened_at_us),
            pl.Series("closed_at_us", tape.closed_at_us),
            pl.Series("symbol_index", tape.symbol_index),
            pl.Series("interval_index", tape.interval_index),
            *(pl.Series(name, getattr(tape, name)) for name in _PRICES),
        ]
    )


def _tape(path: Path, record: dict[str, Any]) -> Tape:
    frame = pl.read_parquet(BytesIO(path.read_bytes()))
    columns = TapeColumns(*(np.ascontiguousarray(frame[name].to_numpy()) for name in TapeColumns._fields))
    return Tape(tuple(record["symbols"]), tuple(record["intervals"]), columns)


def benchmark_frame(series: BenchmarkSeries) -> pl.DataFrame:
    """Give a benchmark's values."""
    return pl.DataFrame(
        [
            pl.Series("at_us", list(series.instants_us), dtype=pl.Int64),
            pl.Series("value", list(series.values), dtype=pl.Float64),
        ]
    )


def strategy_log(logs: Mapping[str, Sequence[tuple[int, str, Mapping[str, Any]]]]) -> dict[str, Any]:
    """Give what strategies logged, JSON-able."""
    return {
        name: [[at_us, text, dict(fields)] for at_us, text, fields in lines] for name, lines in logs.items()
    }


def run_record(run: CompletedRun, began_us: int) -> dict[str, Any]:
    """Give what is neither in the log nor in another file, JSON-able."""
    series, tape = run.benchmark, run.tape
    return {
        "initial_equity": canonical_decimal(run.initial_equity),
        "base_currency": run.base_currency,
        "symbols": list(run.symbols),
        "strategy_ids": list(run.strategy_ids),
        "notes": list(run.notes),
        "conventions": list(run.conventions),
        "trading_starts_us": run.trading_starts_us,
        "began_us": began_us,
        "periods_per_year": run.periods_per_year,
        "risk_free": run.risk_free,
        "rows": run.store.rows,
        "benchmark": None
        if series is None
        else {"name": series.name, "is_total_return": series.is_total_return},
        "tape": None if tape is None else {"symbols": list(tape.symbols), "intervals": list(tape.intervals)},
        "config": dict(run.config),
    }


def rebuild(directory: Path, manifest: dict[str, Any]) -> CompletedRun:
    """Rebuild a run from its directory.

    Raises:
        OutputError: a file does not agree with the manifest's digest.
        ContractError: a document of the log breaks its contract.
    """
    record, digests = manifest["run"], manifest["fingerprints"]
    bars = directory / "bars.parquet"
    tape = _tape(bars, record["tape"]) if bars.exists() else None
    if tape is not None:
        _require(bars, tape.fingerprint, digests["tape"])
    _require(directory / "manifest.json", configuration_hash(record["config"]), digests["configuration"])
    store = _store(directory / manifest["log"]["file"], digests["log"], tape, manifest["run_id"])
    store.rows = record["rows"]
    return CompletedRun(
        run_id=manifest["run_id"],
        name=manifest["name"],
        store=store,
        tape=tape,
        initial_equity=Decimal(record["initial_equity"]),
        base_currency=record["base_currency"],
        valuations=Valuations.read_from(lambda: Decisions(store).of(ConsolidatedPortfolioEvent)),
        symbols=tuple(record["symbols"]),
        strategy_ids=tuple(record["strategy_ids"]),
        config=record["config"],
        config_fingerprint=digests["decisions"],
        warnings=tuple(manifest["warnings"]),
        notes=tuple(record["notes"]),
        conventions=tuple(record["conventions"]),
        logs=_logs(directory / "strategy_log.json"),
        records=_records(directory / "recorded.parquet", record["strategy_ids"]),
        trading_starts_us=record["trading_starts_us"],
        began_us=record["began_us"],
        benchmark=_benchmark(directory / "benchmark.parquet", record["benchmark"]),
        periods_per_year=record["periods_per_year"],
        risk_free=record["risk_free"],
        strategy_hashes=digests["strategies"],
        engine_version=manifest["engine_version"],
    )


def _require(path: Path, found: str, expected: str | None) -> None:
    if found != expected:
        msg = f"{path} was changed: its digest is {found} instead of {expected}; restore it, or run again"
        raise OutputError(msg)


def _store(path: Path, expected: str, tape: Tape | None, run_id: str) -> EventStore:
    """Read the decisions of a log; those of a long one stay in the file until they are needed."""
    if path.stat().st_size > IN_MEMORY_BYTES:
        stored = FileEventStore.stored(path, tape, run_id, check=codec.decode_stored)
        _require(path, stored.digest, expected)
        return stored
    return _in_memory(path, expected, tape, run_id)


def _in_memory(path: Path, expected: str, tape: Tape | None, run_id: str) -> InMemoryEventStore:
    """Read the decisions of a log; each one's sequence says how many bars were known."""
    store = InMemoryEventStore()
    if tape is not None:
        store.attach_tape(tape, run_id)
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        for line in file:
            sequence, event = codec.decode_stored(line)
            if type(event) is PriceBarEvent and tape is not None:
                continue
            digest.update(line)
            store.rows = (sequence or 0) - len(store.decision_events)
            store.append(event)
    _require(path, digest.hexdigest(), expected)
    return store


def _logs(path: Path) -> dict[str, list[tuple[int, str, dict[str, Any]]]]:
    if not path.exists():
        return {}
    found = msgspec.json.decode(path.read_bytes())
    return {name: [(at_us, text, fields) for at_us, text, fields in lines] for name, lines in found.items()}


def _records(path: Path, strategy_ids: Sequence[str]) -> dict[str, list[tuple[int, str, float]]]:
    if not path.exists():
        return {}
    records: dict[str, list[tuple[int, str, float]]] = {name: [] for name in strategy_ids}
    frame = pl.read_parquet(BytesIO(path.read_bytes())).with_columns(pl.col("at").cast(pl.Int64))
    for at_us, strategy_id, name, value in frame.iter_rows():
        records.setdefault(strategy_id, []).append((at_us, name, value))
    return records


def _benchmark(path: Path, record: dict[str, Any] | None) -> BenchmarkSeries | None:
    if record is None:
        return None
    frame = pl.read_parquet(BytesIO(path.read_bytes()))
    return BenchmarkSeries(
        record["name"], frame["at_us"].to_list(), frame["value"].to_list(), record["is_total_return"]
    )
