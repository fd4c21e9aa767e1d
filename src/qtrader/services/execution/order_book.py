"""The orders at work: by id, by price while a bar can fill them, by group and by expiry.

A done order is forgotten but for its final state, so that memory follows the orders at work and not the
length of a run. A symbol's live orders are kept by the price that reaches them, so that a bar is compared
with those it reaches and with no others, however many rest.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator
from math import inf
from typing import Any

from qtrader.events.vocabulary import OrderStatus
from qtrader.services.execution.orders import WorkingOrder


class Resting:
    """The live orders of one symbol; to the engine's agenda they are as one order.

    No bar whose low is above `reach_down` and whose high is below `reach_up` touches any of them, and none
    that opened before `live_from_us` meets one. The latter is a lower bound: it stands while orders rest.
    """

    __slots__ = (
        "_every",
        "_falling",
        "_rising",
        "live_from_us",
        "reach_down",
        "reach_up",
        "reductions",
        "symbol",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        #: Those that every bar concerns, by their place in the order of acceptance.
        self._every: dict[int, WorkingOrder] = {}
        #: (price, place, order), ascending: reached by a price that falls to theirs, or rises to it.
        self._falling: list[Any] = []
        self._rising: list[Any] = []
        #: Those that close positions, by their place.
        self.reductions: dict[int, WorkingOrder] = {}
        self.live_from_us: int | None = None
        self.reach_down, self.reach_up = -inf, inf

    def __len__(self) -> int:
        return len(self._every) + len(self._falling) + len(self._rising)

    def __iter__(self) -> Iterator[WorkingOrder]:
        yield from self._every.values()
        for _, _, order in (*self._falling, *self._rising):
            yield order

    def add(self, order: WorkingOrder, from_us: int) -> None:
        """Keep an order where its reach belongs."""
        known = self.live_from_us
        if known is None or from_us < known:
            self.live_from_us = from_us
        sequence = order.sequence
        if order.is_reduction:
            self.reductions[sequence] = order
        if order.reach_down == inf:
            self._every[sequence] = order
            self.reach_down, self.reach_up = inf, -inf
            return
        rises = order.reach_down == -inf
        entries = self._rising if rises else self._falling
        entry = (order.reach_up if rises else order.reach_down, order.sequence, order)
        insort(entries, entry)
        order.place = (entries, entry)
        if not self._every:
            self._aim()

    def discard(self, order: WorkingOrder) -> None:
        """Forget an order that was added."""
        sequence = order.sequence
        if order.is_reduction:
            del self.reductions[sequence]
        if order.place is None:
            del self._every[sequence]
        else:
            entries, entry = order.place
            del entries[bisect_left(entries, entry)]
            order.place = None
        if self._every:
            return
        if self._falling or self._rising:
            self._aim()
        else:
            # Of no orders nobody asks for the reach.
            self.live_from_us = None

    def unpriced(self) -> Collection[WorkingOrder]:
        """Return the orders that every bar concerns, market orders among them."""
        return self._every.values()

    def reached(self, low: float, high: float) -> Collection[WorkingOrder]:
        """Return the orders that a bar with this low and high may concern, in no order that matters."""
        falling, rising = self._falling, self._rising
        if not (falling or rising):
            return self._every.values()
        found = list(self._every.values())
        if falling and falling[-1][0] >= low:
            found += [entry[2] for entry in falling[bisect_left(falling, (low,)) :]]
        if rising and rising[0][0] <= high:
            found += [entry[2] for entry in rising[: bisect_right(rising, (high, inf))]]
        return found

    def _aim(self) -> None:
        falling, rising = self._falling, self._rising
        self.reach_down = falling[-1][0] if falling else -inf
        self.reach_up = rising[0][0] if rising else inf


class OrderBook:
    """Hold the orders that are not done; `has_live_orders` says whether any bar at all could fill one."""

    __slots__ = (
        "_expiries",
        "_final",
        "_groups",
        "_live",
        "_orders",
        "_resting",
        "has_live_orders",
    )

    def __init__(self) -> None:
        self._orders: dict[str, WorkingOrder] = {}
        #: One for each symbol that ever had a live order; those that have one now are in `_live`.
        self._resting: dict[str, Resting] = {}
        self._live: dict[str, Resting] = {}
        self._groups: dict[str, list[WorkingOrder]] = {}
        self._expiries: list[tuple[int, int, WorkingOrder]] = []
        self._final: dict[str, OrderStatus] = {}
        self.has_live_orders = False

    def __iter__(self) -> Iterator[WorkingOrder]:
        return iter(tuple(self._orders.values()))

    def __len__(self) -> int:
        return len(self._orders)

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
        symbol = order.symbol
        resting = self._resting.get(symbol)
        if resting is None:
            resting = self._resting[symbol] = Resting(symbol)
        resting.add(order, from_us)
        self._live[symbol] = resting
        self.has_live_orders = True

    def replace(self, order: WorkingOrder) -> None:
        """Keep a live order where its reach belongs now, after its prices or its state have changed."""
        if order.live_from_us is not None:
            resting = self._resting[order.symbol]
            resting.discard(order)
            resting.add(order, order.live_from_us)

    def requeue(self, order: WorkingOrder, sequence: int, from_us: int | None) -> None:
        """Send an order to the end of the line; a live one meets only bars that open from an instant on."""
        if order.oco_group is not None:
            group = self._groups[order.oco_group]
            group.remove(order)
            group.append(order)
        if order.live_from_us is None or from_us is None:
            order.sequence = sequence
            return
        resting = self._resting[order.symbol]
        resting.discard(order)
        order.sequence, order.live_from_us = sequence, from_us
        resting.add(order, from_us)

    def close(self, order: WorkingOrder) -> None:
        """Forget a done order, except how it ended."""
        order_id = order.order.order_id
        if order.status is not None:
            self._final[order_id] = order.status
        if self._orders.pop(order_id, None) is None:
            return
        if order.live_from_us is not None:
            symbol = order.symbol
            resting = self._resting[symbol]
            resting.discard(order)
            if resting.live_from_us is None:
                del self._live[symbol]
                self.has_live_orders = bool(self._live)
        if order.oco_group is not None:
            group = self._groups[order.oco_group]
            group.remove(order)
            if not group:
                del self._groups[order.oco_group]

    def resting_in(self, symbol: str) -> Resting | None:
        """Return a symbol's orders that a bar could fill; None for none."""
        return self._live.get(symbol)

    def resting(self) -> Collection[Resting]:
        """Return the same by symbol: what the engine plans with."""
        return self._live.values()

    def live_in(self, symbol: str) -> Iterable[WorkingOrder]:
        """Return a symbol's orders that a bar could fill, in the order of acceptance."""
        resting = self._live.get(symbol)
        return () if resting is None else sorted(resting, key=_place)

    def live_symbols(self) -> tuple[str, ...]:
        """Return the symbols that have such orders, sorted."""
        return tuple(sorted(self._live))

    def reductions(self, strategy_id: str, symbol: str) -> list[WorkingOrder]:
        """Return the live orders that close a strategy's position in a symbol, in the order of acceptance."""
        resting = self._live.get(symbol)
        if resting is None or not resting.reductions:
            return []
        found = resting.reductions.values()
        return sorted((order for order in found if order.order.strategy_id == strategy_id), key=_place)

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


def _place(order: WorkingOrder) -> int:
    return order.sequence
