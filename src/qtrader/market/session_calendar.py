"""Session calendars: on which dates an exchange trades, and the instants at which it opens and closes.

A session is named by a date in the exchange's zone and lasts from `opened_at` to `closed_at`, half open:
the instant of the close belongs to no session, because what closed is then known. Closes are therefore
looked up "after, up to and including": `previous_close(t) <= t < next_close(t)`, and `closes_between(a, b)`
covers a < close <= b, so that neighbouring ranges neither miss a close nor repeat one.

A calendar knows the dates from `covers_from` to `covers_to` and refuses every other one: it never takes
what it does not know for a holiday. Calendars are immutable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from qtrader.clock import from_epoch_us
from qtrader.errors import DataError
from qtrader.market.sessions import date_of, days_since_epoch, midnight_us


@dataclass(frozen=True, slots=True)
class Session:
    """Name a session by its date and give the instants between which it lasts."""

    date: date
    opened_at_us: int
    closed_at_us: int

    @property
    def opened_at(self) -> datetime:
        """Return the open as an aware UTC datetime."""
        return from_epoch_us(self.opened_at_us)

    @property
    def closed_at(self) -> datetime:
        """Return the close as an aware UTC datetime."""
        return from_epoch_us(self.closed_at_us)


class SessionCalendar(ABC):
    """Tell which dates are sessions and when these open and close.

    Days are counted from 1970-01-01; instants are microseconds since the Unix epoch. Every method raises
    DataError, naming the calendar and the dates that it covers, when it is asked about a time outside them.

    Attributes:
        name: the calendar's name, for an exchange its market identifier code (ISO 10383).
        timezone: IANA name of the zone in which a session's date is meant.
        covers_from: first date that the calendar knows.
        covers_to: last date that the calendar knows.
    """

    def __init__(self, name: str, timezone: str, covers_from: date, covers_to: date) -> None:
        self.name: Final = name
        self.timezone: Final = timezone
        self.covers_from: Final = covers_from
        self.covers_to: Final = covers_to
        zone = ZoneInfo(timezone)
        # A session closes after the midnight that begins its date and no later than the one that ends it.
        self._covers_from_us: Final = midnight_us(covers_from, zone)
        self._covers_to_us: Final = midnight_us(date.fromordinal(covers_to.toordinal() + 1), zone)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.timezone}, {self.covers_from} to {self.covers_to}>"

    @property
    @abstractmethod
    def session_dates(self) -> NDArray[np.int64]:
        """Return all session dates as days since 1970-01-01, increasing, shape (n,), read-only."""

    @property
    @abstractmethod
    def opened_at_us(self) -> NDArray[np.int64]:
        """Return all opens, in the order of `session_dates`, read-only."""

    @property
    @abstractmethod
    def closed_at_us(self) -> NDArray[np.int64]:
        """Return all closes, in the order of `session_dates`, read-only."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def is_session(self, days: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell for each day whether it is a session; days that the calendar does not cover are none."""

    @abstractmethod
    def _session(self, place: int) -> Session:
        """Return the session at a place, 0 <= place < len."""

    @abstractmethod
    def _count_closes(self, instant_us: int) -> int:
        """Return how many sessions have closed at or before an instant that is covered."""

    @abstractmethod
    def _opens_and_closes(self, days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return opens and closes of days that are sessions."""

    @abstractmethod
    def _closes_in(self, start_us: int, end_us: int) -> NDArray[np.int64]:
        """Return the closes of a range that is covered."""

    @property
    def first_session(self) -> date:
        """Return the first session's date."""
        return self._session(0).date

    @property
    def last_session(self) -> date:
        """Return the last session's date."""
        return self._session(len(self) - 1).date

    def previous_close(self, instant_us: int) -> int:
        """Return the last close at or before an instant."""
        closes = self._closes_known_at(instant_us)
        if closes == 0:
            raise DataError(self._refusal(f"{_readable(instant_us)} lies before the first close"))
        return self._session(closes - 1).closed_at_us

    def next_close(self, instant_us: int) -> int:
        """Return the first close after an instant."""
        closes = self._closes_known_at(instant_us)
        if closes == len(self):
            raise DataError(self._refusal(f"{_readable(instant_us)} lies at or after the last close"))
        return self._session(closes).closed_at_us

    def session_at(self, instant_us: int) -> Session | None:
        """Return the session that runs at an instant (open <= instant < close); None when closed."""
        closes = self._closes_known_at(instant_us)
        if closes == len(self):
            return None
        session = self._session(closes)
        return session if session.opened_at_us <= instant_us else None

    def session_of_date(self, day: date) -> Session:
        """Return the session of a date; raise DataError when the date is none."""
        if isinstance(day, datetime):
            message = (
                f"calendar {self.name}: {day!r} is an instant; give the session's date, or ask session_at"
            )
            raise DataError(message)
        opened, closed = self.dates_to_sessions(np.array([days_since_epoch(day)]))
        return Session(day, int(opened[0]), int(closed[0]))

    def dates_to_sessions(self, days: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the opens and the closes of the sessions of the given days, in their order.

        Days need be neither sorted nor unique.

        Raises:
            DataError: a day is no session; the first one is named. To report its row, ask `is_session` first.
        """
        wanted = days.astype(np.int64)
        known = self.is_session(wanted)
        if not known.all():
            raise DataError(self._why_no_session(date_of(wanted[int(np.argmin(known))])))
        return self._opens_and_closes(wanted)

    def sessions_between(self, first: date, last: date) -> NDArray[np.int64]:
        """Return the days from `first` to `last`, both included, that are sessions."""
        if not self.covers_from <= first <= last <= self.covers_to:
            raise DataError(self._refusal(f"sessions from {first} to {last} were asked for"))
        low, high = np.searchsorted(self.session_dates, [days_since_epoch(first), days_since_epoch(last) + 1])
        return self.session_dates[low:high]

    def closes_between(self, start_us: int, end_us: int) -> NDArray[np.int64]:
        """Return the closes after `start_us` up to and including `end_us`, increasing."""
        if not self._covers_from_us <= start_us <= end_us <= self._covers_to_us:
            asked = f"closes after {_readable(start_us)} up to {_readable(end_us)} were asked for"
            raise DataError(self._refusal(asked))
        return self._closes_in(int(start_us), int(end_us))

    def _closes_known_at(self, instant_us: int) -> int:
        if not self._covers_from_us <= instant_us <= self._covers_to_us:
            raise DataError(self._refusal(f"{_readable(instant_us)} was asked for"))
        return self._count_closes(int(instant_us))

    def _refusal(self, what: str) -> str:
        return f"calendar {self.name} covers {self.covers_from} to {self.covers_to} ({self.timezone}); {what}"

    def _why_no_session(self, day: date) -> str:
        if not self.covers_from <= day <= self.covers_to:
            return self._refusal(f"{day} was asked for")
        return f"calendar {self.name}: {day} ({day:%A}) is no session; the exchange was closed on that date"


def _readable(instant_us: int) -> str:
    try:
        return from_epoch_us(instant_us).isoformat()
    except OverflowError:
        return f"instant {instant_us} us"
