"""How many orders a workload fills: counted with NumPy from the closes alone, in whole cents.

Every engine's count is compared with it. A signal is decided at a close and filled at the next open, so that
of the last bar fills nothing; nothing is sold before it was bought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.adapter import crosses, pairs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def fills(ups: NDArray[np.bool_], downs: NDArray[np.bool_]) -> int:
    """Count the fills of signals that alternate, for every symbol: bars x symbols."""
    bought = np.logical_or.accumulate(ups, axis=0)
    return int(np.count_nonzero(ups[:-1])) + int(np.count_nonzero((downs & bought)[:-1]))


def cross_fills(close: NDArray[np.float64], fast: int = 10, slow: int = 50) -> int:
    """Count the fills of the crossover."""
    return fills(*crosses(close, fast, slow))


def every_bar_fills(bars: int, symbols: int = 1) -> int:
    """Count the fills of the strategy that trades on every bar."""
    return (bars - 1) * symbols


def sweep_fills(close: NDArray[np.float64], chosen: list[tuple[int, int]] | None = None) -> int:
    """Count the fills of all pairs of the sweep."""
    return sum(cross_fills(close, fast, slow) for fast, slow in (pairs() if chosen is None else chosen))


def close_of(folder: Path) -> NDArray[np.float64]:
    """Read the closes of a dataset's folder."""
    return np.asarray(np.load(folder / "close.npy"))


def cross_of_folder(folder: Path) -> int:
    """Count the crossover's fills on a dataset."""
    return cross_fills(close_of(folder))


def every_bar_of_folder(folder: Path) -> int:
    """Count the fills of an order on every bar of a dataset."""
    return every_bar_fills(*close_of(folder).shape)


def sweep_of_folder(folder: Path, chosen: list[tuple[int, int]]) -> int:
    """Count the fills of pairs on a dataset."""
    return sweep_fills(close_of(folder), chosen)
