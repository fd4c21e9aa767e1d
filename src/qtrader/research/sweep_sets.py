"""Strategy objects of parameter sets, made without checking everything anew for each.

What is the same for all sets (the class, its handlers, its parameters' names and types) is checked once. What
depends on the values together is the strategy's own `check()`, which is asked about every set; what it
refuses is kept with its reason.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from qtrader.errors import ConfigError, QTraderError, StrategyFailedError
from qtrader.libraries.strategies import LIBRARY
from qtrader.research.grid import shown
from qtrader.services.strategy.protocol import Strategy, StrategySpec, load
from qtrader.services.strategy.shape import annotations_of, check_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtrader.research.grid import ParameterSet

#: Defaults of these types can be shared by all objects.
_IMMUTABLE: Final = (type(None), bool, int, float, str, bytes, tuple, frozenset)


class Refused(Exception):  # noqa: N818 - it carries a value, which the caller keeps
    """The strategy refuses a set; the message says why."""


class SetMaker:
    """Make a strategy's objects for many parameter sets.

    Args:
        spec: the strategy, with the parameters that all sets share.

    Raises:
        ConfigError: it is given as an object, which has its parameters already, or cannot be found.
    """

    def __init__(self, spec: StrategySpec) -> None:
        found = load(spec.strategy, LIBRARY) if isinstance(spec.strategy, str) else spec.strategy
        if not inspect.isclass(found):
            name = type(found).__name__
            msg = f"sweep: {name} is given as an object, which has its parameters already; give the class"
            raise ConfigError(msg)
        self.spec = spec
        self.cls: type = found
        self._is_plain = (
            issubclass(found, Strategy)
            and inspect.getattr_static(found, "__init__") is Strategy.__init__
            and inspect.getattr_static(found, "__new__") is object.__new__
            and found.__setattr__ is object.__setattr__
        )
        self._seen: set[tuple[str, type]] = set()
        self._is_known = False
        self._annotations = _annotations(found, is_plain=self._is_plain)
        if self._is_plain:
            self._shared = {**found.parameters(), **spec.parameters}  # type: ignore[attr-defined]
            self._copied = [
                name
                for name, value in self._shared.items()
                if name not in spec.parameters and not isinstance(value, _IMMUTABLE)
            ]

    @property
    def defaults(self) -> dict[str, Any]:
        """The value that each parameter has where a set does not name it; only those that are known."""
        if self._is_plain:
            return dict(self._shared)
        parameters = inspect.signature(self.cls).parameters.values()
        known = {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
        return {**known, **self.spec.parameters}

    def spec_of(self, parameters: ParameterSet) -> StrategySpec:
        """Return the strategy with a set's parameters, as the engine takes it."""
        return replace(self.spec, parameters={**self.spec.parameters, **parameters})

    def check_values(self, sets: Iterable[ParameterSet]) -> None:
        """Refuse names and values that no set may have.

        Raises:
            ConfigError: naming strategy, parameter, what was found and what is allowed.
        """
        name_of, annotations, seen = self.cls.__name__, self._annotations, self._seen
        for parameters in sets:
            for name, value in parameters.items():
                # A value fits or not by its type alone.
                key = (name, type(value))
                if key in seen:
                    continue
                if annotations is not None and name not in annotations:
                    from qtrader.engine.config_errors import unknown

                    msg = f"sweep: {name_of}: {unknown('parameter', name, annotations)}"
                    raise ConfigError(msg)
                check_parameter(f"sweep: {name_of}", name, value, (annotations or {}).get(name))
                seen.add(key)

    def make(self, parameters: ParameterSet) -> Any:
        """Make the object of a set whose values have been checked.

        Raises:
            Refused: the strategy refuses the set.
            ConfigError: the class is no strategy.
            StrategyFailedError: making it failed otherwise.
        """
        try:
            made = self._made(parameters) if self._is_plain else self.spec_of(parameters).make(LIBRARY)
        except ConfigError as error:
            raise Refused(str(error)) from error
        except QTraderError:
            raise
        except Exception as cause:
            found = f"{type(cause).__name__}: {cause}"
            msg = f"sweep: {self.cls.__name__} cannot be made with {shown(parameters)}: {found}"
            raise StrategyFailedError(msg) from cause
        if not self._is_known:
            # What holds for the class is checked where one object is made as the engine makes it.
            self.spec_of(parameters).make(LIBRARY)
            self._is_known = True
        return made

    def _made(self, parameters: ParameterSet) -> Any:
        """Do what the base's constructor does, of which the checks have been done."""
        made: Any = object.__new__(self.cls)
        values = made.__dict__
        values.update(self._shared)
        for name in self._copied:
            values[name] = copy.deepcopy(values[name])
        values.update(parameters)
        made.check()
        return made


def _annotations(cls: Any, *, is_plain: bool) -> Mapping[str, Any] | None:
    """Return the parameters of a class and their annotations; None where it takes any name."""
    if is_plain:
        annotations: Mapping[str, Any] = cls._annotations()
        return annotations
    parameters = inspect.signature(cls).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return None
    own = annotations_of(inspect.getattr_static(cls, "__init__"))
    return {name: own.get(name) for name in parameters}
