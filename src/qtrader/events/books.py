"""The portfolio's events: balanced bookings, and the books as marked; see `events` for the manner."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

import msgspec

from qtrader.events.base import DecisionEvent
from qtrader.events.vocabulary import LedgerKind


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One line of a ledger entry: amounts of an entry sum to zero in each currency."""

    account: str
    currency: str
    amount: Decimal
    symbol: str | None = None
    quantity: Decimal | None = None
    lot_id: str | None = None


class LedgerEntryEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """One balanced booking."""

    event_type: ClassVar[str] = "ledger_entry"
    contract: ClassVar[str] = "portfolio/ledger_entry"

    entry_id: str
    kind: LedgerKind
    description: str
    postings: tuple[Posting, ...]
    strategy_id: str | None = None
    symbol: str | None = None


class CashBalance(msgspec.Struct, frozen=True, gc=False):
    """Cash held in one currency."""

    currency: str
    amount: Decimal


class PositionState(msgspec.Struct, frozen=True, gc=False):
    """One position as marked at a valuation; `quantity` is negative for a short."""

    symbol: str
    strategy_id: str
    quantity: Decimal
    cost: Decimal
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    currency: str


class ConsolidatedPortfolioEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """The books as marked at a session's close."""

    event_type: ClassVar[str] = "consolidated_portfolio"
    contract: ClassVar[str] = "portfolio/consolidated_portfolio"

    session: date
    base_currency: str
    equity: Decimal
    cash: Decimal
    cash_balances: tuple[CashBalance, ...]
    positions: tuple[PositionState, ...]
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    dividend_income: Decimal
    dividends_receivable: Decimal
    commissions: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
