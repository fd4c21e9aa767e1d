"""Crosses against an independent computation on whole columns with NumPy, and against a table."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.factories import Ledger, tape_of
from tests.unit.services.strategy.stage import Stage

from qtrader.errors import ConfigError
from qtrader.libraries.strategies import SMADualCrossStrategy
from qtrader.market.tape import Tape
from qtrader.market.universe import Membership, Universe


def crosses(closes: list[float], fast: int, slow: int) -> list[tuple[int, bool]]:
    """Give (day, is above) of each cross by definition: the difference of two means has changed its sign."""
    values = np.array(closes)
    day = np.arange(slow, len(values) + 1)
    means = [np.array([values[stop - window : stop].mean() for stop in day]) for window in (fast, slow)]
    difference = means[0] - means[1]
    # A tie is decided by rounding, which is not what this test is about.
    assume(np.all(np.abs(difference) > 1e-9))
    signs = np.sign(difference)
    changed = np.flatnonzero(signs[1:] != signs[:-1]) + 1
    return [(int(day[place]), bool(signs[place] > 0)) for place in changed]


def said(tape: Tape, **stage: Any) -> list[tuple[int, str]]:
    """Give (day, intention) of each signal, with a position that follows the signals at once."""
    strategy = stage.pop("strategy")
    ledger = Ledger("1000000", AAPL="100")
    play = Stage(strategy, tape, ledger=ledger, **stage).start()
    told: list[tuple[int, str]] = []
    for day in range(1, 32):
        before = len(play.signals)
        play.play(day)
        for signal in play.signals[before:]:
            told.append((day, signal.intention.value))
            held = ledger.account.quantity("sma", "AAPL")
            if held:
                ledger.flatten("100")
            if signal.intention.value.startswith("open"):
                ledger.trade("1" if signal.intention.value == "open_long" else "-1", "100")
    return told


closes_lists = st.lists(st.integers(5_000, 20_000).map(lambda cents: cents / 100), min_size=8, max_size=31)


@settings(deadline=None)
@given(closes_lists, st.integers(1, 4), st.integers(1, 4))
def test_shorts_and_longs_follow_every_cross(closes: list[float], fast: int, more: int) -> None:
    expected = crosses(closes, fast, fast + more)
    strategy = SMADualCrossStrategy(fast=fast, slow=fast + more, allow_short=True)
    words = {True: "open_long", False: "open_short"}
    assert said(tape_of({"AAPL": closes}), strategy=strategy) == [
        (day, words[above]) for day, above in expected
    ]


@settings(deadline=None)
@given(closes_lists, st.integers(1, 4), st.integers(1, 4))
def test_without_shorts_it_only_closes_what_is_held(closes: list[float], fast: int, more: int) -> None:
    expected: list[tuple[int, str]] = []
    for day, above in crosses(closes, fast, fast + more):
        if above:
            expected.append((day, "open_long"))
        elif expected:
            expected.append((day, "close_long"))
    strategy = SMADualCrossStrategy(fast=fast, slow=fast + more)
    assert said(tape_of({"AAPL": closes}), strategy=strategy) == expected


# Averages of 1 and 2: above when the close rises, below when it falls.
TABLE = [
    ("rising from the start is no cross", [1, 2, 3, 4], []),
    ("falling from the start is no cross", [4, 3, 2, 1], []),
    ("the first turn up opens", [3, 2, 3, 4], [(3, "open_long")]),
    ("the next turn down closes", [3, 2, 3, 2], [(3, "open_long"), (4, "close_long")]),
    ("standing still is no cross", [3, 2, 3, 3, 4], [(3, "open_long")]),
    ("nor is touching and falling again", [3, 2, 2, 1], []),
    ("a turn down with nothing held says nothing", [2, 3, 2, 1], []),
    ("too few bars say nothing", [3], []),
]


@pytest.mark.parametrize(("name", "closes", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_crosses_a_trader_can_read(name: str, closes: list[float], expected: list[tuple[int, str]]) -> None:
    strategy = SMADualCrossStrategy(fast=1, slow=2)
    assert said(tape_of({"AAPL": [float(close) for close in closes]}), strategy=strategy) == expected


@settings(deadline=None)
@given(closes_lists, st.integers(2, 7), st.sampled_from([2.0, 4.0, 0.5]))
def test_a_split_is_no_cross(closes: list[float], split_day: int, ratio: float) -> None:
    # Powers of two divide and multiply without rounding, so that both tapes have the same signal series.
    raw = [close if day < split_day else close / ratio for day, close in enumerate(closes, 1)]
    factors = [1.0 if day < split_day else ratio for day in range(1, len(closes) + 1)]
    with_split = tape_of({"AAPL": raw}, factors={"AAPL": factors})
    strategy = SMADualCrossStrategy(fast=2, slow=4, allow_short=True)
    assert said(with_split, strategy=strategy) == said(tape_of({"AAPL": closes}), strategy=strategy)


def test_symbols_do_not_disturb_each_other() -> None:
    up, down = [3.0, 2.0, 3.0, 4.0], [2.0, 3.0, 2.0, 1.0]
    stage = Stage(SMADualCrossStrategy(fast=1, slow=2, allow_short=True), tape_of({"AAPL": up, "MSFT": down}))
    stage.start().play()
    assert [(s.symbol, s.occurred_at.day, s.intention.value) for s in stage.signals] == [
        ("AAPL", 3, "open_long"),
        ("MSFT", 3, "open_short"),
    ]


def test_a_symbol_that_joins_the_universe_later_is_followed_too() -> None:
    universe = Universe([Membership("AAPL", date(2024, 1, 1)), Membership("MSFT", date(2024, 1, 3))])
    tape = tape_of({"AAPL": [1.0, 2.0, 3.0], "MSFT": [3.0, 2.0, 3.0]})
    stage = Stage(SMADualCrossStrategy(fast=1, slow=2), tape, universe=universe).start().play()
    assert [(signal.symbol, signal.occurred_at.day) for signal in stage.signals] == [("MSFT", 3)]


def test_a_second_run_starts_from_nothing() -> None:
    strategy = SMADualCrossStrategy(fast=1, slow=2)
    tape = tape_of({"AAPL": [3.0, 2.0, 3.0]})
    assert said(tape, strategy=strategy) == said(tape, strategy=strategy) == [(3, "open_long")]


def test_the_reason_says_which_averages_crossed() -> None:
    stage = Stage(SMADualCrossStrategy(fast=1, slow=2), tape_of({"AAPL": [3.0, 2.0, 3.5]})).start().play()
    assert stage.signals[0].reason == "SMA(1) 3.5 crossed above SMA(2) 2.75"


@pytest.mark.parametrize(("fast", "slow"), [(0, 5), (5, 5), (6, 5), (-1, 5)])
def test_windows_that_make_no_sense_are_refused_when_it_is_made(fast: int, slow: int) -> None:
    found = rf"fast is {fast} and slow is {slow}; allowed is 0 < fast < slow"
    with pytest.raises(ConfigError, match=found):
        SMADualCrossStrategy(fast=fast, slow=slow)
