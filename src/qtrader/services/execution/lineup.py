"""Who meets a bar and in what order: open prints, then what happens within the bar, then close prints.

Within each, orders that reduce exposure come before orders that increase it, then the order of acceptance
decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

from qtrader.events.events import PriceBarEvent
from qtrader.events.vocabulary import FillBasis, OrderPurpose, OrderType
from qtrader.money import ZERO, decimal_of
from qtrader.services.execution.matching import (
    NO_EXITS,
    BarPrices,
    ExitMatch,
    FillMatch,
    Match,
    MatchingRule,
    TriggerMatch,
    at_open,
    match_exits,
    match_one_of,
    match_order,
)
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.orders import EXITS, WorkingOrder

_OPEN_PRINT: Final = 0
_WITHIN: Final = 1
_CLOSE_PRINT: Final = 2
_MARKET: Final = OrderType.MARKET
_CLOSE: Final = FillBasis.CLOSE


class Candidate(NamedTuple):
    """What a bar does to an order; the first three fields are its place in line, unlike any other."""

    print_rank: int
    exposure_rank: int
    sequence: int
    order: WorkingOrder
    match: FillMatch | TriggerMatch
    bar: PriceBarEvent


class Lineup:
    """The orders that wait for their turn within one instant.

    Args:
        book: the orders at work.
        rule: the print that market orders take.
        limit_touch: whether touching a limit fills it.
    """

    def __init__(self, book: OrderBook, rule: MatchingRule, *, limit_touch: bool) -> None:
        self._book = book
        self._rule = rule
        self._takes_open = rule is MatchingRule.OPEN
        self._limit_touch = limit_touch
        self._heap: list[Candidate] = []
        self._priced_bar: PriceBarEvent | None = None
        self._prices: BarPrices = BarPrices(ZERO, ZERO, ZERO, ZERO)

    def add_bar(self, bar: PriceBarEvent) -> None:
        """Line up the live orders that a bar fills or triggers."""
        groups: set[str] = set()
        low, high, opened_at_us = bar.low, bar.high, bar.opened_at_us
        for order in self._book.live_in(bar.symbol):
            if low > order.reach_down and high < order.reach_up:
                continue
            if order.live_from_us is None or order.live_from_us > opened_at_us:
                continue
            group = order.oco_group
            if group is None:
                if self._takes_open and order.order.order_type is _MARKET:
                    # Nothing but the open matters, and most orders are of this kind.
                    self._add(order, at_open(decimal_of(bar.open)), bar)
                else:
                    self._add_single(order, bar)
            elif group not in groups:
                groups.add(group)
                self._add_group(group, bar)

    def add_at_close(self, orders: Iterable[WorkingOrder], bar: PriceBarEvent) -> None:
        """Line up market orders with a bar's close."""
        for order in orders:
            self._add(order, match_order(order.matching_terms, self.prices(bar), MatchingRule.CLOSE), bar)

    def add_exits(self, children: Iterable[WorkingOrder], exits: ExitMatch, bar: PriceBarEvent) -> None:
        """Line up what the rest of a parent's bar does to its children."""
        for child in children:
            match = exits.stop if child.order.purpose is OrderPurpose.STOP_LOSS else exits.target
            self._add(child, match, bar)

    def exits_after(
        self, children: Iterable[WorkingOrder], entry: FillMatch, bar: PriceBarEvent
    ) -> ExitMatch:
        """Match the stop-loss and take-profit among `children` against what of the bar follows `entry`."""
        stop = target = side = None
        for child in children:
            if child.is_done:
                continue
            if child.order.order_type is OrderType.STOP:
                stop, side = child.stop_price, child.order.side
            else:
                target, side = child.limit_price, child.order.side
        if side is None or entry.basis is FillBasis.CLOSE:
            return NO_EXITS
        return match_exits(side, entry, stop, target, self.prices(bar), limit_touch=self._limit_touch)

    def pop(self) -> Candidate | None:
        """Take the next order that is still at work; None when there is none."""
        while self._heap:
            candidate = heapq.heappop(self._heap)
            if not candidate.order.is_done:
                return candidate
        return None

    def prices(self, bar: PriceBarEvent) -> BarPrices:
        """Carry a bar's prices into the decision layer, once for a bar that orders meet one after another."""
        if bar is not self._priced_bar:
            self._priced_bar = bar
            self._prices = BarPrices(
                decimal_of(bar.open), decimal_of(bar.high), decimal_of(bar.low), decimal_of(bar.close)
            )
        return self._prices

    def _add_single(self, order: WorkingOrder, bar: PriceBarEvent) -> None:
        terms = order.matching_terms
        self._add(order, match_order(terms, self.prices(bar), self._rule, limit_touch=self._limit_touch), bar)

    def _add_group(self, group: str, bar: PriceBarEvent) -> None:
        members = [
            order
            for order in self._book.group(group)
            if order.order.symbol == bar.symbol
            and order.live_from_us is not None
            and order.live_from_us <= bar.opened_at_us
        ]
        prices = self.prices(bar)
        if len(members) > 1 and all(order.order.purpose in EXITS for order in members):
            self.add_exits(members, self.exits_after(members, at_open(prices.open), bar), bar)
            return
        terms = [order.matching_terms for order in members]
        chosen = match_one_of(terms, prices, self._rule, limit_touch=self._limit_touch)
        if chosen is not None:
            self._add(members[chosen[0]], chosen[1], bar)
            return
        for order in members:
            self._add_single(order, bar)

    def _add(self, order: WorkingOrder, match: Match, bar: PriceBarEvent) -> None:
        if match is None or (isinstance(match, TriggerMatch) and order.is_triggered):
            return
        if match.at_open:
            rank = _OPEN_PRINT
        elif isinstance(match, FillMatch) and match.basis is _CLOSE:
            rank = _CLOSE_PRINT
        else:
            rank = _WITHIN
        heapq.heappush(
            self._heap,
            Candidate(rank, 0 if order.is_reduction else 1, order.sequence, order, match, bar),
        )
