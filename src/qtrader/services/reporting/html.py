"""The report as one HTML page that needs nothing else: no request, no library, no clock.

Charts are drawn as SVG here, so that the page reads without script, in print and in mail; the script draws
them again from the data in the page, with hover, zoom, a logarithmic scale and a choice of symbols. Every
text is escaped, and a content security policy forbids the page to load or send anything. The same content
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Final

from qtrader.services.reporting import html_tables as tables
from qtrader.services.reporting.charts import Line, Mark, line_chart, percent, thinned
from qtrader.services.reporting.html_data import page_data
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric
from qtrader.services.reporting.metrics import PerformanceSummary
from qtrader.services.reporting.report import Curve, PriceChart, ReportContent, Table

_FOLDER: Final = Path(__file__).parent
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)

#: The headline's cards: a measure, and what stands below it.
_CARDS: Final = (
    ("total_return", ("net_profit",)),
    ("cagr", ("years",)),
    ("max_drawdown", ("max_drawdown_peak_on", "max_drawdown_trough_on")),
    ("sharpe", ("sortino",)),
    ("annual_volatility", ("worst_day",)),
    ("end_equity", ("start_equity",)),
    ("trade_count", ("win_rate",)),
    ("profit_factor", ("expectancy",)),
)
_SIGNED: Final = frozenset({"total_return", "cagr"})

_KINDS: Final = (
    ("long_entry", "M11 2l5 9h-10Z", "buy to open a long"),
    ("long_exit", "M11 12l5 -9h-10Z", "sell to close a long"),
    ("short_entry", "M11 12l5 -9h-10Z", "sell to open a short"),
    ("short_exit", "M11 2l5 9h-10Z", "buy to close a short"),
)


def render(content: ReportContent) -> str:
    """Write the page."""
    title = f"{content.name} - backtest report"
    body = "".join(
        (
            _header(content),
            "<main>",
            _cards(content.summary),
            _equity_section(content),
            _price_section(content),
            _months_section(content.summary),
            _trades_section(content),
            _doubts_section(content),
            _end_section(content),
            _measures_section(content.summary),
            _notes_section(content),
            _provenance_section(content),
            "</main>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_resource('report.css')}</style></head>\n<body>{body}"
        f'<script type="application/json" id="data">{page_data(content)}</script>'
        f"<script>{_resource('report.js')}</script></body></html>\n"
    )


def _resource(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _header(content: ReportContent) -> str:
    metrics = content.summary.metrics
    period = f"{metrics['started_on'] or 'n/a'} to {metrics['ended_on'] or 'n/a'}"
    shown = ", ".join(content.symbols[:20])
    if len(content.symbols) > 20:
        shown = f"{shown} and {len(content.symbols) - 20} more"
    parts = (period, shown, ", ".join(content.strategy_ids), content.base_currency)
    sub = "".join(f"<span>{escape(part)}</span>" for part in parts if part)
    warnings = ""
    if content.warnings:
        items = "".join(f"<li>{escape(warning)}</li>" for warning in content.warnings)
        heading = "<strong>Before you believe a number</strong>"
        warnings = f'<div class="warnings" role="note">{heading}<ul>{items}</ul></div>'
    return f'<header><h1>{escape(content.name)}</h1><p class="sub">{sub}</p>{warnings}</header>'


def _cards(summary: PerformanceSummary) -> str:
    cards = []
    for key, below in _CARDS:
        metric, value = METRICS[key], summary.metrics[key]
        tone = ""
        if key in _SIGNED and isinstance(value, float) and value:
            tone = ' class="gain"' if value > 0 else ' class="loss"'
        known = [one for one in below if summary.metrics[one] is not None]
        notes = ", ".join(
            f"{METRICS[one].name} {format_metric(METRICS[one], summary.metrics[one])}" for one in known
        )
        if key == "max_drawdown" and len(known) == 2:
            notes = " to ".join(str(summary.metrics[one]) for one in known)
        cards.append(
            f'<div class="card" title="{escape(metric.description)}"><dt>{escape(metric.name)}</dt>'
            f"<dd{tone}>{escape(format_metric(metric, value))}</dd><dd>{escape(notes)}</dd></div>"
        )
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _svg(markup: str, identity: str) -> str:
    return markup.replace("<svg ", f'<svg id="{identity}" ', 1)


def _line(curve: Curve, style: str, *, is_area: bool = False) -> Line:
    return Line(*thinned(curve.instants_us, curve.values, 1_200), style, is_area)


def _equity_section(content: ReportContent) -> str:
    lines = [_line(content.equity, "equity")]
    legend = ""
    if content.benchmark is not None:
        lines.append(_line(content.benchmark, "benchmark"))
        name = escape(content.benchmark_name or "Benchmark")
        legend = (
            f'<div class="legend"><span>{_swatch("equity")}Equity</span>'
            f"<span>{_swatch('benchmark')}{name}, scaled to the starting capital</span></div>"
        )
    first, last = content.equity.instants_us[0], content.equity.instants_us[-1]
    years = timedelta(microseconds=last - first).days / 365.25
    zooms = "".join(
        f'<button type="button" data-years="{count}" aria-pressed="{_flag(count == 0)}">{text}</button>'
        for count, text in ((0, "All"), (5, "Last 5 years"), (1, "Last year"))
        if count == 0 or years > count
    )
    label = f"Equity of {content.name} in {content.base_currency}"
    equity = _svg(line_chart(lines, label, height=320), "equity")
    drawdown_lines = [_line(content.drawdown, "drawdown", is_area=True)]
    drawdown = _svg(line_chart(drawdown_lines, "Drawdown", height=150, write=percent), "drawdown")
    return (
        '<section><div class="bar"><h2>Equity</h2><span class="grow"></span>'
        f'<span class="buttons live-only" hidden>{zooms}'
        '<button type="button" id="reset" hidden>Reset zoom</button>'
        '<button type="button" id="log" aria-pressed="false">Log scale</button></span></div>'
        f'<div class="readout" id="equity-readout"></div>{equity}{legend}'
        f'<h3>Drawdown</h3><div class="readout" id="drawdown-readout"></div>{drawdown}'
        '<p class="hint live-only" hidden>Drag across a chart to zoom into all of them; '
        "double-click to see all again.</p></section>"
    )


def _flag(is_set: bool) -> str:
    return "true" if is_set else "false"


def _swatch(style: str) -> str:
    return f'<svg viewBox="0 0 22 14" aria-hidden="true"><path class="{style}" d="M1 7H21"/></svg>'


def _price_section(content: ReportContent) -> str:
    if not content.prices:
        return ""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{place}" aria-controls="panel-{place}" '
        f'aria-selected="{_flag(place == 0)}">{escape(one.symbol)}</button>'
        for place, one in enumerate(content.prices)
    )
    legend = "".join(
        f'<span><svg viewBox="0 0 22 14" aria-hidden="true"><path class="mark {kind}" d="{shape}"/></svg>'
        f"{text}</span>"
        for kind, shape, text in _KINDS
    )
    panels = "".join(_price_panel(place, one) for place, one in enumerate(content.prices))
    return (
        f'<section><div class="bar"><h2>Prices and fills</h2><span class="grow"></span>'
        f'<span class="buttons live-only" role="tablist" aria-label="Symbol" hidden>{tabs}</span></div>'
        f"{panels}"
        f'<div class="legend">{legend}</div>'
        '<p class="hint">Closes and fills are adjusted for splits as of the last bar; '
        "point at a marker for the price that was paid.</p></section>"
    )


def _price_panel(place: int, chart: PriceChart) -> str:
    marks = [
        Mark(one.at_us, one.price, one.kind, one.text, is_up=one.kind in {"long_entry", "short_exit"})
        for one in chart.static_markers
    ]
    line = _line(chart.closes, "price")
    picture = line_chart([line], f"Price of {chart.symbol}", height=340, marks=marks)
    drawn = _svg(picture, f"price-{place}")
    count, shown = chart.marker_count, len(chart.markers)
    note = f'<p class="hint">{shown:,} of {count:,} fills are shown.</p>' if shown < count else ""
    return (
        f'<div id="panel-{place}" role="tabpanel" aria-labelledby="tab-{place}">'
        f"<h3>{escape(chart.symbol)}</h3>"
        f'<div class="readout" id="price-{place}-readout"></div>{drawn}{note}</div>'
    )


def _months_section(summary: PerformanceSummary) -> str:
    if not summary.monthly_returns:
        return ""
    return (
        f'<section><h2>Monthly returns</h2><div class="scroll">{tables.month_table(summary)}</div></section>'
    )


def _trades_section(content: ReportContent) -> str:
    count = content.trades.count
    if not count:
        return '<section><h2>Trades</h2><p class="empty">No trade was closed.</p></section>'
    rows = _long_table(
        content.trades, "trades", "trades.csv", css="sortable", signed=("Gross", "Net", "Return")
    )
    return f"<section><h2>Trades <small>({count:,} closed, times in UTC)</small></h2>{rows}</section>"


def _doubts_section(content: ReportContent) -> str:
    doubts = content.doubts
    if doubts is None:
        return ""
    heading = f"<h2>Fills in doubt <small>({len(doubts.fills.rows):,}, times in UTC)</small></h2>"
    equity = f'<div class="scroll">{tables.table(doubts.equity)}</div>'
    rows = _long_table(doubts.fills, "fills", "bounds.json", signed=("If worst", "If best"))
    return f"<section>{heading}{_items(doubts.remarks, '')}{equity}{rows}</section>"


def _long_table(content: Table, what: str, file: str, *, css: str = "", signed: Sequence[str] = ()) -> str:
    """Write a table that shows its first rows, more when asked, and says where all are."""
    count, toggle, note = content.count, "", ""
    if count > tables.ROWS_SHOWN:
        embedded = min(count, tables.ROWS_EMBEDDED)
        toggle = (
            f'<input type="checkbox" class="all" id="all-{what}"> '
            f'<label class="toggle" for="all-{what}">show all {embedded:,} rows</label>'
        )
    if count > tables.ROWS_EMBEDDED:
        note = (
            f'<p class="hint">The first {tables.ROWS_EMBEDDED:,} of {count:,} {what} are in this page; '
            f"{file} of the run directory has all.</p>"
        )
    return f'{toggle}<div class="scroll">{tables.table(content, css=css, signed=signed)}</div>{note}'


def _end_section(content: ReportContent) -> str:
    blocks = (
        ("Refusals by reason", content.refusals, "Nothing was refused."),
        ("Costs", content.costs, ""),
        ("Open positions at the end", content.open_positions, "Every position was closed."),
        ("Working orders at the end", content.working_orders, "No order was left."),
    )
    parts: list[str] = []
    for heading, table, empty in blocks:
        shown = (
            f'<div class="scroll">{tables.table(table)}</div>'
            if table.rows
            else f'<p class="empty">{empty}</p>'
        )
        parts.append(f"<section><h2>{heading}</h2>{shown}</section>")
    return f'<div class="pair">{"".join(parts[:2])}</div>{"".join(parts[2:])}'


def _measures_section(summary: PerformanceSummary) -> str:
    measures, drawdowns = tables.metric_tables(summary.metrics), tables.drawdown_table(summary.drawdowns)
    return (
        f"<section><details open><summary>All measures</summary>{measures}</details></section>"
        "<section><details><summary>Deepest drawdowns</summary>"
        f'<div class="scroll">{drawdowns}</div></details></section>'
    )


def _notes_section(content: ReportContent) -> str:
    return (
        f"<section><h2>Data and remarks</h2>{_items(content.notes, 'Nothing to remark.')}</section>"
        f"<section><h2>What the numbers mean</h2>{_items(content.conventions, '')}</section>"
    )


def _items(texts: Sequence[str], empty: str) -> str:
    if not texts:
        return f'<p class="empty">{empty}</p>'
    return f'<ul class="plain">{_list(texts)}</ul>'


def _list(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _provenance_section(content: ReportContent) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="mono">{escape(value)}</td></tr>'
        for name, value in content.provenance.items()
    )
    config = (
        f"<h3>Effective configuration</h3><pre>{escape(content.configuration)}</pre>"
        if content.configuration
        else ""
    )
    return (
        f"<section><details><summary>Reproducibility</summary><table><tbody>{rows}</tbody></table>"
        f"{config}</details></section>"
    )
