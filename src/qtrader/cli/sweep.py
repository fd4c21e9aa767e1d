"""`qtrader sweep`: run a configuration with many parameter sets, show the best, write tables and heatmaps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qtrader.research.sweep import Sweep
    from qtrader.research.sweep_results import SweepResults

_Progress = Callable[[int, int], None]
_Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUES",
        help="Values of a parameter: fast=5:45:2 (45 not included) or slow=50,100. Repeatable; takes the "
        "place of the configured grid.",
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for the sweep's directory, instead of the configured one."),
]


def sweep(  # noqa: PLR0917 - typer reads the options of a command from its parameters
    config: Annotated[Path, typer.Argument(help="A run's configuration, for example config/system.yaml.")],
    parameters: _Parameters = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", "-m", metavar="NAME", help="Measure that ranks, for example sharpe."),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option("--random", metavar="N", help="Draw N sets at random instead of running all."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Decides what is drawn.")] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", metavar="N", help="Threads of the kernel, processes of the engine."),
    ] = None,
    verify: Annotated[
        int | None,
        typer.Option("--verify", metavar="K", help="Run the best K again through the engine; 0 for none."),
    ] = None,
    best: Annotated[int, typer.Option("--best", metavar="N", help="How many of the best are printed.")] = 10,
    output: _Output = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as in backtest. Repeatable."),
    ] = None,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the path only.")] = False,
) -> None:
    """Run a strategy with many parameter sets. The last line printed is the path of the sweep's directory."""
    from qtrader.research.sweep_directory import save_sweep
    from qtrader.research.sweep_settings import parse_parameters

    # Strategies beside the caller are found as `python script.py` finds them.
    if "" not in sys.path:
        sys.path.insert(0, "")
    given = {
        "grid": parse_parameters(parameters) if parameters else None,
        "sampler": None if random is None else "random",
        "samples": random,
        "seed": seed,
        "metric": metric,
        "verify": verify,
    }
    asked = _asked(config, settings or [], given, workers)
    with _progress(is_quiet=quiet) as progress:
        results = asked.run(progress)
    if not quiet:
        _print(results, best)
    saved = save_sweep(results, output or asked.config.reporting.directory)
    if saved.is_reused and not quiet:
        typer.echo(f"{saved.path} holds the identical sweep already and was left as it is", err=True)
    typer.echo(str(saved.path))


def _asked(config: Path, settings: list[str], given: dict[str, Any], workers: int | None) -> Sweep:
    """Put together what the configuration and the options ask for."""
    from qtrader.cli.settings import parse_settings
    from qtrader.engine.config import apply_overrides, load_run_config
    from qtrader.engine.inputs import load_inputs
    from qtrader.errors import ConfigError
    from qtrader.research.sweep import Sweep
    from qtrader.research.sweep_settings import changed, load_sweep_settings

    resolved = apply_overrides(load_run_config(config), parse_settings(settings))
    asked = changed(load_sweep_settings(config), **given)
    if len(resolved.strategies) != 1:
        names = ", ".join(spec.identifier for spec in resolved.strategy_specs)
        msg = f"{config}: a sweep varies the parameters of one strategy; there are {names}"
        raise ConfigError(msg)
    if not asked.grid:
        msg = f"{config}: no parameter is varied; give --param NAME=VALUES, or a section sweep with a grid"
        raise ConfigError(msg)
    return Sweep(
        resolved,
        load_inputs(resolved),
        resolved.strategy_specs[0],
        asked.parameters(),
        metric=asked.metric,
        maximize=asked.maximize,
        workers=workers,
        verify=asked.verify,
    )


def _print(results: SweepResults, best: int) -> None:
    """Print speed, headline, the best sets, refusals by reason and warnings."""
    from qtrader.research.sweep_frames import best_cells, headline

    board = results.board
    seconds = board.sweep_seconds
    rate = f" ({results.tried / seconds:,.0f} sets/s)" if seconds > 0 else ""
    typer.echo(
        f"{results.tried:,} sets in {seconds:.2f} s{rate}, verified in {board.verify_seconds:.2f} s", err=True
    )
    typer.secho(headline(results), bold=True)
    head, rows = best_cells(results, best)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        typer.echo("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)))
    if results.verified:
        typer.echo(f"Verified: the best {len(results.verified)} agree with the engine, trade by trade")
    for reason, count in list(results.refusal_reasons.items())[:_SHOWN_REASONS]:
        typer.echo(f"Refused: {count:,}: {reason}")
    if len(results.refusal_reasons) > _SHOWN_REASONS:
        typer.echo(
            f"Refused: {len(results.refusal_reasons) - _SHOWN_REASONS:,} more reasons stand in refused.csv"
        )
    for warning in results.warnings:
        typer.echo(f"Warning: {warning}")


#: Reasons of refusals that are printed.
_SHOWN_REASONS = 3


@contextmanager
def _progress(*, is_quiet: bool) -> Iterator[_Progress | None]:
    """Show a bar with sets a second and the time left, where someone can see it."""
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
        """Sets a second."""

        def render(self, task: Any) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} sets/s")

    columns = (
        TextColumn("sets"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sets", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
