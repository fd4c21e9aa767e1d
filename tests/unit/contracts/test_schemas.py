"""The schemas themselves: valid, complete, uniform, and in step with the classes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from tests.contract_drift import differences
from tests.contract_examples import example_path, example_text, story

from qtrader.contracts import registry
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import ENVELOPE_FIELDS, EVENT_CLASSES, fields_of
from qtrader.events.events import (
    CorporateActionEvent,
    LedgerEntryEvent,
    OrderEvent,
    PriceBarEvent,
    RiskDecisionEvent,
)

CONTRACTS = [name for name in registry.names() if name != registry.ENVELOPE]


def objects(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk a schema and every object nested in it, conditions left out."""
    if schema.get("type") == "object":
        yield where, schema
        for name, child in schema.get("properties", {}).items():
            yield from objects(child, f"{where}.{name}")
    elif schema.get("type") == "array":
        yield from objects(schema["items"], f"{where}[]")


def test_every_contract_of_the_design_is_there_and_each_has_a_class_and_an_example() -> None:
    assert set(registry.names()) == {
        "envelope.v1",
        "data/bar.v1",
        "data/corporate_action.v1",
        "data/valuation_trigger.v1",
        "strategy/signal.v1",
        "strategy/order_cancel.v1",
        "strategy/order_modify.v1",
        "manager/order.v1",
        "manager/signal_rejected.v1",
        "risk/risk_decision.v1",
        "execution/order_update.v1",
        "execution/order_request_rejected.v1",
        "execution/fill.v1",
        "portfolio/consolidated_portfolio.v1",
        "portfolio/ledger_entry.v1",
    }
    assert sorted(codec.contract_name(cls) for cls in EVENT_CLASSES) == sorted(CONTRACTS)
    for cls in EVENT_CLASSES:
        assert cls.contract.rpartition("/")[2] == cls.event_type
        assert json.loads(registry.example(codec.contract_name(cls)))["event_type"] == cls.event_type


@pytest.mark.parametrize("name", registry.names())
def test_a_schema_is_valid_draft_2020_12(name: str) -> None:
    schema = registry.schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("name", registry.names())
def test_every_field_is_described_and_no_object_is_open(name: str) -> None:
    schema = registry.schema(name)
    assert len(schema["description"]) > 10
    for where, each in objects(schema, name):
        if where == f"{registry.ENVELOPE}.payload":
            continue  # another contract's subject
        assert each["additionalProperties"] is False, where
        for field, declared in each["properties"].items():
            assert len(declared.get("description", "")) >= 10, f"{where}.{field}"
            assert declared["description"].endswith("."), f"{where}.{field}"
    for definition, declared in schema.get("$defs", {}).items():
        assert declared["description"], definition


def test_a_definition_means_the_same_in_every_schema() -> None:
    meanings: dict[str, set[str]] = {}
    for name in registry.names():
        for definition, declared in registry.schema(name).get("$defs", {}).items():
            meanings.setdefault(definition, set()).add(json.dumps(declared))
    assert {definition: len(each) for definition, each in meanings.items() if len(each) > 1} == {}


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_class_and_contract_agree_field_by_field(cls: type[Any]) -> None:
    assert differences(cls, registry.schema(codec.contract_name(cls))) == []


def test_the_envelope_and_the_decision_event_agree() -> None:
    properties = list(registry.schema(registry.ENVELOPE)["properties"])
    held = list(ENVELOPE_FIELDS)
    assert [name for name in properties if name in held] == held
    assert set(properties) - set(held) == {"event_type", "event_version", "sequence", "payload"}


def test_every_field_of_a_class_is_mapped() -> None:
    envelope = {"envelope", "run_id"}
    for cls in EVENT_CLASSES:
        held = {field.name for field in msgspec.structs.fields(cls)} - envelope
        assert {mapping.attribute for mapping in fields_of(cls)} == held


def remove(*path: str | int) -> Callable[[Any], None]:
    def mutate(schema: Any) -> None:
        for part in path[:-1]:
            schema = schema[part]
        del schema[path[-1]]

    return mutate


def put(value: Any, *path: str | int) -> Callable[[Any], None]:
    def mutate(schema: Any) -> None:
        for part in path[:-1]:
            schema = schema[part]
        schema[path[-1]] = value

    return mutate


@pytest.mark.parametrize(
    ("cls", "mutate", "says"),
    [
        (OrderEvent, remove("properties", "symbol"), "OrderEvent: fields"),
        (OrderEvent, put({"type": "string"}, "properties", "surplus"), "OrderEvent: fields"),
        (OrderEvent, remove("required", 0), "OrderEvent: properties"),
        (OrderEvent, remove("additionalProperties"), "OrderEvent: additionalProperties"),
        (
            OrderEvent,
            put("string", "properties", "limit_price", "type"),
            "OrderEvent.limit_price: optional is True",
        ),
        (
            OrderEvent,
            put(["string", "null"], "properties", "symbol", "type"),
            "OrderEvent.symbol: optional is False",
        ),
        (OrderEvent, put(["buy"], "properties", "side", "enum"), "OrderEvent.side: vocabulary"),
        (
            OrderEvent,
            put("number", "properties", "quantity", "type"),
            "OrderEvent.quantity: a decimal needs type string",
        ),
        (
            OrderEvent,
            remove("properties", "quantity", "$ref"),
            "OrderEvent.quantity: a decimal cannot be a None",
        ),
        (
            PriceBarEvent,
            put("#/$defs/instant", "properties", "open", "$ref"),
            "PriceBarEvent.open: a float cannot be",
        ),
        (
            PriceBarEvent,
            put("string", "properties", "volume", "type"),
            "PriceBarEvent.volume: optional is True",
        ),
        (
            CorporateActionEvent,
            put("#/$defs/instant", "properties", "ex_date", "$ref"),
            "CorporateActionEvent.ex_date: a date cannot be a instant",
        ),
        (
            RiskDecisionEvent,
            remove("properties", "sizing", "properties", "formula"),
            "RiskDecisionEvent.sizing: fields",
        ),
        (
            RiskDecisionEvent,
            put(["pass"], "properties", "checks", "items", "properties", "verdict", "enum"),
            "RiskDecisionEvent.checks[].verdict: vocabulary",
        ),
        (
            LedgerEntryEvent,
            put("string", "properties", "postings", "items", "properties", "lot_id", "type"),
            "LedgerEntryEvent.postings[].lot_id: optional is True",
        ),
    ],
)
def test_a_deliberate_drift_is_found(cls: type[Any], mutate: Callable[[Any], None], says: str) -> None:
    schema = registry.schema(codec.contract_name(cls))
    mutate(schema)
    assert any(each.startswith(says) for each in differences(cls, schema)), differences(cls, schema)


@pytest.mark.parametrize("event", story(), ids=lambda event: event.event_type)
def test_an_example_file_is_the_story_as_the_engine_identifies_it(event: ValidatedEvent) -> None:
    # After a deliberate change, `python -m tests.contract_examples` writes the files anew.
    assert example_path(event).read_text(encoding="utf-8") == example_text(event)


def test_the_examples_tell_one_story_that_adds_up() -> None:
    documents = {name: json.loads(registry.example(name)) for name in CONTRACTS}
    chain = ["data/bar", "strategy/signal", "manager/order", "execution/fill", "portfolio/ledger_entry"]
    for cause, effect in itertools.pairwise(chain):
        assert documents[f"{effect}.v1"]["causation_id"] == documents[f"{cause}.v1"]["event_id"], effect
    payloads = {name: document["payload"] for name, document in documents.items()}
    fill, ledger = payloads["execution/fill.v1"], payloads["portfolio/ledger_entry.v1"]
    decimal = codec.parse_decimal
    assert sum(decimal(posting["amount"]) for posting in ledger["postings"]) == 0
    paid = -decimal(ledger["postings"][-1]["amount"])
    assert paid == decimal(fill["quantity"]) * decimal(fill["price"]) + decimal(fill["commission"])
    books = payloads["portfolio/consolidated_portfolio.v1"]
    assert decimal(books["cash"]) == 100_000 - paid
    assert decimal(books["equity"]) == decimal(books["cash"]) + decimal(books["net_exposure"])
