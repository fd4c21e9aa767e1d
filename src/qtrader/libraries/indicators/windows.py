"""Sums over a moving window: subtract the oldest value, then add the newest, and count afresh now and then.

A sum that is only ever updated keeps the rounding error of everything that has passed through it: after a
price of 1e9, a window of pennies would be wrong for ever. So the sum is *anchored*: added up afresh, oldest
value first, when the window first fills and every `anchor_interval(period)` values after. Between anchors
each value costs one subtraction and one addition. To first order the error of a sum is thus at most
(period + 2 · interval) · 2**-53 · S, however long the series, where S is the largest sum of magnitudes of a
window since the anchor.

On columns, the same additions in the same order are a cumulative sum along rows that begin at the anchors. A
cumulative sum, unlike numpy's other sums, has to add one element after another, for it returns every partial
sum. A process that compiles anyway, as a sweep does, hands in a compiled loop (`use_compiled`), which makes
the same additions in the same order in a fifth of the time.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class CompiledSums(Protocol):
    """A loop that fills `out` with the sums of the full windows, divided."""

    def __call__(self, values: Floats, period: int, interval: int, divisor: float, out: Floats, /) -> None:
        """Add up each window as this module says, `interval` being from one anchor to the next."""
        ...


_compiled: CompiledSums | None = None

#: Values worked on at a time: their steps and sums are 512 KiB.
_BLOCK_VALUES = 32_768


def use_compiled(sums: CompiledSums | None) -> None:
    """Use a compiled loop from now on, or none; the sums are the same to the last bit."""
    global _compiled  # noqa: PLW0603 - one loop for the process, which changes no result
    _compiled = sums


def anchor_interval(period: int) -> int:
    """Return after how many values a moving sum is added up afresh: at most half an addition a value."""
    return max(256, 2 * period)


def anchored_windows(values: Floats, period: int) -> Floats:
    """Return the windows that are added up afresh, one a row, as a view of `values`."""
    return sliding_window_view(values, period)[:: anchor_interval(period)]


def row_sums(rows: Floats) -> Floats:
    """Add up each row from left to right, beginning at +0.0."""
    sums: Floats = np.cumsum(rows, axis=1)[:, -1] + 0.0
    return sums


def running_sums(anchors: Floats, steps: Floats, interval: int) -> Floats:
    """Add the steps of each position to the sum of the position before, one after another.

    Args:
        anchors: The sums at positions 0, interval, 2 · interval, …
        steps: One row for each position, holding what is added there, first to last; ignored at anchors.
        interval: Number of positions from one anchor to the next.

    Returns:
        The sum at each position.
    """
    positions, per_position = steps.shape
    table = np.zeros((len(anchors), interval * per_position))
    table.reshape(-1)[: steps.size] = steps.reshape(-1)
    table[:, :per_position] = 0.0
    table[:, per_position - 1] = anchors
    np.cumsum(table, axis=1, out=table)
    sums: Floats = table[:, per_position - 1 :: per_position].reshape(-1)[:positions]
    return sums


def moving_sums(values: Floats, period: int, divisor: float = 1.0, out: Floats | None = None) -> Floats:
    """Return the sum of each full window divided by a number; `values` holds at least one window.

    The work is done some anchors at a time, so that what lies between values and sums stays in the
    processor's cache.
    """
    interval = anchor_interval(period)
    results = np.empty(len(values) - period + 1) if out is None else out
    if _compiled is not None:
        _compiled(values, period, interval, divisor, results)
        return results
    block = max(_BLOCK_VALUES // interval, 1) * interval
    table = np.empty((min(block, len(results) + interval - 1) // interval, interval, 2))
    for start in range(0, len(results), block):
        count = min(block, len(results) - start)
        sums = _block_sums(values[max(start - 1, 0) : start + count + period - 1], period, count, table)
        np.divide(sums, divisor, out=results[start : start + count])
    return results


def _block_sums(values: Floats, period: int, count: int, table: NDArray[np.float64]) -> Floats:
    """Return the sums of `count` windows from an anchor on; a value before the first window may be there."""
    interval = table.shape[1]
    anchors = -(-count // interval)
    windows = sliding_window_view(values[len(values) - count - period + 1 :], period)[::interval]
    steps = table.reshape(-1, 2)
    # The oldest value leaves before the newest comes; at an anchor both give way to its sum.
    first = count + period - len(values)
    np.negative(values[: count - first], out=steps[first:count, 0])
    steps[first:count, 1] = values[len(values) - count + first :]
    steps[count : anchors * interval] = 0.0
    table[:anchors, 0, 0] = 0.0
    table[:anchors, 0, 1] = row_sums(windows)
    flat = table[:anchors].reshape(anchors, -1)
    np.cumsum(flat, axis=1, out=flat)
    sums: Floats = steps[:count, 1]
    return sums


def after_warmup(results: Floats, length: int) -> Floats:
    """Return the results as the end of a column of the given length, NaN before them."""
    column = np.full(length, np.nan)
    if len(results):
        column[-len(results) :] = results
    return column
