"""Start-up: whole processes from their start to their end, against importing the library they stand on.

    python -m benchmarks.start_up [--rounds 9]

Rounds are interleaved, and a ratio is the median of the ratios within each round. Every process reads
compiled modules, as an installation has them: they are compiled in a round that does not count, to a folder
of their own. Beside the time that passed stands the processor time, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE, Popen
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_PROGRAM: Final = "from qtrader.cli import main; main()"


@dataclass(frozen=True)
class Case:
    """A process, and where there is a goal, what it is compared with."""

    name: str
    command: tuple[str, ...]
    over: str = ""
    goal: float = 0.0


CASES: Final = (
    Case("import numpy", ("-c", "import numpy")),
    Case("import polars", ("-c", "import polars")),
    Case("import qtrader", ("-c", "import qtrader"), "import numpy", 1.5),
    Case("qtrader --help", ("-c", _PROGRAM, "--help"), "import numpy", 2.5),
    Case(
        "qtrader backtest, no report",
        ("-c", _PROGRAM, "backtest", "config/system.yaml", "--no-report"),
        "import polars",
        3.0,
    ),
    Case(
        "qt.backtest of the sample",
        ("-c", "import qtrader as qt; qt.backtest(qt.sample_data(), 'SMADualCrossStrategy').metrics"),
        "import polars",
        3.0,
    ),
)


@dataclass(frozen=True)
class Times:
    """Seconds that passed, and seconds of processor time, user's and system's."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Measured:
    """What a case took, median over the rounds, and its ratio to what it is compared with."""

    case: Case
    wall: float
    processor: float
    wall_ratio: float | None
    processor_ratio: float | None

    @property
    def is_met(self) -> bool:
        """Whether there is no goal, or it is met."""
        return self.wall_ratio is None or self.wall_ratio <= self.case.goal


def measure(rounds: int = 9, cases: tuple[Case, ...] = CASES) -> list[Measured]:
    """Run the cases in turns."""
    found: dict[str, list[Times]] = {case.name: [] for case in cases}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONPATH": str(ROOT / "src")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for case in cases:
            _run(case, environment)
        for _ in range(rounds):
            for case in cases:
                found[case.name].append(_run(case, environment))
    return [_measured(case, found) for case in cases]


def _run(case: Case, environment: dict[str, str]) -> Times:
    before = _children_seconds()
    began = time.perf_counter()
    command = [sys.executable, *case.command]
    with Popen(command, cwd=ROOT, env=environment, stdout=DEVNULL, stderr=PIPE, text=True) as process:  # noqa: S603 - fixed commands
        _, said = process.communicate()
    wall = time.perf_counter() - began
    if process.returncode:
        msg = f"{case.name} failed: {said}"
        raise RuntimeError(msg)
    return Times(wall, _children_seconds() - before)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(case: Case, found: dict[str, list[Times]]) -> Measured:
    own = found[case.name]
    wall, processor = median(one.wall for one in own), median(one.processor for one in own)
    if not case.over:
        return Measured(case, wall, processor, None, None)
    pairs = list(zip(own, found[case.over], strict=True))
    return Measured(
        case,
        wall,
        processor,
        median(one.wall / base.wall for one, base in pairs),
        median(one.processor / base.processor for one, base in pairs),
    )


def table(measured: list[Measured]) -> str:
    """Write a line for each case."""
    lines = [f"{'start-up, whole processes':<30}{'ms':>8}{'cpu ms':>8}{'ratio':>8}{'cpu':>8}{'goal':>7}"]
    for one in measured:
        line = f"  {one.case.name:<28}{one.wall * 1e3:8.0f}{one.processor * 1e3:8.0f}"
        if one.wall_ratio is not None and one.processor_ratio is not None:
            line += f"{one.wall_ratio:8.2f}{one.processor_ratio:8.2f}{one.case.goal:7.1f} x {one.case.over}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    print(table(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
