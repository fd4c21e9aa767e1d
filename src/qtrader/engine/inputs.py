"""What a run needs of the world, loaded: bars, actions, instruments, and the instant from which it trades."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qtrader.clock import from_epoch_us
from qtrader.engine.run_identity import digest
from qtrader.errors import ConfigError, DataError
from qtrader.market.sessions import date_of
from qtrader.services.data.prepared import Request, find_prepared, prepare
from qtrader.services.data.source import DataSource, DataSources, declare_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from qtrader.engine.config import RunConfig, RunSettings
    from qtrader.market.tape import Longs, Tape
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.data.streaming import BuildProgress
    from qtrader.services.strategy.protocol import StrategySpec

#: Trading starts with the first bar.
FROM_THE_FIRST_BAR_US = -(2**63)
#: What may be said of data handed over in Python; the span is the run's own.
READING_OPTIONS = frozenset(DataSource.model_fields) - {"path", "start", "end"} | {"symbols"}
#: What `SampleData`-like objects say of their bars.
_SAMPLE_FACTS = ("calendar", "currency", "interval", "prices")
_LOOK_AHEAD = timedelta(days=31)


@dataclass(frozen=True)
class Inputs:
    """Loaded market data, cut to the run; bars that closed at or before `trading_starts_us` are warmup."""

    data: LoadedData
    trading_starts_us: int = FROM_THE_FIRST_BAR_US

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the bars and of the corporate actions that apply."""
        actions = (f"{effective_us} {action!r}" for effective_us, action in self.data.actions)
        return digest(self.data.tape.fingerprint, *actions, str(self.trading_starts_us))


def load_inputs(config: RunConfig, progress: BuildProgress | None = None) -> Inputs:
    """Load what a configuration names.

    Args:
        config: of the run.
        progress: hears of a tape that is being built on disk, where one is.

    Raises:
        DataError: naming file, symbol, row and rule.
    """
    request = run_request(config)
    loaded = find_prepared(request) or load_request(request, progress)
    return cut_for_warmup(loaded, config.run, config.strategy_specs)


def run_request(config: RunConfig) -> Request:
    """Say what a configuration asks for."""
    run = config.run
    names = [selection.source for selection in config.data]
    symbols, start = _symbols(config), None if run.warmup_bars else run.start
    return Request(_sources(config, names), symbols, start, run.end, run.signal_prices)


def load_request(request: Request, progress: BuildProgress | None = None) -> LoadedData:
    """Load what is asked for from its files, whatever is kept of it.

    Args:
        request: what is asked for.
        progress: hears of a tape that is being built on disk, where one is.

    Raises:
        DataError: naming file, symbol, row and rule.
    """
    from qtrader.services.data.service import DataService

    service = DataService(config=request.sources, signal_prices=request.signal_prices)
    return service.load(request.symbols, request.start, request.end, progress)


def prepare_inputs(config: RunConfig) -> Path:
    """Keep what a configuration names beside its files, read and checked, and return its folder.

    Raises:
        DataError: naming file, symbol, row and rule; or the folder cannot be written.
        ConfigError: the data depend on what cannot be kept.
    """
    request = run_request(config)
    return prepare(request, load_request(request))


def load_frame_inputs(
    frame: Any, run: RunSettings, reading: Mapping[str, Any], specs: Sequence[StrategySpec] = ()
) -> Inputs:
    """Load data handed over in Python; `reading` says how to read it, by the names in `READING_OPTIONS`."""
    request = sample_request(frame, run, reading)
    loaded = None if request is None else find_prepared(request)
    if loaded is None:
        from qtrader.services.data.memory import load_frame

        start = None if run.warmup_bars else run.start
        loaded = load_frame(frame, start=start, end=run.end, signal_prices=run.signal_prices, **reading)
    return cut_for_warmup(loaded, run, specs)


def sample_request(frame: Any, run: RunSettings, reading: Mapping[str, Any]) -> Request | None:
    """Say what `sample_data()` asks for as declared sources would; None of other data."""
    asked = reading.get("symbols")
    symbols = getattr(frame, "symbols", None) if asked is None else asked
    is_plain = (
        isinstance(symbols, (str, list, tuple)) and not {"corporate_actions", "universe"} & reading.keys()
    )
    if not (hasattr(frame, "bars_path") and is_plain):
        return None
    facts = {name: getattr(frame, name) for name in _SAMPLE_FACTS if hasattr(frame, name)}
    declared = {**facts, **{name: value for name, value in reading.items() if name != "symbols"}}
    files = {"path": frame.bars_path, "corporate_actions": frame.corporate_actions_path}
    return Request(
        DataSources(sources={"data": declare_source("data", **{**declared, **files})}),
        [symbols] if isinstance(symbols, str) else list(symbols or ()),
        None if run.warmup_bars else run.start,
        run.end,
        run.signal_prices,
    )


def check_strategies(specs: Sequence[StrategySpec], tape: Tape) -> None:
    """Refuse strategies that ask for bars which the data do not have.

    Raises:
        DataError: naming the symbols, and those of the data.
        ConfigError: naming the intervals, and those of the data.
    """
    for spec in specs:
        unknown = [symbol for symbol in spec.symbols or () if symbol not in tape.symbols]
        if unknown:
            wanted, known = ", ".join(unknown), ", ".join(tape.symbols)
            msg = f"strategy {spec.identifier!r} asks for {wanted}; the data has {known}"
            raise DataError(msg)
        if spec.intervals is None:
            continue
        missing = [name for name in spec.intervals if name not in tape.intervals]
        if missing:
            wanted, known = ", ".join(missing), ", ".join(tape.intervals)
            msg = f"strategy {spec.identifier!r} asks for bars of {wanted}; the data has bars of {known}"
            raise ConfigError(msg)
        for symbol in spec.symbols or ():
            known_of = tape.intervals_of(symbol)
            if known_of and not set(known_of) & set(spec.intervals):
                wanted, known = ", ".join(spec.intervals), ", ".join(known_of)
                msg = f"strategy {spec.identifier!r} asks for bars of {wanted}; {symbol} has bars of {known}"
                raise ConfigError(msg)


def cut_for_warmup(data: LoadedData, run: RunSettings, specs: Sequence[StrategySpec] = ()) -> Inputs:
    """Keep `warmup_bars` bars of each symbol before the start; without one the first of the data are warmup.

    Bars of several intervals are counted in the finest that the strategies see; where they differ in it, in
    the coarsest of these, so that each has seen as many.

    Raises:
        DataError: some symbol has fewer bars before the start, or nothing would be left to trade.
        ConfigError: a strategy asks for intervals that the data do not have.
    """
    if not run.warmup_bars:
        return Inputs(data)
    tape, count = data.tape, run.warmup_bars
    check_strategies(specs, tape)
    rows = {symbol: _counted_rows(tape, symbol, specs) for symbol in tape.symbols}
    if run.start is None:
        starts_us = min(_nth_close(tape, symbol, rows[symbol], count, None) for symbol in tape.symbols)
        first_us = None
    else:
        starts_us = min(_opening(data, symbol, run.start) for symbol in tape.symbols)
        if starts_us >= int(tape.closed_at_us[-1]):
            last = from_epoch_us(int(tape.closed_at_us[-1])).date()
            msg = f"the range is empty: the run starts on {run.start}, and the last bar is of {last}"
            raise DataError(msg)
        first_us = (
            min(_nth_close(tape, symbol, rows[symbol], count, starts_us) for symbol in tape.symbols) - 1
        )
    if starts_us >= int(tape.closed_at_us[-1]):
        msg = f"warmup_bars is {run.warmup_bars}: nothing is left to trade after the warmup"
        raise DataError(msg)
    return Inputs(replace(data, tape=tape.slice(first_us, None)), starts_us)


def _counted_rows(tape: Tape, symbol: str, specs: Sequence[StrategySpec]) -> Longs:
    """Return the rows of a symbol that are counted as warmup."""
    available = tape.intervals_of(symbol)
    if len(available) > 1:
        seen = [
            [
                place
                for place, name in enumerate(available)
                if spec.intervals is None or name in spec.intervals
            ]
            for spec in specs
            if spec.symbols is None or symbol in spec.symbols
        ]
        finest = [places[0] for places in seen if places]
        if finest:
            return tape.rows_of_interval(symbol, available[max(finest)])
    return tape.matching_rows_of(symbol)


def _nth_close(tape: Tape, symbol: str, rows: Longs, count: int, before_us: int | None) -> int:
    """Return the close of a symbol's `count`-th bar: from the first, or back from an instant."""
    available = len(rows) if before_us is None else int(rows.searchsorted(tape.rows_closed_by(before_us)))
    if available < count:
        where = "" if before_us is None else " before the start"
        msg = f"warmup_bars is {count}, but {symbol} has only {available} bars{where}"
        raise DataError(msg)
    return int(tape.closed_at_us[rows[count - 1 if before_us is None else available - count]])


def _opening(data: LoadedData, symbol: str, day: date) -> int:
    calendar = data.calendars[symbol]
    sessions = calendar.sessions_between(day, day + _LOOK_AHEAD)
    if not len(sessions):
        msg = f"{symbol}: {calendar.name} has no session in the {_LOOK_AHEAD.days} days from the start {day}"
        raise DataError(msg)
    return calendar.session_of_date(date_of(int(sessions[0]))).opened_at_us


def _sources(config: RunConfig, names: Sequence[str]) -> DataSources:
    sources = config.data_sources
    used = {name: source for name, source in sources.sources.items() if name in names}
    return sources.model_copy(update={"sources": used})


def _symbols(config: RunConfig) -> list[str] | None:
    """Return the symbols of all selections; None where every source is taken whole."""
    whole = [selection.source for selection in config.data if selection.symbols is None]
    if len(whole) == len(config.data):
        return None
    chosen = {symbol for selection in config.data for symbol in selection.symbols or ()}
    if whole:
        everything = Request(_sources(config, whole), None, None, None, config.run.signal_prices)
        chosen.update(load_request(everything).tape.symbols)
    return sorted(chosen)


@contextmanager
def importing_from(folders: Sequence[Path]) -> Iterator[None]:
    """Let strategies be imported from folders, without leaving them on the path."""
    resolved = [str(folder.resolve()) for folder in folders]
    added = [folder for folder in resolved if folder not in sys.path]
    sys.path[:0] = added
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)
