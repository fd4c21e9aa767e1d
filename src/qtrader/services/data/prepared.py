"""Loaded data kept beside their files, so that a process need not read and check them again.

What was loaded is kept where somebody asks for it: in the folder `qtrader-prepared` beside the first file of
bars, as a tape of the cache (`tape_cache`) that is found by the bytes of every file instead of by its time of
change, so that it may travel with the files. Its key holds all else that decides: how the files are shown,
the declarations of the sources, the symbols and the range, QTrader's version. Where a byte differs, the data
are read from their files as if nothing were kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qtrader.errors import ConfigError, DataError
from qtrader.market.calendars import UTC_DAY_CALENDAR, get_calendar, known_calendars
from qtrader.market.instruments import Instruments
from qtrader.market.tape import Tape, TapeColumns
from qtrader.market.tape_writer import TapeWriter
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.paths import expand_paths
from qtrader.services.data.tape_cache import MARKET_FILE, TapeKey, find, forget_older, market_document
from qtrader.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from qtrader.services.data.source import DataSources

#: The folder beside the files.
PREPARED_FOLDER: Final = "qtrader-prepared"
#: Tapes up to this size are read into memory, as they would be from their files.
_IN_MEMORY_BYTES: Final = 256 * 1024 * 1024
#: Declarations that say where things are; what is there is digested.
_UNSAID: Final = frozenset({"path", "corporate_actions", "streamed", "cache_dir"})


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be loaded: the arguments of `DataService` and of its `load`."""

    sources: DataSources
    symbols: Sequence[str] | None
    start: date | datetime | str | None
    end: date | datetime | str | None
    signal_prices: str


def find_prepared(request: Request) -> LoadedData | None:
    """Return what was kept of exactly this request, or None where nothing was.

    Raises:
        DataError: a file of the sources is missing.
    """
    folder = _folder(request)
    if folder is None or not folder.is_dir():
        return None
    built = find(folder, _key(request))
    if built is None:
        return None
    sources = request.sources.sources
    instruments = Instruments(sources[name].instrument(symbol) for name, symbol in built.owners)
    tape = built.tape
    if sum(column.nbytes for column in tape.columns) <= _IN_MEMORY_BYTES:
        columns = TapeColumns._make(column.copy() for column in tape.columns)
        tape = Tape(tape.symbols, tape.intervals, columns)
        if tape.fingerprint != built.tape.fingerprint:
            return None
    calendars = {
        symbol: get_calendar(instruments[symbol].calendar or UTC_DAY_CALENDAR) for symbol in tape.symbols
    }
    return LoadedData(tape, built.actions, instruments, calendars, None, built.report)


def prepare(request: Request, loaded: LoadedData) -> Path:
    """Keep what was loaded of a request, for `find_prepared`, and return its folder.

    Raises:
        ConfigError: the data depend on what no key holds: a universe, or a calendar that does not ship.
        DataError: the folder cannot be written.
    """
    sources = request.sources.sources
    for name, source in sources.items():
        if source.universe is not None:
            msg = f"source {name!r} has a universe; data of a universe cannot be kept"
            raise ConfigError(msg)
        if source.calendar is not None and get_calendar(source.calendar).name not in known_calendars():
            msg = f"source {name!r}: the calendar {source.calendar} does not ship, so its data cannot be kept"
            raise ConfigError(msg)
    folder, key = _folder(request), _key(request)
    if folder is None:
        msg = "no source is declared, so there is nothing to keep"
        raise ConfigError(msg)
    kept = folder / key.name
    if kept.exists():
        return kept
    named = {(entry.source, entry.symbol) for entry in loaded.report.series}
    owners = sorted(pair for pair in named if pair[1] in loaded.tape.symbols)
    tape = loaded.tape
    try:
        folder.mkdir(exist_ok=True)
        with TapeWriter(kept, tape.symbols, tape.intervals) as writer:
            for first in range(0, len(tape), 1_048_576):
                part = slice(first, first + 1_048_576)
                writer.append(TapeColumns._make(column[part] for column in tape.columns))
            document = market_document(loaded.actions, loaded.report, owners)
            (writer.unfinished / MARKET_FILE).write_bytes(document)
            writer.finish()
    except OSError as error:
        msg = f"{folder}: the prepared data cannot be written: {error}"
        raise DataError(msg) from error
    forget_older(folder, key)
    return kept


def _folder(request: Request) -> Path | None:
    """Return the folder beside the first file of bars; whether it is there is not asked."""
    for source in request.sources.sources.values():
        return expand_paths(source.path, request.sources.resolve)[0].parent / PREPARED_FOLDER
    return None


def _key(request: Request) -> TapeKey:
    asked: list[list[Any]] = []
    states: list[str] = []
    for name, source in request.sources.sources.items():
        asked.append([name, source.model_dump(mode="json", exclude=set(_UNSAID))])
        for paths in (source.path, source.corporate_actions):
            files = expand_paths(paths, request.sources.resolve)
            # Folders may name a symbol or a date: see `partitions`.
            asked.append([[request.sources.shown(file), file.name, *_partitions(file)] for file in files])
            states.extend(_digest_of(file) for file in files)
    said = {
        "version": __version__,
        "sources": asked,
        "symbols": None if request.symbols is None else sorted(set(request.symbols)),
        "range": [None if day is None else str(day) for day in (request.start, request.end)],
        "signal_prices": request.signal_prices,
    }
    return TapeKey(_digest(msgspec.json.encode(said)), _digest("".join(states).encode()))


def _partitions(file: Path) -> list[str]:
    return [part for part in file.parts[:-1] if "=" in part]


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=10).hexdigest()
