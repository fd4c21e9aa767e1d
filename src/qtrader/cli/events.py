"""`qtrader events`: what happened in a run, in order."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtrader.engine.run_directory import StoredRun
    from qtrader.events.base import ValidatedEvent

_BAR = "bar"


def events(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    event_type: Annotated[
        str | None, typer.Option("--type", "-t", help="Only this type: signal, order, fill, bar and so on.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", "-s", help="Only events of this symbol.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One contract document a line.")] = False,
    bars: Annotated[bool, typer.Option("--bars", help="Show bars among the other events.")] = False,
) -> None:
    """Show the events of a run, as a table or as contract documents."""
    from qtrader.engine.run_directory import load_run

    _refuse_unknown_type(event_type)
    stored = load_run(run)
    _refuse_unknown_symbol(symbol, stored)
    found = _chosen(stored, event_type, symbol, with_bars=bars or event_type == _BAR)
    try:
        for line in _documents(found) if as_json else _table(found):
            typer.echo(line)
    except BrokenPipeError:
        # Whoever reads has seen enough; Python's own flush at exit must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _documents(found: Iterator[tuple[int, ValidatedEvent]]) -> Iterator[bytes]:
    from qtrader.events import codec

    return (codec.encode(event, sequence) for sequence, event in found)


def _table(found: Iterator[tuple[int, ValidatedEvent]]) -> Iterator[str]:
    from qtrader.events import codec

    yield f"{'sequence':>9}  {'time':<20}  {'type':<22}  {'symbol':<8}  what"
    for sequence, event in found:
        document = codec.document(event, sequence)
        payload = document["payload"]
        told = (f"{name}={_shown(value)}" for name, value in payload.items() if _is_telling(name, value))
        instant, symbol = f"{document['occurred_at'][:19]}Z", payload.get("symbol") or ""
        yield f"{sequence:>9}  {instant:<20}  {event.event_type:<22}  {symbol:<8}  {'  '.join(told)}"


def _chosen(
    stored: StoredRun, event_type: str | None, symbol: str | None, *, with_bars: bool
) -> Iterator[tuple[int, ValidatedEvent]]:
    history = stored.events() if with_bars else stored.results.run.store.decisions()
    for sequence, event in history:
        if event_type is not None and event.event_type != event_type:
            continue
        if symbol is not None and getattr(event, "symbol", None) != symbol:
            continue
        yield sequence, event


def _is_telling(name: str, value: Any) -> bool:
    return value is not None and value not in ([], {}) and name != "symbol"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value)}]"
    return "{…}" if isinstance(value, dict) else str(value)


def _refuse_unknown_type(event_type: str | None) -> None:
    from qtrader.contracts import registry
    from qtrader.engine.config_errors import unknown
    from qtrader.errors import ConfigError

    known = sorted({name.rpartition("/")[2].partition(".")[0] for name in registry.names()} - {"envelope"})
    if event_type is not None and event_type not in known:
        msg = f"--type: {unknown('event type', event_type, known)}"
        raise ConfigError(msg)


def _refuse_unknown_symbol(symbol: str | None, stored: StoredRun) -> None:
    from qtrader.engine.config_errors import unknown
    from qtrader.errors import ConfigError

    known = stored.results.run.symbols
    if symbol is not None and symbol not in known:
        msg = f"--symbol: {unknown('symbol', symbol, known)} in this run"
        raise ConfigError(msg)
