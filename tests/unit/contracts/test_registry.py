"""The registry finds contracts; a broken document is refused in words that name contract, field and rule."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from qtrader.contracts import registry
from qtrader.contracts.registry import Contract
from qtrader.errors import ContractError, QTraderError
from qtrader.events import codec

ABSENT = object()
BAR, ORDER, FILL, SIGNAL = "data/bar", "manager/order", "execution/fill", "strategy/signal"
ACTION, RISK, UPDATE = "data/corporate_action", "risk/risk_decision", "execution/order_update"
LEDGER, BOOKS = "portfolio/ledger_entry", "portfolio/consolidated_portfolio"

#: contract, field that is changed, its new value, what the message says of it (a pattern)
INVALID: list[tuple[str, str, Any, str]] = [
    # The envelope.
    (FILL, "event_id", ABSENT, "missing; every field must be present"),
    (FILL, "event_id", "not-a-uuid", 'found "not-a-uuid"; must .*version-8 UUID'),
    (FILL, "event_id", "6d09a2cc-0620-4e8e-b92f-05620cb6dee6", "found .*version-8 UUID"),
    (FILL, "event_id", "6D09A2CC-0620-8E8E-B92F-05620CB6DEE6", "found .*lower case"),
    (FILL, "event_type", "trade", "found 'trade'; known: bar, consolidated_portfolio"),
    (FILL, "event_type", "envelope", "found 'envelope'; known: bar, "),
    (FILL, "event_type", "Fill", 'found "Fill"; must match'),
    (FILL, "event_version", "1", 'found "1"; must be of type integer'),
    (FILL, "event_version", 2, "found 2; known versions of 'fill': 1"),
    (FILL, "run_id", "", 'found ""; must not be empty'),
    (FILL, "sequence", -1, "found -1; must be at least 0"),
    (FILL, "sequence", None, "found null; must be of type integer"),
    (FILL, "occurred_at", "2012-08-08T20:00:00", "found .*written with 'Z'"),
    (FILL, "occurred_at", "2012-08-08T20:00:00+00:00", "found .*written with 'Z'"),
    (FILL, "causation_id", ABSENT, "missing"),
    (FILL, "payload", ABSENT, "missing"),
    (FILL, "payload", [], r"found \[\]; must be of type object"),
    (FILL, "traceparent", "00", "unknown; allowed: event_id, event_type"),
    # Decimals.
    (FILL, "payload.price", ABSENT, "missing; every field must be present"),
    (FILL, "payload.price", "1E+3", r'found "1E\+3"; must match .*no exponent'),
    (FILL, "payload.price", "1.50", 'found "1.50"; must match .*no superfluous zero'),
    (FILL, "payload.price", "01.5", 'found "01.5"; must match'),
    (FILL, "payload.price", ".5", 'found ".5"; must match'),
    (FILL, "payload.price", "5.", 'found "5."; must match'),
    (FILL, "payload.price", "+5", r'found "\+5"; must match'),
    (FILL, "payload.price", "1,5", 'found "1,5"; must match'),
    (FILL, "payload.price", "1.5\n", r'found "1.5\\n"; must match'),
    (FILL, "payload.price", "\N{ARABIC-INDIC DIGIT ONE}", "found .*; must match"),
    (FILL, "payload.price", 101.5, "found 101.5; must be of type string .*decimal"),
    (FILL, "payload.price", "0", 'found "0"; must match .*above zero'),
    (FILL, "payload.price", "-1", 'found "-1"; must match .*above zero'),
    (FILL, "payload.price", None, "found null; must be of type string"),
    (FILL, "payload.commission", "-0", "found \"-0\"; must match .*no '-0'"),
    (FILL, "payload.commission", "NaN", 'found "NaN"; must match'),
    (BAR, "payload.volume", "-5", 'found "-5"; must match .*zero or more'),
    (SIGNAL, "payload.confidence", "1.1", 'found "1.1"; must match .*from 0 to 1'),
    (SIGNAL, "payload.fraction", "0", 'found "0"; must match .*above 0 and up to 1'),
    # Times.
    (FILL, "payload.executed_at", "2012-08-08T13:30:00.000Z", "found .*without trailing zeros"),
    (FILL, "payload.executed_at", "2012-08-08T13:30:00.1234567Z", "found .*up to microseconds"),
    (FILL, "payload.executed_at", "2012-02-30T13:30:00Z", "found .*must be a valid date-time"),
    (FILL, "payload.executed_at", "2016-12-31T23:59:60Z", 'found "2016-12-31T23:59:60Z"; must'),
    (FILL, "payload.executed_at", "2012-08-08 13:30:00Z", "found .*; must"),
    (BOOKS, "payload.session", "2012-8-8", "found .*A calendar date"),
    (BOOKS, "payload.session", "2012-02-30", "found .*must be a valid date"),
    # The rest.
    (FILL, "payload.note", "x", "unknown; allowed: fill_id, order_id"),
    (FILL, "payload.side", "BUY", 'found "BUY"; must be one of buy, sell'),
    (FILL, "payload.currency", "usd", 'found "usd"; must match .*capital letters'),
    (FILL, "payload.is_ambiguous", 0, "found 0; must be of type boolean"),
    (FILL, "payload.symbol", "", 'found ""; must not be empty'),
    (BAR, "payload.interval", "0m", 'found "0m"; must match'),
    # Nested objects.
    (RISK, "payload.checks[1].value", "1.0", 'found "1.0"; must match'),
    (RISK, "payload.checks[1].extra", 1, "unknown; allowed: name, verdict"),
    (RISK, "payload.sizing.formula", ABSENT, "missing"),
    (LEDGER, "payload.postings[0].amount", 5, "found 5; must be of type string"),
    (LEDGER, "payload.postings", [], r"found \[\]; must not be empty"),
]

#: contract, field that is changed, its new value, field that the message names, the rule in words
DEPENDENT: list[tuple[str, str, Any, str, str]] = [
    (ORDER, "order_type", "limit", "limit_price", "A limit order has a limit price"),
    (ORDER, "order_type", "stop", "stop_price", "A stop order, or a market order if"),
    (ORDER, "limit_price", "5", "limit_price", "A market order has no price"),
    (SIGNAL, "order_type", "stop_limit", "limit_price", "A stop-limit order, or a limit order if"),
    (ORDER, "order_type", "limit_on_close", "limit_price", "A limit order has a limit price"),
    (ORDER, "order_type", "market_if_touched", "stop_price", "A stop order, or a market order if"),
    (ORDER, "order_type", "limit_if_touched", "limit_price", "A stop-limit order, or a limit order"),
    (ORDER, "order_type", "trailing_stop", "trail_atr_multiple", "trails by an amount, a percentage"),
    (ORDER, "order_type", "trailing_stop_limit", "trail_atr_multiple", "trails by an amount, a percentage"),
    (SIGNAL, "trail_amount", "5", "trail_amount", "Only a trailing order trails"),
    (SIGNAL, "trail_limit_offset", "5", "trail_limit_offset", "Only a trailing order trails"),
    (ORDER, "trail_atr_period", 14, "trail_atr_multiple", "Only average true ranges have a period"),
    (ORDER, "trail_atr_multiple", "3", "trail_atr_multiple", "Only a trailing order trails"),
    (ORDER, "time_in_force", "gtd", "expires_at", "good till a date says until when"),
    (SIGNAL, "expires_at", "2012-08-09T20:00:00Z", "time_in_force", "Only an order that is good till a date"),
    (FILL, "worst_price", "620", "worst_price", "What is certain has no bounds"),
    (FILL, "best_exit_price", "620", "best_exit_price", "What is certain has no bounds"),
    (SIGNAL, "fraction", "0.5", "fraction", "as a quantity or as a fraction, not both"),
    (ACTION, "action_type", "split", "ratio", "Splits and stock dividends have a ratio"),
    (ACTION, "amount", None, "amount", "A cash dividend has an amount and its currency"),
    (ACTION, "currency", None, "currency", "A cash dividend has an amount and its currency"),
    (ACTION, "action_type", "symbol_change", "new_symbol", "A change of symbol has the new one"),
    (ACTION, "action_type", "spin_off", "ratio", "A spin-off says what is received"),
    (RISK, "verdict", "rejected", "approved_quantity", "A rejection has a reason and approves nothing"),
    (RISK, "approved_quantity", "0", "approved_quantity", "What is approved has a size"),
    (UPDATE, "status", "filled", "leaves_quantity", "A filled order leaves nothing and has a price"),
]


def changed(name: str, field: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(registry.example(name))
    path = [int(part) if part.isdecimal() else part for part in re.findall(r"\w+", field)]
    owner: Any = document
    for part in path[:-1]:
        owner = owner[part]
    if value is ABSENT:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    return document


@pytest.mark.parametrize(("name", "field", "value", "says"), INVALID)
def test_an_invalid_document_is_refused_in_words(name: str, field: str, value: Any, says: str) -> None:
    document = changed(name, field, value)
    contract = f"{name}.v1" if field.startswith("payload.") else registry.ENVELOPE
    message = f"^contract {contract}, field {re.escape(field)}: {says}"
    for form in (document, json.dumps(document), json.dumps(document).encode()):
        with pytest.raises(ContractError, match=message):
            registry.validate_document(form)
    with pytest.raises(ContractError, match=message):
        codec.decode(json.dumps(document))


@pytest.mark.parametrize(("name", "field", "value", "told", "says"), DEPENDENT)
def test_fields_that_contradict_each_other_are_refused(
    name: str, field: str, value: Any, told: str, says: str
) -> None:
    document = changed(name, f"payload.{field}", value)
    with pytest.raises(ContractError, match=f"^contract {name}.v1, field payload.{told}: found .*{says}"):
        registry.validate_document(document)


def test_an_ended_order_says_why() -> None:
    document = changed(UPDATE, "payload.status", "canceled")
    registry.validate_document(document)
    document["payload"]["reason"] = ""
    with pytest.raises(ContractError, match=r"field payload\.reason: .*An order that ends unfilled says why"):
        registry.validate_document(document)


@pytest.mark.parametrize("text", ["", "{", "nothing", b"\xff\xfe", '{"a": NaN}', "[]", "null", "3"])
def test_what_is_no_json_object_is_refused(text: bytes | str) -> None:
    with pytest.raises(ContractError, match=r"contract envelope\.v1"):
        registry.validate_document(text)


def test_a_long_value_is_shortened_in_the_message() -> None:
    document = changed(FILL, "payload.price", "x" * 1000)
    with pytest.raises(ContractError) as caught:
        registry.validate_document(document)
    assert len(str(caught.value)) < 350


def test_the_first_field_in_the_contracts_order_is_told_before_conditions() -> None:
    document = changed(ORDER, "payload.order_type", "limit")
    document["payload"]["stop_price"] = "1.0"
    document["payload"]["order_id"] = 7
    with pytest.raises(ContractError, match=r"field payload\.order_id: found 7"):
        registry.validate_document(document)


def test_a_valid_document_gives_its_contract() -> None:
    assert registry.validate_document(registry.example(FILL)) == Contract("execution/fill", 1)
    assert registry.validate_document(json.loads(registry.example(FILL))).name == "execution/fill.v1"


def test_contracts_are_found_with_and_without_version() -> None:
    assert registry.schema(FILL) == registry.schema("execution/fill.v1")
    assert registry.schema(FILL)["title"] == "Fill"
    assert json.loads(registry.schema_text("envelope"))["title"] == "Event envelope"
    assert registry.names() == tuple(sorted(registry.names()))


@pytest.mark.parametrize("name", ["execution/trade", "execution/fill.v9", "../registry", ""])
def test_an_unknown_contract_lists_the_known(name: str) -> None:
    for find in (registry.schema_text, registry.schema, registry.example):
        with pytest.raises(ContractError, match=r"there is no contract .*known: data/bar\.v1, "):
            find(name)
    assert issubclass(ContractError, QTraderError)


def test_the_envelope_has_no_example_of_its_own() -> None:
    with pytest.raises(ContractError, match="no example of its own"):
        registry.example("envelope")


def test_a_contract_is_compiled_once() -> None:
    assert registry.validator("execution/fill.v1") is registry.validator("execution/fill.v1")


def test_what_json_cannot_hold_is_refused() -> None:
    says = r"^contract envelope\.v1, field \(document\): .*must be made of what JSON has"
    with pytest.raises(ContractError, match=says):
        registry.validate_document({"event_id": object()})
