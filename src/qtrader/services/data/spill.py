"""Bars on their way to a tape: sorted runs in files, merged by time in blocks.

Bars come file after file; as many as fit are sorted by their closes and written as one run. When all are
there, their closes are sampled to find instants between which about a block of bars lies, and each block is
gathered from the runs. Memory is bounded by a run and by a block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from qtrader.market.mapped_arrays import ArrayFile, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from qtrader.market.tape import Floats, Longs
    from qtrader.market.tape_build import SymbolColumns

#: Bars that are sorted together, and bars that are merged together.
BLOCK_ROWS: Final = 524_288

_TYPES: Final = {
    "closed_at_us": "<i8",
    "opened_at_us": "<i8",
    "series": "<i4",
    "open": "<f8",
    "high": "<f8",
    "low": "<f8",
    "close": "<f8",
    "volume": "<f8",
}
#: What a bar takes in the files of a spill.
SPILLED_BYTES: Final = sum(np.dtype(kind).itemsize for kind in _TYPES.values())


class SpilledBars(NamedTuple):
    """Bars of several series, row by row; `series` are their numbers."""

    closed_at_us: Longs
    opened_at_us: Longs
    series: NDArray[np.int32]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Spill:
    """Take in bars in any order, and give them back in the order of their closes.

    Args:
        folder: where the files lie.
        block_rows: bars that are held in memory together.
    """

    def __init__(self, folder: Path, block_rows: int = BLOCK_ROWS) -> None:
        self._paths = {name: folder / f"{name}.npy" for name in _TYPES}
        self._files = {name: ArrayFile(path, _TYPES[name]) for name, path in self._paths.items()}
        self._block_rows = block_rows
        self._waiting: list[SpilledBars] = []
        self._held = 0
        self._bounds = [0]

    def add(self, series: int, bars: SymbolColumns) -> None:
        """Take in bars of one series."""
        rows = len(bars)
        if not rows:
            return
        volume = np.full(rows, np.nan) if bars.volume is None else bars.volume
        numbers = np.full(rows, series, dtype=np.int32)
        self._waiting.append(
            SpilledBars(
                bars.closed_at_us,
                bars.opened_at_us,
                numbers,
                bars.open,
                bars.high,
                bars.low,
                bars.close,
                volume,
            )
        )
        self._held += rows
        if self._held >= self._block_rows:
            self._write_run()

    @property
    def rows(self) -> int:
        """The bars taken in so far."""
        return self._bounds[-1] + self._held

    def blocks(self) -> Iterator[SpilledBars]:
        """Give all bars, in blocks that follow on each other in time; within a block in no order.

        An instant lies within one block.
        """
        self._write_run()
        for file in self._files.values():
            file.close()
        pages = Pages()
        columns = SpilledBars(**{name: pages.open(path, _TYPES[name]) for name, path in self._paths.items()})
        runs = list(pairwise(self._bounds))
        places = [start for start, _stop in runs]
        for until_us in self._instants(columns.closed_at_us, runs, pages):
            parts = []
            for number, (_start, stop) in enumerate(runs):
                first = places[number]
                count = int(columns.closed_at_us[first:stop].searchsorted(until_us, "right"))
                if count:
                    parts.append(slice(first, first + count))
                    places[number] = first + count
            yield SpilledBars._make(np.concatenate([column[part] for part in parts]) for column in columns)
            pages.release()

    def abandon(self) -> None:
        """Close the files as they are."""
        for file in self._files.values():
            file.abandon()

    def _write_run(self) -> None:
        if not self._held:
            return
        run = SpilledBars._make(np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        if (run.closed_at_us[1:] < run.closed_at_us[:-1]).any():
            order = np.argsort(run.closed_at_us, kind="stable")
            run = SpilledBars._make(column[order] for column in run)
        for name, column in run._asdict().items():
            self._files[name].append(column)
        self._bounds.append(self._bounds[-1] + self._held)
        self._waiting, self._held = [], 0

    def _instants(self, closed_at_us: Longs, runs: list[tuple[int, int]], pages: Pages) -> list[int]:
        """Choose instants between which about a block of bars closes each; the last is the last close."""
        if not runs:
            return []
        every = max(1, self._block_rows // (8 * len(runs)))
        samples = []
        for start, stop in runs:
            samples.append(closed_at_us[start:stop:every].copy())
            samples.append(closed_at_us[stop - 1 : stop].copy())
            pages.release()
        ordered = np.sort(np.concatenate(samples))
        chosen = ordered[:: max(1, self._block_rows // every)][1:].tolist()
        return sorted({*chosen, int(ordered[-1])})
