"""Parameter sets of a column strategy through the kernel, in blocks; what it does not do is said by name."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qtrader.errors import QTraderError, StrategyError, StrategyFailedError
from qtrader.libraries.indicators.windows import use_compiled
from qtrader.research.grid import shown
from qtrader.research.kernel import run_sets
from qtrader.research.kernel_support import unsupported, unsupported_signals
from qtrader.research.kernel_tape import KernelTape
from qtrader.research.kernel_terms import KernelTerms
from qtrader.research.sweep_engine import named
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.research.grid import ParameterSet
    from qtrader.research.kernel import KernelResult
    from qtrader.research.sweep_sets import SetMaker

#: How to get what the kernel is compiled with.
INSTALL_NUMBA: Final = "numba is not installed; pip install 'qtrader[research]' makes sweeps much faster"

#: Sets that are run together at most and at least, the bytes that their columns may have, how many blocks
#: each thread gets at least, and bars that are run between two looks at the progress.
_BLOCK_SETS: Final = 4_096
_LEAST_SETS: Final = 16
_BLOCK_BYTES: Final = 64 * 1024 * 1024
_BLOCKS_PER_THREAD: Final = 4
_WATCHED_BARS: Final = 50_000_000


class Wanted(NamedTuple):
    """A set whose signals are known: its place in the sweep, its parameters and what it wants."""

    number: int
    parameters: ParameterSet
    signals: Signals


class KernelGear:
    """Run sets through the kernel.

    Args:
        config: the run's settings.
        inputs: the bars, which `why_not` has nothing against.
        maker: makes the strategy of a set.
    """

    def __init__(self, config: RunConfig, inputs: Inputs, maker: SetMaker) -> None:
        from qtrader.research.kernel_sums import moving_sums

        use_compiled(moving_sums)
        tape = inputs.data.tape
        self.panel = Panel(tape, tape.symbols, tape.intervals[0])
        self._config = config
        self._inputs = inputs
        self._name = maker.cls.__name__
        self.tape = KernelTape.of(inputs, config)
        self._terms = KernelTerms.of(inputs, config)

    def wanted(self, number: int, parameters: ParameterSet, made: Any) -> Wanted | str:
        """Ask a strategy for its signals; or say why the kernel cannot run them.

        Raises:
            StrategyError: what it said is no signals.
            StrategyFailedError: it raised.
        """
        try:
            said = made.signals(self.panel)
        except QTraderError as error:
            raise named(error, parameters) from error
        except Exception as cause:
            found = f"{type(cause).__name__}: {cause}"
            msg = f"sweep: {shown(parameters)}: {self._name}.signals failed: {found}"
            raise StrategyFailedError(msg) from cause
        if not isinstance(said, Signals):
            found = type(said).__name__
            msg = f"sweep: {shown(parameters)}: {self._name}.signals returned {found}; it returns Signals(…)"
            raise StrategyError(msg)
        reasons = unsupported_signals(self._config, said)
        return "; ".join(reasons) if reasons else Wanted(number, parameters, said)

    def run(self, block: Sequence[Wanted], *, threads: int, with_record: bool = False) -> KernelResult:
        """Run a block of sets."""
        return run_sets(
            self.tape,
            self._terms,
            [one.signals for one in block],
            threads=threads,
            keep_equity=with_record,
            keep_trades=with_record,
        )


class KernelLine:
    """Run blocks in threads while the next ones are made; they come back in the order in which they went in.

    Args:
        gear: runs a block.
        threads: how many run side by side; with one, each block runs when it is put in.
    """

    def __init__(self, gear: KernelGear, threads: int) -> None:
        self._gear = gear
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._waiting: deque[tuple[list[Wanted], Future[KernelResult]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def put(self, block: list[Wanted]) -> Iterator[tuple[list[Wanted], KernelResult]]:
        """Put in a block, and give those that are done."""
        if self._pool is None:
            yield block, self._gear.run(block, threads=1)
            return
        is_free = sum(not future.done() for _, future in self._waiting) < self._threads
        started = Event()
        self._waiting.append((block, self._pool.submit(self._run, block, started)))
        if is_free:
            # Until the block runs without the interpreter's lock, this thread would only be in its way.
            started.wait()
        while self._waiting and (self._waiting[0][1].done() or len(self._waiting) > 2 * self._threads):
            done, future = self._waiting.popleft()
            yield done, future.result()

    def finish(self) -> Iterator[tuple[list[Wanted], KernelResult]]:
        """Give all that is left."""
        while self._waiting:
            block, future = self._waiting.popleft()
            yield block, future.result()

    def _run(self, block: list[Wanted], started: Event) -> KernelResult:
        started.set()
        return self._gear.run(block, threads=1)


def block_size(signals: Signals, bars: int, sets: int, threads: int, *, is_watched: bool) -> int:
    """Say how many sets run together: few enough that memory holds their columns and all threads have work.

    Args:
        signals: of the first set; those of the others are about as large.
        bars: how many a set runs over.
        sets: how many there are in all.
        threads: how many blocks run side by side.
        is_watched: somebody wants to see progress, so that blocks are not to take long.
    """
    columns: dict[int, int] = {}
    for value in vars(signals).values():
        for column in (value, getattr(value, "fast", None), getattr(value, "slow", None)):
            columns[id(column)] = getattr(column, "nbytes", 0)
    most = [_BLOCK_SETS, _BLOCK_BYTES // max(sum(columns.values()), 1)]
    if is_watched:
        most.append(_WATCHED_BARS // max(bars, 1))
    if threads > 1:
        most.append(-(-sets // (threads * _BLOCKS_PER_THREAD)))
    return max(min(most), _LEAST_SETS)


def why_not(config: RunConfig, inputs: Inputs, maker: SetMaker) -> str | None:
    """Say why the kernel runs no set of this sweep; None where it can."""
    name, spec = maker.cls.__name__, maker.spec
    if not callable(getattr(maker.cls, "signals", None)):
        return (
            f"{name} decides bar by bar; only a strategy on columns, with signals(panel), runs in the kernel"
        )
    tape = inputs.data.tape
    if spec.symbols is not None and tuple(sorted(spec.symbols)) != tape.symbols:
        return "the strategy sees only some of the symbols of the data"
    if spec.intervals is not None and spec.intervals != tape.intervals:
        return "the strategy sees only some of the intervals of the data"
    reasons = unsupported(config, inputs)
    if reasons:
        return "; ".join(reasons)
    return INSTALL_NUMBA if find_spec("numba") is None else None
