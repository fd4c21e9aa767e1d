"""The lines of a log: the codec's documents, written and read back in bulk.

`LineWriter` writes the very bytes that `codec.encode` gives, with a newline after each, for events whose
bodies the bus has validated; nothing is validated a second time. For each class a constructor of plain values
is compiled from the same declared mapping as the codec: what has one spelling in JSON anyway stays as it is,
Decimals and instants become their canonical texts. A block of such values is then written by one call.

`read_line` reads such a line back. It validates nothing: it is for lines that this process has written, or
whose documents it has validated before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from qtrader.events import codec
from qtrader.events.base import DecisionEvent, ValidatedEvent
from qtrader.events.codec_convert import canonical_decimal, canonical_instant
from qtrader.events.codec_fields import CONVERTERS, EVENT_CLASSES, FieldMapping, Kind, fields_of
from qtrader.events.identity import Envelope, Producer, uuid8

if TYPE_CHECKING:
    from qtrader.events.base import BaseEvent

_SEPARATOR: Final = "\x1f"
_JSON_OF_KIND: Final[dict[Kind, Any]] = {
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.INSTANT: datetime,
    Kind.DATE: date,
}
#: What is written as it is.
_PLAIN: Final = frozenset({Kind.TEXT, Kind.FLAG, Kind.INTEGER, Kind.DATE, Kind.CHOICE})

_remember = msgspec.structs.force_setattr
_to_lines = msgspec.json.Encoder().encode_lines


class _Document(msgspec.Struct, gc=False):
    """A document on its way to text; its fields are the envelope's, in its order."""

    event_id: str
    event_type: str
    event_version: int
    run_id: str
    sequence: int
    occurred_at: str
    source_service: str
    correlation_id: str | None
    causation_id: str | None
    payload: Any


class _Instants(dict[datetime, str]):
    """Instants as texts, made when they are asked for first."""

    def __missing__(self, instant: datetime) -> str:
        text = self[instant] = canonical_instant(instant)
        return text


def _number(text: str) -> str:
    """Give the canonical text of a Decimal that is not written in digits alone."""
    if "E" in text or text[-1].isalpha():
        return canonical_decimal(Decimal(text))
    if "." in text:
        if text[-1] != "0":
            return text
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class _Head(NamedTuple):
    """What the documents of one class and producer have in common, and how their payloads are made."""

    producer: Producer
    event_type: str
    event_version: int
    run_id: str
    source_service: str
    #: What the producer's ids are derived from begins with it.
    seed: str
    payload: Callable[[Any, _Instants], Any]


class LineWriter:
    """Write events as lines, a block at a time."""

    def __init__(self) -> None:
        self._latest: dict[type[Any], _Head] = {}
        #: By class and by the producer's address, which the head keeps occupied.
        self._heads: dict[tuple[type[Any], int], _Head] = {}

    def block(self, events: Iterable[tuple[int, ValidatedEvent]]) -> bytes:
        """Write (sequence, event) pairs, one line each; an event then knows its id.

        An event that begins a chain remembers its cause by id only from then on, so that no event keeps more
        than its own chain alive once it is written.
        """
        heads = self._latest
        instants = _Instants()
        latest: datetime | None = None
        instant = instant_id = ""
        chain: BaseEvent | str | None = None
        correlation: str | None = None
        documents: list[_Document | msgspec.Raw] = []
        append = documents.append
        for sequence, event in events:
            envelope = event.envelope
            if envelope is None:
                append(msgspec.Raw(codec.encode(event, sequence, is_validated=True)))
                continue
            head = heads.get(type(event))
            if head is None or head[0] is not envelope.producer:
                head = self._head(type(event), envelope.producer)
            _, event_type, version, run_id, service, seed, payload = head
            if envelope.occurred_at is not latest:
                latest = envelope.occurred_at
                instant, instant_id = instants[latest], latest.isoformat()
            cause = envelope.cause
            causation = None if cause is None else _id_of(cause)
            own_id = envelope.known_id
            if own_id is None:
                own_id = uuid8(
                    f"{seed}{instant_id}{_SEPARATOR}{causation or ''}{_SEPARATOR}{envelope.ordinal}"
                )
                _remember(envelope, "known_id", own_id)
            if envelope.begins_chain:
                chain, correlation = event, own_id
                if cause is not None:
                    _remember(envelope, "cause", causation)
            elif envelope.chain is not chain:
                chain = envelope.chain
                correlation = None if chain is None else _id_of(chain)
            append(
                _Document(
                    own_id,
                    event_type,
                    version,
                    run_id,
                    sequence,
                    instant,
                    service,
                    correlation,
                    causation,
                    payload(event, instants),
                )
            )
        return _to_lines(documents)

    def _head(self, kind: type[ValidatedEvent], producer: Producer) -> _Head:
        head = self._heads.get((kind, id(producer)))
        if head is None:
            head = self._heads[kind, id(producer)] = _Head(
                producer,
                kind.event_type,
                kind.contract_version,
                producer.run_id,
                producer.source_service,
                f"{producer.run_id}{_SEPARATOR}{producer.name}{_SEPARATOR}",
                _payload_of(kind),
            )
        self._latest[kind] = head
        return head


def _id_of(event: BaseEvent | str) -> str | None:
    if isinstance(event, str):
        return event or None
    # Of an event that was written the id is known.
    envelope = event.envelope
    return (envelope.known_id if envelope is not None else None) or event.event_id or None


@cache
def _payload_of(cls: type[ValidatedEvent]) -> Callable[[Any, _Instants], Any]:
    """Compile how a class's payload is made of an event.

    Of a valuation trigger, for example, it is `ValuationTriggerEvent(event.session, event.calendar)`, of a
    class whose fields are the contract's and are written as they are.
    """
    names: dict[str, Any] = {"number": _number}
    expression = _made(names, cls, "event")
    # The source is written from class declarations only; no input reaches it.
    source = f"def payload(event, instants):\n    return {expression}\n"
    exec(compile(source, f"<lines: {cls.event_type}>", "exec"), names)  # noqa: S102 - see above
    payload: Callable[[Any, _Instants], Any] = names["payload"]
    return payload


def _made(names: dict[str, Any], cls: type[msgspec.Struct], owner: str) -> str:
    fields = fields_of(cls)
    values = msgspec.defstruct(cls.__name__, [(each.wire, Any) for each in fields], gc=False)
    return (
        f"{_named(names, values, cls.__name__)}({', '.join(_value(names, each, owner) for each in fields)})"
    )


def _value(names: dict[str, Any], mapping: FieldMapping, owner: str) -> str:
    value = f"{owner}.{mapping.attribute}"
    expression = _present(names, mapping, value)
    return f"None if {value} is None else {expression}" if mapping.is_optional else expression


def _present(names: dict[str, Any], mapping: FieldMapping, value: str) -> str:
    kind = mapping.kind
    if kind is Kind.DECIMAL:
        # Most numbers are whole.
        return f"(digits if (digits := str({value})).isdecimal() else number(digits))"
    if kind is Kind.INSTANT:
        return f"instants[{value}]"
    if mapping.record is None:
        return value if kind in _PLAIN else f"{_named(names, CONVERTERS[kind][0], kind.value)}({value})"
    if kind is Kind.RECORD:
        return _made(names, mapping.record, value)
    item = f"item_{len(names)}"
    return f"[{_made(names, mapping.record, item)} for {item} in {value}]"


def _named(names: dict[str, Any], value: Any, prefix: str) -> str:
    name = f"{prefix}_{len(names)}"
    names[name] = value
    return name


def read_line(line: bytes) -> tuple[int, ValidatedEvent]:
    """Read one line back, unvalidated: the event, with what it follows from by id, and its sequence."""
    return _reader_of(type_of_line(line))(line)


def type_of_line(line: bytes) -> bytes:
    """Tell the event type of a line without reading the rest of it."""
    start = line.index(b'"', 13) + 16
    return line[start : line.index(b'"', start)]


@cache
def _reader_of(event_type: bytes) -> Callable[[bytes], tuple[int, ValidatedEvent]]:
    cls = next(each for each in EVENT_CLASSES if each.event_type.encode() == event_type)
    if not issubclass(cls, DecisionEvent):
        return _read_slowly
    fields = fields_of(cls)
    payload = msgspec.defstruct("Payload", [(each.wire, _type_of(each)) for each in fields], gc=False)
    document = msgspec.defstruct(
        "Document",
        [
            ("event_id", str),
            ("run_id", str),
            ("sequence", int),
            ("occurred_at", datetime),
            ("source_service", str),
            ("correlation_id", str | None),
            ("causation_id", str | None),
            ("payload", payload),
        ],
        gc=False,
    )
    names: dict[str, Any] = {
        "decode": msgspec.json.Decoder(document).decode,
        "event": cls,
        "known": Envelope.known,
    }
    arguments = ", ".join(f"{each.attribute}=payload.{each.wire}" for each in fields)
    source = f"""def read(line):
    read = decode(line)
    payload = read.payload
    envelope = known(
        event_id=read.event_id, run_id=read.run_id, occurred_at=read.occurred_at,
        source_service=read.source_service, correlation_id=read.correlation_id,
        causation_id=read.causation_id,
    )
    return read.sequence, event(envelope=envelope, {arguments})
"""
    # The source is written from class declarations only; no input reaches it.
    exec(compile(source, f"<line: {cls.event_type}>", "exec"), names)  # noqa: S102 - see above
    read: Callable[[bytes], tuple[int, ValidatedEvent]] = names["read"]
    return read


def _type_of(mapping: FieldMapping) -> Any:
    held: Any = _JSON_OF_KIND.get(mapping.kind) or mapping.choice or mapping.record
    if mapping.kind is Kind.RECORDS:
        held = tuple[held, ...]
    return held | None if mapping.is_optional else held


def _read_slowly(line: bytes) -> tuple[int, ValidatedEvent]:
    sequence, event = codec.decode_stored(line)
    return sequence or 0, event
