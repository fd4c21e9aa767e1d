"""Why a document breaks its contract, in words: contract, field, what was found, and the rule.

Validators report every broken keyword; of these the first in the schema's order is told, because the others
often follow from it. A rule that a schema's `$defs` or `$comment` states in words is quoted in these words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

_LONGEST_VALUE = 60


def explain(name: str, schema: dict[str, Any], errors: Iterable[ValidationError], at: str) -> str:
    """Describe the first of a validator's errors.

    Args:
        name: the contract's name, for the message.
        schema: the contract's schema, whose descriptions word the rules.
        errors: at least one error.
        at: where the validated instance stands in its document, for example "payload"; empty for the whole.
    """
    error = min(errors, key=lambda each: _position(schema, each))
    path = _dotted([at, *error.instance_path] if at else error.instance_path)
    kind = error.kind
    match kind.name:
        case "required":
            missing = kind.value
            rule = "every field must be present, null where there is nothing"
            return f"contract {name}, field {_join(path, missing)}: missing; {rule}"
        case "additionalProperties":
            extra = kind.value[0]
            allowed = ", ".join(_at(schema, error.schema_path[:-1]).get("properties", {}))
            return f"contract {name}, field {_join(path, extra)}: unknown; allowed: {allowed}"
        case _:
            found = _shortened(error.instance)
            return f"contract {name}, field {path or '(document)'}: found {found}; {_rule(schema, error)}"


def _rule(schema: dict[str, Any], error: ValidationError) -> str:
    words = _words(schema, error)
    value = error.kind.value
    match error.kind.name:
        case "pattern":
            plain = f"must match {value}"
        case "format":
            plain = f"must be a valid {value}"
        case "type":
            plain = f"must be of type {_listed(_at(schema, error.schema_path))}"
        case "enum":
            plain = f"must be one of {_listed(value)}"
        case "const":
            plain = f"must be {_shortened(value)}"
        case "minLength" | "minItems":
            plain = "must not be empty"
        case "minimum":
            plain = f"must be at least {value}"
        case _:
            plain = error.message.splitlines()[0]
    return f"{plain} ({words})" if words else plain


def _words(schema: dict[str, Any], error: ValidationError) -> str:
    """Quote the rule as the schema words it: the definition's description, or a condition's comment."""
    path = list(error.schema_path)
    if path[:1] == ["$defs"]:
        return str(_at(schema, path[:2])["description"])
    if path[:1] == ["allOf"]:
        return str(_at(schema, path[:2]).get("$comment", ""))
    parent = _at(schema, path[:-1])
    reference = parent.get("$ref") if isinstance(parent, dict) else None
    return str(_at(schema, reference.removeprefix("#/").split("/"))["description"]) if reference else ""


def _position(schema: dict[str, Any], error: ValidationError) -> tuple[Any, ...]:
    """Order errors as a reader meets them: fields in the schema's order, conditions after the fields."""
    order = list(schema.get("properties", {}))
    path = [*error.instance_path]
    if error.kind.name == "required":
        path.append(error.kind.value)
    first = path[0] if path else None
    place = order.index(first) if first in order else len(order)
    return ("allOf" in error.schema_path, place, [str(part).rjust(9, "0") for part in path[1:]])


def _at(schema: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        schema = schema[part]
    return schema


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _listed(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else str(values)


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
