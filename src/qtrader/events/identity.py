"""Identity without a global counter.

An event's id is a version-8 UUID (RFC 9562) from BLAKE2b over what it is: run, cause, producer, instant, and
its place among that producer's effects of that cause at that instant. (The instant stands in it because an
order or a dividend has effects long after the instant that made it; counting them all would need a memory
shared by every process.) So a service in another process, given the same inputs, makes the same ids, and
nothing has to be asked of a sequencer. A bar's id comes from run, symbol, interval and close.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from qtrader.events.base import NOT_YET

if TYPE_CHECKING:
    from datetime import datetime

    from qtrader.events.base import BaseEvent

_SEPARATOR = "\x1f"
#: The hexadecimal digit with the two upper bits that RFC 9562 prescribes, by the digest's own digit.
_VARIANTS = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def uuid8(text: str) -> str:
    """Make a version-8 UUID (RFC 9562, section 5.8) from the BLAKE2b digest of a text."""
    h = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-{_VARIANTS[h[16]]}{h[17:20]}-{h[20:]}"


def event_id(run_id: str, cause_id: str | None, producer: str, occurred_at: datetime, ordinal: int) -> str:
    """Identify the `ordinal`-th effect that `producer` makes of the event `cause_id` at an instant."""
    return uuid8(_SEPARATOR.join((run_id, producer, occurred_at.isoformat(), cause_id or "", str(ordinal))))


def bar_event_id(run_id: str, symbol: str, interval: str, closed_at_us: int) -> str:
    """Identify a bar."""
    return uuid8(
        f"{run_id}{_SEPARATOR}bar{_SEPARATOR}{symbol}{_SEPARATOR}{interval}{_SEPARATOR}{closed_at_us}"
    )


@lru_cache(maxsize=4)
def _instant_text(occurred_at: datetime) -> str:
    """Write an instant; every producer of an instant asks for the same one."""
    return occurred_at.isoformat()


class Origin:
    """Stamp the events that one producer makes: the envelope's source of truth.

    `begin(cause_id, …)` names the event being handled; `stamp()` gives the next envelope. Within an instant a
    cause that is taken up again continues its count, so that no two effects share an id; a later instant
    starts the counts anew.
    """

    __slots__ = (
        "_cause_id",
        "_correlation_id",
        "_maker",
        "_occurred_at",
        "_ordinals",
        "_prefix",
        "producer",
        "run_id",
        "source_service",
    )

    def __init__(self, run_id: str, source_service: str, producer: str | None = None) -> None:
        self.run_id = run_id
        self.source_service = source_service
        self.producer = source_service if producer is None else producer
        self._ordinals: dict[str | None, int] = {}
        self._cause_id: str | None = None
        self._correlation_id: str | None = None
        self._occurred_at = NOT_YET
        self._maker = f"{run_id}{_SEPARATOR}{self.producer}{_SEPARATOR}"
        self._prefix = ""

    def begin(self, cause_id: str | None, correlation_id: str | None, occurred_at: datetime) -> None:
        """Take up an event: what is stamped from here on is its effect, at the given instant.

        Without a cause (the beginning of a run) the effects are the run's own.
        """
        if occurred_at != self._occurred_at:
            self._ordinals.clear()
            self._occurred_at = occurred_at
            self._prefix = f"{self._maker}{_instant_text(occurred_at)}{_SEPARATOR}"
        # A control event has no id, so it counts as no cause: both give the same ids.
        self._cause_id = cause_id or None
        self._correlation_id = correlation_id or None

    def stamp(self, correlation_id: str | None = None) -> dict[str, Any]:
        """Return the envelope of the next effect, as keyword arguments of a `DecisionEvent`."""
        cause_id = self._cause_id
        ordinals = self._ordinals
        ordinal = ordinals[cause_id] = ordinals.get(cause_id, -1) + 1
        # The same text as in `event_id`, whose beginning does not change within an instant.
        return {
            "event_id": uuid8(f"{self._prefix}{cause_id or ''}{_SEPARATOR}{ordinal}"),
            "run_id": self.run_id,
            "occurred_at": self._occurred_at,
            "source_service": self.source_service,
            "correlation_id": self._correlation_id if correlation_id is None else correlation_id,
            "causation_id": cause_id,
        }

    def handle(self, event: BaseEvent) -> None:
        """Take up an event at its own instant, in the chain that it belongs to or, if it has none, begins."""
        self.begin(event.event_id, event.correlation_id or event.event_id, event.occurred_at)
