"""What a strategy sees: the present, the past, its account and its orders.

Everything shown was known at `now`; nothing leads to a later bar.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Protocol

from qtrader.clock import from_epoch_us
from qtrader.errors import StrategyError
from qtrader.money import ZERO
from qtrader.services.strategy.position import PositionView, canonical

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from qtrader.events.base import BaseEvent
    from qtrader.events.events import PriceBarEvent
    from qtrader.market.history import BarHistory, HistoryWindow
    from qtrader.services.account import AccountView
    from qtrader.services.strategy.instant_bars import InstantBars
    from qtrader.services.strategy.orders import OrderProjection, OrderView
    from qtrader.services.strategy.visible import VisibleIntervals


class Surroundings(Protocol):
    """What a context needs of the service around it."""

    account: AccountView
    orders: OrderProjection
    history: BarHistory
    trading_starts_us: int
    has_one_interval: bool
    visible: VisibleIntervals

    def look(self, instant_us: int) -> None:
        """Make prices and account those known at an instant."""
        ...

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last known close."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol of the run."""
        ...

    def has_symbol(self, symbol: str) -> bool:
        """Tell whether the run has a symbol."""
        ...

    def members(self, instant_us: int) -> tuple[str, ...]:
        """Return the symbols of the universe at an instant."""
        ...


class Sight:
    """Show a strategy what is known."""

    __slots__ = ("_cause", "_instant_us", "_surroundings", "bar", "strategy_id")

    def __init__(self, strategy_id: str, surroundings: Surroundings) -> None:
        self.strategy_id = strategy_id
        #: The bar being handled, or None outside `on_bar`.
        self.bar: PriceBarEvent | None = None
        self._surroundings = surroundings
        self._instant_us = 0
        self._cause: BaseEvent | InstantBars | None = None

    def turn_to(self, instant_us: int, cause: BaseEvent | InstantBars | None) -> None:
        """Stand at an instant outside `on_bar`; signals from here are effects of `cause`, or its last bar."""
        self.bar = None
        self._instant_us = instant_us
        self._cause = cause

    @property
    def now_us(self) -> int:
        """The present instant in microseconds since the Unix epoch."""
        bar = self.bar
        return self._instant_us if bar is None else bar.closed_at_us

    @property
    def now(self) -> datetime:
        """The present instant: in `on_bar` the bar's close."""
        return from_epoch_us(self.now_us)

    @property
    def is_warmup(self) -> bool:
        """Tell whether trading has not begun yet; signals are refused until it has."""
        return self.now_us <= self._surroundings.trading_starts_us

    @property
    def universe(self) -> tuple[str, ...]:
        """The symbols that belong to the universe now."""
        return self._surroundings.members(self.now_us)

    @property
    def cash(self) -> Decimal:
        """Cash of the whole account, in its base currency."""
        return canonical(self._account().cash())

    @property
    def equity(self) -> Decimal:
        """Value of the whole account at the last known closes."""
        return canonical(self._account().equity)

    def position(self, symbol: str) -> PositionView:
        """Return this strategy's position in a symbol; it is falsy when there is none.

        Raises:
            StrategyError: the run has no such symbol.
        """
        bar, surroundings = self.bar, self._surroundings
        account = surroundings.account
        last_close: Decimal | float | None
        if bar is not None and symbol == bar.symbol and surroundings.has_one_interval:
            # The bar is the last of its symbol.
            last_close = bar.close
        else:
            self._check_symbol(symbol)
            surroundings.look(self.now_us)
            last_close = surroundings.last_price(symbol)
        strategy_id = self.strategy_id
        quantity = account.quantity(strategy_id, symbol)
        cost = account.cost(strategy_id, symbol) if quantity else ZERO
        return PositionView(symbol, canonical(quantity), cost, last_close)

    @property
    def positions(self) -> tuple[PositionView, ...]:
        """Open positions of this strategy, by symbol."""
        account = self._account()
        held = sorted(each.symbol for each in account.positions(self.strategy_id))
        return tuple(self.position(symbol) for symbol in held)

    @property
    def orders(self) -> tuple[OrderView, ...]:
        """Orders of this strategy that are not done, in the order in which they were made.

        An order that this strategy has just signalled, canceled or modified is shown as it was until the
        strategy looks again.
        """
        return self._surroundings.orders.of(self.strategy_id)

    def history(
        self, symbol: str | None = None, count: int | None = None, *, interval: str | None = None
    ) -> HistoryWindow:
        """Return copies of a symbol's closed bars, oldest first, adjusted for the splits effective by now.

        Args:
            symbol: by default that of the bar being handled.
            count: how many bars at most; all without one.
            interval: of which bars; by default the finest of the symbol that this strategy sees.

        Raises:
            StrategyError: the run has no such symbol, `count` is not positive, or the strategy does not see
                bars of the interval.
        """
        if symbol is None:
            if self.bar is None:
                msg = "history: outside on_bar there is no bar to take the symbol from; name one"
                raise StrategyError(msg)
            symbol = self.bar.symbol
        if isinstance(symbol, Integral):
            msg = f"history: {symbol} is no symbol; the number of bars goes by its name, count={symbol}"
            raise StrategyError(msg)
        self._check_symbol(symbol)
        surroundings = self._surroundings
        chosen = surroundings.visible.of_history(self.strategy_id, symbol, interval)
        return surroundings.history.window(symbol, count, self.now_us, chosen)

    def _account(self) -> AccountView:
        self._surroundings.look(self.now_us)
        return self._surroundings.account

    def _check_symbol(self, symbol: str) -> None:
        if not self._surroundings.has_symbol(symbol):
            known = self._surroundings.symbols()
            shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            msg = f"strategy {self.strategy_id}: unknown symbol {symbol!r}; this run has {shown}"
            raise StrategyError(msg)
