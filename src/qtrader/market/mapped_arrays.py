"""Columns in files: written a block at a time, read as memory maps whose pages can be given back.

A file is an ordinary `.npy` of one dimension, so that NumPy and others read it too. A map counts as resident
memory only for the pages that were touched lately: `Pages.release` hands them back, and touching them again
reads them again. Arrays that are derived from maps and grow with them go to files without a name.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

#: Bytes that are written together. Linux keeps what is written at once in one piece, and counts the whole
#: piece as resident when one of its bytes is read from a map.
_PIECE_BYTES: Final = 65_536
#: What NumPy writes before the values of any array of one dimension.
_HEADER_BYTES: Final = 128
#: Derived arrays up to this size stay in memory.
IN_MEMORY_BYTES: Final = 4 * 1024 * 1024


class ArrayFile:
    """Write an array of one dimension to an `.npy` file, a block at a time.

    Args:
        path: the file to make.
        dtype: of the values, written in little-endian order.
    """

    def __init__(self, path: Path, dtype: Any) -> None:
        self._file = path.open("wb", buffering=0)
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._rows = 0
        self._place = _write(self._file, np.zeros(_HEADER_BYTES, dtype=np.uint8), 0)

    def append(self, block: NDArray[Any]) -> None:
        """Write the next values."""
        self._place = _write(self._file, np.ascontiguousarray(block, dtype=self._dtype), self._place)
        self._rows += len(block)

    def append_at(self, row: int, block: NDArray[Any]) -> None:
        """Write values from a row on, in a file that is filled out of order."""
        place = _HEADER_BYTES + row * self._dtype.itemsize
        self._file.seek(place)
        _write(self._file, np.ascontiguousarray(block, dtype=self._dtype), place)
        self._rows = max(self._rows, row + len(block))

    def close(self) -> None:
        """Complete the file."""
        described = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows,)}
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, described)
        self._file.close()

    def abandon(self) -> None:
        """Close the file as it is, to be removed; a full disk has no say in it any more."""
        with suppress(OSError):
            self._file.close()


class Pages:
    """The maps behind some arrays."""

    def __init__(self) -> None:
        self._maps: list[mmap.mmap] = []

    def open(self, path: Path, dtype: Any) -> NDArray[Any]:
        """Map a file that `ArrayFile` wrote, read-only.

        Raises:
            DataError: the file is missing, damaged or of another type.
        """
        wanted = np.dtype(dtype).newbyteorder("<")
        try:
            with path.open("rb") as file:
                rows, begins = _read_header(file, wanted)
                return self._mapped(file, wanted, rows, begins)
        except FileNotFoundError:
            msg = f"{path}: no such file"
            raise DataError(msg) from None
        except (OSError, ValueError) as error:
            msg = f"{path}: is damaged: {error}"
            raise DataError(msg) from error

    def gather(self, blocks: Iterable[NDArray[Any]], dtype: Any, folder: Path) -> NDArray[Any]:
        """Join blocks: a small array in memory, a large one in a file without a name in or near a folder."""
        waiting, held = [np.empty(0, dtype=dtype)], 0
        remaining = iter(blocks)
        for block in remaining:
            waiting.append(np.asarray(block, dtype=dtype))
            held += waiting[-1].nbytes
            if held > IN_MEMORY_BYTES:
                with _nameless(folder) as file:
                    rows = _write_all(file, waiting, remaining, dtype)
                    return self._mapped(file, np.dtype(dtype), rows, 0)
        return np.concatenate(waiting)

    def release(self) -> None:
        """Give the memory of all pages back; where the platform cannot, keep it until it is needed."""
        advice = getattr(mmap, "MADV_DONTNEED", None)
        if advice is not None:
            for mapped in self._maps:
                mapped.madvise(advice)

    def _mapped(self, file: IO[bytes], dtype: np.dtype[Any], rows: int, begins: int) -> NDArray[Any]:
        if not rows:
            return np.empty(0, dtype=dtype)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps.append(mapped)
        # A byte order that is said, and not just the machine's, makes a buffer that memoryviews cannot index.
        native = dtype.newbyteorder("=") if dtype.isnative else dtype
        return np.frombuffer(mapped, dtype=native, count=rows, offset=begins)


def _read_header(file: IO[bytes], wanted: np.dtype[Any]) -> tuple[int, int]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        msg = f"it is an array file of version {version}; allowed is (1, 0)"
        raise ValueError(msg)
    shape, _is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if len(shape) != 1 or dtype != wanted:
        msg = f"it holds {dtype} of shape {shape}; allowed is {wanted} of one dimension"
        raise ValueError(msg)
    rows, begins = int(shape[0]), file.tell()
    size, needed = os.fstat(file.fileno()).st_size, begins + rows * wanted.itemsize
    if size != needed:
        msg = f"it has {size:,} bytes, its {rows:,} rows need {needed:,}"
        raise ValueError(msg)
    return rows, begins


def _nameless(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError:
        # A folder that nobody may write to, for example an installed one.
        return tempfile.TemporaryFile(buffering=0)


def _write(file: IO[bytes], content: NDArray[Any], place: int) -> int:
    """Write everything in pieces, from a place in the file on where it stands, and return the place after."""
    waiting = content.view(np.uint8).data
    while len(waiting):
        written = file.write(waiting[: _PIECE_BYTES - place % _PIECE_BYTES])
        waiting = waiting[written:]
        place += written
    return place


def _write_all(
    file: IO[bytes], first: Iterable[NDArray[Any]], rest: Iterator[NDArray[Any]], dtype: Any
) -> int:
    rows, place = 0, 0
    for part in (first, rest):
        for block in part:
            place = _write(file, np.ascontiguousarray(block, dtype=dtype), place)
            rows += len(block)
    return rows
