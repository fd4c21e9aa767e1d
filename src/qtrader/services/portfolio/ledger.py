"""Postings for each kind of event, and the running balances that they give.

The builders are pure: values in, postings out, cash computed from what was paid and never as a balancing
figure, so that the check on every entry can fail. `Ledger` holds what has been posted; it knows nothing of
lots except what postings say, which makes it the independent side of the portfolio's invariants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        quantity, cost, proceeds, lot_id = closed.quantity, closed.cost, closed.proceeds, closed.lot_id
        account = SECURITIES if quantity > ZERO else SECURITIES_SHORT
        postings.append(Posting(account, currency, -cost, closed.symbol, -quantity, lot_id))
        gain = proceeds - cost
        if gain:
            postings.append(Posting(REALIZED_GAIN, currency, -gain, None, None, lot_id))
        cash += proceeds
    opened = trade.opened
    if opened is not None:
        postings.append(_lot_in(opened, currency))
        cash -= opened.cost
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
    quantity = lot.quantity
    account = SECURITIES if quantity > ZERO else SECURITIES_SHORT
    return Posting(account, currency, lot.cost, lot.symbol, quantity, lot.lot_id)


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


def _is_balanced_in_one_currency(postings: tuple[Posting, ...]) -> bool:
    """Say whether the postings are plainly balanced, as most are; if not, `check_balanced` finds out."""
    currency, total = postings[0].currency if postings else "", ZERO
    for posting in postings:
        if posting.currency != currency:
            return False
        total += posting.amount
    return not total


class Ledger:
    """Add up what has been posted, by account and currency, by lot, and gains by position."""

    __slots__ = ("_accounts", "lots", "realized")

    def __init__(self) -> None:
        #: currency → account → balance.
        self._accounts: dict[str, dict[str, Decimal]] = {}
        #: lot_id → (quantity, cost) of the lots that are not closed.
        self.lots: dict[str, tuple[Decimal, Decimal]] = {}
        #: (symbol, strategy) → gains realised so far.
        self.realized: dict[tuple[str, str], Decimal] = {}

    @property
    def balances(self) -> dict[tuple[str, str], Decimal]:
        """Return every balance by account and currency."""
        return {
            (account, currency): balance
            for currency, accounts in self._accounts.items()
            for account, balance in accounts.items()
        }

    def restore_balance(self, account: str, currency: str, amount: Decimal) -> None:
        """Set a balance to what it was when a snapshot was taken."""
        self._accounts.setdefault(currency, {})[account] = amount

    def post(self, entry: LedgerEntryEvent) -> None:
        """Check an entry and add it up.

        Raises:
            AccountingError: the entry does not balance.
        """
        postings = entry.postings
        if not _is_balanced_in_one_currency(postings):
            check_balanced(entry)
        currency = ""
        accounts: dict[str, Decimal] = {}
        for posting in postings:
            if posting.currency != currency:
                currency = posting.currency
                accounts = self._accounts.setdefault(currency, {})
            account, amount = posting.account, posting.amount
            accounts[account] = accounts.get(account, ZERO) + amount
            if account in SECURITIES_ACCOUNTS:
                self._move_lot(posting)
            elif account == REALIZED_GAIN:
                holder = (entry.symbol or "", entry.strategy_id or "")
                self.realized[holder] = self.realized.get(holder, ZERO) - amount

    def _move_lot(self, posting: Posting) -> None:
        lots, lot_id = self.lots, posting.lot_id or ""
        quantity, cost = posting.quantity or ZERO, posting.amount
        held = lots.get(lot_id)
        if held is not None:
            quantity += held[0]
            cost += held[1]
        if quantity or cost:
            lots[lot_id] = (quantity, cost)
        elif held is not None:
            del lots[lot_id]

    def balance(self, account: str, currency: str) -> Decimal:
        """Return an account's balance in one currency, in the ledger's signs."""
        return self._accounts.get(currency, {}).get(account, ZERO)

    def balances_in(self, currency: str) -> Mapping[str, Decimal]:
        """Return the balances in one currency by account, in the ledger's signs."""
        return self._accounts.get(currency, {})

    def cash_balances(self) -> list[tuple[str, Decimal]]:
        """Return the cash by currency, ordered by code."""
        return sorted(
            (currency, accounts[CASH]) for currency, accounts in self._accounts.items() if CASH in accounts
        )
