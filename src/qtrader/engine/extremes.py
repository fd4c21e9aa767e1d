"""Where a price is reached first: a column's least values over blocks, over blocks of blocks, and so on.

A search looks at the rest of a block, at the blocks of its chunk, at the chunks of its group and then at
groups, and goes down again where one holds what is sought: some comparisons of 64 numbers, however far it
is. Blocks are summed up a group at a time, when a search gets there first, so that of a column that is mapped
from a file no more is read than what is searched, and kept is a sixtieth of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Values of a block, blocks of a chunk, and chunks of a group.
_WIDTH: Final = 64
_CHUNK: Final = _WIDTH * _WIDTH
_GROUP: Final = _CHUNK * _WIDTH
#: Values looked at one by one before anything else: most of what is found is near.
_NEAR: Final = 6


class Extremes:
    """Find the first value of a column, from a place on, that a price reaches.

    Args:
        column: the values.
        rows: the places of the column that count, in order; all of them without any.
        is_maximum: a value counts that is at or above the price, instead of at or below it.
        release: called after each group that was read, to give back memory that can be read again.
    """

    __slots__ = (
        "_blocks",
        "_chunks",
        "_column",
        "_groups",
        "_is_known",
        "_release",
        "_rows",
        "_sign",
        "size",
    )

    def __init__(
        self,
        column: Floats,
        rows: NDArray[np.int64] | None,
        *,
        is_maximum: bool,
        release: Callable[[], None],
    ) -> None:
        self._column = column
        self._rows = rows
        # The greatest value is the least of the negated ones, exactly.
        self._sign = -1.0 if is_maximum else 1.0
        self._release = release
        self.size = len(column) if rows is None else len(rows)
        groups = -(-self.size // _GROUP)
        # What lies beyond the end is never reached.
        self._blocks = np.full(-(-self.size // _WIDTH), np.inf)
        self._chunks = np.full(-(-self.size // _CHUNK), np.inf)
        self._groups = np.full(groups, np.inf)
        self._is_known = [False] * groups

    def first(self, start: int, price: float) -> int:
        """Return the first place from one on whose value the price reaches; the size if there is none."""
        size = self.size
        sought = price * self._sign
        if start >= size:
            return size
        near = min(start + _NEAR, size)
        for offset, value in enumerate(self._values(start, near).tolist()):
            if value <= sought:
                return start + offset
        return size if near == size else self._first_of_group(near, sought)

    def _first_of_group(self, start: int, sought: float) -> int:
        """Go up from a place to the groups, and down again."""
        group, chunk, block = start // _GROUP, start // _CHUNK, start // _WIDTH
        if self._group(group) <= sought:
            if self._chunks[chunk] <= sought:
                if self._blocks[block] <= sought:
                    place = self._in_block(start, block, sought)
                    if place >= 0:
                        return place
                found = _first(self._blocks, block + 1, (chunk + 1) * _WIDTH, sought)
                if found >= 0:
                    return self._in_block(found * _WIDTH, found, sought)
            found = _first(self._chunks, chunk + 1, (group + 1) * _WIDTH, sought)
            if found >= 0:
                return self._in_chunk(found, sought)
        for later in range(group + 1, len(self._groups)):
            if self._group(later) <= sought:
                return self._in_chunk(
                    _first(self._chunks, later * _WIDTH, (later + 1) * _WIDTH, sought), sought
                )
        return self.size

    def _in_chunk(self, chunk: int, sought: float) -> int:
        block = _first(self._blocks, chunk * _WIDTH, (chunk + 1) * _WIDTH, sought)
        return self._in_block(block * _WIDTH, block, sought)

    def _in_block(self, start: int, block: int, sought: float) -> int:
        values = self._values(start, min((block + 1) * _WIDTH, self.size))
        reached = values <= sought
        place = int(reached.argmax())
        return start + place if reached[place] else -1

    def _group(self, group: int) -> float:
        """Return the least value of a group, which is read if it is not known yet."""
        if not self._is_known[group]:
            self._is_known[group] = True
            start, stop = group * _GROUP, min((group + 1) * _GROUP, self.size)
            blocks = _least(self._values(start, stop))
            chunks = _least(blocks)
            self._blocks[start // _WIDTH : start // _WIDTH + len(blocks)] = blocks
            self._chunks[start // _CHUNK : start // _CHUNK + len(chunks)] = chunks
            self._groups[group] = chunks.min()
            self._release()
        return float(self._groups[group])

    def _values(self, start: int, stop: int) -> Floats:
        rows = self._rows
        values = self._column[start:stop] if rows is None else self._column[rows[start:stop]]
        return values if self._sign > 0 else -values


def _least(values: Floats) -> Floats:
    """Return the least of each 64 values, the last ones of what is left."""
    whole = len(values) // _WIDTH * _WIDTH
    found: Floats = values[:whole].reshape(-1, _WIDTH).min(axis=1)
    return found if whole == len(values) else np.append(found, values[whole:].min())


def _first(values: Floats, start: int, stop: int, sought: float) -> int:
    """Return the first of some places at which a value is not above what is sought; -1 if there is none."""
    reached = values[start:stop] <= sought
    if not len(reached):
        return -1
    place = int(reached.argmax())
    return start + place if reached[place] else -1
