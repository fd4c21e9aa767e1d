"""A run at a glance: as text for a terminal, as a small page for a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtrader.events.codec import canonical_decimal
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric

if TYPE_CHECKING:
    from qtrader.engine.results import Results

#: The measures shown at a glance, in pairs.
KEY_METRICS: Final = (
    "end_equity",
    "net_profit",
    "total_return",
    "cagr",
    "annual_volatility",
    "max_drawdown",
    "sharpe",
    "sortino",
    "trade_count",
    "win_rate",
    "profit_factor",
    "time_in_market",
)


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that a notebook shows."""

    svg: str

    def _repr_html_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the picture as an SVG file and return its path.

        Raises:
            OutputError: the file cannot be written.
        """
        from qtrader.services.reporting.export import write_file

        text = self.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return write_file(Path(path), text.encode())


def equity_picture(results: Results, width: int = 640, height: int = 180) -> str:
    """Draw equity over time as one SVG element."""
    from qtrader.services.reporting.charts import sparkline

    account = results.account
    label = f"Equity of {results.name}, {results.period}, in {results.run.base_currency}"
    return sparkline(account.valued_at_us.tolist(), account.equity.tolist(), width, height, label)


def summary_text(results: Results) -> str:
    """Write the run as a few lines of text."""
    lines = [_headline(results)]
    cells = [(METRICS[key].name, format_metric(METRICS[key], results.metrics[key])) for key in KEY_METRICS]
    for (left, first), (right, second) in zip(cells[::2], cells[1::2], strict=True):
        lines.append(f"  {left:<18}{first:>16}    {right:<18}{second:>16}")
    lines.extend(f"  {line}" for line in _remarks(results))
    return "\n".join(lines)


def summary_html(results: Results) -> str:
    """Write the run as a piece of HTML for a notebook; it needs no script and no style sheet."""
    from html import escape

    cells = [(METRICS[key], results.metrics[key]) for key in KEY_METRICS]
    number = 'style="text-align:right;font-variant-numeric:tabular-nums"'
    rows = []
    for (left, first), (right, second) in zip(cells[::2], cells[1::2], strict=True):
        pair = "".join(
            f'<th style="text-align:left" title="{escape(metric.description)}">{escape(metric.name)}</th>'
            f"<td {number}>{escape(format_metric(metric, value))}</td>"
            for metric, value in ((left, first), (right, second))
        )
        rows.append(f"<tr>{pair}</tr>")
    remarks = "".join(f"<li>{escape(line)}</li>" for line in _remarks(results))
    return (
        f"<div><p><strong>{escape(_headline(results))}</strong></p>{equity_picture(results)}"
        f"<table><tbody>{''.join(rows)}</tbody></table>{f'<ul>{remarks}</ul>' if remarks else ''}</div>"
    )


def _headline(results: Results) -> str:
    run = results.run
    shown = ", ".join(run.symbols[:8]) + (f" and {len(run.symbols) - 8} more" if len(run.symbols) > 8 else "")
    parts = [run.name, results.period, shown, ", ".join(run.strategy_ids), run.base_currency]
    return " · ".join(part for part in parts if part)


def _remarks(results: Results) -> list[str]:
    remarks = [f"Warning: {warning}" for warning in results.warnings]
    counts = results.refusal_counts
    if counts:
        remarks.append("Refused: " + ", ".join(f"{reason} {count:,}" for reason, count in counts.items()))
    if results.open_positions:
        held = ", ".join(f"{canonical_decimal(one.quantity)} {one.symbol}" for one in results.open_positions)
        remarks.append(f"Open at the end: {held}")
    remarks.extend(results.summary.notes)
    return remarks
