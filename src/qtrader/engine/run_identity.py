"""What makes two runs the same: digests of configuration, strategies, data and version.

A run's id is derived from them unless it is given, so that the same inputs give the same ids, and an
identical run is recognised.
"""

from __future__ import annotations

import inspect
import sys
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtrader.services.strategy.protocol import StrategySpec

#: Members of a class that say nothing of what it does, or differ from run to run.
_UNSTABLE = frozenset(
    {
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__static_attributes__",
        "__weakref__",
    }
)
#: Folders whose modules an installed version stands for.
_INSTALLED = tuple(Path(folder) for folder in {sys.prefix, sys.base_prefix, sys.exec_prefix})
_OWN_PACKAGE = Path(__file__).parents[1]


def digest(*parts: str) -> str:
    """Return the BLAKE2b digest of texts as 32 hexadecimal characters."""
    return blake2b("\x1f".join(f"{len(part)}:{part}" for part in parts).encode(), digest_size=16).hexdigest()


def derive_run_id(config_digest: str, strategies: str, data: str, version: str) -> str:
    """Derive a run's id: the first 16 characters of the digest of all that decides."""
    return digest(config_digest, strategies, data, version)[:16]


def strategy_digest(spec: StrategySpec, made: Any) -> str:
    """Digest a strategy: its id, what it sees, the code that it runs, and what it holds before the run.

    Its code is its class's and, as functions and constants beside a class decide too, all modules of the user
    that can be reached from there. Installed modules and QTrader's own are left to their versions. A class
    made in a function or typed into an interpreter is told by its code and by what that closed over.
    """
    return digest(spec.identifier, repr(spec.symbols), repr(spec.intervals), *_parts(made))


def object_digest(made: Any) -> str:
    """Digest an object of the user's own, for example a cost model, as a strategy is."""
    return digest(*_parts(made))


def _parts(made: Any) -> list[str]:
    cls = type(made)
    values = _text(_state(made))
    classes = [_class_text(each) for each in cls.__mro__ if _is_users(inspect.getmodule(each))]
    modules = [_source_of(module) for module in _users_modules(cls)]
    return [cls.__qualname__, *classes, *modules, values]


def _state(made: Any) -> Any:
    """Return what an object holds, in attributes and in slots."""
    held = dict(vars(made)) if hasattr(made, "__dict__") else {}
    for each in type(made).__mro__:
        slots = vars(each).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name != "__dict__" and hasattr(made, name):
                held[name] = getattr(made, name)
    return held


def _users_modules(cls: type) -> list[ModuleType]:
    """Return the modules of the user that a class's own leads to, by name.

    A notebook or an interpreter is a module that grows while one works; it has no source to read.
    """
    found: dict[str, ModuleType] = {}
    waiting = [module for each in cls.__mro__ if (module := inspect.getmodule(each)) is not None]
    while waiting:
        module = waiting.pop()
        if module.__name__ in found or not _is_users(module) or not _source_of(module):
            continue
        found[module.__name__] = module
        for value in tuple(vars(module).values()):
            home = value if isinstance(value, ModuleType) else sys.modules.get(_module_name(value))
            if home is not None:
                waiting.append(home)
    return [found[name] for name in sorted(found)]


def _module_name(value: Any) -> str:
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


def _is_users(module: ModuleType | None) -> bool:
    """Tell a module of the user from an installed one; without a file it was typed in."""
    if (
        module is None
        or module.__name__ in sys.builtin_module_names
        or module.__name__ in sys.stdlib_module_names
    ):
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ == "__main__"
    path = Path(file)
    return not any(path.is_relative_to(folder) for folder in (*_INSTALLED, _OWN_PACKAGE))


def _class_text(cls: type) -> str:
    """Write a class by its members: functions by their code and what it closed over, the rest by value."""
    members = ((name, value) for name, value in sorted(vars(cls).items()) if name not in _UNSTABLE)
    return "\n".join(f"{name}={_text(value)}" for name, value in members)


def _source_of(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return ""


def _code_text(code: CodeType) -> str:
    # Bytecode differs from one Python to the next; it stands in only for what was typed in without a file.
    return _source_of(code) or f"{code.co_code.hex()}{code.co_names!r}{_text(code.co_consts)}"


def _function_text(function: FunctionType) -> str:
    held = []
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            # A cell that is not filled yet holds nothing that could decide.
            continue
    return f"{_code_text(function.__code__)}{_text(function.__defaults__)}{_text(held)}"


def _text(value: Any) -> str:  # noqa: PLR0911 - one line for each kind of value
    """Write a value without addresses, which differ from run to run."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_text(item) for item in value) + "]"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(_text(item) for item in value)) + "}"
    if isinstance(value, (staticmethod, classmethod)):
        return _text(value.__func__)
    if isinstance(value, property):
        return _text([value.fget, value.fset])
    if isinstance(value, FunctionType):
        return _function_text(value)
    if isinstance(value, CodeType):
        return _code_text(value)
    text = repr(value)
    return type(value).__qualname__ if " at 0x" in text else text
