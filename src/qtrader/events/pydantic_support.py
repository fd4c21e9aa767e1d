"""Events inside Pydantic models.

An event class stands as a field of any Pydantic model, or in a `TypeAdapter`. It takes in an instance, or a
wire document as a dict or JSON text; in JSON mode it gives out the wire document, in Python mode the
instance. A document is validated by its contract, not by a second model of it, and the JSON Schema that
Pydantic shows is the contract.
"""

from __future__ import annotations

from typing import Any, LiteralString

from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core import core_schema as schemas

from qtrader.contracts import registry
from qtrader.errors import ContractError
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent

#: Pydantic's type and template of the one kind of error; the contract error's own words are the message.
_ERROR: LiteralString = "contract"
_MESSAGE: LiteralString = "{message}"


def core_schema(cls: type[ValidatedEvent]) -> CoreSchema:
    """Describe an event class, or a base class of several, to Pydantic."""

    def take(value: Any) -> ValidatedEvent:
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict | str | bytes):
            wanted = f"must be a {cls.__name__}, or its contract document as a dict or JSON text"
            raise PydanticCustomError(_ERROR, _MESSAGE, {"message": wanted})
        try:
            return codec.decode_as(cls, value)
        except ContractError as error:
            raise PydanticCustomError(_ERROR, _MESSAGE, {"message": str(error)}) from error

    return schemas.no_info_plain_validator_function(
        take,
        serialization=schemas.plain_serializer_function_ser_schema(give_document, when_used="json"),
        metadata={"pydantic_js_functions": [lambda _schema, _handler: json_schema(cls)]},
    )


def give_document(event: ValidatedEvent) -> dict[str, Any]:
    """Convert an event to its wire document, validated.

    Raises:
        ContractError: the event breaks its contract or the envelope's.
    """
    event.validate()
    return codec.document(event)


def json_schema(cls: type[ValidatedEvent]) -> dict[str, Any]:
    """Return the JSON Schema of a class's wire documents, without references, so that it can be nested."""
    envelope = _without_references(registry.schema(registry.ENVELOPE))
    if hasattr(cls, "contract"):
        properties = envelope["properties"]
        properties["event_type"] |= {"const": cls.event_type}
        properties["event_version"] |= {"const": cls.contract_version}
        properties["payload"] = _without_references(registry.schema(codec.contract_name(cls)))
    return envelope | {"title": cls.__name__}


def _without_references(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.get("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, list):
            return [resolve(each) for each in part]
        if not isinstance(part, dict):
            return part
        own = {name: resolve(each) for name, each in part.items() if name != "$ref"}
        reference = part.get("$ref")
        return definitions[reference.rpartition("/")[2]] | own if reference else own

    return {name: resolve(part) for name, part in schema.items() if name not in {"$schema", "$id", "$defs"}}
