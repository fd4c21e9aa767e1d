"""The sets that a grid or a list stands for, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import ConfigError
from qtrader.research.grid import asked_sets, identity_of, value_identity


def test_the_last_parameter_varies_fastest() -> None:
    found = asked_sets({"fast": range(5, 9, 2), "slow": [50, 100], "allow_short": True})
    assert [tuple(one.values()) for one in found.sets] == [
        (5, 50, True),
        (5, 100, True),
        (7, 50, True),
        (7, 100, True),
    ]
    assert all(list(one) == ["fast", "slow", "allow_short"] for one in found.sets)
    assert found.left_out == 0


def test_a_constraint_leaves_sets_out_and_counts_them() -> None:
    found = asked_sets({"fast": [5, 50], "slow": [20, 60]}, lambda p: p["fast"] < p["slow"])
    assert found.sets == ({"fast": 5, "slow": 20}, {"fast": 5, "slow": 60}, {"fast": 50, "slow": 60})
    assert found.left_out == 1


def test_a_list_of_sets_keeps_its_order_and_its_own_parameters() -> None:
    found = asked_sets([{"slow": 60, "fast": 5}, {"fast": 7}])
    assert found.sets == ({"slow": 60, "fast": 5}, {"fast": 7})


def test_numbers_of_numpy_become_pythons() -> None:
    (first, *_) = asked_sets({"n": np.arange(2), "x": np.linspace(0, 1, 3), "b": [np.True_]}).sets
    assert {name: type(value) for name, value in first.items()} == {"n": int, "x": float, "b": bool}


GRIDS = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), min_size=1
)


@given(GRIDS)
def test_every_combination_stands_there_once(grid: dict[str, list[int]]) -> None:
    found = asked_sets(grid).sets
    size = 1
    for values in grid.values():
        size *= len(values)
    assert len(found) == len({identity_of(one) for one in found}) == size
    # As nested loops: sorted by the places of the values.
    places = [[grid[name].index(value) for name, value in one.items()] for one in found]
    assert places == sorted(places)


def boom(_: Any) -> bool:
    return bool({}["slwo"])


# what is asked for → what the message says
BAD: list[tuple[Any, Any, str]] = [
    ({}, None, "the grid is empty"),
    ([], None, "the list of sets is empty"),
    ({"fast": []}, None, "fast has no value"),
    ({"fast": [5, 6, 5]}, None, "fast: 5 stands at places 1 and 3"),
    ({"fast": [5, 5.0]}, None, "fast: 5.0 stands at places 1 and 2"),
    ({"fast": {5, 6}}, None, "fast: a set has no order"),
    ({5: [1]}, None, "a parameter is named 5"),
    ({"a": range(10_000), "b": range(10_000)}, None, "a (10,000) x b (10,000) are 100,000,000 sets"),
    ({"a": iter(int, 1)}, None, "a: 0 stands at places 1 and 2"),
    ([{"fast": 5}, {"fast": 6}, {"fast": 5}], None, "sets 0 and 2 are the same: fast=5"),
    ([{"fast": 5}, 7], None, "set 1 is 7"),
    (5, None, "parameters is a int"),
    ({"fast": [5]}, boom, "the constraint failed for fast=5: KeyError: 'slwo'"),
    ({"fast": [5, 6]}, lambda _: False, "the constraint leaves none of 2 sets"),
]


@pytest.mark.parametrize(("asked", "constraint", "message"), BAD)
def test_bad_input_is_named(asked: Any, constraint: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked_sets(asked, constraint)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [(10, 10.0, True), (1, True, False), ("10", 10, False), (0.1, 0.1, True), (0.0, -0.0, True)],
)
def test_equal_values_are_one_value(one: Any, other: Any, is_same: bool) -> None:
    assert (value_identity(one) == value_identity(other)) is is_same
