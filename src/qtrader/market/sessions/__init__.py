"""Session tables: for every session of an exchange its date and the instants at which it opens and closes.

The tables ship precomputed because the library that they come from takes seconds to import and its default
range moves with today's date. One `.npz` file holds one exchange: the gaps between session dates in days,
and opens and closes as minutes from 00:00 UTC of the session's date (negative where an exchange opens on
the evening before). `index.json` holds what a table is about: time zone, first session, the dates that it
covers, and the version of the library that made it.

Invariants, checked when a table is made: dates strictly increase, every open precedes its close, no session
begins before the last one has closed, every instant is a whole minute, and every close falls, in the
exchange's zone, after the midnight that begins the session's date and at the latest on the one that ends
it. Lunch breaks are not in the tables: a session lasts from its first open to its last close.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from qtrader.clock import to_epoch_us
from qtrader.errors import ConfigError, DataError

EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2030, 12, 31)

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 86_400_000_000
_FOLDER: Final = Path(__file__).parent
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class SessionTable:
    """Hold the sessions of one exchange.

    Attributes:
        timezone: IANA name of the exchange's zone.
        covers_from: first date of which the table says whether it is a session.
        covers_to: last such date.
        days: session dates as days since 1970-01-01, strictly increasing, int64, shape (n,).
        opened_at_us: opens as microseconds since the Unix epoch, int64, shape (n,).
        closed_at_us: closes, likewise.
    """

    timezone: str
    covers_from: date
    covers_to: date
    days: NDArray[np.int64]
    opened_at_us: NDArray[np.int64]
    closed_at_us: NDArray[np.int64]

    def __post_init__(self) -> None:
        for column in (self.days, self.opened_at_us, self.closed_at_us):
            column.setflags(write=False)


def shipped_names() -> tuple[str, ...]:
    """Return the names of the exchanges whose tables ship with the package, sorted."""
    return tuple(sorted(_read_index()["calendars"]))


def read_table(name: str) -> SessionTable:
    """Read the shipped table of an exchange; raise ConfigError when there is none."""
    about = _read_index()["calendars"].get(name)
    if about is None:
        message = f"session table {name!r} does not ship; shipped are {', '.join(shipped_names())}"
        raise ConfigError(message)
    with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as columns:
        gaps, opens, closes = (columns[key].astype(np.int64) for key in ("gaps", "opens", "closes"))
    days = np.cumsum(gaps) + days_since_epoch(date.fromisoformat(about["first_session"]))
    midnights = days * _DAY_US
    return SessionTable(
        timezone=about["timezone"],
        covers_from=date.fromisoformat(about["covers_from"]),
        covers_to=date.fromisoformat(about["covers_to"]),
        days=days,
        opened_at_us=midnights + opens * _MINUTE_US,
        closed_at_us=midnights + closes * _MINUTE_US,
    )


def encode_table(table: SessionTable) -> dict[str, NDArray[Any]]:
    """Return the columns of a table as they are stored: gaps (uint8), opens and closes (int16 minutes).

    Raises:
        DataError: an invariant of this module does not hold for the table.
    """
    _check_invariants(table)
    midnights = table.days * _DAY_US
    gaps = np.diff(table.days, prepend=table.days[:1])
    opens, open_rest = np.divmod(table.opened_at_us - midnights, _MINUTE_US)
    closes, close_rest = np.divmod(table.closed_at_us - midnights, _MINUTE_US)
    if open_rest.any() or close_rest.any() or gaps.max() > np.iinfo(np.uint8).max:
        message = "session table: opens and closes must be whole minutes and gaps at most 255 days"
        raise DataError(message)
    return {
        "gaps": gaps.astype(np.uint8),
        "opens": opens.astype(np.int16),
        "closes": closes.astype(np.int16),
    }


def build_table(name: str, *, earliest: date = EARLIEST, latest: date = LATEST) -> SessionTable:
    """Compute an exchange's sessions with the library exchange_calendars.

    The range is explicit; where the library knows less of an exchange, its own bounds narrow it.

    Raises:
        ConfigError: the library is not installed, or it does not know the name.
        DataError: its sessions break an invariant of this module.
    """
    try:
        library = importlib.import_module("exchange_calendars")
    except ImportError as error:
        message = (
            f"calendar {name!r} is not shipped; exchange_calendars may know it: install 'qtrader[calendars]'"
        )
        raise ConfigError(message) from error
    try:
        exchange = type(library.get_calendar(name))
    except library.errors.InvalidCalendarName as error:
        message = f"calendar {name!r} is known neither to qtrader nor to exchange_calendars"
        raise ConfigError(message) from error
    bounds = exchange.bound_min(), exchange.bound_max()
    covers_from = earliest if bounds[0] is None else max(earliest, bounds[0].date())
    covers_to = latest if bounds[1] is None else min(latest, bounds[1].date())
    source = exchange(start=covers_from.isoformat(), end=covers_to.isoformat())
    table = SessionTable(
        timezone=str(source.tz),
        covers_from=covers_from,
        covers_to=covers_to,
        days=source.sessions.to_numpy("datetime64[D]").astype(np.int64),
        opened_at_us=source.opens.dt.tz_convert(None).to_numpy("datetime64[us]").astype(np.int64),
        closed_at_us=source.closes.dt.tz_convert(None).to_numpy("datetime64[us]").astype(np.int64),
    )
    _check_invariants(table)
    return table


def days_since_epoch(day: date) -> int:
    """Return the number of days from 1970-01-01 to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(days: int) -> date:
    """Return the date that lies a number of days after 1970-01-01."""
    return date.fromordinal(int(days) + _EPOCH_ORDINAL)


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """Return the instant at which a date begins in a zone, in microseconds since the Unix epoch."""
    return to_epoch_us(datetime(day.year, day.month, day.day, tzinfo=zone))


def _read_index() -> dict[str, Any]:
    index: dict[str, Any] = json.loads((_FOLDER / "index.json").read_bytes())
    return index


def _check_invariants(table: SessionTable) -> None:
    days, opened, closed = table.days, table.opened_at_us, table.closed_at_us
    if not len(days):
        message = "session table: there must be at least one session"
        raise DataError(message)
    zone = ZoneInfo(table.timezone)
    begins = np.array([midnight_us(date_of(day), zone) for day in days])
    ends = np.array([midnight_us(date_of(day + 1), zone) for day in days])
    for rule, broken in (
        ("dates must strictly increase", np.diff(days) <= 0),
        ("a session must open before it closes", opened >= closed),
        ("a session must not begin before the last one has closed", opened[1:] < closed[:-1]),
        ("a session must close on its date in its zone", (closed <= begins) | (closed > ends)),
    ):
        if broken.any():
            where = date_of(days[int(np.argmax(broken))])
            message = f"session table in zone {table.timezone}: {rule}; broken at {where}"
            raise DataError(message)
