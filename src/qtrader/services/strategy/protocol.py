"""What a strategy is, and how one is found and made.

A strategy is any object with an `on_bar(bar, context)` or an `on_slice(bars, context)`, or with
`signals(panel)` instead of both; the other handlers are optional. `Strategy` is a convenient base: annotated
class attributes are its parameters, and a wrong parameter is an error that lists the right ones.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from qtrader.errors import ConfigError, StrategyFailedError
from qtrader.market.intervals import in_order
from qtrader.services.strategy.shape import annotations_of, check_form, check_handlers, check_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtrader.events.events import (
        FillEvent,
        OrderRequestRejectedEvent,
        OrderUpdateEvent,
        PriceBarEvent,
        SignalRejectedEvent,
    )
    from qtrader.services.strategy.context import Context

#: The handlers a strategy may have; it needs one of the first two, or `signals(panel)` instead of both.
HANDLERS = (
    "on_bar",
    "on_slice",
    "on_start",
    "on_fill",
    "on_order",
    "on_refusal",
    "on_request_refusal",
    "on_stop",
)


class BarStrategy(Protocol):
    """The smallest strategy: one handler."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Handle a bar that has just closed."""
        ...


class Strategy:
    """Base of strategies: its annotated attributes with defaults are its parameters.

    Example:
        >>> class Dip(Strategy):
        ...     lookback: int = 20
        >>> Dip(lookback=50).lookback
        50
    """

    def __init__(self, **parameters: Any) -> None:
        known = self.parameters()
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise ConfigError(_unknown_parameters(type(self).__name__, unknown, sorted(known)))
        annotations = self._annotations()
        for name, value in parameters.items():
            check_parameter(type(self).__name__, name, value, annotations[name])
        for name, default in known.items():
            setattr(self, name, parameters[name] if name in parameters else copy.deepcopy(default))
        self.check()

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Return the parameters and their defaults."""
        return {name: getattr(cls, name) for name in cls._annotations()}

    @classmethod
    def _annotations(cls) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            for name, annotation in annotations_of(base).items():
                is_public = not name.startswith("_") and hasattr(base, name)
                if is_public and not _is_class_variable(annotation):
                    found[name] = annotation
        return found

    def check(self) -> None:
        """Refuse parameters that make no sense together by raising `ConfigError`; called when it is made."""

    def on_start(self, context: Context) -> None:
        """Prepare before the first bar."""

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        """Handle a fill of one of this strategy's orders."""

    def on_order(self, update: OrderUpdateEvent, context: Context) -> None:
        """Handle a step in the life of one of this strategy's orders."""

    def on_refusal(self, refusal: SignalRejectedEvent, context: Context) -> None:
        """Handle the refusal of one of this strategy's signals."""

    def on_request_refusal(self, refusal: OrderRequestRejectedEvent, context: Context) -> None:
        """Handle the refusal to cancel or modify an order."""

    def on_stop(self, context: Context) -> None:
        """Finish after the last bar; signals are no longer possible."""


@dataclass(frozen=True)
class StrategySpec:
    """A strategy as somebody asked for it.

    Args:
        strategy: a class, an instance (copied for each run) or "module:Class".
        strategy_id: its name in events; by default the class's name in snake case without "Strategy".
        parameters: keyword arguments of the class; not allowed with an instance.
        symbols: the symbols whose bars it sees; all without any.
        intervals: the intervals of which it sees bars ("1d", or several); all without any. Finer bars are
            then only met by its orders.

    Raises:
        ConfigError: a name is not an interval.
    """

    strategy: Any
    strategy_id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    symbols: tuple[str, ...] | None = None
    intervals: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Write the intervals in one way: each once, the finest first."""
        object.__setattr__(self, "intervals", _intervals(self.intervals))

    @property
    def identifier(self) -> str:
        """The strategy's id in events."""
        if self.strategy_id:
            return self.strategy_id
        found = self.strategy
        if isinstance(found, str):
            return default_id(found.rpartition(":")[2])
        return default_id((found if inspect.isclass(found) else type(found)).__name__)

    def make(self, library: Mapping[str, str]) -> Any:
        """Make the strategy object of one run.

        Args:
            library: names of shipped strategies and where they are ("module:Class").

        Raises:
            ConfigError: it cannot be found, takes no such parameter or value, has no handler, has both forms
                at once, or has a method that is named like a handler.
        """
        found = load(self.strategy, library) if isinstance(self.strategy, str) else self.strategy
        made = (
            _construct(found, self.parameters) if inspect.isclass(found) else _copied(found, self.parameters)
        )
        check_handlers(made, HANDLERS, made.parameters() if isinstance(made, Strategy) else ())
        check_form(made)
        return made


def default_id(class_name: str) -> str:
    """Name a strategy after its class: `SMADualCrossStrategy` is `sma_dual_cross`."""
    stem = class_name.removesuffix("Strategy") or class_name
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem)
    return words.lower().strip("_")


def _intervals(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    found = in_order([given] if isinstance(given, str) else given)
    if not found:
        msg = "intervals is empty; name at least one, for example 1d, or leave it out for all"
        raise ConfigError(msg)
    return found


def specs_of(
    strategies: Any,
    parameters: Mapping[str, Any] | None = None,
    intervals: Iterable[str] | str | None = None,
) -> tuple[StrategySpec, ...]:
    """Understand what a user hands over: one strategy or several, as classes, instances, strings or specs.

    Args:
        strategies: as they were given.
        parameters: of the only one.
        intervals: those that all of them see.

    Raises:
        ConfigError: parameters are given for several strategies at once, or two have the same id.
    """
    given: Sequence[Any] = strategies if isinstance(strategies, (list, tuple)) else [strategies]
    if parameters and len(given) != 1:
        msg = "parameters= belongs to one strategy; for several give StrategySpec(…, parameters=…) for each"
        raise ConfigError(msg)
    if parameters and isinstance(given[0], StrategySpec):
        msg = "parameters= would be lost beside a StrategySpec; give the parameters in the StrategySpec"
        raise ConfigError(msg)
    specs = tuple(
        s if isinstance(s, StrategySpec) else StrategySpec(s, parameters=parameters or {}) for s in given
    )
    if intervals is not None:
        named = [spec.identifier for spec in specs if spec.intervals is not None]
        if named:
            msg = f"strategy {named[0]!r} names its intervals itself; give them there, or intervals= for all"
            raise ConfigError(msg)
        specs = tuple(replace(spec, intervals=_intervals(intervals)) for spec in specs)
    if not specs:
        msg = "no strategy is given"
        raise ConfigError(msg)
    names = [spec.identifier for spec in specs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"two strategies have the id {repeated[0]!r}; give each its own strategy_id"
        raise ConfigError(msg)
    return specs


def load(reference: str, library: Mapping[str, str]) -> Any:
    """Find a strategy class by a shipped name or by "module:Class".

    Raises:
        ConfigError: naming what was looked for, where, and what is there.
        StrategyFailedError: the module was found, and importing it raised.
    """
    target = library.get(reference, reference)
    module_name, colon, class_name = target.partition(":")
    if not colon:
        shipped = ", ".join(sorted(library))
        msg = f'strategy {reference!r} is not shipped; give "module:Class" or one of {shipped}'
        raise ConfigError(msg)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as cause:
        if cause.name is None or not (module_name == cause.name or module_name.startswith(f"{cause.name}.")):
            raise _import_failure(reference, module_name, cause) from cause
        msg = f"strategy {reference!r}: there is no module {cause.name!r} on the import path"
        raise ConfigError(msg) from cause
    except Exception as cause:
        raise _import_failure(reference, module_name, cause) from cause
    found = getattr(module, class_name, None)
    if found is None:
        classes = sorted(
            n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module_name
        )
        known = ", ".join(classes) or "none"
        msg = f"strategy {reference!r}: module {module_name!r} has no {class_name!r}; its classes are {known}"
        raise ConfigError(msg)
    return found


def _is_class_variable(annotation: Any) -> bool:
    return "ClassVar" in str(annotation) or getattr(annotation, "__origin__", None) is ClassVar


def _import_failure(reference: str, module_name: str, cause: Exception) -> StrategyFailedError:
    found = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    return StrategyFailedError(f"strategy {reference!r}: importing module {module_name!r} failed: {found}")


def _construct(cls: type, parameters: Mapping[str, Any]) -> Any:
    # Its own constructor, if it has one, need not have called the base's.
    has_own = inspect.getattr_static(cls, "__init__") is not Strategy.__init__
    if has_own:
        signature = inspect.signature(cls)
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
        unknown = [] if takes_any else sorted(set(parameters) - set(signature.parameters))
        if unknown:
            raise ConfigError(_unknown_parameters(cls.__name__, unknown, list(signature.parameters)))
        annotations = annotations_of(inspect.getattr_static(cls, "__init__"))
        for name, value in parameters.items():
            check_parameter(cls.__name__, name, value, annotations.get(name))
    try:
        made = cls(**parameters)
        if has_own and isinstance(made, Strategy):
            made.check()
    except TypeError as cause:
        msg = f"{cls.__name__} cannot be made with parameters {dict(parameters)}: {cause}"
        raise ConfigError(msg) from cause
    return made


def _copied(instance: Any, parameters: Mapping[str, Any]) -> Any:
    if parameters:
        names = ", ".join(sorted(parameters))
        name = type(instance).__name__
        msg = f"{name} is given as an instance, so parameters ({names}) cannot apply; give the class"
        raise ConfigError(msg)
    made = copy.deepcopy(instance)
    if isinstance(made, Strategy):
        made.check()
    return made


def _unknown_parameters(name: str, unknown: Sequence[str], known: Sequence[str]) -> str:
    found = ", ".join(map(repr, unknown))
    if not known:
        return f"{name} has no parameter {found}; parameters are annotated: {unknown[0]}: int = 10"
    return f"{name} has no parameter {found}; its parameters are {', '.join(known)}"
