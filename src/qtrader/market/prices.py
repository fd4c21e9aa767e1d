"""Prices as they were known: looked up from the tape, never pushed.

A symbol's price at an instant is the close of the last bar of its finest interval that had closed by then.
Two ways lead to it: `LastPrices` moves forward with the engine and answers in amortised constant time,
`close_at` answers for any instant by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal

from qtrader.market.tape import Tape
from qtrader.money import decimal_of


class _SymbolPrices:
    """One symbol's rows with a cursor: `count` of them lie before the present row."""

    __slots__ = ("closes", "count", "decimal", "limit", "price", "rows")

    def __init__(self, tape: Tape, symbol: str) -> None:
        # Views, because their items are Python numbers, which compare several times as fast as NumPy's. The
        # rows of a symbol that is alone with one interval need not even be made.
        is_alone = len(tape.symbols) == 1 == len(tape.intervals)
        self.rows: Sequence[int] = range(len(tape)) if is_alone else tape.matching_rows_of(symbol).data
        self.closes = tape.close.data
        self.count = 0
        #: The first row that would move the cursor; below it a lookup is one comparison.
        self.limit = self.rows[0] if len(self.rows) else len(tape)
        self.price: float | None = None
        #: The same price as money, once it was asked for.
        self.decimal: Decimal | None = None

    def move(self, row: int, rows_on_tape: int) -> None:
        rows = self.rows
        step, low, high = 1, self.count, len(rows)
        # Gallop from the cursor, so that a short step costs little and a long one its logarithm.
        while low + step < high and rows[low + step] < row:
            low += step
            step *= 2
        self.count = bisect_left(rows, row, low, min(low + step + 1, high))
        self.limit = rows[self.count] if self.count < high else rows_on_tape
        self.price = self.closes[rows[self.count - 1]] if self.count else None
        self.decimal = None


class LastPrices:
    """Answer what each symbol last closed at, moving forward over a tape.

    `advance_to(row)` says that the rows before `row` are known; `price(symbol)` is then that symbol's last
    close. The cursor of a symbol moves only when it is asked for. Going back is allowed and costs a
    bisection.
    """

    __slots__ = ("_cursors", "_known_rows", "_tape")

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._cursors: dict[str, _SymbolPrices] = {}
        self._known_rows = 0

    @property
    def known_rows(self) -> int:
        """The number of rows that are known: those before this one."""
        return self._known_rows

    def advance_to(self, row: int) -> None:
        """Make the rows before `row` known; a smaller row than before starts over."""
        if row < self._known_rows:
            self._cursors.clear()
        self._known_rows = row

    def advance_to_instant(self, instant_us: int) -> None:
        """Make the bars known that closed at or before an instant."""
        self.advance_to(self._tape.rows_closed_by(instant_us))

    def price(self, symbol: str) -> float | None:
        """Return the last known close of a symbol, or None before its first bar.

        Raises:
            DataError: the symbol is not on the tape.
        """
        return self._cursor(symbol).price

    def decimal_price(self, symbol: str) -> Decimal | None:
        """Return the last known close of a symbol as a Decimal, or None before its first bar."""
        cursor = self._cursor(symbol)
        if cursor.decimal is None and cursor.price is not None:
            cursor.decimal = decimal_of(cursor.price)
        return cursor.decimal

    def price_at(self, symbol: str, instant_us: int) -> float | None:
        """Return a symbol's last close by an instant, or None; independent of the cursor."""
        return close_at(self._tape, symbol, instant_us)

    def last_row(self, symbol: str, before_row: int) -> int | None:
        """Return the row of a symbol's last bar before a row, or None; independent of the cursor."""
        return last_row(self._tape, symbol, before_row)

    def _cursor(self, symbol: str) -> _SymbolPrices:
        cursor = self._cursors.get(symbol)
        if cursor is None:
            cursor = self._cursors[symbol] = _SymbolPrices(self._tape, symbol)
        if self._known_rows > cursor.limit:
            cursor.move(self._known_rows, len(self._tape))
        return cursor


def last_row(tape: Tape, symbol: str, before_row: int) -> int | None:
    """Return the row of the last bar of a symbol's finest interval before a row, or None."""
    rows = tape.matching_rows_of(symbol)
    count = bisect_left(rows, before_row)
    return int(rows[count - 1]) if count else None


def next_row(tape: Tape, symbol: str, from_row: int) -> int | None:
    """Return the row of the first bar of a symbol's finest interval at or after a row, or None."""
    rows = tape.matching_rows_of(symbol)
    count = bisect_left(rows, from_row)
    return int(rows[count]) if count < len(rows) else None


def close_at(tape: Tape, symbol: str, instant_us: int) -> float | None:
    """Return the close of a symbol's last bar that closed at or before an instant, or None."""
    rows = tape.matching_rows_of(symbol)
    closed = tape.closed_at_us
    count = bisect_right(rows, instant_us, key=lambda row: int(closed[row]))
    return float(tape.close[rows[count - 1]]) if count else None
