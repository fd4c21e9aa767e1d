"""W5: bars in Parquet files that are larger than memory is meant to hold, against the same in memory.

The dataset is ten symbols' minute bars, in files of 1,000,000 rows, in time order. The run over all of it is
streamed from disk and logs to disk; beside it runs a tenth of the files in memory. A second process looks at
the resident memory of each run, so that the figure is what the system sees.

    python -m benchmarks.streaming CONFIG LOGS    (one run; prints one JSON line)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import synthetic

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = 10
ROWS_PER_FILE = 1_000_000
GOAL_MB, GOAL_RATE, FLAT = 1_024.0, 0.8, 1.1
SAMPLED_EVERY = 0.25

_SYSTEM = """\
data_sources: data_sources.yaml
portfolio: portfolio.yaml
run: {name: streaming, valuation_calendar: UTC}
data:
  - source: bars
strategies:
  - strategy: SMADualCrossStrategy
    parameters: {fast: 10, slow: 50}
"""
_PORTFOLIO = """\
portfolio: {initial_cash: 100000000}
execution:
  commission: {type: percent, percent: 0.1}
risk:
  sizing: {method: fixed_quantity, quantity: 100}
"""


def write_dataset(folder: Path, bars: int, say: Callable[[str], None]) -> None:
    """Write the files: so many bars in all, the symbols of an instant beside each other."""
    import polars as pl

    each = bars // SYMBOLS
    step = max(1, ROWS_PER_FILE // SYMBOLS)
    scratch = folder.with_name("columns")
    scratch.mkdir(parents=True)
    for place, name in enumerate(synthetic.names(SYMBOLS)):
        made = synthetic.columns(name, each, seed=1 + place)
        for field in ("opened_at_us", *synthetic.FIELDS):
            np.save(scratch / f"{name}-{field}.npy", getattr(made, field))
    folder.mkdir()
    for first in range(0, each, step):
        frames = []
        for name in synthetic.names(SYMBOLS):
            taken = {
                field: np.load(scratch / f"{name}-{field}.npy", mmap_mode="r")[first : first + step]
                for field in ("opened_at_us", *synthetic.FIELDS)
            }
            frame = pl.DataFrame({field: np.array(values) for field, values in taken.items()})
            frames.append(frame.with_columns(pl.lit(name).alias("symbol")))
        table = pl.concat(frames).with_columns(
            pl.from_epoch("opened_at_us", time_unit="us").dt.replace_time_zone("UTC").alias("time")
        )
        table = table.drop("opened_at_us").sort("time", "symbol")
        table.write_parquet(folder / f"part-{first // step:04d}.parquet")
    for file in scratch.iterdir():
        file.unlink()
    scratch.rmdir()
    say(f"  wrote {each * SYMBOLS:,} bars in {len(list(folder.iterdir()))} files")


def write_config(folder: Path, files: str, *, streamed: str) -> Path:
    """Write the configuration of a run over some of the files, and return its path."""
    folder.mkdir(parents=True)
    source = {
        "path": files,
        "interval": "1m",
        "prices": "raw",
        "calendar": "UTC",
        "timezone": "UTC",
        "bar_label": "open",
        "streamed": streamed,
        "cache_dir": str(folder / "tapes"),
    }
    # JSON is YAML.
    (folder / "data_sources.yaml").write_text(json.dumps({"sources": {"bars": source}}), encoding="utf-8")
    (folder / "portfolio.yaml").write_text(_PORTFOLIO, encoding="utf-8")
    system = folder / "system.yaml"
    system.write_text(_SYSTEM, encoding="utf-8")
    return system


def run_one(config: Path, logs: Path) -> dict[str, Any]:
    """Run a configuration as the command line does, and say how long its parts took."""
    from qtrader.engine.backtest_engine import BacktestEngine
    from qtrader.engine.config import load_run_config

    began = time.perf_counter()
    engine = BacktestEngine.from_config(load_run_config(config), log_directory=logs)
    loaded = time.perf_counter()
    results = engine.run()
    ended = time.perf_counter()
    statistics = results.run.statistics
    rows = statistics.bars if statistics is not None else 0
    return {"load_seconds": loaded - began, "seconds": ended - loaded, "rows": rows}


def watched(config: Path, logs: Path) -> dict[str, Any]:
    """Run a configuration in a process of its own and watch its resident memory, in megabytes.

    Raises:
        RuntimeError: the run failed; its last line is the message.
    """
    command = [sys.executable, "-m", "benchmarks.streaming", str(config), str(logs)]
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    seen: list[float] = []
    while process.poll() is None:
        seen.append(_resident_mb(process.pid))
        time.sleep(SAMPLED_EVERY)
    said, failed = process.communicate()
    if process.returncode:
        raise RuntimeError((failed.strip().splitlines() or ["no message"])[-1])
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return {**found, "resident_mb": [mb for mb in seen if mb]}


def _resident_mb(process_id: int) -> float:
    try:
        lines = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    named = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(named[0]) / 1024 if named else 0.0


def section(folder: Path, bars: int, say: Callable[[str], None]) -> str:
    """Measure and return the section of the page."""
    dataset = folder / "w5" / "bars"
    dataset.parent.mkdir(parents=True)
    write_dataset(dataset, bars, say)
    tenth = max(1, len(list(dataset.iterdir())) // 10)
    in_memory = folder / "w5" / "tenth"
    in_memory.mkdir()
    for file in sorted(dataset.iterdir())[:tenth]:
        (in_memory / file.name).symlink_to(file)
    small = watched(
        write_config(folder / "w5" / "memory", f"{in_memory}/*.parquet", streamed="never"),
        folder / "w5" / "memory-logs",
    )
    say(f"  in memory: {small['rows']:,} bars in {small['seconds']:.1f} s")
    config = write_config(folder / "w5" / "streamed", f"{dataset}/*.parquet", streamed="always")
    large = watched(config, folder / "w5" / "logs")
    say(f"  streamed: {large['rows']:,} bars in {large['seconds']:.1f} s")
    again = watched(config, folder / "w5" / "logs-again")
    say(f"  streamed again, its tape kept: {again['rows']:,} bars in {again['seconds']:.1f} s")
    return page(small, large, again)


def page(small: dict[str, Any], large: dict[str, Any], again: dict[str, Any]) -> str:
    """Write what was found, and whether it is what is asked for."""
    peak, growth = max(*again["resident_mb"], *large["resident_mb"]), flatness(again["resident_mb"])
    rate = (again["rows"] / again["seconds"]) / (small["rows"] / small["seconds"])
    rows = "\n".join(
        f"| {label} | {run['rows']:,} | {run['load_seconds']:.1f} | {run['seconds']:.1f} "
        f"| {run['rows'] / run['seconds']:,.0f} | {max(run['resident_mb']):,.0f} |"
        for label, run in (
            ("in memory", small),
            ("**streamed, its tape built first**", large),
            ("**streamed, its tape kept**", again),
        )
    )
    return (
        f"## W5: {large['rows']:,} minute bars of {SYMBOLS} symbols in Parquet, streamed\n\n"
        "The crossover with all orders, logged to disk. Building the tape (checks, actions, order) is\n"
        "`load`; a tape that is kept is opened by the next run. Memory is resident, seen from outside.\n\n"
        "| | bars | load, s | run, s | bars/s | most memory, MB |\n|---|---:|---:|---:|---:|---:|\n"
        f"{rows}\n\n"
        "| ratio | found | must be | |\n|---|---:|---:|---|\n"
        f"| resident memory, MB, building included | {peak:,.0f} | ≤ {GOAL_MB:,.0f} "
        f"| {'met' if peak <= GOAL_MB else 'missed'} |\n"
        f"| flat: last quarter / second quarter | {growth:.2f} | ≤ {FLAT} "
        f"| {'met' if growth <= FLAT else 'missed'} |\n"
        f"| rate / rate in memory | {rate:.2f} | ≥ {GOAL_RATE} "
        f"| {'met' if rate >= GOAL_RATE else 'missed'} |\n"
    )


def flatness(resident_mb: list[float]) -> float:
    """Return how much larger the memory of the last quarter of a run is than that of the second."""
    quarter = max(1, len(resident_mb) // 4)
    return median(resident_mb[-quarter:]) / median(resident_mb[quarter : 2 * quarter] or resident_mb)


if __name__ == "__main__":
    print(json.dumps(run_one(Path(sys.argv[1]), Path(sys.argv[2]))))
