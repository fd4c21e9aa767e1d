"""The sweep: many parameter sets of one strategy over one tape, each in the fastest gear that is exact.

Column strategies run in the kernel. What the kernel does not do, strategies that are called bar by bar and
sets that the kernel does not vouch for run through the engine, and the table says so. The best sets of the
kernel are run again through the engine and must agree. Results depend neither on the number of workers nor
on who they are.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from qtrader.engine.inputs import check_strategies, importing_from
from qtrader.errors import ConfigError, DataError
from qtrader.research.grid import MOST_SETS, Constraint, as_set, asked_sets, identity_of, is_wanted
from qtrader.research.sampling import Outcome, Sampler
from qtrader.research.sweep_board import Board, Gear
from qtrader.research.sweep_engine import EngineGear, Task
from qtrader.research.sweep_metrics import Objective
from qtrader.research.sweep_sets import Refused, SetMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.research.grid import ParameterSet
    from qtrader.research.kernel import KernelResult
    from qtrader.research.kernel_tape import KernelTape
    from qtrader.research.sweep_kernel import KernelGear, Wanted
    from qtrader.research.sweep_results import SweepResults
    from qtrader.services.strategy.protocol import StrategySpec

    #: Called with the sets done and the sets known so far.
    Progress = Callable[[int, int], None]

#: How many of the best sets are run again unless somebody says otherwise.
DEFAULT_VERIFY: Final = 3


class Sweep:
    """Run parameter sets of a strategy over a tape.

    Args:
        config: everything else that decides a run.
        inputs: the bars with their instruments and actions.
        spec: the strategy, with the parameters that all sets share.
        parameters: a grid, a list of sets or a sampler.
        metric: a key of the catalogue, by which sets are ranked.
        maximize: whether more of it is better; by default what the measure means.
        constraint: says of a set whether it is wanted.
        workers: threads of the kernel and processes of the engine; None for as many threads as there are
            processors and no other process. Or an executor, on which the engine's runs are made.
        verify: how many of the best sets run again through the engine; 0 for none.

    Raises:
        ConfigError: naming the parameter, value or metric, what was found and what is allowed.
        DataError: there are no bars, or not those that the strategy asks for.
    """

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        spec: StrategySpec,
        parameters: Any,
        *,
        metric: str = "sharpe",
        maximize: bool | None = None,
        constraint: Constraint | None = None,
        workers: int | Executor | None = None,
        verify: int = DEFAULT_VERIFY,
    ) -> None:
        if not len(inputs.data.tape):
            msg = "there is no bar to run over: the data is empty for these symbols and dates"
            raise DataError(msg)
        check_strategies([spec], inputs.data.tape)
        if isinstance(verify, bool) or not isinstance(verify, int) or verify < 0:
            msg = f"sweep: verify is {verify!r}; allowed is how many of the best sets run again, 0 for none"
            raise ConfigError(msg)
        self.config = config
        self.inputs = inputs
        self.objective = Objective.of(metric, maximize)
        self.verify = verify
        self._constraint = constraint
        self._sampler = parameters if isinstance(parameters, Sampler) else None
        self._asked = None if self._sampler is not None else asked_sets(parameters, constraint)
        self._threads, self._workers = _workers(workers)
        with importing_from(config.import_from):
            self.maker = SetMaker(spec)
        self._kernel: KernelGear | None = None
        self._why_engine = ""

    def run(self, progress: Progress | None = None) -> SweepResults:
        """Run every set and verify the best.

        Args:
            progress: called now and then with the sets done and the sets known so far.

        Raises:
            SweepMismatchError: kernel and engine disagree about one of the best sets.
            HandlerError: a strategy raised; names the set.
            ConfigError: a value is not of its parameter's type, or every set is refused.
        """
        from qtrader.research.sweep_results import SweepResults

        began = time.perf_counter()
        board = Board(self.objective)
        self._choose_gear()
        with EngineGear(self.config, self.inputs, self.objective.columns, self._workers) as engine:
            if self._asked is not None:
                board.left_out = self._asked.left_out
                self._run_sets(board, self._asked.sets, engine, progress)
            else:
                self._run_sampler(board, engine, progress)
            if not board.run_count:
                first = next(iter(board.reasons.values()), "none was asked for")
                msg = f"sweep: none of {len(board.sets):,} sets can run: {first}"
                raise ConfigError(msg)
            swept = time.perf_counter()
            self._verify(board, engine)
        board.sweep_seconds, board.verify_seconds = swept - began, time.perf_counter() - swept
        return SweepResults(self, board)

    def _choose_gear(self) -> None:
        if not callable(getattr(self.maker.cls, "signals", None)):
            self._why_engine = f"{self.maker.cls.__name__} is called bar by bar"
            return
        if not self.objective.is_of_the_table:
            self._why_engine = f"only the engine measures {self.objective.metric}"
            return
        from qtrader.research.sweep_kernel import KernelGear, why_not

        self._why_engine = why_not(self.config, self.inputs, self.maker) or ""
        if not self._why_engine:
            self._kernel = KernelGear(self.config, self.inputs, self.maker)

    def _run_sampler(self, board: Board, engine: EngineGear, progress: Progress | None) -> None:
        sampler = self._sampler
        assert sampler is not None  # noqa: S101 - the caller has looked
        known: dict[tuple[Any, ...], int] = {}
        while asked := [as_set(entry, "sweep: a set of the sampler") for entry in sampler.ask()]:
            identities = [identity_of(parameters) for parameters in asked]
            new: dict[tuple[Any, ...], ParameterSet] = {}
            for identity, parameters in zip(identities, asked, strict=True):
                if identity not in known and identity not in new:
                    new[identity] = parameters
            if len(known) + len(new) > MOST_SETS:
                msg = f"sweep: the sampler has asked for more than {MOST_SETS:,} sets"
                raise ConfigError(msg)
            first = len(board.sets)
            known.update((identity, first + place) for place, identity in enumerate(new))
            if new:
                self._run_sets(board, list(new.values()), engine, progress)
            numbers = [known[identity] for identity in identities]
            sampler.tell([_outcome(board, n, said) for n, said in zip(numbers, asked, strict=True)])

    def _run_sets(
        self, board: Board, sets: Sequence[ParameterSet], engine: EngineGear, progress: Progress | None
    ) -> None:
        """Run sets that come after those on the board."""
        first = board.add(sets)
        maker, kernel = self.maker, self._kernel
        with importing_from(self.config.import_from):
            maker.check_values(sets)
            if self._sampler is not None and self._constraint is not None:
                self._refuse_unwanted(board, first)
            if kernel is None:
                later = self._checked(board, first)
            else:
                later = self._run_kernel(board, first, kernel, progress)
        tasks = [self._task(board, number) for number in later]
        done = len(board.sets) - len(tasks)
        if progress is not None:
            progress(done, len(board.sets))
        for task, found in engine.run(tasks):
            board.values[task.number] = found.values
            board.gears[task.number] = Gear.ENGINE
            done += 1
            if progress is not None:
                progress(done, len(board.sets))

    def _refuse_unwanted(self, board: Board, first: int) -> None:
        assert self._constraint is not None  # noqa: S101 - the caller has looked
        for number in range(first, len(board.sets)):
            if not is_wanted(self._constraint, board.sets[number]):
                board.refuse(number, "the constraint leaves it out")

    def _checked(self, board: Board, first: int) -> list[int]:
        """Ask the strategy about every set; return those that the engine is to run."""
        found = []
        for number in range(first, len(board.sets)):
            if number in board.reasons:
                continue
            try:
                self.maker.make(board.sets[number])
            except Refused as refusal:
                board.refuse(number, str(refusal))
            else:
                board.reasons[number] = self._why_engine
                found.append(number)
        return found

    def _run_kernel(
        self, board: Board, first: int, kernel: KernelGear, progress: Progress | None
    ) -> list[int]:
        """Run sets through the kernel; return those that the engine is to run."""
        from qtrader.research.sweep_kernel import KernelLine, block_size

        later: list[int] = []

        def take(done: Sequence[Wanted], result: KernelResult) -> None:
            later.extend(board.take(done, result))
            if progress is not None:
                progress(done[-1].number + 1 - len(later), len(board.sets))

        block: list[Wanted] = []
        size = 0
        with KernelLine(kernel, self._threads) as line:
            for found in self._wanted(board, first, kernel, later):
                if not size:
                    known = (len(self.inputs.data.tape), len(board.sets) - first, self._threads)
                    size = block_size(found.signals, *known, is_watched=progress is not None)
                block.append(found)
                if len(block) >= size:
                    for done, result in line.put(block):
                        take(done, result)
                    block = []
            if block:
                for done, result in line.put(block):
                    take(done, result)
            for done, result in line.finish():
                take(done, result)
        return sorted(later)

    def _wanted(self, board: Board, first: int, kernel: KernelGear, later: list[int]) -> Iterator[Wanted]:
        """Ask the strategy of each set what it wants; note the sets that it refuses or the kernel leaves."""
        sets, make, wanted = board.sets, self.maker.make, kernel.wanted
        for number in range(first, len(sets)):
            if number in board.reasons:
                continue
            parameters = sets[number]
            try:
                found = wanted(number, parameters, make(parameters))
            except Refused as refusal:
                board.refuse(number, str(refusal))
                continue
            if isinstance(found, str):
                board.reasons[number] = found
                later.append(number)
                continue
            yield found

    def _verify(self, board: Board, engine: EngineGear) -> None:
        """Run the best sets again and compare."""
        best = board.ranked()[: self.verify]
        swept = [number for number in best if board.gears[number] == Gear.KERNEL]
        if swept:
            from qtrader.research.verification import compare

            tape, found = self.kernel_record(board, swept)
            tasks = [self._task(board, number) for number in swept]
            for place, (task, run) in enumerate(engine.run(tasks, with_record=True)):
                compare(task, board.values[task.number], (tape, found, place), run)
        board.verified.update(swept)

    def kernel_record(self, board: Board, numbers: Sequence[int]) -> tuple[KernelTape, KernelResult]:
        """Run sets through the kernel again, and keep their equity and trades."""
        kernel = self._kernel
        assert kernel is not None  # noqa: S101 - it ran these sets
        block = []
        with importing_from(self.config.import_from):
            for number in numbers:
                parameters = board.sets[number]
                found = kernel.wanted(number, parameters, self.maker.make(parameters))
                assert not isinstance(found, str)  # noqa: S101 - it was wanted before
                block.append(found)
        return kernel.tape, kernel.run(block, threads=self._threads, with_record=True)

    def _task(self, board: Board, number: int) -> Task:
        parameters = board.sets[number]
        return Task(number, parameters, self.maker.spec_of(parameters))


def _outcome(board: Board, number: int, asked: ParameterSet) -> Outcome:
    if board.gears[number] == Gear.REFUSED:
        return Outcome(asked, None, board.reasons[number])
    return Outcome(asked, board.value_of(number))


def _workers(given: int | Executor | None) -> tuple[int, int | Executor]:
    """Return the kernel's threads, and who runs the engine's sets."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if given is None:
        return processors, 1
    if isinstance(given, Executor):
        return processors, given
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        msg = f"sweep: workers is {given!r}; allowed is a positive number, or a concurrent.futures.Executor"
        raise ConfigError(msg)
    return given, given
