"""Samplers: random sets that can be drawn again, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from qtrader.errors import ConfigError
from qtrader.research.grid import identity_of
from qtrader.research.sampling import RandomSampler, Reals, Sampler

RANGES = {"fast": range(5, 45), "slow": [50, 100, 200]}


def test_the_same_seed_draws_the_same_sets_and_another_draws_others() -> None:
    first, again, other = (RandomSampler(20, seed, RANGES).ask() for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert len({identity_of(one) for one in first}) == 20
    assert all(one["fast"] in RANGES["fast"] and one["slow"] in RANGES["slow"] for one in first)


def test_sets_are_asked_for_once() -> None:
    sampler = RandomSampler(3, 1, RANGES)
    assert isinstance(sampler, Sampler)
    assert len(sampler.ask()) == 3
    assert list(sampler.ask()) == []


def test_all_of_a_small_space_can_be_drawn() -> None:
    drawn = RandomSampler(120, 3, RANGES).ask()
    assert len({identity_of(one) for one in drawn}) == 120


def test_a_constraint_is_met_by_every_draw() -> None:
    sampler = RandomSampler(
        19, 3, {"a": range(20), "b": range(20)}, constraint=lambda p: p["a"] == p["b"] + 1
    )
    assert {one["a"] - one["b"] for one in sampler.ask()} == {1}


def test_real_numbers_lie_in_their_range_and_by_logarithms_evenly() -> None:
    drawn = RandomSampler(
        2_000, 5, {"x": Reals(1.0, 100.0, is_logarithmic=True), "y": Reals(-1.0, 1.0)}
    ).ask()
    assert all(1.0 <= one["x"] < 100.0 and -1.0 <= one["y"] < 1.0 for one in drawn)
    below = sum(one["x"] < 10.0 for one in drawn) / len(drawn)
    assert math.isclose(below, 0.5, abs_tol=0.05)  # four standard errors of 2,000 draws
    assert math.isclose(sum(one["y"] for one in drawn) / len(drawn), 0.0, abs_tol=0.06)


# arguments → what the message says
BAD: list[tuple[Any, str]] = [
    (lambda: RandomSampler(0, 1, RANGES), "n is 0"),
    (lambda: RandomSampler(True, 1, RANGES), "n is True"),
    (lambda: RandomSampler(1, 1, {}), "ranges is empty"),
    (lambda: RandomSampler(121, 1, RANGES), "n is 121, but the ranges have only 120 different sets"),
    (lambda: RandomSampler(1, 1, {"a": 5}), "a is 5"),
    (lambda: RandomSampler(1, 1, {"a": []}), "a has no value"),
    (lambda: RandomSampler(1, 1, {"a": [1, 1]}), "a has a value twice"),
    (lambda: Reals(1.0, 1.0), "the first one the smaller"),
    (lambda: Reals(0.0, math.inf), "finite"),
    (lambda: Reals(0.0, 1.0, is_logarithmic=True), "low must be positive"),
    (
        lambda: RandomSampler(2, 1, {"a": range(10)}, constraint=lambda p: p["a"] == 3).ask(),
        "only 1 different sets were found",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_input_is_named(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert message in str(refused.value)
