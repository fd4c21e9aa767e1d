"""Models of one's own, for costs and fills: how they are named, found and recorded.

In a configuration a model is "package.module:Class" with keyword arguments, as strategies are. An object
handed over in Python is recorded in the same form: its class, and what its public attributes hold.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ValidatorFunctionWrapHandler, WrapValidator

from qtrader.errors import ConfigError


class ModelReference(str):  # noqa: SLOT000 - its object is an attribute
    """The name of a class, "package.module:Class", and the object that was handed over, if one was."""

    prototype: Any = None


def _checked_reference(value: Any, as_text: ValidatorFunctionWrapHandler) -> str:
    text: str = as_text(value)
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        msg = f'{text!r} names no class; write "package.module:Class"'
        raise ValueError(msg)
    return value if isinstance(value, ModelReference) else text


def _checked_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    for name, value in parameters.items():
        fault = _fault(value)
        if fault is not None:
            msg = f"{name} is {fault}; allowed are texts, numbers, true, false, null, lists and mappings"
            raise ValueError(msg)
    return parameters


def _fault(value: Any) -> str | None:
    if isinstance(value, Mapping):
        odd = [f"keyed by {key!r}" for key in value if not isinstance(key, str)]
        return odd[0] if odd else _fault(list(value.values()))
    if isinstance(value, (list, tuple)):
        return next((fault for fault in map(_fault, value) if fault is not None), None)
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return f"{value}, which is not finite"
    if value is None or isinstance(value, (str, int, float, Decimal)):
        return None
    return f"of type {type(value).__name__}"


#: What each kind of model must be able to do, by the method that tells it from the others.
_METHODS: Final[dict[str, dict[str, str]]] = {
    "commission": {"commission": "traded"},
    "price": {"price": "trade"},
    "match_order": {
        "match_order": "terms, bar, rule, is_session_open, is_session_close",
        "match_exits": "exit_side, entry, stop_price, target_price, bar",
        "match_trailing": "terms, trail, bar, entry",
    },
}
_SETTINGS: Final = {"commission": "commission", "price": "slippage", "match_order": "fill"}

#: Where a class is: "package.module:Class".
Reference = Annotated[str, WrapValidator(_checked_reference)]
#: Keyword arguments that a configuration can hold.
Parameters = Annotated[dict[str, Any], AfterValidator(_checked_parameters)]


def make_model(reference: str, parameters: Mapping[str, Any], method: str) -> Any:
    """Make the model of one run: a copy of the object handed over, or an object of the class named.

    Args:
        reference: "package.module:Class".
        parameters: keyword arguments.
        method: what the model must be able to do, `commission`, `price` or `match_order`.

    Raises:
        ConfigError: naming what was looked for and what is there.
    """
    prototype = reference.prototype if isinstance(reference, ModelReference) else None
    if prototype is not None and dict(parameters) == _recorded(prototype, method):
        return copy.deepcopy(prototype)
    place = f"{_setting(method)} model {str(reference)!r}"
    cls = type(prototype) if prototype is not None else _imported(reference, place)
    try:
        made = cls(**parameters)
    except (TypeError, ValueError) as cause:
        msg = f"{place} cannot be made with parameters {dict(parameters)}: {cause}"
        raise ConfigError(msg) from cause
    fault = _no_model(made, method)
    if fault is not None:
        raise ConfigError(fault)
    return made


def describe_model(model: Any, method: str) -> dict[str, Any]:
    """Write an object handed over as a configuration would name it.

    Raises:
        ValueError: it is no model, or a public attribute holds what a configuration cannot.
    """
    if inspect.isclass(model):
        msg = f"found the class {model.__name__}; give an object of it: {model.__name__}(…)"
        raise ValueError(msg)
    fault = _no_model(model, method)
    if fault is not None:
        raise ValueError(fault)
    reference = ModelReference(f"{type(model).__module__}:{type(model).__qualname__}")
    reference.prototype = model
    return {"type": "custom", "model": reference, "parameters": _recorded(model, method)}


def _imported(reference: str, place: str) -> type:
    module_name, _, class_name = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as cause:
        msg = f"{place}: importing module {module_name!r} failed: {type(cause).__name__}: {cause}"
        raise ConfigError(msg) from cause
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = [found for found in vars(module).values() if inspect.isclass(found)]
        known = ", ".join(sorted(found.__name__ for found in classes if found.__module__ == module_name))
        msg = f"{place}: the module has no class {class_name!r}; its classes are {known or 'none'}"
        raise ConfigError(msg)
    return cls


def _recorded(model: Any, method: str) -> dict[str, Any]:
    recorded = {}
    for name, value in _attributes(model).items():
        fault = _fault(value)
        if fault is not None:
            msg = (
                f"{_setting(method)} model {type(model).__qualname__}: attribute {name} is {fault}, which "
                "the configuration of a run cannot record; keep numbers and texts in public attributes, "
                "and the rest in those that begin with _"
            )
            raise ValueError(msg)
        recorded[name] = _plain(value)
    return recorded


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


def _attributes(model: Any) -> dict[str, Any]:
    slots = (name for cls in type(model).__mro__ for name in _slots_of(cls))
    names = [*slots, *(vars(model) if hasattr(model, "__dict__") else ())]
    return {name: getattr(model, name) for name in names if not name.startswith("_")}


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _no_model(made: Any, method: str) -> str | None:
    for name, arguments in _METHODS[method].items():
        if not callable(getattr(made, name, None)):
            return f"{type(made).__name__} is no {_setting(method)} model: it has no {name}({arguments})"
    return None


def _setting(method: str) -> str:
    return _SETTINGS[method]
