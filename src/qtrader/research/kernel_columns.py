"""Signals as the kernel reads them: a row of numbers a set, that says where its columns lie in memory.

Columns that many sets share are looked at once, and nothing of them is copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.errors import StrategyError
from qtrader.research.kernel_loop import (
    CROSS,
    NOTHING,
    PLAN_WIDTH,
    RELATION,
    SAME_SIDE,
    SIDES,
    TRUTHS,
)
from qtrader.services.strategy.conditions import Cross, Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qtrader.research.kernel_tape import KernelTape
    from qtrader.services.strategy.signals import Signals

#: The terms of an entry, in the order of a plan.
_TERMS: Final = ("quantity", "stop_loss", "take_profit", "limit_price", "stop_price")
_NONE: Final = [NOTHING, 0, 0, 0]

#: Why a set is handed to the engine, by verdict.
SENTENCES: Final = (
    "",
    "a price with slippage lies so near a tick that its rounding is not certain",
    "a size lies so near a quantity step that its rounding is not certain",
    "an order lies so near a limit that its verdict is not certain",
    "a purchase costs so nearly what cash pays for that its fill is not certain",
    "an amount is too large for the kernel's whole units",
    "an entry filled while a position of the other side stood",
    "several entries of a symbol wait for the same bar",
    "something is wanted where a symbol has no bar",
    "an entry has a side or a term that the engine refuses",
)


class PlanMaker:
    """Make plans of signals over one tape; it keeps alive what they point to.

    Args:
        shape: of the columns.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        #: Addresses by identity and type, and the arrays themselves, so that no identity is used again.
        self._addresses: dict[tuple[int, type], int] = {}
        self._kept: list[Any] = []

    def plans(self, sets: Sequence[Signals]) -> NDArray[np.int64]:
        """Return the plans, int64[sets, PLAN_WIDTH].

        Raises:
            StrategyError: a column does not fit the tape.
        """
        plans = np.zeros((len(sets), PLAN_WIDTH), dtype=np.int64)
        for place, signals in enumerate(sets):
            plans[place] = self._plan(signals, place)
        return plans

    def _plan(self, signals: Signals, place: int) -> list[int]:
        try:
            plan = self._condition(signals.entry) + self._condition(signals.exit) + self._side(signals.side)
            for name in _TERMS:
                plan += self._term(getattr(signals, name))
        except _MisfitError:
            # The engine's own check says what does not fit.
            signals.checked(self._shape, f"set {place}")
            raise
        return plan

    def _condition(self, given: Any) -> list[int]:
        if given is None:
            return _NONE
        if type(given) is Cross:
            fast, slow = self._address(given.fast, np.float64), self._address(given.slow, np.float64)
            return [CROSS, fast, slow, int(given.direction)]
        if given.dtype != np.bool_:
            raise _MisfitError
        return [TRUTHS, self._address(given, np.bool_), 0, 0]

    def _side(self, given: Any) -> list[int]:
        if type(given) is int:
            return [SAME_SIDE, 0, 0, given]
        if type(given) is Relation:
            fast, slow = self._address(given.fast, np.float64), self._address(given.slow, np.float64)
            return [RELATION, fast, slow, 0]
        column = np.asarray(given)
        if column.dtype.kind not in "iu":
            raise _MisfitError
        if column.ndim == 0:
            return [SAME_SIDE, 0, 0, int(column)]
        return [SIDES, self._address(given, np.int8), 0, 0]

    def _term(self, given: Any) -> list[int]:
        """Return the address of a term, 0 for none, and by how much a place moves in it."""
        if given is None:
            return [0, 0]
        if isinstance(given, np.ndarray) and given.ndim:
            return [self._address(given, np.float64), 1]
        number = np.full(1, given, dtype=np.float64)
        self._kept.append(number)
        return [number.ctypes.data, 0]

    def _address(self, column: Any, kind: type) -> int:
        key = id(column), kind
        address = self._addresses.get(key)
        if address is None:
            if column.shape != self._shape:
                raise _MisfitError
            laid: NDArray[Any] = np.ascontiguousarray(column, dtype=kind)
            self._kept += [column, laid]
            address = self._addresses[key] = laid.ctypes.data
        return address


class _MisfitError(StrategyError):
    """A column is none of this tape."""


def signals_alone(signals: Signals, tape: KernelTape, place: int) -> Signals:
    """Return a set's signals as they are for one symbol alone: `tape.alone(place)` runs them."""
    times = np.flatnonzero(tape.rows[place] >= 0)
    changes: dict[str, Any] = {}
    for name in ("entry", "exit", "side", "confidence", *_TERMS, "target_weights"):
        given = getattr(signals, name)
        if isinstance(given, (Cross, Relation)):
            fast, slow = given.fast[times, place][:, None], given.slow[times, place][:, None]
            changes[name] = replace(given, fast=fast, slow=slow)
        elif isinstance(given, np.ndarray) and given.ndim:
            changes[name] = given[times, place][:, None]
    return replace(signals, **changes)
