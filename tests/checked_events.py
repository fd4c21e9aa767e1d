"""What the tests of compiled checks share: a class's check, and the contract's own judgement of an event."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from qtrader.contracts import registry
from qtrader.errors import ContractError
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_checks import Check, check_of
from qtrader.events.codec_fields import Kind, fields_of


def schema_of(cls: type[ValidatedEvent]) -> dict[str, Any]:
    return registry.schema(codec.contract_name(cls))


def compiled(cls: type[ValidatedEvent], schema: dict[str, Any] | None = None) -> Check:
    check = check_of(cls, schema_of(cls) if schema is None else schema)
    assert check is not None
    return check


def example(cls: type[Any]) -> Any:
    return codec.decode_as(cls, registry.example(codec.contract_name(cls)))


def accepts(validator: Draft202012Validator, event: ValidatedEvent) -> bool:
    try:
        return validator.is_valid(codec.body(event))
    except (ContractError, ValueError):
        return False


def replaced(record: Any, **values: Any) -> Any:
    return msgspec.structs.replace(record, **values)


def as_the_engine_makes_it(event: Any) -> Any:
    cls: type[msgspec.Struct] = type(event)
    names = [field.attribute for field in fields_of(cls) if field.kind is Kind.INSTANT]
    instants = {name: getattr(event, name) for name in names}
    return replaced(event, **{name: at.astimezone(UTC) for name, at in instants.items() if at is not None})
