"""The loop that a sweep is measured against: one numba function over parameter sets, written by hand.

For each set and symbol it keeps two running sums, finds the cross, fills 100 shares at the next open, charges
0.1 % and marks the position to the last close. All is fused into one pass that allocates nothing; sets are
spread over the threads. It calculates no metrics, keeps no trades or equity curve, checks neither cash nor
data, and knows one order type: what is left is the arithmetic that no engine can do without.

    python -m benchmarks.fused DATA [PAIRS]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARES = 100.0
COMMISSION = 0.001
#: Sums of prices in cents are exact to far less than this; see `benchmarks.peers.adapter.Cross`.
ROUNDING = 1e-6


@numba.njit(cache=True, nogil=True)
def _one(opened: Any, close: Any, fast: int, slow: int) -> tuple[float, int]:
    """Run one set over one symbol; return what it earned and how often it filled."""
    short, long, cash, position = 0.0, 0.0, 0.0, 0.0
    state, waiting, fills = 0, 0, 0
    for place in range(len(close)):
        if waiting != 0:
            cash -= waiting * SHARES * opened[place] + SHARES * opened[place] * COMMISSION
            position += waiting * SHARES
            fills += 1
            waiting = 0
        price = close[place]
        short += price
        long += price
        if place >= fast:
            short -= close[place - fast]
        if place >= slow:
            long -= close[place - slow]
        if place < slow - 1:
            continue
        difference = short * slow - long * fast
        now = 1 if difference > ROUNDING * slow else -1 if difference < -ROUNDING * slow else state
        if state not in (0, now):
            if now > 0:
                waiting = 1
            elif position > 0:
                waiting = -1
        state = now
    return cash + position * close[-1], fills


@numba.njit(cache=True, parallel=True, nogil=True)
def _sweep(opened: Any, close: Any, fast: Any, slow: Any) -> Any:
    found = np.zeros((len(fast), 2))
    for number in numba.prange(len(fast)):
        for symbol in range(close.shape[0]):
            earned, fills = _one(opened[symbol], close[symbol], fast[number], slow[number])
            found[number, 0] += earned
            found[number, 1] += fills
    return found


def sweep(
    opened: NDArray[np.float64], close: NDArray[np.float64], pairs: list[tuple[int, int]]
) -> NDArray[np.float64]:
    """Run all pairs; return for each what it earned and how often it filled.

    Args:
        opened: symbols x bars, so that one symbol's prices lie together.
        close: the same.
        pairs: windows, fast and slow.
    """
    fast, slow = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    return np.asarray(_sweep(opened, close, fast, slow))
