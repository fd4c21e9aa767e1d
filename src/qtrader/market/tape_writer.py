"""Writing a tape to a folder: blocks in the tape's order, whole or not there.

The folder holds one `.npy` file a column, `series_rows.npy` (the row numbers of each symbol and interval, one
series after the other) and the head `tape.json`. Everything is written under another name first and renamed
once, so that a writer that was killed leaves nothing that `open_tape` takes for a tape.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qtrader.clock import from_epoch_us
from qtrader.errors import DataError
from qtrader.market.intervals import in_order
from qtrader.market.mapped_arrays import ArrayFile, Pages
from qtrader.market.tape import Tape, TapeColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from qtrader.market.tape import Longs

#: Written into every head; a later, different layout gets another one.
FORMAT: Final = "qtrader-tape"
FORMAT_VERSION: Final = 1
HEAD_FILE: Final = "tape.json"
SERIES_FILE: Final = "series_rows"
#: What folders end in that are being written.
UNFINISHED: Final = ".part"
#: The type of each column in its file.
COLUMN_TYPES: Final = {
    "opened_at_us": "<i8",
    "closed_at_us": "<i8",
    "symbol_index": "<i4",
    "interval_index": "<i2",
    "open": "<f8",
    "high": "<f8",
    "low": "<f8",
    "close": "<f8",
    "volume": "<f8",
    "signal_factor": "<f8",
}
#: What a bar takes in the files of a tape: its columns and its place in `series_rows`.
BYTES_PER_BAR: Final = sum(np.dtype(kind).itemsize for kind in COLUMN_TYPES.values()) + 8

_BLOCK_ROWS: Final = 1_048_576


class TapeExistsError(DataError):
    """A tape's folder exists already: names it."""


class TapeWriter:
    """Write a tape to a folder, block by block; a context that is left without `finish` leaves nothing.

    Memory is bounded by the blocks that are appended. Rows are taken as checked: only their order and their
    places among symbols and intervals are looked at.

    Args:
        folder: the tape's folder, which must not exist.
        symbols: the names that `symbol_index` points into, sorted.
        intervals: the names that `interval_index` points into, the finest first.

    Raises:
        TapeExistsError: the folder exists.
        DataError: symbols or intervals are not in order.
    """

    def __init__(self, folder: str | Path, symbols: Sequence[str], intervals: Sequence[str]) -> None:
        self.folder = Path(folder)
        self.symbols, self.intervals = tuple(symbols), tuple(intervals)
        if self.symbols != tuple(sorted(set(self.symbols))) or self.intervals != in_order(self.intervals):
            msg = (
                f"{self.folder}: symbols must be sorted, and intervals run from the finest, each one once; "
                f"found {self.symbols[:5]} and {self.intervals}"
            )
            raise DataError(msg)
        if self.folder.exists():
            raise _occupied(self.folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        #: Where the files lie until `finish`; others may be added there.
        self.unfinished = Path(
            tempfile.mkdtemp(prefix=f"{self.folder.name}-", suffix=UNFINISHED, dir=self.folder.parent)
        )
        self._files = {name: ArrayFile(self._path(name), kind) for name, kind in COLUMN_TYPES.items()}
        self._counts = np.zeros(len(self.symbols) * len(self.intervals), dtype=np.int64)
        self._rows = 0
        self._last = (-(2**63), -1)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was written, unless it was finished."""
        self.discard()

    def append(self, columns: TapeColumns) -> None:
        """Write the next rows, in the tape's order.

        Raises:
            DataError: the rows do not follow on each other and on those before, or name no symbol.
        """
        rows = len(columns.closed_at_us)
        if not rows:
            return
        codes = self._codes(columns)
        self._refuse_disorder(columns.closed_at_us, codes)
        for name, column in columns._asdict().items():
            if column.shape != (rows,):
                msg = f"{self.folder}: column {name} has shape {column.shape}, closed_at_us has {rows} rows"
                raise DataError(msg)
            self._files[name].append(column)
        self._counts += np.bincount(codes, minlength=len(self._counts))
        self._last = (int(columns.closed_at_us[-1]), int(codes[-1]))
        self._rows += rows

    def finish(self) -> None:
        """Complete the files and give the folder its name.

        Raises:
            TapeExistsError: the folder has come to exist meanwhile.
        """
        self.complete()
        for path in self.unfinished.iterdir():
            # A name must not outlive a loss of power where what it stands for does not.
            with path.open("rb") as file:
                os.fsync(file.fileno())
        try:
            self.unfinished.rename(self.folder)
        except OSError:
            if not self.folder.exists():
                raise
            raise _occupied(self.folder) from None

    def complete(self) -> None:
        """Complete the files where they are, without a name: whoever has opened them keeps them."""
        for file in self._files.values():
            file.close()
        pages = Pages()
        series_digest = self._write_series(pages)
        head = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "symbols": self.symbols,
            "intervals": self.intervals,
            "rows": self._rows,
            "fingerprint": self._fingerprint(pages),
            "series": self._series(),
            "series_digest": series_digest,
        }
        with (self.unfinished / HEAD_FILE).open("w", encoding="utf-8") as written:
            json.dump(head, written, ensure_ascii=False, indent=1)

    def discard(self) -> None:
        """Remove what was written and not finished."""
        for file in self._files.values():
            file.abandon()
        shutil.rmtree(self.unfinished, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.unfinished / f"{name}.npy"

    def _codes(self, columns: TapeColumns) -> Longs:
        """Give each row the number of its series, in the order of symbols and then of intervals."""
        symbol_index, interval_index = columns.symbol_index, columns.interval_index
        for names, places in ((self.symbols, symbol_index), (self.intervals, interval_index)):
            if int(places.min()) < 0 or int(places.max()) >= len(names):
                msg = f"{self.folder}: a row points past the {len(names)} names {names[:5]}"
                raise DataError(msg)
        return symbol_index.astype(np.int64) * len(self.intervals) + interval_index

    def _refuse_disorder(self, closed_at_us: Longs, codes: Longs) -> None:
        late = closed_at_us[1:] < closed_at_us[:-1]
        late |= (closed_at_us[1:] == closed_at_us[:-1]) & (codes[1:] <= codes[:-1])
        begins = int(closed_at_us[0]), int(codes[0])
        if begins > self._last and not late.any():
            return
        row = 0 if begins <= self._last else int(late.argmax()) + 1
        symbol, interval = divmod(int(codes[row]), len(self.intervals))
        msg = (
            f"{self.folder}: row {self._rows + row + 1} ({self.symbols[symbol]} {self.intervals[interval]}, "
            f"closed {from_epoch_us(int(closed_at_us[row])).isoformat()}) does not come after the row before "
            "it; rows are sorted by closed_at, symbol and interval"
        )
        raise DataError(msg)

    def _write_series(self, pages: Pages) -> str:
        """Write the rows of each series, one series after the other, and return their digest."""
        symbol_index = pages.open(self._path("symbol_index"), COLUMN_TYPES["symbol_index"])
        interval_index = pages.open(self._path("interval_index"), COLUMN_TYPES["interval_index"])
        free = np.concatenate(([0], np.cumsum(self._counts)))[:-1]
        file = ArrayFile(self._path(SERIES_FILE), "<i8")
        for first in range(0, self._rows, _BLOCK_ROWS):
            part = slice(first, first + _BLOCK_ROWS)
            codes = symbol_index[part].astype(np.int64) * len(self.intervals) + interval_index[part]
            order = np.argsort(codes, kind="stable")
            ordered = codes[order]
            bounds = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(codes)]
            rows = order + first
            for begin, end in pairwise(bounds):
                code = int(ordered[begin])
                file.append_at(int(free[code]), rows[begin:end])
                free[code] += end - begin
            pages.release()
        file.close()
        return digest_of(pages.open(self._path(SERIES_FILE), "<i8"), pages)

    def _series(self) -> list[list[int]]:
        filled = np.flatnonzero(self._counts).tolist()
        return [[*divmod(code, len(self.intervals)), int(self._counts[code])] for code in filled]

    def _fingerprint(self, pages: Pages) -> str:
        columns = {name: pages.open(self._path(name), kind) for name, kind in COLUMN_TYPES.items()}
        return _Unfinished(self.symbols, self.intervals, TapeColumns(**columns), pages).fingerprint


class _Unfinished(Tape):
    """The columns just written, to be digested like any tape's."""

    def __init__(
        self, symbols: tuple[str, ...], intervals: tuple[str, ...], columns: TapeColumns, pages: Pages
    ) -> None:
        super().__init__(symbols, intervals, columns)
        self._pages = pages

    def release_pages(self) -> None:
        self._pages.release()


def digest_of(array: Longs, pages: Pages) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of a mapped array."""
    digest = blake2b(digest_size=16)
    for first in range(0, len(array), _BLOCK_ROWS):
        digest.update(array[first : first + _BLOCK_ROWS].data)
        pages.release()
    return digest.hexdigest()


def _occupied(folder: Path) -> TapeExistsError:
    return TapeExistsError(f"{folder} exists already; a tape is written to a new folder")
