"""Names that a package offers and loads when first asked for, so that importing it costs next to nothing."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a package's `__getattr__`.

    Args:
        package: the package's `__name__`.
        homes: public names and the modules they live in; a module of that name stands for itself.
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            msg = f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(homes))}"
            raise AttributeError(msg)
        with _uncollected():
            module = import_module(home)
        value = module if home.rpartition(".")[2] == name else getattr(module, name)
        # The next access finds it as any attribute.
        setattr(sys.modules[package], name, value)
        return value

    return load


@contextmanager
def _uncollected() -> Iterator[None]:
    """Search for no cycles meanwhile: what an import makes stays, and is made by the hundred thousand."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
