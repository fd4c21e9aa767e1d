"""The parameter sets of a sweep: every combination of a grid, or a list of sets.

Sets stand in the order in which they are asked for: in a grid the last parameter varies fastest, as in nested
loops written in the grid's order. Values of NumPy become those of Python. Nothing is left out in silence: a
value or a set that stands twice is an error, and what a constraint leaves out is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Final

from qtrader.errors import ConfigError

#: Sets that one sweep runs at most; a table of more is no longer read by anybody.
MOST_SETS: Final = 1_000_000

#: Parameters of one set, by name.
ParameterSet = dict[str, Any]
#: Says whether a set is wanted.
Constraint = Callable[[Mapping[str, Any]], bool]

_NUMBERS: Final = (bool, int, float, str, type(None))


@dataclass(frozen=True, slots=True)
class AskedSets:
    """The sets of a grid or list in order, and how many a constraint left out."""

    sets: tuple[ParameterSet, ...]
    left_out: int = 0


def asked_sets(parameters: Any, constraint: Constraint | None = None) -> AskedSets:
    """Give the sets that somebody asks for.

    Args:
        parameters: a mapping of parameters to their values (a list, a range, an array, or one value), of
            which every combination is meant, or a list of mappings, each of which is one set.
        constraint: says of a set whether it is wanted, for example `lambda p: p["fast"] < p["slow"]`.

    Raises:
        ConfigError: naming parameter and value: no value, a value or a set twice, too many sets, or none
            left.
    """
    if isinstance(parameters, Mapping):
        found = _combinations(parameters)
    elif isinstance(parameters, (list, tuple)):
        found = _listed(parameters)
    else:
        msg = (
            f"sweep: parameters is a {type(parameters).__name__}; allowed is a mapping of parameters to "
            "values, a list of mappings, or a sampler"
        )
        raise ConfigError(msg)
    if constraint is None:
        return AskedSets(tuple(found))
    wanted = tuple(one for one in found if is_wanted(constraint, one))
    left_out = len(found) - len(wanted)
    if not wanted:
        msg = (
            f"sweep: the constraint leaves none of {left_out:,} sets, the first of which is {shown(found[0])}"
        )
        raise ConfigError(msg)
    return AskedSets(wanted, left_out)


def is_wanted(constraint: Constraint, parameters: ParameterSet) -> bool:
    """Ask a constraint about a set.

    Raises:
        ConfigError: the constraint raised; names the set.
    """
    try:
        return bool(constraint(dict(parameters)))
    except Exception as cause:
        found = f"{type(cause).__name__}: {cause}"
        msg = f"sweep: the constraint failed for {shown(parameters)}: {found}"
        raise ConfigError(msg) from cause


def shown(parameters: Mapping[str, Any]) -> str:
    """Write a set as a person does: `fast=5, slow=50`."""
    return ", ".join(f"{name}={value!r}" for name, value in parameters.items()) or "no parameter"


def identity_of(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what is equal for equal sets, whatever the order of their parameters."""
    return tuple(sorted((name, *value_identity(value)) for name, value in parameters.items()))


def value_identity(value: Any) -> tuple[str, str]:
    """Return what is equal for equal values; 10 and 10.0 are equal, 1 and true are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return type(value).__name__, repr(value)


def plain(value: Any) -> Any:
    """Turn a scalar of NumPy into Python's own."""
    if isinstance(value, _NUMBERS) and type(value) in _NUMBERS:
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def _combinations(grid: Mapping[str, Any]) -> list[ParameterSet]:
    if not grid:
        msg = 'sweep: the grid is empty; name at least one parameter, for example {"fast": range(5, 45, 2)}'
        raise ConfigError(msg)
    values = {_name(name): _values(name, given) for name, given in grid.items()}
    count = 1
    for each in values.values():
        count *= len(each)
    if count > MOST_SETS:
        factors = " x ".join(f"{name} ({len(each):,})" for name, each in values.items())
        msg = (
            f"sweep: {factors} are {count:,} sets; allowed are {MOST_SETS:,}: take fewer values, or "
            "a RandomSampler, which draws some of them"
        )
        raise ConfigError(msg)
    names = tuple(values)
    return [dict(zip(names, each, strict=True)) for each in product(*values.values())]


def _name(name: Any) -> str:
    if not isinstance(name, str):
        msg = f"sweep: a parameter is named {name!r}; allowed is a text"
        raise ConfigError(msg)
    return name


def _values(name: str, given: Any) -> list[Any]:
    if isinstance(given, (str, bytes, bool, int, float, Mapping)) or given is None:
        return [given]
    if isinstance(given, (set, frozenset)):
        msg = f"sweep: {name}: a set has no order, and sets are run in order; give a list, or sorted(...)"
        raise ConfigError(msg)
    if not isinstance(given, Iterable):
        return [plain(given)]
    found = [plain(value) for value in islice(given, MOST_SETS + 1)]
    if not found:
        msg = f"sweep: {name} has no value; give at least one"
        raise ConfigError(msg)
    seen: dict[tuple[str, str], int] = {}
    for place, value in enumerate(found):
        first = seen.setdefault(value_identity(value), place)
        if first != place:
            msg = (
                f"sweep: {name}: {value!r} stands at places {first + 1} and {place + 1}; give each value once"
            )
            raise ConfigError(msg)
    return found


def _listed(given: Sequence[Any]) -> list[ParameterSet]:
    if not given:
        msg = 'sweep: the list of sets is empty; give at least one, for example {"fast": 5, "slow": 50}'
        raise ConfigError(msg)
    if len(given) > MOST_SETS:
        msg = f"sweep: {len(given):,} sets are listed; allowed are {MOST_SETS:,}"
        raise ConfigError(msg)
    found: list[ParameterSet] = []
    seen: dict[tuple[Any, ...], int] = {}
    for place, entry in enumerate(given):
        parameters = as_set(entry, f"sweep: set {place}")
        first = seen.setdefault(identity_of(parameters), place)
        if first != place:
            msg = f"sweep: sets {first} and {place} are the same: {shown(parameters)}; give each set once"
            raise ConfigError(msg)
        found.append(parameters)
    return found


def as_set(entry: Any, place: str) -> ParameterSet:
    """Understand one set.

    Raises:
        ConfigError: it is no mapping, or its keys are no names; begins with `place`.
    """
    if not isinstance(entry, Mapping):
        msg = f"{place} is {entry!r:.80}; allowed is a mapping of parameters to values"
        raise ConfigError(msg)
    return {_name(name): plain(value) for name, value in entry.items()}
