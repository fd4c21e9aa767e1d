"""`qtrader backtest`: run a configuration, show what came of it, write the run's directory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qtrader.engine.results import Results


def backtest(
    config: Annotated[Path, typer.Argument(help="A run's configuration, for example config/system.yaml.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the run's directory, instead of the configured one."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value: initial_cash=50000, strategies.0.parameters.fast=10. Repeatable.",
        ),
    ] = None,
    *,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Show the summary and write nothing.")
    ] = False,
    bounds: Annotated[
        bool,
        typer.Option(
            "--bounds", help="Show what the final equity would be if every fill in doubt went worst, or best."
        ),
    ] = False,
    event_log: Annotated[
        str | None,
        typer.Option(
            "--event-log",
            metavar="PLACE",
            help="Where the log is kept while the run goes on: memory, disk, or auto.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the report's path only.")] = False,
) -> None:
    """Run a backtest. The last line printed is the path of the report."""
    from qtrader.cli.progress import shown_progress, shown_stages
    from qtrader.cli.settings import parse_settings
    from qtrader.cli.summary import print_summary
    from qtrader.engine.backtest_engine import BacktestEngine
    from qtrader.engine.config import apply_overrides, load_run_config
    from qtrader.engine.inputs import load_inputs

    # Strategies beside the caller are found as `python script.py` finds them.
    if "" not in sys.path:
        sys.path.insert(0, "")
    changes = parse_settings(settings or [])
    if event_log is not None:
        changes["event_log"] = event_log
    resolved = apply_overrides(load_run_config(config), changes)
    with shown_stages(is_quiet=quiet) as show:
        inputs = load_inputs(resolved, show)
    engine = BacktestEngine(resolved, inputs, log_directory=output)
    with shown_progress(is_quiet=quiet) as progress:
        results = engine.run(progress)
    if not quiet:
        _print_speed(results)
        print_summary(results)
        if bounds:
            typer.echo(str(results.bounds()))
    if not no_report:
        _save(results, output or resolved.reporting.directory, is_quiet=quiet)


def _save(results: Results, folder: Path, *, is_quiet: bool) -> None:
    from qtrader.cli.summary import REPORT
    from qtrader.engine.run_directory import save_run

    saved = save_run(results, folder)
    if saved.is_reused and not is_quiet:
        typer.echo(f"{saved.path} holds the identical run already and was left as it is", err=True)
    typer.echo(str(saved.path / REPORT))


def _print_speed(results: Results) -> None:
    statistics = results.run.statistics
    if statistics is not None:
        speed = statistics.bars_per_second
        each = f" ({speed:,.0f} bars/s)" if speed else ""
        typer.echo(f"{statistics.bars:,} bars in {statistics.seconds:.2f} s{each}", err=True)
