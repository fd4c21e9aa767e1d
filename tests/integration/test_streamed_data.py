"""A run over a dataset on disk is the run in memory: its id, its log to the byte, its figures."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qtrader as qt
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import parse_run_config
from qtrader.engine.fingerprints import log_hash, log_lines
from qtrader.engine.results import Results
from qtrader.market import mapped_arrays, tape_mapped, tape_writer
from qtrader.market.tape_mapped import MappedTape
from qtrader.services.data import service
from qtrader.services.data.streaming import StreamedLoad

FIRST = date(2024, 1, 2)
SYMBOLS = "ABC"
HOURS = 6
HOLIDAYS = {date(2024, 1, 15), date(2024, 2, 19)}


@pytest.fixture(autouse=True)
def _few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files, runs, blocks and releases be of a few rows."""
    monkeypatch.setattr("os.fsync", lambda _file: None)
    monkeypatch.setattr(tape_mapped, "_BLOCK_ROWS", 11)
    monkeypatch.setattr(tape_mapped, "RELEASE_ROWS", 7)
    monkeypatch.setattr(mapped_arrays, "IN_MEMORY_BYTES", 64)
    monkeypatch.setattr(tape_writer, "_BLOCK_ROWS", 13)
    for module in (service, __import__("qtrader.services.data.memory", fromlist=["memory"])):
        monkeypatch.setattr(module, "StreamedLoad", partial(StreamedLoad, block_rows=17))


def prices(rng: random.Random, times: list[Any], symbol: str, price: float) -> pl.DataFrame:
    rows = []
    for time in times:
        opened = price
        price = max(5.0, price * (1 + rng.gauss(0.0, 0.02)))
        high, low = max(opened, price) * 1.01, min(opened, price) * 0.99
        rows.append((time, symbol, opened, high, low, price, float(rng.randint(1_000, 9_000))))
    return pl.DataFrame(
        rows, schema=["time", "symbol", "open", "high", "low", "close", "volume"], orient="row"
    )


def sessions(count: int) -> list[date]:
    days = (FIRST + timedelta(days=number) for number in range(2 * count))
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS][:count]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Hourly bars partitioned by date, daily bars by symbol, splits and dividends of all symbols."""
    rng = random.Random(20240102)  # noqa: S311 - nothing is secret
    days = sessions(40)
    for place, symbol in enumerate(SYMBOLS):
        folder = tmp_path / "daily" / f"symbol={symbol}"
        folder.mkdir(parents=True)
        frame = prices(rng, days[place:], symbol, 100.0 + 20 * place)
        frame.drop("symbol").write_parquet(folder / "part.parquet")
    last = {symbol: 50.0 + 10 * place for place, symbol in enumerate(SYMBOLS)}
    for day in days:
        opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
        parts = []
        for symbol in SYMBOLS:
            times = [opens + timedelta(hours=hour) for hour in range(HOURS)]
            parts.append(prices(rng, times, symbol, last[symbol]))
            last[symbol] = parts[-1]["close"][-1]
        folder = tmp_path / "hourly" / f"date={day}"
        folder.mkdir(parents=True)
        pl.concat(parts).sort("time", "symbol").write_parquet(folder / "part.parquet")
    (tmp_path / "actions.csv").write_text(
        "symbol,ex_date,action,ratio,amount\n"
        "A,2024-01-10,split,2,\nA,2024-01-16,cash_dividend,,0.35\nB,2024-01-12,cash_dividend,,1.2\n"
        "B,2024-01-24,stock_dividend,0.05,\nC,2024-01-31,split,0.5,\nC,2024-02-05,cash_dividend,,0.1\n"
    )
    return tmp_path


def lines(results: Results) -> list[bytes]:
    return list(log_lines(results.run.store))


def same(in_memory: Results, on_disk: Results) -> None:
    assert isinstance(on_disk.run.tape, MappedTape)
    assert in_memory.run.tape is not None
    assert not isinstance(in_memory.run.tape, MappedTape)
    assert on_disk.run.run_id == in_memory.run.run_id
    assert lines(on_disk) == lines(in_memory)
    assert log_hash(on_disk.run.store) == log_hash(in_memory.run.store)
    assert [*on_disk.run.store.history()] == [*in_memory.run.store.history()]
    assert on_disk.summary == in_memory.summary
    assert on_disk.trades.equals(in_memory.trades)
    assert on_disk.fills.height > 5


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"signal_prices": "total_return", "dividends": "reinvest", "slippage_bps": 2},
        {"warmup_bars": 5},
        {"warmup_bars": 3, "start": date(2024, 1, 15), "end": date(2024, 2, 9)},
        {"symbols": ["A", "C"], "market_fill": "next_close"},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize("dataset", ["daily", "hourly"])
def test_the_log_is_the_one_in_memory(project: Path, dataset: str, options: dict[str, Any]) -> None:
    reading: dict[str, Any] = {
        "prices": "raw",
        "calendar": "XNYS",
        "corporate_actions": project / "actions.csv",
    }
    if dataset == "hourly":
        reading |= {"bar_label": "open", "interval": "1h"}
    run = partial(
        qt.backtest,
        project / dataset,
        "SMADualCrossStrategy",
        parameters={"fast": 2, "slow": 4},
        cache_dir=project / "cache",
        **reading,
        **options,
    )
    in_memory = run(streamed="never")
    for _time in ("built", "kept"):
        same(in_memory, run(streamed="always"))
    assert len(list((project / "cache").iterdir())) == 1


def test_a_project_of_two_sources_and_two_intervals(project: Path) -> None:
    """Hours match the orders of a strategy that sees days; both sources lie on one tape on disk."""
    common = {"prices": "raw", "calendar": "XNYS", "cache_dir": str(project / "cache")}
    sources = {
        "days": {"path": str(project / "daily"), "corporate_actions": str(project / "actions.csv"), **common},
        "hours": {
            "path": str(project / "hourly" / "*" / "*.parquet"),
            "bar_label": "open",
            "interval": "1h",
            "corporate_actions": str(project / "actions.csv"),
            **common,
        },
    }
    found = []
    for streamed in ("never", "always"):
        declared = {name: {**source, "streamed": streamed} for name, source in sources.items()}
        config = parse_run_config(
            {
                "data_sources": {"sources": declared},
                "data": [{"source": "days"}, {"source": "hours"}],
                "strategies": [
                    {
                        "strategy": "SMADualCrossStrategy",
                        "intervals": ["1d"],
                        "parameters": {"fast": 2, "slow": 5},
                    }
                ],
            },
            "test",
        )
        found.append(BacktestEngine.from_config(config).run())
    same(*found)
    assert found[1].run.tape is not None
    assert found[1].run.tape.intervals == ("1h", "1d")
