"""A measure over two parameters as a picture: SVG text, the same for the same values.

A measure with both signs is shaded away from zero, in the report's colours of gain and loss; any other from
its lowest to its highest value. A cell without a value was refused, left out or has no such measure. Where
other parameters vary, a cell shows the best of its sets and says how many they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtrader.errors import ConfigError
from qtrader.research.grid import shown, value_identity
from qtrader.research.sweep_metrics import Objective
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtrader.research.sweep_results import SweepResults
    from qtrader.services.reporting.metric_definition import Metric

#: Values on one axis; more are not told apart.
MOST_VALUES: Final = 200

_WIDTH: Final = 1000.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 86.0, 14.0, 14.0, 52.0
_LEGEND: Final = 44.0
#: The smallest cell that a number fits into.
_TEXT_WIDTH, _TEXT_HEIGHT = 44.0, 20.0
_LABEL_WIDTH: Final = 52.0
_DEEPEST: Final = 0.7
_FAINTEST: Final = 0.06

#: Text and outlines have the colour of what stands around the picture, in light and in dark; cells have the
#: report's colours.
STYLE: Final = (
    ".hm{font:12px system-ui,sans-serif}"
    ".hm text{fill:currentColor;fill-opacity:.78;text-anchor:middle;font-variant-numeric:tabular-nums}"
    ".hm .end{text-anchor:end}.hm .start{text-anchor:start}.hm .name{font-weight:600}"
    ".hm .value{fill-opacity:1;font-size:11.5px;pointer-events:none}"
    ".hm .gain{fill:rgb(11,133,82)}.hm .loss{fill:rgb(200,60,45)}.hm .accent{fill:rgb(27,95,193)}"
    ".hm .none{fill:rgb(128,128,128);fill-opacity:.13}"
    ".hm .best{fill:none;stroke:currentColor;stroke-width:2.5}"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of a heatmap: the value shown, its set, and how many sets it is the best of."""

    value: float
    number: int
    count: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A measure over two parameters.

    Attributes:
        x: the parameter across, and its values in order.
        y: the parameter upwards, and its values in order; nameless with one value where there is none.
        metric: the measure.
        cells: by place across and upwards; a place without a value is missing.
        best: the place of the best cell.
        note: what a reader must know, for example that cells show the best of several sets.
    """

    x: tuple[str, tuple[Any, ...]]
    y: tuple[str, tuple[Any, ...]]
    metric: Metric
    cells: Mapping[tuple[int, int], Cell]
    best: tuple[int, int] | None
    note: str = ""
    _cache: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What is shown over what."""
        names = " and ".join(name for name, _ in (self.x, self.y) if name)
        return f"{self.metric.name} over {names}"

    @property
    def svg(self) -> str:
        """The picture as one SVG element, with the style that it needs."""
        if "svg" not in self._cache:
            self._cache["svg"] = draw(self)
        return self._cache["svg"]

    def save(self, path: str | Path) -> Path:
        """Write the picture: a page where the name ends with .html, else an SVG file; return the path.

        Raises:
            OutputError: the file cannot be written.
        """
        from qtrader.services.reporting.export import write_file

        target = Path(path)
        if target.suffix in {".html", ".htm"}:
            from qtrader.research.sweep_page import picture_page

            return write_file(target, picture_page(self).encode())
        text = self.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return write_file(target, text.encode())

    def _repr_html_(self) -> str:
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<div>{self.svg}{note}</div>"


def heatmap_of(results: SweepResults, x: str, y: str | None, metric: str, at: Mapping[str, Any]) -> Heatmap:
    """Lay a sweep's sets out over its parameters; see `SweepResults.heatmap`."""
    board = results.board
    _check(results, x, y, metric, at)
    column = board.objective.columns.index(metric)
    objective = board.objective if metric == results.metric else Objective.usual(metric)
    defaults = results.sweep.maker.defaults
    wanted = {name: value_identity(value) for name, value in at.items()}
    groups: dict[tuple[Any, Any], list[int]] = {}
    values: dict[str | None, dict[Any, Any]] = {x: {}, y: {}}
    for number in board.ran.tolist():
        parameters = {**defaults, **board.sets[number]}
        if any(value_identity(parameters.get(name)) != wanted[name] for name in wanted):
            continue
        place = []
        for name in (x, y):
            value = "" if name is None else parameters.get(name)
            place.append(value_identity(value))
            values[name].setdefault(place[-1], value)
        groups.setdefault((place[0], place[1]), []).append(number)
    if not groups:
        msg = f"sweep: no set that ran has {shown(at)}"
        raise ConfigError(msg)
    axes = {name: _axis(name or "", found) for name, found in values.items()}
    cells: dict[tuple[int, int], Cell] = {}
    for (across, upwards), numbers in groups.items():
        measures = board.values[numbers, column].tolist()
        first = objective.rank(measures)[0]
        if not math.isnan(measures[first]):
            number = numbers[first]
            cell = Cell(measures[first], number, len(numbers), board.sets[number])
            cells[axes[x][across], axes[y][upwards]] = cell
    places = list(cells)
    ranked = objective.rank([cells[place].value for place in places])
    return Heatmap(
        x=(x, tuple(values[x][identity] for identity in axes[x])),
        y=(y or "", tuple(values[y][identity] for identity in axes[y])),
        metric=METRICS[metric],
        cells=cells,
        best=places[ranked[0]] if places else None,
        note=_note(results, groups, at),
    )


def _check(results: SweepResults, x: str, y: str | None, metric: str, at: Mapping[str, Any]) -> None:
    known = results.names
    for name in (x, *([] if y is None else [y]), *at):
        if name not in known:
            msg = f"sweep: no parameter {name!r} was varied; there are {', '.join(known)}"
            raise ConfigError(msg)
    if x == y or x in at or y in at:
        msg = f"sweep: a heatmap needs two parameters that vary; found x={x!r}, y={y!r}, at={dict(at)!r}"
        raise ConfigError(msg)
    columns = results.board.objective.columns
    if metric not in columns:
        msg = f"sweep: the table has no measure {metric!r}; it has {', '.join(columns)}"
        raise ConfigError(msg)


def _axis(name: str, found: dict[Any, Any]) -> dict[Any, int]:
    """Return the place of each value: numbers by size, everything else in the order of the sets."""
    if len(found) > MOST_VALUES:
        msg = f"sweep: {name} has {len(found):,} values; a heatmap shows up to {MOST_VALUES}"
        raise ConfigError(msg)
    is_number = all(isinstance(value, (int, float)) for value in found.values())
    identities = sorted(found, key=found.__getitem__) if is_number else list(found)
    return {identity: place for place, identity in enumerate(identities)}


def _note(results: SweepResults, groups: Mapping[Any, Sequence[int]], at: Mapping[str, Any]) -> str:
    parts = [f"With {shown(at)}."] if at else []
    most = max(map(len, groups.values()))
    if most > 1:
        parts.append(f"Each cell is the best of up to {most:,} sets that differ in other parameters.")
    parts.append(f"{results.tried:,} sets were tried: the best of many looks better than it will be.")
    return " ".join(parts)


def draw(heatmap: Heatmap) -> str:
    """Draw a heatmap as one SVG element."""
    (x_name, x_values), (y_name, y_values) = heatmap.x, heatmap.y
    width = (_WIDTH - _LEFT - _RIGHT) / len(x_values)
    height = min(max(width * 0.6, 9.0), 46.0, 640.0 / len(y_values) if len(y_values) > 14 else 46.0)
    bottom = _TOP + height * len(y_values)
    total = bottom + _BOTTOM + _LEGEND
    label = heatmap.title
    shade = _Shade.of(heatmap)
    box = f'viewBox="0 0 {_WIDTH:.0f} {total:.0f}"'
    parts = [f'<svg {box} class="hm" role="img" aria-label="{escape(label)}"><style>{STYLE}</style>']
    is_written = width >= _TEXT_WIDTH and height >= _TEXT_HEIGHT
    for across in range(len(x_values)):
        for upwards in range(len(y_values)):
            left, top = _LEFT + across * width, bottom - (upwards + 1) * height
            cell = heatmap.cells.get((across, upwards))
            told = shown({x_name: x_values[across], **({y_name: y_values[upwards]} if y_name else {})})
            parts.append(
                _cell(cell, heatmap.metric, shade, (left, top, width, height), told, is_written=is_written)
            )
    if heatmap.best is not None:
        across, upwards = heatmap.best
        parts.append(
            f'<rect class="best" x="{_LEFT + across * width:.1f}" y="{bottom - (upwards + 1) * height:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )
    parts.append(_axes(heatmap, width, height, bottom))
    parts.append(_legend(heatmap, shade, bottom + _BOTTOM))
    return "".join(parts) + "</svg>"


def _cell(
    cell: Cell | None,
    metric: Metric,
    shade: _Shade,
    place: tuple[float, float, float, float],
    told: str,
    *,
    is_written: bool,
) -> str:
    left, top, width, height = place
    box = f'x="{left:.1f}" y="{top:.1f}" width="{max(width - 1, 1):.1f}" height="{max(height - 1, 1):.1f}"'
    if cell is None:
        return f'<rect class="none" {box}><title>{escape(told)}: no value</title></rect>'
    text = format_metric(metric, int(cell.value) if metric.unit == "count" else cell.value)
    css, opacity = shade.of_value(cell.value)
    best_of = f", best of {cell.count:,}: {shown(cell.parameters)}" if cell.count > 1 else ""
    title = f"<title>{escape(f'{told}: {metric.name} {text} (set {cell.number}{best_of})')}</title>"
    drawn = f'<rect class="{css}" fill-opacity="{opacity:.2f}" {box}>{title}</rect>'
    if not is_written:
        return drawn
    short = text.removesuffix(" %")
    return (
        f'{drawn}<text class="value" x="{left + width / 2:.1f}" y="{top + height / 2 + 4:.1f}">'
        f"{escape(short)}</text>"
    )


def _axes(heatmap: Heatmap, width: float, height: float, bottom: float) -> str:
    (x_name, x_values), (y_name, y_values) = heatmap.x, heatmap.y
    parts = []
    every = max(1, math.ceil(_LABEL_WIDTH / width))
    for across in range(0, len(x_values), every):
        at = _LEFT + (across + 0.5) * width
        parts.append(f'<text x="{at:.1f}" y="{bottom + 17:.1f}">{escape(_label(x_values[across]))}</text>')
    every = max(1, math.ceil(15.0 / height))
    for upwards in range(0, len(y_values), every):
        at = bottom - (upwards + 0.5) * height + 4
        label = escape(_label(y_values[upwards]))
        parts.append(f'<text class="end" x="{_LEFT - 8:.0f}" y="{at:.1f}">{label}</text>')
    middle, centre = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, _TOP + (bottom - _TOP) / 2
    parts.append(f'<text class="name" x="{middle:.1f}" y="{bottom + 38:.1f}">{escape(x_name)}</text>')
    turned = f'x="16" y="{centre:.1f}" transform="rotate(-90 16 {centre:.1f})"'
    parts.append(f'<text class="name" {turned}>{escape(y_name)}</text>')
    return "".join(parts)


def _label(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 12 else text[:11] + "…"


def _legend(heatmap: Heatmap, shade: _Shade, top: float) -> str:
    """Draw the scale: steps of colour from the lowest to the highest value."""
    if not heatmap.cells:
        return f'<text class="start" x="{_LEFT:.0f}" y="{top + 20:.0f}">no set has this measure</text>'
    steps, span = 40, 260.0
    parts = [
        f'<text class="start name" x="{_LEFT:.0f}" y="{top + 20:.0f}">{escape(heatmap.metric.name)}</text>'
    ]
    start = _LEFT + 170
    for step in range(steps):
        css, opacity = shade.of_value(shade.low + (shade.high - shade.low) * (step + 0.5) / steps)
        parts.append(
            f'<rect class="{css}" fill-opacity="{opacity:.2f}" x="{start + step * span / steps:.1f}" '
            f'y="{top + 10:.0f}" width="{span / steps:.1f}" height="12"/>'
        )
    is_count = heatmap.metric.unit == "count"
    for value, at, css in ((shade.low, start - 8, "end"), (shade.high, start + span + 8, "start")):
        text = format_metric(heatmap.metric, int(value) if is_count else value)
        parts.append(f'<text class="{css}" x="{at:.1f}" y="{top + 20:.0f}">{escape(text)}</text>')
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Shade:
    """From a value to a colour's class and opacity."""

    low: float
    high: float

    @classmethod
    def of(cls, heatmap: Heatmap) -> _Shade:
        values = [cell.value for cell in heatmap.cells.values()] or [0.0]
        return cls(min(values), max(values))

    def of_value(self, value: float) -> tuple[str, float]:
        if self.low < 0.0 < self.high:
            size = min(abs(value) / max(-self.low, self.high), 1.0)
            return ("gain" if value >= 0 else "loss"), _FAINTEST + (_DEEPEST - _FAINTEST) * size
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return "accent", _FAINTEST + (_DEEPEST - _FAINTEST) * part
