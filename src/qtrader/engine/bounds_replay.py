"""The positions of a run, replayed from its log, with what each flagged fill may have been instead.

A fill against the position ends entries: those first whose own exit its order is (a bracket's child names its
parent), then, as the books do, the oldest of a long and the newest of a short. Splits change units, so
quantities are fractions, which keep every sum exact; an entry knows by how much its units were multiplied,
because the prices of its bar are in the units of that time.

Everything here is calculated in the context of money; callers enter it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from qtrader.events.base import BaseEvent
from qtrader.events.events import ConsolidatedPortfolioEvent, FillEvent, LedgerEntryEvent, OrderEvent
from qtrader.events.vocabulary import LedgerKind, OrderPurpose, Side
from qtrader.money import ZERO, quantize
from qtrader.services.account import CASH, DIVIDEND_INCOME, SECURITIES_ACCOUNTS

_OPEN: Final = OrderPurpose.OPEN
_NOTHING: Final = Fraction(0)
_Holder = tuple[str, str]


class _Leg:
    """A flagged fill with its differences so far."""

    __slots__ = ("best", "fill", "worst")

    def __init__(self, fill: FillEvent, worst: Decimal, best: Decimal) -> None:
        self.fill = fill
        self.worst = worst
        self.best = best


class _Closing(NamedTuple):
    """What of an entry was closed: at which price, in which units, and what its flagged fill may add."""

    quantity: Fraction
    price: Decimal
    reference_price: Decimal
    multiplier: Fraction
    leg: _Leg | None
    worst: Decimal
    best: Decimal


class _Entry:
    """Units that one fill opened; `leg` is set where they may have been closed within that fill's bar."""

    __slots__ = ("closings", "income", "leg", "multiplier", "order_id", "quantity", "sign")

    def __init__(self, order_id: str | None, sign: int, quantity: Fraction, leg: _Leg | None) -> None:
        self.order_id = order_id
        self.sign = sign
        self.quantity = quantity
        self.multiplier = Fraction(1)
        self.leg = leg
        #: Dividends earned by these units; negative where a short owed them.
        self.income = ZERO
        self.closings: list[_Closing] = []


class _Outcome(NamedTuple):
    """What an exit within the bar of an entry would change, and what the entry's later exits may change."""

    worst_exit: Decimal
    best_exit: Decimal
    worst_later: Decimal
    best_later: Decimal


class Replay:
    """Follow a log; ask `value` at each valuation, and `legs` after the last one.

    Args:
        ledger_scale: decimal places of posted amounts.
    """

    def __init__(self, ledger_scale: int) -> None:
        self._scale = ledger_scale
        self._parents: dict[str, str] = {}
        self._held: dict[_Holder, list[_Entry]] = {}
        self._legs: list[_Leg] = []
        #: Entries with doubtful exits that are still open, and what those that are closed have come to.
        self._doubtful: list[tuple[_Holder, _Entry]] = []
        self._settled: list[tuple[_Entry, _Outcome]] = []
        self._worst = self._best = ZERO
        self._marks: dict[_Holder, Decimal] = {}

    def apply(self, event: BaseEvent) -> None:
        """Follow an event; those that move no position are passed over."""
        if type(event) is FillEvent:
            self._fill(event)
        elif type(event) is LedgerEntryEvent:
            self._book(event)
        elif type(event) is OrderEvent and event.parent_order_id is not None and event.purpose is not _OPEN:
            self._parents[event.order_id] = event.parent_order_id

    def value(self, valuation: ConsolidatedPortfolioEvent) -> tuple[Decimal, Decimal]:
        """Return by how much equity may have been lower and higher at a valuation."""
        self._marks = {(one.strategy_id, one.symbol): one.market_price for one in valuation.positions}
        worst, best = self._worst, self._best
        for holder, entry in self._doubtful:
            outcome = self._outcome(entry, self._marks[holder])
            worst += min(outcome.worst_exit - outcome.worst_later, ZERO)
            best += max(outcome.best_exit - outcome.best_later, ZERO)
        return worst, best

    def legs(self) -> Iterator[tuple[FillEvent, Decimal, Decimal]]:
        """Give every flagged fill with what it adds to the worst and to the best of the last valuation."""
        found = [(entry, self._outcome(entry, self._marks[holder])) for holder, entry in self._doubtful]
        worst = {id(leg): leg.worst for leg in self._legs}
        best = {id(leg): leg.best for leg in self._legs}
        for entry, outcome in (*self._settled, *found):
            if outcome.worst_exit < outcome.worst_later:
                worst[id(entry.leg)] += outcome.worst_exit
                for closing in entry.closings:
                    if closing.leg is not None:
                        worst[id(closing.leg)] -= closing.worst
            if outcome.best_exit > outcome.best_later:
                best[id(entry.leg)] += outcome.best_exit
                for closing in entry.closings:
                    if closing.leg is not None:
                        best[id(closing.leg)] -= closing.best
        for leg in self._legs:
            yield leg.fill, worst[id(leg)], best[id(leg)]

    def _fill(self, fill: FillEvent) -> None:
        leg = None
        if fill.is_ambiguous:
            leg = _Leg(fill, *self._price_differences(fill))
            self._legs.append(leg)
            self._worst += leg.worst
            self._best += leg.best
        sign = 1 if fill.side is Side.BUY else -1
        holder = fill.strategy_id, fill.symbol
        left = Fraction(fill.quantity)
        entries = self._held.setdefault(holder, [])
        if entries and entries[0].sign != sign:
            parent = self._parents.get(fill.order_id)
            left = self._close(holder, left, fill.price, fill.reference_price, parent=parent, leg=leg)
        if left:
            has_exits = fill.worst_exit_price is not None or fill.best_exit_price is not None
            entry = _Entry(fill.order_id, sign, left, leg if has_exits else None)
            entries.append(entry)
            if entry.leg is not None:
                self._doubtful.append((holder, entry))

    def _close(
        self,
        holder: _Holder,
        quantity: Fraction,
        price: Decimal,
        reference_price: Decimal,
        *,
        parent: str | None = None,
        leg: _Leg | None = None,
    ) -> Fraction:
        """End entries by a quantity and return what is left of it."""
        entries = self._held[holder]
        left = quantity
        for entry in _in_turn(entries, parent):
            part = min(entry.quantity, left)
            shares = (quantity - left) / quantity, (quantity - left + part) / quantity
            left -= part
            entry.quantity -= part
            if entry.leg is not None:
                worst = ZERO if leg is None else self._between(leg.worst, *shares)
                best = ZERO if leg is None else self._between(leg.best, *shares)
                multiplier = entry.multiplier
                entry.closings.append(_Closing(part, price, reference_price, multiplier, leg, worst, best))
                if not entry.quantity:
                    self._settle(holder, entry)
            if not left:
                break
        entries[:] = [entry for entry in entries if entry.quantity]
        return left

    def _settle(self, holder: _Holder, entry: _Entry) -> None:
        outcome = self._outcome(entry, ZERO)
        self._settled.append((entry, outcome))
        self._doubtful.remove((holder, entry))
        self._worst += min(outcome.worst_exit - outcome.worst_later, ZERO)
        self._best += max(outcome.best_exit - outcome.best_later, ZERO)

    def _book(self, entry: LedgerEntryEvent) -> None:
        holder = entry.strategy_id or "", entry.symbol or ""
        if entry.kind is LedgerKind.SPLIT:
            self._split(self._held[holder], _moved(entry))
        elif entry.kind is LedgerKind.CASH_IN_LIEU:
            quantity = abs(_moved(entry))
            price = abs(_posted(entry, CASH)) / _decimal(quantity)
            self._close(holder, quantity, price, price)
        elif entry.kind is LedgerKind.DIVIDEND_REINVESTMENT:
            quantity = _moved(entry)
            if quantity:
                sign = 1 if quantity > 0 else -1
                self._held.setdefault(holder, []).append(_Entry(None, sign, abs(quantity), None))
        elif entry.kind is LedgerKind.DIVIDEND_ENTITLEMENT:
            amount, entries = -_posted(entry, DIVIDEND_INCOME), self._held[holder]
            total = _sum(entry.quantity for entry in entries)
            for held in entries:
                if held.leg is not None:
                    held.income += quantize(amount * _decimal(held.quantity / total), self._scale)

    def _split(self, entries: list[_Entry], moved: Fraction) -> None:
        before = _sum(entry.quantity for entry in entries)
        ratio = (before + moved * entries[0].sign) / before
        for entry in entries:
            entry.quantity *= ratio
            entry.multiplier *= ratio

    def _price_differences(self, fill: FillEvent) -> tuple[Decimal, Decimal]:
        """Return what the fill's own prices change; booked is one of the possibilities."""
        found = [ZERO]
        for other in (fill.worst_price, fill.best_price):
            if other is not None:
                shift = other - fill.reference_price
                change = self._change(Fraction(fill.quantity), fill.price, shift)
                found.append(-change if fill.side is Side.BUY else change)
        return min(found), max(found)

    def _outcome(self, entry: _Entry, mark: Decimal) -> _Outcome:
        fill = entry.leg.fill if entry.leg is not None else None
        prices = (None, None) if fill is None else (fill.worst_exit_price, fill.best_exit_price)
        exits = [self._exit_difference(entry, price, mark) for price in prices if price is not None]
        worst = best = ZERO
        for closing in entry.closings:
            worst += closing.worst
            best += closing.best
        return _Outcome(min(exits), max(exits), worst, best)

    def _exit_difference(self, entry: _Entry, price: Decimal, mark: Decimal) -> Decimal:
        """Return what the account would hold more had the entry ended at a price of its own bar."""
        change = ZERO
        for closing in entry.closings:
            shift = price / _decimal(closing.multiplier) - closing.reference_price
            change += self._change(closing.quantity, closing.price, shift)
        if entry.quantity:
            change += self._change(entry.quantity, mark, price / _decimal(entry.multiplier) - mark)
        return (change if entry.sign > 0 else -change) - entry.income

    def _change(self, quantity: Fraction, price: Decimal, shift: Decimal) -> Decimal:
        """Return how much more the books would post for a quantity at a price that is higher by `shift`."""
        units, scale = _decimal(quantity), self._scale
        return quantize(units * (price + shift), scale) - quantize(units * price, scale)

    def _between(self, amount: Decimal, begin: Fraction, end: Fraction) -> Decimal:
        """Return the part of an amount between two shares of it; parts side by side sum to the whole."""
        first, last = (quantize(amount * _decimal(share), self._scale) for share in (begin, end))
        return last - first


def _in_turn(entries: list[_Entry], parent: str | None) -> Iterable[_Entry]:
    """Order entries as a fill of the other side ends them."""
    queue = entries if entries[0].sign > 0 else entries[::-1]
    if parent is None:
        return tuple(queue)
    own = [entry for entry in queue if entry.order_id == parent]
    return (*own, *(entry for entry in queue if entry.order_id != parent))


def _moved(entry: LedgerEntryEvent) -> Fraction:
    """Return by how many units, signed, an entry changes a position."""
    return _sum(
        Fraction(posting.quantity or 0)
        for posting in entry.postings
        if posting.account in SECURITIES_ACCOUNTS
    )


def _posted(entry: LedgerEntryEvent, account: str) -> Decimal:
    total = ZERO
    for posting in entry.postings:
        if posting.account == account:
            total += posting.amount
    return total


def _sum(quantities: Iterable[Fraction]) -> Fraction:
    total = _NOTHING
    for quantity in quantities:
        total += quantity
    return total


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
