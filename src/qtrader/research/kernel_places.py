# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments
"""Where conditions speak: two columns or a column of truths as a sorted list of places.

A place is time times the number of symbols plus symbol. In a list it stands shifted by four bits, which hold
the relation of two columns there and before: (now + 1) * 4 + before + 1.
"""

from __future__ import annotations

from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_views import bytes_at, floats_at, longs_at

_TRUTHS = 32


@compiled
def find_changes(
    fast_at: int, slow_at: int, width: int, start: int, stop: int, relation_at: int, found_at: int
) -> int:
    """List the places of times `start` to before `stop` where the relation of two columns changes.

    Args:
        fast_at: address of float64[time * symbol].
        slow_at: address of float64[time * symbol].
        width: the number of symbols.
        start: first time.
        stop: the time after the last.
        relation_at: address of float64[symbol], -1, 0 or 1 before `start`; afterwards before `stop`.
        found_at: address of int64[...], where the list goes.

    Returns:
        The length of the list.
    """
    if width == 1:
        return _find_in_column(fast_at, slow_at, start, stop, relation_at, found_at)
    count = 0
    relation = floats_at(relation_at, width)
    for time in range(start, stop):
        first = time * width
        fast, slow = floats_at(fast_at + 8 * first, width), floats_at(slow_at + 8 * first, width)
        for symbol in range(width):
            # Not so where the relation changes, where the columns are equal or NaN, or before they differed.
            if not (fast[symbol] - slow[symbol]) * relation[symbol] > 0.0:
                count = _note(fast_at, slow_at, first + symbol, relation_at + 8 * symbol, found_at, count)
    return count


@compiled
def _find_in_column(
    fast_at: int, slow_at: int, start: int, stop: int, relation_at: int, found_at: int
) -> int:
    count = 0
    size = stop - start
    fast, slow = floats_at(fast_at + 8 * start, size), floats_at(slow_at + 8 * start, size)
    relation = floats_at(relation_at, 1)
    before = relation[0]
    for row in range(size):
        if not (fast[row] - slow[row]) * before > 0.0:
            count = _note(fast_at, slow_at, start + row, relation_at, found_at, count)
            before = relation[0]
    return count


@compiled
def _note(fast_at: int, slow_at: int, place: int, relation_at: int, found_at: int, count: int) -> int:
    high, low = floats_at(fast_at + 8 * place, 1)[0], floats_at(slow_at + 8 * place, 1)[0]
    relation = floats_at(relation_at, 1)
    before = relation[0]
    now = before
    if high > low:
        now = 1.0
    elif high < low:
        now = -1.0
    if now != before:
        relation[0] = now
        longs_at(found_at + 8 * count, 1)[0] = place * 16 + (int(now) + 1) * 4 + int(before) + 1
        count += 1
    return count


@compiled
def find_truths(column_at: int, start: int, stop: int, found_at: int) -> int:
    """List the places from one to before another at which a column of truths holds."""
    count = 0
    place = start
    while place < stop:
        size = min(_TRUTHS, stop - place)
        column = bytes_at(column_at + place, size)
        if size < _TRUTHS or _is_somewhere_true(column_at + place):
            for step in range(size):
                if column[step] != 0:
                    longs_at(found_at + 8 * count, 1)[0] = (place + step) * 16
                    count += 1
        place += _TRUTHS
    return count


@compiled
def _is_somewhere_true(column_at: int) -> bool:
    column = bytes_at(column_at, _TRUTHS)
    some = 0
    for step in range(_TRUTHS):
        some |= column[step]
    return some != 0


@compiled
def is_meant(code: int, direction: int) -> bool:
    """Say whether a change of relation is a cross of a direction: 0 for either, 1 above, -1 below."""
    now, before = ((code >> 2) & 3) - 1, (code & 3) - 1
    return before != 0 and (direction in (0, now))
