"""`qtrader backtest`: run a configuration, show what came of it, write the run's directory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qtrader.engine.results import Results

_Progress = Callable[[int, int], None]


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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the report's path only.")] = False,
) -> None:
    """Run a backtest. The last line printed is the path of the report."""
    from qtrader.cli.settings import parse_settings
    from qtrader.cli.summary import REPORT, print_summary
    from qtrader.engine.backtest_engine import BacktestEngine
    from qtrader.engine.config import apply_overrides, load_run_config
    from qtrader.engine.run_directory import save_run

    # Strategies beside the caller are found as `python script.py` finds them.
    if "" not in sys.path:
        sys.path.insert(0, "")
    resolved = apply_overrides(load_run_config(config), parse_settings(settings or []))
    engine = BacktestEngine.from_config(resolved)
    with _progress(is_quiet=quiet) as progress:
        results = engine.run(progress)
    if not quiet:
        _print_speed(results)
        print_summary(results)
        if bounds:
            typer.echo(str(results.bounds()))
    if no_report:
        return
    saved = save_run(results, output or resolved.reporting.directory)
    if saved.is_reused and not quiet:
        typer.echo(f"{saved.path} holds the identical run already and was left as it is", err=True)
    typer.echo(str(saved.path / REPORT))


def _print_speed(results: Results) -> None:
    statistics = results.run.statistics
    if statistics is not None:
        speed = statistics.bars_per_second
        each = f" ({speed:,.0f} bars/s)" if speed else ""
        typer.echo(f"{statistics.bars:,} bars in {statistics.seconds:.2f} s{each}", err=True)


@contextmanager
def _progress(*, is_quiet: bool) -> Iterator[_Progress | None]:
    """Show a bar with bars a second and the time left, where someone can see it."""
    if is_quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        """Bars a second."""

        def render(self, task: Any) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} bars/s")

    columns = (
        TextColumn("bars"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("bars", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
