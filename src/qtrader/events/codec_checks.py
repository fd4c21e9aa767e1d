"""Contracts compiled to checks of typed values, for the common case that an event is valid.

A check answers one question: does the contract surely accept this event's payload? It looks at the class's
own values and converts nothing. True implies that `body(event)` succeeds and that the JSON Schema accepts the
result. False implies nothing: the codec then converts and validates, and finds the words for what is wrong.
So the published schema stays the one authority, and a check can only save time.

Checks are written as Python source from the schema together with the declared field mapping, one for each
combination of types that the fields of a class were met with: what is None needs no check, a member of a
vocabulary needs none but its type. A schema that says anything that is not understood here has no check. For
example, of a valuation trigger whose values are of the types (Envelope, date, str):

    def is_surely_valid(values):
        try:
            (_, v_0, v_1,) = values
            if not (v_0.year >= 1000): return False
            if not (v_1): return False
            if not ((text := f"{v_1}").isascii() or text.encode()): return False
        except (ArithmeticError, UnicodeEncodeError):
            return False
        return True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any

import msgspec

from qtrader.clock import to_epoch_us
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_check_rules import (
    DECIMAL_PATTERN,
    NotUnderstoodError,
    Rules,
    Schema,
    Source,
    constraints_of,
    types_of,
    understand,
    wire_type,
)
from qtrader.events.codec_fields import FieldMapping, Kind, fields_of

Check = Callable[[Any], bool]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_POSITIVE = r"^([1-9][0-9]*(\.[0-9]*[1-9])?|0\.[0-9]*[1-9])$"
_NON_NEGATIVE = r"^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$"
_FRACTION = r"^(0|1|0\.[0-9]*[1-9])$"
_POSITIVE_FRACTION = r"^(1|0\.[0-9]*[1-9])$"
_SIGNED = "not {0} or TINY <= {0} <= HUGE or MINUS_HUGE <= {0} <= MINUS_TINY"
_INSTANT = {
    "format": "date-time",
    "pattern": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{0,5}[1-9])?Z$",
}
_CALENDAR_DATE = {"format": "date", "pattern": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"}

#: What a schema may demand of the text of each kind's value {0}, and the condition on a value of that kind's
#: type that implies it; the texts are those of the contracts' definitions. A comparison with NaN is false or
#: raises, as the decimal context has it. The bounds keep the fixed-point text short: 1E+999999 is finite,
#: too.
_CONDITIONS: tuple[tuple[Kind, dict[str, Any], str], ...] = (
    (Kind.DECIMAL, {"pattern": _POSITIVE}, "TINY <= {0} <= HUGE"),
    (Kind.DECIMAL, {"pattern": _NON_NEGATIVE}, "not {0} or TINY <= {0} <= HUGE"),
    (Kind.DECIMAL, {"pattern": DECIMAL_PATTERN}, _SIGNED),
    (Kind.DECIMAL, {"pattern": _FRACTION}, "not {0} or TINY <= {0} <= ONE"),
    (Kind.DECIMAL, {"pattern": _POSITIVE_FRACTION}, "TINY <= {0} <= ONE"),
    (Kind.FLOAT, {"pattern": _POSITIVE}, "0.0 < {0} < INFINITY"),
    (Kind.FLOAT_OR_UNKNOWN, {"pattern": _NON_NEGATIVE}, "0.0 <= {0} < INFINITY or {0} != {0}"),
    (Kind.INSTANT, _INSTANT, "{0}.tzinfo is UTC and {0}.year >= 1000"),
    (Kind.INSTANT_US, _INSTANT, "FIRST_US <= {0} <= LAST_US"),
    (Kind.DATE, _CALENDAR_DATE, "{0}.year >= 1000"),
    (Kind.FLAG, {}, "True"),
    (Kind.INTEGER, {"minimum": 1}, "{0} >= 1"),
)

_TYPES: dict[Kind, type[Any]] = {
    Kind.TEXT: str,
    Kind.DECIMAL: Decimal,
    Kind.FLOAT: float,
    Kind.FLOAT_OR_UNKNOWN: float,
    Kind.INSTANT: datetime,
    Kind.INSTANT_US: int,
    Kind.DATE: date,
    Kind.FLAG: bool,
    Kind.INTEGER: int,
    Kind.RECORDS: tuple,
}

#: So many combinations of types are remembered of a class; an engine makes a handful.
_COMBINATIONS = 256

#: A pattern made of these reads the same in every regular expression dialect, without costly backtracking:
#: ASCII characters, sets of them, groups at most once, plain quantifiers, anchors at the ends.
_PORTABLE_PATTERN = re.compile(
    r"""\^?(?:
        (?: [A-Za-z0-9_:/-] | \\[.+*?] | \[(?:[A-Za-z0-9_](?:-[A-Za-z0-9_])?)+\] )
            (?: (?:[*+?] | \{[0-9]+(?:,[0-9]*)?\}) (?![*+?{]) )?
        | \( (?![*+?{]) | \) \?? (?![*+?{]) | \|
    )*\$?""",
    re.VERBOSE,
)


#: What checks refer to.
_NAMES: dict[str, Any] = {
    "UTC": UTC,
    "ONE": Decimal(1),
    "TINY": Decimal("1E-100"),
    "HUGE": Decimal("1E+100"),
    "MINUS_TINY": Decimal("-1E-100"),
    "MINUS_HUGE": Decimal("-1E+100"),
    "INFINITY": float("inf"),
    "FIRST_US": to_epoch_us(datetime(1000, 1, 1, tzinfo=UTC)),
    "LAST_US": to_epoch_us(datetime.max.replace(tzinfo=UTC)),
}


def check_of(cls: type[ValidatedEvent], schema: Schema) -> Check | None:
    """Compile a contract to a check of an event class's values.

    Args:
        cls: an event class that has a contract.
        schema: the contract's schema, parsed.

    Returns:
        a function of an event: True only if the schema surely accepts its payload; or None where the schema
        says something that is not understood.
    """
    root = dict(schema)
    definitions = root.pop("$defs", {})
    root.pop("$id", None)
    try:
        understand(root.pop("$schema", None) == _DIALECT)
        constraints = constraints_of(definitions, root)
        understand(constraints.pop("type", None) == "object")
        return _check_of_object(constraints, definitions, cls)
    except NotUnderstoodError:
        return None


def _check_of_object(
    constraints: Schema, definitions: Mapping[str, Schema], cls: type[msgspec.Struct]
) -> Check:
    understand(constraints.keys() <= {"additionalProperties", "required", "properties", "allOf"})
    understand(isinstance(constraints.get("additionalProperties", True), bool))
    wires = [field.wire for field in fields_of(cls)]
    # The payload has the mapping's fields, all of them and no others.
    understand(constraints.get("properties", {}).keys() >= set(wires) >= set(constraints.get("required", ())))
    # Whether the schema is understood does not depend on the values: the first combination says it of all.
    _combination(constraints, definitions, cls, None)
    known: dict[tuple[type[Any], ...], Callable[[tuple[Any, ...]], bool]] = {}
    values_of = msgspec.structs.astuple

    def is_surely_valid(record: Any) -> bool:
        values = values_of(record)
        types = tuple(map(type, values))
        check = known.get(types)
        if check is None:
            if len(known) >= _COMBINATIONS:
                known.clear()
            check = known[types] = _combination(constraints, definitions, cls, types)
        return check(values)

    return is_surely_valid


def _combination(
    constraints: Schema,
    definitions: Mapping[str, Schema],
    cls: type[msgspec.Struct],
    types: tuple[type[Any], ...] | None,
) -> Callable[[tuple[Any, ...]], bool]:
    """Compile the check of values of these types; without any, only tell whether the schema is understood."""
    source = Source(_NAMES, definitions)
    attributes = cls.__struct_fields__
    held = {} if types is None else dict(zip(attributes, types, strict=True))
    fields = {field.wire: field for field in fields_of(cls)}
    variables = {wire: f"v_{place}" for place, wire in enumerate(fields)}
    texts: list[str] = []
    demands: list[str] = []
    is_possible = True
    for wire, field in fields.items():
        demand = _Field(source, field, constraints["properties"][wire], variables[wire])
        kind = held.get(field.attribute, demand.type)
        if kind is demand.type:
            demands += demand.conditions
            texts += demand.texts
        elif not (kind is NoneType and demand.is_optional):
            is_possible = False
    for condition in demands:
        source.demand(condition)
    if texts:
        # All at once: a str may hold a lone surrogate, which JSON cannot, and then encoding it raises.
        together = "".join(f"{{{variable}}}" for variable in texts)
        source.demand(f'(text := f"{together}").isascii() or text.encode()')
    absent = frozenset(wire for wire, field in fields.items() if held.get(field.attribute) is NoneType)
    rules = Rules(source, fields, variables, absent)
    for rule in constraints.get("allOf", ()):
        rules.demand(rule)
    if types is None or not is_possible:
        return _never
    by_attribute = {field.attribute: variables[wire] for wire, field in fields.items()}
    return source.compile([by_attribute.get(attribute, "_") for attribute in attributes])


def _never(_: tuple[Any, ...]) -> bool:
    return False


class _Field:
    """What a schema demands of a field that is not None.

    Attributes:
        type: of the values that may be valid.
        is_optional: whether None is.
        conditions: on a value of that type.
        texts: the variable, if it is still to be checked that its text can be encoded.
    """

    def __init__(self, source: Source, field: FieldMapping, schema: Any, variable: str) -> None:
        constraints = constraints_of(source.definitions, schema)
        types = types_of(constraints.pop("type", None))
        understand(wire_type(field) in types)
        self.is_optional = field.is_optional and "null" in types
        self.texts: list[str] = []
        understand(field.kind is not Kind.FLOAT_OR_UNKNOWN or "null" in types)
        if field.record is not None:
            understand(not self.is_optional)
            self.type: type[Any] = field.record if field.kind is Kind.RECORD else tuple
            self.conditions = _record_conditions(source, field, field.record, constraints, variable)
        elif field.kind is Kind.TEXT:
            self.type = str
            self.conditions = _text_conditions(source, constraints, variable)
            if "pattern" not in constraints:
                self.texts = [variable]
        elif field.choice is not None:
            understand(constraints.keys() == {"enum"})
            understand(all(member.value in constraints["enum"] for member in field.choice))
            self.type, self.conditions = field.choice, []
        else:
            known = [text for kind, asked, text in _CONDITIONS if (kind, asked) == (field.kind, constraints)]
            understand(bool(known))
            self.type, self.conditions = _TYPES[field.kind], [known[0].format(variable)]


def _record_conditions(
    source: Source,
    field: FieldMapping,
    record: type[msgspec.Struct],
    constraints: dict[str, Any],
    variable: str,
) -> list[str]:
    if field.kind is Kind.RECORD:
        are_valid = _check_of_records(constraints, source.definitions, record)
        return [f"{source.name(are_valid, record.__name__)}(({variable},))"]
    understand({"items"} <= constraints.keys() <= {"items", "minItems"})
    items = constraints_of(source.definitions, constraints["items"])
    understand(items.pop("type", None) == "object")
    are_valid = _check_of_records(items, source.definitions, record)
    of_length = _length_condition(constraints.get("minItems", 0), variable)
    return [*of_length, f"{source.name(are_valid, record.__name__)}({variable})"]


def _check_of_records(
    constraints: Schema, definitions: Mapping[str, Schema], record: type[msgspec.Struct]
) -> Callable[[tuple[Any, ...]], bool]:
    """Compile a check of several records of a class.

    Records are values, and one that was found valid is so for good. Those that need not hold a number recur
    as the very same objects (how a size was found, a check that does not apply), so that the last ones are
    remembered.
    """
    check = _check_of_object(constraints, definitions, record)
    recurs = all(each.is_optional or each.kind is not Kind.DECIMAL for each in fields_of(record))
    known: dict[int, Any] = {}

    def are_surely_valid(records: tuple[Any, ...]) -> bool:
        for each in records:
            if id(each) in known:
                continue
            if type(each) is not record or not check(each):
                return False
            if recurs:
                if len(known) >= _COMBINATIONS:
                    known.clear()
                known[id(each)] = each
        return True

    return are_surely_valid


def _text_conditions(source: Source, constraints: dict[str, Any], variable: str) -> list[str]:
    understand(constraints.keys() <= {"minLength", "pattern"})
    conditions = _length_condition(constraints.get("minLength", 0), variable)
    if "pattern" not in constraints:
        return conditions
    pattern = constraints["pattern"]
    understand(_PORTABLE_PATTERN.fullmatch(pattern) is not None)
    try:
        fullmatch = re.compile(pattern).fullmatch
    except re.error as error:
        raise NotUnderstoodError from error
    # Few texts that have a pattern differ: currencies, intervals.
    is_match = lru_cache(maxsize=256)(lambda text: fullmatch(text) is not None)
    return [*conditions, f"{source.name(is_match, 'is_match')}({variable})"]


def _length_condition(minimum: Any, variable: str) -> list[str]:
    understand(type(minimum) is int)
    if minimum <= 1:
        return [variable] if minimum == 1 else []
    return [f"len({variable}) >= {minimum}"]
