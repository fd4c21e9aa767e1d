"""Sums over a moving window: subtract the oldest value, then add the newest, and count afresh now and then.

A sum that is only ever updated keeps the rounding error of everything that has passed through it: after a
price of 1e9, a window of pennies would be wrong for ever. So the sum is *anchored*: added up afresh, oldest
value first, when the window first fills and every `anchor_interval(period)` values after. Between anchors
each value costs one subtraction and one addition. To first order the error of a sum is thus at most
(period + 2 · interval) · 2**-53 · S, however long the series, where S is the largest sum of magnitudes of a
window since the anchor.

On columns, the same additions in the same order are a cumulative sum along rows that begin at the anchors. A
cumulative sum, unlike numpy's other sums, has to add one element after another, for it returns every partial
sum.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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


def moving_sums(values: Floats, period: int) -> Floats:
    """Return the sum of each full window, from the first; `values` holds at least one."""
    steps = np.zeros((len(values) - period + 1, 2))
    np.negative(values[:-period], out=steps[1:, 0])
    steps[1:, 1] = values[period:]
    return running_sums(row_sums(anchored_windows(values, period)), steps, anchor_interval(period))


def after_warmup(results: Floats, length: int) -> Floats:
    """Return the results as the end of a column of the given length, NaN before them."""
    column = np.full(length, np.nan)
    if len(results):
        column[-len(results) :] = results
    return column
