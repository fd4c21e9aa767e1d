"""Event classes stand in Pydantic models without a second model of them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from qtrader.contracts import registry
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import EVENT_CLASSES
from qtrader.events.events import FillEvent, PriceBarEvent


class Message(BaseModel):
    """A model as somebody's web service would have it."""

    title: str
    fill: FillEvent
    anything: list[ValidatedEvent]


def message() -> Message:
    fill = codec.decode_as(FillEvent, registry.example("execution/fill"))
    bar = codec.decode_as(PriceBarEvent, registry.example("data/bar"))
    return Message(title="today", fill=fill, anything=[bar, fill])


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_crosses_a_type_adapter_in_both_modes(cls: type[ValidatedEvent]) -> None:
    text = registry.example(codec.contract_name(cls))
    adapter: TypeAdapter[Any] = TypeAdapter(cls)
    event = codec.decode(text)
    for source in (event, json.loads(text), text, text.decode()):
        assert adapter.validate_python(source) == event
    assert adapter.validate_json(text) == event
    assert adapter.dump_json(event) == text
    assert adapter.dump_python(event) is event
    assert adapter.dump_python(event, mode="json") == json.loads(text)


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_the_json_schema_is_the_contract(cls: type[ValidatedEvent]) -> None:
    document = json.loads(registry.example(codec.contract_name(cls)))
    schema = TypeAdapter(cls).json_schema()
    assert schema["title"] == cls.__name__
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert validator.is_valid(document)
    for name in document["payload"]:
        assert not validator.is_valid(document | {"payload": document["payload"] | {name: {}}}), name
    assert not validator.is_valid(document | {"event_type": "other"})


def test_a_model_with_events_survives_json_and_has_a_schema() -> None:
    original = message()
    assert Message.model_validate_json(original.model_dump_json()) == original
    assert Message.model_validate(original.model_dump(mode="json")) == original
    assert original.model_dump()["fill"] is original.fill
    validator = jsonschema_rs.Draft202012Validator(Message.model_json_schema(), validate_formats=True)
    assert validator.is_valid(original.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (3, "must be a FillEvent, or its contract document as a dict or JSON text"),
        ("{", "the document is not JSON"),
        (registry.example("data/bar"), "field event_type: found 'bar'; must be 'fill'"),
        ({"event_id": "x"}, 'envelope.v1, field event_id: found "x"'),
    ],
)
def test_a_wrong_value_is_a_validation_error_at_its_field(value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Message.model_validate({"title": "t", "fill": value, "anything": []})
    (error,) = caught.value.errors()
    assert error["loc"] == ("fill",)
    assert error["type"] == "contract"
    assert says in error["msg"]


def test_an_event_that_breaks_its_contract_is_not_serialised() -> None:
    fill = FillEvent.from_json(registry.example("execution/fill"))
    broken = msgspec.structs.replace(fill, envelope=fill.envelope.saying(run_id=""))
    with pytest.raises(
        PydanticSerializationError, match=r"ContractError: contract envelope\.v1, field run_id"
    ):
        TypeAdapter(FillEvent).dump_json(broken)


def test_events_do_not_import_pydantic_until_it_is_used() -> None:
    program = (
        "import sys; from qtrader.events import codec, events; "
        "print('pydantic' in sys.modules, 'jsonschema_rs' in sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    assert result.stdout.split() == ["False", "False"]
