"""What is known of the sets of a sweep while it goes on: a row a set, in the order of asking."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qtrader.research.grid import ParameterSet
    from qtrader.research.kernel import KernelResult
    from qtrader.research.sweep_kernel import Wanted
    from qtrader.research.sweep_metrics import Objective


class Gear(IntEnum):
    """What ran a set."""

    REFUSED = 0
    KERNEL = 1
    ENGINE = 2


class Board:
    """Hold sets and what came of them.

    Attributes:
        sets: all that were asked for, but for those that the constraint of a grid left out.
        values: float64[sets, columns of the objective], NaN where a measure does not exist.
        gears: int8[sets] of `Gear`.
        reasons: why a set was refused or left to the engine, by its number.
        left_out: how many a constraint left out before they were numbered.
        verified: the sets of the kernel that the engine has confirmed.
        sweep_seconds: how long all sets took; for display only.
        verify_seconds: how long the verification took; for display only.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.sets: list[ParameterSet] = []
        self.values: NDArray[np.float64] = np.empty((0, len(objective.columns)))
        self.gears: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        self.reasons: dict[int, str] = {}
        self.left_out = 0
        self.verified: set[int] = set()
        self.sweep_seconds = 0.0
        self.verify_seconds = 0.0

    def add(self, sets: Sequence[ParameterSet]) -> int:
        """Add sets and return the number of the first."""
        first = len(self.sets)
        self.sets.extend(sets)
        unknown = np.full((len(sets), len(self.objective.columns)), math.nan)
        self.values = np.concatenate((self.values, unknown)) if first else unknown
        self.gears = np.concatenate((self.gears, np.zeros(len(sets), dtype=np.int8)))
        return first

    def refuse(self, number: int, reason: str) -> None:
        """Keep why a set does not run."""
        self.reasons[number] = reason

    def take(self, block: Sequence[Wanted], found: KernelResult) -> list[int]:
        """Take the kernel's results of a block; return the sets that it does not vouch for."""
        numbers = np.array([one.number for one in block])
        columns = len(self.objective.columns)
        self.values[numbers] = found.metrics[:, :columns]
        self.gears[numbers] = Gear.KERNEL
        left = []
        for one in found.undecided:
            number = int(numbers[one.set])
            self.values[number] = math.nan
            self.gears[number] = Gear.REFUSED
            self.reasons[number] = f"undecided: {one.reason}"
            left.append(number)
        return left

    @property
    def ran(self) -> NDArray[np.int64]:
        """The numbers of the sets that ran, in order."""
        return np.flatnonzero(self.gears)

    @property
    def run_count(self) -> int:
        """How many sets ran."""
        return int(np.count_nonzero(self.gears))

    def is_the_engines(self, number: int) -> bool:
        """Tell whether a set's numbers come from the engine or have been confirmed by it."""
        return number in self.verified or bool(self.gears[number] == Gear.ENGINE)

    def value_of(self, number: int) -> float | None:
        """Return the metric of a set; None where it does not exist."""
        value = float(self.values[number, self.objective.column])
        return None if math.isnan(value) else value

    def ranked(self) -> list[int]:
        """Return the sets that ran, the best first."""
        ran = self.ran
        return [int(ran[place]) for place in self.objective.rank(self.values[ran, self.objective.column])]
