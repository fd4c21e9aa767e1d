"""The calendars by name: exchanges from tables that ship with the package, and the UTC days.

What a calendar is and promises stands in `session_calendar`. `get_calendar` returns the same immutable
object for the same name.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qtrader.errors import ConfigError
from qtrader.market.session_calendar import Session, SessionCalendar
from qtrader.market.sessions import (
    SessionTable,
    build_table,
    date_of,
    days_since_epoch,
    read_table,
    shipped_names,
)

__all__ = [
    "ALIASES",
    "UTC_DAY_CALENDAR",
    "ExchangeCalendar",
    "Session",
    "SessionCalendar",
    "UtcDayCalendar",
    "get_calendar",
    "known_calendars",
]

UTC_DAY_CALENDAR: Final = "24/7"

# Exchanges that keep the hours and holidays of another one, and the names by which people call them.
ALIASES: Final = MappingProxyType(
    {
        "UTC": UTC_DAY_CALENDAR,
        "NYSE": "XNYS",
        "NASDAQ": "XNYS",
        "XNAS": "XNYS",
        "XASE": "XNYS",
        "ARCX": "XNYS",
        "BATS": "XNYS",
        "LSE": "XLON",
        "JPX": "XTKS",
        "HKEX": "XHKG",
        "XETRA": "XETR",
        "FWB": "XFRA",
        "SIX": "XSWX",
        "TSX": "XTSE",
        "XTSX": "XTSE",
        "ASX": "XASX",
        "SSE": "XSHG",
        "XSHE": "XSHG",
        "BSE": "XBOM",
        "B3": "BVMF",
        "BMF": "BVMF",
        "CME": "CMES",
        "CBOT": "CMES",
        "COMEX": "CMES",
        "NYMEX": "CMES",
        "ICE": "IEPA",
        "ICEUS": "IEPA",
        "CFE": "XCBF",
    }
)

_DAY_US: Final = 86_400_000_000
_UTC_DAYS_FROM: Final = date(1900, 1, 1)
_UTC_DAYS_TO: Final = date(2199, 12, 31)


class ExchangeCalendar(SessionCalendar):
    """Answer from a table of an exchange's sessions."""

    def __init__(self, name: str, table: SessionTable) -> None:
        super().__init__(name, table.timezone, table.covers_from, table.covers_to)
        self._table: Final = table

    def __len__(self) -> int:
        return len(self._table.days)

    @property
    def session_dates(self) -> NDArray[np.int64]:
        """Return all session dates as days since 1970-01-01, increasing, shape (n,), read-only."""
        return self._table.days

    @property
    def opened_at_us(self) -> NDArray[np.int64]:
        """Return all opens, in the order of `session_dates`, read-only."""
        return self._table.opened_at_us

    @property
    def closed_at_us(self) -> NDArray[np.int64]:
        """Return all closes, in the order of `session_dates`, read-only."""
        return self._table.closed_at_us

    def is_session(self, days: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell for each day whether it is a session; days that the calendar does not cover are none."""
        places = np.minimum(self._table.days.searchsorted(days), len(self) - 1)
        known: NDArray[np.bool_] = self._table.days[places] == days
        return known

    def _session(self, place: int) -> Session:
        table = self._table
        return Session(
            date_of(table.days[place]), int(table.opened_at_us[place]), int(table.closed_at_us[place])
        )

    def _count_closes(self, instant_us: int) -> int:
        return int(self._table.closed_at_us.searchsorted(instant_us, side="right"))

    def _opens_and_closes(self, days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        places = self._table.days.searchsorted(days)
        return self._table.opened_at_us[places], self._table.closed_at_us[places]

    def _closes_in(self, start_us: int, end_us: int) -> NDArray[np.int64]:
        return self._table.closed_at_us[self._count_closes(start_us) : self._count_closes(end_us)]


class UtcDayCalendar(SessionCalendar):
    """Count every UTC day, weekends included, as a session from 00:00 to 24:00, by arithmetic."""

    def __init__(self) -> None:
        super().__init__(UTC_DAY_CALENDAR, "UTC", _UTC_DAYS_FROM, _UTC_DAYS_TO)
        self._first_day: Final = days_since_epoch(_UTC_DAYS_FROM)
        self._last_day: Final = days_since_epoch(_UTC_DAYS_TO)

    def __len__(self) -> int:
        return self._last_day - self._first_day + 1

    @property
    def session_dates(self) -> NDArray[np.int64]:
        """Return all session dates as days since 1970-01-01, increasing, shape (n,), read-only."""
        return _read_only(np.arange(self._first_day, self._last_day + 1, dtype=np.int64))

    @property
    def opened_at_us(self) -> NDArray[np.int64]:
        """Return all opens, in the order of `session_dates`, read-only."""
        return _read_only(self.session_dates * _DAY_US)

    @property
    def closed_at_us(self) -> NDArray[np.int64]:
        """Return all closes, in the order of `session_dates`, read-only."""
        return _read_only(self.session_dates * _DAY_US + _DAY_US)

    def is_session(self, days: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell for each day whether it is a session; days that the calendar does not cover are none."""
        return (days >= self._first_day) & (days <= self._last_day)

    def _session(self, place: int) -> Session:
        day = self._first_day + place
        return Session(date_of(day), day * _DAY_US, (day + 1) * _DAY_US)

    def _count_closes(self, instant_us: int) -> int:
        return instant_us // _DAY_US - self._first_day

    def _opens_and_closes(self, days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return days * _DAY_US, (days + 1) * _DAY_US

    def _closes_in(self, start_us: int, end_us: int) -> NDArray[np.int64]:
        # The day of start_us closes after it even where start_us is a midnight: its close is the first.
        return np.arange(start_us // _DAY_US + 1, end_us // _DAY_US + 1, dtype=np.int64) * _DAY_US


def get_calendar(name: str) -> SessionCalendar:
    """Return the calendar of an exchange (XNYS or NYSE; case does not matter) or the UTC days (24/7 or UTC).

    Exchanges whose tables do not ship are taken from exchange_calendars (`pip install
    'qtrader[calendars]'`), from 1990 to 2030 or as far as that library knows them.

    Raises:
        ConfigError: nobody knows the name; the message lists the known ones.
    """
    upper = name.upper()
    return _calendar(ALIASES.get(upper, upper if upper in known_calendars() else name))


@cache
def known_calendars() -> tuple[str, ...]:
    """Return the names of the calendars that ship with the package, without aliases, sorted."""
    return (UTC_DAY_CALENDAR, *shipped_names())


@cache
def _calendar(name: str) -> SessionCalendar:
    if name == UTC_DAY_CALENDAR:
        return UtcDayCalendar()
    if name in known_calendars():
        return ExchangeCalendar(name, read_table(name))
    try:
        return ExchangeCalendar(name, build_table(name))
    except ConfigError as error:
        aliases = ", ".join(f"{alias} = {code}" for alias, code in ALIASES.items())
        message = f"{error}; shipped are {', '.join(known_calendars())}; also {aliases}"
        raise ConfigError(message) from error


def _read_only(column: NDArray[np.int64]) -> NDArray[np.int64]:
    column.setflags(write=False)
    return column
