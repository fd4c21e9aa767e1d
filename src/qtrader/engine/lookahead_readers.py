"""Reading data during a check: what is read is changed like the tape, and modules are imported anew.

While a changed run is made, QTrader's own loaders and the common readers of polars, pandas and NumPy give the
other future. Python's `open`, databases and the network are left alone: what comes from there is the same in
every run, and nothing here can tell.
"""

from __future__ import annotations

import functools
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import qtrader.engine.inputs
import qtrader.services.data.memory
from qtrader.engine.lookahead_changes import Change, change_data
from qtrader.engine.lookahead_reach import FOREIGN
from qtrader.services.data.service import DataService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qtrader.engine.lookahead_values import DataChanger

#: Readers by module; one that is not imported is not used either.
READERS: Final = {
    "polars": (
        "read_csv", "read_parquet", "read_ipc", "read_json", "read_ndjson", "read_excel",
        "scan_csv", "scan_parquet", "scan_ipc", "scan_ndjson",
    ),
    "pandas": (
        "read_csv", "read_parquet", "read_feather", "read_json", "read_excel", "read_pickle", "read_table",
    ),
    "numpy": ("load", "loadtxt", "genfromtxt"),
}  # fmt: skip


class _Nesting:
    """Tell whether a loader of QTrader is at work, whose own reading must not be changed twice."""

    depth = 0


@contextmanager
def changed_readers(changer: DataChanger, change: Change) -> Iterator[None]:
    """Let everything that is read through the known readers be of the other future."""
    nesting = _Nesting()
    with ExitStack() as stack:
        for library, names in READERS.items():
            module = sys.modules.get(library)
            for name in names if module is not None else ():
                reader = _changed_reader(getattr(module, name), f"{library}.{name}", changer, nesting)
                stack.enter_context(_replaced(module, name, reader))
        for owner, name in (
            (DataService, "load"),
            (qtrader.services.data.memory, "load_frame"),
            (qtrader.engine.inputs, "find_prepared"),
        ):
            loader = _changed_loader(getattr(owner, name), change, nesting)
            stack.enter_context(_replaced(owner, name, loader))
        yield


def _changed_reader(
    reader: Callable[..., Any], name: str, changer: DataChanger, nesting: _Nesting
) -> Callable[..., Any]:
    @functools.wraps(reader)
    def read(*arguments: Any, **options: Any) -> Any:
        found = reader(*arguments, **options)
        if nesting.depth:
            return found
        source = next((str(each) for each in arguments if isinstance(each, (str, Path))), "")
        return changer.changed(found, f"{name}({Path(source).name})")

    return read


def _changed_loader(loader: Callable[..., Any], change: Change, nesting: _Nesting) -> Callable[..., Any]:
    @functools.wraps(loader)
    def load(*arguments: Any, **options: Any) -> Any:
        nesting.depth += 1
        try:
            found = loader(*arguments, **options)
        finally:
            nesting.depth -= 1
        # One loader may use another: the outermost changes. Of prepared data there may be none.
        return found if nesting.depth or found is None else change_data(found, change)

    return load


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def imported_anew(names: Iterable[str]) -> Iterator[None]:
    """Forget modules, and those beside them, so that they are imported again; then put them back."""
    folders = {folder for name in names if (folder := _folder_of(name)) is not None}
    forgotten = {
        name: module
        for name, module in list(sys.modules.items())
        if name != "__main__" and any(_lies_in(module, folder) for folder in folders)
    }
    for name in forgotten:
        del sys.modules[name]
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if name != "__main__" and any(_lies_in(module, folder) for folder in folders):
                del sys.modules[name]
        sys.modules.update(forgotten)


def _folder_of(name: str) -> Path | None:
    """Return the folder from which a module's package was imported; None for what is installed."""
    top = sys.modules.get(name.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    return None if any(path.is_relative_to(each) for each in FOREIGN) else folder


def _lies_in(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    path = Path(file)
    return path.is_relative_to(folder) and not any(path.is_relative_to(each) for each in FOREIGN)
