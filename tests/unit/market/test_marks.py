"""Marks around splits, by the clock: what one unit is worth at each step."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.factories import at_us, split, tape_of

from qtrader.market.marks import Marks
from qtrader.market.tape import Tape

# AAPL splits 2 for 1 before the session of day 3; MSFT trades on.
TAPE = tape_of({"AAPL": [100.0, 102.0, 51.5, 52.0], "MSFT": [20.0, 21.0, 22.0, 23.0]})
LATE = tape_of({"AAPL": [100.0, 102.0, 51.5], "MSFT": [20.0, 21.0, 22.0, 23.0]}, days={"AAPL": [1, 2, 4]})


def marks_at(day: int, hour: int = 21, tape: Tape = TAPE) -> Marks:
    marks = Marks(tape)
    marks.look(at_us(day, hour))
    return marks


def test_a_mark_is_the_last_close_known() -> None:
    marks = Marks(TAPE)
    assert marks.mark("AAPL") is None
    steps = [((1, 20), None), ((1, 21), "100.0"), ((2, 20), "100.0"), ((2, 21), "102.0"), ((4, 21), "52.0")]
    for (day, hour), expected in steps:
        marks.look(at_us(day, hour))
        assert marks.mark("AAPL") == (None if expected is None else Decimal(expected))


def test_looking_back_changes_nothing() -> None:
    marks = marks_at(2)
    marks.look(at_us(1))
    marks.look_at_rows(at_us(1), 0)
    assert marks.mark("AAPL") == Decimal(102)


def test_rows_known_may_be_said_instead_of_an_instant() -> None:
    marks = Marks(TAPE)
    marks.look_at_rows(at_us(2), 4)
    assert (marks.mark("AAPL"), marks.mark("MSFT")) == (Decimal(102), Decimal(21))


def test_a_split_divides_the_mark_until_the_next_bar_has_closed() -> None:
    marks = marks_at(2)
    marks.on_corporate_action(split("2", day=3))
    assert marks.mark("AAPL") == Decimal(51)
    assert marks.mark("MSFT") == Decimal(21)
    marks.look(at_us(3, 20))
    assert marks.mark("AAPL") == Decimal(51)
    marks.look(at_us(3))
    assert marks.mark("AAPL") == Decimal("51.5")
    marks.look(at_us(4))
    assert marks.mark("AAPL") == Decimal(52)


def test_equity_does_not_jump_whichever_the_ratio() -> None:
    marks = marks_at(2)
    before = marks.mark("AAPL")
    marks.on_corporate_action(split("7", day=3))
    after = marks.mark("AAPL")
    assert before is not None
    assert after is not None
    assert abs(after * 7 - before) < Decimal("1e-20")


def test_two_splits_before_the_next_bar_multiply() -> None:
    marks = marks_at(2)
    marks.on_corporate_action(split("2", day=3, hour=13))
    marks.on_corporate_action(split("3", day=3, hour=14))
    assert marks.mark("AAPL") == Decimal(17)
    marks.look(at_us(3))
    assert marks.mark("AAPL") == Decimal("51.5")


def test_a_second_split_after_the_next_bar_forgets_the_first() -> None:
    marks = marks_at(2)
    marks.on_corporate_action(split("2", day=3))
    marks.look(at_us(3))
    marks.on_corporate_action(split("5", day=4))
    assert marks.mark("AAPL") == Decimal("10.3")


def test_a_split_holds_while_other_symbols_trade_on() -> None:
    marks = marks_at(2, tape=LATE)
    marks.on_corporate_action(split("2", day=3))
    marks.look(at_us(3))
    assert (marks.mark("AAPL"), marks.mark("MSFT")) == (Decimal(51), Decimal(22))
    marks.look(at_us(4))
    assert marks.mark("AAPL") == Decimal("51.5")


@pytest.mark.parametrize("looked", [None, 1])
def test_a_split_counts_from_its_own_instant_even_if_nobody_has_looked_lately(looked: int | None) -> None:
    # Between instants with work nobody looks; the split must still divide the close of day 2, and hold on
    # until AAPL trades again.
    marks = Marks(LATE)
    if looked is not None:
        marks.look(at_us(looked))
    marks.on_corporate_action(split("2", day=3))
    assert marks.mark("AAPL") == Decimal(51)
    marks.look_at_rows(at_us(3), 5)
    assert marks.mark("AAPL") == Decimal(51)
    marks.look_at_rows(at_us(4), 7)
    assert marks.mark("AAPL") == Decimal("51.5")


def test_a_split_before_the_first_bar_changes_no_mark() -> None:
    marks = Marks(TAPE)
    marks.on_corporate_action(split("2", day=1))
    assert marks.mark("AAPL") is None
    marks.look(at_us(1))
    assert marks.mark("AAPL") == Decimal(100)
