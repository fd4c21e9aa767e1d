"""The first value that a price reaches, against a plain loop."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qtrader.engine.extremes import Extremes


def ignore() -> None:
    """Give nothing back."""


def by_a_loop(values: list[float], start: int, price: float, *, is_maximum: bool) -> int:
    for place in range(start, len(values)):
        if values[place] >= price if is_maximum else values[place] <= price:
            return place
    return len(values)


@st.composite
def series(draw: st.DrawFn) -> list[float]:
    """Draw prices that mostly stand still, with a few others at few places: far ones have to be found."""
    size = draw(st.integers(0, 700) | st.sampled_from([63, 64, 65, 4095, 4096, 4097, 8200, 262_145, 270_000]))
    values = [100.0] * size
    for place, price in draw(
        st.lists(st.tuples(st.integers(0, max(0, size - 1)), st.integers(90, 110)), max_size=6)
    ):
        if size:
            values[place] = float(price)
    return values


@given(series(), st.data(), st.booleans())
def test_it_finds_what_a_loop_finds(values: list[float], data: st.DataObject, is_maximum: bool) -> None:
    column = np.array(values, dtype=np.float64)
    extremes = Extremes(column, None, is_maximum=is_maximum, release=ignore)
    for _ in range(3):
        # One object answers several questions, in any order.
        start = data.draw(st.integers(0, len(values)))
        price = float(data.draw(st.integers(88, 112)))
        expected = by_a_loop(values, start, price, is_maximum=is_maximum)
        assert extremes.first(start, price) == expected


@given(
    st.lists(st.integers(90, 110).map(float), max_size=300),
    st.integers(0, 299),
    st.integers(88, 112),
    st.booleans(),
)
@example([100.0] * 65 + [90.0], 0, 90, False)
def test_rows_that_do_not_count_are_not_found(
    values: list[float], start: int, price: int, is_maximum: bool
) -> None:
    between = np.repeat(np.array(values, dtype=np.float64), 2)
    between[1::2] = inf if is_maximum else -inf
    rows = np.arange(0, len(between), 2)
    extremes = Extremes(between, rows, is_maximum=is_maximum, release=ignore)
    start = min(start, len(values))
    assert extremes.first(start, float(price)) == by_a_loop(values, start, price, is_maximum=is_maximum)


def test_groups_are_read_one_after_another_and_only_as_far_as_is_searched() -> None:
    column = np.full(1_000_000, 100.0)
    column[300_000] = 90.0
    read: list[int] = []
    extremes = Extremes(column, None, is_maximum=False, release=lambda: read.append(1))
    assert extremes.first(0, 100.0) == 0
    assert not read
    assert extremes.first(0, 90.0) == 300_000
    assert len(read) == 2
    assert extremes.first(0, 90.0) == 300_000
    assert len(read) == 2


@pytest.mark.parametrize(("is_maximum", "price"), [(False, -inf), (True, inf)])
def test_a_price_beyond_every_other_is_never_reached(is_maximum: bool, price: float) -> None:
    column = np.arange(1.0, 10_000.0)
    assert Extremes(column, None, is_maximum=is_maximum, release=ignore).first(3, price) == len(column)
