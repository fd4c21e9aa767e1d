"""`qtrader data`: look at data before a run does."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from qtrader.cli.data_cache import cache

if TYPE_CHECKING:
    from qtrader.engine.config import RunConfig
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.data.source import DataSource

_CONFIG = Path("config/data_sources.yaml")

app = typer.Typer(help="Look at data before a run does.", no_args_is_help=True, rich_markup_mode=None)
app.command()(cache)


@app.callback()
def root() -> None:
    """Look at data before a run does."""


@app.command()
def check(
    source: Annotated[
        str, typer.Argument(help="A source of the configuration, or a file, a folder or a glob.")
    ],
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="Where sources are declared.")] = _CONFIG,
    preset: Annotated[
        str | None, typer.Option("--preset", help="The shape: yahoo, yfinance, stooq and so on.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="The symbol, where the file does not say it.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option("--calendar", help="The exchange whose sessions daily bars name: XNYS.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="The zone of times that have none: America/New_York.")
    ] = None,
    prices: Annotated[
        str | None, typer.Option("--prices", help="raw, split_adjusted or fully_adjusted.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Declare any key of a source: interval=1m. Repeatable."
        ),
    ] = None,
) -> None:
    """Load a source and show its rows, symbols, period and problems; exits with 2 where a run would stop."""
    from qtrader.cli.settings import parse_settings
    from qtrader.errors import ConfigError, DataError
    from qtrader.services.data.source import OnBadBar

    options = parse_settings(settings or [])
    named = {
        "preset": preset,
        "symbol": symbol,
        "calendar": calendar,
        "timezone": timezone,
        "prices": prices,
    }
    for name, value in named.items():
        if value is not None:
            options[name] = value
    found = _find(source, config, options)
    try:
        _print(_load(source, found))
    except DataError:
        if found.on_bad_bar is OnBadBar.FAIL:
            try:
                _print(_load(source, found.model_copy(update={"on_bad_bar": OnBadBar.DROP})))
            except (ConfigError, DataError):
                typer.echo(f"{source}: nothing can be loaded, even without its bad bars")
        raise


@app.command()
def prepare(
    config: Annotated[Path, typer.Argument(help="A run's configuration, for example config/system.yaml.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as `qtrader backtest` does."),
    ] = None,
) -> None:
    """Keep the data of a run beside their files, read and checked, so that its runs start faster."""
    from qtrader.cli.settings import parse_settings
    from qtrader.engine.config import apply_overrides, load_run_config
    from qtrader.engine.inputs import prepare_inputs

    resolved = apply_overrides(load_run_config(config), parse_settings(settings or []))
    typer.echo(str(prepare_inputs(resolved)))


def _load(name: str, source: DataSource) -> LoadedData:
    from qtrader.services.data.service import DataService
    from qtrader.services.data.source import DataSources

    return DataService(config=DataSources(sources={name: source})).load()


def _find(name: str, config: Path, options: dict[str, Any]) -> DataSource:
    from qtrader.engine.config import parse_run_config
    from qtrader.engine.config_errors import unknown
    from qtrader.errors import ConfigError

    known: dict[str, Any] = {}
    if config.exists() or config != _CONFIG:
        known = _declared(config).to_dict()["data_sources"]["sources"]
    if name in known:
        declared = {**known[name], **options}
    elif Path(name).exists() or glob.has_magic(name):
        declared = {"path": name, **options}
    else:
        msg = f"{name}: there is no such file, and in {config} it is an {unknown('source', name, known)}"
        raise ConfigError(msg)
    return parse_run_config({"data_sources": {"sources": {name: declared}}}, "source").data_sources.sources[
        name
    ]


def _declared(config: Path) -> RunConfig:
    """Read the sources of a file that holds nothing else, or of a run's whole configuration."""
    from dataclasses import replace

    from qtrader.engine.config_files import parse_system
    from qtrader.engine.config_reader import read_yaml

    document = read_yaml(config, "the declarations of data sources, or a run's configuration")
    content = document.content
    if isinstance(content, dict) and "sources" not in content and "data_sources" in content:
        return parse_system(replace(document, content={"data_sources": content["data_sources"]}))
    return parse_system(replace(document, content={"data_sources": config.name}))


def _print(loaded: LoadedData) -> None:
    from rich.table import Table
    from rich.text import Text

    from qtrader.cli.console import stdout
    from qtrader.services.data.source import SAMPLE_PREFIX

    console = stdout()
    report = loaded.report
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("symbol", "interval", "first", "last", "rows read", "rows kept", "file"):
        table.add_column(heading, justify="right" if heading.startswith("rows") else "left", no_wrap=True)
    for entry in report.series:
        first, last = _period(loaded, entry.symbol, entry.interval)
        rows = (f"{entry.rows_read:,}", f"{entry.rows_kept:,}")
        table.add_row(
            entry.symbol,
            entry.interval,
            first,
            last,
            *rows,
            Path(entry.place.removeprefix(SAMPLE_PREFIX)).name,
        )
    console.print(table)
    symbols, actions = len(loaded.tape.symbols), len(loaded.actions)
    typer.echo(f"{report.rows_read:,} rows, {symbols:,} symbols, {actions:,} actions")
    for entry in report.series:
        for rule, count in entry.dropped.items():
            console.print(Text(f"bad: {entry.place}: {entry.symbol}: {rule}: rows {count:,}"))
        if entry.widened:
            console.print(Text(f"widened: {entry.place}: {entry.symbol}: bars {entry.widened:,}"))
    for note in (*report.notes, *report.actions_in_prices):
        console.print(Text(f"note: {note}"))


def _period(loaded: LoadedData, symbol: str, interval: str) -> tuple[str, str]:
    from qtrader.clock import from_epoch_us

    tape = loaded.tape
    if symbol not in tape.symbols or interval not in tape.intervals:
        return "", ""
    rows = tape.rows_of_interval(symbol, interval)
    if not len(rows):
        return "", ""
    ends = (int(tape.closed_at_us[rows[0]]), int(tape.closed_at_us[rows[-1]]))
    zone = ZoneInfo(loaded.calendars[symbol].timezone)
    first, last = (from_epoch_us(instant_us - 1).astimezone(zone).date().isoformat() for instant_us in ends)
    return first, last
