"""`make bench-peers`: QTrader beside its peers in interleaved rounds; writes benchmarks/RESULTS.md.

    python -m benchmarks.peers_run [--quick] [--workload W1 …] [--rounds 3] [--output FILE]

Without W5, which is asked for by name, a full run takes some twenty minutes; `--quick` takes a tenth of the
bars and one round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import growth, reference, streaming, workloads
from benchmarks.harness import ROOT, Bench, machine
from benchmarks.results import Measured, Page, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workloads import Workload

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
GROWTH, STREAMING = "growth", "W5"


def every_workload(scale: int) -> dict[str, Workload]:
    """Return all workloads by name, with a part of their bars."""
    found = (
        workloads.one_symbol(scale),
        workloads.many_symbols(scale),
        *workloads.sweeps(scale),
        workloads.order_path(scale),
        workloads.long_tapes(scale),
        workloads.first_result(scale),
        workloads.start_up(),
    )
    return {each.name: each for each in found}


def measure(bench: Bench, workload: Workload, rounds: int) -> Measured:
    """Run the rounds of a workload and count its fills."""
    found = bench.rounds(workload.cases, rounds, warms_caches=workload.warms_caches)
    counts: dict[tuple[str, int | None], int] = {}
    for case in workload.cases:
        if case.data is not None and case.counted not in counts:
            folder = bench.data(case.data)
            counts[case.counted] = (
                workload.fills(folder, case.sets) if workload.fills else reference.cross_of_folder(folder)
            )
    return Measured(workload, found, counts)


def say(text: str) -> None:
    """Print progress at once."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and write the page."""
    known = [*every_workload(1), GROWTH, STREAMING]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the bars and one round")
    parser.add_argument("--workload", nargs="+", choices=known, help="which; all but W5 by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers", help="what `make peers` made")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--bars", type=int, default=50_000_000, help="how many bars W5 streams")
    chosen = parser.parse_args(arguments)
    scale, rounds = (10, 1) if chosen.quick else (1, chosen.rounds)
    wanted = chosen.workload or [name for name in known if name != STREAMING]
    began = time.monotonic()
    measured: list[Measured] = []
    sections: list[str] = []
    with tempfile.TemporaryDirectory(prefix="qtrader-bench-") as folder:
        bench = Bench(Path(folder), chosen.peers, say)
        for name, workload in every_workload(scale).items():
            if name in wanted:
                say(f"{name}: {workload.title} ({time.monotonic() - began:,.0f} s so far)")
                measured.append(measure(bench, workload, rounds))
        if GROWTH in wanted:
            say(f"growth ({time.monotonic() - began:,.0f} s so far)")
            sections.append(growth.section(bench, scale, rounds, chosen.output.with_name("growth.svg")))
        if STREAMING in wanted:
            say(f"W5: {chosen.bars:,} bars from Parquet")
            sections.append(streaming.section(Path(folder), chosen.bars // scale, say))
    chosen.output.write_text(render(Page(machine(), rounds, scale, measured, sections)), encoding="utf-8")
    print(f"{time.monotonic() - began:,.0f} s; wrote {chosen.output.name}")


if __name__ == "__main__":
    main()
