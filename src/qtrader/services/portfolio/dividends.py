"""Booking cash dividends: an entitlement at the ex date's open, then a payment in cash or a reinvestment.

Income is booked at the ex date against a receivable (a payable for a short). The payment comes at the close
of the pay date's session, and at once where no later pay date is known. A reinvestment takes place at the
close of the ex date or of the pay date, at that close: a long buys, a short sells more. Who has closed or
turned the position by then settles in cash.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from qtrader.clock import to_epoch_us
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import CorporateActionEvent
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import LedgerKind
from qtrader.services.exposures import Mark, mark_of
from qtrader.services.portfolio.books import Books
from qtrader.services.portfolio.corporate_actions import (
    PendingDividend,
    dividend_amount,
    dividend_per_unit,
    reinvestment,
)
from qtrader.services.portfolio.journal import Journal, entry_id
from qtrader.services.portfolio.ledger import entitlement_postings, payment_postings, reinvestment_postings
from qtrader.services.portfolio.models import Lot
from qtrader.services.portfolio.settings import PortfolioSettings


class Dividends:
    """Book entitlements, and settle them when they are due.

    Args:
        quantity_step: looks up the step of a symbol's quantities.
        mark: the last close of a symbol.
        session_close_us: the close of a symbol's session on a date.
    """

    __slots__ = ("_books", "_journal", "_mark", "_quantity_step", "_session_close_us", "_settings")

    def __init__(
        self,
        books: Books,
        journal: Journal,
        settings: PortfolioSettings,
        *,
        quantity_step: Callable[[str], Decimal],
        mark: Mark,
        session_close_us: Callable[[str, date], int],
    ) -> None:
        self._books = books
        self._journal = journal
        self._settings = settings
        self._quantity_step = quantity_step
        self._mark = mark
        self._session_close_us = session_close_us

    def entitle(self, action: CorporateActionEvent, holders: list[str]) -> None:
        """Book what each holder receives or owes; where that is due already, settle it at once.

        Raises:
            AccountingError: the amount is missing, negative or in a foreign currency.
        """
        settings, symbol, kind = self._settings, action.symbol, LedgerKind.DIVIDEND_ENTITLEMENT
        per_unit = dividend_per_unit(action, settings.base_currency)
        now_us = to_epoch_us(action.occurred_at)
        due_us = self._due_us(action, now_us)
        origin = self._journal.origin
        for strategy_id in holders:
            quantity = self._books.lots.quantity(strategy_id, symbol)
            amount = dividend_amount(quantity, per_unit, settings.ledger_scale)
            if not amount:
                continue
            description = (
                f"dividend of {canonical_decimal(per_unit)} on {canonical_decimal(quantity)} {symbol}"
            )
            postings = entitlement_postings(amount, settings.base_currency)
            name = entry_id(action.action_id, kind, strategy_id)
            envelope = origin.effect_of(action, action.occurred_at)
            self._journal.post(
                envelope, kind, name, description, postings, strategy_id=strategy_id, symbol=symbol
            )
            dividend = PendingDividend(
                due_us=due_us,
                ordinal=self._books.next_ordinal,
                action_id=action.action_id,
                cause_id=action.event_id,
                correlation_id=action.correlation_id or action.event_id,
                strategy_id=strategy_id,
                symbol=symbol,
                amount=amount,
                is_reinvested=settings.dividends == "reinvest",
            )
            if due_us <= now_us:
                self._settle(dividend, origin.effect_of(action, action.occurred_at))
            else:
                self._books.add_dividend(dividend)

    def settle_due(self, now: datetime) -> None:
        """Settle what is due by now, in the order of instants and entitlements."""
        now_us = to_epoch_us(now)
        while (dividend := self._books.take_dividend_due(now_us)) is not None:
            origin = self._journal.origin
            self._settle(dividend, origin.effect_of_id(dividend.cause_id, dividend.correlation_id, now))

    def _due_us(self, action: CorporateActionEvent, now_us: int) -> int:
        # With due bills a special dividend goes ex after it is paid; who holds at the ex date is paid then.
        pay_date = action.ex_date if action.pay_date is None else max(action.pay_date, action.ex_date)
        if self._settings.dividends == "reinvest":
            at_ex_close = self._settings.reinvest_at == "ex_close"
            return self._session_close_us(action.symbol, action.ex_date if at_ex_close else pay_date)
        return now_us if pay_date == action.ex_date else self._session_close_us(action.symbol, pay_date)

    def _settle(self, dividend: PendingDividend, envelope: Envelope) -> None:
        lot = self._reinvested_lot(dividend, envelope.occurred_at) if dividend.is_reinvested else None
        symbol, strategy_id = dividend.symbol, dividend.strategy_id
        currency = self._settings.base_currency
        amount = f"{canonical_decimal(dividend.amount)} {currency}"
        if lot is None:
            kind = LedgerKind.DIVIDEND_PAYMENT
            description = f"dividend payment of {amount} for {symbol}"
            postings = payment_postings(dividend.amount, currency)
        else:
            kind = LedgerKind.DIVIDEND_REINVESTMENT
            self._books.lots.open_lot(lot)
            description = f"dividend of {amount} reinvested in {canonical_decimal(lot.quantity)} {symbol}"
            postings = reinvestment_postings(dividend.amount, lot, currency)
        name = entry_id(dividend.action_id, kind, strategy_id)
        self._journal.post(
            envelope, kind, name, description, postings, strategy_id=strategy_id, symbol=symbol
        )

    def _reinvested_lot(self, dividend: PendingDividend, now: datetime) -> Lot | None:
        symbol, strategy_id, amount = dividend.symbol, dividend.strategy_id, dividend.amount
        held = self._books.lots.quantity(strategy_id, symbol)
        if not held or (held > 0) != (amount > 0):
            return None
        step = None if self._settings.holds_fractions else self._quantity_step(symbol)
        price = mark_of(self._mark, symbol)
        quantity, cost = reinvestment(amount, price, step, self._settings.ledger_scale)
        if not quantity:
            return None
        lot_id = entry_id(dividend.action_id, LedgerKind.DIVIDEND_REINVESTMENT, strategy_id)
        return Lot(lot_id, strategy_id, symbol, quantity, cost, now, lot_id)
