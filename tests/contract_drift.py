"""Compare event classes with contracts, field by field.

`differences` works from the codec's declared mapping and the published schema alone. It returns sentences, so
that a test can show both that there are none and that a deliberate change is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from qtrader.events.codec_fields import FieldMapping, Kind, fields_of

#: The definitions that a field of each kind may refer to.
_DEFINITIONS = {
    Kind.DECIMAL: {"decimal", "positive_decimal", "non_negative_decimal", "fraction", "positive_fraction"},
    Kind.FLOAT: {"decimal", "positive_decimal", "non_negative_decimal"},
    Kind.FLOAT_OR_UNKNOWN: {"decimal", "positive_decimal", "non_negative_decimal"},
    Kind.INSTANT: {"instant"},
    Kind.INSTANT_US: {"instant"},
    Kind.DATE: {"calendar_date"},
    Kind.TEXT: {None, "currency", "event_id"},
}

_TYPES = {Kind.FLAG: "boolean", Kind.INTEGER: "integer", Kind.RECORD: "object", Kind.RECORDS: "array"}


def differences(cls: type[msgspec.Struct], schema: Mapping[str, Any], where: str = "") -> list[str]:
    """List every way in which a class and an object's schema disagree.

    Args:
        cls: an event class, or a class nested in one.
        schema: the payload's schema, or that of the nested object.
        where: the place, for the sentences.
    """
    where = where or cls.__name__
    fields = fields_of(cls)
    properties: dict[str, Any] = schema["properties"]
    found = []
    if [field.wire for field in fields] != list(properties):
        found.append(f"{where}: fields {[field.wire for field in fields]}, properties {list(properties)}")
    if list(properties) != schema["required"]:
        found.append(f"{where}: properties {list(properties)}, required {schema['required']}")
    if schema.get("additionalProperties") is not False:
        found.append(f"{where}: additionalProperties is not false")
    held = {field.name for field in msgspec.structs.fields(cls)}
    found += [f"{where}: no attribute {field.attribute}" for field in fields if field.attribute not in held]
    for field in fields:
        if field.wire in properties:
            found += _field_differences(field, properties[field.wire], f"{where}.{field.wire}")
    return found


def _field_differences(field: FieldMapping, schema: Mapping[str, Any], where: str) -> list[str]:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = []
    is_nullable = field.is_optional or field.kind is Kind.FLOAT_OR_UNKNOWN
    if ("null" in types) != is_nullable:
        found.append(f"{where}: optional is {is_nullable} in the class, the schema's types are {types}")
    expected = _TYPES.get(field.kind, "string")
    if [each for each in types if each != "null"] != [expected]:
        found.append(f"{where}: a {field.kind.value} needs type {expected}, the schema says {types}")
    reference = schema.get("$ref")
    definition = reference.removeprefix("#/$defs/") if reference else None
    if definition not in _DEFINITIONS.get(field.kind, {None}):
        found.append(f"{where}: a {field.kind.value} cannot be a {definition}")
    vocabulary = [member.value for member in field.choice] if field.choice else None
    if schema.get("enum") != vocabulary:
        found.append(f"{where}: vocabulary {vocabulary}, enum {schema.get('enum')}")
    if field.record and field.kind is Kind.RECORD:
        found += differences(field.record, schema, where)
    if field.record and field.kind is Kind.RECORDS:
        found += differences(field.record, schema["items"], f"{where}[]")
    return found
