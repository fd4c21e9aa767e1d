"""Indicators on columns, computed once for the same bars and the same parameters.

Results are kept with the tape that they were computed from and go with it; per tape, those used longest ago
are forgotten where they become too large together. What tells two indicators apart is everything that they
hold and the classes of it, so that one is never taken for another; one that cannot be told is computed anew.
"""

from __future__ import annotations

import inspect
import io
import pickle
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

from qtrader.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from qtrader.market.tape import Tape

Columns_co = TypeVar("Columns_co", covariant=True)

#: What an indicator may take, in the signal series.
PRICES: Final = ("open", "high", "low", "close")
_SHIPPED: Final = "qtrader.libraries.indicators."
#: Results kept for one tape, in bytes.
KEPT_BYTES: Final = 512 * 2**20


class ColumnIndicator(Protocol[Columns_co]):
    """An indicator that gives, for whole columns of prices, a column or a named tuple of columns."""

    @property
    def on_columns(self) -> Callable[..., Columns_co]:
        """Takes one column for each price that the indicator follows."""
        ...


def inputs_of(indicator: Any) -> tuple[str, ...]:
    """Return the prices that an indicator's `on_columns` takes.

    Raises:
        StrategyError: it has none, or takes what is no price.
    """
    name = type(indicator).__name__
    method = getattr(indicator, "on_columns", None)
    if not callable(method):
        msg = f"panel: {name} has no on_columns(values); an indicator on columns needs it"
        raise StrategyError(msg)
    taken = _names_taken(method)
    if len(taken) == 1 and taken[0] not in PRICES:
        taken = (getattr(indicator, "field", "close"),)
    unknown = [each for each in taken if each not in PRICES]
    if unknown or not taken:
        found = ", ".join(unknown) or "nothing"
        msg = f"panel: {name}.on_columns takes {found}; allowed is one column, or some of {', '.join(PRICES)}"
        raise StrategyError(msg)
    return taken


def _names_taken(method: Any) -> tuple[str, ...]:
    # Reading a signature takes longer than everything else that a kept column costs.
    function = getattr(method, "__func__", None)
    names = _names.get(function) if function is not None else None
    if names is None:
        names = tuple(inspect.signature(method).parameters)
        if function is not None:
            _names[function] = names
    return names


def as_columns(found: Any) -> tuple[Any, ...]:
    """Return an indicator's columns, of which it may have one or several."""
    return found if isinstance(found, tuple) else (found,)


class _Result:
    """A result and the lock under which it is computed once."""

    __slots__ = ("columns", "is_there", "lock", "size")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_there = False
        self.columns: Any = None
        self.size = 0


_names: WeakKeyDictionary[Any, tuple[str, ...]] = WeakKeyDictionary()
_lock = threading.Lock()
_kept: WeakKeyDictionary[Tape, OrderedDict[Hashable, _Result]] = WeakKeyDictionary()


def kept_columns(tape: Tape, place: Hashable, indicator: Any, compute: Callable[[], Any]) -> Any:
    """Return what was computed for an indicator at a place of a tape, or compute it; any thread may ask."""
    identity = identity_of(indicator)
    if identity is None:
        return compute()
    key = (place, identity)
    with _lock:
        results = _kept.get(tape)
        if results is None:
            results = _kept[tape] = OrderedDict()
        result = results.get(key)
        if result is None:
            result = results[key] = _Result()
        else:
            results.move_to_end(key)
            if result.is_there:
                return result.columns
    with result.lock:
        if not result.is_there:
            result.columns = compute()
            result.size = sum(column.nbytes for column in as_columns(result.columns))
            result.is_there = True
            with _lock:
                _forget(results)
        return result.columns


def _forget(results: OrderedDict[Hashable, _Result]) -> None:
    """Forget the results used longest ago, so that the others stay within bounds."""
    total = sum(result.size for result in results.values())
    while total > KEPT_BYTES and len(results) > 1:
        total -= results.popitem(last=False)[1].size


def identity_of(indicator: Any) -> Hashable | None:
    """Return what tells an indicator from others; None where that cannot be said."""
    kind = type(indicator)
    if kind.__module__.startswith(_SHIPPED) and hasattr(kind, "parameter_names"):
        # On columns these depend on their parameters alone, whatever they have seen bar by bar.
        return (kind, indicator.field, *[getattr(indicator, name) for name in kind.parameter_names])
    written = io.BytesIO()
    pickler = _Pickler(written)
    try:
        pickler.dump(indicator)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return None
    # A class goes by its name in a pickle, and there may be two of a name.
    return (written.getvalue(), tuple(pickler.kinds))


class _Pickler(pickle.Pickler):
    """Write what an object holds, and remember the classes and functions of it."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.kinds: list[Any] = []

    def reducer_override(self, held: Any) -> Any:
        self.kinds.append(held if hasattr(held, "__qualname__") else type(held))
        return NotImplemented
