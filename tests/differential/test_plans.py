"""What the peers are given: the crosses, the order prices, and that it is the same every time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from differential.cases import COMMISSION_PERCENT, STRATEGIES, Case, case_of, crosses
from differential.tapes import Tape, random_tape, sample_tapes

BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([10, 10, 10, 10], [0, 0, 0, 0]),
        ([10, 11, 12, 13], [0, 0, 1, 0]),
        ([10, 9, 8, 7], [0, 0, -1, 0]),
        ([10, 11, 12, 9, 8, 12, 14], [0, 0, 1, -1, 0, 1, 0]),
        ([10, 11, 12, 12, 12, 11], [0, 0, 1, 0, 0, -1]),  # level averages keep the side
    ],
)
def test_crosses(closes: list[float], expected: list[int]) -> None:
    assert crosses(closes, fast=1, slow=3) == expected


def tape(*closes: float) -> Tape:
    days = tuple(f"2020-01-{day + 1:02}" for day in range(len(closes)))
    return Tape("t", None, days, closes, closes, closes, closes, fast=1, slow=2, distance=0.01)


UP_DOWN = tape(100, 100, 101, 102, 99, 98)


def plan(case: Case, index: int) -> tuple[float | None, ...]:
    columns = (case.turn, case.enter, case.limit, case.stop, case.stop_loss, case.take_profit)
    return tuple(column[index] for column in columns)


@pytest.mark.parametrize(
    ("strategy", "index", "expected"),
    [
        ("market_long", 2, (1, 1, None, None, None, None)),
        ("market_long", 3, (0, 0, None, None, None, None)),
        ("market_long", 4, (-1, 0, None, None, None, None)),
        ("market_reverse", 4, (-1, -1, None, None, None, None)),
        ("limit", 2, (1, 1, 99.99, None, None, None)),
        ("limit", 3, (0, 1, 100.98, None, None, None)),
        ("limit", 4, (-1, -1, 99.99, None, None, None)),
        ("limit_resting", 3, (0, 0, None, None, None, None)),
        ("stop", 4, (-1, -1, None, 98.01, None, None)),
        ("stop_limit", 2, (1, 1, 101.5, 102.01, None, None)),  # short of the stop
        ("stop_limit", 4, (-1, -1, 97.52, 98.01, None, None)),  # beyond it
        ("market_bracket", 2, (1, 1, None, None, 98.98, 104.03)),
        ("market_bracket", 4, (-1, -1, None, None, 100.98, 96.03)),
        ("limit_bracket", 4, (-1, -1, 99.99, None, 101.99, 96.99)),
    ],
)
def test_the_plan(strategy: str, index: int, expected: tuple[float | None, ...]) -> None:
    assert plan(case_of(UP_DOWN, BY_NAME[strategy], "0"), index) == expected


def test_levels_from_the_open_are_products_of_the_next_open() -> None:
    case = case_of(UP_DOWN, BY_NAME["open_bracket"], "0")
    assert plan(case, 2) == (1, 1, None, None, 102 * (1 - 0.02), 102 * (1 + 0.03))
    assert (case.loss_fraction[2], case.gain_fraction[2]) == (0.02, 0.03)


def test_nobody_enters_where_the_open_gaps_past_a_level_as_seen_from_the_close() -> None:
    case = case_of(tape(100, 100, 101, 110), BY_NAME["open_bracket"], "0")
    assert plan(case, 2) == (1, 0, None, None, None, None)


def test_a_tape_is_the_same_each_time_and_a_valid_one() -> None:
    for seed in range(20):
        made = random_tape(seed)
        assert made == random_tape(seed)
        for opened, high, low, close in zip(made.open, made.high, made.low, made.close, strict=True):
            assert 0 < low <= min(opened, close) <= max(opened, close) <= high
    assert random_tape(0) != random_tape(1)


def test_tapes_have_what_makes_fills_hard() -> None:
    made = random_tape(0)
    rows = list(zip(made.open, made.high, made.low, made.close, strict=True))
    assert sum(high == low for _, high, low, _ in rows) >= 1
    assert sum(opened in (high, low) for opened, high, low, _ in rows) > 20
    gaps = [(before, after) for before, after in pairwise(rows) if after[0] > before[1]]
    assert len(gaps) > 10


def test_the_sample_tapes_are_raw() -> None:
    aapl = next(each for each in sample_tapes() if each.name == "AAPL")
    day = aapl.dates.index("2005-02-28")  # a split of two for one
    assert aapl.open[day] < 0.6 * aapl.close[day - 1]
    assert len(aapl.dates) == 3270


def test_commission_reaches_the_case() -> None:
    case = case_of(UP_DOWN, BY_NAME["market_long"], COMMISSION_PERCENT)
    assert case.to_json()["commission_percent"] == "0.1"
    assert case.name == "t/market_long/0.1%"
