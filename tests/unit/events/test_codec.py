"""The codec: one spelling for every value, and nothing lost on the way there and back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies_events import events_of

from qtrader.contracts import registry
from qtrader.errors import ContractError
from qtrader.events import codec
from qtrader.events.base import DecisionEvent, ValidatedEvent
from qtrader.events.codec_fields import EVENT_CLASSES, Kind, fields_of
from qtrader.events.events import (
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    Posting,
    PriceBarEvent,
    RiskDecisionEvent,
    SliceEvent,
    ValuationTriggerEvent,
)

NAIVE = datetime(2012, 8, 7)  # noqa: DTZ001 - naive on purpose
NAMES = [name for name in registry.names() if name != registry.ENVELOPE]


def example(cls: type[Any]) -> Any:
    return codec.decode_as(cls, registry.example(codec.contract_name(cls)))


def with_values(event: Any, **values: Any) -> Any:
    return msgspec.structs.replace(event, **values)


def with_envelope(event: Any, **values: Any) -> Any:
    return msgspec.structs.replace(event, envelope=event.envelope.saying(**values))


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_generated_event_survives_class_json_schema_class_byte_for_byte(
    cls: type[ValidatedEvent], data: st.DataObject
) -> None:
    event = data.draw(events_of(cls))
    sequence = data.draw(st.none() | st.integers(0, 2**63 - 1))
    text = codec.encode(event, sequence)
    registry.validate_document(text)
    codec.validate_body(event)
    read_sequence, read = codec.decode_stored(text)
    assert type(read) is cls
    assert read_sequence == sequence
    assert codec.encode(read, sequence) == text
    assert text == codec.encode(event, sequence, is_validated=True)
    if not (isinstance(event, PriceBarEvent) and math.isnan(event.volume)):
        assert read == event


@pytest.mark.parametrize("name", NAMES)
def test_an_example_decodes_and_encodes_to_the_same_bytes(name: str) -> None:
    text = registry.example(name)
    event = codec.decode(text)
    assert codec.encode(event) == text
    assert codec.contract_name(type(event)) == name


def test_every_value_of_a_decoded_event_has_the_class_that_its_field_names() -> None:
    python_types = {
        Kind.TEXT: str,
        Kind.FLAG: bool,
        Kind.INTEGER: int,
        Kind.DECIMAL: Decimal,
        Kind.FLOAT: float,
        Kind.FLOAT_OR_UNKNOWN: float,
        Kind.INSTANT: datetime,
        Kind.INSTANT_US: int,
        Kind.DATE: date,
        Kind.RECORDS: tuple,
    }
    seen = set()
    trail = {"order_type": "trailing_stop", "trail_atr_multiple": "3", "trail_atr_period": 14}
    order = codec.document(example(OrderEvent))
    trailing = codec.decode(order | {"payload": order["payload"] | trail})
    for event in [trailing, *map(example, EVENT_CLASSES)]:
        for mapping in fields_of(type(event)):
            value = getattr(event, mapping.attribute)
            if value is not None:
                seen.add(mapping.kind)
                assert type(value) is (mapping.choice or python_types.get(mapping.kind, mapping.record)), (
                    mapping
                )
    assert seen == set(Kind)


def test_an_unknown_volume_is_null_on_the_wire_and_nan_in_the_class() -> None:
    bar = with_values(example(PriceBarEvent), volume=math.nan)
    text = codec.encode(bar)
    assert b'"volume":null' in text
    assert math.isnan(codec.decode_as(PriceBarEvent, text).volume)


def test_documents_are_compact_in_contract_order_and_carry_the_sequence_only_once_stored() -> None:
    bar = PriceBarEvent("AAPL", "1d", 0, 86_400_000_000, 1.5, 2.0, 1.0, 1.25, 10.0, 1.0, "run")
    assert codec.encode(bar) == (
        b'{"event_id":"' + bar.event_id.encode() + b'","event_type":"bar","event_version":1,"run_id":"run",'
        b'"occurred_at":"1970-01-02T00:00:00Z","source_service":"data_service","correlation_id":null,'
        b'"causation_id":null,"payload":{"symbol":"AAPL","interval":"1d","opened_at":"1970-01-01T00:00:00Z",'
        b'"closed_at":"1970-01-02T00:00:00Z","open":"1.5","high":"2","low":"1","close":"1.25","volume":"10",'
        b'"signal_factor":"1"}}'
    )
    assert b'"run_id":"run","sequence":7,"occurred_at"' in codec.encode(bar, 7)


@pytest.mark.parametrize(
    ("cls", "field", "value", "says"),
    [
        (
            FillEvent,
            "price",
            Decimal("NaN"),
            r"execution/fill.v1, field payload.price: found Decimal\('NaN'\)",
        ),
        (FillEvent, "price", 101.5, "field payload.price: found 101.5; must be a finite Decimal"),
        (FillEvent, "price", None, "field payload.price: found None; must be a finite Decimal"),
        (FillEvent, "price", Decimal(0), 'field payload.price: found "0"; must match .*above zero'),
        (FillEvent, "executed_at", NAIVE, "field payload.executed_at: .*must be a datetime with a time zone"),
        (FillEvent, "side", "hold", "field payload.side: found 'hold'; must be one of buy, sell"),
        (ValuationTriggerEvent, "session", NAIVE, "payload.session: .*must be a date without a time"),
        (FillEvent, "symbol", 5, "field payload.symbol: found 5; must be of type string"),
        (FillEvent, "symbol", FillEvent, "field payload.symbol: found <class .*; must be a str"),
        (FillEvent, "is_ambiguous", "no", 'field payload.is_ambiguous: found "no"; must be of type boolean'),
        (
            PriceBarEvent,
            "high",
            math.inf,
            "data/bar.v1, field payload.high: found inf; must be a finite float",
        ),
        (PriceBarEvent, "open", True, "field payload.open: found True; must be a finite float"),
        (PriceBarEvent, "open", 10**400, "field payload.open: int too large"),
        (PriceBarEvent, "low", -1.0, 'field payload.low: found "-1"; must match'),
        (PriceBarEvent, "opened_at_us", 10**20, "field payload.opened_at: .*within the years 1 to 9999"),
        (PriceBarEvent, "interval", "1x", 'field payload.interval: found "1x"; must match'),
        (
            RiskDecisionEvent,
            "sizing",
            None,
            "risk/risk_decision.v1, field payload.sizing: found None; must be a Sizing",
        ),
        (RiskDecisionEvent, "checks", None, "field payload.checks: found None; must be a tuple"),
        (LedgerEntryEvent, "postings", (), r"field payload.postings: found \[\]; must not be empty"),
        (
            LedgerEntryEvent,
            "postings",
            (Posting("assets:cash", "USD", Decimal(1)), Posting("assets:cash", "USD", Decimal("Infinity"))),
            r"field payload.postings\[1\].amount: found Decimal\('Infinity'\)",
        ),
        (
            LedgerEntryEvent,
            "postings",
            ("cash",),
            r"field payload.postings\[0\]: found 'cash'; must be a Posting",
        ),
    ],
)
def test_publishing_a_wrong_value_names_contract_field_and_rule(
    cls: type[ValidatedEvent], field: str, value: Any, says: str
) -> None:
    event = with_values(example(cls), **{field: value})
    with pytest.raises(ContractError, match=says):
        codec.validate_body(event)
    with pytest.raises(ContractError, match=says):
        codec.encode(event)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("event_id", "", 'envelope.v1, field event_id: found ""'),
        ("run_id", "", 'envelope.v1, field run_id: found ""; must not be empty'),
        ("occurred_at", NAIVE, "envelope.v1, field occurred_at: .*time zone"),
        ("occurred_at", datetime(1, 1, 1, tzinfo=UTC), "envelope.v1, field occurred_at: found .*0001"),
        ("causation_id", "", 'envelope.v1, field causation_id: found ""; must not be empty'),
    ],
)
def test_an_event_that_was_never_stamped_is_not_written(field: str, value: Any, says: str) -> None:
    event = with_envelope(example(OrderEvent), **{field: value})
    codec.validate_body(event)
    with pytest.raises(ContractError, match=says):
        codec.validate(event)
    with pytest.raises(ContractError, match=says):
        codec.encode(event)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "6d09a2cc-0620-8e8e-b92f-05620cb6dee6"),
        ("occurred_at", "2012-08-07T21:00:00Z"),
        ("source_service", "somebody"),
        ("correlation_id", "chain"),
        ("causation_id", "cause"),
    ],
)
def test_a_bar_whose_envelope_does_not_follow_from_it_is_refused(field: str, value: str) -> None:
    parsed = json.loads(registry.example("data/bar"))
    parsed[field] = value
    with pytest.raises(ContractError, match=f"envelope.v1, field {field}: found .*follows from"):
        codec.decode(parsed)


@pytest.mark.parametrize("digits", ["100.12345678901234567890123", "1" + "0" * 400])
def test_a_bar_with_digits_that_a_float_cannot_hold_is_refused(digits: str) -> None:
    parsed = json.loads(registry.example("data/bar"))
    parsed["payload"]["high"] = digits
    with pytest.raises(ContractError, match=r"data/bar\.v1, field payload\.high: .*shortest decimal of a"):
        codec.decode(parsed)


def test_a_document_of_another_class_is_refused() -> None:
    text = registry.example("execution/fill")
    with pytest.raises(ContractError, match="field event_type: found 'fill'; must be 'order'"):
        codec.decode_as(OrderEvent, text)
    with pytest.raises(ContractError, match="found 'bar'; must be the type of a DecisionEvent"):
        codec.decode_as(DecisionEvent, registry.example("data/bar"))
    assert isinstance(codec.decode_as(DecisionEvent, text), FillEvent)


def test_the_methods_of_an_event_are_the_codec() -> None:
    text = registry.example("execution/fill")
    fill = FillEvent.from_json(text)
    assert fill.to_json() == text
    assert fill.to_json(3) == codec.encode(fill, 3)
    fill.validate()
    with pytest.raises(ContractError, match="must be 'order'"):
        OrderEvent.from_json(text)


def test_an_event_without_contract_is_refused_by_name() -> None:
    with pytest.raises(
        ContractError, match="SliceEvent has no contract; events that have one: PriceBarEvent,"
    ):
        codec.body(SliceEvent(0, ()))  # type: ignore[arg-type]


def test_a_contract_version_that_no_class_reads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(codec._CLASSES, ("fill", 1))
    with pytest.raises(
        ContractError, match=r"execution/fill\.v1 is known, but no event class of this version"
    ):
        codec.decode(registry.example("execution/fill"))


def test_a_field_that_has_no_form_on_the_wire_is_found_when_its_class_is_mapped() -> None:
    class Unmappable(msgspec.Struct):
        ratio: complex

    with pytest.raises(TypeError, match=r"Unmappable\.ratio is a <class 'complex'>, which has no form"):
        fields_of(Unmappable)


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from qtrader.contracts import registry\n"
        "from qtrader.events import codec\n"
        "for name in registry.names():\n"
        "    if name != registry.ENVELOPE:\n"
        "        print(codec.encode(codec.decode(registry.example(name))))\n"
    )
    outputs = set()
    for seed in ("0", "1"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-c", program]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(outputs) == 1
    assert outputs.pop().count(b"event_id") == len(NAMES)
