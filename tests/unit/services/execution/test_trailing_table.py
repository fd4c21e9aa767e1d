"""Trailing stops as tables: what a bar does to them, and where their stop is after it.

The tables show sells, which protect a long position; the mirror is the buy that protects a short one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checked_events import example, replaced
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, fill_text, rows

from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderType, Side, TimeInForce
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    OrderTerms,
    TrailingMatch,
    TriggerMatch,
    match_order,
)
from qtrader.services.execution.matching_trailing import (
    Trail,
    TrailError,
    match_trailing,
    trail_of,
    trailed_limit,
    trailed_stop,
)

# stop before the bar, sells 5 below the best price | open, high, low, close | result | stop, or its bounds
# A result: price and basis, `?` where flagged, with worst..best; `rests` with the stop after the bar.
STOPS = """
-   | 100,104,99,103     | rests?        | 99 99..99
-   | 100,104,99.5,103   | rests         | 99
-   | 100,102,96,101     | rests?        | 97 96..97
-   | 100,102,97,101     | rests?        | 97 97..97
-   | 100,102,97.01,101  | rests         | 97
-   | 100,102,95,96      | 95 stop?      | 95..97
-   | 100,100,95,96      | 95 stop       | 95..95
-   | 100,102,94,101     | 95 stop?      | 95..97
-   | 100,102,96,97      | 96 stop?      | 96..97
-   | 100,102,96,97.01   | rests?        | 97 96..97
-   | 100,110,96,104     | 96 stop?      | 96..105
-   | 100,110,94,104     | 95 stop?      | 95..105
-   | 100,110,100,110    | rests?        | 105 100..105
-   | 100,105,100,105    | rests?        | 100 100..100
-   | 100,104.99,100,104 | rests         | 99.99
-   | 100,100,100,100    | rests         | 95
-   | 100,100,95,95      | 95 stop       | 95..95
-   | 100,100,95.01,96   | rests         | 95
98  | 97,99,96,98        | 97 open       | 98
98  | 98,104,97,103      | 98 open       | 98
98  | 90,120,89,119      | 90 open       | 98
98  | 100,102,97,101     | 98 stop       | 98..98
98  | 100,102,98,101     | 98 stop       | 98..98
98  | 100,103,98,101     | 98 stop       | 98..98
98  | 100,104,97,103     | 98 stop?      | 98..99
98  | 100,102,98.01,101  | rests         | 98
98  | 100,103,98.01,101  | rests         | 98
98  | 100,104,98.5,101   | rests?        | 99 98.5..99
98  | 100,104,99,101     | rests?        | 99 99..99
98  | 100,104,99.01,101  | rests         | 99
98  | 100,104,98.5,99    | 98.5 stop?    | 98.5..99
98  | 104,104,99.5,101   | rests         | 99
98  | 104,104,99,101     | 99 stop       | 99..99
98  | 104,104,98,101     | 99 stop       | 99..99
98  | 104,106,99,101     | 99 stop?      | 99..101
98  | 104,106,102,103    | rests         | 101
98  | 104,106,100,101    | 100 stop?     | 100..101
98  | 104,106,100,104    | rests?        | 101 100..101
98  | 110,120,109,119    | rests?        | 115 109..115
95  | 100,100,96,98      | rests         | 95
99  | 100,101,99.5,100   | rests         | 99
"""

# the limit lies this far below the stop | stop before the bar | bar | result | stop/limit when reached
STOP_LIMITS = """
1   | 98 | 100,102,97,101     | 98 stop     | 98/97
1   | 98 | 100,102,97.5,101   | 98 stop     | 98/97
1   | 98 | 97.5,99,97,98      | 97.5 open   | 98/97
1   | 98 | 96,96.5,95,96      | triggered   | 98/97
1   | 98 | 96,98,95,96        | 97 limit    | 98/97
1   | 98 | 97,97,95,96        | triggered   | 98/97
1   | 98 | 100,102,99,101     | rests       | -
1   | 98 | 100,104,97,103     | 98 stop?    | 98/97
1   | 98 | 100,104,98.5,101   | rests?      | -
0   | 98 | 100,102,97,101     | 98 limit    | 98/98
0   | 98 | 100,102,97,97.5    | triggered?  | 98/98
0   | 98 | 100,100,97,97.5    | triggered?  | 98/98
0   | 98 | 100,100,98,98      | triggered?  | 98/98
0   | 98 | 97,97.5,96,97      | triggered   | 98/98
0   | 98 | 97,99,96,97        | 98 limit    | 98/98
0   | 98 | 98,98.5,96,97      | 98 limit    | 98/98
0.5 | 98 | 97.6,97.7,97,97    | 97.6 open   | 98/97.5
0.5 | 98 | 97.5,97.5,97,97    | triggered   | 98/97.5
"""

# percent | side | stop before, in ticks of 0.01 | bar | result | stop after or when reached
# The stop is rounded away from the market, so that it is reached no earlier than the percentage says.
PERCENTS = """
10  | sell | -     | 100,110,99.5,109    | rests      | 99
10  | sell | -     | 100,110,99,109      | rests?     | 99
10  | sell | 95    | 100,104,96,103      | rests      | 95
10  | sell | -     | 33.33,33.33,31,32   | rests      | 29.99
10  | sell | -     | 33.33,33.33,29,32   | 29.99 stop | 29.99
10  | buy  | -     | 100,100.5,92,93     | rests      | 101.2
10  | buy  | -     | 100,101.5,92,93     | rests?     | 101.2
10  | buy  | 105   | 106,107,104,105     | 106 open   | 105
10  | buy  | -     | 33.33,35,33.33,34   | rests      | 36.67
10  | buy  | -     | 33.33,37,33.33,34   | 36.67 stop | 36.67
2.5 | sell | -     | 40,40,39,39         | 39 stop    | 39
2.5 | buy  | -     | 40,41,40,41         | 41 stop    | 41
100 | sell | -     | 40,41,0.01,0.02     | rests      | -
150 | sell | -     | 40,41,0.01,0.02     | rests      | -
"""


def run(mirror: Mirror, stop: str, bar: str, trail: Trail) -> TrailingMatch:
    has_limit = trail.limit_offset is not None
    order_type = OrderType.TRAILING_STOP_LIMIT if has_limit else OrderType.TRAILING_STOP
    terms = OrderTerms(mirror.other_side, order_type, None, mirror.price(stop))
    return match_trailing(terms, trail, mirror.bar(bar))


def result_text(mirror: Mirror, found: TrailingMatch) -> str:
    match = found.match
    if match is None:
        return "rests?" if found.is_uncertain else "rests"
    doubt = "?" if match.is_ambiguous else ""
    return "triggered" + doubt if isinstance(match, TriggerMatch) else fill_text(mirror, match) + doubt


@MIRRORS
@pytest.mark.parametrize("row", rows(STOPS, 4), ids=" ".join)
def test_a_trailing_stop(mirror: Mirror, row: tuple[str, ...]) -> None:
    stop, bar, expected, rest = row
    found = run(mirror, stop, bar, Trail(Decimal(5), tick=Decimal("0.01")))
    assert result_text(mirror, found) == expected
    told = []
    if found.match is None or expected.endswith("open"):
        told.append(mirror.text(found.stop_price))
    if found.is_uncertain:
        told.append(f"{mirror.text(found.worst_price)}..{mirror.text(found.best_price)}")
    if isinstance(found.match, FillMatch) and not expected.endswith("open"):
        fill = found.match
        worst, best = fill.worst_price, fill.best_price
        assert (worst is None) is (best is None) is not fill.is_ambiguous
        prices = [fill.reference_price if price is None else price for price in (worst, best)]
        told.append("..".join(map(mirror.text, prices)))
        assert found.stop_price == fill.reference_price
    assert " ".join(told) == rest


@MIRRORS
@pytest.mark.parametrize("row", rows(STOP_LIMITS, 5), ids=" ".join)
def test_a_trailing_stop_limit(mirror: Mirror, row: tuple[str, ...]) -> None:
    offset, stop, bar, expected, reached = row
    trail = Trail(Decimal(5), limit_offset=Decimal(offset), tick=Decimal("0.01"))
    found = run(mirror, stop, bar, trail)
    assert result_text(mirror, found) == expected
    if found.match is None:
        assert found.limit_price is None
    else:
        assert f"{mirror.text(found.stop_price)}/{mirror.text(found.limit_price)}" == reached


@pytest.mark.parametrize("row", rows(PERCENTS, 6), ids=" ".join)
def test_a_trailing_percentage(row: tuple[str, ...]) -> None:
    percent, side, stop, bar, expected, after = row
    plain = Mirror(False)
    terms = OrderTerms(Side(side), OrderType.TRAILING_STOP, None, plain.price(stop))
    trail = Trail(percent=Decimal(percent), tick=Decimal("0.01"))
    found = match_trailing(terms, trail, plain.bar(bar))
    assert (result_text(plain, found), plain.text(found.stop_price)) == (expected, after)


@MIRRORS
def test_a_triggered_stop_limit_is_a_limit_order_from_then_on(mirror: Mirror) -> None:
    found = run(mirror, "98", "96,96.5,95,96", Trail(Decimal(5), limit_offset=Decimal(1)))
    assert isinstance(found.match, TriggerMatch)
    terms = OrderTerms(
        mirror.other_side,
        OrderType.TRAILING_STOP_LIMIT,
        found.limit_price,
        found.stop_price,
        is_triggered=True,
    )
    fill = match_order(terms, mirror.bar("96,98,95,96"))
    assert isinstance(fill, FillMatch)
    assert fill_text(mirror, fill) == "97 limit"


@MIRRORS
def test_a_stop_that_begins_with_a_fill_within_the_bar_counts_only_what_follows(mirror: Mirror) -> None:
    # Bought at a limit of 98 on the way down from 105: whether 105 was seen again is open, the low is not.
    bar = mirror.bar("105,105,96,97")
    entry = match_order(OrderTerms(mirror.side, OrderType.LIMIT, mirror.price("98")), bar)
    assert isinstance(entry, FillMatch)
    terms = OrderTerms(mirror.other_side, OrderType.TRAILING_STOP)
    wide = match_trailing(terms, Trail(Decimal(10)), bar, entry)
    assert (result_text(mirror, wide), mirror.text(wide.stop_price)) == ("rests", "88")
    close = match_trailing(terms, Trail(Decimal(2)), bar, entry)
    assert result_text(mirror, close) == "96 stop?"
    assert isinstance(close.match, FillMatch)
    assert (mirror.text(close.match.worst_price), mirror.text(close.match.best_price)) == ("96", "103")
    even = match_trailing(terms, Trail(Decimal(9)), bar, entry)
    assert (result_text(mirror, even), mirror.text(even.stop_price)) == ("rests?", "89")


def test_the_stop_is_known_before_the_first_bar_where_the_market_is() -> None:
    trail = Trail(Decimal("1.005"), tick=Decimal("0.01"))
    assert trailed_stop(Side.SELL, trail, Decimal(100)) == Decimal("98.99")
    assert trailed_stop(Side.SELL, trail, Decimal(101), Decimal("98.99")) == Decimal("99.99")
    assert trailed_stop(Side.SELL, trail, Decimal(99), Decimal("98.99")) == Decimal("98.99")
    assert trailed_stop(Side.BUY, trail, Decimal(100)) == Decimal("101.01")
    assert trailed_stop(Side.BUY, trail, Decimal(101), Decimal("101.01")) == Decimal("101.01")
    assert trailed_stop(Side.SELL, Trail(Decimal(5)), Decimal(5)) is None
    assert trailed_stop(Side.SELL, Trail(Decimal(5)), Decimal("5.5")) == Decimal("0.5")


def test_a_limit_lies_beyond_its_stop_and_rounds_in_favor_of_the_trader() -> None:
    trail = Trail(Decimal(5), limit_offset=Decimal("0.257"), tick=Decimal("0.01"))
    assert trailed_limit(Side.BUY, trail, Decimal(100)) == Decimal("100.25")
    assert trailed_limit(Side.SELL, trail, Decimal(100)) == Decimal("99.75")
    assert trailed_limit(Side.SELL, Trail(Decimal(5)), Decimal(100)) is None


def trailing_order(**values: Any) -> Any:
    return replaced(example(OrderEvent), order_type=OrderType.TRAILING_STOP, **values)


def test_an_order_says_how_it_trails() -> None:
    tick = Decimal("0.01")
    assert trail_of(trailing_order(trail_amount=Decimal(5)), tick) == Trail(Decimal(5), tick=tick)
    assert trail_of(trailing_order(trail_percent=Decimal(5)), tick) == Trail(percent=Decimal(5), tick=tick)
    by_range = trailing_order(trail_atr_multiple=Decimal(3), trail_atr_period=14)
    assert trail_of(by_range, None, Decimal("1.5")) == Trail(Decimal("4.5"))
    limited = trailing_order(trail_amount=Decimal(5), trail_limit_offset=Decimal(1))
    assert trail_of(limited, None) == Trail(Decimal(5), limit_offset=Decimal(1))


@pytest.mark.parametrize(
    ("fields", "average", "says"),
    [
        ({}, None, "exactly one of amount, percent and average true range"),
        ({"trail_amount": Decimal(1), "trail_percent": Decimal(1)}, None, "exactly one"),
        ({"trail_atr_multiple": Decimal(3), "trail_atr_period": 14}, None, "14 bars, which is unknown"),
        (
            {"trail_atr_multiple": Decimal(3), "trail_atr_period": 14},
            Decimal(0),
            "which is 0; it must be above",
        ),
    ],
)
def test_an_order_that_cannot_trail_is_refused(
    fields: dict[str, Any], average: Decimal | None, says: str
) -> None:
    with pytest.raises(TrailError, match=says):
        trail_of(trailing_order(**fields), None, average)


def test_a_trail_without_distance_is_refused() -> None:
    bar = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(96))
    with pytest.raises(TrailError, match="needs one of them"):
        match_trailing(OrderTerms(Side.SELL, OrderType.TRAILING_STOP), Trail(), bar)


PRICES = st.integers(1, 20_000).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=100, deadline=None)
@given(
    side=st.sampled_from(Side),
    trail=st.builds(Trail, PRICES, st.none(), st.none(), st.just(Decimal("0.01")))
    | st.builds(Trail, st.none(), PRICES, st.none(), st.just(Decimal("0.01"))),
    prices=st.lists(PRICES, min_size=1, max_size=20),
)
def test_a_stop_follows_the_best_price_and_nothing_else(
    side: Side, trail: Trail, prices: list[Decimal]
) -> None:
    stop = None
    for price in prices:
        stop = trailed_stop(side, trail, price, stop)
    best = max(prices) if side is Side.SELL else min(prices)
    assert stop == trailed_stop(side, trail, best)
    if stop is not None:
        gap = best - stop if side is Side.SELL else stop - best
        assert 0 <= gap - trail.distance(best) < Decimal("0.01")


def test_a_good_till_date_order_carries_its_end() -> None:
    until = datetime(2024, 3, 1, 21, tzinfo=UTC)
    order = replaced(example(OrderEvent), time_in_force=TimeInForce.GTD, expires_at=until)
    order.validate()
    assert order.expires_at == until
