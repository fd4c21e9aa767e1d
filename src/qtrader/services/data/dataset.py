"""The files of a source, and how each one is opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from qtrader.services.data.loading import symbol_of_file
from qtrader.services.data.partitions import partition_symbol
from qtrader.services.data.readers import read_file
from qtrader.services.data.selection import Opener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qtrader.services.data.source import DataSource


class DataFile(NamedTuple):
    """A file of bars, and what notes call it."""

    path: Path
    shown: str


class SourceFiles(NamedTuple):
    """A source, and the files that it is made of in the order in which they are read."""

    name: str
    source: DataSource
    files: Sequence[DataFile]

    @classmethod
    def of(
        cls, name: str, source: DataSource, files: Sequence[Path], shown: Callable[[Path], str]
    ) -> SourceFiles:
        """Name files as they are shown."""
        return cls(name, source, [DataFile(file, shown(file)) for file in files])

    @property
    def openers(self) -> list[Opener]:
        """How each file is opened."""
        return [opener_of(file, self.source) for file in self.files]


def opener_of(file: DataFile, source: DataSource) -> Opener:
    """Say how a file is opened, and what its name says of its symbol.

    Raises:
        DataError: the name does not fit the declared pattern.
    """
    is_of_symbol = (
        source.symbol is not None
        or source.symbol_from == "file_name"
        or partition_symbol(file.path, source) is not None
    )
    return Opener(
        symbol_of_file(file.path, source), is_of_symbol, partial(read_file, file.path, source, file.shown)
    )
