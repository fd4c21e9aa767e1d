"""Booking splits and stock dividends: lots keep their cost, what is no whole step is paid out.

The split and the cash in lieu are two entries: first every lot out and in again at its cost, then the sale
of the fraction at the mark after the split, out of the lots in the order in which a trade would close them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from qtrader.events.codec import canonical_decimal
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType, LedgerKind
from qtrader.market.corporate_actions import times
from qtrader.money import ZERO
from qtrader.services.exposures import Mark, mark_of
from qtrader.services.portfolio.books import Books
from qtrader.services.portfolio.corporate_actions import quantity_in_lieu, split_ratio
from qtrader.services.portfolio.journal import Journal, entry_id
from qtrader.services.portfolio.ledger import split_postings, trade_postings
from qtrader.services.portfolio.lot_tracker import scaled_quantity
from qtrader.services.portfolio.settings import PortfolioSettings


class Splits:
    """Apply splits and stock dividends to the books.

    Args:
        quantity_step: looks up the step of a symbol's quantities.
        mark: the last close, already adjusted for the split that is handled.
    """

    __slots__ = ("_books", "_journal", "_mark", "_quantity_step", "_settings")

    def __init__(
        self,
        books: Books,
        journal: Journal,
        settings: PortfolioSettings,
        *,
        quantity_step: Callable[[str], Decimal],
        mark: Mark,
    ) -> None:
        self._books = books
        self._journal = journal
        self._settings = settings
        self._quantity_step = quantity_step
        self._mark = mark

    def apply(self, action: CorporateActionEvent, holders: list[str]) -> None:
        """Book the action for each holder.

        Raises:
            AccountingError: the ratio is missing or not positive, or cash in lieu is due and there is no
                price.
        """
        ratio = split_ratio(action)
        for strategy_id in holders:
            self._apply_to(action, strategy_id, ratio)

    def _apply_to(self, action: CorporateActionEvent, strategy_id: str, ratio: Fraction) -> None:
        lots, symbol = self._books.lots, action.symbol
        before = lots.quantity(strategy_id, symbol)
        after = scaled_quantity(before, ratio)
        if not after:
            # Less than 1e-8 would be left: the whole position is sold at the price before the split.
            self._pay(action, strategy_id, before, times(mark_of(self._mark, symbol), ratio))
            return
        in_lieu = price = ZERO
        if not self._settings.holds_fractions:
            in_lieu = quantity_in_lieu(after, self._quantity_step(symbol))
        if in_lieu:
            price = mark_of(self._mark, symbol)
        postings = split_postings(lots.split(strategy_id, symbol, ratio), self._settings.base_currency)
        name = "stock dividend" if action.action_type is ActionType.STOCK_DIVIDEND else "split"
        description = (
            f"{name} of {symbol}, {ratio.numerator} for {ratio.denominator}: "
            f"{canonical_decimal(before)} become {canonical_decimal(after)}"
        )
        name = entry_id(action.action_id, LedgerKind.SPLIT, strategy_id)
        envelope = self._journal.origin.effect_of(action, action.occurred_at)
        self._journal.post(
            envelope, LedgerKind.SPLIT, name, description, postings, strategy_id=strategy_id, symbol=symbol
        )
        if in_lieu:
            self._pay(action, strategy_id, in_lieu, price)

    def _pay(self, action: CorporateActionEvent, strategy_id: str, quantity: Decimal, price: Decimal) -> None:
        symbol, kind = action.symbol, LedgerKind.CASH_IN_LIEU
        name = entry_id(action.action_id, kind, strategy_id)
        trade = self._books.lots.trade(
            strategy_id, symbol, -quantity, price, trade_id=name, at=action.occurred_at
        )
        description = f"cash in lieu of {canonical_decimal(quantity)} {symbol} at {canonical_decimal(price)}"
        postings = trade_postings(trade, (), self._settings.base_currency)
        envelope = self._journal.origin.effect_of(action, action.occurred_at)
        self._journal.post(
            envelope, kind, name, description, postings, strategy_id=strategy_id, symbol=symbol
        )
