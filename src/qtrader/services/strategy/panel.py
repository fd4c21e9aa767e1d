"""The panel: the bars of a run as columns [time, symbol], for strategies on columns.

Rows are the distinct instants at which bars of one interval closed, columns the symbols; where a symbol has
no bar at an instant there is NaN. Prices are raw, as in the bars that `on_bar` is given; `signal_factor`
leads from them to the append-only signal series (`panel.signal("close")`), on which indicators are computed,
so that a split is no move of the price. Nothing of a panel can be written to.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from qtrader.errors import StrategyError
from qtrader.services.strategy.indicator_columns import PRICES, as_columns, inputs_of, kept_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.market.tape import Tape
    from qtrader.services.strategy.column_memory import ColumnMemory
    from qtrader.services.strategy.indicator_columns import ColumnIndicator

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

#: A named tuple of columns.
Bundle = TypeVar("Bundle", bound=tuple[Any, ...])


class Panel:
    """Show a tape's bars of one interval as columns.

    Args:
        tape: the bars.
        symbols: the symbols shown, sorted; they are the columns.
        interval: the interval of the bars shown.
        first_row: the row at which the tape's bars begin on the tape of the run.
        memory: what indicators carry on from the panels before, where this one is a piece.
    """

    def __init__(
        self,
        tape: Tape,
        symbols: tuple[str, ...],
        interval: str,
        *,
        first_row: int = 0,
        memory: ColumnMemory | None = None,
    ) -> None:
        self.symbols = symbols
        self.interval = interval
        self._tape = tape
        self._first_row = first_row
        self._memory = memory
        # Where every symbol has a bar at every instant, the columns lie on the tape as they are.
        self._is_whole = (
            tape.symbols == symbols
            and tape.intervals == (interval,)
            and (len(symbols) == 1 or len(tape) == tape.instant_count * len(symbols))
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The number of instants and of symbols."""
        return len(self.closed_at_us), len(self.symbols)

    @cached_property
    def _places(self) -> tuple[Longs, Longs, Longs]:
        """Return the rows shown, in the tape's order, with their time and symbol places."""
        tape = self._tape
        parts = [tape.rows_of_interval(symbol, self.interval) for symbol in self.symbols]
        rows = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        symbols = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        times = np.searchsorted(self.closed_at_us, tape.closed_at_us[rows])
        return rows, times, symbols

    @cached_property
    def closed_at_us(self) -> Longs:
        """The instants, int64[time] in microseconds since the Unix epoch."""
        tape = self._tape
        if self._is_whole:
            return tape.closed_at_us if len(self.symbols) == 1 else tape.instants_us
        parts = [tape.closed_at_us[tape.rows_of_interval(symbol, self.interval)] for symbol in self.symbols]
        return _sealed(np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64))

    @cached_property
    def rows(self) -> Longs:
        """The run's row of each place, int64[time, symbol]; -1 where there is no bar."""
        if self._is_whole:
            begin = self._first_row
            return _sealed(np.arange(begin, begin + len(self._tape), dtype=np.int64).reshape(self.shape))
        rows, times, symbols = self._places
        column = np.full(self.shape, -1, dtype=np.int64)
        column[times, symbols] = rows + self._first_row
        return _sealed(column)

    @property
    def has_bar(self) -> NDArray[np.bool_]:
        """Where a symbol has a bar, bool[time, symbol]."""
        if self._is_whole:
            return np.broadcast_to(np.True_, self.shape)
        return _sealed(self.rows >= 0)

    def rows_at(self, times: Longs, symbols: Longs) -> Longs:
        """Return the run's rows of some places, int64; -1 where there is no bar."""
        if self._is_whole:
            return times * len(self.symbols) + symbols + self._first_row
        rows: Longs = self.rows[times, symbols]
        return rows

    @cached_property
    def open(self) -> Floats:
        """Raw opening prices, float64[time, symbol]."""
        return self._column(self._tape.open)

    @cached_property
    def high(self) -> Floats:
        """Raw highest prices, float64[time, symbol]."""
        return self._column(self._tape.high)

    @cached_property
    def low(self) -> Floats:
        """Raw lowest prices, float64[time, symbol]."""
        return self._column(self._tape.low)

    @cached_property
    def close(self) -> Floats:
        """Raw closing prices, float64[time, symbol]."""
        return self._column(self._tape.close)

    @cached_property
    def volume(self) -> Floats:
        """Volumes, float64[time, symbol]; NaN also where a volume is unknown."""
        return self._column(self._tape.volume)

    @cached_property
    def signal_factor(self) -> Floats:
        """Factors from raw prices to the signal series, float64[time, symbol]."""
        return self._column(self._tape.signal_factor)

    @overload
    def indicator(self, indicator: ColumnIndicator[Floats]) -> Floats: ...
    @overload
    def indicator(self, indicator: ColumnIndicator[Bundle]) -> Bundle: ...
    def indicator(self, indicator: ColumnIndicator[Any]) -> Any:
        """Return an indicator's columns, float64[time, symbol]: each symbol's on its own bars, else NaN.

        They are those of the signal series, bit for bit what the indicator gives bar by bar, and are kept
        with the bars: who asks again, in this run or another over the same bars, gets them at once. An
        indicator with several results gives its own named tuple, of such columns.

        Args:
            indicator: any object with `on_columns`, for example `SMA(20)`; what it takes goes by the names
                open, high, low and close, and a single column of another name is the indicator's `field`,
                or the close.

        Raises:
            StrategyError: its `on_columns` takes something else.
        """
        if self._memory is not None:
            inputs = inputs_of(indicator)
            found = self._memory.columns(self, indicator, inputs)
            return self._computed(indicator, inputs) if found is None else found
        # What it takes follows from what tells it apart, so that only computing has to ask.
        return kept_columns(
            self._tape,
            (self.symbols, self.interval),
            indicator,
            lambda: self._computed(indicator, inputs_of(indicator)),
        )

    def _computed(self, indicator: ColumnIndicator[Any], inputs: tuple[str, ...]) -> Any:
        count, symbols = self.shape
        results: tuple[Floats, ...] = ()
        found: Any = None
        for place in range(symbols):
            found = indicator.on_columns(*self.prices_of(place, inputs))
            columns = as_columns(found)
            if self._is_whole and symbols == 1:
                results = tuple(column[:, None] for column in columns)
                break
            if not results:
                # A symbol's values lie side by side, as they are computed and compared.
                results = tuple(np.full((symbols, count), np.nan).T for _ in columns)
            times = slice(None) if self._is_whole else self.times_of(place)
            for result, column in zip(results, columns, strict=True):
                result[times, place] = column
        results = tuple(_sealed(result) for result in results)
        if isinstance(found, tuple):
            return getattr(type(found), "_make", tuple)(results)
        return results[0]

    def times_of(self, place: int) -> Longs:
        """Return the places in time of a symbol's bars."""
        if self._is_whole:
            return np.arange(len(self.closed_at_us))
        times: Longs = np.searchsorted(self.closed_at_us, self._tape.closed_at_us[self._rows_of(place)])
        return times

    def prices_of(self, place: int, prices: tuple[str, ...]) -> list[Floats]:
        """Return prices of a symbol's bars in the signal series."""
        tape, rows = self._tape, self._rows_of(place)
        columns: list[Floats] = [getattr(tape, name)[rows] for name in prices]
        if not self._has_factors:
            return columns
        factor = tape.signal_factor[rows]
        return [column * factor for column in columns]

    def _rows_of(self, place: int) -> Any:
        if self._is_whole:
            return slice(place, None, len(self.symbols))
        return self._tape.rows_of_interval(self.symbols[place], self.interval)

    @cached_property
    def _has_factors(self) -> bool:
        """Whether the signal series is another than the raw one."""
        return not bool((self._tape.signal_factor == 1.0).all())

    def signal(self, price: str = "close") -> Floats:
        """Return a price in the signal series, float64[time, symbol].

        Args:
            price: open, high, low or close.

        Raises:
            StrategyError: there is no such price.
        """
        if price not in PRICES:
            msg = f"panel: price is {price!r}; allowed is {', '.join(PRICES)}"
            raise StrategyError(msg)
        column: Floats = getattr(self, price)
        return _sealed(column * self.signal_factor) if self._has_factors else column

    def _column(self, column: Floats) -> Floats:
        if self._is_whole:
            return _sealed(column.reshape(self.shape))
        rows, times, symbols = self._places
        shown = np.full(self.shape, np.nan)
        shown[times, symbols] = column[rows]
        return _sealed(shown)


def _sealed(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
