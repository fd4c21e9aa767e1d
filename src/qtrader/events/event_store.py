"""The log: every decision event in order, with bars counted by their rows on the tape.

A store gives each event its `sequence`, the only global number there is: the position in the complete
history. Bars that lie on a tape are not stored again; each decision remembers how many rows were known when
it was logged, so that the decisions plus the tape are the whole history and `history()` can write it out in
full. Bars published one by one, without a tape, are kept like any event.
"""

from __future__ import annotations

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

    def __len__(self) -> int:
        """Return the number of events, rows of bars included."""
        ...

    def history(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) from `start` to before `stop`, bars included."""
        ...

    def decisions(self) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) of all events but the tape's bars."""
        ...


class InMemoryEventStore:
    """An `EventStore` in lists: two machine words an event beside the event itself, nothing a bar."""

    def __init__(self) -> None:
        self.rows = 0
        self._events: list[ValidatedEvent] = []
        self._rows_before: list[int] = []
        self._tape: BarRows | None = None
        self._run_id = ""
        self._latest: datetime = NOT_YET

    def attach_tape(self, tape: BarRows, run_id: str) -> None:
        """Name the tape whose rows stand in this log without being stored.

        Raises:
            QTraderError: the log has events already, so that its sequences would change.
        """
        if self._events or self._tape is not None:
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
        return rows + len(events) - 1

    def __len__(self) -> int:
        """Return the number of events, rows of bars included."""
        return self.rows + len(self._events)

    def decisions(self) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) of all events but the tape's bars."""
        for position, event in enumerate(self._events):
            yield self._rows_before[position] + position, event

    @property
    def decision_events(self) -> Sequence[ValidatedEvent]:
        """All events but the tape's bars, in order."""
        return self._events

    def history(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) from `start` to before `stop`, bars included."""
        end = len(self) if stop is None else min(stop, len(self))
        if start < 0 or start >= end:
            return
        position = self._first_at_or_after(start)
        sequence = start
        while sequence < end:
            is_left = position < len(self._events)
            stands_at = self._rows_before[position] + position if is_left else end
            if sequence < stands_at:
                upto = min(stands_at, end)
                for bar in self._bars(sequence - position, upto - position):
                    yield sequence, bar
                    sequence += 1
            else:
                yield sequence, self._events[position]
                position += 1
                sequence += 1

    def _first_at_or_after(self, sequence: int) -> int:
        """Return the position of the first decision whose sequence is not below the given one."""
        positions = range(len(self._events))
        return bisect_right(positions, sequence - 1, key=lambda p: self._rows_before[p] + p)

    def _bars(self, start: int, stop: int) -> Iterator[PriceBarEvent]:
        if self._tape is None:
            msg = f"rows {start} to {stop} of the history are bars, and no tape is attached to this log"
            raise QTraderError(msg)
        return self._tape.bars(start, stop, self._run_id)
