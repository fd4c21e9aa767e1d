"""How cost grows: ten and a hundred times the bars, symbols, orders and strategies, measured and drawn.

Each panel starts from a small run and multiplies one thing. A line at the slope of the dotted one grows in
proportion; below it, it grows more slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

from benchmarks.harness import Bench, Case, Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.harness import Found

TIMES = (1, 10, 100)
CALLBACK, COLUMNS = "callback", "columns"
COLOURS = {CALLBACK: "#1f77b4", COLUMNS: "#d62728"}


@dataclass(frozen=True)
class Line:
    """One line of a panel: seconds at 1, 10 and 100 times; None where it was not measured."""

    name: str
    seconds: tuple[float | None, ...]


@dataclass(frozen=True)
class Panel:
    """One thing that is multiplied."""

    title: str
    unit: str
    first: int
    lines: tuple[Line, ...]


def cases(scale: int) -> dict[tuple[str, str], list[Case]]:
    """Return the cases of each line, by panel and name."""
    bars = 10_000 // scale
    fixed = Dataset(1, 100_000 // scale)

    def line(mode: str, data: list[Dataset], options: list[tuple[str, ...]]) -> list[Case]:
        pairs = zip(data, options, TIMES, strict=True)
        return [
            Case(f"growth, {mode} {'x'.join(given) or each.name}, x{times}", "qtrader", mode, each, given)
            for each, given, times in pairs
        ]

    longer = [Dataset(1, bars * times) for times in TIMES]
    wider = [Dataset(5 * times, 252 // scale + 60, "1d") for times in TIMES]
    plain: list[tuple[str, ...]] = [()] * len(TIMES)
    more_orders: list[tuple[str, ...]] = [(f"step={1_000 // times}",) for times in TIMES]
    more_strategies: list[tuple[str, ...]] = [(f"strategies={times}",) for times in TIMES]
    return {
        ("bars", CALLBACK): line("full", longer, plain),
        ("bars", COLUMNS): line("columns", longer, plain),
        ("symbols", CALLBACK): line("full", wider, plain),
        ("symbols", COLUMNS): line("columns", wider, plain),
        ("orders", COLUMNS): line("sparse", [fixed] * 3, more_orders),
        ("strategies", CALLBACK): line("silent", [Dataset(1, bars)] * 3, more_strategies),
    }


def panels(found: dict[str, Found], lines: dict[tuple[str, str], list[Case]], scale: int) -> list[Panel]:
    """Gather what was found by panel."""
    firsts = {
        "bars": ("bars of one symbol", 10_000 // scale),
        "symbols": (f"symbols of {252 // scale + 60} days", 5),
        "orders": (f"orders in {100_000 // scale:,} bars, on columns", 100 // scale),
        "strategies": (f"silent strategies on {10_000 // scale:,} bars", 1),
    }
    made = []
    for title, (unit, first) in firsts.items():
        drawn = tuple(
            Line(name, tuple(found[case.label].median_of("seconds") for case in line))
            for (panel, name), line in lines.items()
            if panel == title
        )
        made.append(Panel(title, unit, first, drawn))
    return made


def section(bench: Bench, scale: int, rounds: int, picture: Path) -> str:
    """Measure, draw the picture, and return the section of the page that shows it."""
    lines = cases(scale)
    found = bench.rounds([case for line in lines.values() for case in line], rounds)
    made = panels(found, lines, scale)
    picture.write_text(drawing(made), encoding="utf-8")
    return table(made, picture.name)


def table(made: list[Panel], picture: str) -> str:
    """Write the section: the picture and its figures."""
    rows = [
        "## How cost grows\n",
        f"![Seconds against bars, symbols, orders and strategies]({picture})\n",
        (
            "One thing is multiplied by 10 and by 100; times are those of the run. Below 10 x, cost grows "
            "more slowly than what is multiplied.\n"
        ),
        "| more | gear | from | seconds | at 10 x | at 100 x | first step | second step |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for panel in made:
        for line in panel.lines:
            shown = ["" if value is None else f"{value:.3f}" for value in line.seconds]
            steps = [
                "" if one is None or other is None else f"{other / one:.1f} x"
                for one, other in zip(line.seconds, line.seconds[1:], strict=False)
            ]
            rows.append(
                f"| {panel.title} | {line.name} | {panel.first:,} {panel.unit} | "
                + " | ".join(shown + steps)
                + " |"
            )
    return "\n".join(rows) + "\n"


WIDTH, HEIGHT, MARGIN, GAP = 270, 220, 46, 26
TOP = 40


def drawing(made: list[Panel]) -> str:
    """Draw the panels beside each other, both axes logarithmic, as SVG."""
    seconds = [value for panel in made for line in panel.lines for value in line.seconds if value]
    low, high = (log10(min(seconds)), log10(max(seconds))) if seconds else (0.0, 1.0)
    low, high = low - 0.15, max(high + 0.15, low + 1.0)
    whole_width = MARGIN + len(made) * (WIDTH + GAP)
    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" fill="#333" '
            f'viewBox="0 0 {whole_width} {TOP + HEIGHT + 74}">'
        ),
        f'<rect width="{whole_width}" height="{TOP + HEIGHT + 74}" fill="#ffffff"/>',
    ]
    parts += [_panel(panel, MARGIN + place * (WIDTH + GAP), low, high) for place, panel in enumerate(made)]
    parts.append(_axis(low, high))
    parts.append(_legend())
    return "\n".join((*parts, "</svg>")) + "\n"


def _y(value: float, low: float, high: float) -> float:
    return TOP + HEIGHT * (high - log10(value)) / (high - low)


def _x(place: int, left: float) -> float:
    return left + 22 + (WIDTH - 44) * place / (len(TIMES) - 1)


def _axis(low: float, high: float) -> str:
    marks = [10.0**power for power in range(-4, 5) if low <= power <= high]
    texts = [
        f'<text x="{MARGIN - 6}" y="{_y(mark, low, high) + 4:.1f}" text-anchor="end">{mark:g} s</text>'
        for mark in marks
    ]
    return "\n".join(texts)


def _panel(panel: Panel, left: float, low: float, high: float) -> str:
    bottom = TOP + HEIGHT
    parts = [
        f'<text x="{left}" y="{TOP - 12}" font-weight="bold">more {panel.title}</text>',
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>',
        f'<text x="{left + WIDTH / 2}" y="{bottom + 36}" text-anchor="middle">{panel.unit}</text>',
    ]
    for power in range(-4, 5):
        if low <= power <= high:
            y = _y(10.0**power, low, high)
            parts.append(
                f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            )
    for place, times in enumerate(TIMES):
        parts.append(
            f'<text x="{_x(place, left):.1f}" y="{bottom + 17}" text-anchor="middle">'
            f"{panel.first * times:,}</text>"
        )
    parts.append(_in_proportion(panel, left, low, high))
    parts += [_line(line, left, low, high) for line in panel.lines]
    return "\n".join(parts)


def _line(line: Line, left: float, low: float, high: float) -> str:
    known = [(place, value) for place, value in enumerate(line.seconds) if value]
    if not known:
        return ""
    colour = COLOURS[line.name]
    points = [(_x(place, left), _y(value, low, high)) for place, value in known]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
    return "\n".join(parts)


def _in_proportion(panel: Panel, left: float, low: float, high: float) -> str:
    """Draw what grows as fast as what is multiplied, from the panel's lowest beginning to the edge."""
    firsts = [line.seconds[0] for line in panel.lines if line.seconds and line.seconds[0]]
    if not firsts:
        return ""
    start = log10(min(first for first in firsts if first))
    end = min(len(TIMES) - 1.0, high - start)
    x1, x2 = (left + 22 + (WIDTH - 44) * place / (len(TIMES) - 1) for place in (0.0, end))
    y1, y2 = _y(10.0**start, low, high), _y(10.0 ** (start + end), low, high)
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="#888" stroke-dasharray="2 4"/>'
    )


def _legend() -> str:
    y = TOP + HEIGHT + 62
    parts = []
    for place, (name, colour) in enumerate(COLOURS.items()):
        x = MARGIN + place * 150
        parts.append(
            f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(f'<text x="{x + 30}" y="{y}">QTrader, {name}</text>')
    x = MARGIN + 300
    parts.append(
        f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" stroke="#666" stroke-dasharray="2 4"/>'
        f'<text x="{x + 30}" y="{y}">in proportion</text>'
    )
    return "\n".join(parts)
