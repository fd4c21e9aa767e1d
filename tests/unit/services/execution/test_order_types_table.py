"""Orders if touched, on open and on close, immediate orders and volume, as tables with their mirrors."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.services.execution import test_matching_bounds, test_matching_table, test_trailing_table
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, fill_text, rows

from qtrader.events.vocabulary import FillBasis, OrderType, Side, TimeInForce
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    Match,
    MatchingRule,
    OrderTerms,
    TriggerMatch,
    is_over_after,
    match_immediate,
    match_order,
)
from qtrader.services.execution.participation import available_quantity, filled_quantity

# order | open, high, low, close | result | result with limit_touch (= means the same)
# To buy, an order if touched waits for the price to fall to its trigger. With two prices: trigger/limit.
TOUCHED = """
touched 100           | 101,102,97,97.5      | 100 touch     | =
touched 100           | 101,102,100,101      | 100 touch     | =
touched 100           | 101,102,100.01,101   | nothing       | =
touched 100           | 98,99,97,98          | 98 open       | =
touched 100           | 100,102,99,101       | 100 open      | =
touched 100           | 100,102,100,101      | 100 open      | =
touched 100           | 90,110,80,105        | 90 open       | =
touched 100           | 110,111,50,60        | 100 touch     | =
touched 100           | 105,105,100,100      | 100 touch     | =
touched 100           | 101,101,101,101      | nothing       | =
touched 100           | 100,100,100,100      | 100 open      | =
limit-touched 100/101 | 102,103,99,99.5      | 100 touch     | =
limit-touched 100/101 | 102,103,100,102      | 100 touch     | =
limit-touched 100/101 | 102,103,100.5,102    | nothing       | =
limit-touched 100/101 | 99,103,98,102        | 99 open       | =
limit-touched 100/101 | 100,103,100,102      | 100 open      | =
limit-touched 100/100 | 102,103,99,101       | 100 limit     | 100 touch
limit-touched 100/100 | 102,103,100,101      | triggered     | 100 touch
limit-touched 100/100 | 99,103,98,101        | 99 open       | =
limit-touched 100/100 | 100,103,100,101      | triggered     | 100 open
limit-touched 100/100 | 100,103,99,101       | 100 limit     | 100 open
limit-touched 100/98  | 102,103,97,101       | 98 limit      | =
limit-touched 100/98  | 102,103,98,101       | triggered     | 98 limit
limit-touched 100/98  | 102,103,99,101       | triggered     | =
limit-touched 100/98  | 102,103,100,101      | triggered     | =
limit-touched 100/98  | 102,103,100.01,101   | nothing       | =
limit-touched 100/98  | 99,103,98.5,101      | triggered     | =
limit-touched 100/98  | 99,103,97,101        | 98 limit      | =
limit-touched 100/98  | 97,103,96,101        | 97 open       | =
limit-touched 100/98  | 98,103,98,101        | triggered     | 98 open
"""

# order | where the bar is in its session | open, high, low, close | result | then
PRINTS = """
market-on-open       | only   | 100,104,94,96   | 100 open  | over
market-on-open       | first  | 100,104,94,96   | 100 open  | over
market-on-open       | middle | 100,104,94,96   | nothing   | rests
market-on-open       | last   | 100,104,94,96   | nothing   | rests
limit-on-open 100    | only   | 99,104,94,96    | 99 open   | over
limit-on-open 100    | only   | 100,104,94,96   | nothing   | over
limit-on-open 100    | only   | 101,104,94,96   | nothing   | over
limit-on-open 100    | first  | 99.99,104,94,96 | 99.99 open| over
limit-on-open 100    | first  | 101,104,94,96   | nothing   | over
limit-on-open 100    | middle | 99,104,94,96    | nothing   | rests
limit-on-open 100    | last   | 99,104,94,96    | nothing   | rests
market-on-close      | only   | 100,104,94,96   | 96 close  | over
market-on-close      | first  | 100,104,94,96   | nothing   | rests
market-on-close      | middle | 100,104,94,96   | nothing   | rests
market-on-close      | last   | 100,104,94,96   | 96 close  | over
limit-on-close 97    | only   | 100,104,94,96   | 96 close  | over
limit-on-close 96    | only   | 100,104,94,96   | nothing   | over
limit-on-close 95    | only   | 100,104,94,96   | nothing   | over
limit-on-close 97    | last   | 100,104,94,96   | 96 close  | over
limit-on-close 95    | last   | 100,104,94,96   | nothing   | over
limit-on-close 97    | first  | 96,104,94,96    | nothing   | rests
limit-on-close 97    | middle | 96,104,94,96    | nothing   | rests
market               | middle | 100,104,94,96   | 100 open  | rests
limit 98             | last   | 100,104,94,96   | 98 limit  | rests
"""

# order for 100 units | time in force | volume of the bar | bar | filled at | left over
# Orders may take 10 % of the volume in steps of 1; what is left rests, or is canceled, or was never there.
VOLUMES = """
market              | day | 2000  | 100,104,94,96    | 100 at 100 open  | -
market              | gtc | 1000  | 100,104,94,96    | 100 at 100 open  | -
market              | gtc | 999   | 100,104,94,96    | 99 at 100 open   | 1 rests
market              | gtd | 500   | 100,104,94,96    | 50 at 100 open   | 50 rests
market              | gtc | 19    | 100,104,94,96    | 1 at 100 open    | 99 rests
market              | gtc | 9     | 100,104,94,96    | nothing          | 100 rests
market              | gtc | ?     | 100,104,94,96    | 100 at 100 open  | -
market              | ioc | 2000  | 100,104,94,96    | 100 at 100 open  | -
market              | ioc | 500   | 100,104,94,96    | 50 at 100 open   | 50 canceled
market              | ioc | 9     | 100,104,94,96    | nothing          | 100 canceled
market              | ioc | ?     | 100,104,94,96    | 100 at 100 open  | -
market              | fok | 2000  | 100,104,94,96    | 100 at 100 open  | -
market              | fok | 1000  | 100,104,94,96    | 100 at 100 open  | -
market              | fok | 999   | 100,104,94,96    | nothing          | 100 canceled
market              | fok | ?     | 100,104,94,96    | 100 at 100 open  | -
limit 100           | day | 2000  | 101,102,97,98    | 100 at 100 limit | -
limit 100           | gtc | 400   | 101,102,97,98    | 40 at 100 limit  | 60 rests
limit 100           | gtc | 400   | 98,102,97,98     | 40 at 98 open    | 60 rests
limit 100           | gtc | 2000  | 101,102,100,101  | nothing          | 100 rests
limit 100           | gtd | ?     | 101,102,97,98    | 100 at 100 limit | -
limit 100           | ioc | 2000  | 101,102,97,98    | nothing          | 100 canceled
limit 100           | ioc | 2000  | 98,102,97,98     | 100 at 98 open   | -
limit 100           | ioc | 2000  | 100,102,97,98    | nothing          | 100 canceled
limit 100           | ioc | 300   | 98,102,97,98     | 30 at 98 open    | 70 canceled
limit 100           | fok | 2000  | 98,102,97,98     | 100 at 98 open   | -
limit 100           | fok | 300   | 98,102,97,98     | nothing          | 100 canceled
limit 100           | fok | 2000  | 101,102,97,98    | nothing          | 100 canceled
stop 100            | day | 2000  | 99,101,98,100    | 100 at 100 stop  | -
stop 100            | gtc | 700   | 99,101,98,100    | 70 at 100 stop   | 30 rests
stop 100            | gtc | 700   | 103,104,102,103  | 70 at 103 open   | 30 rests
stop 100            | ioc | 2000  | 99,101,98,100    | nothing          | 100 canceled
stop 100            | ioc | 700   | 103,104,102,103  | 70 at 103 open   | 30 canceled
stop 100            | fok | 2000  | 103,104,102,103  | 100 at 103 open  | -
stop 100            | fok | 700   | 103,104,102,103  | nothing          | 100 canceled
stop-limit 100/101  | gtc | 500   | 99,103,98,102    | 50 at 100 stop   | 50 rests
stop-limit 100/101  | gtc | 500   | 103,104,102,103  | triggered        | 100 rests
stop-limit 100/101  | gtc | ?     | 103,104,100.5,102| 100 at 101 limit | -
stop-limit 100/101  | ioc | 500   | 100.5,104,100,103| 50 at 100.5 open | 50 canceled
stop-limit 100/101  | ioc | 2000  | 103,104,100,102  | nothing          | 100 canceled
stop-limit 100/101  | fok | 2000  | 100.5,104,100,103| 100 at 100.5 open| -
triggered 100/101   | gtc | 500   | 102,103,98,102   | 50 at 101 limit  | 50 rests
touched 100         | gtc | 500   | 101,102,97,98    | 50 at 100 touch  | 50 rests
touched 100         | gtc | ?     | 98,102,97,98     | 100 at 98 open   | -
touched 100         | ioc | 2000  | 101,102,97,98    | nothing          | 100 canceled
touched 100         | ioc | 2000  | 99,102,97,98     | 100 at 99 open   | -
touched 100         | fok | 900   | 99,102,97,98     | nothing          | 100 canceled
limit-touched 100/98| gtc | 600   | 102,103,97,101   | 60 at 98 limit   | 40 rests
limit-touched 100/98| gtc | 600   | 102,103,99,101   | triggered        | 100 rests
limit-touched 100/98| ioc | 600   | 97,103,96,101    | 60 at 97 open    | 40 canceled
market-on-open      | gtc | 500   | 100,104,94,96    | 50 at 100 open   | 50 canceled
market-on-open      | day | ?     | 100,104,94,96    | 100 at 100 open  | -
limit-on-open 100   | gtc | 500   | 99,104,94,96     | 50 at 99 open    | 50 canceled
limit-on-open 100   | gtc | 500   | 101,104,94,96    | nothing          | 100 canceled
limit-on-open 100   | fok | 500   | 99,104,94,96     | nothing          | 100 canceled
market-on-close     | gtc | 500   | 100,104,94,96    | 50 at 96 close   | 50 canceled
market-on-close     | day | 5000  | 100,104,94,96    | 100 at 96 close  | -
market-on-close     | ioc | 5000  | 100,104,94,96    | nothing          | 100 canceled
limit-on-close 97   | gtc | 500   | 100,104,94,96    | 50 at 96 close   | 50 canceled
limit-on-close 95   | gtc | 500   | 100,104,94,96    | nothing          | 100 canceled
"""

SESSION = {
    "only": (True, True),
    "first": (True, False),
    "middle": (False, False),
    "last": (False, True),
}


def match_text(mirror: Mirror, match: Match) -> str:
    if match is None:
        return "nothing"
    if isinstance(match, TriggerMatch):
        assert not match.is_ambiguous
        return "triggered"
    assert not match.is_ambiguous
    assert match.at_open is (match.basis is FillBasis.OPEN)
    return fill_text(mirror, match)


@MIRRORS
@pytest.mark.parametrize("row", rows(TOUCHED, 4), ids=" ".join)
@pytest.mark.parametrize("limit_touch", [False, True], ids=["through", "touch"])
def test_an_order_if_touched(mirror: Mirror, row: tuple[str, ...], limit_touch: bool) -> None:
    order, bar, strict, touch = row
    match = match_order(mirror.terms(order), mirror.bar(bar), limit_touch=limit_touch)
    assert match_text(mirror, match) == (touch if limit_touch and touch != "=" else strict)


@MIRRORS
@pytest.mark.parametrize("row", rows(PRINTS, 5), ids=" ".join)
def test_an_order_that_knows_one_print(mirror: Mirror, row: tuple[str, ...]) -> None:
    order, place, bar, expected, then = row
    terms = mirror.terms(order)
    is_open, is_close = SESSION[place]
    match = match_order(terms, mirror.bar(bar), is_session_open=is_open, is_session_close=is_close)
    assert match_text(mirror, match) == expected
    is_over = is_over_after(
        terms.order_type, TimeInForce.GTC, is_session_open=is_open, is_session_close=is_close
    )
    assert is_over is (then == "over")


@MIRRORS
@pytest.mark.parametrize(
    ("order", "bar", "expected"),
    [
        ("limit-on-open 100", "100,104,94,96", "100 open"),
        ("limit-on-open 100", "100.01,104,94,96", "nothing"),
        ("limit-on-close 96", "100,104,94,96", "96 close"),
        ("limit-on-close 95.99", "100,104,94,96", "nothing"),
    ],
)
def test_a_print_at_the_limit_is_enough_where_a_touch_is(
    mirror: Mirror, order: str, bar: str, expected: str
) -> None:
    match = match_order(mirror.terms(order), mirror.bar(bar), limit_touch=True)
    assert match_text(mirror, match) == expected


@MIRRORS
@pytest.mark.parametrize("row", rows(VOLUMES, 6), ids=" ".join)
def test_what_an_order_fills_of_a_bar_and_what_becomes_of_the_rest(
    mirror: Mirror, row: tuple[str, ...]
) -> None:
    order, force, volume, bar, expected, left = row
    wanted, terms, prices = Decimal(100), mirror.terms(order), mirror.bar(bar)
    time_in_force = TimeInForce(force)
    is_immediate = time_in_force in {TimeInForce.IOC, TimeInForce.FOK}
    match = match_immediate(terms, prices) if is_immediate else match_order(terms, prices)
    available = available_quantity(
        float("nan") if volume == "?" else float(volume), Decimal(10), quantity_step=Decimal(1)
    )
    filled = Decimal(0)
    if isinstance(match, FillMatch):
        filled = filled_quantity(wanted, available, time_in_force)
    found = (
        f"{filled} at {fill_text(mirror, match)}" if filled and isinstance(match, FillMatch) else "nothing"
    )
    if isinstance(match, TriggerMatch):
        found = "triggered"
    assert found == expected
    rest = wanted - filled
    then = "canceled" if is_over_after(terms.order_type, time_in_force) else "rests"
    assert (f"{rest} {then}" if rest else "-") == left


@pytest.mark.parametrize(
    ("order_type", "limit", "stop", "says"),
    [
        (OrderType.LIMIT_ON_OPEN, None, None, "limit_on_open order without a price"),
        (OrderType.LIMIT_ON_CLOSE, None, None, "limit_on_close order without a price"),
        (OrderType.MARKET_IF_TOUCHED, None, None, "market_if_touched order without a price"),
        (OrderType.LIMIT_IF_TOUCHED, None, 100, "limit_if_touched order without a price"),
        (OrderType.STOP_LIMIT, None, 100, "stop_limit order without a price"),
        (OrderType.TRAILING_STOP, None, 100, "trailing_stop order trails"),
        (OrderType.TRAILING_STOP_LIMIT, 100, 100, "trailing_stop_limit order trails"),
    ],
)
def test_an_order_that_cannot_be_matched_says_what_it_lacks(
    order_type: OrderType, limit: int | None, stop: int | None, says: str
) -> None:
    prices = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(96))
    terms = OrderTerms(
        Side.BUY,
        order_type,
        None if limit is None else Decimal(limit),
        None if stop is None else Decimal(stop),
    )
    for match in (match_order, match_immediate):
        with pytest.raises(ValueError, match=says):
            match(terms, prices)


def test_orders_with_a_print_of_their_own_do_not_follow_the_rule_for_market_orders() -> None:
    prices = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(96))
    for rule in MatchingRule:
        opening = match_order(OrderTerms(Side.BUY, OrderType.MARKET_ON_OPEN), prices, rule)
        closing = match_order(OrderTerms(Side.BUY, OrderType.MARKET_ON_CLOSE), prices, rule)
        assert isinstance(opening, FillMatch)
        assert isinstance(closing, FillMatch)
        assert (opening.reference_price, closing.reference_price) == (100, 96)


def test_the_tables_are_as_large_as_promised() -> None:
    single = (test_matching_table.SINGLE, TOUCHED, test_trailing_table.STOPS, test_trailing_table.STOP_LIMITS)
    linked = (
        test_matching_table.BRACKETS,
        test_matching_table.RESTING,
        test_matching_table.ONE_OF,
        test_matching_bounds.EXITS,
        test_matching_bounds.GROUPS,
    )
    lines = [line for table in (*single, *linked, PRINTS, VOLUMES) for line in table.strip().splitlines()]
    assert len({" ".join(line.split()) for line in lines}) >= 300
