"""Matching against every continuous path that a bar allows.

The oracle walks a grid of half ticks: a path starts at the open, moves by single steps, stays within the bar,
visits its high and its low and ends at its close. It keeps what an order would do along the way and so finds
the set of all possible outcomes. A result is certain exactly where that set has one member, and where it is
not, what is booked is one of them, and the bounds are the prices of the others.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies_events import PRICES

from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    OrderTerms,
    TriggerMatch,
    match_exits,
    match_order,
)

IF_TOUCHED = {OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED}
ON_CLOSE = {OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE}


class Grid(NamedTuple):
    """A bar on even steps; orders rest on even steps too, so that `just past a price` is an odd one."""

    open: int
    high: int
    low: int
    close: int


class Position(NamedTuple):
    """How far a bracketed order has come; a price of an event is None until it happens."""

    is_triggered: bool = False
    entry: int | None = None
    exit: tuple[str, int] | None = None


class Bracketed(NamedTuple):
    side: Side
    order_type: OrderType
    limit: int | None
    stop: int | None
    exit_stop: int | None
    exit_target: int | None
    limit_touch: bool


def reaches_limit(side: Side, price: int, limit: int, touch: bool) -> bool:
    if touch and price == limit:
        return True
    return price < limit if side is Side.BUY else price > limit


def reaches_stop(side: Side, price: int, stop: int) -> bool:
    return price >= stop if side is Side.BUY else price <= stop


def reaches_touch(side: Side, price: int, trigger: int) -> bool:
    return price <= trigger if side is Side.BUY else price >= trigger


def better(side: Side, price: int, limit: int) -> int:
    """Fill a limit that is passed on the way at the limit, not at the half tick past it."""
    return price if abs(price - limit) > 1 else limit


def advance(order: Bracketed, state: Position, price: int, *, moment: str = "within") -> Position:
    """Show one print to the order and, once it is filled, to its exits: the stop first at one print."""
    if state.exit is not None:
        return state
    entry, triggered = state.entry, state.is_triggered
    if entry is None:
        if order.order_type is OrderType.MARKET or order.order_type.value == f"market_on_{moment}":
            entry = price
        reaches = reaches_touch if order.order_type in IF_TOUCHED else reaches_stop
        if order.stop is not None and not triggered and reaches(order.side, price, order.stop):
            triggered = True
            if order.limit is None:
                entry = price
        rests = (
            order.order_type is OrderType.LIMIT or order.order_type.value == f"limit_on_{moment}" or triggered
        )
        if (
            rests
            and order.limit is not None
            and reaches_limit(order.side, price, order.limit, order.limit_touch)
        ):
            entry = price if moment == "close" else better(order.side, price, order.limit)
        if entry is None:
            return Position(triggered)
        # The exits see the price of the entry itself before anything else.
        return exits_see(order, Position(triggered, entry), entry)
    return exits_see(order, state, price)


def exits_see(order: Bracketed, state: Position, price: int) -> Position:
    side = Side.SELL if order.side is Side.BUY else Side.BUY
    if order.exit_stop is not None and reaches_stop(side, price, order.exit_stop):
        return state._replace(exit=("stop", price))
    if order.exit_target is not None and reaches_limit(side, price, order.exit_target, order.limit_touch):
        return state._replace(exit=("target", better(side, price, order.exit_target)))
    return state


def outcomes(order: Bracketed, bar: Grid) -> set[Position]:
    first = advance(order, Position(), bar.open, moment="open")
    start = (bar.open, bar.open == bar.high, bar.open == bar.low, first)
    seen: set[Hashable] = {start}
    found: set[Position] = set()
    stack = [start]
    while stack:
        price, was_high, was_low, state = stack.pop()
        if price == bar.close and was_high and was_low:
            found.add(at_the_end(order, state, price))
        for following in (price - 1, price + 1):
            if bar.low <= following <= bar.high:
                step = (
                    following,
                    was_high or following == bar.high,
                    was_low or following == bar.low,
                    advance(order, state, following),
                )
                if step not in seen:
                    seen.add(step)
                    stack.append(step)
    return found


def at_the_end(order: Bracketed, state: Position, price: int) -> Position:
    """Show the close to an order on close; nothing follows it."""
    if order.order_type not in ON_CLOSE:
        return state
    return advance(order._replace(exit_stop=None, exit_target=None), state, price, moment="close")


def two_paths(order: Bracketed, bar: Grid) -> set[Position]:
    """Take only the paths open → high → low → close and open → low → high → close."""
    found = set()
    for corners in ((bar.open, bar.high, bar.low, bar.close), (bar.open, bar.low, bar.high, bar.close)):
        state = advance(order, Position(), corners[0], moment="open")
        for left, right in pairwise(corners):
            step = 1 if right > left else -1
            for price in range(left + step, right + step, step) if left != right else ():
                state = advance(order, state, price)
        found.add(at_the_end(order, state, bar.close))
    return found


class Booked(NamedTuple):
    """What the library says, in the oracle's words, and at what other prices the leg may have traded."""

    position: Position
    is_certain: bool
    alternatives: frozenset[int | None]


def booked(order: Bracketed, bar: Grid) -> Booked:
    prices = BarPrices(*(Decimal(price) for price in bar))

    def decimal(price: int | None) -> Decimal | None:
        return None if price is None else Decimal(price)

    terms = OrderTerms(order.side, order.order_type, decimal(order.limit), decimal(order.stop))
    match = match_order(terms, prices, limit_touch=order.limit_touch)
    if match is None:
        return Booked(Position(), True, frozenset())
    if isinstance(match, TriggerMatch):
        assert (match.fill_price is not None) is match.is_ambiguous
        alternatives = frozenset({whole(match.fill_price)} - {None})
        return Booked(Position(is_triggered=True), not match.is_ambiguous, alternatives)
    assert isinstance(match, FillMatch)
    assert not match.is_ambiguous
    if order.order_type in ON_CLOSE:
        return Booked(Position(entry=int(match.reference_price)), True, frozenset())
    side = Side.SELL if order.side is Side.BUY else Side.BUY
    exits = match_exits(
        side,
        match,
        decimal(order.exit_stop),
        decimal(order.exit_target),
        prices,
        limit_touch=order.limit_touch,
    )
    is_certain = not exits.is_uncertain
    left = None
    bounds = {whole(exits.worst_price), whole(exits.best_price)}
    for name, fill in (("stop", exits.stop), ("target", exits.target)):
        if fill is not None:
            is_certain = is_certain and not fill.is_ambiguous
            left = (name, int(fill.reference_price))
            bounds |= {whole(fill.worst_price), whole(fill.best_price)}
    position = Position(order.stop is not None, int(match.reference_price), left)
    return Booked(position, is_certain, frozenset(bounds - {None}))


def whole(price: Decimal | None) -> int | None:
    return None if price is None else int(price)


#: No deadline: how long an example takes says something about the machine only.
EXAMPLES = 200
SIZE = 7
EVEN = st.integers(1, SIZE).map(lambda tick: 2 * tick)


@st.composite
def bars(draw: st.DrawFn) -> Grid:
    prices = sorted(draw(st.tuples(EVEN, EVEN, EVEN, EVEN)))
    middle = draw(st.permutations(prices[1:3]))
    opened = draw(st.sampled_from([middle[0], prices[0], prices[3]]))
    close = draw(st.sampled_from([middle[1], prices[0], prices[3]]))
    return Grid(opened, prices[3], prices[0], close)


@st.composite
def bracketed_orders(draw: st.DrawFn) -> Bracketed:
    order_type = draw(st.sampled_from(sorted(PRICES)))
    has_limit, has_stop = PRICES[order_type]
    exits = draw(st.tuples(st.none() | EVEN, st.none() | EVEN))
    return Bracketed(
        side=draw(st.sampled_from(list(Side))),
        order_type=order_type,
        limit=draw(EVEN) if has_limit else None,
        stop=draw(EVEN) if has_stop else None,
        exit_stop=exits[0],
        exit_target=exits[1],
        limit_touch=draw(st.booleans()),
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=bracketed_orders(), bar=bars())
def test_certain_is_what_every_path_agrees_on(order: Bracketed, bar: Grid) -> None:
    possible = outcomes(order, bar)
    result, is_certain, alternatives = booked(order, bar)
    assert result in possible
    assert is_certain == (len(possible) == 1)
    # What is left open is one leg: the exit of an entry that is certain, or the limit after a trigger.
    if is_certain:
        assert not alternatives
    elif result.entry is None:
        assert alternatives == {each.entry for each in possible} - {None}
    else:
        assert alternatives == {each.exit[1] for each in possible if each.exit}
        assert {each.entry for each in possible} == {result.entry}


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=bracketed_orders(), bar=bars())
def test_the_worst_is_no_better_and_the_best_no_worse_than_what_is_booked(
    order: Bracketed, bar: Grid
) -> None:
    result, is_certain, alternatives = booked(order, bar)
    if not is_certain and result.exit is not None:
        prices = sorted(price for price in alternatives if price is not None)
        worst = prices[0] if order.side is Side.BUY else prices[-1]
        assert result.exit == ("stop", worst)
        assert len(prices) == 2


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=bracketed_orders(), bar=bars())
def test_certain_results_hold_for_high_first_and_for_low_first(order: Bracketed, bar: Grid) -> None:
    result, is_certain, _ = booked(order, bar)
    if is_certain:
        assert two_paths(order, bar) == {result}


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=bracketed_orders(), bar=bars())
def test_no_reference_price_lies_outside_the_bar_nor_beyond_a_limit(order: Bracketed, bar: Grid) -> None:
    result = booked(order, bar).position
    for price in (result.entry, result.exit[1] if result.exit else None):
        assert price is None or bar.low <= price <= bar.high
    if result.entry is not None and order.limit is not None:
        assert result.entry <= order.limit if order.side is Side.BUY else result.entry >= order.limit
