"""The command tree."""

from __future__ import annotations

from typing import Annotated

import typer

from qtrader.cli import backtest, check_lookahead, contracts, data, events, init, report, sweep
from qtrader.version import __version__

#: Works at any place of the command line.
TRACEBACK = "--traceback"

app = typer.Typer(
    help="Event-driven backtesting and trading whose every cent is explained.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would double the time that --help takes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("init")(init.init)
app.command("backtest")(backtest.backtest)
app.command("sweep")(sweep.sweep)
app.command("check-lookahead")(check_lookahead.check_lookahead)
app.add_typer(data.app, name="data")
app.command("report")(report.report)
app.command("events")(events.events)
app.add_typer(contracts.app, name="contracts")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Show where an error came from; allowed after a command too.")
    ] = False,
) -> None:
    """Event-driven backtesting and trading whose every cent is explained."""
