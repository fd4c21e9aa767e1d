"""What a strategy on columns wants, for all instants at once.

Every field is a column [time, symbol] of the panel that it was asked about, one value for all of it, or None
where there is nothing to say. What the fields mean at one bar, in this order:

1. `exit`: if the strategy holds a position in the symbol, a signal closes it (close_long or close_short).
2. `entry`: a signal opens a position on `side`, with the terms that the other columns give; whether it may,
   is for manager and risk to say, as with any signal.
3. `target_weights`: the strategy's position is to be worth this part of the account's equity; NaN leaves it
   as it is, 0 closes it. Of an instant, what reduces positions is signalled first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qtrader.errors import StrategyError
from qtrader.events.vocabulary import TimeInForce
from qtrader.services.strategy.conditions import Cross, Relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Booleans = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    #: Says why, for the place [time, symbol] of a signal.
    Reason = Callable[[int, int], str | None]
    #: Gives the column of the condition of a field.
    Evaluate = Callable[[str, Cross | Relation], NDArray[Any]]

#: The columns of numbers that give an entry its terms, by the names that `Context.emit_signal` has for them.
TERMS = ("confidence", "quantity", "stop_loss", "take_profit", "limit_price", "stop_price")


@dataclass(frozen=True, eq=False)
class Signals:
    """Entries, exits and their terms, in columns.

    Args:
        entry: bool[time, symbol] or a condition: open a position.
        exit: bool[time, symbol] or a condition: close what is held.
        side: +1 for long, -1 for short, int[time, symbol] of these, or `side_of(fast, slow)`.
        confidence: 0 to 1, as a number or float64[time, symbol]; sizes only where the policy says so.
        quantity: units to open, instead of the policy's sizing.
        stop_loss: price of a protective stop that rests once the entry has filled; NaN for none.
        take_profit: price of a limit that rests once the entry has filled; NaN for none.
        limit_price: makes the entry a limit order (with `stop_price` a stop-limit order); NaN for none.
        stop_price: makes the entry a stop order; NaN for none.
        time_in_force: of the entries: day, gtc, ioc or fok.
        target_weights: float64[time, symbol], parts of the account's equity, negative for short; NaN where
            nothing is to change. Not beside entry and exit.
        reason: a sentence for whoever asks why, or a function of (time, symbol) places that gives one.
    """

    entry: Booleans | Cross | None = None
    exit: Booleans | Cross | None = None
    side: int | NDArray[Any] | Relation = 1
    confidence: float | Floats | None = None
    quantity: float | Floats | None = None
    stop_loss: Floats | None = None
    take_profit: Floats | None = None
    limit_price: Floats | None = None
    stop_price: Floats | None = None
    time_in_force: TimeInForce | str = TimeInForce.GTC
    target_weights: Floats | None = None
    reason: str | Reason | None = None

    def __post_init__(self) -> None:
        """Refuse what says two things at once, or nothing."""
        if self.target_weights is not None:
            if self.entry is not None or self.exit is not None:
                msg = "Signals: target_weights says what is to be held; it cannot stand beside entry or exit"
                raise StrategyError(msg)
        elif self.entry is None and self.exit is None:
            msg = "Signals: neither entry, exit nor target_weights is given; a strategy wants at least one"
            raise StrategyError(msg)
        if self.time_in_force is TimeInForce.GTC:
            return
        try:
            is_known = TimeInForce(self.time_in_force) is not TimeInForce.GTD
        except ValueError:
            is_known = False
        if not is_known:
            # A good-till-date order has a date of its own, for which there is no column.
            msg = f"Signals: time_in_force is {self.time_in_force!r}; allowed is day, gtc, ioc or fok"
            raise StrategyError(msg)

    def checked(
        self, shape: tuple[int, int], strategy: str, evaluate: Evaluate | None = None
    ) -> CheckedSignals:
        """Evaluate the conditions and check every column against the panel's shape.

        Args:
            shape: (instants, symbols) of the panel.
            strategy: who said so, for the message of an error.
            evaluate: evaluates the condition of a field where the panel is a piece of a longer one.

        Raises:
            StrategyError: naming the field, what was found and what is allowed.
        """
        if evaluate is None:
            evaluate = _evaluate_once()
        return CheckedSignals(
            entry=_truths(strategy, "entry", self.entry, shape, evaluate),
            exit=_truths(strategy, "exit", self.exit, shape, evaluate),
            side=_sides(strategy, self.side, shape, evaluate),
            terms={
                name: _numbers(strategy, name, value, shape)
                for name in TERMS
                if (value := getattr(self, name)) is not None
            },
            target_weights=None
            if self.target_weights is None
            else _numbers(strategy, "target_weights", self.target_weights, shape),
        )


class CheckedSignals(NamedTuple):
    """The columns of `Signals` evaluated, each [time, symbol]; some are views that repeat a value."""

    entry: Booleans
    exit: Booleans
    side: NDArray[np.int8]
    terms: dict[str, Floats]
    target_weights: Floats | None

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where something is wanted, as (time, symbol) places sorted by time, then symbol."""
        wanted = self.entry | self.exit
        if self.target_weights is not None:
            wanted |= ~np.isnan(self.target_weights)
        times, symbols = np.divmod(np.flatnonzero(wanted), wanted.shape[1] or 1)
        return times, symbols


def _evaluate_once() -> Evaluate:
    """Return what evaluates conditions: the relations of two columns once, however many ask for them."""
    known: dict[tuple[int, int], NDArray[np.int8]] = {}

    def evaluate(_field: str, condition: Cross | Relation) -> NDArray[Any]:
        pair = id(condition.fast), id(condition.slow)
        relation = known.get(pair)
        if relation is None:
            relation = known[pair] = condition.relations()
        return condition.among(relation)

    return evaluate


def _truths(strategy: str, name: str, given: Any, shape: tuple[int, int], evaluate: Evaluate) -> Booleans:
    if given is None:
        return np.broadcast_to(np.False_, shape)
    column = evaluate(name, given) if isinstance(given, Cross) else given
    if not isinstance(column, np.ndarray) or column.dtype != np.bool_ or column.shape != shape:
        raise StrategyError(_refusal(strategy, name, column, f"a condition or bool{list(shape)}"))
    return column


def _sides(strategy: str, given: Any, shape: tuple[int, int], evaluate: Evaluate) -> NDArray[np.int8]:
    column = evaluate("side", given) if isinstance(given, Relation) else np.asarray(given)
    is_whole = column.dtype.kind in "iu" and column.shape in ((), shape)
    if not is_whole or (column.size and not -1 <= column.min() <= column.max() <= 1):
        raise StrategyError(_refusal(strategy, "side", given, f"+1, -1 or int{list(shape)} of these"))
    return np.broadcast_to(column.astype(np.int8, copy=False), shape)


def _numbers(strategy: str, name: str, given: Any, shape: tuple[int, int]) -> Floats:
    column = np.asarray(given)
    if column.dtype.kind not in "iuf" or column.dtype == np.float32 or column.shape not in ((), shape):
        raise StrategyError(_refusal(strategy, name, given, f"a number or float64{list(shape)}"))
    return np.broadcast_to(column.astype(np.float64, copy=False), shape)


def _refusal(strategy: str, name: str, found: Any, allowed: str) -> str:
    shown = f"{found.dtype}{list(found.shape)}" if isinstance(found, np.ndarray) else repr(found)
    return f"{strategy}: signals: {name} is {shown}; allowed is {allowed} (time, symbol of the panel)"
