"""The benchmark of `make bench`: ratios measured side by side in one run, medians of interleaved rounds.

It is the part of `make bench-peers` that needs no peers, quicker and printed instead of written. Every
measurement is a process of its own. Absolute times depend on the machine; the ratios are the claims.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.harness import ROOT, Bench, Case, Dataset, Found, machine, ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

BARE, SILENT, FULL, COLUMNS = "a  bare loop", "b  engine, silenced", "c  engine, all orders", "d  on columns"


def say_nothing(_: str) -> None:
    """Take the harness's progress."""


def measured(bench: Bench, cases: Sequence[Case], rounds: int) -> dict[str, Found]:
    """Run the rounds; a case that fails ends the benchmark with its reason."""
    found = bench.rounds(cases, rounds)
    for name, each in found.items():
        if each.failure:
            sys.exit(f"benchmark: {name.strip()}: {each.failure}")
    return found


def bench_engine(bench: Bench, bars: int, rounds: int) -> None:
    """Compare the engine with the bare loop."""
    data = Dataset(1, bars)
    modes = {BARE: "bare", SILENT: "silent", FULL: "full", COLUMNS: "columns"}
    found = measured(bench, [Case(label, "qtrader", mode, data) for label, mode in modes.items()], rounds)
    print(f"\n{bars:,} one-minute bars, SMADualCross(10, 50), 100 shares, 0.1 % commission, next open")
    prepared = found[FULL].median_of("prepare_seconds") or 0.0
    print(f"  data, checks and tape    {prepared:8.3f} s  (not in the times below)")
    for label, each in found.items():
        taken = each.median_of("seconds") or 0.0
        print(f"  {label:<24} {taken:8.3f} s  {bars / taken:12,.0f} bars/s")
    run = found[FULL].runs[0]
    print(f"  fills {run['fills']:,}, events logged {run['events']:,}")
    silent, full = median(ratios(found, SILENT, BARE)), median(ratios(found, FULL, BARE))
    print(f"  b/a {silent:.2f} (goal 1.25)   c/a {full:.2f}   c/d {median(ratios(found, FULL, COLUMNS)):.2f}")
    print(f"  peak memory of c {found[FULL].median_of('peak_mb'):,.0f} MB (goal 400)")


def bench_width(bench: Bench, rounds: int) -> None:
    """Compare many symbols with one, per bar."""
    one, many = "one symbol", "500 symbols"
    cases = [
        Case(one, "qtrader", "silent", Dataset(1, 1_260_000)),
        Case(many, "qtrader", "silent", Dataset(500, 2_520, "1d")),
    ]
    found = measured(bench, cases, rounds)
    print("\n500 symbols x 2,520 days against one symbol of as many bars, engine silenced")
    for label in (one, many):
        print(f"  {label:<24} {median(found[label].per_row) * 1e9:8.0f} ns a bar")
    print(f"  ratio {median(ratios(found, many, one)):.2f} (goal 1.5)")


def main() -> None:
    """Run all, or with `--quick` a tenth of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the bars and one round")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(machine())
    rounds = 1 if chosen.quick else chosen.rounds
    with tempfile.TemporaryDirectory(prefix="qtrader-bench-") as folder:
        bench = Bench(Path(folder), ROOT / ".venv-peers", say_nothing)
        bench_engine(bench, 100_000 if chosen.quick else 1_000_000, rounds)
        bench_width(bench, rounds)
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks.orders"], cwd=ROOT, check=True)
    rounds_asked = ["--rounds", str(max(rounds, 7))]
    subprocess.run([sys.executable, "-m", "benchmarks.start_up", *rounds_asked], cwd=ROOT, check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
