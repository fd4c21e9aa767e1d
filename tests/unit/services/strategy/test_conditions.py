"""Crosses and relations, against a plain loop."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import StrategyError
from qtrader.services.strategy.conditions import crosses, crosses_above, crosses_below, relations, side_of

NUMBERS = st.sampled_from([1.0, 2.0, 3.0, nan])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw two columns of one shape, in either order of memory."""
    shape = draw(st.integers(0, 12)), draw(st.integers(1, 3))
    made = []
    for _ in range(2):
        values = np.array(draw(st.lists(NUMBERS, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])))
        if draw(st.booleans()):
            made.append(values.reshape(shape))
        else:
            made.append(values.reshape(shape[::-1]).T)
    return made[0].astype(np.float64), made[1].astype(np.float64)


def by_a_loop(fast: Any, slow: Any, held: list[int]) -> Any:
    found = np.zeros(fast.shape, dtype=np.int8)
    for symbol in range(fast.shape[1]):
        last = held[symbol]
        for time in range(len(fast)):
            if fast[time, symbol] > slow[time, symbol]:
                last = 1
            elif fast[time, symbol] < slow[time, symbol]:
                last = -1
            found[time, symbol] = last
    return found


@given(pairs(), st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3))
def test_what_held_before_holds_on(pair: tuple[Any, Any], held: list[int]) -> None:
    fast, slow = pair
    before = np.array(held[: fast.shape[1]], dtype=np.int8)
    expected = by_a_loop(fast, slow, held)
    assert relations(fast, slow, before).tolist() == expected.tolist()
    assert side_of(fast, slow).columns().tolist() == by_a_loop(fast, slow, [0, 0, 0]).tolist()
    previous = np.vstack((before[None, :], expected))[:-1]
    up, down = (expected == 1) & (previous == -1), (expected == -1) & (previous == 1)
    assert crosses_above(fast, slow).columns(before).tolist() == up.tolist()
    assert crosses_below(fast, slow).columns(before).tolist() == down.tolist()
    assert crosses(fast, slow).columns(before).tolist() == (up | down).tolist()


def test_a_touch_is_no_cross_and_the_first_side_is_none_either() -> None:
    fast = np.array([[nan], [2.0], [1.0], [2.0], [1.0], [1.0], [0.0], [2.0]])
    slow = np.ones((8, 1))
    assert np.flatnonzero(crosses(fast, slow).columns()).tolist() == [6, 7]


@pytest.mark.parametrize(
    ("fast", "slow", "message"),
    [
        (np.ones(3), np.ones(3), r"the first is float64\[3\]"),
        (np.ones((3, 1)), np.ones((3, 1), dtype=np.float32), r"the second is float32\[3, 1\]"),
        (np.ones((3, 1)), [1.0], "the second is list"),
        (np.ones((3, 1)), np.ones((3, 2)), r"found \[3, 1\] and \[3, 2\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(fast: Any, slow: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        crosses(fast, slow)
