"""The bars of one instant, as columns and as events.

A strategy with `on_slice` is given all bars of an instant together. Their prices are columns, in the order of
the bars, which is that of the symbols' names; over a tape these are views of it. A bar becomes an event when
somebody asks for it, so that a look at the closes of 500 symbols costs what one bar does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.events.events import PriceBarEvent
    from qtrader.market.tape import Tape

    Floats = NDArray[np.float64]


class InstantBars(Sequence["PriceBarEvent"]):
    """Bars that closed at one instant: a sequence of events with read-only columns.

    Attributes:
        closed_at_us: the instant, in microseconds since the Unix epoch.
        run_symbols: every symbol of the run, sorted: what `symbol_index` points into.
    """

    __slots__ = ("_columns", "_events", "_rows", "_run_id", "_tape", "closed_at_us", "run_symbols")

    closed_at_us: int
    run_symbols: tuple[str, ...]
    _columns: dict[str, NDArray[Any]]
    _events: tuple[PriceBarEvent, ...] | None
    _rows: slice | NDArray[np.int64]
    _run_id: str
    _tape: Tape | None

    @classmethod
    def of_rows(
        cls, tape: Tape, rows: slice | NDArray[np.int64], closed_at_us: int, run_id: str
    ) -> InstantBars:
        """Show rows of a tape that close at one instant: a slice, or their numbers."""
        made = cls()
        made.closed_at_us, made.run_symbols = closed_at_us, tape.symbols
        made._columns, made._events = {}, None
        made._tape, made._rows, made._run_id = tape, rows, run_id
        return made

    @classmethod
    def of_events(cls, bars: Sequence[PriceBarEvent], run_symbols: tuple[str, ...]) -> InstantBars:
        """Show bars, at least one, that are events already."""
        made = cls()
        made.closed_at_us, made.run_symbols = bars[0].closed_at_us, run_symbols
        made._columns, made._events = {}, tuple(bars)
        made._tape, made._rows, made._run_id = None, slice(0), ""
        return made

    @property
    def symbols(self) -> tuple[str, ...]:
        """The bars' symbols."""
        every = self.run_symbols
        if len(self) == len(every) and self._tape is not None and len(self._tape.intervals) == 1:
            return every
        return tuple(every[place] for place in self.symbol_index.tolist())

    @property
    def symbol_index(self) -> NDArray[np.int32]:
        """The place of each bar's symbol among `run_symbols`, int32."""
        if self._tape is not None:
            index: NDArray[np.int32] = self._tape.symbol_index[self._rows]
            return index
        places = {symbol: place for place, symbol in enumerate(self.run_symbols)}
        found: NDArray[np.int32] = self._of_events("symbol_index", np.int32, lambda bar: places[bar.symbol])
        return found

    @property
    def open(self) -> Floats:
        """Raw opening prices."""
        return self._column("open")

    @property
    def high(self) -> Floats:
        """Raw highest prices."""
        return self._column("high")

    @property
    def low(self) -> Floats:
        """Raw lowest prices."""
        return self._column("low")

    @property
    def close(self) -> Floats:
        """Raw closing prices."""
        return self._column("close")

    @property
    def volume(self) -> Floats:
        """Volumes, NaN where unknown."""
        return self._column("volume")

    @property
    def signal_factor(self) -> Floats:
        """Factors from raw prices to the signal series."""
        return self._column("signal_factor")

    def __len__(self) -> int:
        if self._events is not None:
            return len(self._events)
        rows = self._rows
        return rows.stop - rows.start if isinstance(rows, slice) else len(rows)

    @overload
    def __getitem__(self, place: int) -> PriceBarEvent: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[PriceBarEvent, ...]: ...
    def __getitem__(self, place: int | slice) -> PriceBarEvent | tuple[PriceBarEvent, ...]:
        if self._events is None and not isinstance(place, slice) and self._tape is not None:
            # One bar is wanted, mostly the last one: the others are not made for it.
            rows = self._rows
            chosen = range(rows.start, rows.stop)[place] if isinstance(rows, slice) else int(rows[place])
            return self._tape.bar(chosen, self._run_id)
        return self._made()[place]

    def __iter__(self) -> Iterator[PriceBarEvent]:
        return iter(self._made())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (tuple, InstantBars)):
            return self._made() == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._made())

    def __repr__(self) -> str:
        return f"<InstantBars {len(self)} bars closed at {self.closed_at_us}>"

    def _made(self) -> tuple[PriceBarEvent, ...]:
        if self._events is None:
            tape, rows = self._tape, self._rows
            if tape is None:
                self._events = ()
            elif isinstance(rows, slice):
                self._events = tuple(tape.bars(rows.start, rows.stop, self._run_id))
            else:
                self._events = tuple(tape.bar(int(row), self._run_id) for row in rows)
        return self._events

    def _column(self, name: str) -> Floats:
        if self._tape is not None:
            column: Floats = getattr(self._tape, name)[self._rows]
            column.flags.writeable = False
        else:
            column = self._of_events(name, np.float64, attrgetter(name))
        return column

    def _of_events(self, name: str, kind: Any, read: Any) -> Any:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.array([read(bar) for bar in self._made()], dtype=kind)
            column.flags.writeable = False
        return column
