"""The reading head gives every row once, in order, however it is interrupted."""

from __future__ import annotations

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import closes, hourly

from qtrader.engine import cursor as module
from qtrader.engine.cursor import BarCursor
from qtrader.market.tape_build import build_tape

TAPE = build_tape([hourly(closes(*range(100, 130)))])
BARS = list(TAPE.bars(run_id="r"))


def test_all_rows_at_once() -> None:
    head = BarCursor(TAPE, "r")
    assert head.row == 0
    assert head.take_all(30) == BARS
    assert (head.row, head.take_all(30), list(head.take(30))) == (30, [], [])


def test_a_loop_may_leave_early_and_go_on() -> None:
    head = BarCursor(TAPE, "r")
    first = []
    for bar in head.take(20):
        first.append(bar)
        if len(first) == 7:
            break
    assert head.row == 7
    assert first + head.take_all(30) == BARS


def test_rows_may_be_left_out() -> None:
    head = BarCursor(TAPE, "r")
    assert head.take_all(2) == BARS[:2]
    head.seek(10)
    assert head.row == 10
    assert head.take_only([11, 13], 15) == [BARS[11], BARS[13]]
    assert head.take_exactly(18) == BARS[15:18]
    assert head.take_all(20) == BARS[18:20]
    assert head.take_only([], 25) == []
    assert head.take_all(30) == BARS[25:]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=12))
def test_blocks_and_interruptions_do_not_show(block: int, steps: list[tuple[int, int]]) -> None:
    """Each step asks for the rows up to so many further on, and takes only some of them."""
    before = module._BLOCK_ROWS
    module._BLOCK_ROWS = block
    try:
        head, found = BarCursor(TAPE, "r"), []
        for ahead, taken in steps:
            stop = min(head.row + ahead, len(TAPE))
            found += list(islice(head.take(stop), taken))
            assert head.row == len(found) <= len(TAPE)
        assert found + head.take_all(len(TAPE)) == BARS
    finally:
        module._BLOCK_ROWS = before
