"""What strategies ask of orders at work: to be canceled, or to rest on other terms.

A request is granted with a step of the order or refused with an `OrderRequestRejectedEvent`; either way the
answer comes at the instant of the request. As on an exchange, an order whose price changes goes to the end of
the line, and one that only becomes smaller keeps its place. Units that risk has not seen cannot be added: an
order never grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from qtrader.clock import to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.codec_convert import canonical_decimal as _text
from qtrader.events.events import OrderCancelEvent, OrderModifyEvent, OrderRequestRejectedEvent
from qtrader.events.identity import Origin
from qtrader.events.order_types import PRICES
from qtrader.events.vocabulary import OrderPurpose, OrderStatus
from qtrader.market.instruments import Instrument
from qtrader.services.execution.order_desk import OrderDesk
from qtrader.services.execution.orders import EXITS, Terms, WorkingOrder
from qtrader.services.execution.settings import ExecutionSettings

Request = OrderCancelEvent | OrderModifyEvent

CANCELED_BY_STRATEGY: Final = "canceled_by_strategy"
MODIFIED: Final = "modified"


class Refusal(NamedTuple):
    """Why a request is not granted: a code to count by and a sentence."""

    reason: str
    message: str


def modified_terms(
    order: WorkingOrder, request: OrderModifyEvent, instrument: Instrument, *, rejects_off_tick: bool = False
) -> Terms | Refusal:
    """Return the terms that an order has once a request is granted, or why it cannot be.

    Args:
        order: at work.
        request: what it is to be.
        instrument: what it trades.
        rejects_off_tick: refuse prices that lie off the tick, which are rounded by side otherwise.
    """
    limit, stop = request.limit_price, request.stop_price
    refused = _quantity_refusal(order, request.quantity, instrument) or _price_refusal(order, limit, stop)
    if refused is not None:
        return refused
    side, terms = order.order.side, order.terms
    limit = None if limit is None else instrument.round_limit_price(limit, side)
    stop = None if stop is None else instrument.round_stop_price(stop, side)
    if rejects_off_tick and (limit, stop) != (request.limit_price, request.stop_price):
        return Refusal("off_tick", f"a price is off {order.symbol}'s tick {instrument.tick_size:f}")
    return Terms(
        terms.quantity if request.quantity is None else request.quantity,
        terms.filled_quantity,
        terms.limit_price if limit is None else limit,
        terms.stop_price if stop is None else stop,
    )


def _quantity_refusal(
    order: WorkingOrder, quantity: Decimal | None, instrument: Instrument
) -> Refusal | None:
    if quantity is None or quantity == order.quantity:
        return None
    purpose = order.order.purpose
    if purpose in EXITS:
        return Refusal("sized_by_parent", f"a {purpose.value} is as large as what its parent has filled")
    if quantity > order.quantity:
        found = f"{_text(quantity)} is more than the {_text(order.quantity)} ordered"
        return Refusal("quantity_increase", f"{found}; more takes a signal, which risk sees")
    if quantity <= order.filled_quantity:
        found = f"{_text(quantity)} is no more than the {_text(order.filled_quantity)} filled"
        return Refusal("quantity_filled", f"{found}; to stop here is to cancel")
    step = instrument.quantity_step
    if purpose is OrderPurpose.OPEN and quantity % step:
        found = f"quantity {_text(quantity)} is no multiple of {order.symbol}'s step {_text(step)}"
        return Refusal("quantity_off_step", found)
    return None


def _price_refusal(order: WorkingOrder, limit: Decimal | None, stop: Decimal | None) -> Refusal | None:
    order_type = order.order.order_type
    takes = PRICES[order_type]
    for name, price, is_taken in (("limit", limit, takes.limit), ("stop", stop, takes.stop)):
        if price is not None and not is_taken:
            what = "a stop that follows the market" if is_taken is None else f"no {name} price"
            return Refusal("wrong_prices", f"a {order_type.value} order has {what} to modify")
    if stop is not None and order.is_triggered:
        return Refusal("already_triggered", "its stop was reached already and is no longer in force")
    return None


class OrderRequests:
    """Grant or refuse requests.

    Args:
        publish: takes refusals.
        origin: stamps them.
        desk: takes the orders' steps.
        places: the next places in the order of acceptance, shared with the orders that are accepted.
        settings: latency, and what becomes of prices off the tick.
        instrument: what a symbol is.
    """

    def __init__(
        self,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        *,
        desk: OrderDesk,
        places: Iterator[int],
        settings: ExecutionSettings,
        instrument: Callable[[str], Instrument],
    ) -> None:
        self._publish = publish
        self._origin = origin
        self._desk = desk
        self._book = desk.book
        self._places = places
        self._rejects_off_tick = settings.off_tick == "reject"
        latency = settings.latency
        self._latency_us = 0 if latency is None else (latency.milliseconds or 0) * 1_000
        self._latency_bars = 0 if latency is None else latency.bars or 0
        self._instrument = instrument
        self._has_ended = False

    def end_trading(self) -> None:
        """Refuse every request from here on (`run_ended`): no bar is left to trade on."""
        self._has_ended = True

    def on_order_cancel(self, request: OrderCancelEvent) -> None:
        """Cancel an order, and the children that wait for it."""
        order = self._order_of(request)
        if isinstance(order, Refusal):
            self._refuse(request, order)
            return
        text = _sentence("canceled by its strategy", request)
        self._desk.end(order, OrderStatus.CANCELED, CANCELED_BY_STRATEGY, text, request.envelope.occurred_at)

    def on_order_modify(self, request: OrderModifyEvent) -> None:
        """Put other terms in force."""
        order = self._order_of(request)
        if isinstance(order, Refusal):
            self._refuse(request, order)
            return
        terms = modified_terms(
            order, request, self._instrument(order.symbol), rejects_off_tick=self._rejects_off_tick
        )
        if isinstance(terms, Refusal):
            self._refuse(request, terms)
            return
        now = request.envelope.occurred_at
        keeps_place = terms[2:] == order.terms[2:]
        if not keeps_place:
            self._send_to_end(order, now)
        self._desk.restate(order, terms, MODIFIED, _sentence("modified by its strategy", request), now)

    def _send_to_end(self, order: WorkingOrder, now: datetime) -> None:
        from_us = None
        if order.live_from_us is not None:
            from_us = to_epoch_us(now) + self._latency_us
        self._book.requeue(order, next(self._places), from_us)
        if from_us is not None and self._latency_bars:
            order.wait(self._latency_bars)

    def _order_of(self, request: Request) -> WorkingOrder | Refusal:
        """Return the order at work that a request is about, or why there is none."""
        order_id = request.order_id
        if self._has_ended:
            return Refusal("run_ended", "the request came after the last bar; nothing is left to trade on")
        order = self._book.find(order_id)
        if order is None:
            status = self._book.final_status(order_id)
            if status is None:
                return Refusal("unknown_order", f"no order {order_id} was accepted before this request")
            return Refusal("order_done", f"order {order_id} is {status.value} already")
        owner = order.order.strategy_id
        if owner != request.strategy_id:
            return Refusal("not_own_order", f"order {order_id} belongs to {owner}")
        return order

    def _refuse(self, request: Request, refusal: Refusal) -> None:
        self._publish(
            OrderRequestRejectedEvent(
                envelope=self._origin.effect_of(request, request.envelope.occurred_at),
                request_id=request.request_id,
                order_id=request.order_id,
                strategy_id=request.strategy_id,
                reason=refusal.reason,
                message=refusal.message,
            )
        )


def _sentence(what: str, request: Request) -> str:
    why = "" if request.reason is None else f": {request.reason}"
    return f"{what}{why} (request {request.request_id})"
