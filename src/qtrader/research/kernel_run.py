"""A run of the kernel over sets: its memory, its threads, and what is made of its numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.research.kernel import METRICS, REFUSALS, TRADE, KernelResult, Undecided
from qtrader.research.kernel_columns import SENTENCES
from qtrader.research.kernel_loop import CHUNK, run_block
from qtrader.research.kernel_records import CANDIDATE, RUN, SLOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.research.kernel_tape import KernelTape
    from qtrader.research.kernel_terms import KernelTerms

#: Sets run side by side in blocks: few enough that all threads are busy to the end, and that what they keep
#: stays in the processor's cache.
_BLOCKS_PER_THREAD: Final = 3
_BLOCK_SETS: Final = 64
_BLOCK_BYTES: Final = 1 << 23
#: About what a set keeps of a symbol.
_SYMBOL_BYTES: Final = 800
#: Candidates that a symbol can have in line at once, as `kernel_views.heap_of` has it: a close, exits of two
#: positions, an entry, and one to spare for a trigger.
_CANDIDATES: Final = 6


class Run:
    """Run the plans of sets over a tape.

    Args:
        tape: the bars.
        terms: the settings.
        plans: int64[sets, ...], as `PlanMaker` makes them; what they point to is kept alive by the caller.
        keep_equity: keep equity at every session close.
    """

    def __init__(
        self, tape: KernelTape, terms: KernelTerms, plans: NDArray[np.int64], *, keep_equity: bool
    ) -> None:
        count, sessions = len(plans), len(tape.session_times)
        self._tape = tape
        self._plans = plans
        self._keeps_equity = keep_equity
        #: What addresses lead to.
        self._columns = _columns(tape)
        self._grids = terms.grids_for(tape)
        self._metrics = np.empty((count, len(METRICS)))
        self._end_equity = np.empty(count)
        self._refusals = np.empty((count, len(REFUSALS)), dtype=np.int64)
        self._fills = np.empty(count, dtype=np.int64)
        self._verdicts = np.zeros((count, 4), dtype=np.int64)
        self._equity = np.empty((count if keep_equity else 0, sessions))
        self._facts: dict[str, float] = {
            **terms.numbers_for(tape),
            **{name: column.ctypes.data for name, column in self._columns.items()},
            "grids_at": self._grids.ctypes.data,
        }

    def run(self, threads: int) -> None:
        """Run all sets."""
        self._run(threads, None)

    def trades(self, threads: int) -> NDArray[np.void]:
        """Run all sets again, now that it is known how much room their trades take."""
        starts = np.concatenate(([0], np.cumsum(self._verdicts[:, 3])))
        # One more, so that the last set's place is one of the array too.
        trades = np.zeros(int(starts[-1]) + 1, dtype=TRADE)
        self._run(threads, trades.ctypes.data + starts * TRADE.itemsize)
        return _with_times(trades[:-1], starts, self._tape)

    def result(self) -> KernelResult:
        """Return everything but the trades."""
        tape = self._tape
        undecided = tuple(
            Undecided(place, SENTENCES[verdict], int(tape.closed_at_us[time]), tape.symbols[symbol])
            for place, (verdict, time, symbol, _) in enumerate(self._verdicts.tolist())
            if verdict
        )
        return KernelResult(
            metrics=self._metrics,
            end_equity=self._end_equity,
            refusals=self._refusals,
            fills=self._fills,
            undecided=undecided,
            equity=self._equity if len(self._equity) == len(self._plans) else None,
            trades=None,
        )

    def _run(self, threads: int, trade_addresses: NDArray[np.int64] | None) -> None:
        count = len(self._plans)
        size = self._block_size(threads)
        blocks = [(first, min(first + size, count)) for first in range(0, count, size)]

        def run(block: tuple[int, int]) -> None:
            self._run_block(*block, trade_addresses)

        if threads < 2 or len(blocks) < 2:
            for block in blocks:
                run(block)
            return
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(run, blocks):
                pass

    def _block_size(self, threads: int) -> int:
        """Say how many sets run side by side on one thread: many, as far as memory and the others allow."""
        width, sessions = len(self._tape.symbols), len(self._tape.session_times)
        fitting = max(_BLOCK_BYTES // (width * _SYMBOL_BYTES + sessions * 8), 1)
        shared = len(self._plans) if threads < 2 else -(-len(self._plans) // (threads * _BLOCKS_PER_THREAD))
        return max(min(fitting, shared, _BLOCK_SETS), 1)

    def _run_block(self, first: int, end: int, trade_addresses: NDArray[np.int64] | None) -> None:
        """Run some sets in the memory of one thread; the kernel resets it for each of them."""
        times, width = self._tape.shape
        sessions, count = len(self._tape.session_times), end - first
        places = min(max(CHUNK // width, 1), times) * width
        found = np.empty(3 * places, dtype=np.int64)
        of_sets = {
            "slots_at": np.zeros((count, width), dtype=SLOT),
            "quantities_at": np.zeros((count, width)),
            "next_times_at": np.zeros((count, width), dtype=np.int64),
            "due_at": np.zeros((count, width), dtype=np.int64),
            "met_at": np.zeros((count, width), dtype=np.int64),
            "heap_at": np.zeros((count, width * _CANDIDATES), dtype=CANDIDATE),
            "relations_at": np.zeros((count, 3 * width)),
            "sides_at": np.zeros((count, width), dtype=np.int64),
            "equity_at": self._equity[first:end] if self._keeps_equity else np.empty((count, sessions)),
            "refusals_at": self._refusals[first:end],
        }
        runs = np.zeros(count, dtype=RUN)
        for name, value in self._facts.items():
            runs[name] = value
        for name, array in of_sets.items():
            runs[name] = array.ctypes.data + np.arange(count) * array.strides[0]
        runs["found_at"], runs["found_size"] = found.ctypes.data, places
        if trade_addresses is not None:
            runs["trades_at"] = trade_addresses[first:end]
        out = self._metrics, self._end_equity, self._fills, self._verdicts
        run_block(runs, self._plans, first, np.empty(sessions), out)


def _columns(tape: KernelTape) -> dict[str, NDArray[Any]]:
    """Lay out what the kernel reads of a tape; what is laid out so already is not copied."""
    is_single = len(tape.symbols) == 1
    columns = {
        "opens_at": tape.open,
        "highs_at": tape.high,
        "lows_at": tape.low,
        "closes_at": tape.close,
        "marks_at": tape.marks,
        "fills_at": tape.fills,
        "session_times_at": tape.session_times,
        "session_marks_at": tape.marks[tape.session_times, 0] if is_single else np.empty(0),
    }
    return {name: np.ascontiguousarray(column) for name, column in columns.items()}


def _with_times(trades: NDArray[np.void], starts: NDArray[np.int64], tape: KernelTape) -> NDArray[np.void]:
    """Put rows and market times where the kernel has left places in time and the prints."""
    trades["set"] = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    symbols = trades["symbol"]
    for row, instant in (("opened_row", "opened_at_us"), ("closed_row", "closed_at_us")):
        times, at_open = trades[row], trades[instant] == 1
        has = times >= 0
        rows = np.where(has, tape.rows[symbols, times], -1)
        found = np.where(at_open, tape.row_opened_at_us[rows], tape.row_closed_at_us[rows])
        trades[row] = rows
        trades[instant] = np.where(has, found, -1)
    return trades
