"""The benchmark of `make bench`: ratios measured side by side in one run, medians of interleaved rounds.

Every measurement is a process of its own. Absolute times depend on the machine; the ratios are the claims.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def measure(case: str, symbols: int = 1, bars: int = 1_000_000, interval: str = "1m") -> dict[str, Any]:
    """Run one case in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.engine_case", case, str(symbols), str(bars), interval]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def start_up(command: list[str]) -> float:
    """Time one process from its start to its end."""
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - fixed commands
    return time.perf_counter() - began


def interleaved(cases: dict[str, Any], rounds: int) -> dict[str, list[Any]]:
    """Take turns: A B C, A B C, …, so that a drift of the machine's speed meets all alike."""
    found: dict[str, list[Any]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return found


def ratio(found: dict[str, list[float]], over: str, under: str) -> float:
    """Return the median of the ratios within each round."""
    return median(above / below for above, below in zip(found[over], found[under], strict=True))


def bench_engine(bars: int, rounds: int) -> None:
    """Compare the engine with the bare loop."""
    cases = {case: (lambda case=case: measure(case, bars=bars)) for case in ("bare", "silent", "full")}
    found = interleaved(cases, rounds)
    seconds = {name: [one["seconds"] for one in runs] for name, runs in found.items()}
    events = found["full"][0]["events"]
    labels = {"bare": "a  bare loop", "silent": "b  engine, silenced", "full": "c  engine, all orders"}
    print(f"\n{bars:,} one-minute bars, SMADualCross(10, 50), 100 shares, 0.1 % commission, next open")
    tape_seconds = median(one["tape_seconds"] for one in found["full"])
    print(f"  tape building            {tape_seconds:8.3f} s  (data and checks; not in the times below)")
    for name, label in labels.items():
        taken = median(seconds[name])
        print(f"  {label:<24} {taken:8.3f} s  {bars / taken:12,.0f} bars/s")
    signals, fills, logged = events.get("signal", 0), events.get("fill", 0), sum(events.values())
    print(f"  signals {signals:,}, fills {fills:,}, events logged {logged:,}")
    silent, full = ratio(seconds, "silent", "bare"), ratio(seconds, "full", "bare")
    print(f"  b/a {silent:.2f} (goal 1.5)   c/a {full:.2f} (goal 3.5)")
    peak = median(one["peak_mb"] for one in found["full"])
    print(f"  peak memory of c {peak:,.0f} MB (goal 400)")


def bench_width(rounds: int) -> None:
    """Compare many symbols with one, per bar."""
    wide = {"bars": 2_520, "symbols": 500, "interval": "1d"}
    cases = {
        "one": lambda: measure("silent", bars=1_260_000),
        "many": lambda: measure("silent", **wide),
    }
    found = interleaved(cases, rounds)
    per_bar = {name: [one["seconds"] / one["rows"] for one in runs] for name, runs in found.items()}
    print("\n500 symbols x 2,520 days against one symbol of as many bars, engine silenced")
    for name, label in (("one", "one symbol"), ("many", "500 symbols")):
        print(f"  {label:<24} {median(per_bar[name]) * 1e9:8.0f} ns a bar")
    print(f"  ratio {ratio(per_bar, 'many', 'one'):.2f} (goal 1.5)")


def bench_start_up(rounds: int) -> None:
    """Compare start-up with importing NumPy."""
    cases = {
        "numpy": lambda: start_up([sys.executable, "-c", "import numpy"]),
        "import": lambda: start_up([sys.executable, "-c", "import qtrader"]),
        "help": lambda: start_up([str(Path(sys.executable).with_name("qtrader")), "--help"]),
    }
    found = interleaved(cases, rounds)
    print("\nstart-up, whole processes")
    for name, label in (("numpy", "import numpy"), ("import", "import qtrader"), ("help", "qtrader --help")):
        print(f"  {label:<24} {median(found[name]) * 1e3:8.0f} ms")
    print(f"  import qtrader / import numpy {ratio(found, 'import', 'numpy'):.2f} (goal 1.5)")
    print(f"  qtrader --help / import numpy {ratio(found, 'help', 'numpy'):.2f} (goal 2.5)")


def bench_orders() -> None:
    """Compare a bar's cost with few and many orders at rest."""
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks.orders"], cwd=ROOT, check=True)


def main() -> None:
    """Run all, or with `--quick` a tenth of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the bars and one round")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    rounds = 1 if chosen.quick else chosen.rounds
    bench_engine(100_000 if chosen.quick else 1_000_000, rounds)
    bench_width(rounds)
    bench_orders()
    bench_start_up(max(rounds, 7))


if __name__ == "__main__":
    main()
