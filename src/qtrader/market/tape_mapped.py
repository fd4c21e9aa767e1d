"""A tape whose columns are files: the same rows and answers, and as much memory as was read lately.

Nothing is read before somebody asks for it. Bars that the engine has passed are given back every
`RELEASE_ROWS` rows. What would be as long as the tape and is not in its files (instants, the rows of a
symbol with several intervals, a slice's row numbers) is derived block by block, and kept in files without a
name.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from qtrader.errors import DataError
from qtrader.market.mapped_arrays import IN_MEMORY_BYTES, Pages
from qtrader.market.tape import Longs, Tape, TapeColumns, sealed
from qtrader.market.tape_writer import (
    BYTES_PER_BAR,
    COLUMN_TYPES,
    FORMAT,
    FORMAT_VERSION,
    HEAD_FILE,
    SERIES_FILE,
    TapeWriter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Self

    from qtrader.events.events import PriceBarEvent

#: Rows between two releases of what was read.
RELEASE_ROWS: Final = 131_072
_BLOCK_ROWS: Final = 1_048_576
#: Values that are searched between two releases.
_BISECTIONS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class TapeFiles:
    """The open files of a tape, and what its head says.

    `series` gives, by symbol's place, each of its intervals' places with the bounds of their rows in
    `series_rows`, the finest interval first.
    """

    folder: Path
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    columns: TapeColumns
    series_rows: Longs
    series: Mapping[int, Sequence[tuple[int, int, int]]]
    fingerprint: str
    pages: Pages

    def __len__(self) -> int:
        return len(self.columns.closed_at_us)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the files of a folder, reading nothing but the head.

        Raises:
            DataError: the folder holds no tape, or a file is missing, damaged or of another length.
        """
        head, pages = read_head(folder), Pages()
        symbols, intervals = (tuple(intern(name) for name in head[key]) for key in ("symbols", "intervals"))
        columns = {name: pages.open(folder / f"{name}.npy", kind) for name, kind in COLUMN_TYPES.items()}
        series: dict[int, list[tuple[int, int, int]]] = {}
        begins = 0
        for symbol, interval, rows in head["series"]:
            series.setdefault(symbol, []).append((interval, begins, begins + rows))
            begins += rows
        series_rows = pages.open(folder / f"{SERIES_FILE}.npy", "<i8")
        for name, column in {**columns, SERIES_FILE: series_rows}.items():
            if not len(column) == head["rows"] == begins:
                msg = (
                    f"{folder / name}.npy: is damaged: it has {len(column):,} rows, the head {head['rows']:,}"
                )
                raise DataError(msg)
        return cls(
            folder,
            symbols,
            intervals,
            TapeColumns(**columns),
            series_rows,
            series,
            head["fingerprint"],
            pages,
        )


def read_head(folder: Path) -> dict[str, Any]:
    """Read what the head of a tape says.

    Raises:
        DataError: there is none, or it is damaged or of another version.
    """
    file = folder / HEAD_FILE
    try:
        head: dict[str, Any] = json.loads(file.read_bytes())
        found = head["format"], head["version"]
    except (FileNotFoundError, NotADirectoryError):
        msg = f"{folder}: holds no tape; there is no {HEAD_FILE}"
        raise DataError(msg) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{file}: is damaged: {error!r}"
        raise DataError(msg) from error
    if found != (FORMAT, FORMAT_VERSION):
        msg = f"{file}: is {found[0]} {found[1]}; this version of QTrader reads {FORMAT} {FORMAT_VERSION}"
        raise DataError(msg)
    return head


class MappedTape(Tape):
    """Read a tape from its files.

    Args:
        files: the open files.
        first: the first row that belongs to the tape.
        stop: the row after the last one; None takes all.
        origin: the tape and the symbols that the files were selected from, where they have no name.
    """

    is_mapped = True

    def __init__(
        self,
        files: TapeFiles,
        first: int = 0,
        stop: int | None = None,
        origin: tuple[Tape, tuple[str, ...]] | None = None,
    ) -> None:
        self._files = files
        self._first = first
        self._stop = len(files) if stop is None else stop
        self._origin = origin
        self._released_at = 0
        columns = TapeColumns._make(column[first : self._stop] for column in files.columns)
        super().__init__(files.symbols, files.intervals, columns)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process by name: the files are mapped again there."""
        if self._origin is not None:
            return _selected_again, (*self._origin, self._first, self._stop)
        return _opened_again, (str(self._files.folder.absolute()), self._first, self._stop)

    @property
    def folder(self) -> Path:
        """The folder that holds the files."""
        return self._files.folder

    def release_pages(self) -> None:
        """Give back the memory of what was read; reading it again is allowed."""
        self._files.pages.release()

    def places_in(self, column: Longs, values: Longs, side: Literal["left", "right"] = "left") -> Longs:
        """Bisect a sorted column for many values; each looks at pages of its own, which are given back."""
        found = np.empty(len(values), dtype=np.int64)
        for first in range(0, len(values), _BISECTIONS):
            part = slice(first, first + _BISECTIONS)
            found[part] = column.searchsorted(values[part], side)
            self.release_pages()
        return found

    def bar_block(self, start: int, stop: int, run_id: str) -> tuple[Iterator[PriceBarEvent], Iterator[int]]:
        """Give the events of a block of rows, and now and then the memory of those before back."""
        if not 0 <= start - self._released_at < RELEASE_ROWS:
            self._released_at = start
            self._files.pages.release()
        return super().bar_block(start, stop, run_id)

    @cached_property
    def instant_starts(self) -> Longs:
        """The row at which each instant (a distinct closed_at) begins; the last is the number of rows."""
        return self._gathered(self._find_starts())

    @cached_property
    def instants_us(self) -> Longs:
        """The distinct closing instants in order, int64[instant_count]."""
        starts, closed_at_us = self.instant_starts[:-1], self.closed_at_us
        return self._gathered(closed_at_us[starts[part]] for part in _blocks(len(starts)))

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b digest (32 hexadecimal digits) of names and columns, however the tape was built."""
        return self._files.fingerprint if len(self) == len(self._files) else self.compute_fingerprint()

    def intervals_of(self, symbol: str) -> tuple[str, ...]:
        """Return the intervals of which a symbol has bars, the finest first."""
        if len(self.intervals) == 1:
            return self.intervals
        return tuple(self.intervals[place] for place, _rows in self._series_of(self.symbol_place(symbol)))

    def rows_of_interval(self, symbol: str, interval: str) -> Longs:
        """Return the rows of a symbol's bars of one interval in order, int64 and read-only; maybe none."""
        for place, rows in self._series_of(self.symbol_place(symbol)):
            if self.intervals[place] == interval:
                return self._own(rows)
        return sealed(np.empty(0, dtype=np.int64))

    def slice(self, start_us: int | None = None, end_us: int | None = None) -> Tape:
        """Return the bars with start < closed_at ≤ end as views; symbols and intervals keep their places."""
        first = 0 if start_us is None else self.rows_closed_by(start_us)
        stop = len(self) if end_us is None else max(first, self.rows_closed_by(end_us))
        return self.part(first, stop)

    def part(self, first: int, stop: int) -> MappedTape:
        """Return the rows from `first` to before `stop` as views."""
        return MappedTape(self._files, self._first + first, self._first + stop, self._origin)

    def select(self, symbols: Iterable[str]) -> Tape:
        """Return a tape of only these symbols, equal to one built from them alone.

        A small one is in memory, a large one in files without a name.

        Raises:
            DataError: a symbol is not on the tape.
        """
        chosen = tuple(sorted(set(symbols)))
        places = [self.symbol_place(symbol) for symbol in chosen]
        if chosen == self.symbols:
            return self
        series = [pair for place in places for pair in self._series_of(place)]
        kept = sorted({interval for interval, _rows in series})
        intervals = tuple(self.intervals[place] for place in kept)
        new_symbol = np.full(len(self.symbols), -1, dtype=np.int32)
        new_symbol[places] = np.arange(len(chosen), dtype=np.int32)
        new_interval = np.zeros(len(self.intervals), dtype=np.int16)
        new_interval[kept] = np.arange(len(kept), dtype=np.int16)
        blocks = (
            columns._replace(
                symbol_index=new_symbol[columns.symbol_index],
                interval_index=new_interval[columns.interval_index],
            )
            for columns in self._columns_of([rows for _interval, rows in series])
        )
        if sum(len(rows) for _interval, rows in series) * BYTES_PER_BAR <= IN_MEMORY_BYTES:
            empty = [TapeColumns._make(column[:0].copy() for column in self.columns)]
            joined = zip(*(empty + list(blocks)), strict=True)
            return Tape(chosen, intervals, TapeColumns._make(np.concatenate(parts) for parts in joined))
        return _written(self._files.folder, chosen, intervals, blocks, (self, chosen))

    def _find_rows(self, place: int) -> Longs:
        series = [rows for _interval, rows in self._series_of(place)]
        return self._own(series[0]) if len(series) == 1 else self._gathered(self._merged(series))

    def _find_matching_rows(self, symbol: str) -> Longs:
        series = self._series_of(self.symbol_place(symbol))
        return self._own(series[0][1]) if series else sealed(np.empty(0, dtype=np.int64))

    def _series_of(self, symbol_place: int) -> list[tuple[int, Longs]]:
        """Return the rows of each interval that a symbol has bars of here, counted as in the files."""
        found = []
        for interval, begin, end in self._files.series.get(symbol_place, ()):
            rows = self._files.series_rows[begin:end]
            if len(self) < len(self._files):
                rows = rows[rows.searchsorted(self._first) : rows.searchsorted(self._stop)]
            if len(rows):
                found.append((interval, rows))
        return found

    def _own(self, rows: Longs) -> Longs:
        """Count rows from this tape's first."""
        if not self._first:
            return sealed(rows)
        return self._gathered(rows[part] - self._first for part in _blocks(len(rows)))

    def _merged(self, series: Sequence[Longs]) -> Iterator[Longs]:
        """Give the rows of several series together, in order and counted from this tape's first."""
        for first in range(self._first, self._stop, _BLOCK_ROWS):
            bounds = (first, min(first + _BLOCK_ROWS, self._stop))
            parts = [rows[slice(*rows.searchsorted(bounds).tolist())] for rows in series]
            yield np.sort(np.concatenate([np.empty(0, dtype=np.int64), *parts])) - self._first
            self.release_pages()

    def _columns_of(self, series: Sequence[Longs]) -> Iterator[TapeColumns]:
        for rows in self._merged(series):
            yield TapeColumns._make(column[rows] for column in self.columns)

    def _find_starts(self) -> Iterator[Longs]:
        closed_at_us = self.closed_at_us
        for part in _blocks(len(self)):
            instants, first = closed_at_us[part], part.start
            if not first or closed_at_us[first - 1] != instants[0]:
                yield np.array([first], dtype=np.int64)
            yield np.flatnonzero(instants[1:] != instants[:-1]) + (first + 1)
            self.release_pages()
        yield np.array([len(self)], dtype=np.int64)

    def _gathered(self, blocks: Iterable[Longs]) -> Longs:
        return sealed(self._files.pages.gather(blocks, np.int64, self._files.folder))


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(first, min(first + _BLOCK_ROWS, rows)) for first in range(0, rows, _BLOCK_ROWS))


def _written(
    folder: Path,
    symbols: tuple[str, ...],
    intervals: tuple[str, ...],
    blocks: Iterable[TapeColumns],
    origin: tuple[Tape, tuple[str, ...]],
) -> MappedTape:
    """Write a tape, open it, and take its name away: its files last as long as they are mapped."""
    name = f"{folder.name}-selected"
    try:
        opened = TapeWriter(folder.with_name(name), symbols, intervals)
    except OSError:
        # Beside an installed tape nobody may write.
        opened = TapeWriter(Path(tempfile.gettempdir()) / name, symbols, intervals)
    with opened as writer:
        for block in blocks:
            writer.append(block)
        writer.complete()
        files = TapeFiles.open(writer.unfinished)
    return MappedTape(files, origin=origin)


def _opened_again(folder: str, first: int, stop: int) -> MappedTape:
    return MappedTape(TapeFiles.open(Path(folder)), first, stop)


def _selected_again(tape: Tape, symbols: tuple[str, ...], first: int, stop: int) -> Tape:
    selected = tape.select(symbols)
    return selected.part(first, stop) if isinstance(selected, MappedTape) else selected
