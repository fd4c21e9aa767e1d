"""Parameter sets through the full engine: here, in other processes, or on an executor of the caller's.

What a worker needs lies in a folder: the tape as files that every process maps, and beside them the rest of
the run. A task carries the folder's path and one set, never a bar. An executor on other machines needs the
folder to be readable there. Results come in the order of the tasks, whoever runs them.
"""

from __future__ import annotations

import pickle
import shutil
import sys
import tempfile
from collections import deque
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtrader.errors import ConfigError, QTraderError, StrategyFailedError
from qtrader.research.grid import shown
from qtrader.research.sweep_metrics import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.engine.results import Results
    from qtrader.research.grid import ParameterSet
    from qtrader.services.reporting.trades import Trade
    from qtrader.services.strategy.protocol import StrategySpec

#: Starting processes takes as long as running over so many bars.
WORTH_A_PROCESS_BARS: Final = 1_000_000
#: Tasks that wait at an executor at once; enough for any number of workers, and few to cancel.
_WAITING: Final = 64
_RUN_FILE: Final = "run.pickle"


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """What a run is compared by: equity at each valuation, and its trades."""

    valued_at_us: tuple[int, ...]
    equity: tuple[float, ...]
    trades: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One set's measures, and the record where one was asked for."""

    values: tuple[float, ...]
    record: EngineRecord | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One set to be run: its place in the sweep, its parameters, and the strategy with them."""

    number: int
    parameters: ParameterSet
    spec: StrategySpec


class EngineGear:
    """Run sets through the engine, and keep what workers need until it is closed.

    Args:
        config: the run's settings.
        inputs: the bars.
        columns: the measures of each run.
        workers: how many processes where it is worth starting them, 1 for this one; or an executor, which is
            left running.
    """

    def __init__(
        self, config: RunConfig, inputs: Inputs, columns: tuple[str, ...], workers: int | Executor
    ) -> None:
        self._config = config
        self._inputs = inputs
        self._columns = columns
        self._workers = workers
        self._pool: Executor | None = None
        self._folder: Path | None = None
        self._is_written = False

    def __enter__(self) -> Self:
        # Nobody reads the logs: they stay in memory, or where bars are too many for it, in a passing folder.
        reporting = self._config.reporting
        place = reporting.event_log
        if place == "auto":
            place = "disk" if self._inputs.data.tape.is_mapped else "memory"
        update: dict[str, Any] = {"event_log": place}
        if place == "disk":
            update["directory"] = self._temporary() / "logs"
        changed = reporting.model_copy(update=update)
        self._config = self._config.model_copy(update={"reporting": changed})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None and self._pool is not self._workers:
            self._pool.shutdown(cancel_futures=True)
        if self._folder is not None:
            read_run.cache_clear()
            shutil.rmtree(self._folder, ignore_errors=True)  # what is in use elsewhere goes with the system's

    def run(self, tasks: Sequence[Task], *, with_record: bool = False) -> Iterator[tuple[Task, EngineRun]]:
        """Run tasks and give their results in order.

        Raises:
            QTraderError: a run failed; of the kind that it failed with, naming the set.
        """
        if self._is_done_here(len(tasks)):
            for task in tasks:
                try:
                    yield task, run_one(self._config, self._inputs, task.spec, self._columns, with_record)
                except QTraderError as error:
                    raise named(error, task.parameters) from error
                except Exception as error:
                    error.add_note(f"sweep: at {shown(task.parameters)}")
                    raise
            return
        pool, folder = self._started()
        remaining = iter(tasks)
        waiting: deque[tuple[Task, Future[EngineRun]]] = deque()

        def submit(count: int) -> None:
            for task in islice(remaining, count):
                strategy = _portable(task.spec)
                future = pool.submit(run_in_worker, str(folder), strategy, self._columns, with_record)
                waiting.append((task, future))

        try:
            submit(_WAITING)
            while waiting:
                task, future = waiting.popleft()
                yield task, _result(task, future)
                submit(1)
        finally:
            for _, future in waiting:
                future.cancel()

    def _is_done_here(self, count: int) -> bool:
        if not isinstance(self._workers, int):
            return False
        return self._workers == 1 or count * len(self._inputs.data.tape) < WORTH_A_PROCESS_BARS

    def _started(self) -> tuple[Executor, Path]:
        folder = self._temporary()
        if not self._is_written:
            write_run(self._config, self._inputs, folder)
            self._is_written = True
        if self._pool is None:
            self._pool = _processes(self._workers) if isinstance(self._workers, int) else self._workers
        return self._pool, folder

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="qtrader-sweep-"))
        return self._folder


def _processes(count: int) -> Executor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Forking a process with threads is not safe, and not everywhere possible.
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def run_one(
    config: RunConfig,
    inputs: Inputs,
    spec: StrategySpec,
    columns: tuple[str, ...],
    with_record: bool = False,
) -> EngineRun:
    """Run one set and take what a sweep keeps of it."""
    from qtrader.engine.backtest_engine import BacktestEngine

    results = BacktestEngine(config, inputs, [spec]).run()
    values = tuple(numbers_of(results.metrics, columns))
    return EngineRun(values, record_of(results) if with_record else None)


def results_of(config: RunConfig, inputs: Inputs, spec: StrategySpec, parameters: ParameterSet) -> Results:
    """Run one set here and return everything about it.

    Raises:
        QTraderError: the run failed; names the set.
    """
    from qtrader.engine.backtest_engine import BacktestEngine

    try:
        return BacktestEngine(config, inputs, [spec]).run()
    except QTraderError as error:
        raise named(error, parameters) from error


def record_of(results: Results) -> EngineRecord:
    """Take what a run is compared by."""
    account = results.account
    # The first point is the starting capital, before the first session.
    return EngineRecord(
        tuple(account.valued_at_us[1:].tolist()), tuple(account.equity[1:].tolist()), results.trade_records
    )


def write_run(config: RunConfig, inputs: Inputs, folder: Path) -> None:
    """Write what workers need: the tape as files to be mapped, and the rest of the run.

    Raises:
        ConfigError: the configuration holds an object that cannot be sent to another process.
    """
    from qtrader.market.tape_files import write_tape

    data = inputs.data
    write_tape(data.tape, folder / "tape")
    # The tape stands in files of its own; every process puts it back.
    rest: Any = replace(inputs, data=replace(data, tape=None))  # type: ignore[arg-type]
    try:
        content = pickle.dumps((config, rest))
    except (pickle.PicklingError, AttributeError, TypeError) as cause:
        msg = (
            f"sweep: the configuration cannot be sent to another process ({cause}); define custom models in "
            "a module, or run with workers=1"
        )
        raise ConfigError(msg) from cause
    (folder / _RUN_FILE).write_bytes(content)


@lru_cache(maxsize=1)
def read_run(folder: str) -> tuple[RunConfig, Inputs]:
    """Read what `write_run` wrote; the tape is mapped, and kept for the next set."""
    from qtrader.market.tape_files import open_tape

    config, rest = pickle.loads((Path(folder) / _RUN_FILE).read_bytes())  # noqa: S301 - written by this program
    tape = open_tape(Path(folder) / "tape")
    return config, replace(rest, data=replace(rest.data, tape=tape))


def run_in_worker(folder: str, strategy: bytes, columns: tuple[str, ...], with_record: bool) -> EngineRun:
    """Run one set in whatever process this is called in."""
    from qtrader.engine.inputs import importing_from

    config, inputs = read_run(folder)
    with importing_from(config.import_from):
        try:
            spec: StrategySpec = pickle.loads(strategy)  # noqa: S301 - made by `_portable`
        except (ImportError, AttributeError) as cause:
            msg = f"a worker cannot import the strategy: {cause}; define it in a module that the worker finds"
            raise ConfigError(msg) from cause
    return run_one(config, inputs, spec, columns, with_record)


def _portable(spec: StrategySpec) -> bytes:
    name = getattr(spec.strategy, "__qualname__", str(spec.strategy))
    main = sys.modules.get("__main__")
    is_typed_in = getattr(spec.strategy, "__module__", "") == "__main__" and not hasattr(main, "__file__")
    try:
        content = pickle.dumps(spec)
    except (pickle.PicklingError, AttributeError, TypeError) as cause:
        raise _not_portable(name, str(cause)) from cause
    if is_typed_in:
        raise _not_portable(name, "it was typed into a notebook or an interpreter")
    return content


def _not_portable(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"sweep: {name} cannot be sent to another process ({why}); define it in a module, or run with "
        "workers=1"
    )


def _result(task: Task, future: Future[EngineRun]) -> EngineRun:
    try:
        return future.result()
    except QTraderError as error:
        raise named(error, task.parameters) from error
    except BrokenExecutor as cause:
        msg = (
            f"sweep: a worker process ended at {shown(task.parameters)} without an answer: out of memory, or "
            'the program that called has no `if __name__ == "__main__":` around its sweep'
        )
        raise StrategyFailedError(msg) from cause
    except Exception as error:
        error.add_note(f"sweep: at {shown(task.parameters)}")
        raise


def named(error: QTraderError, parameters: ParameterSet) -> QTraderError:
    """Put the set before a run's error, which keeps its kind."""
    try:
        return type(error)(f"sweep: {shown(parameters)}: {error}")
    except TypeError:  # an error whose arguments are no message
        return QTraderError(f"sweep: {shown(parameters)}: {type(error).__name__}: {error}")
