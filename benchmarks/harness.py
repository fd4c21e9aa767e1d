"""Measuring: a process for each measurement, rounds that take turns, medians, and ratios within rounds.

A case names an engine, what it does and the data it does it on. QTrader's cases run in this environment,
each peer's in its own; both print one JSON line. An engine that is not installed or fails is a reason, which
stands in the results beside the figures of the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import synthetic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: The longest that one measurement may take, in seconds.
TIMEOUT = 400.0


@dataclass(frozen=True)
class Dataset:
    """Bars that the generator makes: so many symbols, each with so many bars of one interval."""

    symbols: int
    bars: int
    interval: str = "1m"

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.symbols}x{self.bars}x{self.interval}"


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        label: what the results call it.
        engine: `qtrader`, a peer's name, or `process` for a program of which only the whole is timed.
        mode: what the engine is asked for; of a process, its arguments to Python.
        data: the bars, for all but a process.
        options: passed on as KEY=VALUE.
        kind: `peer`, `ours` or `reference` (what no engine can beat).
        once: a slow one, which is measured in the first round only.
    """

    label: str
    engine: str
    mode: str
    data: Dataset | None = None
    options: tuple[str, ...] = ()
    kind: str = "peer"
    once: bool = False

    @property
    def sets(self) -> int | None:
        """How many parameter sets it was given, where it says so."""
        return next((int(each[5:]) for each in self.options if each.startswith("sets=")), None)

    @property
    def counted(self) -> tuple[str, int | None]:
        """What decides how many fills there are: the dataset and the sets."""
        return ("" if self.data is None else self.data.name), self.sets


@dataclass
class Found:
    """What the rounds of one case gave, or why there is nothing."""

    case: Case
    runs: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""

    def median_of(self, key: str) -> float | None:
        """Return the median of a figure over the rounds, or None where it is not known."""
        values = [float(run[key]) for run in self.runs if run.get(key) is not None]
        return median(values) if values else None

    @property
    def per_row(self) -> list[float]:
        """Seconds for each bar, by round."""
        return [run["seconds"] / run["rows"] for run in self.runs]


class Bench:
    """Runs cases; the bars are written once, to a folder that the caller removes."""

    def __init__(self, folder: Path, peers: Path, say: Callable[[str], None] = print) -> None:
        self.folder, self.peers, self.say = folder, peers, say

    def data(self, dataset: Dataset) -> Path:
        """Return the folder of a dataset, made when it is first asked for."""
        folder = self.folder / dataset.name
        if not folder.exists():
            synthetic.save(folder, dataset.symbols, dataset.bars, interval=dataset.interval)
        return folder

    def command(self, case: Case) -> list[str]:
        """Return the program of a case."""
        if case.engine == "process":
            return [sys.executable, *case.options] if not case.mode else [sys.executable, "-c", case.mode]
        given = [case.mode, str(self.data(case.data or Dataset(1, 1_000))), *case.options]
        if case.engine == "qtrader":
            return [sys.executable, "-m", "benchmarks.engine_case", *given]
        adapter = ROOT / "benchmarks" / "peers" / f"{case.engine}_run.py"
        return [str((self.peers / case.engine / "bin" / "python").absolute()), str(adapter), *given]

    def environment(self, case: Case) -> dict[str, str]:
        """Return a process's surroundings: all keep compiled bytecode, as an installed program does."""
        engine = "qtrader" if case.engine == "process" else case.engine
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode" / engine)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return environment

    def measure(self, case: Case) -> dict[str, Any]:
        """Run one case in a fresh process.

        Raises:
            MeasureError: naming why it gave no figures.
        """
        command = self.command(case)
        if not Path(command[0]).exists():
            msg = "not installed here"
            raise MeasureError(msg)
        began = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - our own programs
                command,
                cwd=ROOT,
                env=self.environment(case),
                check=False,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            msg = f"not done after {TIMEOUT:,.0f} s"
            raise MeasureError(msg) from None
        whole = time.perf_counter() - began
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise MeasureError(_without_paths(said[-1]) if said else f"ended with code {done.returncode}")
        if case.engine == "process":
            return {"seconds": whole, "whole_seconds": whole, "rows": 1}
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return {**found, "whole_seconds": whole}

    def rounds(self, cases: Sequence[Case], rounds: int, *, warms_caches: bool = False) -> dict[str, Found]:
        """Take turns: A B C, A B C, …, so that a drift of the machine's speed meets all alike.

        With `warms_caches`, a round that does not count comes before: what programs keep on disk is there.
        """
        found = {case.label: Found(case) for case in cases}
        for case in cases if warms_caches else ():
            with contextlib.suppress(MeasureError):  # the counted round says so
                self.measure(case)
        for number in range(rounds):
            for case in cases:
                entry = found[case.label]
                if entry.failure or (case.once and number):
                    continue
                try:
                    run = self.measure(case)
                except MeasureError as error:
                    entry.failure = str(error)
                    self.say(f"  {case.label}: {error}")
                    continue
                entry.runs.append(run)
                self.say(f"  round {number + 1} of {rounds}  {case.label}: {run['seconds']:.3f} s")
        return found


class MeasureError(Exception):
    """A case gave no figures."""


def _without_paths(message: str) -> str:
    """Leave the folders out of a message, which are of no use elsewhere."""
    return re.sub(r"/[^\s:'\"]*/", "", message)[:200]


def ratios(found: dict[str, Found], over: str, under: str) -> list[float]:
    """Return the ratios of the seconds per bar within each round; empty where one is missing.

    Where one was measured in fewer rounds, its median stands for the rounds that it lacks.
    """
    above, below = found[over].per_row, found[under].per_row
    if not above or not below:
        return []
    length = max(len(above), len(below))
    above = above + [median(above)] * (length - len(above))
    below = below + [median(below)] * (length - len(below))
    return [a / b for a, b in zip(above, below, strict=True)]


def machine() -> str:
    """Say what the figures were measured on: processor, cores, system, Python."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = os.cpu_count() or 1
    return (
        f"{named[0] if named else model}, {cores} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
