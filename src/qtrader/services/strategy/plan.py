"""The plan of a strategy on columns: what it wants, place by place, in the order of the tape.

A plan holds the places at which something is wanted and nothing of the others, so that its size follows the
decisions and not the bars. Everything in it has been checked: each place has a bar, and each number can stand
in a signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.clock import from_epoch_us
from qtrader.errors import StrategyError
from qtrader.events.vocabulary import OrderType, TimeInForce
from qtrader.services.strategy.signals import Signals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.services.strategy.panel import Panel
    from qtrader.services.strategy.signals import CheckedSignals, Evaluate, Reason

    Longs = NDArray[np.int64]

#: The type of an entry's order, by whether it has a limit price and whether it has a stop price.
_ORDER_TYPES: Final = {
    (False, False): OrderType.MARKET,
    (True, False): OrderType.LIMIT,
    (False, True): OrderType.STOP,
    (True, True): OrderType.STOP_LIMIT,
}


@dataclass(frozen=True, eq=False)
class SignalPlan:
    """What is wanted, one element a place, sorted by time and symbol.

    Attributes:
        symbols: the names that `symbol_places` point into.
        rows: the row of each place on the panel's tape.
        closed_at_us: the instant of each place.
        times: its place in time on the panel.
        symbol_places: its place among the symbols.
        is_exit: whether what is held is to be closed.
        is_entry: whether a position is to be opened.
        sides: +1 or -1 for entries.
        terms: the entries' numbers by name; NaN where there is none.
        weights: target weights; None for a strategy that has none.
        reason: a sentence, or what makes one of a place.
        time_in_force: of the entries.
    """

    symbols: tuple[str, ...]
    rows: Longs
    closed_at_us: Longs
    times: Longs
    symbol_places: Longs
    is_exit: NDArray[np.bool_]
    is_entry: NDArray[np.bool_]
    sides: NDArray[np.int8]
    terms: dict[str, NDArray[np.float64]]
    weights: NDArray[np.float64] | None
    reason: str | Reason | None
    time_in_force: TimeInForce

    def __len__(self) -> int:
        return len(self.rows)

    def symbol(self, place: int) -> str:
        """Return the symbol of a place."""
        return self.symbols[int(self.symbol_places[place])]

    def reason_at(self, place: int) -> str | None:
        """Return why something is wanted there."""
        reason = self.reason
        if reason is None or isinstance(reason, str):
            return reason
        return reason(int(self.times[place]), int(self.symbol_places[place]))

    def order_at(self, place: int) -> dict[str, Any]:
        """Return the terms of an entry, as arguments of `Context.emit_signal`."""
        terms = {
            name: value for name, column in self.terms.items() if not isnan(value := float(column[place]))
        }
        kind = _ORDER_TYPES["limit_price" in terms, "stop_price" in terms]
        return {**terms, "order_type": kind, "time_in_force": self.time_in_force}


def plan_of(
    strategy: str, said: Any, panel: Panel, first_time: int = 0, evaluate: Evaluate | None = None
) -> SignalPlan:
    """Check what a strategy said of a panel, and keep the places at which it wants something.

    Args:
        strategy: who said it, for the message of an error.
        said: what `signals` returned.
        panel: what it was asked about.
        first_time: places before this one in time are left out.
        evaluate: evaluates conditions, where the panel is a piece of a longer one.

    Raises:
        StrategyError: it is not `Signals`, a column does not fit the panel, something is wanted where a
            symbol has no bar, or a term cannot be; named with instant and symbol.
    """
    if not isinstance(said, Signals):
        msg = f"{strategy}: signals returned {type(said).__name__}; it returns Signals(entry=…, exit=…, …)"
        raise StrategyError(msg)
    checked = said.checked(panel.shape, strategy, evaluate)
    times, symbols = checked.places()
    if first_time:
        start = int(times.searchsorted(first_time))
        times, symbols = times[start:], symbols[start:]
    # Places of a panel without gaps are rows, so that no table of them has to be made.
    rows = panel.rows_at(times, symbols)
    _check_places(strategy, checked, panel, (times, symbols), rows)
    weights = checked.target_weights
    return SignalPlan(
        symbols=panel.symbols,
        rows=rows,
        closed_at_us=panel.closed_at_us[times],
        times=times,
        symbol_places=symbols,
        is_exit=checked.exit[times, symbols],
        is_entry=checked.entry[times, symbols],
        sides=checked.side[times, symbols],
        terms={name: column[times, symbols] for name, column in checked.terms.items()},
        weights=None if weights is None else weights[times, symbols],
        reason=said.reason,
        time_in_force=TimeInForce(said.time_in_force),
    )


def _check_places(
    strategy: str, checked: CheckedSignals, panel: Panel, places: tuple[Longs, Longs], rows: Longs
) -> None:
    """Refuse what is wanted where there is no bar, and terms that cannot be."""
    times, symbols = places

    def refuse(is_bad: NDArray[np.bool_], column: NDArray[Any] | None, found: str, allowed: str) -> None:
        if is_bad.any():
            time, place = (int(each[np.argmax(is_bad)]) for each in places)
            at = from_epoch_us(int(panel.closed_at_us[time])).isoformat()
            value = "" if column is None else f" is {float(column[time, place])}"
            msg = f"{strategy}: signals: {found}{value} at {at} for {panel.symbols[place]}; {allowed}"
            raise StrategyError(msg)

    refuse(
        rows < 0,
        None,
        "something is wanted",
        "the symbol has no bar then; leave such places out, for example with & panel.has_bar",
    )
    is_entry = checked.entry[times, symbols]
    sides = checked.side[times, symbols]
    refuse(is_entry & (sides == 0), checked.side, "the side of an entry", "allowed is +1 or -1")
    for name, column in checked.terms.items():
        values = column[times, symbols]
        if name == "confidence":
            is_bad, allowed = (values < 0) | (values > 1), "allowed is 0 to 1, or NaN for none"
        else:
            is_bad = (values <= 0) | np.isinf(values)
            allowed = "allowed is a finite number above zero, or NaN for none"
        refuse(is_entry & is_bad, column, name, allowed)
    weights = checked.target_weights
    if weights is not None:
        is_bad = np.isinf(weights[times, symbols])
        refuse(is_bad, weights, "target_weights", "allowed is a finite number, or NaN for no change")
