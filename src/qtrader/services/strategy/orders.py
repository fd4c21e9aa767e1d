"""A strategy's orders at work as it sees them, projected from orders and their updates.

Nothing but events changes the projection, so that it can live in another process. An order is shown from its
acceptance to its last step; what a view says is what was reported of the order by the instant at which the
strategy asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtrader.errors import StrategyError
from qtrader.events.events import SignalEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, SignalIntention, TimeInForce
from qtrader.services.strategy.position import canonical

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from qtrader.events.events import OrderEvent, OrderUpdateEvent

_FINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)

_OPENING: Final = frozenset({SignalIntention.OPEN_LONG, SignalIntention.OPEN_SHORT})


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order that is not done, with the terms in force at the instant at which it was asked for.

    Attributes:
        order_id: its identity; `context.cancel` and `context.modify` take it, or the view.
        signal_id: the signal that it serves.
        symbol: what it trades.
        side: buy or sell.
        order_type: how its price is found.
        time_in_force: how long it rests.
        purpose: open, close, stop_loss or take_profit.
        status: accepted, triggered or partially_filled.
        quantity: units ordered in all, unsigned.
        filled_quantity: units that have filled.
        leaves_quantity: units still to fill.
        average_price: mean price of what has filled; None while nothing has.
        limit_price: last reported; None for none.
        stop_price: last reported; None for none. A trailing stop is reported when it triggers, not with
            each bar that moves it.
        expires_at: when a good-till-date order rests no longer; None for the others.
        parent_order_id: the order whose fill lets this one rest; None for none.
        oco_group: the orders with the same one share what may fill; None for none.
        ordered_at: when it was made.
    """

    order_id: str
    signal_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    purpose: OrderPurpose
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal
    leaves_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    expires_at: datetime | None
    parent_order_id: str | None
    oco_group: str | None
    ordered_at: datetime

    @property
    def is_entry(self) -> bool:
        """Tell whether the order opens or enlarges a position."""
        return self.purpose is OrderPurpose.OPEN


def order_id_of(order: OrderView | str) -> str:
    """Return the id of an order that is given as a view or by its id."""
    order_id = order.order_id if isinstance(order, OrderView) else order
    if not isinstance(order_id, str) or not order_id:
        msg = f"order is {order!r}; allowed is one of context.orders, or an order's id"
        raise StrategyError(msg)
    return order_id


def awaited_order_id(after: SignalEvent | OrderView | str) -> str:
    """Return the id of the order that an entry waits for: of a signal, the order that it is to become."""
    if isinstance(after, SignalEvent):
        return f"{after.signal_id}/{'open' if after.intention in _OPENING else 'close'}"
    order_id = after.order_id if isinstance(after, OrderView) else after
    if not isinstance(order_id, str) or not order_id:
        msg = f"after is {after!r}; allowed is one of context.orders, an order's id, or a signal sent"
        raise StrategyError(msg)
    return order_id


class OrderProjection:
    """The orders at work of every strategy, in the order in which they were made."""

    __slots__ = ("_orders", "_updates")

    def __init__(self) -> None:
        self._orders: dict[str, OrderEvent] = {}
        self._updates: dict[str, OrderUpdateEvent] = {}

    def on_order(self, order: OrderEvent) -> None:
        """Take in an order; it is shown once it has been accepted."""
        self._orders[order.order_id] = order

    def on_order_update(self, update: OrderUpdateEvent) -> None:
        """Follow a step of an order; one that is done is forgotten."""
        order_id = update.order_id
        if update.status in _FINAL:
            self._updates.pop(order_id, None)
            self._orders.pop(order_id, None)
        else:
            self._updates[order_id] = update

    def of(self, strategy_id: str) -> tuple[OrderView, ...]:
        """Return a strategy's orders that are not done, in the order in which they were made."""
        updates = self._updates
        return tuple(
            _view(order, updates[order_id])
            for order_id, order in self._orders.items()
            if order.strategy_id == strategy_id and order_id in updates
        )


def _view(order: OrderEvent, update: OrderUpdateEvent) -> OrderView:
    return OrderView(
        order_id=order.order_id,
        signal_id=order.signal_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        purpose=order.purpose,
        status=update.status,
        quantity=canonical(update.quantity),
        filled_quantity=canonical(update.filled_quantity),
        leaves_quantity=canonical(update.leaves_quantity),
        average_price=_or_none(update.average_price),
        limit_price=_or_none(update.limit_price),
        stop_price=_or_none(update.stop_price),
        expires_at=order.expires_at,
        parent_order_id=order.parent_order_id,
        oco_group=order.oco_group,
        ordered_at=order.envelope.occurred_at,
    )


def _or_none(value: Decimal | None) -> Decimal | None:
    return None if value is None else canonical(value)
