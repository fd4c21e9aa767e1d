"""What every event is.

An event is an immutable value. `BaseEvent` states the envelope that each one can be asked for: identity,
instant, origin, cause. `DecisionEvent` stores the envelope; a `PriceBarEvent` derives it from its own fields,
because a bar is built a million times and asked for its identity a handful of times. `ValidatedEvent` is the
base of every event that has a contract; control events (a slice, an instant's end) are `BaseEvent`s only and
never leave the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from qtrader.events.identity import NOT_YET, UNIDENTIFIED, Envelope

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class BaseEvent(msgspec.Struct, frozen=True, gc=False):
    """State the envelope: who said what when, and because of what."""

    #: The topic's name on the bus, for example "bar".
    event_type: ClassVar[str] = "event"
    #: Whether an event of this class has an id; control events have none.
    has_identity: ClassVar[bool] = False

    @property
    def envelope(self) -> Envelope | None:
        """The stored envelope; None where it follows from the event's own fields, or there is none."""
        return None

    @property
    def event_id(self) -> str:
        """Version-8 UUID of this event; empty for control events, which have none."""
        return ""

    @property
    def run_id(self) -> str:
        """The run that this event belongs to."""
        return ""

    @property
    def occurred_at(self) -> datetime:
        """The instant at which this event became known."""
        return NOT_YET

    @property
    def source_service(self) -> str:
        """The service that made this event."""
        return ""

    @property
    def correlation_id(self) -> str | None:
        """The signal, corporate action or clock event that began the chain."""
        return None

    @property
    def causation_id(self) -> str | None:
        """The event whose handling made this one."""
        return None


class ValidatedEvent(BaseEvent, frozen=True, gc=False):
    """An event with a contract, written to the log and understood by other processes."""

    #: The contract's name and version, for example "strategy/signal" and 1.
    contract: ClassVar[str]
    contract_version: ClassVar[int] = 1
    has_identity: ClassVar[bool] = True

    def to_json(self, sequence: int | None = None) -> bytes:
        """Encode envelope and payload as one contract document.

        Args:
            sequence: the log position, where a store has assigned one.
        """
        from qtrader.events import codec

        return codec.encode(self, sequence)

    @classmethod
    def from_json(cls, document: bytes | str) -> Self:
        """Validate a contract document, then decode it.

        Raises:
            ContractError: the document breaks its contract, or is of another contract than this class's.
        """
        from qtrader.events import codec

        return codec.decode_as(cls, document)

    def validate(self) -> None:
        """Check envelope and payload against the contracts.

        Raises:
            ContractError: naming contract, field and rule.
        """
        from qtrader.events import codec

        codec.validate(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let this class stand as a field inside any Pydantic model or `TypeAdapter`."""
        from qtrader.events import pydantic_support

        return pydantic_support.core_schema(cls)


class DecisionEvent(ValidatedEvent, frozen=True, gc=False, kw_only=True):
    """An event of the decision layer: it stores its envelope.

    The bus gives an identity to an event published without one.
    """

    envelope: Envelope = UNIDENTIFIED

    @property
    def event_id(self) -> str:
        """Version-8 UUID of this event; empty until the bus has given it one."""
        return self.envelope.event_id

    @property
    def run_id(self) -> str:
        """The run that this event belongs to."""
        return self.envelope.producer.run_id

    @property
    def occurred_at(self) -> datetime:
        """The instant at which this event became known."""
        return self.envelope.occurred_at

    @property
    def source_service(self) -> str:
        """The service that made this event."""
        return self.envelope.producer.source_service

    @property
    def correlation_id(self) -> str | None:
        """The signal, corporate action or clock event that began the chain."""
        return self.envelope.correlation_id

    @property
    def causation_id(self) -> str | None:
        """The event whose handling made this one."""
        return self.envelope.causation_id
