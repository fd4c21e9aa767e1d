"""`qtrader init`: write a small project that runs at once."""

from __future__ import annotations

import tempfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from qtrader.errors import ConfigError

#: Files of the package that would be taken for code of the package carry this suffix.
_SUFFIX = ".template"


def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write; it must be new or empty.")],
) -> None:
    """Write a project with a configuration, a strategy and a README that runs at once."""
    if directory.exists() and not directory.is_dir():
        msg = f"{directory}: is a file; allowed is a folder that is new or empty"
        raise ConfigError(msg)
    if directory.is_dir() and (present := sorted(entry.name for entry in directory.iterdir())):
        msg = f"{directory}: holds {', '.join(present[:5])} already; allowed is a folder that is new or empty"
        raise ConfigError(msg)
    try:
        _write(directory)
    except OSError as error:
        msg = f"{directory}: cannot be written: {error}"
        raise ConfigError(msg) from error
    typer.echo(f"Wrote a project to {directory}. To run it:")
    step = "" if directory.resolve() == Path.cwd() else f"  cd {directory}\n"
    typer.echo(f"{step}  qtrader backtest config/system.yaml")


def _write(directory: Path) -> None:
    """Complete the files in a hidden folder, then move them up, so that no file is half there."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".writing-") as folder:
        for path, content in _templates(resources.files("qtrader") / "templates", Path()):
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for entry in sorted(Path(folder).iterdir()):
            entry.rename(directory / entry.name)


def _templates(folder: Traversable, path: Path) -> list[tuple[Path, bytes]]:
    found: list[tuple[Path, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.startswith("__"):
            continue
        if entry.is_dir():
            found += _templates(entry, path / entry.name)
        else:
            found.append((path / entry.name.removesuffix(_SUFFIX), entry.read_bytes()))
    return found
