"""The books: lots, ledger and dividends due, which change together, and the invariants between them.

Lots and ledger are kept apart, each by its own rules, and must agree: the lots know quantities and costs
from trades, the ledger from postings.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter

from qtrader.errors import AccountingError
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import LedgerEntryEvent
from qtrader.money import ZERO
from qtrader.services.account import (
    DIVIDENDS_PAYABLE,
    DIVIDENDS_RECEIVABLE,
    REALIZED_GAIN,
    SECURITIES,
    SECURITIES_SHORT,
)
from qtrader.services.portfolio.corporate_actions import PendingDividend
from qtrader.services.portfolio.ledger import Ledger
from qtrader.services.portfolio.lot_tracker import LotTracker


class Books:
    """Lots, ledger and dividends due of one account."""

    __slots__ = ("_dividends", "is_open", "ledger", "lots", "next_ordinal")

    def __init__(self, ledger_scale: int) -> None:
        self.lots = LotTracker(ledger_scale)
        self.ledger = Ledger()
        self.is_open = False
        self.next_ordinal = 0
        self._dividends: list[tuple[int, int, PendingDividend]] = []

    def take_over(self, other: Books) -> None:
        """Become what other books are; those are not to be used any more."""
        self.lots = other.lots
        self.ledger = other.ledger
        self.is_open = other.is_open
        self.next_ordinal = other.next_ordinal
        self._dividends = other._dividends

    def add_dividend(self, dividend: PendingDividend) -> None:
        """Remember a dividend until it is due."""
        self.next_ordinal = dividend.ordinal + 1
        heapq.heappush(self._dividends, (dividend.due_us, dividend.ordinal, dividend))

    def take_dividend_due(self, now_us: int) -> PendingDividend | None:
        """Take out the next dividend that is due by an instant, or None."""
        if not self._dividends or self._dividends[0][0] > now_us:
            return None
        return heapq.heappop(self._dividends)[2]

    def next_due_us(self) -> int | None:
        """Return the instant at which the next dividend is due, or None."""
        return self._dividends[0][0] if self._dividends else None

    def dividends(self) -> tuple[PendingDividend, ...]:
        """Return the dividends that are not settled, in the order of their settlement."""
        return tuple(entry[2] for entry in sorted(self._dividends, key=lambda entry: entry[:2]))

    def check(self, base_currency: str) -> None:
        """Check that lots, ledger and dividends due agree and that the trial balance is zero.

        Raises:
            AccountingError: naming what differs and by how much.
        """
        self._check_lots()
        ledger = self.ledger
        totals: dict[str, Decimal] = {}
        for (_, currency), amount in ledger.balances.items():
            totals[currency] = totals.get(currency, ZERO) + amount
        for currency, amount in totals.items():
            require_equal(f"trial balance in {currency}", amount, ZERO)
        cost = _total(map(attrgetter("cost"), self.lots.all_lots()))
        securities = ledger.balance(SECURITIES, base_currency) + ledger.balance(
            SECURITIES_SHORT, base_currency
        )
        require_equal("securities at cost: ledger against lots", securities, cost)
        gains = -ledger.balance(REALIZED_GAIN, base_currency)
        require_equal("realised gains: ledger against positions", gains, _total(ledger.realized.values()))
        due = [dividend.amount for _, _, dividend in self._dividends]
        receivable = ledger.balance(DIVIDENDS_RECEIVABLE, base_currency)
        require_equal("dividends receivable", receivable, _total(amount for amount in due if amount > 0))
        payable = ledger.balance(DIVIDENDS_PAYABLE, base_currency)
        require_equal("dividends payable", payable, _total(amount for amount in due if amount < 0))

    def _check_lots(self) -> None:
        lots = {lot.lot_id: (lot.quantity, lot.cost) for lot in self.lots.all_lots()}
        posted = self.ledger.lots
        for lot_id in sorted(lots.keys() | posted.keys()):
            quantity, cost = lots.get(lot_id, (ZERO, ZERO))
            posted_quantity, posted_cost = posted.get(lot_id, (ZERO, ZERO))
            require_equal(f"quantity of lot {lot_id}: ledger against lots", posted_quantity, quantity)
            require_equal(f"cost of lot {lot_id}: ledger against lots", posted_cost, cost)
        for symbol, strategy_id in self.lots.open_positions():
            held = self.lots.lots(strategy_id, symbol)
            place = f"of {strategy_id} in {symbol}: position against lots"
            quantity = self.lots.quantity(strategy_id, symbol)
            require_equal(f"quantity {place}", quantity, _total(lot.quantity for lot in held))
            require_equal(
                f"cost {place}", self.lots.cost(strategy_id, symbol), _total(lot.cost for lot in held)
            )

    def check_against(self, entries: Iterable[LedgerEntryEvent] | Ledger) -> None:
        """Check that the balances are what a run's entries add up to, or have been added up to.

        Raises:
            AccountingError: naming the account that differs and by how much.
        """
        again = entries if isinstance(entries, Ledger) else Ledger()
        for entry in () if isinstance(entries, Ledger) else entries:
            again.post(entry)
        for account, currency in sorted(again.balances.keys() | self.ledger.balances.keys()):
            name = f"{account} in {currency}: books against the log's entries"
            require_equal(name, self.ledger.balance(account, currency), again.balance(account, currency))


def require_equal(name: str, found: Decimal, expected: Decimal) -> None:
    """Raise where two numbers that are the same by definition differ.

    Raises:
        AccountingError: with both numbers and the difference.
    """
    if found != expected:
        difference = canonical_decimal(found - expected)
        msg = (
            f"the books do not agree on {name}: found {canonical_decimal(found)}, "
            f"expected {canonical_decimal(expected)}, difference {difference}"
        )
        raise AccountingError(msg)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total += amount
    return total
