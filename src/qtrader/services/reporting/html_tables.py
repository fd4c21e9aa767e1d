"""Tables of the report as HTML text: right-aligned numbers, escaped text, signs readable without colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from qtrader.clock import from_epoch_us
from qtrader.services.reporting.drawdowns import Drawdown
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import MetricValue, format_days, format_metric
from qtrader.services.reporting.metrics import PerformanceSummary
from qtrader.services.reporting.report import Cell, Table
from qtrader.services.reporting.returns import valuation_date

#: Rows of a long table that are seen at first, and that are in the page at all.
ROWS_SHOWN: Final = 25
ROWS_EMBEDDED: Final = 1_000

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMERIC: Final = frozenset({"number", "days", "money", "percent", "price", "quantity", "count"})

#: A month's return of this size has the deepest shade.
_FULL_SHADE: Final = 0.10


def cell_text(value: Cell, form: str) -> str:
    """Write a value as its column's format says; nothing for None."""
    if value is None or isinstance(value, str):
        return value or ""
    return _WRITERS[form](value)


def _instant_text(value: float) -> str:
    return from_epoch_us(int(value)).strftime("%Y-%m-%d %H:%M")


def _signless(text: str) -> str:
    """Leave out the sign of a zero."""
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _trimmed(text: str, digits: int) -> str:
    """Leave out zeros at the end, but keep some digits."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(digits, "0")
    return _signless(f"{whole}.{fraction}" if fraction else whole)


_WRITERS: Final[Mapping[str, Callable[[float], str]]] = {
    "instant": _instant_text,
    "money": lambda value: _signless(f"{value:,.2f}"),
    "percent": lambda value: _signless(f"{value * 100:,.2f}") + " %",
    "number": lambda value: _signless(f"{value:,.1f}"),
    "days": format_days,
    "count": lambda value: f"{int(value):,}",
    "price": lambda value: _trimmed(f"{value:,.6f}", 2),
    "quantity": lambda value: _trimmed(f"{value:,.8f}", 0),
}


def table(content: Table, *, css: str = "", signed: Sequence[str] = ()) -> str:
    """Write a table; rows after `ROWS_SHOWN` have the class `more`, after `ROWS_EMBEDDED` there are none."""
    kinds = [_kind(form) for form in content.formats]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(content.columns, kinds, strict=True)
    )
    marked = {place for place, name in enumerate(content.columns) if name in signed}
    rows = []
    for number, row in enumerate(content.rows[:ROWS_EMBEDDED]):
        cells = []
        for place, (value, form) in enumerate(zip(row, content.formats, strict=True)):
            kind = kinds[place]
            if place in marked and isinstance(value, float) and value:
                kind = f' class="num {"gain" if value > 0 else "loss"}"'
            cells.append(f"<td{kind}>{escape(cell_text(value, form))}</td>")
        opening = '<tr class="more">' if number >= ROWS_SHOWN else "<tr>"
        rows.append(f"{opening}{''.join(cells)}</tr>")
    start = f'<table class="{css}">' if css else "<table>"
    return f"{start}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(form: str) -> str:
    if form in _NUMERIC:
        return ' class="num"'
    return ' class="nowrap"' if form == "instant" else ""


def metric_tables(metrics: Mapping[str, MetricValue]) -> str:
    """Write every measure that exists, one table a group; its description is the row's tooltip."""
    groups: dict[str, list[str]] = {}
    for key, metric in METRICS.items():
        if metric.group == "Benchmark" and metrics[key] is None:
            continue
        groups.setdefault(metric.group, []).append(
            f'<tr title="{escape(metric.description)}"><th scope="row">{escape(metric.name)}</th>'
            f'<td class="num">{escape(format_metric(metric, metrics[key]))}</td></tr>'
        )
    written = "".join(
        f"<table><caption>{escape(group)}</caption><tbody>{''.join(rows)}</tbody></table>"
        for group, rows in groups.items()
    )
    return f'<div class="columns">{written}</div>'


def month_table(summary: PerformanceSummary) -> str:
    """Write the returns of months and years, shaded by size."""
    years: dict[int, dict[int, float | None]] = {}
    for one in summary.monthly_returns:
        years.setdefault(one.year, {})[one.month or 0] = one.value
    totals = {one.year: one.value for one in summary.yearly_returns}
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *_MONTHS, "Year"))
    rows = []
    for year, months in years.items():
        cells = "".join(_month_cell(months.get(month), "") for month in range(1, 13))
        rows.append(
            f'<tr><th scope="row">{year}</th>{cells}{_month_cell(totals.get(year), "year", 3.0)}</tr>'
        )
    return f'<table class="heat"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _month_cell(value: float | None, css: str, scale: float = 1.0) -> str:
    kind = f' class="{css}"' if css else ""
    if value is None:
        return f"<td{kind}></td>"
    text = _signless(f"{value * 100:+.1f}") if round(value * 100, 1) else "0.0"
    shade = round(min(abs(value) / (_FULL_SHADE * scale), 1.0) * 0.5, 2)
    tone = "gain" if value > 0 else "loss"
    style = f' style="background:rgba(var(--{tone}-rgb),{shade})"' if shade else ""
    return f"<td{kind}{style}>{text}</td>"


def drawdown_table(drawdowns: Sequence[Drawdown]) -> str:
    """Write the deepest drawdowns with their dates."""
    rows: list[tuple[Cell, ...]] = [
        (
            one.depth,
            one.peak_on.isoformat(),
            valuation_date(one.trough_at_us).isoformat(),
            "not yet" if one.recovered_at_us is None else valuation_date(one.recovered_at_us).isoformat(),
            one.days_to_trough,
            one.days,
        )
        for one in drawdowns
    ]
    columns = ("Depth", "Peak", "Trough", "Recovered", "Days to trough", "Days in all")
    formats = ("percent", "text", "text", "text", "days", "days")
    return table(Table(columns, formats, tuple(rows)))
