"""Choosing what to load: symbols, and the range of sessions or instants.

A date names a session: a range of dates takes every bar that closes on one of them, in the zone of the
symbol's calendar, of the source's times, or UTC. An aware datetime names an instant. Both ends are included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.errors import DataError
from qtrader.market.calendars import get_calendar
from qtrader.market.intervals import DAILY, DAY_US
from qtrader.market.sessions import days_since_epoch
from qtrader.services.data.loading import Series, load_table
from qtrader.services.data.source import DataSource
from qtrader.services.data.tables import Table
from qtrader.services.data.timestamps import BarTimes, midnight_us

#: A date (text, date or naive midnight) or an instant (aware datetime, or text with an offset).
Day = str | date | datetime


class Opener(NamedTuple):
    """A file or frame: the symbol that its name gives, whether it holds no other one, and how to read it."""

    symbol: str | None
    is_of_symbol: bool
    tables: Callable[[], Iterable[Table]]


def parse_day(day: Day) -> date | datetime:
    """Return the date or the aware instant that is meant.

    Raises:
        DataError: the text is neither, or a datetime has a time but no zone.
    """
    if isinstance(day, str):
        try:
            day = datetime.fromisoformat(day)
        except ValueError:
            msg = f"{day!r} is no date; allowed are dates, for example 2020-01-31, and datetimes with a zone"
            raise DataError(msg) from None
    if not isinstance(day, datetime) or day.tzinfo is not None:
        return day
    if day.time() != time.min:
        msg = f"{day.isoformat()} has a time but no zone; give a date, or add a zone, for example +00:00"
        raise DataError(msg)
    return day.date()


def window_us(day: Day, zone: str) -> tuple[int, int]:
    """Return (after, until]: the closes that belong to a date in a zone, or to an instant."""
    parsed = parse_day(day)
    if isinstance(parsed, datetime):
        instant_us = to_epoch_us(parsed)
        return instant_us - 1, instant_us
    days = days_since_epoch(parsed)
    return midnight_us(days, zone), midnight_us(days + 1, zone)


def _days_around(day: Day, slack: int) -> int:
    # An instant falls on one of two dates, depending on the zone; the exact cut by closes comes later.
    parsed = parse_day(day)
    if isinstance(parsed, datetime):
        return days_since_epoch(parsed.astimezone(UTC).date()) + slack
    return days_since_epoch(parsed)


def zone_of(series: Series, source: DataSource) -> str:
    """Return the zone in which dates of a series are meant."""
    if source.calendar is not None:
        return get_calendar(source.calendar).timezone
    if series.columns.interval == DAILY:
        return "UTC"
    return source.timezone or (series.preset.timezone if series.preset else None) or "UTC"


@dataclass(slots=True)
class Selection:
    """The symbols and the range asked for, and what was met while reading."""

    symbols: frozenset[str] | None = None
    start: Day | None = None
    end: Day | None = None
    known: set[str] = field(default_factory=set)
    _ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    _has_bars: set[str] = field(default_factory=set)

    def is_wanted(self, symbol: str) -> bool:
        """Tell whether a symbol is asked for, and remember that it exists."""
        self.known.add(symbol)
        return self.symbols is None or symbol in self.symbols

    def sessions(self, symbol: str, times: BarTimes, source: DataSource) -> NDArray[np.int64] | None:
        """Return the rows whose dates may lie in the range, so that others need not fit the calendar."""
        if not times.is_dates or not len(times.values):
            return None
        days = times.values
        self._meet(symbol, (int(days.min()) + 1) * DAY_US, (int(days.max()) + 1) * DAY_US)
        keep = np.ones(len(days), dtype=np.bool_)
        for start in (source.start, self.start):
            if start is not None:
                keep &= days >= _days_around(start, -1)
        for end in (source.end, self.end):
            if end is not None:
                keep &= days <= _days_around(end, 1)
        return None if keep.all() else np.flatnonzero(keep)

    def _meet(self, symbol: str, first_us: int, last_us: int) -> None:
        low, high = self._ranges.get(symbol, (first_us, last_us))
        self._ranges[symbol] = min(low, first_us), max(high, last_us)

    def read(self, name: str, source: DataSource, openers: Iterable[Opener]) -> dict[str, list[Series]]:
        """Read the wanted series of a source, cut to the range.

        Raises:
            DataError: data break a rule.
            ConfigError: something must be declared.
        """
        found: dict[str, list[Series]] = {}
        for opener in openers:
            for series in self.series_of(name, source, opener):
                found.setdefault(series.columns.symbol, []).append(series)
        return found

    def series_of(self, name: str, source: DataSource, opener: Opener) -> Iterator[Series]:
        """Read the wanted series of one file or frame, cut to the range."""
        if opener.is_of_symbol and opener.symbol is not None and not self.is_wanted(opener.symbol):
            return
        for table in opener.tables():
            for series in load_table(table, source, name, opener.symbol, self):
                yield self.cut(series, source)

    def cut(self, series: Series, source: DataSource) -> Series:
        """Keep the bars of a series that close in the range."""
        columns = series.columns
        closed = columns.closed_at_us
        symbol, zone = columns.symbol, zone_of(series, source)
        if symbol not in self._ranges or columns.interval != DAILY:
            self._meet(symbol, int(closed[0]), int(closed[-1]))
        first, stop = 0, len(closed)
        for start in (source.start, self.start):
            if start is not None:
                first = max(first, int(np.searchsorted(closed, window_us(start, zone)[0], side="right")))
        for end in (source.end, self.end):
            if end is not None:
                stop = min(stop, int(np.searchsorted(closed, window_us(end, zone)[1], side="right")))
        if first < stop:
            self._has_bars.add(symbol)
        if (first, stop) == (0, len(closed)):
            return series
        return replace(series, columns=columns.take(slice(first, max(first, stop))))

    def refuse_missing(self) -> None:
        """Refuse symbols that no source has, and a range without bars.

        Raises:
            DataError: naming the symbol and those that are known, or the range and what is available.
        """
        for symbol in sorted(self.symbols or ()):
            if symbol not in self.known:
                known = sorted(self.known)
                shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
                msg = f"symbol {symbol!r} is in no source; known are {shown or 'none'}"
                raise DataError(msg)
        empty = sorted((self.symbols or self.known) - self._has_bars)
        if empty and (self.symbols is not None or not self._has_bars):
            symbol = empty[0]
            low_us, high_us = self._ranges[symbol]
            first, last = from_epoch_us(low_us - 1).date(), from_epoch_us(high_us - 1).date()
            msg = (
                f"{symbol}: no bar from {self.start or 'the beginning'} to {self.end or 'the end'}; "
                f"available are {first} to {last}"
            )
            raise DataError(msg)

    def with_bars(self, symbols: Iterable[str]) -> list[str]:
        """Leave out symbols that have no bar in the range."""
        return [symbol for symbol in symbols if symbol in self._has_bars]

    def without_empty(self, found: dict[str, list[Series]]) -> dict[str, list[Series]]:
        """Leave out symbols that have no bar in the range."""
        return {symbol: series for symbol, series in found.items() if symbol in self._has_bars}


def wanted_symbols(symbols: str | Iterable[str] | None) -> frozenset[str] | None:
    """Return the symbols asked for as a set; one may be given as text, None means all."""
    if symbols is None:
        return None
    chosen: Sequence[str] = [symbols] if isinstance(symbols, str) else list(symbols)
    if not chosen:
        msg = "no symbol is asked for; give at least one, or None for all"
        raise DataError(msg)
    return frozenset(chosen)
