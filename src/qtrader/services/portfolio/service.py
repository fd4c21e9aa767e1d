"""The portfolio service: fills and corporate actions become balanced ledger entries, and books are marked.

Every change of the account is one `LedgerEntryEvent` whose amounts sum to zero, published by this service
and by nobody else. Bad input is refused before anything changes. The instants of a bar's journey at which
it acts: corporate actions (phase 1), fills (2), dividends due (3), valuation (6).

Equity is cash plus positions at market plus dividends receivable less payable, so it does not jump on a
split, an ex date or a payment. The account has one base currency; an instrument in another one is refused
by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from qtrader.errors import AccountingError
from qtrader.events.base import BaseEvent
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    ValuationTriggerEvent,
)
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import ActionType, LedgerKind, Side
from qtrader.money import MONEY_CONTEXT, ZERO, quantize
from qtrader.services.exposures import Mark
from qtrader.services.portfolio.books import Books, require_equal
from qtrader.services.portfolio.dividends import Dividends
from qtrader.services.portfolio.journal import Journal
from qtrader.services.portfolio.ledger import Ledger, deposit_postings, split_commission, trade_postings
from qtrader.services.portfolio.lot_tracker import LotTracker
from qtrader.services.portfolio.models import PortfolioState
from qtrader.services.portfolio.settings import PortfolioSettings
from qtrader.services.portfolio.snapshot import read_snapshot, write_snapshot
from qtrader.services.portfolio.splits import Splits
from qtrader.services.portfolio.valuation import state_at_market

# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_BUY: Final = Side.BUY
_FILL: Final = LedgerKind.FILL
_BOUGHT: Final = Side.BUY.value
_SOLD: Final = Side.SELL.value
_quantize: Final = MONEY_CONTEXT.quantize


class TradedInstrument(Protocol):
    """What the books need to know of an instrument."""

    @property
    def currency(self) -> str:
        """Currency of its prices."""
        ...

    @property
    def quantity_step(self) -> Decimal:
        """Step of its quantities; a split pays cash in lieu for what lies below it."""
        ...


class PortfolioService:
    """Keep the books of one account.

    Args:
        publish: takes each event that the service makes.
        origin: stamps those events.
        settings: the account's currency, opening cash and dividend policy.
        instrument: looks up an instrument by symbol.
        mark: the last raw close of a symbol, adjusted for the splits and stock dividends in effect. While
            such an action is handled it must already be adjusted for that action: cash in lieu is paid at
            it.
        session_close_us: the close of a symbol's session on a date, or of the next session where that date
            has none, in microseconds since the Unix epoch; dividends are paid and reinvested then.
    """

    __slots__ = (
        "_accepted_symbols",
        "_base_currency",
        "_books",
        "_dividends",
        "_instrument",
        "_journal",
        "_ledger_step",
        "_mark",
        "_origin",
        "_publish",
        "_settings",
        "_splits",
    )

    def __init__(
        self,
        *,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        settings: PortfolioSettings,
        instrument: Callable[[str], TradedInstrument],
        mark: Mark,
        session_close_us: Callable[[str, date], int],
    ) -> None:
        self._publish = publish
        self._origin = origin
        self._settings = settings
        self._instrument = instrument
        self._mark = mark
        self._base_currency = settings.base_currency
        self._ledger_step = Decimal(1).scaleb(-settings.ledger_scale)
        self._accepted_symbols: set[str] = set()
        self._books = Books(settings.ledger_scale)
        self._journal = Journal(self._books, origin, publish)

        def quantity_step(symbol: str) -> Decimal:
            return instrument(symbol).quantity_step

        self._splits = Splits(self._books, self._journal, settings, quantity_step=quantity_step, mark=mark)
        self._dividends = Dividends(
            self._books,
            self._journal,
            settings,
            quantity_step=quantity_step,
            mark=mark,
            session_close_us=session_close_us,
        )

    @property
    def lots(self) -> LotTracker:
        """The open lots, to be read only."""
        return self._books.lots

    def open_books(self, now: datetime, cause_id: str | None) -> None:
        """Book the initial cash as a deposit; `cause_id` is the event that starts the run, if there is one.

        Raises:
            AccountingError: the books are open already.
        """
        if self._books.is_open:
            msg = "the books are open already; the initial cash is deposited once"
            raise AccountingError(msg)
        self._books.is_open = True
        currency = self._settings.base_currency
        amount = quantize(self._settings.initial_cash, self._settings.ledger_scale)
        if amount:
            description = f"deposit {canonical_decimal(amount)} {currency} of initial cash"
            postings = deposit_postings(amount, currency)
            envelope = self._origin.effect_of_id(cause_id, cause_id, now)
            self._journal.post(envelope, LedgerKind.DEPOSIT, "initial_cash/deposit", description, postings)

    def on_fill(self, fill: FillEvent) -> None:
        """Book a trade: lots, gains, commission and cash, in one entry.

        Raises:
            AccountingError: the quantity is not positive, or the currency is not the account's; nothing is
                booked.
        """
        fill_id, strategy_id, symbol = fill.fill_id, fill.strategy_id, fill.symbol
        quantity, price, currency = fill.quantity, fill.price, fill.currency
        if not (quantity > ZERO and symbol in self._accepted_symbols and currency == self._base_currency):
            self._check_fill(fill)
        is_buy = fill.side is _BUY
        trade = self._books.lots.trade(
            strategy_id,
            symbol,
            quantity if is_buy else -quantity,
            price,
            trade_id=fill_id,
            at=fill.executed_at,
        )
        commission = _quantize(fill.commission, self._ledger_step)
        commissions: tuple[Decimal, ...] = (commission,)
        if trade.closed and trade.opened is not None:
            closing = split_commission(commission, trade.closed, quantity, self._settings.ledger_scale)
            commissions = (closing, commission - closing)
        description = (
            f"{_BOUGHT if is_buy else _SOLD} {canonical_decimal(quantity)} {symbol} "
            f"at {canonical_decimal(price)}"
        )
        self._journal.post(
            self._origin.effect_of(fill, fill.envelope.occurred_at),
            _FILL,
            f"{fill_id}/ledger",
            description,
            trade_postings(trade, commissions, currency),
            strategy_id=strategy_id,
            symbol=symbol,
        )

    def on_corporate_action(self, action: CorporateActionEvent) -> None:
        """Book an action for every strategy that holds the symbol; without a holder there is nothing to do.

        Actions of one date are applied in the order in which they come.

        Raises:
            AccountingError: the action lacks what it needs, is in a foreign currency, or is of a kind that
                the books cannot account for yet; nothing is booked.
        """
        holders = self._books.lots.holders(action.symbol)
        if not holders:
            return
        if action.action_type in {ActionType.SPLIT, ActionType.STOCK_DIVIDEND}:
            self._splits.apply(action, holders)
        elif action.action_type is ActionType.CASH_DIVIDEND:
            self._dividends.entitle(action, holders)
        else:
            msg = (
                f"{action.action_type} {action.action_id} concerns {action.symbol}, which is held by "
                f"{', '.join(holders)}; "
                "the books account for splits, stock dividends and cash dividends, but not for this kind yet"
            )
            raise AccountingError(msg)

    def next_due_us(self) -> int | None:
        """Return the instant of the next dividend payment or reinvestment, or None."""
        return self._books.next_due_us()

    def settle_due(self, now: datetime) -> None:
        """Pay or reinvest the dividends due by now; to be called when this instant's closes are known."""
        self._dividends.settle_due(now)

    def on_valuation_trigger(self, event: ValuationTriggerEvent) -> None:
        """Mark the books and publish them.

        Raises:
            AccountingError: a symbol that is held has no price.
        """
        state = self.get_state()
        self._publish(
            ConsolidatedPortfolioEvent(
                envelope=self._origin.effect_of(event, event.envelope.occurred_at),
                session=event.session,
                base_currency=state.base_currency,
                equity=state.equity,
                cash=state.cash,
                cash_balances=state.cash_balances,
                positions=state.positions,
                realized_pnl=state.realized_pnl,
                unrealized_pnl=state.unrealized_pnl,
                dividend_income=state.dividend_income,
                dividends_receivable=state.dividends_receivable,
                commissions=state.commissions,
                gross_exposure=state.gross_exposure,
                net_exposure=state.net_exposure,
            )
        )

    def get_state(self) -> PortfolioState:
        """Return the account as marked now, as an immutable value.

        Raises:
            AccountingError: a symbol that is held has no price.
        """
        return state_at_market(self._books, self._settings, self._mark)

    def get_snapshot(self) -> dict[str, Any]:
        """Return what later entries depend on, as JSON-able values; to be taken at an instant's end."""
        return write_snapshot(self._books, self._settings)

    def restore_from_snapshot(self, snapshot: dict[str, Any]) -> None:
        """Replace the books by a snapshot's, and continue as the portfolio that it was taken from.

        Raises:
            AccountingError: the snapshot is of another version, damaged, or of other settings; the books
                stay as they are.
        """
        self._books.take_over(read_snapshot(snapshot, self._settings))

    def check(self, entries: Iterable[LedgerEntryEvent] | Ledger | None = None) -> None:
        """Check every invariant of the books; to be called at the end of a run.

        Lots agree with postings, the trial balance is zero, dividends due agree with their accounts, and
        equity is what was deposited plus realised and unrealised gains plus dividends less commissions,
        exactly.

        Args:
            entries: the run's ledger entries from its start, or the ledger to which each was posted when it
                was logged; the balances must be their sums.

        Raises:
            AccountingError: naming what differs and by how much.
        """
        self._books.check(self._settings.base_currency)
        if entries is not None:
            self._books.check_against(entries)
        state = self.get_state()
        gains = state.realized_pnl + state.unrealized_pnl + state.dividend_income
        require_equal("equity", state.equity, state.deposits + gains - state.commissions)

    def _check_fill(self, fill: FillEvent) -> None:
        if not fill.quantity > 0:
            msg = f"fill {fill.fill_id}: quantity is {fill.quantity}; allowed is a positive number"
            raise AccountingError(msg)
        if fill.symbol in self._accepted_symbols and fill.currency == self._settings.base_currency:
            return
        instrument_currency = self._instrument(fill.symbol).currency
        for name, currency in (("the instrument", instrument_currency), ("the fill", fill.currency)):
            if currency != self._settings.base_currency:
                msg = (
                    f"fill {fill.fill_id} of {fill.symbol}: {name} is in {currency}, the account is in "
                    f"{self._settings.base_currency}; currencies are not converted yet"
                )
                raise AccountingError(msg)
        self._accepted_symbols.add(fill.symbol)
