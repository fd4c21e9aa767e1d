"""The backtest engine: builds a run from its configuration, drives it, and hands over the results."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qtrader.clock import from_epoch_us
from qtrader.engine.agenda import Agenda, valuations
from qtrader.engine.completion import check_benchmark, complete
from qtrader.engine.config import RunConfig, apply_overrides, config_fingerprint, load_run_config
from qtrader.engine.inputs import Inputs, check_strategies, importing_from, load_inputs
from qtrader.engine.run_identity import derive_run_id, digest, object_digest, strategy_digest
from qtrader.engine.run_loop import RunLoop
from qtrader.engine.wiring import House, build
from qtrader.errors import DataError, QTraderError
from qtrader.events.event_store import InMemoryEventStore
from qtrader.events.events import LedgerEntryEvent
from qtrader.libraries.strategies import LIBRARY
from qtrader.market.calendars import get_calendar
from qtrader.money import money_context
from qtrader.services.execution.costs import make_custom_models
from qtrader.services.portfolio.ledger import Ledger
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from qtrader.engine.results import Results
    from qtrader.engine.wiring import MakeRemote
    from qtrader.events.event_bus import EventBus
    from qtrader.events.event_store import EventStore
    from qtrader.services.data.assembly import LoadedData

    Progress = Callable[[int, int], None]

#: Bars between two calls of a progress callback; progress is looked at only between stretches of work.
_PROGRESS_BARS = 20_000


class BacktestEngine:
    """Run strategies over a tape.

    Args:
        config: everything that decides, resolved.
        inputs: the bars with their instruments and actions, and when trading starts.
        strategies: what to run; by default those of the configuration.
        store: where events are kept; by default as `reporting.event_log` says.
        log_directory: where a log on disk is kept while the run goes on; by default where runs are written.
        remote: makes the strategies' other process, for example `RemoteStrategies`; in this one by default.
    """

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        strategies: Sequence[StrategySpec] | None = None,
        *,
        store: EventStore | None = None,
        remote: MakeRemote | None = None,
        log_directory: Path | None = None,
    ) -> None:
        specs = tuple(strategies) if strategies is not None else config.strategy_specs
        data = inputs.data
        if not len(data.tape):
            msg = "there is no bar to run over: the data is empty for these symbols and dates"
            raise DataError(msg)
        check_strategies(specs, data.tape)
        check_benchmark(inputs, config.reporting.benchmark)
        with importing_from(config.import_from):
            made = {spec.identifier: spec.make(LIBRARY) for spec in specs}
            costs = make_custom_models(config.execution.commission, config.execution.slippage)
        self.config = config
        self.inputs = inputs
        self.data: LoadedData = data
        self._specs = specs
        self.strategy_hashes = {
            spec.identifier: strategy_digest(spec, made[spec.identifier]) for spec in specs
        }
        #: What is the user's own code beside the strategies decides as well.
        self.model_hashes = {
            f"{setting} model": object_digest(model)
            for setting, model in (("commission", costs.commission), ("slippage", costs.slippage))
            if model is not None
        }
        self.run_id = config.run.run_id or derive_run_id(
            config_fingerprint(config),
            digest(*self.strategy_hashes.values(), *self.model_hashes.values()),
            inputs.fingerprint,
            __version__,
        )
        self._trading_starts_us = inputs.trading_starts_us
        self.house: House = build(
            config,
            data,
            made,
            specs,
            run_id=self.run_id,
            trading_starts_us=self._trading_starts_us,
            store=self._make_store(log_directory) if store is None else store,
            remote=remote,
            models=costs,
        )
        #: What the log's entries add up to, against which the books are checked at the end.
        self._logged = Ledger()
        self.house.bus.subscribe(LedgerEntryEvent, self._logged.post)
        self._loop = self._make_loop()
        self._is_started = False
        self._is_finished = False
        #: A run that an error broke off inside an instant cannot go on from there.
        self._is_broken_off = False
        self._seconds = 0.0

    @classmethod
    def from_config(
        cls,
        config: RunConfig | str | Path = "config/system.yaml",
        *,
        overrides: Mapping[str, Any] | None = None,
        log_directory: Path | None = None,
    ) -> BacktestEngine:
        """Build an engine from a configuration or the path of one.

        Raises:
            ConfigError: naming file, key path, value and what is allowed.
            DataError: naming file, symbol, row and rule.
        """
        resolved = config if isinstance(config, RunConfig) else load_run_config(config)
        if overrides:
            resolved = apply_overrides(resolved, overrides)
        return cls(resolved, load_inputs(resolved), log_directory=log_directory)

    @property
    def bus(self) -> EventBus:
        """The event bus; subscribe before `run` to hear of everything."""
        return self.house.bus

    def run(self, progress: Progress | None = None) -> Results:
        """Run to the end and return the results.

        Args:
            progress: called now and then with the bars done and the bars in all.

        Raises:
            HandlerError: a strategy or a service raised; names the event and the handler.
        """
        if self._is_finished:
            msg = "this engine has run already; get_results() has the results, a new engine runs again"
            raise QTraderError(msg)
        began = time.perf_counter()
        with self._driving():
            self._start()
            self._advance_all(progress)
            self._finish()
        self._seconds += time.perf_counter() - began
        return self.get_results()

    def process_bar(self) -> datetime | None:
        """Advance by one instant and return it; None once the run has ended."""
        if self._is_finished:
            return None
        with self._driving():
            self._start()
            if self._loop.advance(single=True):
                return from_epoch_us(self._loop.instant_us)
            self._finish()
        return None

    def get_results(self) -> Results:
        """Return what came of the run so far.

        Raises:
            QTraderError: the run has not ended; `run()` or `process_bar()` until None ends it.
        """
        from qtrader.engine.results import Results

        if not self._is_finished:
            msg = "the run has not ended; call run(), or process_bar() until it returns None"
            raise QTraderError(msg)
        run = complete(
            self.config,
            self.inputs,
            self.house,
            run_id=self.run_id,
            strategy_hashes={**self.strategy_hashes, **self.model_hashes},
            seconds=self._seconds,
        )
        return Results(run)

    @contextmanager
    def _driving(self) -> Iterator[None]:
        if self._is_broken_off:
            msg = "an error broke this run off in the middle of an instant; make a new engine to run again"
            raise QTraderError(msg)
        self._is_broken_off = True
        with money_context():
            yield
        self._is_broken_off = False

    def _make_store(self, directory: Path | None) -> EventStore:
        reporting = self.config.reporting
        place = reporting.event_log
        if place == "memory" or (place == "auto" and not self.data.tape.is_mapped):
            return InMemoryEventStore()
        from qtrader.engine.run_directory import directory_name
        from qtrader.events.event_store_file import FileEventStore

        name = directory_name(self.config.run.name, self.run_id)
        return FileEventStore.partial(directory or reporting.directory, name)

    def _make_loop(self) -> RunLoop:
        config, data = self.config, self.data
        marked = valuations(data.tape, get_calendar(config.run.valuation_calendar))
        first_us = int(data.tape.opened_at_us[0])
        agenda = Agenda(
            data.tape,
            [valuation for valuation in marked if valuation.instant_us > self._trading_starts_us],
            [(effective_us, action) for effective_us, action in data.actions if effective_us >= first_us],
        )
        return RunLoop(
            self.house,
            data.tape,
            agenda,
            run_id=self.run_id,
            valuation_calendar=config.run.valuation_calendar,
            is_same_close=config.execution.market_fill == "same_close",
        )

    def _start(self) -> None:
        if self._is_started:
            return
        self._is_started = True
        tape, house = self.data.tape, self.house
        first_end = tape.rows_closed_by(int(tape.closed_at_us[0]))
        opened_us = int(tape.opened_at_us[:first_end].min())
        house.portfolio.open_books(from_epoch_us(opened_us), None)
        house.bus.drain()
        house.strategies.on_start(opened_us)
        house.bus.drain()

    def _advance_all(self, progress: Progress | None) -> None:
        loop, total = self._loop, len(self.data.tape)
        if progress is None:
            while loop.advance():
                pass
            return
        reported = 0
        progress(0, total)
        while loop.advance():
            if loop.row - reported >= _PROGRESS_BARS:
                reported = loop.row
                progress(reported, total)
        progress(total, total)

    def _finish(self) -> None:
        house = self.house
        house.bus.store.rows = self._loop.row
        # What a strategy still wants when it hears of the last fills is refused with a reason, not lost.
        house.manager.end_trading()
        house.execution.requests.end_trading()
        house.strategies.on_stop(self._loop.instant_us)
        house.bus.drain()
        house.portfolio.check(self._logged)
        self._is_finished = True
