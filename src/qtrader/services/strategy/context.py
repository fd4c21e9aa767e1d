"""What a strategy sees and does: the present, the past, its account, and one way to act.

A context belongs to one strategy. Everything it shows was known at `now`; nothing leads to a later bar.
Quantities and money are Decimals; prices of the market layer are floats, and a strategy may give prices as
float, int, str or Decimal. Decimals have their canonical form, that of the wire, so that a strategy which
writes one into a text says the same in whatever process it runs.
"""

from __future__ import annotations

import random
from functools import partial
from hashlib import blake2b
from numbers import Integral
from operator import is_
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from qtrader.clock import from_epoch_us
from qtrader.errors import StrategyError
from qtrader.events.events import SignalEvent
from qtrader.events.vocabulary import OrderType, SignalIntention, TimeInForce
from qtrader.money import ZERO, decimal_of
from qtrader.services.strategy.arguments import (
    Price,
    check_is_offered,
    member_of,
    numbers_of,
)
from qtrader.services.strategy.position import PositionView, canonical

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from qtrader.events.base import BaseEvent
    from qtrader.events.events import PriceBarEvent
    from qtrader.events.identity import Origin
    from qtrader.market.history import BarHistory, HistoryWindow
    from qtrader.services.account import AccountView


_MARKET: Final = OrderType.MARKET
_is_none: Final = partial(is_, None)


class Surroundings(Protocol):
    """What a context needs of the service around it."""

    account: AccountView
    history: BarHistory
    trading_starts_us: int
    has_one_interval: bool

    def look(self, instant_us: int) -> None:
        """Make prices and account those known at an instant."""
        ...

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last known close."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol of the run."""
        ...

    def members(self, instant_us: int) -> tuple[str, ...]:
        """Return the symbols of the universe at an instant."""
        ...


class Context:
    """Show a strategy what is known and take its signals."""

    __slots__ = (
        "_cause",
        "_instant_us",
        "_origin",
        "_publish",
        "_rng",
        "_seed",
        "_sent",
        "_sent_at_us",
        "_surroundings",
        "bar",
        "is_stopped",
        "logs",
        "records",
        "strategy_id",
    )

    def __init__(
        self,
        strategy_id: str,
        surroundings: Surroundings,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        seed: int,
    ) -> None:
        self.strategy_id = strategy_id
        #: The bar being handled, or None outside `on_bar`.
        self.bar: PriceBarEvent | None = None
        #: What `log` was given: (instant in microseconds, message, fields).
        self.logs: list[tuple[int, str, dict[str, Any]]] = []
        #: What `record` was given: (instant in microseconds, name, value).
        self.records: list[tuple[int, str, float]] = []
        self.is_stopped = False
        self._surroundings = surroundings
        self._publish = publish
        self._origin = origin
        self._instant_us = 0
        self._cause: BaseEvent | None = None
        self._seed = seed
        self._rng: random.Random | None = None
        self._sent: dict[str, int] = {}
        self._sent_at_us = -1

    def turn_to(self, instant_us: int, cause: BaseEvent | None) -> None:
        """Stand at an instant outside `on_bar`; signals from here are effects of `cause`."""
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

    def history(self, symbol: str | None = None, count: int | None = None) -> HistoryWindow:
        """Return copies of a symbol's closed bars, oldest first, adjusted for the splits effective by now.

        Args:
            symbol: by default that of the bar being handled.
            count: how many bars at most; all without one.

        Raises:
            StrategyError: the run has no such symbol, or `count` is not positive.
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
        return self._surroundings.history.window(symbol, count, self.now_us)

    @property
    def rng(self) -> random.Random:
        """Random numbers of this strategy: the same in every run with the same seed and strategy_id."""
        if self._rng is None:
            digest = blake2b(f"{self._seed}\x1f{self.strategy_id}".encode(), digest_size=8).digest()
            self._rng = random.Random(int.from_bytes(digest))  # noqa: S311 - reproducible by intention, guards no secret
        return self._rng

    def log(self, message: str, /, **fields: Any) -> None:
        """Keep a message with the present instant for the results' `log`."""
        self.logs.append((self.now_us, message, fields))

    def record(self, name: str, value: float) -> None:
        """Keep a value of a named series with the present instant for the results' `recorded`."""
        self.records.append((self.now_us, name, float(value)))

    def emit_signal(
        self,
        symbol: str,
        intention: SignalIntention | str,
        price: Price | None = None,
        confidence: Price | None = None,
        *,
        quantity: Price | None = None,
        fraction: Price | None = None,
        order_type: OrderType | str = OrderType.MARKET,
        limit_price: Price | None = None,
        stop_price: Price | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        stop_loss: Price | None = None,
        take_profit: Price | None = None,
        reason: str | None = None,
    ) -> SignalEvent:
        """Say what this strategy wants; manager and risk decide what becomes of it.

        Args:
            symbol: a symbol of the run.
            intention: open_long, close_long, open_short or close_short.
            price: the decision price; the last known close by default.
            confidence: 0 to 1; sizes only where the policy says so.
            quantity: shares, instead of the policy's sizing; positive.
            fraction: the part of the position to close, above 0 up to 1; only for closing.
            order_type: market, limit, stop or stop_limit.
            limit_price: for limit orders.
            stop_price: for stop orders.
            time_in_force: day or gtc.
            stop_loss: price of a protective stop that rests once the order has filled.
            take_profit: price of a limit that rests once the order has filled.
            reason: a sentence for whoever asks why.

        Raises:
            StrategyError: an argument is not usable; the message names it and what is allowed.
        """
        if self.is_stopped:
            msg = (
                f"strategy {self.strategy_id}: the run has ended; a signal for {symbol} can no longer be sent"
            )
            raise StrategyError(msg)
        bar = self.bar
        if bar is None:
            cause, instant_us = self._cause, self._instant_us
        else:
            cause, instant_us = bar, bar.closed_at_us
        if bar is None or symbol != bar.symbol:
            self._check_symbol(symbol)
            self._surroundings.look(instant_us)
        if not isinstance(intention, SignalIntention):
            intention = member_of(SignalIntention, "intention", intention)
        if not isinstance(order_type, OrderType):
            order_type = member_of(OrderType, "order_type", order_type)
        if not isinstance(time_in_force, TimeInForce):
            time_in_force = member_of(TimeInForce, "time_in_force", time_in_force)
        check_is_offered(order_type, time_in_force)
        given = (price, confidence, quantity, fraction, limit_price, stop_price, stop_loss, take_profit)
        # Most signals say no more than a symbol and an intention: then there is nothing to read.
        is_plain = order_type is _MARKET and all(map(_is_none, given))
        wish = {} if is_plain else numbers_of(intention, order_type, given)
        if price is None:
            wish["price"] = self._decision_price(symbol)
        # Identities are given out only when nothing can fail any more.
        now = from_epoch_us(instant_us)
        signal = SignalEvent(
            envelope=self._origin.beginning(cause, now),
            **wish,
            signal_id=self._signal_id(symbol, instant_us, now),
            strategy_id=self.strategy_id,
            symbol=symbol,
            intention=intention,
            order_type=order_type,
            time_in_force=time_in_force,
            reason=reason or None,
        )
        self._publish(signal)
        return signal

    def _account(self) -> AccountView:
        self._surroundings.look(self.now_us)
        return self._surroundings.account

    def _check_symbol(self, symbol: str) -> None:
        known = self._surroundings.symbols()
        if symbol not in known:
            shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            msg = f"strategy {self.strategy_id}: unknown symbol {symbol!r}; this run has {shown}"
            raise StrategyError(msg)

    def _decision_price(self, symbol: str) -> Decimal:
        if self.bar is not None and self.bar.symbol == symbol:
            return decimal_of(self.bar.close)
        price = self._surroundings.last_price(symbol)
        if price is None:
            msg = f"strategy {self.strategy_id}: {symbol} has no bar yet, so a signal for it needs price="
            raise StrategyError(msg)
        return price

    def _signal_id(self, symbol: str, instant_us: int, now: datetime) -> str:
        if instant_us != self._sent_at_us:
            self._sent.clear()
            self._sent_at_us = instant_us
        ordinal = self._sent.get(symbol, 0)
        self._sent[symbol] = ordinal + 1
        return f"{self.strategy_id}:{symbol}:{_compact(now)}:{ordinal}"


def _compact(instant: datetime) -> str:
    """Write an instant in UTC without punctuation, its fraction only where there is one: unique and short."""
    # msgspec writes RFC 3339 several times as fast as a format does.
    text: str = msgspec.to_builtins(instant)
    return text.replace("-", "").replace(":", "").replace(".", "")
