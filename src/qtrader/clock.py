"""Time as an input.

Every component that needs the time is given a `Clock`. `SimulatedClock` stands where the engine sets it;
`LiveClock` is the only object in QTrader that reads the wall clock. Instants are aware UTC datetimes; on the
tape and inside the engine they are integer microseconds since the Unix epoch, which convert to datetimes
exactly.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=64)  # all that happens at an instant asks for the same few; the result is immutable
def from_epoch_us(value_us: int) -> datetime:
    """Convert microseconds since the Unix epoch to an aware UTC datetime, exactly."""
    return _EPOCH + timedelta(microseconds=value_us)


def to_epoch_us(instant: datetime) -> int:
    """Convert an aware datetime to microseconds since the Unix epoch, exactly.

    Raises:
        ValueError: the datetime is naive, so that it names no instant.
    """
    if instant.tzinfo is None:
        msg = f"{instant!r} has no time zone; give an aware datetime, for example with tzinfo=datetime.UTC"
        raise ValueError(msg)
    return (instant - _EPOCH) // _MICROSECOND


class Clock(Protocol):
    """Tell the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SimulatedClock:
    """A clock that stands still until the engine sets it; it never goes back."""

    __slots__ = ("_now_us",)

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us

    @property
    def now_us(self) -> int:
        """The present instant in microseconds since the Unix epoch."""
        return self._now_us

    def now(self) -> datetime:
        """Return the simulated instant."""
        return from_epoch_us(self._now_us)

    def advance_to(self, now_us: int) -> None:
        """Move the clock forward; going back is a defect of the caller.

        Raises:
            ValueError: `now_us` lies before the present instant.
        """
        if now_us < self._now_us:
            asked = from_epoch_us(now_us)
            msg = f"the clock stands at {self.now().isoformat()} and cannot go back to {asked.isoformat()}"
            raise ValueError(msg)
        self._now_us = now_us


class LiveClock:
    """The wall clock; nothing that decides in a backtest may hold one."""

    def now(self) -> datetime:
        """Return the wall clock's instant."""
        return datetime.now(UTC)
