"""The values of the books.

Signs: a long has positive quantity and cost, a short negative ones; a short's cost is what its sale
brought, as a credit. So cost is always the balance of the lot's securities account, and for both sides a
gain is value (or proceeds) less cost.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from qtrader.events.events import CashBalance, LedgerEntryEvent, PositionState
from qtrader.money import MONEY_CONTEXT

#: A balanced booking is the event that publishes it.
LedgerEntry = LedgerEntryEvent

#: A position as marked, derived from its lots; the books themselves hold lots only.
Position = PositionState


class Lot(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Units opened together; `opened_by` is the fill that opened them, or a reinvestment's ledger entry."""

    lot_id: str
    strategy_id: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    opened_at: datetime
    opened_by: str

    @property
    def average_price(self) -> Decimal:
        """Cost per unit, always positive."""
        return MONEY_CONTEXT.divide(self.cost, self.quantity)


class ClosedLot(msgspec.Struct, frozen=True, gc=False):
    """A lot, or part of one, that a trade closed; `quantity`, `cost` and `proceeds` carry the lot's sign."""

    lot_id: str
    strategy_id: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal
    opened_at: datetime
    opened_by: str
    closed_at: datetime
    closed_by: str

    @property
    def realized_pnl(self) -> Decimal:
        """Proceeds less cost: for a short, what the sale brought less the cover's cost. Commissions apart."""
        return self.proceeds - self.cost


class LotTrade(msgspec.Struct, frozen=True, gc=False):
    """What a trade did to the lots: it closed some, opened at most one, or both when it went through zero."""

    closed: tuple[ClosedLot, ...]
    opened: Lot | None


class LotChange(msgspec.Struct, frozen=True, gc=False):
    """A lot before and after a split; `after` is None where it became too small to be a unit of 1e-8."""

    before: Lot
    after: Lot | None


class PortfolioState(msgspec.Struct, frozen=True, gc=False):
    """The account at one moment; amounts in the base currency unless a balance says otherwise."""

    base_currency: str
    cash: Decimal
    cash_balances: tuple[CashBalance, ...]
    equity: Decimal
    positions: tuple[Position, ...]
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    dividend_income: Decimal
    dividends_receivable: Decimal
    commissions: Decimal
    deposits: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
