"""The reference count, against a loop that a trader would write, and the fused loop against both."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks import reference, synthetic
from benchmarks.peers.adapter import Cross, EveryBar, crosses, pairs, pairs_of
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence


def looped_fills(cents: Sequence[int], fast: int, slow: int) -> int:
    """Walk the closes, keep exact means, buy and sell at the next bar's open."""
    fills, is_long, was_above, waits = 0, False, None, False
    for place in range(len(cents)):
        fills += waits
        waits = False
        if place + 1 < slow:
            continue
        short = Fraction(sum(cents[place + 1 - fast : place + 1]), fast)
        long = Fraction(sum(cents[place + 1 - slow : place + 1]), slow)
        if short == long:
            continue
        is_above = short > long
        if was_above is not None and is_above is not was_above and is_above is not is_long:
            waits, is_long = True, is_above
        was_above = is_above
    return fills


@settings(max_examples=100)
@given(
    cents=st.lists(st.integers(95, 105), min_size=1, max_size=60),
    fast=st.integers(1, 4),
    more=st.integers(1, 6),
)
def test_the_count_is_that_of_a_loop(cents: list[int], fast: int, more: int) -> None:
    close = np.array(cents, dtype=np.float64)[:, None] / 100

    assert reference.cross_fills(close, fast, fast + more) == looped_fills(cents, fast, fast + more)


def test_symbols_are_counted_on_their_own() -> None:
    parts = [synthetic.columns("A", 600, seed=seed).close for seed in (1, 2, 3)]

    together = reference.cross_fills(np.stack(parts, axis=1))

    assert together == sum(reference.cross_fills(part[:, None]) for part in parts)
    assert together > 30


def test_a_cross_at_the_last_close_fills_nothing() -> None:
    close = np.array([[2.0], [1.0], [3.0]])

    ups, _ = crosses(close, 1, 2)

    assert ups[:, 0].tolist() == [False, False, True]
    assert reference.cross_fills(close, 1, 2) == 0
    assert reference.cross_fills(np.vstack([close, [[3.0]]]), 1, 2) == 1


def test_the_logic_that_callback_peers_are_given_crosses_where_the_arrays_do() -> None:
    close = synthetic.columns("A", 2_000, seed=4).close
    cross = Cross()

    moves = [cross.update(price) for price in close.tolist()]

    ups, downs = crosses(close[:, None])
    assert [move == 1 for move in moves] == ups[:, 0].tolist()
    assert [move == -1 for move in moves] == downs[:, 0].tolist()


def test_every_bar_alternates() -> None:
    every = EveryBar()

    assert [every.update(1.0) for _ in range(4)] == [1, -1, 1, -1]
    assert reference.every_bar_fills(4) == 3


def test_the_pairs_are_those_of_the_workload() -> None:
    found = pairs()

    assert (found[0], found[-1], len(found)) == ((5, 50), (43, 240), 400)
    assert len(set(found)) == 400
    assert [len(pairs_of({"sets": str(sets)})) for sets in (1, 4, 16, 400)] == [1, 4, 16, 400]


@pytest.mark.parametrize(("symbols", "interval"), [(1, "1m"), (3, "1d")])
def test_the_fused_loop_fills_as_the_reference(symbols: int, interval: str) -> None:
    fused = pytest.importorskip("benchmarks.fused")
    made = [
        synthetic.columns(name, 700, seed=place + 5, interval=interval)
        for place, name in enumerate(synthetic.names(symbols))
    ]
    opened, close = (np.stack([getattr(each, name) for each in made]) for name in ("open", "close"))
    chosen = [(5, 50), (9, 60), (10, 50)]

    found = fused.sweep(opened, close, chosen)

    for (earned, fills), (fast, slow) in zip(found.tolist(), chosen, strict=True):
        assert fills == reference.cross_fills(close.T, fast, slow) > 0
        ups, downs = crosses(close.T, fast, slow)
        assert earned == pytest.approx(earned_by(ups, downs, opened.T, close.T), abs=1e-6)


def earned_by(ups: np.ndarray, downs: np.ndarray, opened: np.ndarray, close: np.ndarray) -> float:
    """Add up cash and the last value of what is held, trade by trade."""
    total = 0.0
    for symbol in range(close.shape[1]):
        cash, held = 0.0, 0
        for bar in range(1, len(close)):
            price = opened[bar, symbol]
            if ups[bar - 1, symbol]:
                cash, held = cash - 100 * price * 1.001, held + 100
            elif downs[bar - 1, symbol] and held:
                cash, held = cash + 100 * price * 0.999, held - 100
        total += cash + held * close[-1, symbol]
    return total
