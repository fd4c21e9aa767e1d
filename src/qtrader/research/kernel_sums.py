"""Moving sums as machine code: the additions of `libraries.indicators.windows`, in the same order.

It calls nothing, so that the stamp of this file alone tells whether the code on disk is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import types

from qtrader.research.kernel_jit import entry_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_COLUMN = types.Array(types.float64, 1, "C", readonly=True)


@entry_of(types.void(_COLUMN, types.int64, types.int64, types.float64, types.float64[::1]))
def moving_sums(values: Floats, period: int, interval: int, divisor: float, out: Floats) -> None:
    """Fill `out` with the sum of each full window, divided; afresh every `interval` windows."""
    total = 0.0
    until_anchor = 0
    for place in range(len(out)):
        if until_anchor == 0:
            until_anchor = interval
            total = 0.0
            for each in range(place, place + period):
                total += values[each]
        else:
            total = total - values[place - 1] + values[place + period - 1]
        until_anchor -= 1
        out[place] = total / divisor
