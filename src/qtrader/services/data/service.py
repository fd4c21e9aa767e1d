"""The data service: loads declared sources onto a tape, and publishes a session's bars when asked to.

The engine takes the whole of `load`; `load_data` and `stream_bar` are the same by hand, one symbol and one
session at a time. Dates without a time name sessions in their exchange's zone; instants are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.errors import ConfigError, DataError
from qtrader.events.base import BaseEvent
from qtrader.events.events import CorporateActionEvent
from qtrader.events.identity import Envelope
from qtrader.market.corporate_actions import read_corporate_actions
from qtrader.market.session_calendar import SessionCalendar
from qtrader.market.sessions import days_since_epoch
from qtrader.market.universe import Universe, read_universe
from qtrader.services.data.adjustments import SignalPrices
from qtrader.services.data.assembly import SourceData, assemble
from qtrader.services.data.dataset import SourceFiles
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.paths import expand_paths
from qtrader.services.data.selection import Day, Selection, parse_day, wanted_symbols, window_us
from qtrader.services.data.source import DataSources, load_sources_config, parse_sources
from qtrader.services.data.streaming import BuildProgress, StreamedLoad, is_streamed


class Publisher(Protocol):
    """What the service needs of an event bus."""

    def publish(self, event: BaseEvent, /) -> None:
        """Deliver an event to those who asked for it."""
        ...


class DataService:
    """Load bars and corporate actions from declared sources.

    Args:
        event_bus: where `stream_bar` publishes; None for a service that only loads.
        config: the sources: a model, a mapping `{"sources": {…}}`, or the path of a YAML file.
        run_id: the run that published bars belong to.
        signal_prices: what the signal series contains.
    """

    def __init__(
        self,
        event_bus: Publisher | None = None,
        config: DataSources | Mapping[str, Any] | str | Path = "config/data_sources.yaml",
        *,
        run_id: str = "",
        signal_prices: SignalPrices | str = SignalPrices.SPLIT,
    ) -> None:
        self._event_bus = event_bus
        self._config = _as_sources(config)
        self._run_id = run_id
        self._signal_prices = SignalPrices(signal_prices)
        self._loaded: dict[str, LoadedData] = {}
        self._streamed_until_us: int | None = None

    def load(
        self,
        symbols: Iterable[str] | None = None,
        start: Day | None = None,
        end: Day | None = None,
        progress: BuildProgress | None = None,
    ) -> LoadedData:
        """Load symbols (None means all that the sources have) from `start` to `end`, both included.

        Args:
            symbols: those to load.
            start: first session (date) or instant (aware datetime).
            end: last session or instant.
            progress: hears of a tape that is being built on disk, where one is.

        Raises:
            DataError: a symbol is unknown, the range is empty, or data break a rule.
            ConfigError: a source leaves something open that the data do not tell.
        """
        selection = Selection(wanted_symbols(symbols), start, end)
        sources = [self._files(name) for name in self._config.sources]
        if is_streamed(sources):
            actions = {name: self._actions(name) for name in self._config.sources}
            return StreamedLoad(
                sources, selection, actions, self._universe(), self._signal_prices, progress
            ).load()
        found = {entry.name: selection.read(entry.name, entry.source, entry.openers) for entry in sources}
        selection.refuse_missing()
        parts = [
            SourceData(self._config.sources[name], name, selection.without_empty(series), self._actions(name))
            for name, series in found.items()
        ]
        return assemble(parts, self._universe(), self._signal_prices)

    def load_data(
        self, symbol: str, start_date: Day | None = None, end_date: Day | None = None
    ) -> LoadedData:
        """Load one symbol, so that `stream_bar` publishes it too.

        Raises:
            DataError: the symbol is unknown, the range is empty, or data break a rule.
        """
        loaded = self.load([symbol], start_date, end_date)
        self._loaded[symbol] = loaded
        return loaded

    def stream_bar(self, session: Day) -> int:
        """Publish the corporate actions and then the bars of a session, of all loaded symbols; count them.

        Args:
            session: a date (or a naive midnight), which names the session of that date in each symbol's
                calendar,
                or an aware datetime, which names the bars that close at that instant.

        Raises:
            DataError: nothing is loaded, or the session lies outside the loaded range.
        """
        if self._event_bus is None:
            msg = "this DataService has no event bus; give event_bus= to publish bars"
            raise ConfigError(msg)
        if not self._loaded:
            msg = "no data is loaded; call load_data(symbol=…) first"
            raise DataError(msg)
        self._refuse_outside(session)
        events: list[tuple[tuple[int, int, str], BaseEvent]] = []
        for symbol, loaded in self._loaded.items():
            calendar, tape = loaded.calendars[symbol], loaded.tape
            events.extend(
                ((0, instant_us, symbol), self._published(action, instant_us))
                for instant_us, action in loaded.actions
                if instant_us == _opening_us(session, calendar)
            )
            after_us, until_us = window_us(session, calendar.timezone)
            bars = tape.bars(tape.rows_closed_by(after_us), tape.rows_closed_by(until_us), self._run_id)
            events.extend(((1, bar.closed_at_us, symbol), bar) for bar in bars)
        events.sort(key=lambda entry: entry[0])
        if not events:
            return 0
        begins, ends = (to_epoch_us(event.occurred_at) for event in (events[0][1], events[-1][1]))
        if self._streamed_until_us is not None and begins <= self._streamed_until_us:
            until = from_epoch_us(self._streamed_until_us)
            msg = (
                f"{session!s} cannot be streamed: everything up to {until.isoformat()} is streamed already; "
                "stream sessions in order, or make another DataService"
            )
            raise DataError(msg)
        for _key, event in events:
            self._event_bus.publish(event)
        self._streamed_until_us = ends
        return len(events)

    def _published(self, action: CorporateActionEvent, instant_us: int) -> CorporateActionEvent:
        envelope = Envelope.known(
            run_id=self._run_id, occurred_at=from_epoch_us(instant_us), source_service="data_service"
        )
        return msgspec.structs.replace(action, envelope=envelope)

    def _refuse_outside(self, session: Day) -> None:
        first_us = min(int(loaded.tape.closed_at_us[0]) for loaded in self._loaded.values())
        last_us = max(int(loaded.tape.closed_at_us[-1]) for loaded in self._loaded.values())
        windows = [
            window_us(session, loaded.calendars[symbol].timezone) for symbol, loaded in self._loaded.items()
        ]
        is_before = max(until_us for _after_us, until_us in windows) < first_us
        if is_before or min(after_us for after_us, _until_us in windows) >= last_us:
            first, last = from_epoch_us(first_us).date(), from_epoch_us(last_us - 1).date()
            msg = f"{session!s} lies outside the loaded bars; they go from {first} to {last}"
            raise DataError(msg)

    def _files(self, name: str) -> SourceFiles:
        source = self._config.sources[name]
        files = expand_paths(source.path, self._config.resolve)
        if source.cache_dir is not None:
            source = source.model_copy(update={"cache_dir": self._config.resolve(source.cache_dir)})
        return SourceFiles.of(name, source, files, self._config.shown)

    def _actions(self, name: str) -> list[CorporateActionEvent]:
        source = self._config.sources[name]
        files = expand_paths(source.corporate_actions, self._config.resolve)
        return [action for file in files for action in read_corporate_actions(file, source.currency)]

    def _universe(self) -> Universe | None:
        declared = [
            source.universe for source in self._config.sources.values() if source.universe is not None
        ]
        if not declared:
            return None
        stays = [
            stay
            for path in dict.fromkeys(declared)
            for stay in read_universe(self._config.resolve(path)).memberships
        ]
        return Universe(stays)


def _as_sources(config: DataSources | Mapping[str, Any] | str | Path) -> DataSources:
    if isinstance(config, DataSources):
        return config
    return load_sources_config(config) if isinstance(config, (str, Path)) else parse_sources(config)


def _opening_us(session: Day, calendar: SessionCalendar) -> int | None:
    day = parse_day(session)
    if isinstance(day, datetime):
        return to_epoch_us(day)
    is_session = calendar.is_session(np.array([days_since_epoch(day)]))
    return calendar.session_of_date(day).opened_at_us if is_session[0] else None
