"""Postings for each kind of event, and the running balances that they give.

The builders are pure: values in, postings out, cash computed from what was paid and never as a balancing
figure, so that the check on every entry can fail. `Ledger` holds what has been posted; it knows nothing of
lots except what postings say, which makes it the independent side of the portfolio's invariants.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from qtrader.errors import AccountingError
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.money import MONEY_CONTEXT, ZERO, quantize
from qtrader.services.account import (
    CASH,
    COMMISSION,
    DEPOSITS,
    DIVIDEND_INCOME,
    DIVIDENDS_PAYABLE,
    DIVIDENDS_RECEIVABLE,
    REALIZED_GAIN,
    SECURITIES,
    SECURITIES_ACCOUNTS,
    SECURITIES_SHORT,
)
from qtrader.services.portfolio.models import ClosedLot, Lot, LotChange, LotTrade


def deposit_postings(amount: Decimal, currency: str) -> tuple[Posting, ...]:
    """Book money that the owner brings in."""
    return (Posting(CASH, currency, amount), Posting(DEPOSITS, currency, -amount))


def trade_postings(trade: LotTrade, commissions: Iterable[Decimal], currency: str) -> tuple[Posting, ...]:
    """Book a trade: closed lots out at cost, their gains, the opened lot in, commissions, cash."""
    postings: list[Posting] = []
    cash = ZERO
    for closed in trade.closed:
        account = SECURITIES if closed.quantity > 0 else SECURITIES_SHORT
        postings.append(
            Posting(account, currency, -closed.cost, closed.symbol, -closed.quantity, closed.lot_id)
        )
        gain = closed.proceeds - closed.cost
        if gain:
            postings.append(Posting(REALIZED_GAIN, currency, -gain, lot_id=closed.lot_id))
        cash += closed.proceeds
    if trade.opened is not None:
        postings.append(_lot_in(trade.opened, currency))
        cash -= trade.opened.cost
    for commission in commissions:
        if commission:
            postings.append(Posting(COMMISSION, currency, commission))
            cash -= commission
    if cash:
        postings.append(Posting(CASH, currency, cash))
    return tuple(postings)


def split_postings(changes: Iterable[LotChange], currency: str) -> tuple[Posting, ...]:
    """Book a split: every lot out and in again at its cost, with the new quantity."""
    postings: list[Posting] = []
    for change in changes:
        old, new = change.before, change.after
        account = SECURITIES if old.quantity > 0 else SECURITIES_SHORT
        postings.append(Posting(account, currency, -old.cost, old.symbol, -old.quantity, old.lot_id))
        if new is not None:
            postings.append(_lot_in(new, currency))
    return tuple(postings)


def entitlement_postings(amount: Decimal, currency: str) -> tuple[Posting, ...]:
    """Book a dividend at its ex date; `amount` is negative where a short owes it."""
    account = DIVIDENDS_RECEIVABLE if amount > 0 else DIVIDENDS_PAYABLE
    return (Posting(account, currency, amount), Posting(DIVIDEND_INCOME, currency, -amount))


def payment_postings(amount: Decimal, currency: str) -> tuple[Posting, ...]:
    """Book a dividend's payment in cash; `amount` is negative where a short pays it."""
    account = DIVIDENDS_RECEIVABLE if amount > 0 else DIVIDENDS_PAYABLE
    return (Posting(CASH, currency, amount), Posting(account, currency, -amount))


def reinvestment_postings(amount: Decimal, lot: Lot, currency: str) -> tuple[Posting, ...]:
    """Book a dividend that becomes a lot on the side of its position; what the lot does not cost is cash."""
    account = DIVIDENDS_RECEIVABLE if amount > 0 else DIVIDENDS_PAYABLE
    postings = [_lot_in(lot, currency), Posting(account, currency, -amount)]
    cash = amount - lot.cost
    if cash:
        postings.append(Posting(CASH, currency, cash))
    return tuple(postings)


def _lot_in(lot: Lot, currency: str) -> Posting:
    account = SECURITIES if lot.quantity > 0 else SECURITIES_SHORT
    return Posting(account, currency, lot.cost, lot.symbol, lot.quantity, lot.lot_id)


def split_commission(
    commission: Decimal, closed: tuple[ClosedLot, ...], quantity: Decimal, scale: int
) -> Decimal:
    """Return the part of a fill's commission that belongs to what it closed, in proportion to quantity.

    `quantity` is the whole fill's, unsigned. The rest, with the rounding's remainder, belongs to the
    opening leg.
    """
    closing = ZERO
    for lot in closed:
        closing += abs(lot.quantity)
    return quantize(MONEY_CONTEXT.divide(MONEY_CONTEXT.multiply(commission, closing), quantity), scale)


def check_balanced(entry: LedgerEntryEvent) -> None:
    """Check that an entry's amounts sum to zero in each currency.

    Raises:
        AccountingError: naming the entry, the currency and the difference.
    """
    sums: dict[str, Decimal] = {}
    for posting in entry.postings:
        currency = posting.currency
        sums[currency] = sums.get(currency, ZERO) + posting.amount
    for currency, difference in sums.items():
        if difference:
            msg = (
                f"ledger entry {entry.entry_id} ({entry.kind}) does not balance: its {currency} amounts "
                f"sum to {canonical_decimal(difference)} instead of 0"
            )
            raise AccountingError(msg)


class Ledger:
    """Add up what has been posted, by account and currency, by lot, and gains by position."""

    __slots__ = ("balances", "lots", "realized")

    def __init__(self) -> None:
        #: (account, currency) → balance.
        self.balances: dict[tuple[str, str], Decimal] = {}
        #: lot_id → (quantity, cost) of the lots that are not closed.
        self.lots: dict[str, tuple[Decimal, Decimal]] = {}
        #: (symbol, strategy) → gains realised so far.
        self.realized: dict[tuple[str, str], Decimal] = {}

    def post(self, entry: LedgerEntryEvent) -> None:
        """Check an entry and add it up.

        Raises:
            AccountingError: the entry does not balance.
        """
        check_balanced(entry)
        balances = self.balances
        for posting in entry.postings:
            account = posting.account
            key = (account, posting.currency)
            balances[key] = balances.get(key, ZERO) + posting.amount
            if account in SECURITIES_ACCOUNTS:
                self._move_lot(posting)
            elif account == REALIZED_GAIN:
                holder = (entry.symbol or "", entry.strategy_id or "")
                self.realized[holder] = self.realized.get(holder, ZERO) - posting.amount

    def _move_lot(self, posting: Posting) -> None:
        lot_id = posting.lot_id or ""
        quantity, cost = self.lots.get(lot_id, (ZERO, ZERO))
        quantity += posting.quantity or ZERO
        cost += posting.amount
        if quantity or cost:
            self.lots[lot_id] = (quantity, cost)
        else:
            self.lots.pop(lot_id, None)

    def balance(self, account: str, currency: str) -> Decimal:
        """Return an account's balance in one currency, in the ledger's signs."""
        return self.balances.get((account, currency), ZERO)

    def cash_balances(self) -> list[tuple[str, Decimal]]:
        """Return the cash by currency, ordered by code."""
        return sorted(
            (currency, amount) for (account, currency), amount in self.balances.items() if account == CASH
        )
