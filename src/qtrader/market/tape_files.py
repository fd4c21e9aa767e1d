"""Tapes on disk: written once, opened without reading, shared between processes by memory map.

A tape from a folder is a `Tape` like any other, row by row and digest by digest. Opening one reads its head
only; columns are read as they are needed, and processes that open the same folder share the pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtrader.errors import DataError
from qtrader.market.tape import TapeColumns
from qtrader.market.tape_mapped import MappedTape, TapeFiles, read_head
from qtrader.market.tape_writer import TapeWriter, digest_of

if TYPE_CHECKING:
    from qtrader.market.tape import Tape

_BLOCK_ROWS: Final = 1_048_576


def write_tape(tape: Tape, folder: str | Path, *, block_rows: int = _BLOCK_ROWS) -> None:
    """Write a tape to a new folder, whole or not at all.

    Raises:
        TapeExistsError: the folder exists.
    """
    with TapeWriter(folder, tape.symbols, tape.intervals) as writer:
        for first in range(0, len(tape), block_rows):
            block = slice(first, first + block_rows)
            writer.append(TapeColumns._make(column[block] for column in tape.columns))
            tape.release_pages()
        writer.finish()


def open_tape(folder: str | Path, *, verify: bool = False) -> MappedTape:
    """Open the tape in a folder; its columns are read when they are needed.

    Args:
        folder: what `write_tape` or `TapeWriter` wrote.
        verify: read everything once and compare with the digests in the head.

    Raises:
        DataError: the folder holds no tape, a file is damaged, or a digest differs.
    """
    files = TapeFiles.open(Path(folder))
    if verify:
        _verify(files)
    return MappedTape(files)


def _verify(files: TapeFiles) -> None:
    head, whole = read_head(files.folder), MappedTape(files)
    found = {
        "fingerprint": whole.compute_fingerprint(),
        "series_digest": digest_of(files.series_rows, files.pages),
    }
    for key, value in found.items():
        if head[key] != value:
            msg = f"{files.folder}: was changed: its {key} is {value} instead of {head[key]}; build it again"
            raise DataError(msg)
