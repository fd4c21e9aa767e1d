"""The tape: all bars of a run, in columns.

Rows are sorted by (closed_at, symbol, interval), symbols by name and intervals from the finest to the
coarsest. The tape is immutable: its arrays refuse writing. Prices are raw float64; `volume` is NaN where it
is unknown. A row becomes a `PriceBarEvent` only where somebody asks for it. Tapes are made by
`qtrader.market.tape_build.build_tape`, which checks every row, or opened from a folder that holds one by
`qtrader.market.tape_files.open_tape`, whose columns are then read when they are needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import blake2b
from itertools import chain, repeat
from typing import Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtrader.errors import DataError
from qtrader.events.events import PriceBarEvent

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

#: Rows that become objects together in `Tape.bars`.
BLOCK_ROWS: Final = 8_192
#: Rows that are gone through together, between two releases of what was read.
_PASS_ROWS: Final = 1_048_576


class TapeColumns(NamedTuple):
    """The columns of a tape, row by row in the tape's order."""

    opened_at_us: Longs
    closed_at_us: Longs
    symbol_index: NDArray[np.int32]
    interval_index: NDArray[np.int16]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    signal_factor: Floats


def sealed(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that refuses writing."""
    view = array.view()
    view.flags.writeable = False
    return view


def _instant_starts(closed_at_us: Longs) -> Longs:
    rows = len(closed_at_us)
    if not rows:
        return np.zeros(1, dtype=np.int64)
    changes = np.flatnonzero(closed_at_us[1:] != closed_at_us[:-1])
    starts = np.empty(len(changes) + 2, dtype=np.int64)
    starts[0] = 0
    np.add(changes, 1, out=starts[1:-1])
    starts[-1] = rows
    return starts


class Tape:
    """Hold bars in immutable columns sorted by (closed_at, symbol, interval).

    Args:
        symbols: the names that `symbol_index` points into, sorted.
        intervals: the names that `interval_index` points into, the finest first.
        columns: arrays of one length each, already in the tape's order and already checked.
    """

    #: Whether the columns are read from disk when they are needed.
    is_mapped: ClassVar[bool] = False

    def __init__(self, symbols: tuple[str, ...], intervals: tuple[str, ...], columns: TapeColumns) -> None:
        self.symbols = symbols
        self.intervals = intervals
        self.columns = TapeColumns._make(sealed(column) for column in columns)
        self.opened_at_us = self.columns.opened_at_us
        self.closed_at_us = self.columns.closed_at_us
        self.symbol_index = self.columns.symbol_index
        self.interval_index = self.columns.interval_index
        self.open = self.columns.open
        self.high = self.columns.high
        self.low = self.columns.low
        self.close = self.columns.close
        self.volume = self.columns.volume
        self.signal_factor = self.columns.signal_factor
        self._places = {symbol: place for place, symbol in enumerate(symbols)}
        self._rows: dict[str, Longs] = {}
        self._matching_rows: dict[str, Longs] = {}

    def __len__(self) -> int:
        return len(self.closed_at_us)

    def __repr__(self) -> str:
        shown = ", ".join(self.symbols[:5]) + (", …" if len(self.symbols) > 5 else "")
        intervals = ", ".join(self.intervals)
        return f"<Tape {len(self):,} bars, {self.instant_count:,} instants, {shown} @ {intervals}>"

    @cached_property
    def instant_starts(self) -> Longs:
        """The row at which each instant (a distinct closed_at) begins; the last is the number of rows."""
        return sealed(_instant_starts(self.closed_at_us))

    @property
    def instant_count(self) -> int:
        """Number of distinct closing instants."""
        return len(self.instant_starts) - 1

    @cached_property
    def instants_us(self) -> Longs:
        """The distinct closing instants in order, int64[instant_count]."""
        return sealed(self.closed_at_us[self.instant_starts[:-1]])

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b digest (32 hexadecimal digits) of names and columns, however the tape was built."""
        return self.compute_fingerprint()

    def compute_fingerprint(self) -> str:
        """Digest names and columns as they are, by blocks."""
        digest = blake2b(digest_size=16)
        digest.update(json.dumps([self.symbols, self.intervals, len(self)], ensure_ascii=False).encode())
        for column in self.columns:
            dtype = column.dtype.newbyteorder("<")
            for first in range(0, len(self), _PASS_ROWS):
                digest.update(np.ascontiguousarray(column[first : first + _PASS_ROWS], dtype=dtype).data)
                self.release_pages()
        return digest.hexdigest()

    def release_pages(self) -> None:
        """Give back the memory of columns that can be read again: nothing, where they are in memory only.

        Whoever goes through whole columns of a tape calls this now and then, every million rows for example.
        """

    @cached_property
    def _rows_by_symbol(self) -> tuple[Longs, Longs]:
        order = np.argsort(self.symbol_index, kind="stable").astype(np.int64, copy=False)
        counts = np.bincount(self.symbol_index, minlength=len(self.symbols))
        return order, np.concatenate(([0], np.cumsum(counts)))

    def row_blocks(self, rows: Longs) -> Iterator[Longs]:
        """Give row numbers in blocks of a million, and in between the memory of what was read back."""
        for first in range(0, len(rows), _PASS_ROWS):
            yield rows[first : first + _PASS_ROWS]
            self.release_pages()

    def places_in(self, column: Longs, values: Longs, side: Literal["left", "right"] = "left") -> Longs:
        """Bisect a sorted column of this tape, or of its row numbers, for many values."""
        return column.searchsorted(values, side)

    def symbol_place(self, symbol: str) -> int:
        """Return the index of a symbol in `symbols`.

        Raises:
            DataError: the tape has no such symbol; the message lists those it has.
        """
        try:
            return self._places[symbol]
        except KeyError:
            known = ", ".join(self.symbols[:20]) + (", …" if len(self.symbols) > 20 else "")
            msg = f"symbol {symbol!r} is not on the tape; it holds {known or 'no symbol'}"
            raise DataError(msg) from None

    def rows_of(self, symbol: str) -> Longs:
        """Return the row numbers of a symbol in order, all of its intervals, int64 and read-only."""
        rows = self._rows.get(symbol)
        if rows is None:
            rows = self._rows[symbol] = sealed(self._find_rows(self.symbol_place(symbol)))
        return rows

    def _find_rows(self, place: int) -> Longs:
        if len(self.symbols) == 1:
            return np.arange(len(self), dtype=np.int64)
        order, bounds = self._rows_by_symbol
        return order[bounds[place] : bounds[place + 1]]

    def matching_rows_of(self, symbol: str) -> Longs:
        """Return the rows of a symbol's finest interval: the bars that orders meet and prices come from."""
        rows = self._matching_rows.get(symbol)
        if rows is None:
            rows = self._matching_rows[symbol] = self._find_matching_rows(symbol)
        return rows

    def _find_matching_rows(self, symbol: str) -> Longs:
        rows = self.rows_of(symbol)
        if len(self.intervals) > 1 and len(rows):
            intervals = self.interval_index[rows]
            rows = sealed(rows[intervals == intervals.min()])
        return rows

    def intervals_of(self, symbol: str) -> tuple[str, ...]:
        """Return the intervals of which a symbol has bars, the finest first."""
        if len(self.intervals) == 1:
            return self.intervals
        counts = np.bincount(self.interval_index[self.rows_of(symbol)], minlength=len(self.intervals))
        return tuple(name for name, count in zip(self.intervals, counts.tolist(), strict=True) if count)

    def rows_of_interval(self, symbol: str, interval: str) -> Longs:
        """Return the rows of a symbol's bars of one interval in order, int64 and read-only; maybe none."""
        rows = self.rows_of(symbol)
        if len(self.intervals) == 1 and interval == self.intervals[0]:
            return rows
        place = self.intervals.index(interval) if interval in self.intervals else -1
        return sealed(rows[self.interval_index[rows] == place])

    def symbol_at(self, row: int) -> str:
        """Return the symbol of a row."""
        return self.symbols[int(self.symbol_index[row])]

    def interval_at(self, row: int) -> str:
        """Return the interval of a row."""
        return self.intervals[int(self.interval_index[row])]

    def bar(self, row: int, run_id: str = "") -> PriceBarEvent:
        """Make the event of one row."""
        if row < 0:
            row += len(self)
        return next(self.bars(row, row + 1, run_id))

    def bars(
        self, start: int = 0, stop: int | None = None, run_id: str = "", block_rows: int = BLOCK_ROWS
    ) -> Iterator[PriceBarEvent]:
        """Iterate over the events of rows start to stop - 1, made in blocks of `block_rows`."""
        return chain.from_iterable(self._blocks(start, stop, run_id, block_rows))

    def _blocks(
        self, start: int, stop: int | None, run_id: str, block_rows: int
    ) -> Iterator[Iterable[PriceBarEvent]]:
        end = len(self) if stop is None else min(stop, len(self))
        for first in range(start, end, block_rows):
            yield self.bar_block(first, min(first + block_rows, end), run_id)[0]

    def bar_block(self, start: int, stop: int, run_id: str) -> tuple[Iterator[PriceBarEvent], Iterator[int]]:
        """Give the events of a block of rows, each made when asked for, and an iterator consumed in step.

        The length hint of the second tells how many rows are left, without counting them one by one.
        """
        part = slice(start, stop)
        counter = iter(self.closed_at_us[part].tolist())
        bars = map(
            PriceBarEvent,
            self._names(self.symbols, self.symbol_index[part]),
            self._names(self.intervals, self.interval_index[part]),
            self.opened_at_us[part].tolist(),
            counter,
            self.open[part].tolist(),
            self.high[part].tolist(),
            self.low[part].tolist(),
            self.close[part].tolist(),
            self.volume[part].tolist(),
            self.signal_factor[part].tolist(),
            repeat(run_id),
        )
        return bars, counter

    @staticmethod
    def _names(names: tuple[str, ...], places: NDArray[Any]) -> Iterable[str]:
        return repeat(names[0]) if len(names) == 1 else map(names.__getitem__, places.tolist())

    def rows_closed_by(self, instant_us: int) -> int:
        """Count the rows with closed_at ≤ the instant: also the first row that is still unknown then."""
        return int(self.closed_at_us.searchsorted(instant_us, "right"))

    def rows_closed_before(self, instant_us: int) -> int:
        """Count the rows with closed_at < the instant: also the first row that closes at it or later."""
        return int(self.closed_at_us.searchsorted(instant_us))

    def row_before(self, instant_us: int) -> int:
        """Return the last row that closed strictly before an instant, or -1."""
        return self.rows_closed_before(instant_us) - 1

    def instant_of_row(self, row: int) -> int:
        """Return the number of the instant that a row belongs to."""
        return int(np.searchsorted(self.instant_starts, row, side="right")) - 1

    def rows_of_instant(self, instant: int) -> range:
        """Return the rows of the instant with this number."""
        return range(int(self.instant_starts[instant]), int(self.instant_starts[instant + 1]))

    def slice(self, start_us: int | None = None, end_us: int | None = None) -> Tape:
        """Return the bars with start < closed_at ≤ end as views; symbols and intervals keep their places.

        A bar covers the time up to and including its close, hence the open left end: midnight to midnight
        gives whole UTC days.
        """
        first = 0 if start_us is None else self.rows_closed_by(start_us)
        stop = len(self) if end_us is None else max(first, self.rows_closed_by(end_us))
        columns = TapeColumns._make(column[first:stop] for column in self.columns)
        return Tape(self.symbols, self.intervals, columns)

    def select(self, symbols: Iterable[str]) -> Tape:
        """Return a tape of only these symbols, equal to one built from them alone.

        Raises:
            DataError: a symbol is not on the tape.
        """
        chosen = tuple(sorted(set(symbols)))
        places = np.array([self.symbol_place(symbol) for symbol in chosen], dtype=np.int32)
        if chosen == self.symbols:
            return self
        new_symbol = np.full(len(self.symbols), -1, dtype=np.int32)
        new_symbol[places] = np.arange(len(chosen), dtype=np.int32)
        rows = np.flatnonzero(new_symbol[self.symbol_index] >= 0)
        kept = np.unique(self.interval_index[rows])
        new_interval = np.zeros(len(self.intervals), dtype=np.int16)
        new_interval[kept] = np.arange(len(kept), dtype=np.int16)
        columns = TapeColumns._make(column[rows] for column in self.columns)
        return Tape(
            chosen,
            tuple(self.intervals[place] for place in kept),
            columns._replace(
                symbol_index=new_symbol[columns.symbol_index],
                interval_index=new_interval[columns.interval_index],
            ),
        )
