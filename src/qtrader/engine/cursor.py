"""Bars in order, built lazily in blocks: the engine's reading head.

Columns become Python lists a block at a time, and objects one at a time, when they are asked for; a run that
is interrupted by a signal goes on where it stopped, without building anything twice.
"""

from __future__ import annotations

from itertools import islice
from operator import length_hint
from typing import TYPE_CHECKING

from qtrader.events.events import PriceBarEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qtrader.market.tape import Tape

#: Large enough to make the cost of a block vanish, small enough to stay in the processor's cache.
_BLOCK_ROWS = 4096


class BarCursor:
    """Give the rows of a tape as events, strictly forward."""

    __slots__ = ("_bars", "_block_end", "_columns", "_counter", "_run_id", "_tape")

    def __init__(self, tape: Tape, run_id: str) -> None:
        self._tape = tape
        self._run_id = run_id
        self._block_end = 0
        self._counter: Iterator[int] = iter([])
        self._bars: Iterator[PriceBarEvent] = iter(())
        # Views, because their items are Python numbers.
        self._columns = tuple(column.data for column in tape.columns)

    @property
    def row(self) -> int:
        """The row that comes next."""
        return self._block_end - length_hint(self._counter)

    def take(self, stop: int) -> Iterator[PriceBarEvent]:
        """Give the next rows before `stop`, at most to the block's end; whoever iterates may leave early."""
        row = self.row
        if row == self._block_end:
            self._open_block(row)
        return islice(self._bars, min(stop, self._block_end) - row)

    def take_all(self, stop: int) -> list[PriceBarEvent]:
        """Give all rows before `stop`."""
        row = self._block_end - length_hint(self._counter)
        if row + 1 == stop and row != self._block_end:
            # Most instants have one bar.
            return [next(self._bars)]
        bars: list[PriceBarEvent] = []
        while self.row < stop:
            bars.extend(self.take(stop))
        return bars

    def seek(self, row: int) -> None:
        """Leave out the rows before one; no bar is made for them."""
        if row != self.row:
            self._block_end = row
            self._counter = iter([])

    def take_exactly(self, stop: int) -> list[PriceBarEvent]:
        """Give all rows before `stop`, and prepare none beyond it."""
        row = self.row
        if row == self._block_end:
            bars = list(self._tape.bar_block(row, stop, self._run_id)[0])
            self.seek(stop)
            return bars
        return self.take_all(stop)

    def take_only(self, rows: Iterable[int], stop: int) -> list[PriceBarEvent]:
        """Give some of the rows before `stop`, in order, and leave out the others."""
        symbols, intervals, run_id = self._tape.symbols, self._tape.intervals, self._run_id
        opened, closed, symbol, interval, opens, highs, lows, closes, volumes, factors = self._columns
        bars = [
            PriceBarEvent(
                symbols[symbol[row]],
                intervals[interval[row]],
                opened[row],
                closed[row],
                opens[row],
                highs[row],
                lows[row],
                closes[row],
                volumes[row],
                factors[row],
                run_id,
            )
            for row in rows
        ]
        self.seek(stop)
        return bars

    def _open_block(self, row: int) -> None:
        end = min(row + _BLOCK_ROWS, len(self._tape))
        self._block_end = end
        self._bars, self._counter = self._tape.bar_block(row, end, self._run_id)
