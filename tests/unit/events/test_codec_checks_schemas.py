"""Compiled checks under changed schemas: what is not understood leaves no check, the rest is obeyed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from tests.checked_events import accepts, as_the_engine_makes_it, compiled, example, replaced, schema_of
from tests.strategies_events import events_of

from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_checks import check_of
from qtrader.events.codec_fields import EVENT_CLASSES, fields_of
from qtrader.events.events import FillEvent, OrderEvent

each_class = pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)


def subschemas(schema: Any, is_root: bool = True) -> Iterator[dict[str, Any]]:
    """Give a schema and every schema inside it, at the places that the contracts use."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
    inner += [schema[each] for each in ("items", "if", "then", "not") if each in schema]
    for each in [*inner, *(schema.get("$defs", {}).values() if is_root else [])]:
        yield from subschemas(each, is_root=False)


@each_class
def test_an_unknown_keyword_anywhere_leaves_the_class_without_check(cls: type[ValidatedEvent]) -> None:
    places = len(list(subschemas(schema_of(cls))))
    assert places > len(fields_of(cls))
    for place in range(places):
        changed = schema_of(cls)
        list(subschemas(changed))[place]["dependentRequired"] = {}
        assert check_of(cls, changed) is None, place


@each_class
def test_an_annotation_anywhere_changes_nothing(cls: type[ValidatedEvent]) -> None:
    changed = schema_of(cls)
    for each in list(subschemas(changed)):
        each["$comment"] = "said in passing"
    assert compiled(cls, changed)(example(cls)) is True


@each_class
@pytest.mark.parametrize("pattern", ["^[0-9]+$", "^x$", r"^\d+$"])
def test_a_new_pattern_of_a_shared_definition_is_obeyed_or_leaves_no_check(
    cls: type[ValidatedEvent], pattern: str
) -> None:
    for name in schema_of(cls).get("$defs", {}):
        changed = schema_of(cls)
        changed["$defs"][name]["pattern"] = pattern
        check = check_of(cls, changed)
        assert check is None or (name == "currency" and not check(example(cls)))


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^[a-z_]+$", "us_dollar", "USD"),
        ("^(USD|EUR)$", "EUR", "EURUSD"),
        ("^US[A-Z]{1,2}$", "USDT", "US"),
        (r"^x\.[0-9]*$", "x.", "xy"),
    ],
)
def test_a_portable_pattern_is_compiled(pattern: str, matching: str, other: str) -> None:
    changed = schema_of(FillEvent)
    changed["$defs"]["currency"] = {"pattern": pattern}
    check = compiled(FillEvent, changed)
    assert check(replaced(example(FillEvent), currency=matching))
    for refused in (other, matching + "\n", "\n" + matching, ""):
        assert not check(replaced(example(FillEvent), currency=refused))


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "^.+$",
            r"^\w+$",
            r"^\d$",
            "^[^a]$",
            "^a*?$",
            "^a++$",
            "^(a+)+$",
            "^(?:a)$",
            "^(?=a)a$",
            r"^(a)\1$",
        ),
        *(
            "^[z-a]$",
            "^(a$",
            "a$b",
            "a^b",
            r"\p{L}",
            r"^\ba$",
            "^ä$",
            "^a{,2}$",
            "^[[:alpha:]]$",
            "^[a-]$",
            "^(a){2}$",
        ),
    ],
)
def test_a_pattern_that_dialects_may_read_differently_leaves_no_check(pattern: str) -> None:
    changed = schema_of(FillEvent)
    changed["$defs"]["currency"] = {"pattern": pattern}
    assert check_of(FillEvent, changed) is None


def _drop_field(schema: dict[str, Any]) -> None:
    del schema["properties"]["symbol"]


def _require_more(schema: dict[str, Any]) -> None:
    schema["required"].append("venue")


def _narrow_enum(schema: dict[str, Any]) -> None:
    schema["properties"]["side"]["enum"] = ["buy"]


def _forbid(schema: dict[str, Any]) -> None:
    schema["properties"]["symbol"] = False


def _integer(schema: dict[str, Any]) -> None:
    schema["properties"]["quantity"]["type"] = "integer"


def _other_dialect(schema: dict[str, Any]) -> None:
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"


def _remote(schema: dict[str, Any]) -> None:
    schema["properties"]["symbol"]["$ref"] = "urn:qtrader:contract:manager:order:v1"


def _twice(schema: dict[str, Any]) -> None:
    schema["properties"]["quantity"]["pattern"] = "^1$"


def _without_dialect(schema: dict[str, Any]) -> None:
    del schema["$schema"]


def _float_const(schema: dict[str, Any]) -> None:
    schema["allOf"][0]["if"] = {"properties": {"quantity": {"const": "1.0"}}}


@pytest.mark.parametrize(
    "change",
    [
        *(_drop_field, _require_more, _narrow_enum, _forbid, _integer, _other_dialect, _remote, _twice),
        *(_without_dialect, _float_const),
    ],
)
def test_a_schema_that_differs_from_the_class_leaves_no_check(change: Any) -> None:
    changed = schema_of(OrderEvent)
    change(changed)
    assert check_of(OrderEvent, changed) is None


#: Keywords that a new version of a contract might bring; some are understood, at some places.
EDITS: list[tuple[str, Any]] = [
    *(("minLength", length) for length in (0, 2, 5, 30)),
    *(("minItems", items) for items in (0, 1, 3)),
    *(("maxLength", 3), ("maxItems", 1), ("minProperties", 99), ("maxProperties", 0)),
    *(("pattern", text) for text in ("^[A-Z]+$", "^[1-9][0-9]*$", "^0$", "^(0|1|0\\.[0-9]*[1-9])$", "a")),
    *(("type", name) for name in ("string", "null", "boolean", "array", "object")),
    *(("type", names) for names in (["string", "null"], ["null", "boolean"])),
    *(("const", value) for value in ("0", "1.50", "AAPL", "buy", None, True, 0)),
    *(("enum", values) for values in ([], ["0", "1"], ["buy"], ["buy", "sell", None], ["rejected"])),
    *(("not", inner) for inner in ({}, {"const": "0"}, {"type": "null"}, {"minLength": 3})),
    *(("format", name) for name in ("date", "date-time", "uuid")),
    *(("additionalProperties", value) for value in (True, False)),
    *(("required", names) for names in ([], ["symbol"], ["venue"])),
    *(("$ref", f"#/$defs/{name}") for name in ("decimal", "currency", "instant", "missing")),
    *(("if", {"properties": {"symbol": {"minLength": 2}}}), ("then", {"properties": {}}), ("else", False)),
]


@each_class
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_under_a_changed_schema_what_a_check_lets_through_that_schema_accepts(
    cls: type[ValidatedEvent], data: st.DataObject
) -> None:
    changed = copy.deepcopy(schema_of(cls))
    for _ in range(data.draw(st.integers(1, 2))):
        keyword, value = data.draw(st.sampled_from(EDITS))
        data.draw(st.sampled_from(list(subschemas(changed))))[keyword] = copy.deepcopy(value)
    check = check_of(cls, changed)
    if check is None:
        return
    event = as_the_engine_makes_it(data.draw(events_of(cls)))
    if check(event):
        assert accepts(Draft202012Validator(changed, validate_formats=True, offline=True), event)
