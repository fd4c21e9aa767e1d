"""Conversions between class and payload, written as Python source and compiled once per class.

A payload is converted for every decision that is published. A loop over the declared mapping would look up
and call for each field; the source written from the same mapping is one dict display and one constructor
call. For example, of a valuation trigger:

    def body(event):
        return {"session": canonical_date(event.session), "calendar": event.calendar}

    def build(envelope, payload):
        return ValuationTriggerEvent(session=parse_date(payload["session"]), calendar=payload["calendar"], …)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from qtrader.events.base import DecisionEvent, ValidatedEvent
from qtrader.events.codec_convert import parse_instant
from qtrader.events.codec_fields import CONVERTERS, ENVELOPE_FIELDS, FieldMapping, Kind, fields_of
from qtrader.events.identity import Envelope

Body = Callable[[Any], dict[str, Any]]
Build = Callable[[dict[str, Any], dict[str, Any]], ValidatedEvent]


class _Source:
    """The names that a generated function refers to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._depth = 0

    def name(self, value: Any, prefix: str) -> str:
        text = f"{prefix}_{len(self.names)}"
        self.names[text] = value
        return text

    def variable(self) -> str:
        self._depth += 1
        return f"item_{self._depth}"

    def compile(self, header: str, expression: str) -> Any:
        source = f"{header}\n    return {expression}\n"
        # The source is written from class declarations only; no input reaches it.
        exec(compile(source, f"<codec: {header}>", "exec"), self.names)  # noqa: S102 - see above
        return self.names[header.split()[1].partition("(")[0]]


@cache
def body_of(cls: type[ValidatedEvent]) -> Body:
    """Compile the conversion of an event to its payload."""
    source = _Source()
    compiled: Body = source.compile("def body(event):", _to_wire_record(source, cls, "event"))
    return compiled


@cache
def build_of(cls: type[ValidatedEvent]) -> Build:
    """Compile the conversion of a valid envelope and payload to an event."""
    source = _Source()
    arguments = _from_wire_arguments(source, cls, "payload")
    if issubclass(cls, DecisionEvent):
        parts = ", ".join(f"{name}={_envelope_value(source, name)}" for name in ENVELOPE_FIELDS)
        arguments.append(f"envelope={source.name(Envelope.known, 'envelope')}({parts})")
    else:
        arguments.append('run_id=envelope["run_id"]')
    call = f"{source.name(cls, cls.__name__)}({', '.join(arguments)})"
    compiled: Build = source.compile("def build(envelope, payload):", call)
    return compiled


@cache
def to_wire_of(mapping: FieldMapping) -> Callable[[Any], Any]:
    """Compile the conversion of one field's value, for finding the field that a conversion failed on."""
    source = _Source()
    compiled: Callable[[Any], Any] = source.compile("def to_wire(value):", _to_wire(source, mapping, "value"))
    return compiled


@cache
def from_wire_of(mapping: FieldMapping) -> Callable[[Any], Any]:
    """Compile the conversion of one field's wire value; see `to_wire_of`."""
    source = _Source()
    expression = _from_wire(source, mapping, "value")
    compiled: Callable[[Any], Any] = source.compile("def from_wire(value):", expression)
    return compiled


def _envelope_value(source: _Source, name: str) -> str:
    value = f'envelope["{name}"]'
    return f"{source.name(parse_instant, 'parse_instant')}({value})" if name == "occurred_at" else value


def _to_wire_record(source: _Source, cls: type[msgspec.Struct], owner: str) -> str:
    fields = fields_of(cls)
    items = (f'"{each.wire}": {_to_wire(source, each, f"{owner}.{each.attribute}")}' for each in fields)
    return f"{{{', '.join(items)}}}"


def _to_wire(source: _Source, mapping: FieldMapping, value: str) -> str:
    return _unless_none(mapping, value, _to_wire_present(source, mapping, value))


def _to_wire_present(source: _Source, mapping: FieldMapping, value: str) -> str:
    if mapping.kind in CONVERTERS:
        return f"{source.name(CONVERTERS[mapping.kind][0], mapping.kind.value)}({value})"
    if mapping.choice is not None:
        # A dict is faster than `.value`, and finds a plain string that names a member too.
        names = {member: member.value for member in mapping.choice}
        return f"{source.name(names, mapping.choice.__name__)}[{value}]"
    if mapping.record is None:
        return value
    if mapping.kind is Kind.RECORD:
        return _to_wire_record(source, mapping.record, value)
    item = source.variable()
    return f"[{_to_wire_record(source, mapping.record, item)} for {item} in {value}]"


def _from_wire_arguments(source: _Source, cls: type[msgspec.Struct], owner: str) -> list[str]:
    fields = fields_of(cls)
    return [f"{each.attribute}={_from_wire(source, each, f'{owner}[{each.wire!r}]')}" for each in fields]


def _from_wire(source: _Source, mapping: FieldMapping, value: str) -> str:
    return _unless_none(mapping, value, _from_wire_present(source, mapping, value))


def _from_wire_present(source: _Source, mapping: FieldMapping, value: str) -> str:
    if mapping.kind in CONVERTERS:
        return f"{source.name(CONVERTERS[mapping.kind][1], mapping.kind.value)}({value})"
    if mapping.choice is not None:
        members = {member.value: member for member in mapping.choice}
        return f"{source.name(members, mapping.choice.__name__)}[{value}]"
    if mapping.record is None:
        return value
    cls = source.name(mapping.record, mapping.record.__name__)
    if mapping.kind is Kind.RECORD:
        return f"{cls}({', '.join(_from_wire_arguments(source, mapping.record, value))})"
    item = source.variable()
    arguments = ", ".join(_from_wire_arguments(source, mapping.record, item))
    return f"tuple([{cls}({arguments}) for {item} in {value}])"


def _unless_none(mapping: FieldMapping, value: str, expression: str) -> str:
    if not mapping.is_optional or expression == value:
        return expression
    return f"None if {value} is None else {expression}"
