"""Trailing stops against every continuous path that a bar allows; see `test_matching_paths` for the method.

A path carries the best price that it has seen; the oracle moves the stop with each print and trades at the
first print that reaches it. From all paths it knows every price at which the order may have traded, whether
it may still rest, and where its stop is in the worst case then.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtrader.events.vocabulary import FillBasis, OrderType, Side
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    OrderTerms,
    TrailingMatch,
    TriggerMatch,
    at_open,
    match_order,
)
from qtrader.services.execution.matching_trailing import Trail, match_trailing

EXAMPLES = 100
SIZE = 6


class Grid(NamedTuple):
    """A bar on even steps, in the buyer's terms: a trailing buy stop follows the low down."""

    open: int
    high: int
    low: int
    close: int


class Trailing(NamedTuple):
    """A buy order; `entry` is the limit or the stop of the sale that begins it, None for the open."""

    stop: int | None
    amount: int
    offset: int | None = None
    entry: int | None = None
    is_stop_entry: bool = False


class State(NamedTuple):
    """`low` is the lowest price since the order rests; None before."""

    low: int | None = None
    trigger: int | None = None
    price: int | None = None


def in_force(order: Trailing, low: int) -> int:
    trailed = low + order.amount
    return trailed if order.stop is None else min(order.stop, trailed)


def advance(order: Trailing, state: State, price: int, *, is_open: bool = False) -> State:
    if state.price is not None:
        return state
    if state.low is None:
        begins = beginning(order, price, is_open=is_open)
        if begins is None:
            return state
        if order.stop is not None and begins >= order.stop:
            return reached(order, State(begins), order.stop, begins)
        return advance(order, State(begins), price)
    if state.trigger is None:
        low = min(state.low, price)
        stop = in_force(order, low)
        return reached(order, State(low), stop, price) if price >= stop else State(low)
    return limited(order, state, price)


def beginning(order: Trailing, price: int, *, is_open: bool) -> int | None:
    """Give the price of the sale that a print makes."""
    if order.entry is None:
        return price
    if order.is_stop_entry:
        return price if price <= order.entry else None
    if price <= order.entry:
        return None
    return price if is_open or price - order.entry > 1 else order.entry


def reached(order: Trailing, state: State, stop: int, price: int) -> State:
    if order.offset is None:
        return state._replace(trigger=stop, price=price)
    return limited(order, state._replace(trigger=stop), price)


def limited(order: Trailing, state: State, price: int) -> State:
    assert state.trigger is not None
    assert order.offset is not None
    limit = state.trigger + order.offset
    if price >= limit:
        return state
    return state._replace(price=limit if limit - price == 1 else price)


def ends(order: Trailing, bar: Grid) -> set[State]:
    """Give how the order stands at the end of each path."""
    first = advance(order, State(), bar.open, is_open=True)
    start = (bar.open, bar.open == bar.high, bar.open == bar.low, first)
    seen: set[Hashable] = {start}
    found: set[State] = set()
    stack = [start]
    while stack:
        price, was_high, was_low, state = stack.pop()
        if price == bar.close and was_high and was_low:
            found.add(state)
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


EVEN = st.integers(1, SIZE).map(lambda tick: 2 * tick)


@st.composite
def bars(draw: st.DrawFn) -> Grid:
    prices = sorted(draw(st.tuples(EVEN, EVEN, EVEN, EVEN)))
    middle = draw(st.permutations(prices[1:3]))
    opened = draw(st.sampled_from([middle[0], prices[0], prices[3]]))
    close = draw(st.sampled_from([middle[1], prices[0], prices[3]]))
    return Grid(opened, prices[3], prices[0], close)


STOPS = st.none() | st.integers(1, SIZE + 3).map(lambda tick: 2 * tick)
DISTANCES = st.integers(1, SIZE).map(lambda tick: 2 * tick)
OFFSETS = st.integers(0, 3).map(lambda tick: 2 * tick)


def orders(
    offsets: st.SearchStrategy[int | None], entries: st.SearchStrategy[int | None]
) -> st.SearchStrategy[Trailing]:
    return st.builds(Trailing, STOPS, DISTANCES, offsets, entries, st.booleans())


def library(order: Trailing, bar: Grid, side: Side = Side.BUY) -> TrailingMatch | None:
    """Ask the library, for the buyer or for the seller in the mirror (prices from 100 down)."""
    is_buy = side is Side.BUY

    def price(value: int) -> Decimal:
        return Decimal(value if is_buy else 100 - value)

    low, high = (bar.low, bar.high) if is_buy else (bar.high, bar.low)
    prices = BarPrices(price(bar.open), price(high), price(low), price(bar.close))
    entry = at_open(prices.open)
    if order.entry is not None:
        other = Side.SELL if is_buy else Side.BUY
        terms = OrderTerms(other, OrderType.LIMIT, price(order.entry))
        if order.is_stop_entry:
            terms = OrderTerms(other, OrderType.STOP, None, price(order.entry))
        match = match_order(terms, prices)
        if match is None:
            return None
        assert isinstance(match, FillMatch)
        entry = match
    offset = None if order.offset is None else Decimal(order.offset)
    order_type = OrderType.TRAILING_STOP if offset is None else OrderType.TRAILING_STOP_LIMIT
    terms = OrderTerms(side, order_type, None, None if order.stop is None else price(order.stop))
    return match_trailing(terms, Trail(Decimal(order.amount), limit_offset=offset), prices, entry)


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=orders(st.none(), st.none()), bar=bars())
def test_a_trailing_stop_is_certain_where_every_path_agrees(order: Trailing, bar: Grid) -> None:
    check(order, bar)


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=orders(st.none(), EVEN), bar=bars())
@example(order=Trailing(None, 4, None, 10), bar=Grid(8, 12, 2, 6))  # the low came before the sale
@example(order=Trailing(None, 4, None, 6, is_stop_entry=True), bar=Grid(8, 12, 2, 4))  # the high did
@example(order=Trailing(12, 4, None, 6, is_stop_entry=True), bar=Grid(8, 12, 2, 4))
def test_so_is_one_that_begins_with_a_fill_within_the_bar(order: Trailing, bar: Grid) -> None:
    check(order, bar)


def check(order: Trailing, bar: Grid) -> None:
    found = library(order, bar)
    possible = ends(order, bar)
    prices = {state.price for state in possible} - {None}
    if found is None:
        assert prices == set()
        return
    if found.match is None:
        assert found.is_uncertain is bool(prices)
        resting = [state.low for state in possible if state.price is None and state.low is not None]
        assert found.stop_price == max(in_force(order, low) for low in resting)
        if prices:
            assert (found.worst_price, found.best_price) == (max(prices), min(prices))
        return
    fill = found.match
    assert isinstance(fill, FillMatch)
    # Where a fill is booked, no path is without one, and the booked price is the worst.
    assert None not in {state.price for state in possible}
    assert fill.reference_price == max(prices)
    assert fill.is_ambiguous is (len(prices) > 1)
    if fill.is_ambiguous:
        assert (fill.worst_price, fill.best_price) == (max(prices), min(prices))
    assert bar.low <= fill.reference_price <= bar.high


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=orders(OFFSETS, st.none()), bar=bars())
def test_a_trailing_stop_limit_is_certain_where_every_path_agrees(order: Trailing, bar: Grid) -> None:
    found = library(order, bar)
    assert found is not None
    possible = ends(order, bar)
    outcomes = {(state.trigger is not None, state.price) for state in possible}
    if found.match is None:
        assert (False, None) in outcomes
        assert found.is_uncertain is (len(outcomes) > 1)
    elif isinstance(found.match, TriggerMatch):
        assert (True, None) in outcomes
        assert found.match.is_ambiguous is (len(outcomes) > 1)
        assert found.stop_price in {state.trigger for state in possible}
    else:
        assert (True, found.match.reference_price) in outcomes
        assert found.match.is_ambiguous is (len(outcomes) > 1)
        assert found.limit_price is not None
        assert found.match.reference_price <= found.limit_price


@settings(max_examples=EXAMPLES, deadline=None)
@given(order=orders(st.none() | OFFSETS, st.none() | EVEN), bar=bars())
def test_a_sell_is_a_buy_in_the_mirror(order: Trailing, bar: Grid) -> None:
    buy, sell = library(order, bar), library(order, bar, Side.SELL)
    if buy is None or sell is None:
        assert buy is sell
        return

    def mirror(price: Decimal | None) -> Decimal | None:
        return None if price is None else 100 - price

    assert sell.stop_price == mirror(buy.stop_price)
    assert sell.limit_price == mirror(buy.limit_price)
    assert sell.is_uncertain is buy.is_uncertain
    assert (sell.worst_price, sell.best_price) == (mirror(buy.worst_price), mirror(buy.best_price))
    assert type(sell.match) is type(buy.match)
    if isinstance(buy.match, FillMatch) and isinstance(sell.match, FillMatch):
        assert sell.match.reference_price == mirror(buy.match.reference_price)
        assert (sell.match.basis, sell.match.is_ambiguous) == (buy.match.basis, buy.match.is_ambiguous)
        assert (sell.match.is_low_ahead, sell.match.is_high_ahead) == (
            buy.match.is_high_ahead,
            buy.match.is_low_ahead,
        )


@settings(max_examples=EXAMPLES, deadline=None)
@given(stop=STOPS, amount=DISTANCES, days=st.lists(bars(), min_size=1, max_size=6))
def test_a_stop_never_moves_away_and_only_a_gap_trades_beyond_it(
    stop: int | None, amount: int, days: list[Grid]
) -> None:
    for bar in days:
        found = library(Trailing(stop, amount), bar)
        assert found is not None
        assert found.stop_price is not None
        if stop is not None:
            assert found.stop_price <= stop
        if isinstance(found.match, FillMatch):
            is_gap = found.match.basis is FillBasis.OPEN
            assert is_gap or found.match.reference_price == found.stop_price
            break
        stop = int(found.stop_price)
