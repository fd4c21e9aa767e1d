"""Validating what a person wrote against a Pydantic model, with messages in this project's words.

A message names the file and line, the key path, what was found and what is allowed; an unknown key comes with
the known ones and the nearest of them. Two conversions that Pydantic makes and nobody means are refused
first: a number for a date (it would count seconds since 1970), and true or false for a number.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qtrader.engine.config_reader import Document, KeyPath
from qtrader.errors import ConfigError

_Model = TypeVar("_Model", bound=BaseModel)

_NUMBER = "a number, for example 0.5"
_ALLOWED = {
    "decimal_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text; write it in quotes",
    "string_too_short": "a text that is not empty",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "path_type": "a path",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def validate(
    model: type[_Model], content: Any, document: Document, keys: KeyPath = (), hidden: Sequence[str] = ()
) -> _Model:
    """Make a model of what a document holds at a key path.

    Args:
        model: the class to make.
        content: the value at `keys`.
        document: names file and lines in messages.
        keys: where `content` stands in the document.
        hidden: fields of the model that a document may not give.

    Raises:
        ConfigError: one line for each fault.
    """
    faults: list[str] = []
    for key in hidden:
        if isinstance(content, Mapping) and key in content:
            known = [name for name in model.model_fields if name not in hidden]
            faults.append(f"{document.at((*keys, key))}: {unknown('key', key, known)}")
    if not faults:
        _refuse_traps(model, content, document, keys, faults)
    if not faults:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            faults = _explain(model, content, document, keys, error)
    raise ConfigError("\n".join(faults))


#: Letters from which on a name is taken for the beginning of a longer one, and how many of these are shown.
_PREFIX = 4
_SHOWN = 3


def unknown(what: str, found: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, which are known, and which of them is meant."""
    names = list(known)
    return f"unknown {what} {found!r}{nearest(found, names)}; known are {', '.join(names) or 'none'}"


def nearest(found: str, names: Iterable[str]) -> str:
    """Ask whether a name is meant that begins so, or the most similar one; empty where none is similar."""
    by_folded = {name.casefold(): name for name in names}
    begun = [name for name in by_folded if len(found) >= _PREFIX and name.startswith(found.casefold())]
    close = begun or difflib.get_close_matches(found.casefold(), by_folded, n=1, cutoff=0.6)
    meant = " or ".join(repr(by_folded[name]) for name in close[:_SHOWN])
    return f" (did you mean {meant}?)" if close else ""


def _explain(
    model: type[BaseModel], content: Any, document: Document, keys: KeyPath, error: ValidationError
) -> list[str]:
    messages: dict[str, None] = {}
    for fault in error.errors(include_url=False):
        path, owners = _locate(model, content, fault["loc"])
        messages[f"{document.at((*keys, *path))}: {_describe(fault, owners)}"] = None
    return list(messages)


def _describe(fault: ErrorDetails, owners: Sequence[type[BaseModel]]) -> str:  # noqa: PLR0911 - a table
    kind, found, context = fault["type"], fault["input"], fault.get("ctx", {})
    name = str(fault["loc"][-1]) if fault["loc"] else ""
    if kind in {"extra_forbidden", "invalid_key"}:
        return unknown("key", name, dict.fromkeys(field for owner in owners for field in owner.model_fields))
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        message = str(context["error"])
        # Most validators quote what they found, and a whole mapping says nothing.
        return message if repr(found) in message or not _is_scalar(found) else f"{message}; found {found!r}"
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"])
        return f"found {found!r}{nearest(str(found), _quoted(expected))}; allowed are {expected}"
    if kind == "union_tag_invalid":
        expected, tag = str(context["expected_tags"]), str(context["tag"])
        key = str(context["discriminator"]).strip("'")
        return f"{key}: found {tag!r}{nearest(tag, _quoted(expected))}; allowed are {expected}"
    if kind == "union_tag_not_found":
        key = str(context["discriminator"]).strip("'")
        return f"has no key {key!r}, which says what the rest means; found {found!r:.200}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"found {_shown(found)}; allowed is {words} {context[bound]}"
    if kind.startswith(("date", "datetime")):
        return f"found {_shown(found)}; allowed is a date, for example 2010-01-04"
    if kind == "string_pattern_mismatch":
        return f"found {found!r}; allowed is what fits the pattern {context['pattern']}"
    allowed = _ALLOWED.get(kind)
    return f"found {_shown(found)}; {fault['msg'] if allowed is None else f'allowed is {allowed}'}"


def _shown(found: Any) -> str:
    names = {str: "text", bool: "true or false", dict: "a mapping", list: "a list", tuple: "a list"}
    if found is None:
        return "nothing (null)"
    if isinstance(found, (str, bool, dict, list, tuple)):
        return f"{found!r:.200} ({names[type(found)]})" if type(found) in names else f"{found!r:.200}"
    return str(found)


def _quoted(expected: str) -> list[str]:
    return [part for index, part in enumerate(expected.split("'")) if index % 2]


def _locate(
    model: type[BaseModel], content: Any, location: tuple[int | str, ...]
) -> tuple[KeyPath, list[type[BaseModel]]]:
    """Turn Pydantic's location, which also names union members, into a key path and the models at its end."""
    models, owners = [model], [model]
    path: list[str | int] = []
    value = content
    for place, part in enumerate(location):
        is_last = place == len(location) - 1
        tagged = [candidate for candidate in models if len(models) > 1 and _tag_of(candidate) == part]
        if tagged:
            models = owners = tagged
            continue
        if (
            isinstance(part, int)
            or (isinstance(value, Mapping) and part in value)
            or (is_last and not _is_scalar(value))
        ):
            path.append(part)
            owners = models
            value = _member(value, part)
            if isinstance(part, str):
                held = [
                    found
                    for owner in owners
                    if part in owner.model_fields
                    for found in _models_in(owner.model_fields[part].annotation)
                ]
                models = held or models
    return tuple(path), owners


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple))


def _member(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    return (
        value[part]
        if isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
        else None
    )


def _tag_of(model: type[BaseModel]) -> Any:
    for name in ("type", "method"):
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is Literal:
            return get_args(field.annotation)[0]
    return None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]


def _scalars_in(annotation: Any) -> set[Any]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return {found for inner in get_args(annotation) for found in _scalars_in(inner)}
    inner = get_args(annotation)
    if hasattr(annotation, "__metadata__") and inner:
        return _scalars_in(inner[0])
    return {annotation} if isinstance(annotation, type) else set()


def _refuse_traps(
    model: type[BaseModel], content: Any, document: Document, keys: KeyPath, faults: list[str]
) -> None:
    if not isinstance(content, Mapping):
        return
    for name, field in model.model_fields.items():
        if name not in content:
            continue
        value, scalars, here = content[name], _scalars_in(field.annotation), (*keys, name)
        if isinstance(value, bool):
            if scalars & {int, float, Decimal} and bool not in scalars:
                faults.append(f"{document.at(here)}: found {str(value).lower()}; allowed is a number")
        elif isinstance(value, (int, float, Decimal)):
            if scalars & {date, datetime}:
                msg = f"found the number {value}; allowed is a date, for example 2010-01-04"
                faults.append(f"{document.at(here)}: {msg}")
        else:
            _refuse_traps_below(field.annotation, value, document, here, faults)


def _refuse_traps_below(
    annotation: Any, value: Any, document: Document, keys: KeyPath, faults: list[str]
) -> None:
    models = _models_in(annotation)
    if len(models) > 1 and isinstance(value, Mapping):
        models = [found for found in models if _tag_of(found) in {value.get("type"), value.get("method")}]
    if len(models) != 1:
        return
    if get_origin(annotation) in {tuple, list} and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_traps(models[0], item, document, (*keys, index), faults)
    elif get_origin(annotation) is dict and isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_traps(models[0], item, document, (*keys, name), faults)
    else:
        _refuse_traps(models[0], value, document, keys, faults)
