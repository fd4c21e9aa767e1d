"""A sweep as frames and as text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from qtrader.research.sweep_board import Gear
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from qtrader.research.kernel import KernelResult
    from qtrader.research.sweep import Sweep
    from qtrader.research.sweep_board import Board
    from qtrader.research.sweep_results import SweepResults

#: Sets that stand in a summary.
_SHOWN: Final = 5
_TIME: Final = pl.Datetime("us", "UTC")


def table_frame(
    board: Board, names: Sequence[str], defaults: Mapping[str, Any], numbers: Sequence[int]
) -> pl.DataFrame:
    """Write sets that ran, one row each in the order given."""
    values, gears = board.values[list(numbers)], board.gears[list(numbers)].tolist()
    columns = [
        pl.Series("set", numbers, dtype=pl.Int64),
        *_parameter_columns(board, names, defaults, numbers),
    ]
    for place, key in enumerate(board.objective.columns):
        column = pl.Series(_free(key, names), values[:, place]).fill_nan(None)
        columns.append(column.cast(pl.Int64) if METRICS[key].unit == "count" else column)
    kernels = [gear == Gear.KERNEL for gear in gears]
    return pl.DataFrame(
        [
            *columns,
            pl.Series(_free("gear", names), [Gear(gear).name.lower() for gear in gears], dtype=pl.String),
            pl.Series(
                _free("reason", names),
                [None if swept else board.reasons.get(n) for n, swept in zip(numbers, kernels, strict=True)],
                dtype=pl.String,
            ),
            pl.Series(_free("verified", names), [board.is_the_engines(n) for n in numbers], dtype=pl.Boolean),
        ]
    )


def refused_frame(board: Board, names: Sequence[str], defaults: Mapping[str, Any]) -> pl.DataFrame:
    """Write sets that did not run, with the reason."""
    numbers = np.flatnonzero(board.gears == Gear.REFUSED).tolist()
    return pl.DataFrame(
        [
            pl.Series("set", numbers, dtype=pl.Int64),
            *_parameter_columns(board, names, defaults, numbers),
            pl.Series(_free("reason", names), [board.reasons[n] for n in numbers], dtype=pl.String),
        ]
    )


def _free(name: str, taken: Sequence[str]) -> str:
    """Name a column so that no parameter has its name."""
    while name in taken:
        name += "_"
    return name


def _parameter_columns(
    board: Board, names: Sequence[str], defaults: Mapping[str, Any], numbers: Sequence[int]
) -> list[pl.Series]:
    found = []
    for name in names:
        default = defaults.get(name)
        values = [board.sets[number].get(name, default) for number in numbers]
        found.append(_series("set_" if name == "set" else name, values))
    return found


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Make a column of what a parameter may be; what no column holds is written as text."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int} or kinds <= {bool} or kinds <= {str}:
        return pl.Series(name, values)
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def equity_frame(sweep: Sweep, valued_at_us: NDArray[np.int64], found: KernelResult) -> pl.DataFrame:
    """Write the equity of the one set of a kernel's result, the starting capital first."""
    from qtrader.services.reporting.equity import trading_began_us

    inputs = sweep.inputs
    instants = valued_at_us.tolist()
    began = trading_began_us(inputs.data.tape, inputs.trading_starts_us, instants)
    equity = [] if found.equity is None else found.equity[0].tolist()
    return pl.DataFrame(
        {
            "valued_at": pl.Series([began, *instants], dtype=pl.Int64).cast(_TIME),
            "equity": [float(sweep.config.portfolio.initial_cash), *equity],
        }
    )


def warnings_of(results: SweepResults) -> tuple[str, ...]:
    """Say what to know before believing the best set."""
    board, warnings = results.board, []
    if results.tried > 1:
        warnings.append(
            f"best of {results.tried:,}: the best of many sets looks better than it will be, for part of it "
            "is luck; try the choice on data that it was not made on"
        )
    if not board.is_the_engines(results.ranking[0]):
        warnings.append("not verified: verify=0, so that the engine has not confirmed the best set")
    if results.gear_counts["engine"]:
        reasons = "; ".join(f"{reason} ({count:,})" for reason, count in results.engine_reasons.items())
        warnings.append(
            f"{results.gear_counts['engine']:,} sets ran in the engine, not in the kernel: {reasons}"
        )
    missing = int(np.isnan(board.values[board.ran, board.objective.column]).sum())
    if missing:
        metric = METRICS[results.metric]
        warnings.append(f"{missing:,} sets have no {metric.name}: {metric.undefined_when}")
    return tuple(warnings)


def headline(results: SweepResults) -> str:
    """Say how many sets ran, and what became of the others."""
    board, counts = results.board, results.gear_counts
    parts = [f"{results.tried:,} sets of {results.sweep.maker.cls.__name__}"]
    parts += [f"{name} {counts[name]:,}" for name in ("kernel", "engine", "refused") if counts[name]]
    if board.left_out:
        parts.append(f"left out by the constraint {board.left_out:,}")
    best = "max" if board.objective.is_more_better else "min"
    return " · ".join([*parts, f"{best} {METRICS[results.metric].name}"])


def best_cells(results: SweepResults, n: int) -> tuple[list[str], list[list[str]]]:
    """Write the best sets as a table of texts: parameters, measures, and whether they are verified."""
    keys = results.board.objective.columns
    head = [*results.names, *(METRICS[key].name for key in keys), "Verified"]
    rows = []
    for number in results.ranking[:n]:
        parameters = {**results.sweep.maker.defaults, **results.board.sets[number]}
        values = results.board.values[number].tolist()
        measures = [
            format_metric(METRICS[key], None if value != value else _as_unit(key, value))  # noqa: PLR0124 - NaN
            for key, value in zip(keys, values, strict=True)
        ]
        mark = "yes" if results.board.is_the_engines(number) else "no"
        rows.append([*(str(parameters.get(name)) for name in results.names), *measures, mark])
    return head, rows


def _as_unit(key: str, value: float) -> float:
    return int(value) if METRICS[key].unit == "count" else value


def summary_text(results: SweepResults) -> str:
    """Write a sweep as a few lines."""
    head, rows = best_cells(results, _SHOWN)
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    ]
    return "\n".join([headline(results), *lines, *(f"Warning: {one}" for one in results.warnings)])


def summary_html(results: SweepResults) -> str:
    """Write a sweep as a piece of HTML for a notebook; it needs no script and no style sheet."""
    head, rows = best_cells(results, _SHOWN)
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:right">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    items = "".join(f"<li>Warning: {escape(one)}</li>" for one in results.warnings)
    return (
        f"<div><p><strong>{escape(headline(results))}</strong></p>"
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table><ul>{items}</ul></div>"
    )
