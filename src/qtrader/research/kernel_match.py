# ruff: noqa: PLR0911, PLR0917 - rules are cases; compiled functions take no keyword-only arguments
"""Whether and where orders meet a bar: the rules of the engine's matching, in float64.

Prices of bars and of orders on the tick compare as floats as they do as decimals, so that nothing here is in
doubt. Rules are written for a buy or a long position, as in the engine; the other side is their mirror.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_records import ENTERS, GAINS, LIMIT, STOP, STOPS, TRIGGERS
from qtrader.research.kernel_views import bytes_at, floats_at

if TYPE_CHECKING:
    from qtrader.research.kernel_views import Run

#: (what happens or -1, at which price, whether at the open, whether lower prices are certain to come after
#: it, whether higher ones are).
Match = tuple[int, float, bool, bool, bool]


@compiled
def is_below(price: float, limit: float, or_equal: bool) -> bool:
    """Say whether a price passes a buy limit."""
    return price <= limit if or_equal else price < limit


@compiled
def match_entry(
    kind: int,
    side: int,
    limit: float,
    stop: float,
    bar: tuple[float, float, float, float],
    touch: bool,
) -> Match:
    """Match an entry order that is no market order; a triggered stop-limit is a limit."""
    opened, high, low, close = bar
    if side > 0:
        return _match_buy(kind, limit, stop, opened, high, low, close, touch)
    found, price, at_open, low_ahead, high_ahead = _match_buy(
        kind, -limit, -stop, -opened, -low, -high, -close, touch
    )
    return found, -price, at_open, high_ahead, low_ahead


@compiled
def _match_buy(
    kind: int,
    limit: float,
    stop: float,
    opened: float,
    high: float,
    low: float,
    close: float,
    touch: bool,
) -> Match:
    if kind == LIMIT:
        return _match_limit(limit, opened, low, touch)
    if high < stop:
        return -1, 0.0, False, False, False
    if kind == STOP:
        return (ENTERS, opened, True, True, True) if opened >= stop else (ENTERS, stop, False, False, True)
    if opened >= stop:
        match = _match_limit(limit, opened, low, touch)
        return match if match[0] >= 0 else (TRIGGERS, 0.0, True, False, False)
    # Reached within the bar: filled only where that is certain.
    if is_below(stop, limit, touch):
        return ENTERS, stop, False, False, True
    if is_below(close, limit, touch):
        return ENTERS, limit, False, False, False
    return TRIGGERS, 0.0, False, False, False


@compiled
def _match_limit(limit: float, opened: float, low: float, touch: bool) -> Match:
    if is_below(opened, limit, touch):
        return ENTERS, opened, True, True, True
    if is_below(low, limit, touch):
        return ENTERS, limit, False, True, False
    return -1, 0.0, False, False, False


@compiled
def match_exits(
    side: int,
    entry: tuple[float, bool, bool, bool],
    stop: float,
    target: float,
    bar: tuple[float, float, float, float],
    touch: bool,
) -> tuple[int, float, bool]:
    """Match the exits of a position against what of a bar follows its entry.

    Args:
        side: of the position.
        entry: price, at the open or not, and what is ahead, as in `Match`.
        stop: NaN for none.
        target: NaN for none.
        bar: open, high, low and close.
        touch: whether a touched limit fills.

    Returns:
        What happens or -1, at which price, and whether at the open.
    """
    _, high, low, close = bar
    price, at_open, low_ahead, high_ahead = entry
    if side > 0:
        return _match_long_exits(price, at_open, low_ahead, high_ahead, stop, target, high, low, close, touch)
    found, mirrored, is_first = _match_long_exits(
        -price, at_open, high_ahead, low_ahead, -stop, -target, -low, -high, -close, touch
    )
    return found, -mirrored, is_first


@compiled
def _match_long_exits(
    price: float,
    at_open: bool,
    low_ahead: bool,
    high_ahead: bool,
    stop: float,
    target: float,
    high: float,
    low: float,
    close: float,
    touch: bool,
) -> tuple[int, float, bool]:
    # Comparisons with NaN are false, so that an exit that is not there does nothing.
    if price <= stop:
        return STOPS, price, at_open
    if is_below(target, price, touch):
        return GAINS, price, at_open
    is_stop = low <= stop
    is_target = is_below(target, high, touch)
    must_stop = is_stop and (low_ahead or close <= stop)
    must_gain = is_target and (high_ahead or is_below(target, close, touch))
    if not (must_stop or must_gain):
        return -1, 0.0, False
    return (STOPS, stop, False) if is_stop else (GAINS, target, False)


@compiled
def entry_reach(kind: int, side: int, limit: float, stop: float, touch: bool) -> tuple[float, float]:
    """Return the prices (down, up) at or beyond which a bar does something to an entry order."""
    if kind == LIMIT:
        if side > 0:
            return (limit if touch else np.nextafter(limit, -np.inf)), np.inf
        return -np.inf, (limit if touch else np.nextafter(limit, np.inf))
    return (-np.inf, stop) if side > 0 else (stop, np.inf)


@compiled
def exit_reach(side: int, stop: float, target: float, touch: bool) -> tuple[float, float]:
    """Return the prices (down, up) at or beyond which a bar does something to the exits of a position."""
    beyond = -np.inf if side < 0 else np.inf
    if not touch:
        target = np.nextafter(target, beyond)
    down, up = (stop, target) if side > 0 else (target, stop)
    return (-np.inf if np.isnan(down) else down), (np.inf if np.isnan(up) else up)


@compiled
def first_reached(run: Run, symbol: int, start: int, down: float, up: float) -> int:
    """Return the first time from one on at which a bar that fills reaches a price; else `run.times`."""
    first, size = symbol * run.times + start, run.times - start
    low, high = floats_at(run.lows_at + 8 * first, size), floats_at(run.highs_at + 8 * first, size)
    fills = bytes_at(run.fills_at + first, size)
    for step in range(size):
        if (low[step] <= down or high[step] >= up) and fills[step] != 0:
            return start + step
    return int(run.times)


@compiled
def next_fill(run: Run, symbol: int, start: int) -> int:
    """Return the first time from one on at which a symbol has a bar that fills; `run.times` if none has."""
    end = run.times
    if not run.is_dense:
        fills = bytes_at(run.fills_at + symbol * end, end)
        while start < end and fills[start] == 0:
            start += 1
    return int(min(start, end))
