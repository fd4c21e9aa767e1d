"""Line charts as SVG text: pure functions of values, the same text for the same values.

Coordinates have one decimal. A dense series is thinned before it is drawn, so that each of its highs and lows
stays visible: of every run of neighbouring points the lowest and the highest are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

import numpy as np

from qtrader.clock import from_epoch_us, to_epoch_us

#: Points of a series that a page holds at most; a screen has fewer columns.
POINT_LIMIT: Final = 4_000

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 12.0, 10.0, 24.0


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart: `style` is the class of its path, `is_area` fills it down to zero."""

    instants_us: Sequence[int]
    values: Sequence[float]
    style: str
    is_area: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A triangle at a value, from below or from above; `style` is its class, `text` its tooltip."""

    at_us: int
    value: float
    style: str
    text: str
    is_up: bool


def thinned(
    instants_us: Sequence[int], values: Sequence[float], limit: int = POINT_LIMIT
) -> tuple[list[int], list[float]]:
    """Keep about `limit` points at most: first, last, lowest and highest of each run of neighbours.

    Of a long series only one run is looked at at once, by a slice.
    """
    size = len(values)
    if size <= limit:
        return [int(at_us) for at_us in instants_us[:]], [float(value) for value in values[:]]
    runs = max(1, limit // 2 - 1)
    kept = {0, size - 1}
    for run in range(runs):
        start, stop = run * size // runs, (run + 1) * size // runs
        part = np.asarray(values[start:stop], dtype=np.float64)
        if not np.isnan(part).all():
            kept.add(start + int(np.nanargmin(part)))
            kept.add(start + int(np.nanargmax(part)))
    places = sorted(kept)
    return [int(instants_us[place]) for place in places], [float(values[place]) for place in places]


def value_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Give round values between low and high, about `count` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * step for step in _STEPS if power * step >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step + 0.0 for place in range(first, last + 1)]


def time_ticks(first_us: int, last_us: int, count: int = 8) -> list[tuple[int, str]]:
    """Give about `count` beginnings of years, months or days between two instants, with labels."""
    days = (last_us - first_us) / 86_400_000_000
    if days < 2 * 30.0:
        return _day_ticks(first_us, last_us, max(1, math.ceil(days / count)))
    step = next((one for one in _MONTH_STEPS if days / 30.44 / one <= count), _MONTH_STEPS[-1])
    start = from_epoch_us(first_us)
    month = -(-(start.year * 12 + start.month - 1) // step) * step
    ticks: list[tuple[int, str]] = []
    while True:
        year, place = divmod(month, 12)
        at_us = to_epoch_us(datetime(year, place + 1, 1, tzinfo=UTC))
        if at_us > last_us:
            return ticks
        if at_us >= first_us:
            ticks.append((at_us, f"{year}" if step % 12 == 0 else f"{year}-{place + 1:02d}"))
        month += step


def _day_ticks(first_us: int, last_us: int, step: int) -> list[tuple[int, str]]:
    day_us = 86_400_000_000
    first = -(-first_us // day_us)
    ticks = range(first * day_us, last_us + 1, step * day_us)
    return [(at_us, from_epoch_us(at_us).strftime("%m-%d")) for at_us in ticks]


def compact(value: float) -> str:
    """Write an axis label: 1.25M, 340k, 12.5."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if suffix == "k" else size)
            return f"{scaled:,.10g}{suffix}" if abs(scaled) < 1e3 else f"{scaled:,.0f}{suffix}"
    return f"{value:,.6g}"


def percent(value: float) -> str:
    """Write an axis label of a fraction."""
    return f"{round(value * 100, 6):g} %"


def line_chart(
    lines: Sequence[Line],
    label: str,
    *,
    marks: Sequence[Mark] = (),
    height: int,
    write: Callable[[float], str] = compact,
    width: int = 1000,
) -> str:
    """Draw lines over time with axes as one SVG element that scales to its place.

    Args:
        lines: series; all share the axes.
        label: what the picture shows, for readers who do not see it.
        marks: triangles in the picture, those of one instant and direction below each other.
        height: in units of a thousandth of the width.
        write: writes the labels of the value axis.
        width: in the same units.
    """
    found = [
        (at, value)
        for line in lines
        for at, value in zip(line.instants_us, line.values, strict=True)
        if value == value  # noqa: PLR0124 - NaN differs from itself
    ]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
    if not found:
        return f'{head}<text class="axis" x="{width / 2:.0f}" y="{height / 2:.0f}">no data</text></svg>'
    first_us, last_us = min(at for at, _ in found), max(at for at, _ in found)
    low, high = min(value for _, value in found), max(value for _, value in found)
    if any(line.is_area for line in lines):
        high = max(high, 0.0)
    # Prices and the like are never below zero, and so are their labels.
    floor = 0.0 if low >= 0.0 else -math.inf
    low, high = _padded(low, high, is_area=any(line.is_area for line in lines))

    def x_of(at_us: int) -> float:
        return _LEFT + (width - _LEFT - _RIGHT) * (at_us - first_us) / max(last_us - first_us, 1)

    def y_of(value: float) -> float:
        return height - _BOTTOM - (height - _TOP - _BOTTOM) * (value - low) / (high - low)

    parts = [head]
    for value in value_ticks(max(low, floor), high):
        y = y_of(value)
        parts.append(f'<path class="grid" d="M{_LEFT:.0f} {y:.1f}H{width - _RIGHT:.0f}"/>')
        parts.append(
            f'<text class="axis end" x="{_LEFT - 6:.0f}" y="{y + 4:.1f}">{escape(write(value))}</text>'
        )
    for at_us, text in time_ticks(first_us, last_us):
        parts.append(f'<text class="axis" x="{x_of(at_us):.1f}" y="{height - 6}">{text}</text>')
    parts.extend(_drawn(line, x_of, y_of) for line in lines)
    parts.extend(_marked(marks, x_of, y_of))
    return "".join(parts) + "</svg>"


def _padded(low: float, high: float, *, is_area: bool) -> tuple[float, float]:
    span = (high - low) or max(abs(high), 1.0) * 0.1
    return low - 0.04 * span, high if is_area else high + 0.04 * span


def _drawn(line: Line, x_of: Callable[[int], float], y_of: Callable[[float], float]) -> str:
    pieces: list[str] = []
    is_down = False
    for at_us, value in zip(line.instants_us, line.values, strict=True):
        if math.isnan(value):
            is_down = False
            continue
        pieces.append(f"{'L' if is_down else 'M'}{x_of(at_us):.1f} {y_of(value):.1f}")
        is_down = True
    shape = "".join(pieces)
    if line.is_area and pieces:
        base = y_of(0.0)
        first, last = x_of(line.instants_us[0]), x_of(line.instants_us[-1])
        return (
            f'<path class="{line.style} area" d="{shape}L{last:.1f} {base:.1f}L{first:.1f} {base:.1f}Z"/>'
            f'<path class="{line.style}" d="{shape}"/>'
        )
    return f'<path class="{line.style}" d="{shape}"/>'


def _marked(
    marks: Sequence[Mark], x_of: Callable[[int], float], y_of: Callable[[float], float]
) -> Iterator[str]:
    standing: dict[tuple[int, bool], int] = {}
    for mark in marks:
        before = standing.get((mark.at_us, mark.is_up), 0)
        standing[mark.at_us, mark.is_up] = before + 1
        sign = 1 if mark.is_up else -1
        y = y_of(mark.value) + sign * (3 + 11 * before)
        yield (
            f'<path class="mark {mark.style}" d="M{x_of(mark.at_us):.1f} {y:.1f}l5 {sign * 9}h-10Z">'
            f"<title>{escape(mark.text)}</title></path>"
        )


def sparkline(
    instants_us: Sequence[int], values: Sequence[float], width: int, height: int, label: str
) -> str:
    """Draw one line without axes, with its first and last value and date; it needs no style sheet."""
    at, kept = thinned(instants_us, values, 1_000)
    head = (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(label)}" font-family="sans-serif" font-size="11" fill="currentColor">'
    )
    low, high = min(kept), max(kept)
    span, period = (high - low) or 1.0, max(at[-1] - at[0], 1)
    across = [4 + (width - 8) * (one - at[0]) / period for one in at]
    down = [height - 22 - (height - 44) * (value - low) / span for value in kept]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    dates = [from_epoch_us(one).strftime("%Y-%m-%d") for one in (at[0], at[-1])]
    return (
        f'{head}<polyline points="{points}" fill="none" stroke="#2a6fcb" stroke-width="1.5"/>'
        f'<text x="4" y="14">{kept[0]:,.2f}</text>'
        f'<text x="{width - 4}" y="14" text-anchor="end">{kept[-1]:,.2f}</text>'
        f'<text x="4" y="{height - 6}">{dates[0]}</text>'
        f'<text x="{width - 4}" y="{height - 6}" text-anchor="end">{dates[1]}</text></svg>'
    )
