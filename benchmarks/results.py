"""The page of results in Markdown: goals, a table for each workload, and each engine's conventions."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.conventions import CONVENTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.harness import Found
    from benchmarks.workloads import Goal, Workload

#: A count of fills may differ by so much of the reference's: means that are equal in cents are not in floats.
FILLS_MAY_DIFFER = 0.01


@dataclass(frozen=True)
class Measured:
    """A workload with what its cases gave, and how many fills the reference counts, by what decides it."""

    workload: Workload
    found: dict[str, Found]
    reference: dict[tuple[str, int | None], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Everything that stands on the page."""

    machine: str
    rounds: int
    scale: int
    measured: Sequence[Measured]
    sections: Sequence[str] = ()


def render(page: Page) -> str:
    """Return the page."""
    parts = [_head(page), _goals(page.measured)]
    parts += [_workload(each) for each in page.measured]
    parts += page.sections
    parts += [_missing(page.measured), _conventions(page.measured)]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def verdict(goal: Goal, values: Sequence[float]) -> str:
    """Say whether a goal is met: `missed`, `met`, `stretch` or `not measured`."""
    if not values:
        return "not measured"
    found = median(values)

    def holds(bound: float) -> bool:
        return found <= bound if goal.at_most else found >= bound

    if goal.stretch is not None and holds(goal.stretch):
        return "stretch"
    return "met" if holds(goal.bound) else "missed"


def _head(page: Page) -> str:
    part = "" if page.scale == 1 else f" A quick run on 1/{page.scale} of the bars: not what is claimed."
    return (
        "# Results\n\n"
        f"Measured on {page.machine}.\n"
        f"Medians of {page.rounds} interleaved rounds (A B C, A B C, …), a process for each measurement;\n"
        f"ratios are medians of the ratios within each round.{part}\n"
        "Absolute times depend on the machine; the ratios are the claims. `make peers bench-peers` repeats\n"
        "them.\n\n"
        "`seconds` run from prices in memory to results, `CPU` is the processors' time in them; what an\n"
        "engine needs before (its own objects, a tape) is `prepare`, and a first run on a few bars, which\n"
        "compiles what is compiled, is `first`. Memory is the most that the process held, bars and\n"
        "libraries included. `fills` are compared with a count by NumPy.\n"
    )


def _goals(measured: Sequence[Measured]) -> str:
    rows = [
        "## Goals\n",
        "| workload | ratio | found | must be | stretch | |",
        "|---|---|---:|---:|---:|---|",
    ]
    for each in measured:
        for goal in each.workload.goals:
            values = goal.values(each.found)
            sign = "≤" if goal.at_most else "≥"
            found = _figure(median(values)) if values else "-"
            stretch = "" if goal.stretch is None else f"{sign} {goal.stretch:g}"
            rows.append(
                f"| {each.workload.name} | {goal.text} | {found} | {sign} {goal.bound:g} | {stretch} "
                f"| {verdict(goal, values)} |"
            )
    return "\n".join(rows) + "\n"


def _workload(each: Measured) -> str:
    workload = each.workload
    rows = [
        f"## {workload.name}: {workload.title}\n",
        f"{workload.about}\n",
        f"| | seconds | CPU | {workload.unit}/s | prepare | first | whole process | memory, MB | fills |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [_row(found, each.reference) for found in each.found.values() if found.runs]
    return "\n".join(rows) + "\n"


def _row(found: Found, reference: dict[tuple[str, int | None], int]) -> str:
    def seconds(key: str) -> str:
        value = found.median_of(key)
        return "" if value is None else _figure(value)

    label = f"*{found.case.label}*" if found.case.kind == "reference" else found.case.label
    label = f"**{label}**" if found.case.kind == "ours" else label
    if found.case.engine == "process":
        return f"| {label} | {seconds('seconds')} | | | | | {seconds('whole_seconds')} | | |"
    rate, memory = 1 / median(found.per_row), found.median_of("peak_mb") or 0.0
    return (
        f"| {label} | {seconds('seconds')} | {seconds('processor_seconds')} "
        f"| {rate:,.0f} | {seconds('prepare_seconds')} "
        f"| {seconds('first_seconds')} | {seconds('whole_seconds')} | {memory:,.0f} "
        f"| {fills_of(found, reference)} |"
    )


def fills_of(found: Found, reference: dict[tuple[str, int | None], int]) -> str:
    """Say how many fills a case made, and by how much they differ from the reference's.

    Where an engine counts only the trades that are closed or open at the end, these.
    """
    made, trades = found.median_of("fills"), found.median_of("trades")
    if not made:
        return f"{trades:,.0f} trades" if trades else ""
    wanted = reference.get(found.case.counted)
    if wanted is None or made == wanted:
        return f"{made:,.0f}"
    sign = "" if abs(made - wanted) <= FILLS_MAY_DIFFER * wanted else " **differs**"
    return f"{made:,.0f} ({made - wanted:+,.0f}){sign}"


def _figure(value: float) -> str:
    """Write a figure with three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _missing(measured: Sequence[Measured]) -> str:
    reasons = {
        (each.workload.name, found.case.label): found.failure
        for each in measured
        for found in each.found.values()
        if found.failure
    }
    if not reasons:
        return ""
    rows = ["## Not measured\n", "| workload | engine | why |", "|---|---|---|"]
    rows += [f"| {name} | {label} | {why.replace('|', '/')} |" for (name, label), why in reasons.items()]
    return "\n".join(rows) + "\n"


def _conventions(measured: Sequence[Measured]) -> str:
    versions: dict[str, str] = {}
    for each in measured:
        for found in each.found.values():
            if found.runs and found.case.engine not in ("process", "qtrader"):
                run = found.runs[0]
                versions[found.case.engine] = f"{run['version']}, Python {run['python']}"
    rows = [
        "## What each engine does\n",
        "| engine | version | in these runs |",
        "|---|---|---|",
    ]
    for engine, (name, text) in CONVENTIONS.items():
        rows.append(f"| {name} | {versions.get(engine, '')} | {text} |")
    return "\n".join(rows) + "\n"
