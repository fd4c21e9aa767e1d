"""Who meets a bar and in what order: open prints, then what happens within the bar, then close prints.

Within each, orders that reduce exposure come before orders that increase it, then the order of acceptance
decides. Last come the orders for which the bar was the last, and the stops that follow the market.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

from qtrader.events.events import PriceBarEvent
from qtrader.events.vocabulary import FillBasis, OrderType
from qtrader.money import ZERO, decimal_of
from qtrader.services.execution.bracket_matching import NO_EXITS, Exits, Found, match_bracket
from qtrader.services.execution.fill_models import FillModel
from qtrader.services.execution.market_view import MarketView
from qtrader.services.execution.matches import (
    BarPrices,
    FillMatch,
    MatchingRule,
    TrailingMatch,
    TriggerMatch,
    at_close,
    at_open,
)
from qtrader.services.execution.matching import first_of, is_over_after
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.order_kinds import IMMEDIATE, ON_PRINT
from qtrader.services.execution.orders import EXITS, WorkingOrder
from qtrader.services.execution.participation import can_fill
from qtrader.services.execution.settings import ExecutionSettings

_OPEN_PRINT: Final = 0
_WITHIN: Final = 1
_CLOSE_PRINT: Final = 2
_AFTERWARDS: Final = 3
_MARKET: Final = OrderType.MARKET
_CLOSE: Final = FillBasis.CLOSE
_WHOLE_SESSION: Final = (True, True)


class Candidate(NamedTuple):
    """What a bar does to an order; the first three fields are its place in line, unlike any other.

    `match` is None where the order only has its stop moved (`trailing`), or where the bar was its last.
    """

    print_rank: int
    exposure_rank: int
    sequence: int
    order: WorkingOrder
    match: FillMatch | TriggerMatch | None
    bar: PriceBarEvent
    trailing: TrailingMatch | None = None


class Lineup:
    """The orders that wait for their turn within one instant.

    Args:
        book: the orders at work.
        settings: the print that market orders take, and which bars fill.
        models: the fill model of each symbol that has one of its own.
        model: of all other symbols.
        market: sessions, and the bar before a bar.
    """

    def __init__(
        self,
        book: OrderBook,
        settings: ExecutionSettings,
        models: dict[str, FillModel],
        model: FillModel,
        market: MarketView,
    ) -> None:
        self._book = book
        self._settings = settings
        self._models, self._model = models, model
        self._market = market
        self._rule = MatchingRule.CLOSE if settings.market_fill == "next_close" else MatchingRule.OPEN
        self._takes_open = self._rule is MatchingRule.OPEN and settings.fills_by_conventions
        self._heap: list[Candidate] = []
        self._priced_bar: PriceBarEvent | None = None
        self._prices: BarPrices = BarPrices(ZERO, ZERO, ZERO, ZERO)

    def add_bar(self, bar: PriceBarEvent) -> None:
        """Line up the live orders that a bar fills or triggers."""
        resting = self._book.resting_in(bar.symbol)
        if resting is None or (bar.volume == 0 and not self._fills_without_volume(bar)):
            return
        opened_at_us, takes_open = bar.opened_at_us, self._takes_open
        others: list[WorkingOrder] | None = None
        for order in resting.reached(bar.low, bar.high):
            live_from_us = order.live_from_us
            if live_from_us is None or live_from_us > opened_at_us:
                continue
            if order.is_plain and takes_open:
                # Nothing but the open matters, and most orders are of this kind.
                match = at_open(decimal_of(bar.open))
                rank = 0 if order.is_reduction else 1
                heapq.heappush(self._heap, Candidate(_OPEN_PRINT, rank, order.sequence, order, match, bar))
            elif others is None:
                others = [order]
            else:
                others.append(order)
        if others is not None:
            self._add_others(others, bar)

    def add_at_close(self, orders: Iterable[WorkingOrder], bar: PriceBarEvent) -> None:
        """Line up market orders with a bar's close."""
        for order in orders:
            self._add(Found(order, at_close(self.prices(bar).close)), bar)
            if order.order.time_in_force in IMMEDIATE:
                self._push(_AFTERWARDS, order, None, bar)

    def exits_after(self, parent: WorkingOrder, entry: FillMatch, bar: PriceBarEvent) -> Exits:
        """Match the exits among an order's children against what of the bar follows its fill.

        Children that rest already are in line for the bar.
        """
        waiting = [child for child in parent.children if child.live_from_us is None]
        if not waiting:
            return NO_EXITS
        prices, model = self.prices(bar), self._models.get(bar.symbol, self._model)
        return match_bracket(waiting, entry, prices, model, lambda order: self._found(order, bar))

    def add_exits(self, exits: Exits, bar: PriceBarEvent) -> None:
        """Line up what the rest of a parent's bar does to its children."""
        for found in exits.found:
            self._add(found, bar)

    def pop(self) -> Candidate | None:
        """Take the next order that is still at work; None when there is none."""
        while self._heap:
            candidate = heapq.heappop(self._heap)
            order = candidate.order
            if not order.is_done and order.live_from_us is not None:
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

    def _fills_without_volume(self, bar: PriceBarEvent) -> bool:
        settings = self._settings
        no_volume, stale = settings.fill_on_no_volume, settings.fill_on_stale
        previous = None if no_volume == stale else self._market.previous_bar(bar)
        return can_fill(bar, previous, allow_no_volume=no_volume, allow_stale=stale)

    def _add_others(self, orders: Iterable[WorkingOrder], bar: PriceBarEvent) -> None:
        groups: set[str] = set()
        for order in orders:
            group = order.oco_group
            if order.bars_to_wait:
                order.wait(order.bars_to_wait - 1)
                self._book.replace(order)
            elif group is None:
                self._add(self._found(order, bar), bar)
                self._add_end(order, bar)
            elif group not in groups:
                groups.add(group)
                self._add_group(group, bar)

    def _found(self, order: WorkingOrder, bar: PriceBarEvent) -> Found:
        """Return what the whole bar does to one order."""
        prices, terms = self.prices(bar), order.matching_terms
        model = self._models.get(bar.symbol, self._model)
        if order.is_trailing and order.trail is not None:
            trailing = model.match_trailing(terms, order.trail, prices)
            return Found(order, trailing.match, trailing)
        kind = terms.order_type
        is_immediate = order.order.time_in_force in IMMEDIATE
        if is_immediate and kind is _MARKET:
            return Found(order, at_open(prices.open))
        opens, closes = self._session(kind, bar)
        match = model.match_order(terms, prices, self._rule, is_session_open=opens, is_session_close=closes)
        if is_immediate:
            return Found(order, match if isinstance(match, FillMatch) and match.at_open else None)
        if isinstance(match, TriggerMatch) and order.is_triggered:
            return Found(order, None)
        return Found(order, match)

    def _session(self, kind: OrderType, bar: PriceBarEvent) -> tuple[bool, bool]:
        return self._market.session_prints(bar) if kind in ON_PRINT else _WHOLE_SESSION

    def _add_group(self, group: str, bar: PriceBarEvent) -> None:
        members = [
            order
            for order in self._book.group(group)
            if order.symbol == bar.symbol
            and order.live_from_us is not None
            and order.live_from_us <= bar.opened_at_us
            and not order.bars_to_wait
        ]
        prices = self.prices(bar)
        if len(members) > 1 and all(order.order.purpose in EXITS for order in members):
            model = self._models.get(bar.symbol, self._model)
            self.add_exits(
                match_bracket(
                    members, at_open(prices.open), prices, model, lambda order: self._found(order, bar)
                ),
                bar,
            )
            return
        found = [self._found(order, bar) for order in members]
        chosen = first_of([o.order.side for o in members], [each.match for each in found], prices.open)
        for place, each in enumerate(found):
            if chosen is None:
                self._add(each, bar)
            elif place == chosen[0]:
                self._add(each._replace(match=chosen[1]), bar)
            elif each.trailing is not None:
                # Should the other fill in part only, this one goes on from where the market has been.
                self._push(_AFTERWARDS, each.order, None, bar, each.trailing)
            self._add_end(each.order, bar)

    def _add(self, found: Found, bar: PriceBarEvent) -> None:
        order, match, trailing = found
        if match is None:
            if trailing is not None:
                self._push(_AFTERWARDS, order, None, bar, trailing)
            return
        if match.at_open:
            rank = _OPEN_PRINT
        elif isinstance(match, FillMatch) and match.basis is _CLOSE:
            rank = _CLOSE_PRINT
        else:
            rank = _WITHIN
        self._push(rank, order, match, bar, trailing)

    def _add_end(self, order: WorkingOrder, bar: PriceBarEvent) -> None:
        """Line up the end of an order that knows one print only, if this bar had it."""
        if order.may_end_with_a_bar:
            kind = order.order.order_type
            opens, closes = self._session(kind, bar)
            if is_over_after(kind, order.order.time_in_force, is_session_open=opens, is_session_close=closes):
                self._push(_AFTERWARDS, order, None, bar)

    def _push(
        self,
        rank: int,
        order: WorkingOrder,
        match: FillMatch | TriggerMatch | None,
        bar: PriceBarEvent,
        trailing: TrailingMatch | None = None,
    ) -> None:
        reduces = 0 if order.is_reduction else 1
        heapq.heappush(self._heap, Candidate(rank, reduces, order.sequence, order, match, bar, trailing))
