"""The decisions of a log, read as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from qtrader.events.base import ValidatedEvent
from qtrader.events.event_store import EventStore

_Event = TypeVar("_Event", bound=ValidatedEvent)


class Decisions:
    """Give a log's decisions in order; each iteration reads the log anew, so that none need be held.

    Args:
        store: the log.
        classes: only events of these; all without any.
    """

    def __init__(self, store: EventStore, *classes: type[ValidatedEvent]) -> None:
        self._store = store
        self._classes = classes

    def __iter__(self) -> Iterator[ValidatedEvent]:
        for _, event in self._store.decisions(*self._classes):
            yield event

    def of(self, *classes: type[_Event]) -> Iterator[_Event]:
        """Give only the events of some classes."""
        for _, event in self._store.decisions(*classes):
            yield event  # type: ignore[misc]  # the store gives no others

    def only(self, *classes: type[ValidatedEvent]) -> Decisions:
        """Return the decisions of some classes, to be read as often as they are asked for."""
        return Decisions(self._store, *classes)
