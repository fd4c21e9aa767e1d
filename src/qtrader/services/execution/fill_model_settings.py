"""Fill models as a person writes them: one by name, single symbols with another one, or one's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qtrader.errors import ConfigError
from qtrader.services.execution.custom_models import Parameters, Reference, describe_model, make_model
from qtrader.services.execution.fill_models import FillModel, fill_model

_METHOD = "match_order"


def _known(name: str) -> str:
    try:
        fill_model(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


#: The name of a fill model that ships with the engine.
FillModelName = Annotated[str, AfterValidator(_known)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedFillModels(_Settings):
    """Fill by models that have a name, see `qtrader.services.execution.fill_models`.

    Args:
        default: of every symbol that `symbols` does not name.
        symbols: of single symbols.
    """

    type: Literal["named"] = "named"
    default: FillModelName = "conservative"
    symbols: dict[str, FillModelName] = Field(default_factory=dict)


class CustomFillModel(_Settings):
    """Ask a model of one's own, see `qtrader.services.execution.fill_models.FillModel`.

    Args:
        model: the class, as "package.module:Class".
        parameters: keyword arguments of the class.
    """

    type: Literal["custom"]
    model: Reference
    parameters: Parameters = Field(default_factory=dict)


FillModelSettings = Annotated[NamedFillModels | CustomFillModel, Field(discriminator="type")]


def read_fill_model(value: Any) -> Any:
    """Turn the short forms into the long one: a name, a mapping without `type`, an object.

    Raises:
        ValueError: neither of these.
    """
    if isinstance(value, str):
        return {"type": "named", "default": value}
    if isinstance(value, Mapping):
        return value if "type" in value else {"type": "named", **value}
    if isinstance(value, BaseModel):
        return value
    if inspect.isclass(value) or callable(getattr(value, _METHOD, None)):
        return CustomFillModel(**describe_model(value, _METHOD))
    msg = (
        f"found {value!r}; allowed is a name, a mapping of default and symbols, or an object with the "
        "methods of FillModel"
    )
    raise ValueError(msg)


def make_fill_models(settings: FillModelSettings) -> tuple[FillModel, dict[str, FillModel]]:
    """Return the fill model of a run and those of single symbols; custom ones are made anew.

    Args:
        settings: which.

    Raises:
        ConfigError: a class cannot be found or made, or is no model.
    """
    if isinstance(settings, CustomFillModel):
        made: FillModel = make_model(settings.model, settings.parameters, _METHOD)
        return made, {}
    return fill_model(settings.default), {
        symbol: fill_model(name) for symbol, name in settings.symbols.items()
    }
