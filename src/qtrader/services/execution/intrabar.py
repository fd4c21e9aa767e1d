"""Matching against the finer bars inside a coarse bar: pure functions over a sequence of bars.

The finer bars are met one after another, each by the given fill model, with what an order has become in
between: triggered, its stop trailed. What one bar alone leaves open its finer bars mostly decide. Where a
finer bar leaves open whether an order traded in it, the order goes on to the next, and if it trades there,
the fill is flagged and its bounds hold the price that it may have had before.

Every answer comes with the index of the finer bar that gave it. One finer bar gives the answer of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.fill_models import CONSERVATIVE, FillModel
from qtrader.services.execution.matching import (
    BarPrices,
    ExitMatch,
    FillMatch,
    Match,
    MatchingRule,
    OrderTerms,
    TrailingMatch,
    TriggerMatch,
    at_open,
    first_of,
    widened,
)
from qtrader.services.execution.matching_trailing import Trail


class Found(NamedTuple):
    """What became of an order within a coarse bar, and in which of its finer bars."""

    bar_index: int
    match: FillMatch | TriggerMatch


def match_order_within(
    terms: OrderTerms,
    bars: Sequence[BarPrices],
    rule: MatchingRule = MatchingRule.OPEN,
    *,
    model: FillModel = CONSERVATIVE,
    is_session_open: bool = True,
    is_session_close: bool = True,
) -> Found | None:
    """Match one order against the finer bars of a coarse bar.

    Args:
        terms: the order as it stands before the first.
        bars: in order of time.
        rule: the print of the coarse bar that a market order takes: its first open or its last close.
        model: how a finer bar fills.
        is_session_open: whether the coarse bar is its session's first.
        is_session_close: whether the coarse bar is its session's last.

    Returns:
        The fill; or the trigger of an order that was triggered and not filled; or None.
    """
    session = is_session_open, is_session_close
    trigger: Found | None = None
    doubts: list[Decimal] = []
    for index in range(len(bars)):
        match = _match_in(terms, bars, index, rule, model=model, session=session)
        if isinstance(match, FillMatch):
            return Found(index, widened(match, terms.side, doubts))
        if match is not None and not terms.is_triggered:
            trigger = Found(index, match)
            terms = terms._replace(is_triggered=True)
            doubts += [] if match.fill_price is None else [match.fill_price]
    return trigger


def match_one_of_within(
    terms: Sequence[OrderTerms],
    bars: Sequence[BarPrices],
    rule: MatchingRule = MatchingRule.OPEN,
    *,
    model: FillModel = CONSERVATIVE,
    is_session_open: bool = True,
    is_session_close: bool = True,
) -> tuple[int, Found] | None:
    """Choose which order of a one-cancels-the-other group fills within the finer bars of a coarse bar.

    Args:
        terms: the orders in acceptance order, as they stand before the first bar.
        bars: in order of time.
        rule: the print of the coarse bar that market orders take.
        model: how a finer bar fills.
        is_session_open: whether the coarse bar is its session's first.
        is_session_close: whether the coarse bar is its session's last.

    Returns:
        The index of the order and its fill, or None where none fills; `match_order_within` then tells which
        were triggered.
    """
    session = is_session_open, is_session_close
    members, sides = list(terms), [term.side for term in terms]
    doubts: list[tuple[Side, Decimal]] = []
    for index, bar in enumerate(bars):
        matches = [_match_in(term, bars, index, rule, model=model, session=session) for term in members]
        chosen = first_of(sides, matches, bar.open)
        if chosen is not None:
            place, fill = chosen
            prices = [price for side, price in doubts if side is sides[place]]
            fill = widened(fill, sides[place], prices)
            return place, Found(index, fill._replace(is_ambiguous=True) if doubts else fill)
        for place, match in enumerate(matches):
            if isinstance(match, TriggerMatch) and not members[place].is_triggered:
                members[place] = members[place]._replace(is_triggered=True)
                doubts += [] if match.fill_price is None else [(sides[place], match.fill_price)]
    return None


def match_exits_within(
    exit_side: Side,
    entry: FillMatch,
    stop_price: Decimal | None,
    target_price: Decimal | None,
    bars: Sequence[BarPrices],
    *,
    entry_index: int = 0,
    model: FillModel = CONSERVATIVE,
) -> tuple[int, ExitMatch]:
    """Match a stop-loss and a take-profit against the finer bars from that of the entry on.

    Args:
        exit_side: sell for a long position, buy for a short one.
        entry: the fill from which the exits rest: `at_open(bars[0].open)` for those that rest already.
        stop_price: of the stop-loss, if there is one.
        target_price: of the take-profit limit, if there is one.
        bars: in order of time.
        entry_index: of the finer bar that filled the entry.
        model: how a finer bar fills.

    Returns:
        The index of the finer bar with the exit, or the last, and what the exits do.
    """
    worst: Decimal | None = None
    best: Decimal | None = None
    for index in range(entry_index, len(bars)):
        bar = bars[index]
        start = entry if index == entry_index else at_open(bar.open)
        exits = model.match_exits(exit_side, start, stop_price, target_price, bar)
        if exits.stop is not None or exits.target is not None:
            doubts = [price for price in (worst, best) if price is not None]
            return index, ExitMatch(
                None if exits.stop is None else widened(exits.stop, exit_side, doubts),
                None if exits.target is None else widened(exits.target, exit_side, doubts),
            )
        worst = exits.worst_price if worst is None else worst
        best = exits.best_price if best is None else best
    return len(bars) - 1, ExitMatch(None, None, worst is not None or best is not None, worst, best)


def match_trailing_within(
    terms: OrderTerms,
    trail: Trail,
    bars: Sequence[BarPrices],
    entry: FillMatch | None = None,
    *,
    entry_index: int = 0,
    model: FillModel = CONSERVATIVE,
) -> tuple[int, TrailingMatch]:
    """Match a trailing order against the finer bars from that of its entry on.

    Returns:
        The index of the finer bar with the fill, or else of its trigger, or else the last, and what they do.
    """
    doubts: list[Decimal] = []
    for index in range(entry_index, len(bars)):
        start = entry if index == entry_index else None
        found = model.match_trailing(terms, trail, bars[index], start)
        if found.match is not None:
            return _settled(terms, found, bars[index + 1 :], index, doubts, model=model)
        terms = terms._replace(stop_price=found.stop_price)
        doubts += [price for price in (found.worst_price, found.best_price) if price is not None]
    worst, best = _bounds(terms.side, doubts)
    return len(bars) - 1, TrailingMatch(None, terms.stop_price, None, bool(doubts), worst, best)


def _match_in(
    terms: OrderTerms,
    bars: Sequence[BarPrices],
    index: int,
    rule: MatchingRule,
    *,
    model: FillModel,
    session: tuple[bool, bool],
) -> Match:
    """Match one order against one of the finer bars; the first opens the session, the last closes it."""
    last = len(bars) - 1
    if terms.order_type is OrderType.MARKET and rule is MatchingRule.CLOSE and index < last:
        return None
    return model.match_order(
        terms,
        bars[index],
        rule,
        is_session_open=session[0] and index == 0,
        is_session_close=session[1] and index == last,
    )


def _settled(
    terms: OrderTerms,
    found: TrailingMatch,
    rest: Sequence[BarPrices],
    index: int,
    doubts: list[Decimal],
    *,
    model: FillModel,
) -> tuple[int, TrailingMatch]:
    """Follow the limit of a stop-limit that was triggered through the bars after it."""
    match: Match = found.match
    if isinstance(match, TriggerMatch):
        triggered = terms._replace(limit_price=found.limit_price, is_triggered=True)
        later = match_order_within(triggered, rest, model=model)
        if later is None:
            return index, found
        doubts = doubts + ([] if match.fill_price is None else [match.fill_price])
        index, match = index + 1 + later.bar_index, later.match
    if isinstance(match, FillMatch):
        match = widened(match, terms.side, doubts)
    return index, found._replace(match=match)


def _bounds(side: Side, prices: list[Decimal]) -> tuple[Decimal | None, Decimal | None]:
    if not prices:
        return None, None
    low, high = min(prices), max(prices)
    return (high, low) if side is Side.BUY else (low, high)
