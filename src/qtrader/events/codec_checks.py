"""Contracts compiled to checks of typed values, for the common case that an event is valid.

A check answers one question: does the contract surely accept this event's payload? It looks at the class's
own values and converts nothing. True implies that `body(event)` succeeds and that the JSON Schema accepts the
result. False implies nothing: the codec then converts and validates, and finds the words for what is wrong.
So the published schema stays the one authority, and a check can only save time.

Checks are written as Python source from the schema together with the declared field mapping. A schema that
says anything that is not understood here has no check. For example, of a valuation trigger:

    def is_surely_valid(event):
        try:
            v_1 = event.session
            if not (type(v_1) is date and v_1.year >= 1000): return False
            v_2 = event.calendar
            if not (type(v_2) is str and v_2 and (v_2.isascii() or v_2.encode())): return False
        except (ArithmeticError, UnicodeEncodeError):
            return False
        return True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from qtrader.clock import to_epoch_us
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import FieldMapping, Kind, fields_of

Check = Callable[[Any], bool]

_Schema = Mapping[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Keywords that assert nothing.
_ANNOTATIONS = frozenset({"title", "description", "$comment"})

_DECIMAL = r"^(0|-?([1-9][0-9]*(\.[0-9]*[1-9])?|0\.[0-9]*[1-9]))$"
_POSITIVE = r"^([1-9][0-9]*(\.[0-9]*[1-9])?|0\.[0-9]*[1-9])$"
_NON_NEGATIVE = r"^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$"
_FRACTION = r"^(0|1|0\.[0-9]*[1-9])$"
_POSITIVE_FRACTION = r"^(1|0\.[0-9]*[1-9])$"
_UNSIGNED_OR_NAN = "0.0 <= {0} < INFINITY or {0} != {0}"
_SIGNED = "not {0} or TINY <= {0} <= HUGE or MINUS_HUGE <= {0} <= MINUS_TINY"
_INSTANT = {
    "format": "date-time",
    "pattern": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{0,5}[1-9])?Z$",
}
_CALENDAR_DATE = {"format": "date", "pattern": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"}

#: What a schema may demand of the text of each kind's value {0}, and the condition on the value that implies
#: it; the texts are those of the contracts' definitions. A comparison with NaN is false or raises, as the
#: decimal context has it. The bounds keep the fixed-point text short: 1E+999999 is finite, too.
_CONDITIONS: tuple[tuple[Kind, dict[str, str], str], ...] = (
    (Kind.DECIMAL, {"pattern": _POSITIVE}, "type({0}) is Decimal and TINY <= {0} <= HUGE"),
    (Kind.DECIMAL, {"pattern": _NON_NEGATIVE}, "type({0}) is Decimal and (not {0} or TINY <= {0} <= HUGE)"),
    (Kind.DECIMAL, {"pattern": _DECIMAL}, f"type({{0}}) is Decimal and ({_SIGNED})"),
    (Kind.DECIMAL, {"pattern": _FRACTION}, "type({0}) is Decimal and (not {0} or TINY <= {0} <= ONE)"),
    (Kind.DECIMAL, {"pattern": _POSITIVE_FRACTION}, "type({0}) is Decimal and TINY <= {0} <= ONE"),
    (Kind.FLOAT, {"pattern": _POSITIVE}, "type({0}) is float and 0.0 < {0} < INFINITY"),
    (Kind.FLOAT_OR_UNKNOWN, {"pattern": _NON_NEGATIVE}, f"type({{0}}) is float and ({_UNSIGNED_OR_NAN})"),
    (Kind.INSTANT, _INSTANT, "type({0}) is datetime and {0}.tzinfo is UTC and {0}.year >= 1000"),
    (Kind.INSTANT_US, _INSTANT, "type({0}) is int and FIRST_US <= {0} <= LAST_US"),
    (Kind.DATE, _CALENDAR_DATE, "type({0}) is date and {0}.year >= 1000"),
    (Kind.FLAG, {}, "type({0}) is bool"),
)

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


class _NotUnderstoodError(Exception):
    """A schema says something that has no check."""


#: What checks refer to.
_NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "date": date,
    "datetime": datetime,
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


def check_of(cls: type[ValidatedEvent], schema: _Schema) -> Check | None:
    """Compile a contract to a check of an event class's values.

    Args:
        cls: an event class that has a contract.
        schema: the contract's schema, parsed.

    Returns:
        a function of an event: True only if the schema surely accepts its payload; or None where the schema
        says something that is not understood.
    """
    source = _Source()
    try:
        _check_root(source, schema, cls)
    except _NotUnderstoodError:
        return None
    return source.compile()


class _Source:
    """A function under construction: its lines, and the names that they refer to."""

    def __init__(self) -> None:
        self.names = dict(_NAMES)
        self.definitions: Mapping[str, _Schema] = {}
        self._lines: list[str] = []
        self._depth = 2
        self._variables = 0

    def name(self, value: Any, prefix: str) -> str:
        text = f"{prefix}_{len(self.names)}"
        self.names[text] = value
        return text

    def variable(self) -> str:
        self._variables += 1
        return f"v_{self._variables}"

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def demand(self, expression: str) -> None:
        self.line(f"if not ({expression}): return False")

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        self.line(header)
        self._depth += 1
        yield
        self._depth -= 1

    def compile(self) -> Check:
        end = "    except (ArithmeticError, UnicodeEncodeError):\n        return False\n    return True\n"
        text = "\n".join(["def is_surely_valid(event):", "    try:", *self._lines, end])
        # The source is written from class declarations and packaged schemas; no input reaches it.
        exec(compile(text, "<codec: is_surely_valid>", "exec"), self.names)  # noqa: S102 - see above
        check: Check = self.names["is_surely_valid"]
        return check


def _understand(is_understood: bool) -> None:
    if not is_understood:
        raise _NotUnderstoodError


def _check_root(source: _Source, schema: _Schema, cls: type[msgspec.Struct]) -> None:
    root = dict(schema)
    _understand(root.pop("$schema", None) == _DIALECT)
    root.pop("$id", None)
    source.definitions = root.pop("$defs", {})
    constraints = _constraints(source, root)
    _understand(constraints.pop("type", None) == "object")
    _check_object(source, constraints, cls, "event")


def _constraints(source: _Source, schema: Any) -> dict[str, Any]:
    """Collect what a schema asserts, what it refers to included."""
    own = _assertions(schema)
    reference = own.pop("$ref", None)
    if reference is None:
        return own
    name = str(reference).removeprefix("#/$defs/")
    _understand(reference == f"#/$defs/{name}" and name.isidentifier() and name in source.definitions)
    referred = _assertions(source.definitions[name])
    _understand("$ref" not in referred and not own.keys() & referred.keys())
    return own | referred


def _assertions(schema: Any) -> dict[str, Any]:
    # A schema may also be true or false.
    _understand(isinstance(schema, dict))
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS}


def _check_object(source: _Source, constraints: _Schema, cls: type[msgspec.Struct], owner: str) -> None:
    _understand(constraints.keys() <= {"additionalProperties", "required", "properties", "allOf"})
    _understand(isinstance(constraints.get("additionalProperties", True), bool))
    fields = {field.wire: field for field in fields_of(cls)}
    properties = constraints.get("properties", {})
    # The payload has the mapping's fields, all of them and no others.
    _understand(properties.keys() >= fields.keys() >= set(constraints.get("required", ())))
    variables = {wire: source.variable() for wire in fields}
    for wire, field in fields.items():
        source.line(f"{variables[wire]} = {owner}.{field.attribute}")
        _check_field(source, field, properties[wire], variables[wire])
    for rule in constraints.get("allOf", ()):
        parts = _constraints(source, rule)
        _understand(parts.keys() == {"if", "then"})
        condition = _expected(source, parts["if"], fields, variables)
        source.demand(f"not {condition} or {_expected(source, parts['then'], fields, variables)}")


def _check_field(source: _Source, field: FieldMapping, schema: Any, variable: str) -> None:
    constraints = _constraints(source, schema)
    types = _types(constraints.pop("type", None))
    _understand(_wire_type(field) in types)
    is_optional = field.is_optional and "null" in types
    if field.record is not None:
        _understand(not is_optional)
        _check_records(source, field.kind, field.record, constraints, variable)
        return
    _understand(field.kind is not Kind.FLOAT_OR_UNKNOWN or "null" in types)
    if field.kind is Kind.TEXT:
        expression = _text_check(source, constraints, variable)
    elif field.choice is not None:
        _understand(constraints.keys() == {"enum"})
        _understand(all(member.value in constraints["enum"] for member in field.choice))
        expression = f"type({variable}) is {source.name(field.choice, field.choice.__name__)}"
    else:
        known = [text for kind, demands, text in _CONDITIONS if (kind, demands) == (field.kind, constraints)]
        _understand(bool(known))
        expression = known[0].format(variable)
    source.demand(f"{variable} is None or {expression}" if is_optional else expression)


def _check_records(
    source: _Source, kind: Kind, record: type[msgspec.Struct], constraints: _Schema, variable: str
) -> None:
    cls = source.name(record, record.__name__)
    if kind is Kind.RECORD:
        source.demand(f"type({variable}) is {cls}")
        _check_object(source, constraints, record, variable)
        return
    _understand({"items"} <= constraints.keys() <= {"items", "minItems"})
    item_constraints = _constraints(source, constraints["items"])
    _understand(item_constraints.pop("type", None) == "object")
    source.demand(f"type({variable}) is tuple{_length_check(constraints.get('minItems', 0), variable)}")
    item = source.variable()
    with source.block(f"for {item} in {variable}:"):
        source.demand(f"type({item}) is {cls}")
        _check_object(source, item_constraints, record, item)


def _text_check(source: _Source, constraints: _Schema, variable: str) -> str:
    _understand(constraints.keys() <= {"minLength", "pattern"})
    is_text = f"type({variable}) is str{_length_check(constraints.get('minLength', 0), variable)}"
    if "pattern" not in constraints:
        # A str may hold a lone surrogate, which JSON cannot: encoding it raises.
        return f"{is_text} and ({variable}.isascii() or {variable}.encode())"
    pattern = constraints["pattern"]
    _understand(_PORTABLE_PATTERN.fullmatch(pattern) is not None)
    try:
        fullmatch = re.compile(pattern).fullmatch
    except re.error as error:
        raise _NotUnderstoodError from error
    # Few texts that have a pattern differ: currencies, intervals.
    is_match = lru_cache(maxsize=256)(lambda text: fullmatch(text) is not None)
    return f"{is_text} and {source.name(is_match, 'is_match')}({variable})"


def _length_check(minimum: Any, variable: str) -> str:
    _understand(type(minimum) is int)
    if minimum <= 1:
        return f" and {variable}" if minimum == 1 else ""
    return f" and len({variable}) >= {minimum}"


def _types(declared: Any) -> list[Any]:
    return declared if isinstance(declared, list) else [declared]


def _wire_type(field: FieldMapping) -> str:
    return {Kind.FLAG: "boolean", Kind.RECORD: "object", Kind.RECORDS: "array"}.get(field.kind, "string")


def _expected(
    source: _Source, schema: Any, fields: Mapping[str, FieldMapping], variables: Mapping[str, str]
) -> str:
    """Write what one side of a rule says, exactly; by then every value has passed its own check."""
    parts = _constraints(source, schema)
    _understand(parts.keys() == {"properties"} and parts["properties"].keys() <= fields.keys())
    properties = parts["properties"].items()
    return _joined("and", [_fits(source, fields[wire], variables[wire], each) for wire, each in properties])


def _fits(source: _Source, field: FieldMapping, variable: str, schema: Any) -> str:
    # NaN would be null here.
    _understand(field.kind is not Kind.FLOAT_OR_UNKNOWN)
    conditions = []
    for keyword, value in _constraints(source, schema).items():
        match keyword:
            case "const":
                condition = _equals(source, field, variable, value)
            case "enum":
                condition = _joined("or", [_equals(source, field, variable, each) for each in value])
            case "not":
                condition = f"not {_fits(source, field, variable, value)}"
            case "minLength":
                _understand(field.kind is Kind.TEXT and type(value) is int)
                condition = f"({variable} is None or len({variable}) >= {value})"
            case "type":
                types = _types(value)
                of_present = [f"{variable} is not None"] if _wire_type(field) in types else []
                of_null = [f"{variable} is None"] if "null" in types else []
                condition = _joined("or", of_present + of_null)
            case _:
                raise _NotUnderstoodError
        conditions.append(condition)
    return _joined("and", conditions)


def _equals(source: _Source, field: FieldMapping, variable: str, value: Any) -> str:
    if value is None:
        return f"{variable} is None"
    if field.kind is Kind.FLAG and isinstance(value, bool):
        return f"{variable} is {value}"
    _understand(isinstance(value, str))
    if field.kind is Kind.TEXT:
        return f"{variable} == {source.name(value, 'text')}"
    if field.kind is Kind.DECIMAL and re.fullmatch(_DECIMAL, value):
        return f"{variable} == {source.name(Decimal(value), 'number')}"
    members = {member.value: member for member in field.choice or ()}
    _understand(value in members)
    return f"{variable} is {source.name(members[value], 'member')}"


def _joined(operator: str, conditions: list[str]) -> str:
    return f"({f' {operator} '.join(conditions)})" if conditions else str(operator == "and")
