"""Whether an order can be taken at all: the refusals, each with its code and a sentence."""

from __future__ import annotations

from typing import Final, NamedTuple

from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType
from qtrader.market.instruments import Instrument
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.orders import EXITS, WorkingOrder


class Refusal(NamedTuple):
    """Why an order is rejected."""

    reason: str
    message: str


#: Whether an order type has a limit price, and whether it has a stop price.
_PRICES: Final = {
    OrderType.MARKET: (False, False),
    OrderType.LIMIT: (True, False),
    OrderType.STOP: (False, True),
    OrderType.STOP_LIMIT: (True, True),
}

_MARKET: Final = OrderType.MARKET
_OPEN: Final = OrderPurpose.OPEN
_NO_PRICES: Final = (None, None)
_CHILD_TYPES: Final = {OrderPurpose.STOP_LOSS: OrderType.STOP, OrderPurpose.TAKE_PROFIT: OrderType.LIMIT}


def refusal(  # noqa: PLR0911 - one return for each way to refuse
    order: OrderEvent, instrument: Instrument, parent: WorkingOrder | None, parent_status: OrderStatus | None
) -> Refusal | None:
    """Return why an order cannot be accepted, or None.

    Args:
        order: the instruction.
        instrument: what it trades.
        parent: the order at work that it names as its parent.
        parent_status: how that parent ended, where it did.
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
    prices = order.limit_price, order.stop_price
    if order.order_type is _MARKET and prices == _NO_PRICES and order.parent_order_id is None:
        return None
    if (prices[0] is not None, prices[1] is not None) != _PRICES[order.order_type]:
        wanted = [name for name, has in zip(("limit", "stop"), _PRICES[order.order_type], strict=True) if has]
        text = " and ".join(wanted) or "no"
        return Refusal(
            Reason.WRONG_PRICES, f"a {order.order_type.value} order has {text} price and nothing else"
        )
    for price in prices:
        if price is not None and price <= 0:
            return Refusal(Reason.NON_POSITIVE_PRICE, f"price {price:f} must be above zero")
    if order.parent_order_id is None:
        return None
    return _child_refusal(order, order.parent_order_id, parent, parent_status)


def _child_refusal(
    order: OrderEvent, parent_id: str, parent: WorkingOrder | None, parent_status: OrderStatus | None
) -> Refusal | None:
    if parent is None:
        if parent_status is not None:
            return Refusal(Reason.PARENT_DONE, f"parent {parent_id} is {parent_status.value} already")
        return Refusal(Reason.UNKNOWN_PARENT, f"no order {parent_id} was accepted before its child")
    if order.purpose not in EXITS or order.order_type is not _CHILD_TYPES[order.purpose]:
        return Refusal(
            Reason.INVALID_CHILD,
            f"a child is a stop_loss stop order or a take_profit limit order, not {order.purpose.value} "
            f"{order.order_type.value}",
        )
    above = parent.order
    if (order.strategy_id, order.symbol) != (above.strategy_id, above.symbol) or order.side is above.side:
        return Refusal(
            Reason.INVALID_CHILD,
            f"a child takes the other side of its parent {parent_id}: {above.side.value} {above.symbol}",
        )
    if any(child.order.purpose is order.purpose for child in parent.children if not child.is_done):
        return Refusal(Reason.INVALID_CHILD, f"parent {parent_id} has a {order.purpose.value} child already")
    return None
