"""What a strategy can reach beside its context: globals, closures, attributes, caches.

A strategy's code is followed from its class through the functions, classes and modules of the user that it
names. What is found there is put back before each run, so that no run begins with what another has left, and
is changed together with the tape.
"""

from __future__ import annotations

import builtins
import copy
import functools
import inspect
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from qtrader.sample import SampleData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

    from qtrader.engine.lookahead_values import DataChanger

_MISSING: Final = object()
#: Folders whose modules nobody writes for a strategy.
FOREIGN: Final = (
    *(Path(folder) for folder in {sys.prefix, sys.base_prefix, sys.exec_prefix}),
    Path(__file__).parents[1],
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that holds a value: a global, an attribute, a cell of a closure.

    Attributes:
        name: what a person calls it.
        read: returns its value, or a marker where it holds none.
        write: replaces its value.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


class _Original:
    """What a place held at first, and what was in it."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._value = slot.read()
        self._content = _copied(self._value)

    def put_back(self) -> None:
        """Give the place its value, and a plain container what was in it: others may hold it too."""
        value = self._value
        if isinstance(value, dict):
            value.clear()
            value.update(_copied(self._content))
        elif isinstance(value, list):
            value[:] = _copied(self._content)
        elif isinstance(value, set):
            value.clear()
            value.update(_copied(self._content))
        if self._slot.read() is not value:
            self._slot.write(value)


class Reach:
    """Everything that strategies can reach through their code.

    Args:
        strategies: classes or instances.
    """

    def __init__(self, strategies: Iterable[Any]) -> None:
        self.slots: list[Slot] = []
        self._caches: list[Callable[[], None]] = []
        #: Namespaces that code may add names to: their names at first, and how to remove one.
        self._owners: list[tuple[Any, frozenset[str], Callable[[str], Any]]] = []
        self._held: set[tuple[int, str]] = set()
        #: What has been followed, by id; kept alive, so that no other object takes its id.
        self._seen: dict[int, Any] = {}
        for strategy in strategies:
            cls = strategy if inspect.isclass(strategy) else type(strategy)
            self._follow(strategy, cls.__name__)
        self._originals = [_Original(slot) for slot in self.slots]

    def put_back(self) -> None:
        """Make every place what it was at first, and empty the caches of functions."""
        for owner, names, remove in self._owners:
            for name in set(vars(owner)) - names:
                if not name.startswith("__"):
                    remove(name)
        for original in self._originals:
            original.put_back()
        for clear in self._caches:
            clear()

    @contextmanager
    def changed(self, changer: DataChanger) -> Iterator[None]:
        """Change the data in every place, and put back what was there at the end."""
        self.put_back()
        try:
            for slot in self.slots:
                value = slot.read()
                new = changer.changed(value, slot.name)
                if new is not value:
                    slot.write(new)
            yield
        finally:
            self.put_back()

    def _follow(self, value: Any, name: str) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if inspect.isclass(value):
            self._follow_class(value)
        elif isinstance(value, FunctionType):
            self._follow_function(value, name)
        elif isinstance(value, functools.partial):
            self._follow(value.func, name)
        elif isinstance(value, MethodType):
            self._follow(value.__func__, name)
            self._follow(value.__self__, name)
        elif hasattr(value, "cache_clear") and hasattr(value, "__wrapped__"):
            self._caches.append(value.cache_clear)
            self._follow(value.__wrapped__, name)
        elif hasattr(value, "__dict__") and (_is_users(type(value)) or isinstance(value, SampleData)):
            self._follow(type(value), type(value).__name__)
            self._owners.append((value, frozenset(vars(value)), vars(value).pop))
            for key in list(vars(value)):
                self._hold(f"{name}.{key}", vars(value), key)

    def _follow_class(self, cls: type) -> None:
        for each in cls.__mro__:
            if not _is_users(each) or issubclass(each, Enum):
                continue
            self._owners.append((each, frozenset(vars(each)), functools.partial(delattr, each)))
            for key, member in list(vars(each).items()):
                plain = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
                if callable(plain):
                    self._follow(plain, f"{each.__name__}.{key}")
                elif not key.startswith("__") and not inspect.isdatadescriptor(member):
                    self._add(_attribute(f"{each.__name__}.{key}", each, key))

    def _follow_function(self, function: FunctionType, name: str) -> None:
        if not _is_users(function):
            return
        names = _names(function.__code__)
        for key in sorted(names):
            self._name_in(function.__globals__, key, names)
        for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._add(_cell(key, cell))
        if function.__defaults__:
            self._add(_defaults(f"{name}'s defaults", function))

    def _name_in(self, namespace: dict[str, Any], key: str, names: set[str]) -> None:
        value = namespace.get(key, _MISSING)
        if isinstance(value, ModuleType):
            if _is_users(value):
                for inner in sorted(names & set(vars(value))):
                    if not isinstance(vars(value)[inner], ModuleType):
                        self._name_in(vars(value), inner, names)
        # A name that is missing now may be bound during a run; it is unbound again.
        elif key in namespace or not hasattr(builtins, key):
            self._hold(key, namespace, key)

    def _hold(self, name: str, namespace: MutableMapping[str, Any], key: str) -> None:
        if callable(namespace.get(key)):
            self._follow(namespace[key], name)
        elif (id(namespace), key) not in self._held:
            self._held.add((id(namespace), key))
            self._add(_item(name, namespace, key))

    def _add(self, slot: Slot) -> None:
        self.slots.append(slot)
        value = slot.read()
        if value is not _MISSING:
            self._follow(value, slot.name)


def _names(code: CodeType) -> set[str]:
    """Return the global names and attributes that code mentions, functions inside it included."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _is_users(thing: Any) -> bool:
    """Tell what a user wrote from what is installed; a class or function is judged by its module."""
    module = thing if isinstance(thing, ModuleType) else sys.modules.get(getattr(thing, "__module__", ""))
    if module is None:
        return True
    if module.__name__ in sys.builtin_module_names or module.__name__ in sys.stdlib_module_names:
        return module.__name__ == "__main__"
    file = getattr(module, "__file__", None)
    return file is None or not any(Path(file).is_relative_to(folder) for folder in FOREIGN)


def _copied(value: Any) -> Any:
    """Copy a plain container with all that it holds; anything else is itself."""
    if not isinstance(value, (dict, list, set)):
        return value
    try:
        return copy.deepcopy(value)
    except TypeError:
        # It holds what cannot be copied, a lock or a module: then only the container is.
        return copy.copy(value)


def _item(name: str, namespace: MutableMapping[str, Any], key: str) -> Slot:
    def write(value: Any) -> None:
        if value is _MISSING:
            namespace.pop(key, None)
        else:
            namespace[key] = value

    return Slot(name, lambda: namespace.get(key, _MISSING), write)


def _attribute(name: str, cls: type, key: str) -> Slot:
    return Slot(name, lambda: vars(cls).get(key, _MISSING), lambda value: setattr(cls, key, value))


def _defaults(name: str, function: FunctionType) -> Slot:
    def write(value: Any) -> None:
        function.__defaults__ = value

    return Slot(name, lambda: function.__defaults__, write)


def _cell(name: str, cell: CellType) -> Slot:
    def read() -> Any:
        try:
            return cell.cell_contents
        except ValueError:
            return _MISSING

    def write(value: Any) -> None:
        if value is _MISSING:
            del cell.cell_contents
        else:
            cell.cell_contents = value

    return Slot(name, read, write)
