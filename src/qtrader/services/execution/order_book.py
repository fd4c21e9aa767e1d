"""The orders at work: by id, by symbol while a bar can fill them, by group and by expiry.

A done order is forgotten but for its final state, so that memory follows the orders at work and not the
length of a run. Everything is walked in the order of acceptance.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from typing import Final

from qtrader.events.vocabulary import OrderStatus
from qtrader.services.execution.orders import WorkingOrder

_NONE: Final[dict[str, WorkingOrder]] = {}


class OrderBook:
    """Hold the orders that are not done; `has_live_orders` says whether any bar at all could fill one."""

    __slots__ = ("_expiries", "_final", "_groups", "_live", "_orders", "has_live_orders")

    def __init__(self) -> None:
        self._orders: dict[str, WorkingOrder] = {}
        self._live: dict[str, dict[str, WorkingOrder]] = {}
        self._groups: dict[str, list[WorkingOrder]] = {}
        self._expiries: list[tuple[int, int, WorkingOrder]] = []
        self._final: dict[str, OrderStatus] = {}
        self.has_live_orders = False

    def __iter__(self) -> Iterator[WorkingOrder]:
        return iter(tuple(self._orders.values()))

    def find(self, order_id: str) -> WorkingOrder | None:
        """Return the order at work with this id."""
        return self._orders.get(order_id)

    def knows(self, order_id: str) -> bool:
        """Tell whether an order with this id works or has worked."""
        return order_id in self._orders or order_id in self._final

    def final_status(self, order_id: str) -> OrderStatus | None:
        """Return how an order ended; None for one that works or was never seen."""
        return self._final.get(order_id)

    def add(self, order: WorkingOrder) -> None:
        """Take an accepted order in; it is live where `live_from_us` is set."""
        self._orders[order.order.order_id] = order
        if order.oco_group is not None:
            self._groups.setdefault(order.oco_group, []).append(order)
        if order.expires_at_us is not None:
            heapq.heappush(self._expiries, (order.expires_at_us, order.sequence, order))
        if order.live_from_us is not None:
            self.make_live(order, order.live_from_us)

    def make_live(self, order: WorkingOrder, from_us: int) -> None:
        """Let bars that open at or after an instant fill the order."""
        order.live_from_us = from_us
        self._live.setdefault(order.order.symbol, {})[order.order.order_id] = order
        self.has_live_orders = True

    def close(self, order: WorkingOrder) -> None:
        """Forget a done order, except how it ended."""
        order_id = order.order.order_id
        if order.status is not None:
            self._final[order_id] = order.status
        if self._orders.pop(order_id, None) is None:
            return
        live = self._live.get(order.order.symbol)
        if live is not None and live.pop(order_id, None) is not None and not live:
            del self._live[order.order.symbol]
            self.has_live_orders = bool(self._live)
        if order.oco_group is not None:
            group = self._groups[order.oco_group]
            group.remove(order)
            if not group:
                del self._groups[order.oco_group]

    def live_in(self, symbol: str) -> Collection[WorkingOrder]:
        """Return a symbol's orders that a bar could fill."""
        return self._live.get(symbol, _NONE).values()

    def live_orders(self) -> Collection[WorkingOrder]:
        """Return every order that a bar could fill."""
        if len(self._live) == 1:
            return next(iter(self._live.values())).values()
        return [order for orders in self._live.values() for order in orders.values()]

    def live_symbols(self) -> tuple[str, ...]:
        """Return the symbols that have such orders, sorted."""
        return tuple(sorted(self._live))

    def group(self, oco_group: str) -> list[WorkingOrder]:
        """Return the orders at work of a one-cancels-the-other group."""
        return list(self._groups.get(oco_group, ()))

    def next_expiry_us(self) -> int | None:
        """Return the earliest instant at which an order at work expires."""
        while self._expiries and self._expiries[0][2].is_done:
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None

    def take_expired(self, now_us: int) -> list[WorkingOrder]:
        """Remove and return the orders whose time is over, by expiry, then acceptance."""
        expired = []
        while self._expiries and self._expiries[0][0] <= now_us:
            order = heapq.heappop(self._expiries)[2]
            if not order.is_done:
                expired.append(order)
        return expired
