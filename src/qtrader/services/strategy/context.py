"""What a strategy sees and does: the present, the past, its account, and one way to act.

A context belongs to one strategy. Everything it shows was known at `now`; nothing leads to a later bar.
Quantities and money are Decimals; prices of the market layer are floats, and a strategy may give prices as
float, int, str or Decimal. Decimals have their canonical form, that of the wire, so that a strategy which
writes one into a text says the same in whatever process it runs.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qtrader.clock import from_epoch_us
from qtrader.errors import StrategyError
from qtrader.events.events import OrderCancelEvent, OrderModifyEvent, SignalEvent
from qtrader.events.vocabulary import OrderType, SignalIntention, TimeInForce
from qtrader.money import decimal_of
from qtrader.services.strategy.arguments import (
    Price,
    TakeProfit,
    member_of,
    positive,
    terms_of,
)
from qtrader.services.strategy.instant_bars import InstantBars
from qtrader.services.strategy.orders import OrderView, order_id_of
from qtrader.services.strategy.sight import Sight, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from qtrader.events.base import BaseEvent
    from qtrader.events.identity import Origin

_MARKET: Final = OrderType.MARKET
_GTD: Final = TimeInForce.GTD


class Context(Sight):
    """Show a strategy what is known and take its signals."""

    __slots__ = (
        "_origin",
        "_publish",
        "_rng",
        "_seed",
        "_sent",
        "_sent_at_us",
        "is_stopped",
        "logs",
        "records",
    )

    def __init__(
        self,
        strategy_id: str,
        surroundings: Surroundings,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        seed: int,
    ) -> None:
        super().__init__(strategy_id, surroundings)
        #: What `log` was given: (instant in microseconds, message, fields).
        self.logs: list[tuple[int, str, dict[str, Any]]] = []
        #: What `record` was given: (instant in microseconds, name, value).
        self.records: list[tuple[int, str, float]] = []
        self.is_stopped = False
        self._publish = publish
        self._origin = origin
        self._seed = seed
        self._rng: random.Random | None = None
        self._sent: dict[str, int] = {}
        self._sent_at_us = -1

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
        take_profit: TakeProfit | None = None,
        reason: str | None = None,
        trail_amount: Price | None = None,
        trail_percent: Price | None = None,
        trail_atr_multiple: Price | None = None,
        trail_atr_period: int | None = None,
        trail_limit_offset: Price | None = None,
        expires_at: datetime | None = None,
        oco_group: str | None = None,
        after: SignalEvent | OrderView | str | None = None,
    ) -> SignalEvent:
        """Say what this strategy wants; manager and risk decide what becomes of it.

        Args:
            symbol: a symbol of the run.
            intention: open_long, close_long, open_short or close_short.
            price: the decision price; the last known close by default.
            confidence: 0 to 1; sizes only where the policy says so.
            quantity: shares, instead of the policy's sizing; positive.
            fraction: the part of the position to close, above 0 up to 1; only for closing.
            order_type: market, limit, stop, stop_limit, trailing_stop, trailing_stop_limit, market_on_open,
                limit_on_open, market_on_close, limit_on_close, market_if_touched or limit_if_touched.
            limit_price: for the types with a limit.
            stop_price: for the types with a trigger; for a trailing order the stop to begin with, if any.
            time_in_force: day, gtc, gtd, ioc or fok.
            stop_loss: price of a protective stop that rests once the order has filled.
            take_profit: price of a limit that rests once the order has filled; or several targets, as a list
                of prices, which share the entry equally, or of (price, fraction) pairs. The last target takes
                what rounding leaves, unless the fractions add up to less than 1.
            reason: a sentence for whoever asks why.
            trail_amount: distance of a trailing stop from the best price, per unit.
            trail_percent: the same in percent of the best price.
            trail_atr_multiple: the same in average true ranges, measured when the order is accepted.
            trail_atr_period: bars of that range.
            trail_limit_offset: how far a trailing_stop_limit's limit lies beyond its stop, per unit.
            expires_at: the instant from which a gtd order rests no longer, with a time zone.
            oco_group: a name that entries in the same symbol share of which one may fill: what one fills,
                the others can fill no longer.
            after: an order of this strategy that has to fill whole before this entry rests: one of `orders`,
                an order's id, or a signal that this method returned.

        Raises:
            StrategyError: an argument is not usable; the message names it and what is allowed.
        """
        bar = self.bar
        cause, instant_us = self._present(f"a signal for {symbol}")
        if bar is None or symbol != bar.symbol:
            self._check_symbol(symbol)
            self._surroundings.look(instant_us)
        if not isinstance(intention, SignalIntention):
            intention = member_of(SignalIntention, "intention", intention)
        if not isinstance(order_type, OrderType):
            order_type = member_of(OrderType, "order_type", order_type)
        if not isinstance(time_in_force, TimeInForce):
            time_in_force = member_of(TimeInForce, "time_in_force", time_in_force)
        # Most signals say no more than a symbol, an intention and a size: then there is little to read.
        if (
            order_type is _MARKET
            and time_in_force is not _GTD
            and confidence is fraction is limit_price is stop_price is None
            and stop_loss is None
            and take_profit is None
            and trail_amount is trail_percent is trail_atr_multiple is None
            and trail_atr_period is trail_limit_offset is None
            and expires_at is None
            and oco_group is after is None
        ):
            wish: dict[str, Any] = {}
            if quantity is not None:
                wish["quantity"] = positive("quantity", quantity)
            if price is not None:
                wish["price"] = positive("price", price)
        else:
            wish = terms_of(
                intention,
                order_type,
                time_in_force,
                trail=(
                    trail_amount,
                    trail_percent,
                    trail_atr_multiple,
                    trail_atr_period,
                    trail_limit_offset,
                ),
                take_profit=take_profit,
                expires_at=expires_at,
                oco_group=oco_group,
                after=after,
                confidence=confidence,
                fraction=fraction,
                price=price,
                quantity=quantity,
                limit_price=limit_price,
                stop_price=stop_price,
                stop_loss=stop_loss,
            )
        if price is None:
            wish["price"] = self._decision_price(symbol)
        # Identities are given out only when nothing can fail any more.
        now = from_epoch_us(instant_us)
        signal = SignalEvent(
            envelope=self._origin.beginning(cause, now),
            **wish,
            signal_id=f"{self.strategy_id}:{symbol}:{self._ordinal(symbol, instant_us, now)}",
            strategy_id=self.strategy_id,
            symbol=symbol,
            intention=intention,
            order_type=order_type,
            time_in_force=time_in_force,
            reason=reason or None,
        )
        self._publish(signal)
        return signal

    def cancel(self, order: OrderView | str, reason: str | None = None) -> OrderCancelEvent:
        """Ask that an order of this strategy rest no longer; children that wait for it go with it.

        The answer is the order's step to `canceled`, or a refusal that `on_request_refusal` hears of: an
        order that is done, or was never accepted, cannot be canceled.

        Args:
            order: one of `orders`, or an order's id.
            reason: a sentence for whoever asks why.

        Raises:
            StrategyError: an argument is not usable; the message names it and what is allowed.
        """
        order_id = order_id_of(order)
        cause, instant_us = self._present(f"a request to cancel {order_id}")
        now = from_epoch_us(instant_us)
        request = OrderCancelEvent(
            envelope=self._origin.beginning(cause, now),
            request_id=f"{order_id}/cancel:{self._ordinal(order_id, instant_us, now)}",
            order_id=order_id,
            strategy_id=self.strategy_id,
            reason=reason or None,
        )
        self._publish(request)
        return request

    def modify(
        self,
        order: OrderView | str,
        *,
        quantity: Price | None = None,
        limit_price: Price | None = None,
        stop_price: Price | None = None,
        reason: str | None = None,
    ) -> OrderModifyEvent:
        """Ask that an order of this strategy rest on other terms; what is not given stays as it is.

        The answer is an update of the order with reason `modified`, or a refusal that `on_request_refusal`
        hears of. A new price sends the order to the end of the line, and it meets only bars that open from
        now on; a smaller quantity keeps its place. A larger quantity is refused: it takes a signal, which
        risk sees.

        Args:
            order: one of `orders`, or an order's id.
            quantity: units to be ordered in all, those that have filled included.
            limit_price: for the types with a limit.
            stop_price: for the types with a trigger that does not trail.
            reason: a sentence for whoever asks why.

        Raises:
            StrategyError: an argument is not usable; the message names it and what is allowed.
        """
        order_id = order_id_of(order)
        terms = {
            "quantity": positive("quantity", quantity),
            "limit_price": positive("limit_price", limit_price),
            "stop_price": positive("stop_price", stop_price),
        }
        if not any(terms.values()):
            msg = f"modify: nothing is to change in {order_id}; give quantity=, limit_price= or stop_price="
            raise StrategyError(msg)
        cause, instant_us = self._present(f"a request to modify {order_id}")
        now = from_epoch_us(instant_us)
        request = OrderModifyEvent(
            envelope=self._origin.beginning(cause, now),
            request_id=f"{order_id}/modify:{self._ordinal(order_id, instant_us, now)}",
            order_id=order_id,
            strategy_id=self.strategy_id,
            **terms,
            reason=reason or None,
        )
        self._publish(request)
        return request

    def _present(self, wish: str) -> tuple[BaseEvent | None, int]:
        """Return what a wish is the effect of, and its instant; refuse it once the run has ended."""
        if self.is_stopped:
            msg = f"strategy {self.strategy_id}: the run has ended; {wish} can no longer be sent"
            raise StrategyError(msg)
        bar = self.bar
        if bar is not None:
            return bar, bar.closed_at_us
        cause = self._cause
        if isinstance(cause, InstantBars):
            # Only now does anybody need the event; once it is made it stands for all signals from here.
            cause = self._cause = cause[-1]
        return cause, self._instant_us

    def _decision_price(self, symbol: str) -> Decimal:
        if self.bar is not None and self.bar.symbol == symbol:
            return decimal_of(self.bar.close)
        price = self._surroundings.last_price(symbol)
        if price is None:
            msg = f"strategy {self.strategy_id}: {symbol} has no bar yet, so a signal for it needs price="
            raise StrategyError(msg)
        return price

    def _ordinal(self, subject: str, instant_us: int, now: datetime) -> str:
        """Count what is said of a symbol or an order at an instant, and write both."""
        if instant_us != self._sent_at_us:
            self._sent.clear()
            self._sent_at_us = instant_us
        ordinal = self._sent.get(subject, 0)
        self._sent[subject] = ordinal + 1
        return f"{_compact(now)}:{ordinal}"


def _compact(instant: datetime) -> str:
    """Write an instant in UTC without punctuation, its fraction only where there is one: unique and short."""
    # msgspec writes RFC 3339 several times as fast as a format does.
    text: str = msgspec.to_builtins(instant)
    return text.replace("-", "").replace(":", "").replace(".", "")
