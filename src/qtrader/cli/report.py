"""`qtrader report`: make the report of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run's directory, for example runs/sma_dual_cross-1a2b3c4d.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, instead of the report in the directory."),
    ] = None,
) -> None:
    """Make the report of a run again from its files. The last line printed is its path."""
    from qtrader.cli.summary import REPORT
    from qtrader.engine.run_directory import load_run

    typer.echo(str(load_run(run).results.report(output or run / REPORT)))
