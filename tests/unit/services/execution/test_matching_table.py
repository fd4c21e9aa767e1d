"""Matching as a table a trader can read: the conventions' rows and many more, each with its mirrored sell."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, fill_text, rows

from qtrader.events.vocabulary import FillBasis, OrderType, Side
from qtrader.services.execution.matching import (
    BarPrices,
    ExitMatch,
    FillMatch,
    MatchingRule,
    OrderTerms,
    TriggerMatch,
    at_open,
    match_exits,
    match_one_of,
    match_order,
)

# order | open, high, low, close | result | result with limit_touch (= means the same)
# A result: nothing, triggered, triggered? (it may have filled), or price and basis.
SINGLE = """
market             | 100,101,99,100.5      | 100 open    | =
market             | 97,97,97,97           | 97 open     | =
limit 100          | 101,102,97,97.5       | 100 limit   | =
limit 100          | 98,99,97,98           | 98 open     | =
limit 100          | 101,102,100,101       | nothing     | 100 limit
limit 100          | 100,102,100,101       | nothing     | 100 open
limit 100          | 100,102,99,101        | 100 limit   | 100 open
limit 100          | 101,102,100.01,101    | nothing     | =
limit 100          | 101,102,99.99,101     | 100 limit   | =
limit 100          | 99.99,102,99.99,101   | 99.99 open  | =
limit 100          | 99,99,99,99           | 99 open     | =
limit 100          | 100,100,100,100       | nothing     | 100 open
limit 100          | 101,101,101,101       | nothing     | =
limit 100          | 105,105,100,100       | nothing     | 100 limit
limit 100          | 105,105,99,99         | 100 limit   | =
limit 100          | 90,110,80,105         | 90 open     | =
limit 100          | 100,100,99,100        | 100 limit   | 100 open
limit 100          | 110,111,50,60         | 100 limit   | =
stop 100           | 103,104,102,103       | 103 open    | =
stop 100           | 99,101,98,100         | 100 stop    | =
stop 100           | 99,100,98,99          | 100 stop    | =
stop 100           | 99,99.99,98,99        | nothing     | =
stop 100           | 100,100,98,99         | 100 open    | =
stop 100           | 100.01,102,98,99      | 100.01 open | =
stop 100           | 95,120,90,110         | 100 stop    | =
stop 100           | 99,99,99,99           | nothing     | =
stop 100           | 100,100,100,100       | 100 open    | =
stop 100           | 101,101,101,101       | 101 open    | =
stop 100           | 99,100,99,100         | 100 stop    | =
stop 100           | 99,130,99,130         | 100 stop    | =
stop-limit 100/101 | 99,103,98,102         | 100 stop    | =
stop-limit 100/101 | 103,104,102,103       | triggered   | =
stop-limit 100/101 | 103,104,100.5,102     | 101 limit   | =
stop-limit 100/101 | 100.5,104,100.2,103   | 100.5 open  | =
stop-limit 100/99  | 98.5,101,98,100.5     | triggered?  | =
stop-limit 100/99  | 98.5,101,97,98.7      | 99 limit    | =
stop-limit 100/101 | 99,99.5,98,99         | nothing     | =
stop-limit 100/101 | 99,100,98,99          | 100 stop    | =
stop-limit 100/101 | 100,100,98,99         | 100 open    | =
stop-limit 100/101 | 101,102,101,102       | triggered   | 101 open
stop-limit 100/101 | 101,102,100,102       | 101 limit   | 101 open
stop-limit 100/101 | 102,103,101,102       | triggered   | 101 limit
stop-limit 100/101 | 102,103,100.99,102    | 101 limit   | =
stop-limit 100/101 | 95,120,90,119         | 100 stop    | =
stop-limit 100/100 | 99,102,98,101         | triggered?  | 100 stop
stop-limit 100/100 | 99,102,98,99          | 100 limit   | 100 stop
stop-limit 100/100 | 99,102,98,100         | triggered?  | 100 stop
stop-limit 100/100 | 100,102,100,101       | triggered   | 100 open
stop-limit 100/100 | 100,102,99,101        | 100 limit   | 100 open
stop-limit 100/100 | 101,102,99,101        | 100 limit   | =
stop-limit 100/99  | 98.5,99.5,98,99       | nothing     | =
stop-limit 100/99  | 99.5,101,99.2,100     | triggered   | =
stop-limit 100/99  | 99.5,101,99,100       | triggered   | triggered?
stop-limit 100/99  | 99.5,101,98,99        | triggered?  | 99 limit
stop-limit 100/99  | 100,101,99.5,100      | triggered   | =
stop-limit 100/99  | 100,101,98,100        | 99 limit    | =
stop-limit 100/99  | 105,106,98,100        | 99 limit    | =
triggered 100/101  | 103,104,102,103       | nothing     | =
triggered 100/101  | 99,103,98,102         | 99 open     | =
triggered 100/99   | 99.5,99.7,98,99.5     | 99 limit    | =
triggered 100/99   | 99.5,101,99,99.5      | nothing     | 99 limit
triggered 100/99   | 98,98,97,97           | 98 open     | =
"""

# entry | stop / target of the position | bar | entry fill | exit
# An exit: `rests`, `rests?` where one may have happened although none is booked, or price and basis, with `?`
# where that is ambiguous.
BRACKETS = """
market    | 95/110  | 100,104,94,96      | 100 open  | 95 stop
market    | 95/110  | 100,112,94,100     | 100 open  | 95 stop?
market    | 95/110  | 100,112,96,105     | 100 open  | 110 limit
market    | 95/110  | 100,110,96,105     | 100 open  | rests
market    | 95/110  | 100,104,95,96      | 100 open  | 95 stop
market    | 95/110  | 100,104,95.01,96   | 100 open  | rests
market    | 95/110  | 100,100,100,100    | 100 open  | rests
market    | 95/110  | 95,112,94,100      | 95 open   | 95 open stop
market    | 95/110  | 93,112,92,100      | 93 open   | 93 open stop
market    | 95/110  | 115,116,94,100     | 115 open  | 115 open target
market    | 95/110  | 110,110,97,100     | 110 open  | rests
market    | 95/110  | 110,111,97,100     | 110 open  | 110 limit
market    | 95/-    | 100,112,94,100     | 100 open  | 95 stop
market    | -/110   | 100,112,94,100     | 100 open  | 110 limit
market    | -/110   | 100,109,94,100     | 100 open  | rests
limit 98  | 95/110  | 100,112,97,105     | 98 limit  | rests?
limit 98  | 95/110  | 100,112,97,111     | 98 limit  | 110 limit
limit 98  | 95/110  | 100,112,97,110     | 98 limit  | rests?
limit 98  | 95/110  | 100,109,97,105     | 98 limit  | rests
limit 98  | 95/110  | 100,110,97,105     | 98 limit  | rests
limit 98  | 95/110  | 100,104,94,96      | 98 limit  | 95 stop
limit 98  | 95/110  | 100,104,95,100     | 98 limit  | 95 stop
limit 98  | 95/110  | 100,112,94,96      | 98 limit  | 95 stop?
limit 98  | 95/110  | 100,112,94,111     | 98 limit  | 95 stop?
limit 98  | 95/110  | 112,112,97,105     | 98 limit  | rests?
limit 98  | 95/110  | 98,99,97,98        | 98 limit  | rests
limit 98  | 95/110  | 97,112,94,100      | 97 open   | 95 stop?
limit 98  | 95/110  | 97,112,96,100      | 97 open   | 110 limit
limit 98  | 95/110  | 94,112,93,100      | 94 open   | 94 open stop
limit 98  | 99/110  | 100,104,97,103     | 98 limit  | 98 stop
limit 98  | 90/97   | 100,104,97.5,103   | 98 limit  | 98 limit
stop 105  | 100/110 | 102,106,101,104    | 105 stop  | rests
stop 105  | 100/110 | 102,112,101,104    | 105 stop  | 110 limit
stop 105  | 100/110 | 102,110,101,104    | 105 stop  | rests
stop 105  | 100/110 | 102,106,99,104     | 105 stop  | rests?
stop 105  | 100/110 | 102,106,100,104    | 105 stop  | rests?
stop 105  | 100/110 | 102,106,99,99.5    | 105 stop  | 100 stop
stop 105  | 100/110 | 102,106,99,100     | 105 stop  | 100 stop
stop 105  | 100/110 | 102,112,99,104     | 105 stop  | 100 stop?
stop 105  | 100/110 | 102,112,99,99.5    | 105 stop  | 100 stop?
stop 105  | 100/110 | 107,108,106,107    | 107 open  | rests
stop 105  | 100/110 | 107,112,99,107     | 107 open  | 100 stop?
stop 105  | 100/110 | 111,112,99,107     | 111 open  | 111 open target
stop-limit 100/101 | 95/110 | 99,103,98,102   | 100 stop  | rests
stop-limit 100/101 | 95/110 | 99,111,96,102   | 100 stop  | 110 limit
stop-limit 100/101 | 95/110 | 99,103,94,102   | 100 stop  | rests?
stop-limit 100/99  | 95/110 | 98.5,101,97,98  | 99 limit  | rests
stop-limit 100/99  | 95/110 | 98.5,101,94,98  | 99 limit  | rests?
stop-limit 100/99  | 95/110 | 98.5,111,97,98  | 99 limit  | rests?
stop-limit 100/99  | 95/110 | 98.5,101,94,95  | 99 limit  | 95 stop
stop-limit 100/101 | 95/110 | 103,111,100,102 | 101 limit | rests?
stop-limit 100/101 | 95/110 | 103,111,95,102  | 101 limit | 95 stop?
"""

# stop / target of a position held since an earlier bar | bar | exit
RESTING = """
95/110 | 115,116,94,96     | 115 open target
95/110 | 93,112,92,110     | 93 open stop
95/110 | 100,112,94,100    | 95 stop?
95/110 | 100,109,94,100    | 95 stop
95/110 | 100,112,96,100    | 110 limit
95/110 | 100,110,96,100    | rests
95/110 | 95,112,94,100     | 95 open stop
95/110 | 110,112,96,100    | 110 limit
95/110 | 110,112,94,100    | 95 stop?
95/110 | 100,100,100,100   | rests
"""

# members in acceptance order, + on the table's side and - on the other | bar | which fills at what | why
ONE_OF = """
+stop 105; +limit 95   | 100,106,94,100   | 1st? 105 | a tie: the first accepted
+limit 95; +stop 105   | 100,106,94,100   | 1st? 95  | a tie: the first accepted
+stop 105; +limit 96   | 100,106,94,100   | 2nd? 96  | the nearer
+stop 104; +limit 95   | 100,106,94,100   | 1st? 104 | the nearer
+stop 105; +limit 95   | 100,106,96,100   | 1st 105  | only one reached
+stop 105; +limit 95   | 100,104,94,100   | 2nd 95   | only one reached
+stop 105; +limit 95   | 100,104,96,100   | none     | neither reached
+stop 105; +limit 95   | 107,108,94,100   | 1st 107  | an open print comes first
+stop 105; +limit 95   | 94,106,93,100    | 2nd 94   | an open print comes first
+stop 105; +stop 103   | 100,106,94,100   | 2nd 103  | both above: the nearer is certain
+limit 95; +limit 97   | 100,106,94,100   | 2nd 97   | both below: the nearer is certain
+stop 105; -stop 96    | 100,106,94,100   | 2nd? 96  | a breakout either way
+stop 104; -stop 95    | 100,106,94,100   | 1st? 104 | a breakout either way
+stop 105; -stop 95    | 100,106,96,100   | 1st 105  | a breakout upwards
"""


def exit_text(mirror: Mirror, exits: ExitMatch) -> str:
    fill = exits.stop or exits.target
    if fill is None:
        return "rests?" if exits.is_uncertain else "rests"
    assert not (exits.stop and exits.target)
    assert not exits.is_uncertain
    text = fill_text(mirror, fill) + ("?" if fill.is_ambiguous else "")
    if fill.basis is FillBasis.OPEN:
        assert fill.at_open
        text += " stop" if exits.stop else " target"
    return text


@MIRRORS
@pytest.mark.parametrize("row", rows(SINGLE, 4), ids=" ".join)
@pytest.mark.parametrize("limit_touch", [False, True], ids=["through", "touch"])
def test_a_single_order_against_a_bar(mirror: Mirror, row: tuple[str, ...], limit_touch: bool) -> None:
    order, bar, strict, touch = row
    expected = touch if limit_touch and touch != "=" else strict
    match = match_order(mirror.terms(order), mirror.bar(bar), limit_touch=limit_touch)
    if match is None:
        found = "nothing"
    elif isinstance(match, TriggerMatch):
        found = "triggered?" if match.is_ambiguous else "triggered"
    else:
        assert not match.is_ambiguous
        assert match.at_open is (match.basis is FillBasis.OPEN)
        found = fill_text(mirror, match)
    # A triggered stop-limit that goes on resting is no new trigger; the service knows which it was.
    assert found == expected


@MIRRORS
@pytest.mark.parametrize("row", rows(BRACKETS, 5), ids=" ".join)
def test_a_bracket_on_its_entry_bar(mirror: Mirror, row: tuple[str, ...]) -> None:
    entry, bracket, bar, expected_entry, expected_exit = row
    prices = mirror.bar(bar)
    fill = match_order(mirror.terms(entry), prices)
    assert isinstance(fill, FillMatch)
    assert fill_text(mirror, fill) == expected_entry
    stop, target = (mirror.price(text) for text in bracket.split("/"))
    exits = match_exits(mirror.other_side, fill, stop, target, prices)
    assert exit_text(mirror, exits) == expected_exit


@MIRRORS
@pytest.mark.parametrize(("bracket", "bar", "expected"), rows(RESTING, 3))
def test_a_bracket_that_rests_since_an_earlier_bar(
    mirror: Mirror, bracket: str, bar: str, expected: str
) -> None:
    prices = mirror.bar(bar)
    stop, target = (mirror.price(text) for text in bracket.split("/"))
    exits = match_exits(mirror.other_side, at_open(prices.open), stop, target, prices)
    assert exit_text(mirror, exits) == expected


@MIRRORS
@pytest.mark.parametrize(("members", "bar", "expected", "why"), rows(ONE_OF, 4))
def test_which_of_a_group_fills(mirror: Mirror, members: str, bar: str, expected: str, why: str) -> None:
    terms = []
    for member in (text.strip() for text in members.split(";")):
        term = mirror.terms(member[1:])
        terms.append(term if member[0] == "+" else term._replace(side=mirror.other_side))
    chosen = match_one_of(terms, mirror.bar(bar))
    if chosen is None:
        found = "none"
    else:
        doubt = "?" if chosen[1].is_ambiguous else ""
        found = f"{('1st', '2nd')[chosen[0]]}{doubt} {fill_text(mirror, chosen[1]).split()[0]}"
    assert found == expected, why


@MIRRORS
def test_a_market_order_at_the_close(mirror: Mirror) -> None:
    match = match_order(mirror.terms("market"), mirror.bar("100,104,94,96"), MatchingRule.CLOSE)
    assert isinstance(match, FillMatch)
    assert fill_text(mirror, match) == "96 close"
    assert not match.at_open


def test_in_a_group_an_order_at_the_close_comes_last() -> None:
    bar = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(100))
    terms = [OrderTerms(Side.BUY, OrderType.MARKET), OrderTerms(Side.BUY, OrderType.LIMIT, Decimal(95))]
    chosen = match_one_of(terms, bar, MatchingRule.CLOSE)
    assert chosen is not None
    assert (chosen[0], chosen[1].basis, chosen[1].is_ambiguous) == (1, FillBasis.LIMIT, False)


@MIRRORS
@pytest.mark.parametrize(
    ("bracket", "bar", "strict", "touch"),
    [
        ("95/110", "100,110,96,105", "rests", "110 limit"),
        ("95/110", "110,110,96,105", "rests", "110 open target"),
        ("95/110", "100,110,95,105", "95 stop", "95 stop?"),
    ],
)
def test_a_target_that_is_only_touched(
    mirror: Mirror, bracket: str, bar: str, strict: str, touch: str
) -> None:
    prices = mirror.bar(bar)
    stop, target = (mirror.price(text) for text in bracket.split("/"))
    entry = at_open(prices.open)
    assert exit_text(mirror, match_exits(mirror.other_side, entry, stop, target, prices)) == strict
    touched = match_exits(mirror.other_side, entry, stop, target, prices, limit_touch=True)
    assert exit_text(mirror, touched) == touch


def test_an_order_without_its_price_is_refused() -> None:
    bar = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(100))
    with pytest.raises(ValueError, match="limit order without a price"):
        match_order(OrderTerms(Side.BUY, OrderType.LIMIT), bar)
