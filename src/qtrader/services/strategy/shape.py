"""What a strategy's class says of itself, and whether a value or a method fits it.

A parameter annotated as int, float, bool or str, or as one of these or None, takes values of that type: a
float takes whole numbers too, and a bool is no number. Any other annotation takes anything.
"""

from __future__ import annotations

import inspect
import types
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from qtrader.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# The numbers of NumPy count as those of Python: its whole ones are Integral, all of them Real.
_TAKES: Final[dict[str, type]] = {
    "int": Integral,
    "float": Real,
    "bool": bool,
    "str": str,
    "None": type(None),
}


_METHODS: Final = (types.FunctionType, staticmethod, classmethod)


def annotations_of(thing: Any) -> dict[str, Any]:
    """Return the own annotations of a class or function, resolved where they can be."""
    own = inspect.get_annotations(thing)
    try:
        hints = get_type_hints(thing)
    except (NameError, TypeError):
        return own
    return {name: hints.get(name, annotation) for name, annotation in own.items()}


def check_parameter(strategy: str, name: str, value: Any, annotation: Any) -> None:
    """Refuse a value that is not of its parameter's annotated type.

    Raises:
        ConfigError: naming strategy, parameter, what was found and what is allowed.
    """
    allowed = _names(annotation)
    if not allowed or any(_fits(value, each) for each in allowed):
        return
    found = f"{strategy}: {name} is {value!r}, of type {type(value).__name__}"
    msg = f"{found}; allowed is {' or '.join(allowed)}"
    raise ConfigError(msg)


def check_handlers(strategy: Any, handlers: Sequence[str], parameters: Collection[str]) -> None:
    """Refuse a public method that is named like a handler and is none.

    Args:
        strategy: the object made.
        handlers: what a strategy may have.
        parameters: names that are parameters, whose values are no methods.

    Raises:
        ConfigError: naming the method, the handler that it resembles, and all handlers.
    """
    cls = type(strategy)
    for name in dir(cls):
        if not name.startswith("on_") or name in handlers or name in parameters:
            continue
        if not isinstance(inspect.getattr_static(cls, name), _METHODS):
            continue
        close = get_close_matches(name, handlers, n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        msg = f"{cls.__name__} has {name}, which nothing calls{hint} Handlers: {', '.join(handlers)}"
        raise ConfigError(msg)


def is_on_columns(strategy: Any) -> bool:
    """Tell whether a strategy says what it wants on columns."""
    return callable(getattr(strategy, "signals", None))


def check_form(strategy: Any) -> None:
    """Refuse an object that is no strategy, or two kinds of one at once.

    Raises:
        ConfigError: naming the methods that it has, and what is allowed.
    """
    name = type(strategy).__name__
    handlers = [each for each in ("on_bar", "on_slice") if callable(getattr(strategy, each, None))]
    if is_on_columns(strategy):
        if handlers:
            found = f"{name} has signals(panel) and {' and '.join(handlers)}"
            msg = f"{found}; allowed is one form: on columns, or bar by bar"
            raise ConfigError(msg)
    elif not handlers:
        wanted = "neither on_bar(bar, context) nor on_slice(bars, context) nor signals(panel)"
        msg = f"{name} is no strategy: it has {wanted}"
        raise ConfigError(msg)


def _fits(value: Any, name: str) -> bool:
    return isinstance(value, _TAKES[name]) and (name == "bool" or not isinstance(value, bool))


def _names(annotation: Any) -> tuple[str, ...]:
    """Name the types that an annotation allows; none where it is not made of the simple ones."""
    if isinstance(annotation, str):
        # What could not be resolved is there as it was written.
        parts: tuple[Any, ...] = tuple(part.strip() for part in annotation.split("|"))
    elif get_origin(annotation) in (Union, types.UnionType):
        parts = tuple("None" if each is type(None) else each for each in get_args(annotation))
    else:
        parts = (annotation,)
    names = tuple(each if isinstance(each, str) else getattr(each, "__name__", "") for each in parts)
    is_simple = all(
        name in _TAKES and (isinstance(each, str) or each.__module__ == "builtins")
        for name, each in zip(names, parts, strict=True)
    )
    return names if is_simple else ()
