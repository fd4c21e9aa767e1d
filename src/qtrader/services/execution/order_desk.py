"""The steps of orders' lives with what they entail for other orders, each published as an order update.

An order that ends takes its waiting children with it; one that fills takes as much from the others of its
group and lets its children rest for as much; an exit that fills ends what is left of its entry; a position
that gets smaller shrinks the orders that would close more than is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from qtrader.clock import to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.events import OrderUpdateEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, Side
from qtrader.money import ZERO
from qtrader.services.execution import messages
from qtrader.services.execution.exposure import NetPositions, shrunk
from qtrader.services.execution.matching_trailing import trailed_stop
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.orders import EXITS, Terms, WorkingOrder

_ACCEPTED: Final = OrderStatus.ACCEPTED
_OPEN: Final = OrderPurpose.OPEN
_STOP_LOSS: Final = OrderPurpose.STOP_LOSS
_PARENT_REASONS = {OrderStatus.CANCELED: Reason.PARENT_CANCELED, OrderStatus.EXPIRED: Reason.PARENT_EXPIRED}


class _Cut(NamedTuple):
    """Why orders get smaller, and why those of which nothing is left are canceled."""

    reason: str
    text: str
    end_reason: str
    end_text: str


_SMALLER_POSITION: Final = _Cut(
    Reason.POSITION_REDUCED,
    "the position got smaller",
    Reason.POSITION_CLOSED,
    "the position that it would close is closed",
)


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
        self.book.replace(order)
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
        self.book.replace(order)
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

    def settle_group(self, filled: WorkingOrder, quantity: Decimal, now: datetime) -> None:
        """Take what an order has filled from the others of its group; once it is done they are canceled."""
        if filled.oco_group is None:
            return
        parent = filled.parent
        if parent is not None and filled.is_reduction:
            self._settle_exits(parent, filled, quantity, now)
        text = f"{filled.order.order_id} of the same group filled"
        for other in self.book.group(filled.oco_group):
            if other is filled or (parent is not None and other.parent is parent and other.is_reduction):
                continue
            left = ZERO if filled.is_done else other.leaves_quantity - quantity
            self._resize(other, left, _Cut(Reason.OCO, text, Reason.OCO, text), now)

    def size_children(self, parent: WorkingOrder, price: Decimal | None, from_us: int, now: datetime) -> None:
        """Let an order's children rest for as much as it has filled, from the instant of that fill.

        Take-profits share it in the order of acceptance. Another entry waits until all is filled, and then
        for bars that open from the present instant on, whatever it trades: nobody knew of the fill before.

        Args:
            parent: that has filled.
            price: at which it did; stops that trail begin there.
            from_us: when it did.
            now: the present instant.
        """
        filled = parent.filled_quantity
        left = {_STOP_LOSS: filled, OrderPurpose.TAKE_PROFIT: filled}
        for child in tuple(parent.children):
            purpose = child.order.purpose
            if child.is_done:
                continue
            if purpose is _OPEN:
                if parent.status is OrderStatus.FILLED:
                    start = price if child.symbol == parent.symbol else None
                    self._wake(child, child.quantity, start, to_epoch_us(now), now)
                continue
            quantity = min(child.wanted_quantity, left[purpose])
            left[purpose] -= quantity
            if quantity:
                self._wake(child, quantity, price, from_us, now)
            elif parent.is_done:
                text = f"its parent {parent.order.order_id} filled no more than other exits close"
                self.end(child, OrderStatus.CANCELED, Reason.NOTHING_TO_EXIT, text, now)

    def _wake(
        self, child: WorkingOrder, quantity: Decimal, price: Decimal | None, from_us: int, now: datetime
    ) -> None:
        is_live = child.live_from_us is not None
        if is_live and quantity <= child.quantity:
            return
        child.transition(child.status or _ACCEPTED)
        child.quantity = quantity
        if not is_live:
            trail = child.trail
            if child.is_trailing and trail is not None and price is not None:
                child.follow(trailed_stop(child.order.side, trail, price, child.stop_price), None)
            self.book.make_live(child, from_us)
        self.report(child, Reason.PARENT_FILLED, messages.resting(child), now)

    def _settle_exits(
        self, parent: WorkingOrder, filled: WorkingOrder, quantity: Decimal, now: datetime
    ) -> None:
        """Keep what the exits of a position close to what an exit has left of it; they end its entry."""
        cause = f"{filled.order.order_id} of the same group filled"
        if not parent.is_done:
            text = f"its exit {filled.order.order_id} filled"
            self.end(parent, OrderStatus.CANCELED, Reason.EXIT_FILLED, text, now)
        exits = [child for child in parent.children if child.is_reduction]
        same = [child for child in exits if child.order.purpose is filled.order.purpose]
        other = [child for child in exits if child.order.purpose is not filled.order.purpose]
        left = max(_total(same) + quantity, _total(other)) - quantity
        for group in (other, same):
            self._shrink_each(group, left, _Cut(Reason.OCO, cause, Reason.OCO, cause), now)

    def shrink_reductions(self, strategy_id: str, symbol: str, now: datetime) -> None:
        """Cut what would close more of a position than is left of it.

        Protective orders and closes are counted apart, because both may rest at once.
        """
        reductions = self.book.reductions(strategy_id, symbol)
        if not reductions:
            return
        for side in (Side.SELL, Side.BUY):
            closes: list[list[WorkingOrder]] = []
            exits: dict[str, list[WorkingOrder]] = {}
            for order in reductions:
                event = order.order
                if event.side is not side or order.is_done:
                    continue
                if event.purpose in EXITS:
                    key = event.parent_order_id or order.oco_group or event.order_id
                    exits.setdefault(key, []).append(order)
                else:
                    closes.append([order])
            if closes or exits:
                available = self.positions.reducible(strategy_id, symbol, side)
                self._shrink(closes, available, side, now)
                self._shrink(list(exits.values()), available, side, now)

    def _shrink(
        self, groups: list[list[WorkingOrder]], available: Decimal, side: Side, now: datetime
    ) -> None:
        before = [_coverage(group) for group in groups]
        after = shrunk(before, available, first_in_first_out=side is Side.SELL)
        for group, old, new in zip(groups, before, after, strict=True):
            if new == old:
                continue
            for same in _by_purpose(group):
                self._shrink_each(same, new, _SMALLER_POSITION, now)

    def _shrink_each(
        self, orders: Sequence[WorkingOrder], available: Decimal, cut: _Cut, now: datetime
    ) -> None:
        """Keep what orders have left to `available` in all, taking from the last of them first."""
        working = [order for order in orders if not order.is_done and order.live_from_us is not None]
        after = shrunk([order.leaves_quantity for order in working], available, first_in_first_out=False)
        for order, left in zip(working, after, strict=True):
            self._resize(order, left, cut, now)

    def _resize(self, order: WorkingOrder, left: Decimal, cut: _Cut, now: datetime) -> None:
        """Leave so much of an order to fill; nothing ends it."""
        if left <= 0:
            self.end(order, OrderStatus.CANCELED, cut.end_reason, cut.end_text, now)
        elif left != order.leaves_quantity:
            terms = order.terms._replace(quantity=order.filled_quantity + left)
            self.restate(order, terms, cut.reason, cut.text, now)


def _total(orders: Iterable[WorkingOrder]) -> Decimal:
    total = ZERO
    for order in orders:
        if order.live_from_us is not None:
            total += order.leaves_quantity
    return total


def _by_purpose(group: Iterable[WorkingOrder]) -> tuple[list[WorkingOrder], list[WorkingOrder]]:
    stops: list[WorkingOrder] = []
    others: list[WorkingOrder] = []
    for order in group:
        (stops if order.order.purpose is _STOP_LOSS else others).append(order)
    return stops, others


def _coverage(group: Sequence[WorkingOrder]) -> Decimal:
    """Return how much of a position a group may close: its stops and its targets stand for the same units."""
    if len(group) == 1:
        return group[0].leaves_quantity
    stops, others = _by_purpose(group)
    return max(_total(stops), _total(others))
