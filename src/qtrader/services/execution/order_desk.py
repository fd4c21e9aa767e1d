"""The steps of orders' lives with what they entail for other orders, each published as an order update.

An order that ends takes its waiting children with it; one that fills cancels the others of its group and
wakes its children; a position that gets smaller shrinks the orders that would close more than is left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final

from qtrader.events.base import BaseEvent
from qtrader.events.events import OrderUpdateEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import OrderStatus, Side
from qtrader.money import ZERO
from qtrader.services.execution import messages
from qtrader.services.execution.exposure import NetPositions, shrunk
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.orders import EXITS, Terms, WorkingOrder

_ACCEPTED: Final = OrderStatus.ACCEPTED
_PARENT_REASONS = {OrderStatus.CANCELED: Reason.PARENT_CANCELED, OrderStatus.EXPIRED: Reason.PARENT_EXPIRED}


class OrderDesk:
    """Keep the orders at work and publish every step that they take.

    Args:
        publish: takes the events.
        origin: stamps them.
    """

    def __init__(self, publish: Callable[[BaseEvent], None], origin: Origin) -> None:
        self.book = OrderBook()
        self.positions = NetPositions()
        self._publish = publish
        self._origin = origin

    def report(self, order: WorkingOrder, reason: str, message: str, now: datetime) -> None:
        """Publish where an order stands, as an effect of the order itself."""
        event = order.order
        status = order.status
        if status is None:
            msg = f"order {event.order_id} was neither accepted nor rejected and has nothing to report"
            raise ValueError(msg)
        quantity, filled = order.quantity, order.filled_quantity
        self._publish(
            OrderUpdateEvent(
                envelope=self._origin.effect_of(event, now),
                order_id=event.order_id,
                strategy_id=event.strategy_id,
                symbol=event.symbol,
                status=status,
                reason=reason,
                message=message,
                quantity=quantity,
                filled_quantity=filled,
                leaves_quantity=ZERO if order.is_done else quantity - filled,
                average_price=order.average_price if filled else None,
                limit_price=order.limit_price,
                stop_price=order.stop_price,
            )
        )

    def reject(self, order: WorkingOrder, reason: str, message: str, now: datetime) -> None:
        """Refuse an order."""
        order.transition(OrderStatus.REJECTED)
        self.book.close(order)
        self.report(order, reason, message, now)

    def accept(self, order: WorkingOrder, now: datetime) -> None:
        """Take an order in; one without `live_from_us` waits for its parent."""
        order.transition(_ACCEPTED)
        self.book.add(order)
        reason = Reason.HELD_FOR_PARENT if order.live_from_us is None else Reason.ACCEPTED
        self.report(order, reason, messages.resting(order), now)

    def trigger(self, order: WorkingOrder, message: str, now: datetime) -> None:
        """Note that a stop-limit's stop was reached."""
        order.transition(OrderStatus.TRIGGERED)
        self.report(order, Reason.STOP_REACHED, message, now)

    def restate(self, order: WorkingOrder, terms: Terms, reason: str, cause: str, now: datetime) -> None:
        """Put other terms in force; an order with nothing left to fill is canceled."""
        if terms.quantity == terms.filled_quantity:
            self.end(
                order,
                OrderStatus.CANCELED,
                reason,
                f"{cause}: nothing is left to {order.order.side.value}",
                now,
            )
            return
        order.transition(order.status or OrderStatus.ACCEPTED)
        order.restate(terms)
        self.report(order, reason, f"{cause}: now {messages.describe(order)}", now)

    def end(self, order: WorkingOrder, status: OrderStatus, reason: str, message: str, now: datetime) -> None:
        """Cancel or expire an order, and cancel the children that waited for it."""
        order.transition(status)
        self.book.close(order)
        self.report(order, reason, message, now)
        for child in order.children:
            if not child.is_done and child.live_from_us is None:
                text = f"its parent {order.order.order_id} is {status.value}"
                self.end(child, OrderStatus.CANCELED, _PARENT_REASONS[status], text, now)

    def cancel_group(self, filled: WorkingOrder, now: datetime) -> None:
        """Cancel the other orders of a filled order's group."""
        if filled.oco_group is None:
            return
        for other in self.book.group(filled.oco_group):
            if other is not filled:
                text = f"{filled.order.order_id} of the same group filled"
                self.end(other, OrderStatus.CANCELED, Reason.OCO, text, now)

    def wake_children(self, parent: WorkingOrder, from_us: int, now: datetime) -> None:
        """Let a filled order's children rest, as large as what it filled."""
        for child in parent.children:
            if child.is_done:
                continue
            child.transition(OrderStatus.ACCEPTED)
            child.restate(child.terms._replace(quantity=parent.filled_quantity))
            self.book.make_live(child, from_us)
            self.report(child, Reason.PARENT_FILLED, messages.resting(child), now)

    def shrink_reductions(self, strategy_id: str, symbol: str, now: datetime) -> None:
        """Cut what would close more of a position than is left of it.

        Protective orders and closes are counted apart, because both may rest at once.
        """
        if not self.book.live_in(symbol):
            return
        for side in (Side.SELL, Side.BUY):
            closes: list[list[WorkingOrder]] = []
            exits: dict[str, list[WorkingOrder]] = {}
            for order in self.book.live_in(symbol):
                if (
                    order.order.strategy_id != strategy_id
                    or order.order.side is not side
                    or not order.is_reduction
                ):
                    continue
                if order.order.purpose in EXITS:
                    exits.setdefault(order.oco_group or order.order.order_id, []).append(order)
                else:
                    closes.append([order])
            if not (closes or exits):
                continue
            available = self.positions.reducible(strategy_id, symbol, side)
            self._shrink(closes, available, side, now)
            self._shrink(list(exits.values()), available, side, now)

    def _shrink(
        self, groups: list[list[WorkingOrder]], available: Decimal, side: Side, now: datetime
    ) -> None:
        before = [group[0].leaves_quantity for group in groups]
        after = shrunk(before, available, first_in_first_out=side is Side.SELL)
        for group, old, new in zip(groups, before, after, strict=True):
            if new == old:
                continue
            for order in group:
                if new:
                    terms = order.terms._replace(quantity=order.filled_quantity + new)
                    self.restate(order, terms, Reason.POSITION_REDUCED, "the position got smaller", now)
                else:
                    text = "the position that it would close is closed"
                    self.end(order, OrderStatus.CANCELED, Reason.POSITION_CLOSED, text, now)
