"""What a flagged leg would have cost or brought instead: the bounds of ambiguous matches.

Tables first, with their mirrors. Then every path through a small grid for groups in which one fill cancels
the others, as `test_matching_paths` does it for brackets.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, rows

from qtrader.events.vocabulary import FillBasis, OrderType, Side
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    OrderTerms,
    TriggerMatch,
    at_open,
    first_of,
    match_exits,
    match_one_of,
    match_order,
    widened,
)

# stop / target of a long position | entry | bar | exit | worst..best of the leg
EXITS = """
95/110  | rests      | 100,112,94,100  | 95    | 95..110
95/110  | rests      | 100,112,96,100  | 110   | -
95/110  | rests      | 100,104,94,100  | 95    | -
95/110  | rests      | 93,112,92,110   | 93    | -
95/110  | rests      | 115,116,94,96   | 115   | -
95/110  | rests      | 100,104,96,100  | -     | -
95/110  | market     | 100,112,94,100  | 95    | 95..110
95/110  | limit 98   | 100,112,97,105  | -     | none..110
95/110  | limit 98   | 100,112,97,111  | 110   | -
95/110  | limit 98   | 100,112,94,111  | 95    | 95..110
95/110  | limit 98   | 100,104,94,96   | 95    | -
95/110  | stop 105   | 102,106,94,104  | -     | 95..none
95/110  | stop 105   | 102,112,94,104  | 95    | 95..110
95/110  | stop 105   | 102,106,94,95   | 95    | -
95/110  | stop-limit 100/99  | 98.5,111,94,98   | -   | 95..110
95/110  | stop-limit 100/99  | 98.5,111,97,98   | -   | none..110
95/110  | stop-limit 100/99  | 98.5,101,94,98   | -   | 95..none
95/110  | stop-limit 100/101 | 103,111,95,102   | 95  | 95..110
95/-    | limit 98   | 100,112,94,105  | 95    | -
-/110   | limit 98   | 100,112,94,105  | -     | none..110
"""

# members in acceptance order, + on the table's side and - on the other | bar | filled | worst..best
GROUPS = """
+stop 105; +limit 95              | 100,106,94,100 | 105 | 105..95
+limit 95; +stop 105              | 100,106,94,100 | 95  | 105..95
+stop 105; +limit 96              | 100,106,94,100 | 96  | 105..96
+stop 104; +limit 95              | 100,106,94,100 | 104 | 104..95
+stop 105; +stop 103; +limit 94   | 100,106,93,100 | 103 | 103..94
+stop 105; +limit 95; +limit 97   | 100,106,93,100 | 97  | 105..97
+stop 105; +limit 95              | 100,106,96,100 | 105 | -
+stop 105; +limit 95              | 107,108,94,100 | 107 | -
+stop 105; +stop 103              | 100,106,94,100 | 103 | -
+stop 105; +touched 96            | 100,106,94,100 | 96  | 105..96
+stop 105; -stop 96               | 100,106,94,100 | 96  | ?
+stop 104; -stop 95               | 100,106,94,100 | 104 | ?
+stop 104; -stop 95; +limit 95.5  | 100,106,94,100 | 104 | 104..95.5
+limit 95; +stop-limit 105/104    | 100,106,94,103 | 104 | 104..95
+limit 95; +stop-limit 105/104    | 100,106,94,105 | 95  | 104..95
+limit 93; +stop-limit 105/104    | 100,106,94,105 | none| -
"""


def bounds_text(mirror: Mirror, worst: Decimal | None, best: Decimal | None) -> str:
    return "..".join("none" if price is None else mirror.text(price) for price in (worst, best))


@MIRRORS
@pytest.mark.parametrize("row", rows(EXITS, 5), ids=" ".join)
def test_the_bounds_of_exits(mirror: Mirror, row: tuple[str, ...]) -> None:
    bracket, order, bar, expected, bounds = row
    prices = mirror.bar(bar)
    entry = at_open(prices.open) if order == "rests" else match_order(mirror.terms(order), prices)
    assert isinstance(entry, FillMatch)
    stop, target = (mirror.price(text) for text in bracket.split("/"))
    exits = match_exits(mirror.other_side, entry, stop, target, prices)
    fill = exits.stop or exits.target
    found = "-"
    if exits.is_uncertain:
        assert fill is None
        found = bounds_text(mirror, exits.worst_price, exits.best_price)
    elif fill is not None and fill.is_ambiguous:
        found = bounds_text(mirror, fill.worst_price, fill.best_price)
    assert ("-" if fill is None else mirror.text(fill.reference_price)) == expected
    assert found == bounds
    if not exits.is_uncertain:
        assert (exits.worst_price, exits.best_price) == (None, None)


@MIRRORS
@pytest.mark.parametrize("row", rows(GROUPS, 4), ids=" ".join)
def test_the_bounds_of_a_group(mirror: Mirror, row: tuple[str, ...]) -> None:
    members, bar, expected, bounds = row
    terms = []
    for member in (text.strip() for text in members.split(";")):
        term = mirror.terms(member[1:])
        terms.append(term if member[0] == "+" else term._replace(side=mirror.other_side))
    chosen = match_one_of(terms, mirror.bar(bar))
    if chosen is None:
        assert expected == "none"
        return
    fill = chosen[1]
    assert mirror.text(fill.reference_price) == expected
    found = "-"
    if fill.is_ambiguous:
        found = "?" if fill.worst_price is None else bounds_text(mirror, fill.worst_price, fill.best_price)
    assert found == bounds


@MIRRORS
def test_a_limit_that_may_have_filled_after_its_trigger_says_at_what_price(mirror: Mirror) -> None:
    match = match_order(mirror.terms("stop-limit 100/99"), mirror.bar("98.5,101,98,100.5"))
    assert match == TriggerMatch(at_open=False, is_ambiguous=True, fill_price=mirror.price("99"))
    sure = match_order(mirror.terms("stop-limit 100/99"), mirror.bar("99.5,101,99.2,100"))
    assert sure == TriggerMatch(at_open=False, is_ambiguous=False, fill_price=None)


@MIRRORS
def test_a_fill_takes_the_prices_of_earlier_doubts_into_its_bounds(mirror: Mirror) -> None:
    def price(text: str) -> Decimal:
        return mirror.price(text) or Decimal(0)

    fill = FillMatch(price("99"), FillBasis.LIMIT, at_open=False, is_low_ahead=True, is_high_ahead=False)
    assert widened(fill, mirror.side, []) is fill
    wider = widened(fill, mirror.side, [price("101")])
    assert (wider.is_ambiguous, wider.worst_price, wider.best_price) == (True, price("101"), price("99"))
    widest = widened(wider, mirror.side, [price("98"), price("100")])
    assert (widest.worst_price, widest.best_price) == (price("101"), price("98"))
    assert widest.reference_price == fill.reference_price


class Grid(NamedTuple):
    open: int
    high: int
    low: int
    close: int


class Member(NamedTuple):
    side: Side
    order_type: OrderType
    price: int


def first_fills(members: list[Member], bar: Grid) -> set[tuple[Side, int] | None]:
    """Give the side and price of the first fill on each path; half ticks stand for `just past a price`."""

    def fill_at(price: int, *, is_open: bool = False) -> tuple[Side, int] | None:
        for member in members:
            sign = 1 if member.side is Side.BUY else -1
            gap = sign * (price - member.price)
            if member.order_type is OrderType.LIMIT:
                if gap < 0:
                    return member.side, price if is_open or gap < -1 else member.price
            elif gap >= 0 if member.order_type is OrderType.STOP else gap <= 0:
                return member.side, price
        return None

    start = (bar.open, bar.open == bar.high, bar.open == bar.low, fill_at(bar.open, is_open=True))
    seen: set[Hashable] = {start}
    found = set()
    stack = [start]
    while stack:
        price, was_high, was_low, fill = stack.pop()
        if price == bar.close and was_high and was_low:
            found.add(fill)
        for following in (price - 1, price + 1):
            if bar.low <= following <= bar.high:
                step = (
                    following,
                    was_high or following == bar.high,
                    was_low or following == bar.low,
                    fill or fill_at(following),
                )
                if step not in seen:
                    seen.add(step)
                    stack.append(step)
    return found


EVEN = st.integers(1, 7).map(lambda tick: 2 * tick)
MEMBERS = st.builds(
    Member,
    st.sampled_from(Side),
    st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.MARKET_IF_TOUCHED]),
    EVEN,
)


@st.composite
def bars(draw: st.DrawFn) -> Grid:
    prices = sorted(draw(st.tuples(EVEN, EVEN, EVEN, EVEN)))
    opened, close = draw(st.permutations(prices[1:3]))
    return Grid(draw(st.sampled_from([opened, prices[0], prices[3]])), prices[3], prices[0], close)


@settings(max_examples=100, deadline=None)
@given(members=st.lists(MEMBERS, min_size=2, max_size=4, unique_by=lambda member: member.price), bar=bars())
def test_the_first_of_a_group_is_certain_where_every_path_agrees(members: list[Member], bar: Grid) -> None:
    prices = BarPrices(*(Decimal(price) for price in bar))
    terms = [
        OrderTerms(each.side, each.order_type, Decimal(each.price))
        if each.order_type is OrderType.LIMIT
        else OrderTerms(each.side, each.order_type, None, Decimal(each.price))
        for each in members
    ]
    chosen = match_one_of(terms, prices)
    possible = first_fills(members, bar)
    if chosen is None:
        assert possible == {None}
        return
    index, fill = chosen
    side = members[index].side
    if fill.at_open:
        # Of several that the open fills, the first accepted; the oracle asks in the same order.
        assert possible == {(side, bar.open)}
        return
    assert (side, int(fill.reference_price)) in possible
    assert fill.is_ambiguous is (len(possible) > 1)
    own = sorted(each[1] for each in possible if each is not None and each[0] is side)
    if len(own) > 1:
        worst, best = (own[-1], own[0]) if side is Side.BUY else (own[0], own[-1])
        assert (fill.worst_price, fill.best_price) == (worst, best)
    else:
        assert (fill.worst_price, fill.best_price) == (None, None)


def test_matches_that_a_caller_made_are_put_in_line_alike() -> None:
    prices = BarPrices(Decimal(100), Decimal(106), Decimal(94), Decimal(100))
    terms = [
        OrderTerms(Side.BUY, OrderType.STOP, None, Decimal(105)),
        OrderTerms(Side.BUY, OrderType.LIMIT, Decimal(96)),
    ]
    matches = [match_order(each, prices) for each in terms]
    assert first_of([Side.BUY, Side.BUY], matches, prices.open) == match_one_of(terms, prices)
    assert first_of([Side.BUY], [None], prices.open) is None
