"""Conditions between two columns, said once and evaluated where they are needed.

A condition holds the two columns that it compares and nothing else. The engine asks for its column of truths;
a sweep compares the columns while it runs through them, without a column in between.

Two columns stand in one of two relations, above or below. Where they are equal, or one of them is NaN, the
relation of the bar before still holds, so that a touch is no cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from qtrader.errors import StrategyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Booleans = NDArray[np.bool_]
    Sides = NDArray[np.int8]


_FLOAT: Final = np.dtype(np.float64)


class Direction(IntEnum):
    """Which crosses count."""

    BELOW = -1
    EITHER = 0
    ABOVE = 1


@dataclass(frozen=True, eq=False)
class Cross:
    """True where one column crosses another.

    Args:
        fast: float64[time, symbol], the column that crosses.
        slow: float64[time, symbol], the column that is crossed.
        direction: the crosses that count.

    Raises:
        StrategyError: the columns are not float64 of the same two dimensions.
    """

    fast: Floats
    slow: Floats
    direction: Direction

    def __post_init__(self) -> None:
        """Refuse columns that cannot be compared."""
        check_pair("a cross", self.fast, self.slow)

    def relations(self, held: Sides | None = None) -> Sides:
        """Return how its columns stand to each other, int8[time, symbol]."""
        return relations(self.fast, self.slow, held)

    def columns(self, held: Sides | None = None) -> Booleans:
        """Evaluate it: bool[time, symbol], `held` being the relation before the first row, 0 without."""
        return self.among(self.relations(held), held)

    def among(self, relation: Sides, held: Sides | None = None) -> Booleans:
        """Evaluate it where the relations of its columns are known already."""
        before = np.empty_like(relation)
        before[:1] = 0 if held is None else held
        before[1:] = relation[:-1]
        if self.direction is Direction.EITHER:
            crossed: Booleans = (relation != before) & (before != 0)
        else:
            side = np.int8(self.direction)
            crossed = (relation == side) & (before == -side)
        return crossed


@dataclass(frozen=True, eq=False)
class Relation:
    """A side by the relation of two columns: +1 where the first is above, -1 where it is below.

    Args:
        fast: float64[time, symbol].
        slow: float64[time, symbol].

    Raises:
        StrategyError: the columns are not float64 of the same two dimensions.
    """

    fast: Floats
    slow: Floats

    def __post_init__(self) -> None:
        """Refuse columns that cannot be compared."""
        check_pair("a relation", self.fast, self.slow)

    def relations(self, held: Sides | None = None) -> Sides:
        """Return how its columns stand to each other, int8[time, symbol]."""
        return relations(self.fast, self.slow, held)

    def columns(self, held: Sides | None = None) -> Sides:
        """Evaluate it: int8[time, symbol], before the columns have differed `held`, 0 without."""
        return self.among(self.relations(held))

    def among(self, relation: Sides, held: Sides | None = None) -> Sides:  # noqa: ARG002 - as of a cross
        """Evaluate it where the relations of its columns are known already."""
        return relation


def crosses_above(fast: Floats, slow: Floats) -> Cross:
    """Return the condition that is true where `fast` goes from below `slow` to above it."""
    return Cross(fast, slow, Direction.ABOVE)


def crosses_below(fast: Floats, slow: Floats) -> Cross:
    """Return the condition that is true where `fast` goes from above `slow` to below it."""
    return Cross(fast, slow, Direction.BELOW)


def crosses(fast: Floats, slow: Floats) -> Cross:
    """Return the condition that is true where `fast` crosses `slow` in either direction."""
    return Cross(fast, slow, Direction.EITHER)


def side_of(fast: Floats, slow: Floats) -> Relation:
    """Return the side that is long where `fast` is above `slow` and short where it is below."""
    return Relation(fast, slow)


def relations(fast: Floats, slow: Floats, held: Sides | None = None) -> Sides:
    """Return +1 where `fast` is above, -1 where it is below, else what held before.

    Args:
        fast: float64[time, symbol].
        slow: float64[time, symbol].
        held: what held before the first row, int8[symbol]; 0 without.
    """
    above = fast > slow
    relation: Sides = above.view(np.int8)
    relation -= (fast < slow).view(np.int8)
    # By symbol, one after another: a view where the columns lie so in memory.
    series = relation.T.reshape(-1)
    undecided = np.flatnonzero(series == 0)
    if len(undecided):
        rows = len(relation)
        begins = np.empty(len(undecided), dtype=np.bool_)
        begins[0] = True
        np.not_equal(undecided[1:], undecided[:-1] + 1, out=begins[1:])
        begins |= undecided % rows == 0
        starts = undecided[begins]
        before = series[starts - 1]
        first = starts % rows == 0
        before[first] = 0 if held is None else held[starts[first] // rows]
        series[undecided] = before[np.cumsum(begins) - 1]
        relation = series.reshape(relation.T.shape).T
    return relation


def check_pair(what: str, fast: Floats, slow: Floats) -> None:
    """Refuse what is not two float64 columns of one shape.

    Raises:
        StrategyError: naming what was found.
    """
    are_arrays = type(fast) is np.ndarray and type(slow) is np.ndarray
    if are_arrays and fast.dtype is slow.dtype is _FLOAT and fast.ndim == 2 and fast.shape == slow.shape:
        return
    for name, column in (("first", fast), ("second", slow)):
        if not isinstance(column, np.ndarray) or column.dtype != np.float64 or column.ndim != 2:
            is_array = isinstance(column, np.ndarray)
            found = f"{column.dtype}{list(column.shape)}" if is_array else type(column).__name__
            msg = f"{what} compares two columns float64[time, symbol]; the {name} is {found}"
            raise StrategyError(msg)
    if fast.shape != slow.shape:
        msg = f"{what} compares two columns of one shape; found {list(fast.shape)} and {list(slow.shape)}"
        raise StrategyError(msg)
