"""The parts of compiled checks: schemas as far as they are understood, and rules between fields.

What stands in an event's field is known by its type before a check is written (`codec_checks` writes one for
each combination of types), so a rule says nothing about fields that are None, and nothing about types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from qtrader.events.codec_fields import FieldMapping, Kind

Schema = Mapping[str, Any]

#: Keywords that assert nothing.
_ANNOTATIONS = frozenset({"title", "description", "$comment"})

#: What every decimal of a contract looks like.
DECIMAL_PATTERN = r"^(0|-?([1-9][0-9]*(\.[0-9]*[1-9])?|0\.[0-9]*[1-9]))$"

_WIRE_TYPES = {Kind.FLAG: "boolean", Kind.INTEGER: "integer", Kind.RECORD: "object", Kind.RECORDS: "array"}


class NotUnderstoodError(Exception):
    """A schema says something that has no check."""


def understand(is_understood: bool) -> None:
    """Go on only where a schema is understood.

    Raises:
        NotUnderstoodError: it is not.
    """
    if not is_understood:
        raise NotUnderstoodError


class Source:
    """A function of an object's values under construction: its demands, and the names that they refer to."""

    def __init__(self, names: Mapping[str, Any], definitions: Mapping[str, Schema]) -> None:
        self.names = dict(names)
        self.definitions = definitions
        self._demands: list[str] = []

    def name(self, value: Any, prefix: str) -> str:
        """Give a value a name to be referred to by."""
        text = f"{prefix}_{len(self.names)}"
        self.names[text] = value
        return text

    def demand(self, expression: str) -> None:
        """Let the function return False unless an expression is true."""
        if expression != "True":
            self._demands.append(f"        if not ({expression}): return False")

    def compile(self, variables: list[str]) -> Callable[[tuple[Any, ...]], bool]:
        """Compile the function, which unpacks the values to variables."""
        end = "    except (ArithmeticError, UnicodeEncodeError):\n        return False\n    return True\n"
        unpacked = f"        ({', '.join(variables)},) = values"
        text = "\n".join(["def is_surely_valid(values):", "    try:", unpacked, *self._demands, end])
        # The source is written from class declarations and packaged schemas; no input reaches it.
        exec(compile(text, "<codec: is_surely_valid>", "exec"), self.names)  # noqa: S102 - see above
        check: Callable[[tuple[Any, ...]], bool] = self.names["is_surely_valid"]
        return check


def constraints_of(definitions: Mapping[str, Schema], schema: Any) -> dict[str, Any]:
    """Collect what a schema asserts, what it refers to included."""
    own = _assertions(schema)
    reference = own.pop("$ref", None)
    if reference is None:
        return own
    name = str(reference).removeprefix("#/$defs/")
    understand(reference == f"#/$defs/{name}" and name.isidentifier() and name in definitions)
    referred = _assertions(definitions[name])
    understand("$ref" not in referred and not own.keys() & referred.keys())
    return own | referred


def _assertions(schema: Any) -> dict[str, Any]:
    # A schema may also be true or false.
    understand(isinstance(schema, dict))
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS}


def types_of(declared: Any) -> list[Any]:
    """Return the types that a schema's `type` declares."""
    return declared if isinstance(declared, list) else [declared]


def wire_type(field: FieldMapping) -> str:
    """Return the JSON type of a field that is not null."""
    return _WIRE_TYPES.get(field.kind, "string")


class Rules:
    """Write rules between the fields of an object.

    Args:
        source: takes the names of constants.
        fields: by their names on the wire.
        variables: likewise.
        absent: the fields that are None.
    """

    def __init__(
        self,
        source: Source,
        fields: Mapping[str, FieldMapping],
        variables: Mapping[str, str],
        absent: frozenset[str],
    ) -> None:
        self._source = source
        self._fields = fields
        self._variables = variables
        self._absent = absent

    def demand(self, rule: Any) -> None:
        """Demand what an `if` and `then` say; by then every value has passed its own check."""
        parts = constraints_of(self._source.definitions, rule)
        understand(parts.keys() == {"if", "then"})
        condition, consequence = self._expected(parts["if"]), self._expected(parts["then"])
        self._source.demand(joined("or", [negated(condition), consequence]))

    def _expected(self, schema: Any) -> str:
        parts = constraints_of(self._source.definitions, schema)
        understand(parts.keys() == {"properties"} and parts["properties"].keys() <= self._fields.keys())
        return joined("and", [self._fits(wire, each) for wire, each in parts["properties"].items()])

    def _fits(self, wire: str, schema: Any) -> str:
        field = self._fields[wire]
        # NaN would be null here.
        understand(field.kind is not Kind.FLOAT_OR_UNKNOWN)
        conditions = []
        for keyword, value in constraints_of(self._source.definitions, schema).items():
            match keyword:
                case "const":
                    condition = self._equals(wire, value)
                case "enum":
                    condition = joined("or", [self._equals(wire, each) for each in value])
                case "not":
                    condition = negated(self._fits(wire, value))
                case "minLength":
                    understand(field.kind is Kind.TEXT and type(value) is int)
                    is_absent = wire in self._absent
                    condition = "True" if is_absent else f"len({self._variables[wire]}) >= {value}"
                case "type":
                    condition = str(("null" if wire in self._absent else wire_type(field)) in types_of(value))
                case _:
                    raise NotUnderstoodError
            conditions.append(condition)
        return joined("and", conditions)

    def _equals(self, wire: str, value: Any) -> str:
        field, variable, is_absent = self._fields[wire], self._variables[wire], wire in self._absent
        if value is None:
            return str(is_absent)
        if field.kind is Kind.FLAG and isinstance(value, bool):
            return "False" if is_absent else f"{variable} is {value}"
        understand(isinstance(value, str))
        if field.kind is Kind.TEXT:
            constant, operator = self._source.name(value, "text"), "=="
        elif field.kind is Kind.DECIMAL and re.fullmatch(DECIMAL_PATTERN, value):
            constant, operator = self._source.name(Decimal(value), "number"), "=="
        else:
            members = {member.value: member for member in field.choice or ()}
            understand(value in members)
            constant, operator = self._source.name(members[value], "member"), "is"
        return "False" if is_absent else f"{variable} {operator} {constant}"


def joined(operator: str, conditions: list[str]) -> str:
    """Join conditions by `and` or `or`, without those that are decided already."""
    neutral, decisive = ("True", "False") if operator == "and" else ("False", "True")
    left = [each for each in conditions if each != neutral]
    if decisive in left or not left:
        return decisive if left else neutral
    return left[0] if len(left) == 1 else f"({f' {operator} '.join(left)})"


def negated(condition: str) -> str:
    """Negate a condition."""
    return {"True": "False", "False": "True"}.get(condition, f"not ({condition})")
