"""Which bars a strategy sees where symbols have bars of several intervals.

Orders always meet a symbol's finest bars and marks come from them. A strategy that names intervals sees bars
of these alone; the finer ones are then only the path inside, on which its orders are matched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.errors import ConfigError, StrategyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class VisibleIntervals:
    """Answer which intervals strategies see.

    Args:
        every: the intervals of the run, the finest first.
        of_symbols: the intervals of which each symbol has bars, the finest first.
        chosen: the intervals that strategies see, by id; one that is missing sees all.
    """

    def __init__(
        self,
        every: tuple[str, ...],
        of_symbols: Mapping[str, tuple[str, ...]],
        chosen: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._every = every
        self._of_symbols = of_symbols
        self._chosen = {name: seen for name, seen in chosen.items() if not set(seen).issuperset(every)}

    @property
    def has_one(self) -> bool:
        """Tell whether all bars of the run are of the same interval."""
        return len(self._every) == 1

    def of(self, strategy_id: str) -> frozenset[str] | None:
        """Return the intervals that a strategy sees; None where it sees every bar."""
        seen = self._chosen.get(strategy_id)
        return None if seen is None else frozenset(seen)

    def only_of(self, strategy_id: str, symbols: Iterable[str]) -> str:
        """Return the one interval of which a strategy sees bars of some symbols.

        Raises:
            ConfigError: it sees bars of several.
        """
        seen = self._chosen.get(strategy_id, self._every)
        known = {name for symbol in symbols for name in self._of_symbols.get(symbol, ())}
        found = [name for name in self._every if name in seen and name in known]
        if len(found) > 1:
            msg = (
                f"strategy {strategy_id!r} works on columns of one interval and sees bars of "
                f"{', '.join(found)}; name one of them: StrategySpec(…, intervals={found[-1]!r})"
            )
            raise ConfigError(msg)
        return found[0] if found else seen[0]

    def of_history(self, strategy_id: str, symbol: str, wanted: str | None = None) -> str | None:
        """Return the interval of which a strategy is shown a symbol's past; None for the symbol's finest.

        Without one that is wanted, it is the finest that the strategy sees.

        Raises:
            StrategyError: the strategy does not see what is wanted.
        """
        seen = self._chosen.get(strategy_id)
        if wanted is not None:
            allowed = self._every if seen is None else seen
            if wanted not in allowed:
                msg = (
                    f"strategy {strategy_id}: history: interval is {wanted!r}; "
                    f"this strategy sees bars of {', '.join(allowed)}"
                )
                raise StrategyError(msg)
            return wanted
        if seen is None:
            return None
        # A symbol without bars of these has an empty past.
        return next((name for name in self._of_symbols.get(symbol, ()) if name in seen), seen[0])
