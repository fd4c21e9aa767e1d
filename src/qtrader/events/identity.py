"""Identity without a global counter.

An event's id is a version-8 UUID (RFC 9562) from BLAKE2b over what it is: run, cause, producer, instant, and
its place among that producer's effects of that cause at that instant. (The instant stands in it because an
order or a dividend has effects long after the instant that made it; counting them all would need a memory
shared by every process.) So a service in another process, given the same inputs, makes the same ids, and
nothing has to be asked of a sequencer. A bar's id comes from run, symbol, interval and close.

A hash costs more than the event that it names, and most ids are never asked for before the log is written.
So an `Envelope` knows what its id follows from, and derives it when it is read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from qtrader.events.base import BaseEvent

_SEPARATOR = "\x1f"
#: The hexadecimal digit with the two upper bits that RFC 9562 prescribes, by the digest's own digit.
_VARIANTS = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}

#: Stands in `occurred_at` until an event is published; no market is that old.
NOT_YET = datetime.min.replace(tzinfo=UTC)


def uuid8(text: str) -> str:
    """Make a version-8 UUID (RFC 9562, section 5.8) from the BLAKE2b digest of a text."""
    h = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-{_VARIANTS[h[16]]}{h[17:20]}-{h[20:]}"


def event_id(run_id: str, cause_id: str | None, producer: str, occurred_at: datetime, ordinal: int) -> str:
    """Identify the `ordinal`-th effect that `producer` makes of the event `cause_id` at an instant."""
    return uuid8(
        _SEPARATOR.join((run_id, producer, _instant_text(occurred_at), cause_id or "", str(ordinal)))
    )


def bar_event_id(run_id: str, symbol: str, interval: str, closed_at_us: int) -> str:
    """Identify a bar."""
    return uuid8(
        f"{run_id}{_SEPARATOR}bar{_SEPARATOR}{symbol}{_SEPARATOR}{interval}{_SEPARATOR}{closed_at_us}"
    )


@lru_cache(maxsize=4)
def _instant_text(occurred_at: datetime) -> str:
    """Write an instant; every producer of an instant asks for the same one."""
    return occurred_at.isoformat()


class Producer(msgspec.Struct, frozen=True, gc=False):
    """Who makes events: in which run, under which name, for which service."""

    run_id: str
    name: str
    source_service: str


class Envelope(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Who said what when, and because of what.

    Made by an `Origin`, it knows the cause and derives the ids from it; read from a document, it knows the
    ids (`known`). Two envelopes are equal when they read the same. Nothing of it changes; `known_id` only
    remembers what was derived.
    """

    producer: Producer
    occurred_at: datetime
    #: The event whose handling made this one, or its id.
    cause: BaseEvent | str | None = None
    #: The event that began the chain, or its id; none for an event outside any chain.
    chain: BaseEvent | str | None = None
    ordinal: int = 0
    #: Whether the event itself begins its chain.
    begins_chain: bool = False
    known_id: str | None = None

    @classmethod
    def known(
        cls,
        *,
        event_id: str = "",
        run_id: str = "",
        occurred_at: datetime = NOT_YET,
        source_service: str = "",
        correlation_id: str | None = None,
        causation_id: str | None = None,
    ) -> Envelope:
        """Make an envelope of what it says; without an `event_id` it is for the bus to identify."""
        producer = _known_producer(run_id, source_service)
        begins_chain = bool(event_id) and correlation_id == event_id
        chain = None if begins_chain else correlation_id
        return cls(producer, occurred_at, causation_id, chain, 0, begins_chain, event_id)

    def saying(self, **changes: Any) -> Envelope:
        """Return an envelope that says the same but for what is named."""
        names = ("event_id", "run_id", "occurred_at", "source_service", "correlation_id", "causation_id")
        return Envelope.known(**(dict(zip(names, self._said(), strict=True)) | changes))

    @property
    def run_id(self) -> str:
        """The run that the event belongs to."""
        return self.producer.run_id

    @property
    def source_service(self) -> str:
        """The service that made the event."""
        return self.producer.source_service

    @property
    def event_id(self) -> str:
        """Version-8 UUID of the event; empty while nobody has identified it."""
        if self.known_id is None:
            self._derive()
        return self.known_id or ""

    @property
    def causation_id(self) -> str | None:
        """The event whose handling made this one."""
        return _id_of(self.cause)

    @property
    def correlation_id(self) -> str | None:
        """The signal, corporate action or clock event that began the chain."""
        return self.event_id if self.begins_chain else _id_of(self.chain)

    def _derive(self) -> None:
        # From the first cause whose id is known down to this event: a chain may be longer than the stack.
        waiting = [self]
        while (above := _derived(waiting[-1].cause)) is not None:
            waiting.append(above)
        for envelope in reversed(waiting):
            producer = envelope.producer
            cause_id = _id_of(envelope.cause)
            derived = event_id(
                producer.run_id, cause_id, producer.name, envelope.occurred_at, envelope.ordinal
            )
            msgspec.structs.force_setattr(envelope, "known_id", derived)

    def _said(self) -> tuple[Any, ...]:
        producer = self.producer
        return (
            self.event_id,
            producer.run_id,
            self.occurred_at,
            producer.source_service,
            self.correlation_id,
            self.causation_id,
        )

    def __eq__(self, other: object) -> bool:
        """Compare what is said."""
        return isinstance(other, Envelope) and (self is other or self._said() == other._said())

    def __hash__(self) -> int:
        """Hash by identity of the event."""
        return hash(self.event_id)

    def __repr__(self) -> str:
        """Show what is said, not what it follows from."""
        names = ("event_id", "run_id", "occurred_at", "source_service", "correlation_id", "causation_id")
        said = ", ".join(f"{name}={value!r}" for name, value in zip(names, self._said(), strict=True))
        return f"Envelope.known({said})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is said: the events that it follows from stay where they are."""
        return _read, self._said()


def _read(*said: Any) -> Envelope:
    event_id, run_id, occurred_at, source_service, correlation_id, causation_id = said
    return Envelope.known(
        event_id=event_id,
        run_id=run_id,
        occurred_at=occurred_at,
        source_service=source_service,
        correlation_id=correlation_id,
        causation_id=causation_id,
    )


@lru_cache(maxsize=64)
def _known_producer(run_id: str, source_service: str) -> Producer:
    return Producer(run_id, source_service, source_service)


def _id_of(event: BaseEvent | str | None) -> str | None:
    return event if event is None or isinstance(event, str) else event.event_id or None


def _derived(cause: BaseEvent | str | None) -> Envelope | None:
    """Return a cause's envelope if its id has still to be derived."""
    envelope = None if cause is None or isinstance(cause, str) else cause.envelope
    return envelope if envelope is not None and envelope.known_id is None else None


#: Of an event that nobody has identified yet.
UNIDENTIFIED: Final = Envelope.known()


class Origin:
    """Give the events that one producer makes their envelopes.

    Within an instant a cause that is taken up again continues its count, so that no two effects share an id;
    a later instant starts the counts anew. A cause is told by the very object, of which a process has one
    within an instant, or by its id where no more is known of it.
    """

    __slots__ = (
        "_cause",
        "_causes",
        "_key",
        "_occurred_at",
        "_ordinal",
        "_ordinals",
        "_takes_ids",
        "producer",
    )

    def __init__(self, run_id: str, source_service: str, producer: str | None = None) -> None:
        self.producer = Producer(run_id, source_service if producer is None else producer, source_service)
        self._occurred_at = NOT_YET
        #: What was counted last.
        self._cause: BaseEvent | str | None = None
        self._key: int | str | None = None
        self._ordinal = -1
        #: The counts of the causes taken up before it at this instant, and those causes, which so outlive
        #: their keys.
        self._ordinals: dict[int | str | None, int] = {}
        self._causes: list[BaseEvent] = []
        self._takes_ids = False

    def effect_of(self, cause: BaseEvent, now: datetime) -> Envelope:
        """Return the envelope of the next effect of an event, in the chain that it belongs to or begins."""
        if now is not self._occurred_at and now != self._occurred_at:
            self._occurred_at, self._cause, self._key, self._ordinal = now, cause, id(cause), 0
            ordinal = 0
            if self._ordinals or self._takes_ids:
                self._forget()
        elif cause is self._cause:
            ordinal = self._ordinal = self._ordinal + 1
        else:
            ordinal = self._take_up(cause)
        above = cause.envelope
        return Envelope(self.producer, now, cause, cause if above is None else above.chain or cause, ordinal)

    def beginning(self, cause: BaseEvent | None, now: datetime) -> Envelope:
        """Return the envelope of the next effect of an event, or of none, that begins a chain of its own."""
        # A control event has no id, so it counts as no cause: both give the same ids.
        if cause is None or not cause.has_identity:
            return Envelope(self.producer, now, None, None, self._count_by_id(None, now), True)
        effect = self.effect_of(cause, now)
        return Envelope(self.producer, now, cause, None, effect.ordinal, True)

    def effect_of_id(self, cause_id: str | None, correlation_id: str | None, now: datetime) -> Envelope:
        """Return the envelope of the next effect of an event of which only the id is known, or of none."""
        ordinal = self._count_by_id(cause_id or None, now)
        return Envelope(self.producer, now, cause_id or None, correlation_id or None, ordinal)

    def _take_up(self, cause: BaseEvent) -> int:
        """Count an effect of an event that is not the present cause, at the present instant."""
        ordinals = self._put_aside()
        key: int | str = id(cause)
        if self._takes_ids and key not in ordinals and cause.event_id in ordinals:
            key = cause.event_id
        self._cause, self._key = cause, key
        ordinal = self._ordinal = ordinals.get(key, -1) + 1
        return ordinal

    def _count_by_id(self, cause_id: str | None, now: datetime) -> int:
        if now != self._occurred_at:
            self._occurred_at = now
            self._forget()
            ordinals = self._ordinals
        else:
            ordinals = self._put_aside()
        key: int | str | None = cause_id
        if cause_id is not None:
            self._takes_ids = True
            key = next((id(each) for each in self._causes if each.event_id == cause_id), cause_id)
            if key not in ordinals:
                key = cause_id
        self._cause, self._key = cause_id, key
        ordinal = self._ordinal = ordinals.get(key, -1) + 1
        return ordinal

    def _put_aside(self) -> dict[int | str | None, int]:
        """Note the count of the present cause and return the counts of this instant."""
        ordinals, cause = self._ordinals, self._cause
        ordinals[self._key] = self._ordinal
        if cause is not None and not isinstance(cause, str):
            self._causes.append(cause)
        return ordinals

    def _forget(self) -> None:
        self._ordinals.clear()
        self._causes.clear()
        self._takes_ids = False
