"""`qtrader check-lookahead`: find out whether a strategy decides by what it could not know."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtrader.engine.lookahead_instants import DEFAULT_INSTANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    _Progress = Callable[[int, int], None]

#: A peek was found.
PEEK_FOUND = 1


def check_lookahead(
    config: Annotated[Path, typer.Argument(help="A run's configuration, for example config/system.yaml.")],
    instants: Annotated[
        int, typer.Option("--instants", metavar="N", help="At how many instants the future is changed.")
    ] = DEFAULT_INSTANTS,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Decides the noise in the changed prices.")
    ] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as in backtest. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON document.")] = False,
) -> None:
    """Find decisions that depend on later bars; exits with 1 where there are any."""
    from qtrader.cli.settings import parse_settings
    from qtrader.engine.config import apply_overrides, load_run_config
    from qtrader.engine.inputs import load_inputs
    from qtrader.engine.lookahead import check
    from qtrader.engine.lookahead_runs import Subject

    # Strategies beside the caller are found as `python script.py` finds them.
    if "" not in sys.path:
        sys.path.insert(0, "")
    resolved = apply_overrides(load_run_config(config), parse_settings(settings or []))
    with _progress() as progress:
        report = check(
            Subject(resolved, load_inputs(resolved)), instants=instants, seed=seed, progress=progress
        )
    typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if as_json else report.text)
    if not report.is_honest:
        raise typer.Exit(PEEK_FOUND)


@contextmanager
def _progress() -> Iterator[_Progress | None]:
    """Show how many runs are done, where someone can see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task: Any = bar.add_task("runs", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
