"""A run at a glance, on a terminal or in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from qtrader.engine.summary_view import KEY_METRICS
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtrader.engine.results import Results

#: The report in a run's directory.
REPORT = "report.html"

_SHOWN_SYMBOLS = 8


def print_summary(results: Results) -> None:
    """Print headline, key measures, refusals by reason, open positions and warnings."""
    run = results.run
    more = f" and {len(run.symbols) - _SHOWN_SYMBOLS} more" if len(run.symbols) > _SHOWN_SYMBOLS else ""
    symbols = ", ".join(run.symbols[:_SHOWN_SYMBOLS]) + more
    headline = " · ".join([run.name, results.period, symbols, ", ".join(run.strategy_ids), run.base_currency])
    typer.secho(headline, bold=True)
    _print_columns(_measures(results), "<><>")
    if results.refusal_counts:
        typer.secho("Refused, by reason", italic=True)
        _print_columns([(reason, f"{count:,}") for reason, count in results.refusal_counts.items()], "<>")
    if results.open_positions:
        held = ", ".join(f"{one.quantity:f} {one.symbol}" for one in results.open_positions)
        typer.echo(f"Open at the end: {held}")
    for note in results.summary.notes:
        typer.echo(note)
    for warning in results.warnings:
        typer.secho(f"Warning: {warning}", fg=None if "NO_COLOR" in os.environ else typer.colors.YELLOW)


def _measures(results: Results) -> list[tuple[str, ...]]:
    cells = [(METRICS[key].name, format_metric(METRICS[key], results.metrics[key])) for key in KEY_METRICS]
    return [left + right for left, right in zip(cells[::2], cells[1::2], strict=True)]


def _print_columns(rows: Sequence[Sequence[str]], alignments: str) -> None:
    """Print cells below one another: `<` keeps a column to the left, `>` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, alignments, widths, strict=True)
        typer.echo("  ".join(f"{cell:{alignment}{width}}" for cell, alignment, width in cells))
