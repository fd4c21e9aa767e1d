"""The declared mapping between event classes and contracts: which field becomes which, and how.

`fields_of(cls)` is the one declaration that the compiled conversions are made from and that the drift test
compares with the schemas. It follows from the class's annotations, except for the bar, whose raw columns are
declared here by hand.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Any

import msgspec

from qtrader.events import codec_convert as convert
from qtrader.events.base import DecisionEvent, ValidatedEvent
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderCancelEvent,
    OrderEvent,
    OrderModifyEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
    ValuationTriggerEvent,
)

#: Every class that has a contract.
EVENT_CLASSES: tuple[type[ValidatedEvent], ...] = (
    PriceBarEvent,
    CorporateActionEvent,
    ValuationTriggerEvent,
    SignalEvent,
    OrderCancelEvent,
    OrderModifyEvent,
    RiskDecisionEvent,
    SignalRejectedEvent,
    OrderEvent,
    OrderUpdateEvent,
    OrderRequestRejectedEvent,
    FillEvent,
    LedgerEntryEvent,
    ConsolidatedPortfolioEvent,
)


class Kind(Enum):
    """What a field holds, and with it how it crosses."""

    TEXT = "text"
    FLAG = "flag"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    FLOAT_OR_UNKNOWN = "float_or_unknown"
    INSTANT = "instant"
    INSTANT_US = "instant_us"
    DATE = "date"
    CHOICE = "choice"
    RECORD = "record"
    RECORDS = "records"


#: To the wire and back, for the kinds whose value changes and needs no class.
CONVERTERS: dict[Kind, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    Kind.INTEGER: (convert.canonical_integer, int),  # JSON Schema's integers include 3.0
    Kind.DECIMAL: (convert.canonical_decimal, convert.parse_decimal),
    Kind.FLOAT: (convert.canonical_float, convert.parse_float),
    Kind.FLOAT_OR_UNKNOWN: (convert.canonical_float_or_unknown, convert.parse_float_or_unknown),
    Kind.INSTANT: (convert.canonical_instant, convert.parse_instant),
    Kind.INSTANT_US: (convert.canonical_instant_us, convert.parse_instant_us),
    Kind.DATE: (convert.canonical_date, convert.parse_date),
}


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One field of a class and of its contract.

    Attributes:
        attribute: the class's field.
        wire: the contract's field.
        kind: what it holds.
        is_optional: whether None is allowed; it is null on the wire.
        choice: the vocabulary of a choice.
        record: the class of a record, or of each of several records.
    """

    attribute: str
    wire: str
    kind: Kind
    is_optional: bool = False
    choice: type[StrEnum] | None = None
    record: type[msgspec.Struct] | None = None


_BAR = (
    FieldMapping("symbol", "symbol", Kind.TEXT),
    FieldMapping("interval", "interval", Kind.TEXT),
    FieldMapping("opened_at_us", "opened_at", Kind.INSTANT_US),
    FieldMapping("closed_at_us", "closed_at", Kind.INSTANT_US),
    FieldMapping("open", "open", Kind.FLOAT),
    FieldMapping("high", "high", Kind.FLOAT),
    FieldMapping("low", "low", Kind.FLOAT),
    FieldMapping("close", "close", Kind.FLOAT),
    FieldMapping("volume", "volume", Kind.FLOAT_OR_UNKNOWN),
    FieldMapping("signal_factor", "signal_factor", Kind.FLOAT),
)

_KINDS: dict[type[Any], Kind] = {
    str: Kind.TEXT,
    bool: Kind.FLAG,
    int: Kind.INTEGER,
    Decimal: Kind.DECIMAL,
    datetime: Kind.INSTANT,
    date: Kind.DATE,
}

#: The envelope's fields that a `DecisionEvent` can be asked for and stores as one, in the envelope's order.
ENVELOPE_FIELDS = ("event_id", "run_id", "occurred_at", "source_service", "correlation_id", "causation_id")


@cache
def fields_of(cls: type[msgspec.Struct]) -> tuple[FieldMapping, ...]:
    """Map an event class, or a class nested in one, to its contract's payload, in the contract's order."""
    if cls is PriceBarEvent:
        return _BAR
    is_event = issubclass(cls, DecisionEvent)
    own = (field for field in msgspec.structs.fields(cls) if not (is_event and field.name == "envelope"))
    return tuple(_mapping(cls, field.name, field.type) for field in own)


def _mapping(cls: type[msgspec.Struct], name: str, annotation: Any) -> FieldMapping:
    alternatives = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    is_optional = type(None) in alternatives
    (held,) = (each for each in alternatives if each is not type(None))
    if typing.get_origin(held) is tuple:
        return FieldMapping(name, name, Kind.RECORDS, is_optional, record=typing.get_args(held)[0])
    if held in _KINDS:
        return FieldMapping(name, name, _KINDS[held], is_optional)
    if issubclass(held, StrEnum):
        return FieldMapping(name, name, Kind.CHOICE, is_optional, choice=held)
    if issubclass(held, msgspec.Struct):
        return FieldMapping(name, name, Kind.RECORD, is_optional, record=held)
    msg = f"{cls.__name__}.{name} is a {annotation}, which has no form on the wire"
    raise TypeError(msg)
