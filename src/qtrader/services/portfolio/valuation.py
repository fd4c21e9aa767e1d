"""The books at market: what depends on marks, computed when it is asked for and never stored."""

from __future__ import annotations

from qtrader.events.events import CashBalance, PositionState
from qtrader.money import ZERO
from qtrader.services.account import (
    COMMISSION,
    DEPOSITS,
    DIVIDEND_INCOME,
    DIVIDENDS_PAYABLE,
    DIVIDENDS_RECEIVABLE,
    REALIZED_GAIN,
)
from qtrader.services.exposures import Mark, mark_of, market_value
from qtrader.services.portfolio.books import Books
from qtrader.services.portfolio.models import PortfolioState
from qtrader.services.portfolio.settings import PortfolioSettings


def positions_at_market(books: Books, settings: PortfolioSettings, mark: Mark) -> tuple[PositionState, ...]:
    """Mark the open positions, ordered by symbol and strategy.

    Raises:
        AccountingError: a symbol that is held has no price.
    """
    states: list[PositionState] = []
    for symbol, strategy_id in books.lots.open_positions():
        quantity, cost = books.lots.quantity(strategy_id, symbol), books.lots.cost(strategy_id, symbol)
        price = mark_of(mark, symbol)
        value = market_value(quantity, price, settings.ledger_scale)
        state = PositionState(
            symbol=symbol,
            strategy_id=strategy_id,
            quantity=quantity,
            cost=cost,
            market_price=price,
            market_value=value,
            unrealized_pnl=value - cost,
            realized_pnl=books.ledger.realized.get((symbol, strategy_id), ZERO),
            currency=settings.base_currency,
        )
        states.append(state)
    return tuple(states)


def state_at_market(books: Books, settings: PortfolioSettings, mark: Mark) -> PortfolioState:
    """Mark the whole account.

    Raises:
        AccountingError: a symbol that is held has no price.
    """
    positions = positions_at_market(books, settings, mark)
    gross = net = unrealized = ZERO
    for position in positions:
        gross += abs(position.market_value)
        net += position.market_value
        unrealized += position.unrealized_pnl
    currency = settings.base_currency
    balance = books.ledger.balances_in(currency).get
    balances = books.ledger.cash_balances() or [(currency, ZERO)]
    cash = ZERO
    for _, amount in balances:
        cash += amount
    receivable = balance(DIVIDENDS_RECEIVABLE, ZERO) + balance(DIVIDENDS_PAYABLE, ZERO)
    return PortfolioState(
        base_currency=currency,
        cash=cash,
        cash_balances=tuple(CashBalance(code, amount) for code, amount in balances),
        equity=cash + net + receivable,
        positions=positions,
        realized_pnl=-balance(REALIZED_GAIN, ZERO),
        unrealized_pnl=unrealized,
        dividend_income=-balance(DIVIDEND_INCOME, ZERO),
        dividends_receivable=receivable,
        commissions=balance(COMMISSION, ZERO),
        deposits=-balance(DEPOSITS, ZERO),
        gross_exposure=gross,
        net_exposure=net,
    )
