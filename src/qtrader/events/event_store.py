"""The log: every decision event in order, with bars counted by their rows on the tape.

A store gives each event its `sequence`, the only global number there is: the position in the complete
history. Bars that lie on a tape are not stored again; each decision remembers how many rows were known when
it was logged, so that the decisions plus the tape are the whole history and `history()` can write it out in
full. Bars published one by one, without a tape, are kept like any event.

`InMemoryEventStore` is this in lists; `qtrader.events.event_store_file.FileEventStore` on disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from typing import TYPE_CHECKING, Protocol

from qtrader.errors import QTraderError
from qtrader.events.base import ValidatedEvent
from qtrader.events.events import PriceBarEvent
from qtrader.events.identity import NOT_YET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


class BarRows(Protocol):
    """Rows of bars that can be made into events: what a store needs of a tape."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def bars(self, start: int, stop: int, run_id: str = "") -> Iterator[PriceBarEvent]:
        """Give the rows from `start` to before `stop` as events."""
        ...


class EventStore(Protocol):
    """Keep events in order and give them back by sequence."""

    rows: int
    """How many rows of the tape are known at present; the engine moves it forward before it publishes."""

    def attach_tape(self, tape: BarRows, run_id: str) -> None:
        """Name the tape whose rows stand in this log without being stored."""
        ...

    def append(self, event: ValidatedEvent) -> int:
        """Log an event and return its sequence."""
        ...

    @property
    def decision_count(self) -> int:
        """Number of events without the tape's bars."""
        ...

    def __len__(self) -> int:
        """Return the number of events, rows of bars included."""
        ...

    def history(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) from `start` to before `stop`, bars included."""
        ...

    def decisions(self, *classes: type[ValidatedEvent]) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) of all events but the tape's bars, or only of those of some classes."""
        ...


class BaseEventStore(ABC):
    """What the stores have in common: sequences, the order of time, and bars between decisions.

    The latest events are held in a list. A store that keeps no more than so many of them at once sets
    `_held_at_most`, and lets go of them when there are as many.
    """

    _held_at_most = -1

    def __init__(self) -> None:
        self.rows = 0
        self._events: list[ValidatedEvent] = []
        self._rows_before: list[int] = []
        #: How many events came before those that are held.
        self._let_go = 0
        self._tape: BarRows | None = None
        self._run_id = ""
        self._latest: datetime = NOT_YET

    def attach_tape(self, tape: BarRows, run_id: str) -> None:
        """Name the tape whose rows stand in this log without being stored.

        Raises:
            QTraderError: the log has events already, so that its sequences would change.
        """
        if self.decision_count or self._tape is not None:
            msg = f"a tape must be attached to an empty log; this one holds {len(self)} events"
            raise QTraderError(msg)
        self._tape = tape
        self._run_id = run_id

    def append(self, event: ValidatedEvent) -> int:
        """Log an event and return its sequence.

        Raises:
            QTraderError: the event occurred before the one logged last; time never goes back along the log.
        """
        envelope = event.envelope
        occurred_at = event.occurred_at if envelope is None else envelope.occurred_at
        # What happens at an instant mostly shares the very same datetime.
        if occurred_at is not self._latest:
            if occurred_at < self._latest:
                msg = (
                    f"{event.event_type} event of {occurred_at.isoformat()} cannot follow an event of "
                    f"{self._latest.isoformat()}: time never goes back along the log"
                )
                raise QTraderError(msg)
            self._latest = occurred_at
        rows, events = self.rows, self._events
        self._rows_before.append(rows)
        events.append(event)
        held = len(events)
        sequence = rows + self._let_go + held - 1
        if held == self._held_at_most:
            self._let_go_of_events()
        return sequence

    @abstractmethod
    def _let_go_of_events(self) -> None:
        """Keep elsewhere what is held, and count it in `_let_go`."""

    @property
    def decision_count(self) -> int:
        """Number of events without the tape's bars."""
        return self._let_go + len(self._events)

    def __len__(self) -> int:
        """Return the number of events, rows of bars included."""
        return self.rows + self._let_go + len(self._events)

    def history(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) from `start` to before `stop`, bars included."""
        end = len(self) if stop is None else min(stop, len(self))
        if start < 0 or start >= end:
            return
        position, decisions = self._decisions_from(start)
        sequence = start
        for stands_at, event in decisions:
            upto = min(stands_at, end)
            if sequence < upto:
                yield from enumerate(self._bars(sequence - position, upto - position), sequence)
            if stands_at >= end:
                return
            yield stands_at, event
            position += 1
            sequence = stands_at + 1
        if sequence < end:
            yield from enumerate(self._bars(sequence - position, end - position), sequence)

    @abstractmethod
    def _decisions_from(self, sequence: int) -> tuple[int, Iterator[tuple[int, ValidatedEvent]]]:
        """Give the decisions from a sequence on, and how many there are before it."""

    def _bars(self, start: int, stop: int) -> Iterator[PriceBarEvent]:
        if self._tape is None:
            msg = f"rows {start} to {stop} of the history are bars, and no tape is attached to this log"
            raise QTraderError(msg)
        return self._tape.bars(start, stop, self._run_id)


class InMemoryEventStore(BaseEventStore):
    """An `EventStore` in lists: two machine words an event beside the event itself, nothing a bar."""

    def _let_go_of_events(self) -> None:
        """Let go of nothing: all events are held."""

    def decisions(self, *classes: type[ValidatedEvent]) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) of all events but the tape's bars, or only of those of some classes."""
        found = self._from(0)
        return ((at, event) for at, event in found if type(event) in classes) if classes else found

    @property
    def decision_events(self) -> Sequence[ValidatedEvent]:
        """All events but the tape's bars, in order."""
        return self._events

    def _decisions_from(self, sequence: int) -> tuple[int, Iterator[tuple[int, ValidatedEvent]]]:
        positions = range(len(self._events))
        first = bisect_right(positions, sequence - 1, key=lambda p: self._rows_before[p] + p)
        return first, self._from(first)

    def _from(self, first: int) -> Iterator[tuple[int, ValidatedEvent]]:
        events, rows_before = self._events, self._rows_before
        for position in range(first, len(events)):
            yield rows_before[position] + position, events[position]
