"""Building trades while fills and ledger entries come: only what is open is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from qtrader.errors import AccountingError
from qtrader.events.events import FillEvent, LedgerEntryEvent, Posting
from qtrader.events.vocabulary import LedgerKind
from qtrader.money import ZERO, money_context
from qtrader.services.account import COMMISSION, DIVIDEND_INCOME, REALIZED_GAIN, SECURITIES_ACCOUNTS
from qtrader.services.reporting.closed_trades import TradeSide
from qtrader.services.reporting.trades import Trade

#: The kinds of entry that change lots or income; the others move money between accounts of the balance sheet.
_KINDS: Final = frozenset(
    {
        LedgerKind.FILL,
        LedgerKind.SPLIT,
        LedgerKind.CASH_IN_LIEU,
        LedgerKind.DIVIDEND_ENTITLEMENT,
        LedgerKind.DIVIDEND_REINVESTMENT,
    }
)


class _Running:
    """A trade while it is built."""

    __slots__ = (
        "commission",
        "cost",
        "dividends",
        "entry_quantity",
        "entry_value",
        "exit_quantity",
        "exit_value",
        "fill_count",
        "first_fill",
        "gross_pnl",
        "largest",
        "last_change",
        "place",
        "quantity",
        "side",
    )

    def __init__(self, fill: FillEvent, side: TradeSide, place: int) -> None:
        self.first_fill = fill
        self.place = place
        self.side: TradeSide = side
        self.quantity = self.cost = self.largest = ZERO
        self.entry_quantity = self.entry_value = ZERO
        self.exit_quantity = self.exit_value = ZERO
        self.gross_pnl = self.dividends = self.commission = ZERO
        self.fill_count = 0
        #: Instant, signal and purpose of the latest reduction.
        self.last_change: tuple[datetime, str | None, str] | None = None

    def enter(self, posting: Posting, price: Decimal | None) -> None:
        quantity = abs(posting.quantity or ZERO)
        self.entry_quantity += quantity
        self.entry_value += abs(posting.amount) if price is None else quantity * price
        self._move(posting)

    def leave(self, posting: Posting, gain: Decimal, price: Decimal | None) -> None:
        quantity = abs(posting.quantity or ZERO)
        self.exit_quantity += quantity
        self.exit_value += abs(gain - posting.amount) if price is None else quantity * price
        self.gross_pnl += gain
        self._move(posting)

    def _move(self, posting: Posting) -> None:
        self.quantity += posting.quantity or ZERO
        self.cost += posting.amount
        self.largest = max(self.largest, abs(self.quantity))

    def split(self, after: Decimal) -> None:
        before = self.quantity
        self.entry_quantity = self.entry_quantity * after / before
        self.exit_quantity = self.exit_quantity * after / before
        self.largest = self.largest * after / before
        self.quantity = after

    def freeze(self) -> Trade:
        fill, last = self.first_fill, self.last_change
        return Trade(
            trade_id=fill.fill_id,
            strategy_id=fill.strategy_id,
            symbol=fill.symbol,
            side=self.side,
            opened_at=fill.executed_at,
            closed_at=last[0] if last is not None and not self.quantity else None,
            quantity=self.largest,
            entry_price=self.entry_value / self.entry_quantity,
            exit_price=self.exit_value / self.exit_quantity if self.exit_quantity else None,
            entry_value=self.entry_value,
            gross_pnl=self.gross_pnl,
            dividends=self.dividends,
            commission=self.commission,
            fill_count=self.fill_count,
            entry_signal_id=fill.signal_id,
            exit_signal_id=None if last is None else last[1],
            exit_purpose=None if last is None else last[2],
            open_quantity=self.quantity,
            open_cost=self.cost,
        )


class TradeBuilder:
    """Apply ledger entries to the open trade of each strategy and symbol; hold no trade that is closed.

    Args:
        done: called with each trade and its place in the order of opening: when it is closed, and with those
            that are still open at the end.
        booked: called with the place of a trade and each fill that begins or reduces it.
    """

    def __init__(
        self,
        done: Callable[[int, Trade], None],
        booked: Callable[[int, FillEvent], None] | None = None,
    ) -> None:
        self._done = done
        self._booked = booked
        self._fills: dict[str, FillEvent] = {}
        self._count = 0
        self._open: dict[tuple[str | None, str | None], _Running] = {}
        self._closed: list[_Running] = []

    def on_fill(self, fill: FillEvent) -> None:
        """Remember a fill until its entry comes."""
        self._fills[fill.event_id] = fill

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Book an entry; those that move no position and no income are passed over.

        Raises:
            AccountingError: it books income or a close where nothing is held, or its fill is not known.
        """
        if entry.kind not in _KINDS:
            return
        with money_context():
            self._book(entry)
            # Only now: what a fill costs is added after the position is gone.
            for trade in self._closed:
                self._done(trade.place, trade.freeze())
        self._closed.clear()

    def end(self) -> None:
        """Give the trades that are still open."""
        with money_context():
            for trade in self._open.values():
                self._done(trade.place, trade.freeze())

    def _book(self, entry: LedgerEntryEvent) -> None:
        if entry.kind is LedgerKind.FILL:
            self._book_fill(entry)
            return
        trade = self._held(entry)
        if entry.kind is LedgerKind.SPLIT:
            after = trade.quantity
            for posting in entry.postings:
                after += posting.quantity or ZERO
            trade.split(after)
        elif entry.kind is LedgerKind.CASH_IN_LIEU:
            for posting, gain in _moves(entry):
                trade.leave(posting, gain, None)
            trade.last_change = (entry.occurred_at, None, LedgerKind.CASH_IN_LIEU.value)
            self._end(entry, trade)
        elif entry.kind is LedgerKind.DIVIDEND_ENTITLEMENT:
            trade.dividends -= _posted(entry, DIVIDEND_INCOME)
        else:
            for posting, _ in _moves(entry):
                trade.enter(posting, None)

    def _book_fill(self, entry: LedgerEntryEvent) -> None:
        fill = self._fills.pop(entry.causation_id or "", None)
        if fill is None:
            msg = (
                f"ledger entry {entry.entry_id} books a fill that is not in the log before it "
                f"(its cause is {entry.causation_id})"
            )
            raise AccountingError(msg)
        closed = opened = ZERO
        ended: _Running | None = None
        for posting, gain in _moves(entry):
            if posting.lot_id == fill.fill_id:
                opened += abs(posting.quantity or ZERO)
                self._enter(entry, fill, posting)
            else:
                closed += abs(posting.quantity or ZERO)
                ended = self._held(entry)
                ended.leave(posting, gain, fill.price)
                ended.last_change = (fill.executed_at, fill.signal_id, fill.purpose.value)
                if self._booked is not None:
                    self._booked(ended.place, fill)
                self._end(entry, ended)
        if ended is not None:
            ended.fill_count += 1
            ended.commission += _commission_of_close(entry, closed, opened)
        if opened:
            begun = self._held(entry)
            begun.fill_count += 1
            begun.commission += _posted(entry, COMMISSION) - _commission_of_close(entry, closed, opened)

    def _enter(self, entry: LedgerEntryEvent, fill: FillEvent, posting: Posting) -> None:
        key = (entry.strategy_id, entry.symbol)
        trade = self._open.get(key)
        if trade is None:
            side: TradeSide = "long" if (posting.quantity or ZERO) > 0 else "short"
            trade = self._open[key] = _Running(fill, side, self._count)
            self._count += 1
            if self._booked is not None:
                self._booked(trade.place, fill)
        trade.enter(posting, fill.price)

    def _end(self, entry: LedgerEntryEvent, trade: _Running) -> None:
        if not trade.quantity:
            self._closed.append(self._open.pop((entry.strategy_id, entry.symbol)))

    def _held(self, entry: LedgerEntryEvent) -> _Running:
        trade = self._open.get((entry.strategy_id, entry.symbol))
        if trade is None:
            msg = (
                f"ledger entry {entry.entry_id} ({entry.kind}) concerns {entry.symbol}, "
                f"of which {entry.strategy_id} holds nothing"
            )
            raise AccountingError(msg)
        return trade


def _moves(entry: LedgerEntryEvent) -> Iterable[tuple[Posting, Decimal]]:
    """Pair each posting that moves a lot with the gain that was realised on it."""
    gains = {
        posting.lot_id: -posting.amount for posting in entry.postings if posting.account == REALIZED_GAIN
    }
    for posting in entry.postings:
        if posting.account in SECURITIES_ACCOUNTS:
            yield posting, gains.get(posting.lot_id, ZERO)


def _posted(entry: LedgerEntryEvent, account: str) -> Decimal:
    total = ZERO
    for posting in entry.postings:
        if posting.account == account:
            total += posting.amount
    return total


def _commission_of_close(entry: LedgerEntryEvent, closed: Decimal, opened: Decimal) -> Decimal:
    """Give the part of a fill's commission that belongs to what it closed.

    A fill through zero posts it in two lines, the closing leg's first. A line of zero is not posted: the one
    that is left then belongs to the larger leg, because the smaller one's share was rounded away.
    """
    lines = [posting.amount for posting in entry.postings if posting.account == COMMISSION]
    if not closed or not lines:
        return ZERO
    if not opened or len(lines) > 1:
        return lines[0]
    return lines[0] if closed > opened else ZERO
