"""How an order is taken in: checked, rounded to the tick, linked to its parent, and sent on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderType, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.services.execution.acceptance import begin_trail, off_tick, refusal
from qtrader.services.execution.market_view import MarketView
from qtrader.services.execution.order_desk import OrderDesk
from qtrader.services.execution.order_kinds import TRAILING
from qtrader.services.execution.orders import OrderLifeError, WorkingOrder
from qtrader.services.execution.settings import ExecutionSettings

_MARKET: Final = OrderType.MARKET
_DAY: Final = TimeInForce.DAY


class OrderIntake:
    """Accept orders, or reject them with a reason.

    Args:
        desk: keeps those that are accepted.
        places: the next places in the order of acceptance.
        settings: latency, and what becomes of prices off the tick.
        instrument: what a symbol is.
        market: sessions, last prices and true ranges.
    """

    def __init__(
        self,
        desk: OrderDesk,
        places: Iterator[int],
        settings: ExecutionSettings,
        instrument: Callable[[str], Instrument],
        market: MarketView,
    ) -> None:
        self._desk = desk
        self._book = desk.book
        self._places = places
        self._instrument = instrument
        self._market = market
        self._rejects_off_tick = settings.off_tick == "reject"
        latency = settings.latency
        self._latency_us = 0 if latency is None else (latency.milliseconds or 0) * 1_000
        self._latency_bars = 0 if latency is None else latency.bars or 0
        self._accepted_at = from_epoch_us(0)
        self._accepted_at_us = 0

    def take(self, order: OrderEvent) -> None:
        """Accept an order, or reject it with a reason.

        Raises:
            OrderLifeError: an order with this id was seen before.
        """
        book, parent_id = self._book, order.parent_order_id
        if book.knows(order.order_id):
            msg = f"order {order.order_id} was seen before; every order needs an id of its own"
            raise OrderLifeError(msg)
        parent = None if parent_id is None else book.find(parent_id)
        parent_status = None if parent_id is None else book.final_status(parent_id)
        instrument = self._instrument(order.symbol)
        now = order.envelope.occurred_at
        if now is not self._accepted_at:
            # Orders of one instant come together, mostly with the very same datetime.
            self._accepted_at, self._accepted_at_us = now, to_epoch_us(now)
        limit, stop = order.limit_price, order.stop_price
        refused = refusal(order, instrument, parent, parent_status, now)
        if refused is None and (limit is not None or stop is not None):
            limit = None if limit is None else instrument.round_limit_price(limit, order.side)
            stop = None if stop is None else instrument.round_stop_price(stop, order.side)
            refused = off_tick(order, limit, stop) if self._rejects_off_tick else None
        working = WorkingOrder(order, next(self._places), self._accepted_at_us, limit, stop)
        if refused is None and order.order_type is not _MARKET and order.order_type in TRAILING:
            refused = begin_trail(working, instrument, self._market)
        if refused is not None:
            self._desk.reject(working, refused.reason, refused.message, now)
            return
        if order.time_in_force is _DAY:
            working.expires_at_us = self._market.session_close_after(order.symbol, self._accepted_at_us)
        elif order.expires_at is not None:
            working.expires_at_us = to_epoch_us(order.expires_at)
        if parent is not None:
            self._take_child(working, parent, now)
            return
        working.live_from_us = self._accepted_at_us + self._latency_us
        if self._latency_bars:
            working.wait(self._latency_bars)
        self._desk.accept(working, now)

    def _take_child(self, child: WorkingOrder, parent: WorkingOrder, now: datetime) -> None:
        child.parent = parent
        parent.children.append(child)
        self._desk.accept(child, now)
        if parent.filled_quantity:
            self._desk.size_children(parent, None, child.accepted_at_us, now)
