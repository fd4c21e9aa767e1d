"""One run in a check: the strategies made anew, over the data as they are or over another future."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from qtrader.clock import to_epoch_us
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.inputs import importing_from
from qtrader.engine.lookahead_changes import Change, change_inputs
from qtrader.engine.lookahead_reach import Reach
from qtrader.engine.lookahead_readers import changed_readers, imported_anew
from qtrader.engine.lookahead_values import DataChanger, KnownSeries
from qtrader.errors import ConfigError, QTraderError, StrategyFailedError
from qtrader.libraries.strategies import LIBRARY
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.events.base import ValidatedEvent

    #: What a strategy kept, by its id: (instant in microseconds, text).
    Notes = Mapping[str, Sequence[tuple[int, str]]]

#: A failure before the first bar.
AT_THE_BEGINNING_US: Final = -(2**63)
#: All runs of a check have one id, so that their events can be compared.
_RUN_ID: Final = "lookahead-check"


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Args:
        config: everything that decides.
        inputs: the data as they are.
        strategies: what to run; by default those of the configuration.
        parameters: computes the parameters of the one strategy from the data of a run, if given.
    """

    config: RunConfig
    inputs: Inputs
    strategies: tuple[StrategySpec, ...] = ()
    parameters: Callable[[Inputs], Mapping[str, Any]] | None = None

    @property
    def specs(self) -> tuple[StrategySpec, ...]:
        """The strategies, before parameters are computed."""
        return self.strategies or self.config.strategy_specs


@dataclass(frozen=True)
class Failure:
    """An error that broke a run off, the instant that it was at, and whose it is where one strategy runs."""

    instant_us: int
    strategy_id: str
    message: str
    is_strategys: bool


@dataclass(frozen=True)
class Observed:
    """What a run left behind up to an instant."""

    events: Sequence[ValidatedEvent]
    logs: Notes = field(default_factory=dict)
    records: Notes = field(default_factory=dict)
    failure: Failure | None = None
    unchanged: tuple[str, ...] = ()


class Laboratory:
    """Make runs of one subject that differ in their future only."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        run = subject.config.run.model_copy(update={"run_id": _RUN_ID})
        self._config = subject.config.model_copy(update={"run": run})
        self._known = KnownSeries(subject.inputs.data.tape)
        self._modules = [
            spec.strategy.partition(":")[0]
            for spec in subject.specs
            if isinstance(spec.strategy, str) and ":" in spec.strategy
        ]
        with importing_from(subject.config.import_from):
            found = [
                load(spec.strategy, LIBRARY) if isinstance(spec.strategy, str) else spec.strategy
                for spec in subject.specs
            ]
        computes = [subject.parameters] if subject.parameters is not None else []
        self._reach = Reach([*found, *computes])
        self.runs = 0

    def run_as_it_is(self, *, again: bool = False) -> Observed:
        """Run over the data as they are; `again` begins with whatever earlier runs have left behind.

        Raises:
            QTraderError: the run fails, as the backtest would.
        """
        if not again:
            self._reach.put_back()
        self.runs += 1
        engine = BacktestEngine(self._config, self.subject.inputs, self._specs(self.subject.inputs, None))
        engine.run()
        return _observed(engine, None, None, ())

    def run_changed(self, change: Change, until_us: int) -> Observed:
        """Run over another future and return what happened up to an instant, failures included."""
        self.runs += 1
        changer = DataChanger(self._known, change)
        inputs = change_inputs(self.subject.inputs, change)
        engine: BacktestEngine | None = None
        failure = None
        with ExitStack() as stack:
            stack.enter_context(imported_anew(self._modules))
            stack.enter_context(self._reach.changed(changer))
            stack.enter_context(changed_readers(changer, change))
            try:
                engine = BacktestEngine(self._config, inputs, self._specs(inputs, changer))
                engine.run()
            except QTraderError as error:
                failure = self._failure(error, engine)
        unchanged = tuple(changer.unchanged)
        if engine is None:
            return Observed((), failure=failure, unchanged=unchanged)
        return _observed(engine, until_us, failure, unchanged)

    def _specs(self, inputs: Inputs, changer: DataChanger | None) -> tuple[StrategySpec, ...]:
        subject = self.subject
        if subject.parameters is not None:
            (spec,) = subject.specs
            return (replace(spec, parameters=_computed(subject.parameters, inputs)),)
        if changer is None:
            return subject.specs
        return tuple(
            replace(
                spec,
                parameters={
                    name: changer.changed(value, f"parameter {name}")
                    for name, value in spec.parameters.items()
                },
            )
            for spec in subject.specs
        )

    def _failure(self, error: QTraderError, engine: BacktestEngine | None) -> Failure:
        specs = self.subject.specs
        is_strategys = isinstance(error, (StrategyFailedError, ConfigError))
        strategy_id = specs[0].identifier if is_strategys and len(specs) == 1 else ""
        message = str(error).partition(" The run has stopped.")[0]
        instants = [AT_THE_BEGINNING_US]
        if engine is not None:
            contexts = engine.house.strategies.contexts().values()
            instants += [context.now_us for context in contexts if isinstance(context, Context)]
            instants += [to_epoch_us(event.occurred_at) for _, event in engine.bus.store.decisions()][-1:]
        return Failure(max(instants), strategy_id, message, is_strategys)


def _computed(compute: Callable[[Inputs], Mapping[str, Any]], inputs: Inputs) -> dict[str, Any]:
    try:
        found = compute(inputs)
    except Exception as cause:
        msg = f"computing the parameters failed: {type(cause).__name__}: {cause}"
        raise StrategyFailedError(msg) from cause
    return dict(found)


def _observed(
    engine: BacktestEngine, until_us: int | None, failure: Failure | None, unchanged: tuple[str, ...]
) -> Observed:
    events = []
    for _, event in engine.bus.store.decisions():
        if until_us is not None and to_epoch_us(event.occurred_at) > until_us:
            break
        events.append(event)
    contexts = engine.house.strategies.contexts()
    logs = {
        name: [(us, f"{message} {fields!r}") for us, message, fields in context.logs]
        for name, context in contexts.items()
    }
    records = {
        name: [(us, f"{series}={value!r}") for us, series, value in context.records]
        for name, context in contexts.items()
    }
    return Observed(events, logs, records, failure, unchanged)
