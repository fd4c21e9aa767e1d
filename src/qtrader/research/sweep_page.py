"""A sweep as one HTML page that needs nothing else, in the report's style: no request, script or clock."""

from __future__ import annotations

from html import escape
from importlib import resources
from itertools import combinations
from typing import TYPE_CHECKING, Final

from qtrader.research.grid import value_identity
from qtrader.research.heatmap import MOST_VALUES
from qtrader.services.reporting.html_tables import table
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric
from qtrader.services.reporting.report import Table

if TYPE_CHECKING:
    from qtrader.research.heatmap import Heatmap
    from qtrader.research.sweep_results import SweepResults

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
#: Pictures of a page; more pairs of parameters are left to `SweepResults.heatmap`.
_MOST_PICTURES: Final = 6
_BEST_ROWS: Final = 25


def sweep_page(results: SweepResults, name: str) -> str:
    """Write the page of a sweep.

    Args:
        results: the sweep.
        name: what a person calls it.
    """
    body = "".join(
        (
            _header(results, name),
            "<main>",
            _cards(results),
            _pictures(results),
            _best(results),
            _reasons("Sets in the engine", "Why not in the kernel", results.engine_reasons),
            _reasons("Refused sets", "Why", results.refusal_reasons),
            "</main>",
        )
    )
    return _page(f"{name} - sweep", body)


def picture_page(heatmap: Heatmap) -> str:
    """Write the page of one picture."""
    body = f"<header><h1>{escape(heatmap.title)}</h1></header><main>{_section(heatmap)}</main>"
    return _page(heatmap.title, body)


def _page(title: str, body: str) -> str:
    style = resources.files("qtrader.services.reporting").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )


def _header(results: SweepResults, name: str) -> str:
    tape = results.sweep.inputs.data.tape
    symbols = ", ".join(tape.symbols[:20]) + (
        f" and {len(tape.symbols) - 20} more" if len(tape.symbols) > 20 else ""
    )
    parts = (results.sweep.maker.cls.__name__, symbols, f"{len(tape):,} bars", f"{results.tried:,} sets")
    sub = "".join(f"<span>{escape(part)}</span>" for part in parts)
    items = "".join(f"<li>{escape(one)}</li>" for one in results.warnings)
    heading = "<strong>Before you believe the best set</strong>"
    warnings = f'<div class="warnings" role="note">{heading}<ul>{items}</ul></div>' if items else ""
    return f'<header><h1>{escape(name)}</h1><p class="sub">{sub}</p>{warnings}</header>'


def _cards(results: SweepResults) -> str:
    metric, counts = METRICS[results.metric], results.gear_counts
    parameters = ", ".join(f"{key} {value}" for key, value in results.best_parameters.items())
    verified, below = f"{len(results.verified):,} best sets", "run again through the engine, trade by trade"
    if not results.verified:
        is_engines = results.board.is_the_engines(results.ranking[0])
        verified, below = (
            ("by itself", "the engine ran the best set") if is_engines else ("no set", "verify=0")
        )
    cards = (
        (f"Best {metric.name}", format_metric(metric, results.best_value), parameters),
        (
            "Sets tried",
            f"{results.tried:,}",
            f"{counts['kernel']:,} in the kernel, {counts['engine']:,} in the engine",
        ),
        (
            "Not tried",
            f"{counts['refused'] + results.board.left_out:,}",
            "refused, or left out by the constraint",
        ),
        ("Verified", verified, below),
    )
    return '<dl class="cards">{}</dl>'.format(
        "".join(
            f'<div class="card"><dt>{escape(title)}</dt><dd>{escape(value)}</dd>'
            f"<dd>{escape(small)}</dd></div>"
            for title, value, small in cards
        )
    )


def _pictures(results: SweepResults) -> str:
    counts = {name: _count(results, name) for name in results.names}
    varied = [name for name, count in counts.items() if 1 < count <= MOST_VALUES]
    pairs: list[tuple[str, ...]] = (
        list(combinations(varied, 2)) if len(varied) > 1 else [(name,) for name in varied]
    )
    return "".join(_section(results.heatmap(*names)) for names in pairs[:_MOST_PICTURES])


def _count(results: SweepResults, name: str) -> int:
    defaults = results.sweep.maker.defaults
    board = results.board
    return len({value_identity(board.sets[n].get(name, defaults.get(name))) for n in board.ran.tolist()})


def _section(heatmap: Heatmap) -> str:
    return (
        f"<section><h2>{escape(heatmap.title)}</h2>{heatmap.svg}"
        f'<p class="hint">{escape(heatmap.note)} The best cell has a frame; grey cells have no value.</p>'
        "</section>"
    )


def _best(results: SweepResults) -> str:
    from qtrader.research.sweep_frames import best_cells

    head, rows = best_cells(results, _BEST_ROWS)
    found = Table(tuple(head), tuple("text" for _ in head), tuple(tuple(row) for row in rows))
    title = f"Best sets <small>({len(rows):,} of {results.tried:,})</small>"
    return f'<section><h2>{title}</h2><div class="scroll">{table(found)}</div></section>'


def _reasons(title: str, heading: str, counts: dict[str, int]) -> str:
    if not counts:
        return ""
    rows = Table((heading, "Sets"), ("text", "count"), tuple(counts.items()))
    heading = f"<h2>{title} <small>({sum(counts.values()):,})</small></h2>"
    return f'<section>{heading}<div class="scroll">{table(rows)}</div></section>'
