"""Finer bars inside a coarse bar decide what the coarse bar leaves open."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, fill_text, rows

from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.fill_models import CONSERVATIVE, FILL_MODELS
from qtrader.services.execution.intrabar import (
    match_exits_within,
    match_one_of_within,
    match_order_within,
    match_trailing_within,
)
from qtrader.services.execution.matching import (
    BarPrices,
    ExitMatch,
    FillMatch,
    MatchingRule,
    OrderTerms,
    TriggerMatch,
    at_open,
    match_exits,
    match_order,
)
from qtrader.services.execution.matching_trailing import Trail, match_trailing

# order | finer bars | in which, and what
ORDERS = """
market             | 100,101,99,100; 100,104,99,103                 | 1st 100 open
market-on-open     | 100,101,99,100; 100,104,99,103                 | 1st 100 open
market-on-close    | 100,101,99,100; 100,104,99,103                 | 2nd 103 close
limit-on-close 104 | 103,103,99,100; 100,104,99,103                 | 2nd 103 close
limit-on-open 99   | 100,101,98,98; 98,104,97,103                   | none
limit 98           | 100,101,99,100; 100,100,97,99                  | 2nd 98 limit
limit 98           | 100,101,99,100; 97,100,97,99                   | 2nd 97 open
stop 103           | 100,101,99,100; 100,104,99,103                 | 2nd 103 stop
stop 103           | 100,101,99,100; 104,104,102,103                | 2nd 104 open
touched 98         | 100,101,98,100; 100,104,99,103                 | 1st 98 touch
stop-limit 103/102 | 100,104,100,103.5; 103.5,104,103,103           | 1st triggered
stop-limit 103/102 | 100,104,102.5,103.5; 103.5,104,101,103         | 2nd 102 limit
stop-limit 103/102 | 100,104,102.5,103.5; 101.5,104,101,103         | 2nd 101.5 open
stop-limit 103/102 | 100,104,100,103.5; 103.5,104,101,103           | 2nd 102 limit? 102..102
stop-limit 103/102 | 100,104,100,103.5; 101,104,101,103             | 2nd 101 open? 102..101
limit-touched 98/97| 100,101,97.5,99; 99,99,98,98; 98,98,96,97      | 3rd 97 limit
"""

# members in acceptance order | finer bars | which, in which bar, and what
GROUPS = """
stop 105; limit 95            | 100,106,99,100; 100,101,94,100   | 1st in 1st 105 stop
stop 105; limit 95            | 100,101,94,100; 100,106,99,100   | 2nd in 1st 95 limit
stop 105; limit 95            | 100,104,96,100; 100,106,94,100   | 1st in 2nd 105 stop? 105..95
stop 105; limit 95            | 100,104,96,100; 94,106,93,100    | 2nd in 2nd 94 open
stop 105; limit 95            | 100,104,96,100; 100,104,96,100   | none
market-on-close; limit 95     | 100,104,96,100; 100,104,94,101   | 2nd in 2nd 95 limit
market-on-close; limit 95     | 100,104,96,100; 100,104,96,101   | 1st in 2nd 101 close
stop-limit 104/103; limit 95  | 100,104,96,103.5; 103.5,104,94,95| 1st in 2nd 103 limit? 103..103
stop-limit 104/103; limit 95  | 100,104,103.5,104; 104,104,102,104| 1st in 2nd 103 limit
"""

# stop / target of a long position | entry and its bar | finer bars | in which, and what
EXITS = """
95/110 | rests   | 100,112,99,111; 111,111,94,100                  | 1st 110 limit
95/110 | rests   | 100,101,94,96; 96,112,96,100                    | 1st 95 stop
95/110 | rests   | 100,105,99,104; 104,112,94,100                  | 2nd 95 stop? 95..110
95/110 | rests   | 100,105,99,104; 93,112,92,100                   | 2nd 93 open
95/110 | rests   | 100,105,99,104; 104,109,96,100                  | 2nd rests
95/110 | limit 98 in 1st | 100,104,97,103; 103,112,102,111          | 2nd 110 limit
95/110 | limit 98 in 1st | 111,111,97,103; 103,109,102,103          | 2nd rests? none..110
95/110 | limit 98 in 1st | 111,111,97,103; 103,103,94,95            | 2nd 95 stop? 95..110
95/110 | limit 98 in 1st | 111,111,97,103; 103,112,102,103          | 2nd 110 limit? 110..110
95/110 | limit 98 in 2nd | 112,112,99,100; 100,101,97,99            | 2nd rests
"""

# A stop that sells 5 below the best price: stop before | finer bars | in which, and what
TRAILING = """
-  | 100,104,99.5,104; 104,104,98,99                   | 2nd 99 stop
-  | 100,104,99.5,104; 104,106,102,106; 106,106,100,100| 3rd 101 stop
-  | 100,104,99.5,104; 98,99,97,98                     | 2nd 98 open
-  | 100,104,99.5,104; 104,104,100,103                 | 2nd rests 99
-  | 100,104,98,103; 103,104,101,104                   | 2nd rests? 99 98..99
-  | 100,104,98,103; 103,103,97,98                     | 2nd 99 stop? 98..99
98 | 97,104,96,103; 103,103,97,98                      | 1st 97 open
"""

PLACES = ("1st", "2nd", "3rd")


def bars_of(mirror: Mirror, text: str) -> list[BarPrices]:
    return [mirror.bar(each) for each in text.split(";")]


def told(mirror: Mirror, match: FillMatch | TriggerMatch) -> str:
    if isinstance(match, TriggerMatch):
        return "triggered"
    if not match.is_ambiguous:
        return fill_text(mirror, match)
    return f"{fill_text(mirror, match)}? {mirror.text(match.worst_price)}..{mirror.text(match.best_price)}"


@MIRRORS
@pytest.mark.parametrize("row", rows(ORDERS, 3), ids=" ".join)
def test_an_order_meets_one_finer_bar_after_another(mirror: Mirror, row: tuple[str, ...]) -> None:
    order, bars, expected = row
    found = match_order_within(mirror.terms(order), bars_of(mirror, bars))
    text = "none" if found is None else f"{PLACES[found.bar_index]} {told(mirror, found.match)}"
    assert text == expected


@MIRRORS
@pytest.mark.parametrize("row", rows(GROUPS, 3), ids=" ".join)
def test_a_group_meets_one_finer_bar_after_another(mirror: Mirror, row: tuple[str, ...]) -> None:
    members, bars, expected = row
    terms = [mirror.terms(member.strip()) for member in members.split(";")]
    chosen = match_one_of_within(terms, bars_of(mirror, bars))
    if chosen is None:
        assert expected == "none"
        return
    place, found = chosen
    assert f"{PLACES[place]} in {PLACES[found.bar_index]} {told(mirror, found.match)}" == expected


@MIRRORS
@pytest.mark.parametrize("row", rows(EXITS, 4), ids=" ".join)
def test_exits_follow_their_entry_through_the_finer_bars(mirror: Mirror, row: tuple[str, ...]) -> None:
    bracket, begins, bars, expected = row
    finer = bars_of(mirror, bars)
    order, _, place = begins.partition(" in ")
    index = PLACES.index(place) if place else 0
    entry = at_open(finer[0].open) if order == "rests" else match_order(mirror.terms(order), finer[index])
    assert isinstance(entry, FillMatch)
    stop, target = (mirror.price(text) for text in bracket.split("/"))
    at, exits = match_exits_within(mirror.other_side, entry, stop, target, finer, entry_index=index)
    fill = exits.stop or exits.target
    if fill is not None:
        text = told(mirror, fill)
    elif exits.is_uncertain:
        prices = (exits.worst_price, exits.best_price)
        text = "rests? " + "..".join("none" if each is None else mirror.text(each) for each in prices)
    else:
        text = "rests"
    assert f"{PLACES[at]} {text}" == expected


@MIRRORS
@pytest.mark.parametrize("row", rows(TRAILING, 3), ids=" ".join)
def test_a_trailing_stop_follows_the_finer_bars(mirror: Mirror, row: tuple[str, ...]) -> None:
    stop, bars, expected = row
    terms = OrderTerms(mirror.other_side, OrderType.TRAILING_STOP, None, mirror.price(stop))
    at, found = match_trailing_within(terms, Trail(Decimal(5)), bars_of(mirror, bars))
    if found.match is not None:
        text = told(mirror, found.match)
    else:
        text = f"rests{'?' if found.is_uncertain else ''} {mirror.text(found.stop_price)}"
        if found.is_uncertain:
            text += f" {mirror.text(found.worst_price)}..{mirror.text(found.best_price)}"
    assert f"{PLACES[at]} {text}" == expected


@MIRRORS
def test_a_trailing_stop_limit_rests_at_its_limit_in_the_bars_that_follow(mirror: Mirror) -> None:
    terms = OrderTerms(mirror.other_side, OrderType.TRAILING_STOP_LIMIT, None, mirror.price("98"))
    trail = Trail(Decimal(5), limit_offset=Decimal(1))
    bars = bars_of(mirror, "96,96.5,95,96; 96,96.9,95,96; 96,99,95,98")
    at, found = match_trailing_within(terms, trail, bars)
    assert isinstance(found.match, FillMatch)
    assert (at, fill_text(mirror, found.match)) == (2, "97 limit")
    at, found = match_trailing_within(terms, trail, bars[:2])
    assert isinstance(found.match, TriggerMatch)
    assert (at, mirror.text(found.limit_price)) == (0, "97")


def test_a_market_order_at_the_close_takes_the_last_close() -> None:
    bars = bars_of(Mirror(False), "100,101,99,100; 100,104,99,103")
    found = match_order_within(OrderTerms(Side.BUY, OrderType.MARKET), bars, MatchingRule.CLOSE)
    assert found is not None
    assert isinstance(found.match, FillMatch)
    assert (found.bar_index, found.match.reference_price) == (1, 103)


def test_without_finer_bars_nothing_happens() -> None:
    assert match_order_within(OrderTerms(Side.BUY, OrderType.MARKET), []) is None


PRICE = st.integers(90, 110).map(Decimal)


@st.composite
def finer_bars(draw: st.DrawFn, max_size: int = 6) -> list[BarPrices]:
    """Bars that hang together: each opens where the one before it closed."""
    bars, opened = [], draw(PRICE)
    for _ in range(draw(st.integers(1, max_size))):
        close, high, low = draw(PRICE), draw(PRICE), draw(PRICE)
        bars.append(BarPrices(opened, max(opened, close, high), min(opened, close, low), close))
        opened = close
    return bars


def merged(bars: list[BarPrices]) -> BarPrices:
    return BarPrices(
        bars[0].open, max(each.high for each in bars), min(each.low for each in bars), bars[-1].close
    )


SIMPLE = st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.MARKET_IF_TOUCHED])


def terms_of(side: Side, order_type: OrderType, price: Decimal) -> OrderTerms:
    if order_type is OrderType.LIMIT:
        return OrderTerms(side, order_type, price)
    return OrderTerms(side, order_type, None, price)


@settings(max_examples=100, deadline=None)
@given(
    side=st.sampled_from(Side),
    prices=st.tuples(PRICE, PRICE),
    order_type=st.sampled_from([*OrderType]),
    model=st.sampled_from(sorted(FILL_MODELS)),
    bars=finer_bars(max_size=1),
)
def test_one_finer_bar_gives_the_answer_of_the_model(
    side: Side, prices: tuple[Decimal, Decimal], order_type: OrderType, model: str, bars: list[BarPrices]
) -> None:
    chosen, bar = FILL_MODELS[model], bars[0]
    if order_type in {OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT}:
        offset = Decimal(1) if order_type is OrderType.TRAILING_STOP_LIMIT else None
        terms, trail = OrderTerms(side, order_type), Trail(Decimal(5), limit_offset=offset)
        within = match_trailing_within(terms, trail, bars, model=chosen)
        assert within == (0, chosen.match_trailing(terms, trail, bar))
        return
    terms = OrderTerms(side, order_type, *prices)
    if order_type in {OrderType.LIMIT, OrderType.STOP, OrderType.MARKET_IF_TOUCHED}:
        terms = terms_of(side, order_type, prices[0])
    found = match_order_within(terms, bars, model=chosen)
    assert (None if found is None else found.match) == chosen.match_order(terms, bar)
    exits = match_exits_within(side, at_open(bar.open), *prices, bars, model=chosen)
    assert exits == (0, chosen.match_exits(side, at_open(bar.open), *prices, bar))


@settings(max_examples=100, deadline=None)
@given(side=st.sampled_from(Side), order_type=SIMPLE, price=PRICE, bars=finer_bars())
def test_a_simple_order_trades_at_the_same_price_within_the_finer_bars(
    side: Side, order_type: OrderType, price: Decimal, bars: list[BarPrices]
) -> None:
    terms = terms_of(side, order_type, price)
    whole = match_order(terms, merged(bars))
    found = match_order_within(terms, bars)
    assert (found is None) is (whole is None)
    if found is not None:
        assert isinstance(found.match, FillMatch)
        assert isinstance(whole, FillMatch)
        assert found.match.reference_price == whole.reference_price


def possible_exits(exits: ExitMatch) -> set[Decimal | None]:
    fill = exits.stop or exits.target
    if fill is None:
        return {None, exits.worst_price, exits.best_price}
    return {
        fill.reference_price,
        fill.worst_price or fill.reference_price,
        fill.best_price or fill.reference_price,
    }


@settings(max_examples=100, deadline=None)
@given(side=st.sampled_from(Side), stop=PRICE, target=PRICE, bars=finer_bars())
def test_what_finer_bars_decide_the_coarse_bar_left_open(
    side: Side, stop: Decimal, target: Decimal, bars: list[BarPrices]
) -> None:
    entry = at_open(bars[0].open)
    coarse = match_exits(side, entry, stop, target, merged(bars))
    _, fine = match_exits_within(side, entry, stop, target, bars)
    assert possible_exits(fine) <= possible_exits(coarse)


@settings(max_examples=100, deadline=None)
@given(side=st.sampled_from(Side), amount=st.integers(1, 8).map(Decimal), bars=finer_bars())
def test_finer_bars_trail_within_the_bounds_of_the_coarse_bar(
    side: Side, amount: Decimal, bars: list[BarPrices]
) -> None:
    terms, trail = OrderTerms(side, OrderType.TRAILING_STOP), Trail(amount)
    coarse = match_trailing(terms, trail, merged(bars))
    _, fine = match_trailing_within(terms, trail, bars, model=CONSERVATIVE)
    if coarse.match is None and not coarse.is_uncertain:
        assert (fine.match, fine.stop_price, fine.is_uncertain) == (None, coarse.stop_price, False)
    if isinstance(fine.match, FillMatch):
        bounds = (coarse.worst_price, coarse.best_price)
        if isinstance(coarse.match, FillMatch):
            booked = coarse.match.reference_price
            bounds = (coarse.match.worst_price or booked, coarse.match.best_price or booked)
        low, high = sorted(price for price in bounds if price is not None)
        assert low <= fine.match.reference_price <= high
