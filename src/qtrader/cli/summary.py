"""A run at a glance, on a terminal or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from qtrader.cli.console import stdout
from qtrader.engine.summary_view import KEY_METRICS
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric

if TYPE_CHECKING:
    from qtrader.engine.results import Results

#: The report in a run's directory.
REPORT = "report.html"

_SHOWN_SYMBOLS = 8


def print_summary(results: Results) -> None:
    """Print headline, key measures, refusals by reason, open positions and warnings."""
    console = stdout()
    run = results.run
    more = f" and {len(run.symbols) - _SHOWN_SYMBOLS} more" if len(run.symbols) > _SHOWN_SYMBOLS else ""
    symbols = ", ".join(run.symbols[:_SHOWN_SYMBOLS]) + more
    headline = " · ".join([run.name, results.period, symbols, ", ".join(run.strategy_ids), run.base_currency])
    console.print(Text(headline, style="bold"))
    console.print(_measures(results))
    if results.refusal_counts:
        console.print(_refusals(results))
    if results.open_positions:
        held = ", ".join(f"{one.quantity:f} {one.symbol}" for one in results.open_positions)
        console.print(Text(f"Open at the end: {held}"))
    for note in results.summary.notes:
        console.print(Text(note))
    for warning in results.warnings:
        console.print(Text(f"Warning: {warning}", style="yellow"))


def _measures(results: Results) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for side in ("left", "right"):
        table.add_column(f"{side} measure")
        table.add_column(f"{side} value", justify="right")
    cells = [(METRICS[key].name, format_metric(METRICS[key], results.metrics[key])) for key in KEY_METRICS]
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        table.add_row(*left, *right)
    return table


def _refusals(results: Results) -> Table:
    table = Table(
        title="Refused, by reason", title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False
    )
    table.add_column("reason")
    table.add_column("count", justify="right")
    for reason, count in results.refusal_counts.items():
        table.add_row(reason, f"{count:,}")
    return table
