"""The account as every service sees it: a read model built from ledger entries alone.

The portfolio service owns the books; strategies, the manager and risk each hold an `AccountProjection`,
which nothing but `LedgerEntryEvent`s changes, so that it can live in another process. It agrees with the
portfolio after every entry.

The chart of accounts stands here too, because whoever reads the ledger needs its names. Signs are
beancount's: debits are positive, credits negative, so the amounts of an entry sum to zero in each currency;
income and equity are negative when they grow. A posting to a securities account carries symbol, signed
quantity and lot.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Protocol

from qtrader.errors import AccountingError
from qtrader.events.events import LedgerEntryEvent, PositionState, Posting
from qtrader.money import MONEY_CONTEXT, ZERO
from qtrader.services.exposures import Exposures, Holding, Mark

#: Cash, one balance per currency; negative when borrowed.
CASH: Final = "assets:cash"
#: Long lots at cost.
SECURITIES: Final = "assets:securities"
#: Short lots at what their sale brought, a credit.
SECURITIES_SHORT: Final = "liabilities:securities_short"
#: Dividends of longs between the ex date and their payment.
DIVIDENDS_RECEIVABLE: Final = "assets:dividends_receivable"
#: Dividends that shorts owe between the ex date and their payment.
DIVIDENDS_PAYABLE: Final = "liabilities:dividends_payable"
#: Dividends at the ex date; what a short owes is a debit here.
DIVIDEND_INCOME: Final = "income:dividends"
#: Proceeds less cost of closed lots, commissions apart.
REALIZED_GAIN: Final = "income:realized_gain"
#: Commissions, expensed.
COMMISSION: Final = "expenses:commission"
#: Money that the owner brought in.
DEPOSITS: Final = "equity:deposits"

#: Every account of the chart, in the order of a trial balance.
CHART_OF_ACCOUNTS: Final = (
    CASH,
    SECURITIES,
    DIVIDENDS_RECEIVABLE,
    SECURITIES_SHORT,
    DIVIDENDS_PAYABLE,
    DEPOSITS,
    DIVIDEND_INCOME,
    REALIZED_GAIN,
    COMMISSION,
)

#: The accounts whose postings move lots.
SECURITIES_ACCOUNTS: Final = frozenset({SECURITIES, SECURITIES_SHORT})


class AccountView(Protocol):
    """What a service may ask of the account; amounts are in the base currency unless a currency is named."""

    def cash(self, currency: str | None = None) -> Decimal:
        """Return the cash held in a currency, by default the base currency; negative when borrowed."""
        ...

    @property
    def equity(self) -> Decimal:
        """Cash, positions at market and dividends receivable, less what is owed."""
        ...

    def quantity(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the units that a strategy holds; negative for a short, zero when flat."""
        ...

    def quantity_total(self, symbol: str) -> Decimal:
        """Return the units that all strategies together hold."""
        ...

    def cost(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the total cost of a strategy's open lots; negative for a short."""
        ...

    def average_price(self, strategy_id: str, symbol: str) -> Decimal | None:
        """Return cost per unit, always positive; None when flat."""
        ...

    def positions(self, strategy_id: str | None = None) -> tuple[PositionState, ...]:
        """Return the open positions of one strategy or of all, ordered by symbol and strategy."""
        ...

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the positions' market values without sign."""
        ...

    @property
    def net_exposure(self) -> Decimal:
        """Sum of the positions' market values with sign."""
        ...

    @property
    def dividends_receivable(self) -> Decimal:
        """Dividends entitled and not yet paid; negative when payable."""
        ...

    @property
    def realized_pnl(self) -> Decimal:
        """What closing lots has gained so far; commissions and dividends apart."""
        ...

    @property
    def unrealized_pnl(self) -> Decimal:
        """What the open lots would gain at market."""
        ...


class AccountProjection:
    """The account, rebuilt from ledger entries: O(1) per posting; market values are computed when asked for.

    Args:
        mark: the last raw close of a symbol, adjusted for splits effective since.
        base_currency: the currency of the totals.
        ledger_scale: decimal places of amounts, as the portfolio's.
        mark_version: a number that changes whenever some mark may have; without one the market values are
            added up anew at every question.
    """

    __slots__ = (
        "_balances",
        "_base_currency",
        "_cash",
        "_exposures",
        "_holdings",
        "_mark",
        "_open",
        "_totals",
    )

    def __init__(
        self,
        mark: Mark,
        base_currency: str = "USD",
        ledger_scale: int = 8,
        mark_version: Callable[[], int] | None = None,
    ) -> None:
        self._mark = mark
        self._base_currency = base_currency
        self._cash: dict[str, Decimal] = {base_currency: ZERO}
        self._balances: dict[str, Decimal] = dict.fromkeys(CHART_OF_ACCOUNTS, ZERO)
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._open: dict[tuple[str, str], Holding] = {}
        self._exposures = Exposures(self._open, mark, ledger_scale, mark_version)
        self._totals: dict[str, Decimal] = {}

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Apply one entry."""
        balances, cash = self._balances, self._cash
        for posting in entry.postings:
            account, amount = posting.account, posting.amount
            balances[account] = balances.get(account, ZERO) + amount
            if account == CASH:
                currency = posting.currency
                cash[currency] = cash.get(currency, ZERO) + amount
            elif account in SECURITIES_ACCOUNTS:
                self._move(entry, posting)
            elif account == REALIZED_GAIN:
                self._holding(entry, entry.symbol, posting.currency).realized_pnl -= amount

    def _move(self, entry: LedgerEntryEvent, posting: Posting) -> None:
        moved = posting.quantity
        holding = self._holding(entry, posting.symbol, posting.currency)
        if moved is None:
            msg = f"ledger entry {entry.entry_id}: a posting to {posting.account} carries no quantity"
            raise AccountingError(msg)
        holding.quantity += moved
        holding.cost += posting.amount
        holding.valued_at = None
        if holding.quantity:
            self._open[holding.key] = holding
        else:
            self._open.pop(holding.key, None)
        self._exposures.change(holding)
        symbol = holding.key[0]
        self._totals[symbol] = self._totals.get(symbol, ZERO) + moved

    def _holding(self, entry: LedgerEntryEvent, symbol: str | None, currency: str) -> Holding:
        if symbol is None or entry.strategy_id is None:
            msg = f"ledger entry {entry.entry_id} concerns a position but names no symbol or no strategy"
            raise AccountingError(msg)
        key = (symbol, entry.strategy_id)
        holding = self._holdings.get(key)
        if holding is None:
            holding = self._holdings[key] = Holding(key, currency)
        return holding

    def cash(self, currency: str | None = None) -> Decimal:
        """Return the cash held in a currency, by default the base currency; negative when borrowed."""
        return self._cash.get(currency or self._base_currency, ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash, positions at market and dividends receivable, less what is owed."""
        balances = self._balances
        receivable = balances[DIVIDENDS_RECEIVABLE] + balances[DIVIDENDS_PAYABLE]
        return self._cash[self._base_currency] + self._exposures.totals()[0] + receivable

    def quantity(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the units that a strategy holds; negative for a short, zero when flat."""
        holding = self._open.get((symbol, strategy_id))
        return ZERO if holding is None else holding.quantity

    def quantity_total(self, symbol: str) -> Decimal:
        """Return the units that all strategies together hold."""
        return self._totals.get(symbol, ZERO)

    def cost(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the total cost of a strategy's open lots; negative for a short."""
        holding = self._open.get((symbol, strategy_id))
        return ZERO if holding is None else holding.cost

    def average_price(self, strategy_id: str, symbol: str) -> Decimal | None:
        """Return cost per unit, always positive; None when flat."""
        holding = self._open.get((symbol, strategy_id))
        return None if holding is None else MONEY_CONTEXT.divide(holding.cost, holding.quantity)

    def positions(self, strategy_id: str | None = None) -> tuple[PositionState, ...]:
        """Return the open positions of one strategy or of all, ordered by symbol and strategy.

        Raises:
            AccountingError: a symbol that is held has no price.
        """
        states: list[PositionState] = []
        for symbol, strategy in sorted(self._open):
            if strategy_id is None or strategy == strategy_id:
                holding = self._open[symbol, strategy]
                price = self._exposures.value(holding, self._mark(symbol))
                state = PositionState(
                    symbol=symbol,
                    strategy_id=strategy,
                    quantity=holding.quantity,
                    cost=holding.cost,
                    market_price=price,
                    market_value=holding.value,
                    unrealized_pnl=holding.value - holding.cost,
                    realized_pnl=holding.realized_pnl,
                    currency=holding.currency,
                )
                states.append(state)
        return tuple(states)

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the positions' market values without sign."""
        return self._exposures.totals()[1]

    @property
    def net_exposure(self) -> Decimal:
        """Sum of the positions' market values with sign."""
        return self._exposures.totals()[0]

    def balance(self, account: str) -> Decimal:
        """Return what has been posted to an account of the chart, in the ledger's signs."""
        return self._balances.get(account, ZERO)

    @property
    def dividends_receivable(self) -> Decimal:
        """Dividends entitled and not yet paid; negative when payable."""
        return self._balances[DIVIDENDS_RECEIVABLE] + self._balances[DIVIDENDS_PAYABLE]

    @property
    def realized_pnl(self) -> Decimal:
        """What closing lots has gained so far; commissions and dividends apart."""
        return -self._balances[REALIZED_GAIN]

    @property
    def unrealized_pnl(self) -> Decimal:
        """What the open lots would gain at market."""
        return self.net_exposure - self._balances[SECURITIES] - self._balances[SECURITIES_SHORT]

    @property
    def dividend_income(self) -> Decimal:
        """Dividends to which the account became entitled so far; negative when shorts paid more."""
        return -self._balances[DIVIDEND_INCOME]

    @property
    def commissions(self) -> Decimal:
        """Commissions paid so far; positive is a cost."""
        return self._balances[COMMISSION]

    @property
    def deposits(self) -> Decimal:
        """Money that the owner brought in, less what was taken out."""
        return -self._balances[DEPOSITS]
