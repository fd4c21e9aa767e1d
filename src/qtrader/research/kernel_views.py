"""Views of memory: what the addresses in a run's record lead to.

Nothing here shares in the ownership of an array, so that to hand a view on costs nothing; whoever gave an
address keeps alive what lies there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray

from qtrader.research.kernel import TRADE
from qtrader.research.kernel_jit import compiled, pointer_to
from qtrader.research.kernel_records import CANDIDATE, GRID, SLOT

#: The record of a set, see `qtrader.research.kernel_records.RUN`.
Run = Any


@compiled
def floats_at(address: int, size: int) -> Any:
    """View memory as float64[size]."""
    return carray(pointer_to(address), size, np.float64)


@compiled
def longs_at(address: int, size: int) -> Any:
    """View memory as int64[size]."""
    return carray(pointer_to(address), size, np.int64)


@compiled
def bytes_at(address: int, size: int) -> Any:
    """View memory as int8[size]."""
    return carray(pointer_to(address), size, np.int8)


@compiled
def price_at(address: int, place: int) -> float:
    """Read one number of a column of float64."""
    return float(carray(pointer_to(address), place + 1, np.float64)[place])


@compiled
def slot_of(run: Run, symbol: int) -> Any:
    """Return a symbol's SLOT."""
    return carray(pointer_to(run.slots_at), run.width, SLOT)[symbol]


@compiled
def grid_of(run: Run, symbol: int) -> Any:
    """Return a symbol's GRID."""
    return carray(pointer_to(run.grids_at), run.width, GRID)[symbol]


@compiled
def trade_of(run: Run, number: int) -> Any:
    """Return the TRADE with a number."""
    return carray(pointer_to(run.trades_at), number + 1, TRADE)[number]


@compiled
def heap_of(run: Run) -> Any:
    """Return the heap of CANDIDATEs."""
    return carray(pointer_to(run.heap_at), run.width * 6, CANDIDATE)


@compiled
def refuse(run: Run, reason: int) -> None:
    """Count a refusal."""
    longs_at(run.refusals_at, reason + 1)[reason] += 1


@compiled
def bar_of(run: Run, symbol: int, time: int) -> tuple[float, float, float, float]:
    """Return open, high, low and close."""
    place, own_place = time * run.width + symbol, symbol * run.times + time
    return (
        price_at(run.opens_at, place),
        price_at(run.highs_at, own_place),
        price_at(run.lows_at, own_place),
        price_at(run.closes_at, place),
    )
