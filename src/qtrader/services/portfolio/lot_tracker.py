"""Which units were bought when, and at what total cost.

A trade against the position closes lots, the oldest first for a long (FIFO) and the newest first for a
short (LIFO); what is left of it opens one lot, so a trade through zero closes, then opens. Rounding, always
half-even to the ledger's scale:

- A trade is worth quantise(quantity * price). The part that closes is worth quantise(its quantity * price),
  the part that opens is worth the rest; of several lots closed by one trade the last takes what the others
  left of the proceeds.
- A partial close takes quantise(cost * q / Q) of a lot's cost; the rest stays, and the last close takes all
  of it.
- A split multiplies cumulative quantities and rounds those to 1e-8, so that the lots always add up to the
  rounded position.

Invariants: the lots of a position have one sign; their quantities add up to the position and their costs to
its cost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.money import MONEY_CONTEXT, ZERO, quantize
from qtrader.services.portfolio.models import ClosedLot, Lot, LotChange, LotTrade

#: Quantities are kept to 1e-8.
QUANTITY_SCALE: Final = 8

# Looked up once: every trade takes both.
_multiply: Final = MONEY_CONTEXT.multiply
_quantize: Final = MONEY_CONTEXT.quantize


def scaled_quantity(quantity: Decimal, ratio: Fraction) -> Decimal:
    """Multiply a quantity by a split's ratio, rounded half-even to 1e-8."""
    numerator = MONEY_CONTEXT.multiply(quantity, Decimal(ratio.numerator))
    return quantize(MONEY_CONTEXT.divide(numerator, Decimal(ratio.denominator)), QUANTITY_SCALE)


class _Book:
    """The open lots of one strategy in one symbol, at least one, the oldest on the left."""

    __slots__ = ("cost", "lots", "quantity")

    def __init__(self, lot: Lot) -> None:
        self.lots = deque((lot,))
        self.quantity = lot.quantity
        self.cost = lot.cost

    def append(self, lot: Lot) -> None:
        self.lots.append(lot)
        self.quantity += lot.quantity
        self.cost += lot.cost


class LotTracker:
    """Hold the open lots of every strategy and symbol.

    Args:
        ledger_scale: decimal places of costs and proceeds.
    """

    __slots__ = ("_books", "_ledger_step")

    def __init__(self, ledger_scale: int = 8) -> None:
        self._ledger_step = Decimal(1).scaleb(-ledger_scale)
        #: symbol → strategy → its lots; a strategy that is flat is not there.
        self._books: dict[str, dict[str, _Book]] = {}

    def quantity(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the units held; negative for a short, zero when flat."""
        book = self._find(strategy_id, symbol)
        return ZERO if book is None else book.quantity

    def cost(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the total cost of the open lots; negative for a short."""
        book = self._find(strategy_id, symbol)
        return ZERO if book is None else book.cost

    def lots(self, strategy_id: str, symbol: str) -> tuple[Lot, ...]:
        """Return the open lots, the oldest first."""
        book = self._find(strategy_id, symbol)
        return () if book is None else tuple(book.lots)

    def holders(self, symbol: str) -> list[str]:
        """Return the strategies that hold a symbol, sorted."""
        return sorted(self._books.get(symbol, ()))

    def open_positions(self) -> list[tuple[str, str]]:
        """Return the open positions as (symbol, strategy), sorted."""
        return sorted((symbol, strategy) for symbol, books in self._books.items() for strategy in books)

    def all_lots(self) -> Iterator[Lot]:
        """Iterate over every open lot, by symbol, strategy and age."""
        for symbol, strategy in self.open_positions():
            yield from self._books[symbol][strategy].lots

    def restore(self, lots: Iterable[Lot]) -> None:
        """Replace everything by these lots, each position's oldest first."""
        self._books = {}
        for lot in lots:
            self.open_lot(lot)

    def trade(
        self, strategy_id: str, symbol: str, quantity: Decimal, price: Decimal, *, trade_id: str, at: datetime
    ) -> LotTrade:
        """Apply a trade; a lot that it opens is named `trade_id`.

        Args:
            strategy_id: whose position changes.
            symbol: what is traded.
            quantity: signed, negative for a sale; not zero.
            price: per unit.
            trade_id: the fill, or the entry that sells a fraction.
            at: market time of the trade.
        """
        total = _quantize(_multiply(quantity, price), self._ledger_step)
        books = self._books.get(symbol)
        if books is None:
            books = self._books[symbol] = {}
        book = books.get(strategy_id)
        closed: tuple[ClosedLot, ...] = ()
        if book is not None:
            lots, held = book.lots, book.quantity
            if len(lots) == 1 and quantity == -lots[0].quantity:
                # The common case of what follows: the only lot is closed whole.
                del books[strategy_id]
                lot = lots[0]
                piece = _closed(lot, lot.quantity, lot.cost, -total, trade_id=trade_id, at=at)
                return LotTrade((piece,), None)
            if (held > 0) != (quantity > 0):
                if abs(quantity) > abs(held):
                    closing, proceeds = held, _quantize(_multiply(held, price), self._ledger_step)
                else:
                    closing, proceeds = -quantity, -total
                closed = self._close(book, closing, proceeds, price, trade_id=trade_id, at=at)
                quantity += closing
                total += proceeds
                if not lots:
                    del books[strategy_id]
                    book = None
        opened = None
        if quantity:
            opened = Lot(trade_id, strategy_id, symbol, quantity, total, at, trade_id)
            if book is None:
                books[strategy_id] = _Book(opened)
            else:
                book.append(opened)
        return LotTrade(closed, opened)

    def open_lot(self, lot: Lot) -> None:
        """Add a lot whose cost is given, on the position's side."""
        books = self._books.get(lot.symbol)
        if books is None:
            books = self._books[lot.symbol] = {}
        book = books.get(lot.strategy_id)
        if book is None:
            books[lot.strategy_id] = _Book(lot)
        else:
            book.append(lot)

    def split(self, strategy_id: str, symbol: str, ratio: Fraction) -> tuple[LotChange, ...]:
        """Multiply the quantity of every lot of a position and keep its cost.

        A lot that rounds to nothing leaves its cost to the next one, or to the one before if it is the
        last. The position as a whole must not round to nothing.
        """
        book = self._books[symbol][strategy_id]
        before = tuple(book.lots)
        after = _split_lots(before, ratio)
        book.lots = deque(lot for lot in after if lot is not None)
        book.quantity = scaled_quantity(book.quantity, ratio)
        return tuple(LotChange(old, new) for old, new in zip(before, after, strict=True))

    def _close(
        self, book: _Book, closing: Decimal, proceeds: Decimal, price: Decimal, *, trade_id: str, at: datetime
    ) -> tuple[ClosedLot, ...]:
        lots, is_long, step = book.lots, closing > 0, self._ledger_step
        book.quantity -= closing
        closed: list[ClosedLot] = []
        while closing:
            lot = lots.popleft() if is_long else lots.pop()
            quantity, cost = lot.quantity, lot.cost
            if abs(quantity) > abs(closing):
                quantity = closing
                cost = _quantize(MONEY_CONTEXT.divide(_multiply(cost, quantity), lot.quantity), step)
                rest = _resized(lot, lot.quantity - quantity, lot.cost - cost)
                if is_long:
                    lots.appendleft(rest)
                else:
                    lots.append(rest)
            closing -= quantity
            piece = _quantize(_multiply(quantity, price), step) if closing else proceeds
            proceeds -= piece
            book.cost -= cost
            closed.append(_closed(lot, quantity, cost, piece, trade_id=trade_id, at=at))
        return tuple(closed)

    def _find(self, strategy_id: str, symbol: str) -> _Book | None:
        books = self._books.get(symbol)
        return None if books is None else books.get(strategy_id)


def _closed(
    lot: Lot, quantity: Decimal, cost: Decimal, proceeds: Decimal, *, trade_id: str, at: datetime
) -> ClosedLot:
    return ClosedLot(
        lot.lot_id,
        lot.strategy_id,
        lot.symbol,
        quantity,
        cost,
        proceeds,
        lot.opened_at,
        lot.opened_by,
        at,
        trade_id,
    )


def _resized(lot: Lot, quantity: Decimal, cost: Decimal) -> Lot:
    return Lot(lot.lot_id, lot.strategy_id, lot.symbol, quantity, cost, lot.opened_at, lot.opened_by)


def _split_lots(lots: tuple[Lot, ...], ratio: Fraction) -> list[Lot | None]:
    after: list[Lot | None] = []
    cumulative = rounded = carried = ZERO
    last_kept = -1
    for place, lot in enumerate(lots):
        cumulative += lot.quantity
        target = scaled_quantity(cumulative, ratio)
        quantity, rounded = target - rounded, target
        if quantity:
            after.append(_resized(lot, quantity, lot.cost + carried))
            carried, last_kept = ZERO, place
        else:
            after.append(None)
            carried += lot.cost
    kept = after[last_kept]
    if carried and kept is not None:
        after[last_kept] = _resized(kept, kept.quantity, kept.cost + carried)
    return after
