"""THE codec between event classes and contract JSON.

A wire document is an envelope around a payload, both in their contracts' field order, compact and in UTF-8,
every value in its one canonical spelling. So equal events are equal bytes, and `encode(decode(document))` is
`document` for every document that this codec wrote. What comes in is validated before it is decoded. The
field mapping is declared in `codec_fields`; the conversions are compiled from it in `codec_compile`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NoReturn, TypeVar

import msgspec

from qtrader.contracts import registry
from qtrader.errors import ContractError
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_checks import check_of
from qtrader.events.codec_compile import Body, body_of, build_of, from_wire_of, to_wire_of
from qtrader.events.codec_convert import (
    canonical_decimal,
    canonical_float,
    canonical_instant,
    parse_decimal,
    parse_float,
    parse_instant,
)
from qtrader.events.codec_fields import EVENT_CLASSES, FieldMapping, Kind, fields_of
from qtrader.events.events import PriceBarEvent

__all__ = [
    "body",
    "canonical_decimal",
    "canonical_float",
    "canonical_instant",
    "contract_name",
    "decode",
    "decode_as",
    "decode_stored",
    "document",
    "encode",
    "parse_decimal",
    "parse_float",
    "parse_instant",
    "surely_valid",
    "validate",
    "validate_body",
]

_Event = TypeVar("_Event", bound=ValidatedEvent)

#: What a conversion raises when a value is not of its field's type; the field is looked for afterwards.
_CONVERSION_ERRORS = (AttributeError, KeyError, OverflowError, TypeError, ValueError)

#: The kinds that go to the wire as they are.
_UNCONVERTED = {Kind.TEXT: str, Kind.FLAG: bool}

_CLASSES = {(cls.event_type, cls.contract_version): cls for cls in EVENT_CLASSES}

_to_json = msgspec.json.Encoder().encode


def contract_name(cls: type[ValidatedEvent]) -> str:
    """Name a class's contract with its version, for example "execution/fill.v1"."""
    return f"{cls.contract}.v{cls.contract_version}"


def body(event: ValidatedEvent) -> dict[str, Any]:
    """Convert an event to its payload, as it is validated and written; not yet validated.

    Raises:
        ContractError: a value has no form on the wire, for example a Decimal NaN or a naive datetime.
    """
    try:
        return _COMPILED[type(event)].body(event)
    except _CONVERSION_ERRORS as error:
        _blame_event(event, error)


def surely_valid(cls: type[ValidatedEvent]) -> Callable[[Any], bool] | None:
    """Return the compiled check of a class's payload, if its contract has one: true means surely valid.

    Raises:
        ContractError: the class has no contract.
    """
    return _COMPILED[cls].is_surely_valid


def validate_body(event: ValidatedEvent) -> None:
    """Check an event's payload against its contract, as the bus does when a decision is published.

    Raises:
        ContractError: naming contract, field, what was found and the rule.
    """
    compiled = _COMPILED[type(event)]
    if compiled.is_surely_valid is not None and compiled.is_surely_valid(event):
        return
    try:
        payload = compiled.body(event)
        is_valid = compiled.is_valid(payload)
    except _CONVERSION_ERRORS as error:
        _blame_event(event, error)
    if not is_valid:
        registry.check(compiled.contract, payload, at="payload")


def validate(event: ValidatedEvent) -> None:
    """Check an event's envelope and payload against their contracts.

    Raises:
        ContractError: naming contract, field, what was found and the rule.
    """
    _validated(document(event), event)


def document(event: ValidatedEvent, sequence: int | None = None) -> dict[str, Any]:
    """Convert an event to its wire document, parsed; not yet validated.

    Args:
        event: any event with a contract.
        sequence: the log position, where a store has assigned one.

    Raises:
        ContractError: a value has no form on the wire.
    """
    try:
        occurred_at = canonical_instant(event.occurred_at)
    except _CONVERSION_ERRORS as error:
        msg = f"contract {registry.ENVELOPE}, field occurred_at: {error}"
        raise ContractError(msg) from error
    converted: dict[str, Any] = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_version": event.contract_version,
        "run_id": event.run_id,
        "sequence": sequence,
        "occurred_at": occurred_at,
        "source_service": event.source_service,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "payload": body(event),
    }
    if sequence is None:
        del converted["sequence"]
    return converted


def encode(event: ValidatedEvent, sequence: int | None = None, *, is_validated: bool = False) -> bytes:
    """Write an event as one compact contract document, byte for byte the same for equal events.

    Args:
        event: any event with a contract.
        sequence: the log position, where a store has assigned one.
        is_validated: leave out the validation, because the caller has validated this event as a whole.

    Raises:
        ContractError: the event breaks its contract or the envelope's.
    """
    converted = document(event, sequence)
    return _to_json(converted if is_validated else _validated(converted, event))


def decode(document: bytes | str | dict[str, Any]) -> ValidatedEvent:
    """Validate a contract document, then build the event that its type and version name.

    Args:
        document: JSON text, or its parsed form.

    Raises:
        ContractError: the text is not JSON, breaks a contract, or holds what no event can hold.
    """
    return decode_stored(document)[1]


def decode_as(cls: type[_Event], document: bytes | str | dict[str, Any]) -> _Event:
    """Decode a document that must be of one class; see `decode`.

    Raises:
        ContractError: also when the document is of another contract.
    """
    event = decode(document)
    if isinstance(event, cls):
        return event
    wanted = repr(cls.event_type) if hasattr(cls, "contract") else f"the type of a {cls.__name__}"
    msg = f"contract {registry.ENVELOPE}, field event_type: found {event.event_type!r}; must be {wanted}"
    raise ContractError(msg)


def decode_stored(document: bytes | str | dict[str, Any]) -> tuple[int | None, ValidatedEvent]:
    """Decode a document and its log position, None where no store has assigned one; see `decode`."""
    parsed = registry.parse_json(document) if isinstance(document, bytes | str) else document
    contract = registry.validate_document(parsed)
    cls = _CLASSES.get((contract.event_type, contract.version))
    if cls is None:
        msg = f"contract {contract.name} is known, but no event class of this version reads it"
        raise ContractError(msg)
    payload = parsed["payload"]
    try:
        event = build_of(cls)(parsed, payload)
    except _CONVERSION_ERRORS as error:
        _blame_document(contract.name, cls, payload, error)
    if cls is PriceBarEvent:
        _check_derived(event, parsed)
    sequence = parsed.get("sequence")
    # JSON Schema's integers include 3.0.
    return None if sequence is None else int(sequence), event


class _Compiled:
    """What publishing needs of one class, compiled when it is first needed.

    Most events are surely valid, and most runs never convert one: those load no JSON Schema validator.
    """

    def __init__(self, cls: type[ValidatedEvent]) -> None:
        self.contract = contract_name(cls)
        self.is_surely_valid = check_of(cls, registry.schema(self.contract))
        self._cls = cls

    @cached_property
    def body(self) -> Body:
        return body_of(self._cls)

    @cached_property
    def is_valid(self) -> Callable[[Any], bool]:
        return registry.validator(self.contract).is_valid


class _CompiledByClass(dict[type[Any], _Compiled]):
    def __missing__(self, cls: type[Any]) -> _Compiled:
        if cls not in EVENT_CLASSES:
            known = ", ".join(each.__name__ for each in EVENT_CLASSES)
            msg = f"{cls.__name__} has no contract; events that have one: {known}"
            raise ContractError(msg)
        compiled = self[cls] = _Compiled(cls)
        return compiled


_COMPILED = _CompiledByClass()


def _validated(converted: dict[str, Any], event: ValidatedEvent) -> dict[str, Any]:
    registry.check(registry.ENVELOPE, converted)
    compiled, payload = _COMPILED[type(event)], converted["payload"]
    try:
        is_valid = compiled.is_valid(payload)
    except _CONVERSION_ERRORS as error:
        _blame_event(event, error)
    if not is_valid:
        registry.check(compiled.contract, payload, at="payload")
    return converted


def _check_derived(event: ValidatedEvent, parsed: dict[str, Any]) -> None:
    """Refuse a bar's envelope that says otherwise than the bar derives: nothing read may be lost."""
    derived: dict[str, Any] = {
        "event_id": event.event_id,
        "occurred_at": canonical_instant(event.occurred_at),
        "source_service": event.source_service,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
    }
    for name, value in derived.items():
        if parsed[name] != value:
            msg = (
                f"contract {registry.ENVELOPE}, field {name}: found {parsed[name]!r}; must be {value!r}, "
                "as a bar's envelope follows from its run, symbol, interval and close"
            )
            raise ContractError(msg)


def _blame_event(event: ValidatedEvent, error: Exception) -> NoReturn:
    """Name the field of an event whose conversion failed."""
    raise _blame(contract_name(type(event)), _find_in_record(event, "payload"), error) from error


def _blame_document(
    contract: str, cls: type[ValidatedEvent], payload: dict[str, Any], error: Exception
) -> NoReturn:
    """Name the field of a valid payload that its class cannot hold."""
    found = None
    for mapping in fields_of(cls):
        try:
            from_wire_of(mapping)(payload[mapping.wire])
        except _CONVERSION_ERRORS as failure:
            found = found or (f"payload.{mapping.wire}", str(failure))
    raise _blame(contract, found, error) from error


def _blame(contract: str, found: tuple[str, str] | None, error: Exception) -> ContractError:
    path, reason = found or ("payload", f"{type(error).__name__}: {error}")
    return ContractError(f"contract {contract}, field {path}: {reason}")


def _find_in_record(record: msgspec.Struct, path: str) -> tuple[str, str] | None:
    for mapping in fields_of(type(record)):
        value = getattr(record, mapping.attribute)
        place = f"{path}.{mapping.wire}"
        found = None
        if mapping.record is None:
            found = _failure(mapping, value, place)
        elif mapping.kind is Kind.RECORD:
            found = _find_in_item(mapping.record, value, place)
        elif isinstance(value, tuple | list):
            for index, item in enumerate(value):
                found = found or _find_in_item(mapping.record, item, f"{place}[{index}]")
        else:
            found = place, f"found {value!r}; must be a tuple"
        if found:
            return found
    return None


def _find_in_item(cls: type[msgspec.Struct], item: Any, path: str) -> tuple[str, str] | None:
    if not isinstance(item, cls):
        return path, f"found {item!r}; must be a {cls.__name__}"
    return _find_in_record(item, path)


def _failure(mapping: FieldMapping, value: Any, path: str) -> tuple[str, str] | None:
    expected = _UNCONVERTED.get(mapping.kind)
    if expected and not isinstance(value, expected) and not (mapping.is_optional and value is None):
        return path, f"found {value!r}; must be a {expected.__name__}"
    try:
        to_wire_of(mapping)(value)
    except KeyError:
        return path, f"found {value!r}; must be one of {', '.join(mapping.choice or ())}"
    except _CONVERSION_ERRORS as error:
        return path, str(error)
    return None
