"""Samplers: what chooses the sets of a sweep where not every combination is run.

A sampler is asked for sets until it has none, and told what came of each. So whatever searches by itself
(Bayesian, evolutionary, by hand) can be put behind it; a set that is asked for again is not run again, its
outcome is told again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol, runtime_checkable

from qtrader.errors import ConfigError
from qtrader.research.grid import (
    MOST_SETS,
    Constraint,
    ParameterSet,
    identity_of,
    is_wanted,
    plain,
    value_identity,
)

#: Spaces of up to so many sets are numbered and shuffled, so that no draw is in vain.
_NUMBERED: Final = MOST_SETS
#: Draws in a row from a larger space that may give nothing new before it counts as exhausted.
_VAIN_DRAWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a set that a sampler asked for.

    Attributes:
        parameters: the set, as it was asked for.
        value: the metric; None where it does not exist or the set was refused.
        refused: why the strategy or the constraint refused the set; None where it ran.
    """

    parameters: Mapping[str, Any]
    value: float | None
    refused: str | None = None


@runtime_checkable
class Sampler(Protocol):
    """Choose sets, knowing what came of earlier ones."""

    def ask(self) -> Sequence[Mapping[str, Any]]:
        """Return the sets to run next, together; none where the search has ended."""
        ...

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Hear what came of the sets last asked for, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Reals:
    """Real numbers from `low` up to but without `high`, evenly or by their logarithms.

    Raises:
        ConfigError: the range is empty, not finite, or has no logarithm.
    """

    low: float
    high: float
    is_logarithmic: bool = False

    def __post_init__(self) -> None:
        """Refuse a range that nothing can be drawn from."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            msg = f"Reals({self.low!r}, {self.high!r}): allowed are finite numbers, the first one the smaller"
            raise ConfigError(msg)
        if self.is_logarithmic and self.low <= 0:
            msg = f"Reals({self.low!r}, {self.high!r}): by logarithms, low must be positive"
            raise ConfigError(msg)

    def draw(self, generator: Random) -> float:
        """Draw one."""
        part = generator.random()
        if self.is_logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            return min(
                max(math.exp(low + (high - low) * part), self.low), math.nextafter(self.high, self.low)
            )
        return min(self.low + (self.high - self.low) * part, math.nextafter(self.high, self.low))


class RandomSampler:
    """Draw sets at random, each once; the same seed draws the same sets on every machine.

    Args:
        n: how many sets.
        seed: decides what is drawn.
        ranges: what each parameter is drawn from: a range, a list of values, or `Reals(low, high)`.
        constraint: says of a set whether it is wanted; others are drawn again.

    Raises:
        ConfigError: a range is empty, or there are not `n` different sets.

    Example:
        >>> RandomSampler(2, seed=1, ranges={"fast": range(5, 45), "slow": [50, 100, 200]}).ask()
        [{'fast': 22, 'slow': 50}, {'fast': 37, 'slow': 100}]
    """

    def __init__(
        self, n: int, seed: int, ranges: Mapping[str, Any], *, constraint: Constraint | None = None
    ) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or not 0 < n <= MOST_SETS:
            msg = f"RandomSampler: n is {n!r}; allowed are 1 to {MOST_SETS:,}"
            raise ConfigError(msg)
        if not ranges:
            msg = "RandomSampler: ranges is empty; name at least one parameter"
            raise ConfigError(msg)
        self._count = n
        self._generator = Random(seed)  # noqa: S311 - chance that must be repeatable, not secret
        self._ranges = {name: _range(name, given) for name, given in ranges.items()}
        self._constraint = constraint
        self._is_done = False
        self._possible = math.prod(
            math.inf if isinstance(one, Reals) else len(one) for one in self._ranges.values()
        )
        if self._possible < n:
            msg = (
                f"RandomSampler: n is {n:,}, but the ranges have only {int(self._possible):,} different sets"
            )
            raise ConfigError(msg)

    def ask(self) -> list[ParameterSet]:
        """Return all sets at once; none the second time.

        Raises:
            ConfigError: the constraint does not leave as many.
        """
        if self._is_done:
            return []
        self._is_done = True
        found: dict[tuple[Any, ...], ParameterSet] = {}
        vain = 0
        for drawn in self._draws():
            if (vain == _VAIN_DRAWS and self._possible > _NUMBERED) or len(found) == self._count:
                break
            before = len(found)
            if self._constraint is None or is_wanted(self._constraint, drawn):
                found.setdefault(identity_of(drawn), drawn)
            vain = 0 if len(found) > before else vain + 1
        if len(found) < self._count:
            msg = (
                f"RandomSampler: n is {self._count:,}, but only {len(found):,} different sets were found "
                "that the constraint allows"
            )
            raise ConfigError(msg)
        return list(found.values())

    def _draws(self) -> Iterator[ParameterSet]:
        """Draw sets: each once where there are few enough to number them, else again and again."""
        generator = self._generator
        if self._possible <= _NUMBERED:
            values = {name: one for name, one in self._ranges.items() if not isinstance(one, Reals)}
            possible = int(self._possible)
            count = self._count if self._constraint is None else possible
            for number in generator.sample(range(possible), count):
                drawn, rest = {}, number
                for name, one in values.items():
                    rest, place = divmod(rest, len(one))
                    drawn[name] = one[place]
                yield drawn
            return
        while True:
            yield {name: _draw(one, generator) for name, one in self._ranges.items()}

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Learn nothing: chance has no memory."""


def _range(name: str, given: Any) -> Sequence[Any] | Reals:
    if isinstance(given, Reals):
        return given
    if isinstance(given, range):
        values: Sequence[Any] = given
    elif hasattr(given, "tolist"):
        values = given.tolist()
    elif isinstance(given, (list, tuple)):
        values = [plain(value) for value in given]
    else:
        allowed = "a range, a list of values, or Reals(low, high)"
        msg = f"RandomSampler: {name} is {given!r:.80}; allowed is {allowed}"
        raise ConfigError(msg)
    if not values:
        msg = f"RandomSampler: {name} has no value; give at least one"
        raise ConfigError(msg)
    if not isinstance(values, range) and len({value_identity(value) for value in values}) < len(values):
        msg = f"RandomSampler: {name} has a value twice; give each value once"
        raise ConfigError(msg)
    return values


def _draw(one: Sequence[Any] | Reals, generator: Random) -> Any:
    return one.draw(generator) if isinstance(one, Reals) else one[generator.randrange(len(one))]
