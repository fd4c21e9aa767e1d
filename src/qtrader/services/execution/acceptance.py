"""Whether an order can be taken at all: the refusals, each with its code and a sentence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.services.execution.market_view import MarketView
from qtrader.services.execution.matching_trailing import TrailError, trail_of, trailed_stop
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_kinds import TRAILING, problem_with
from qtrader.services.execution.orders import WorkingOrder


class Refusal(NamedTuple):
    """Why an order is rejected."""

    reason: str
    message: str


_MARKET: Final = OrderType.MARKET
_OPEN: Final = OrderPurpose.OPEN
_GTC: Final = TimeInForce.GTC
_DAY: Final = TimeInForce.DAY
_CHILD_TYPES: Final = {
    OrderPurpose.STOP_LOSS: TRAILING | {OrderType.STOP},
    OrderPurpose.TAKE_PROFIT: frozenset({OrderType.LIMIT}),
}
_CHILDREN: Final = (
    "a stop_loss that is a stop or trails, a take_profit limit order, or another entry that waits for it"
)


def refusal(
    order: OrderEvent,
    instrument: Instrument,
    parent: WorkingOrder | None,
    parent_status: OrderStatus | None,
    now: datetime,
) -> Refusal | None:
    """Return why an order cannot be accepted, or None.

    Args:
        order: the instruction.
        instrument: what it trades.
        parent: the order at work that it names as its parent.
        parent_status: how that parent ended, where it did.
        now: the present instant.
    """
    quantity = order.quantity
    if quantity <= 0:
        return Refusal(Reason.NON_POSITIVE_QUANTITY, f"quantity {quantity:f} must be above zero")
    step = instrument.quantity_step
    # A position may lie off the step (reinvested dividends, a split); what closes it must be able to.
    if order.purpose is _OPEN and quantity % step:
        return Refusal(
            Reason.QUANTITY_OFF_STEP,
            f"quantity {quantity:f} is no multiple of {order.symbol}'s step {step:f}",
        )
    if (
        order.order_type is _MARKET
        and order.parent_order_id is None
        and (order.time_in_force is _GTC or order.time_in_force is _DAY)
        and order.limit_price is None
        and order.stop_price is None
        and order.expires_at is None
    ):
        return None
    problem = problem_with(order, now)
    if problem is not None:
        return Refusal(problem.reason, problem.message)
    if order.parent_order_id is None:
        return None
    return _child_refusal(order, order.parent_order_id, parent, parent_status)


def off_tick(order: OrderEvent, limit: Decimal | None, stop: Decimal | None) -> Refusal | None:
    """Return why an order's prices cannot be taken as they are given, or None.

    Args:
        order: the instruction.
        limit: its limit price on the tick.
        stop: its stop price on the tick.
    """
    for name, given, on_tick in (("limit", order.limit_price, limit), ("stop", order.stop_price, stop)):
        if given is not None and given != on_tick:
            text = f"{name} price {given:f} is off {order.symbol}'s tick; on it is {on_tick:f}"
            return Refusal(Reason.OFF_TICK, text)
    return None


def begin_trail(order: WorkingOrder, instrument: Instrument, market: MarketView) -> Refusal | None:
    """Let a trailing order begin at the last price, or say why it cannot; a child begins with its parent.

    Args:
        order: a trailing order.
        instrument: what it trades.
        market: knows the last price and the average true range.
    """
    event = order.order
    average = None
    if event.trail_atr_period is not None:
        average = market.average_true_range(
            event.strategy_id, event.symbol, event.trail_atr_period, order.accepted_at_us
        )
    try:
        trail = order.trail = trail_of(event, instrument.tick_size, average)
    except TrailError as error:
        return Refusal(Reason.TRAIL_UNKNOWN, str(error))
    if order.stop_price is None and event.parent_order_id is None:
        price = market.last_price(event.symbol)
        if price is not None:
            order.stop_price = trailed_stop(event.side, trail, price)
    return None


def _child_refusal(
    order: OrderEvent, parent_id: str, parent: WorkingOrder | None, parent_status: OrderStatus | None
) -> Refusal | None:
    if parent is None:
        if parent_status is not None:
            return Refusal(Reason.PARENT_DONE, f"parent {parent_id} is {parent_status.value} already")
        return Refusal(Reason.UNKNOWN_PARENT, f"no order {parent_id} was accepted before its child")
    problem = _link_problem(order, parent)
    return None if problem is None else Refusal(Reason.INVALID_CHILD, problem)


def _link_problem(order: OrderEvent, parent: WorkingOrder) -> str | None:
    above, parent_id = parent.order, parent.order.order_id
    if order.strategy_id != above.strategy_id:
        return f"a child belongs to the strategy of its parent {parent_id}, {above.strategy_id}"
    if order.purpose is _OPEN:
        return None
    if order.order_type not in _CHILD_TYPES.get(order.purpose, ()):
        return f"a child is {_CHILDREN}, not {order.purpose.value} {order.order_type.value}"
    if order.symbol != above.symbol or order.side is above.side:
        return f"an exit takes the other side of its parent {parent_id}: {above.side.value} {above.symbol}"
    is_stop = order.purpose is OrderPurpose.STOP_LOSS
    if is_stop and any(
        child.order.purpose is OrderPurpose.STOP_LOSS for child in parent.children if not child.is_done
    ):
        return f"parent {parent_id} has a stop_loss child already"
    return None
