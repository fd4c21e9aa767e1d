"""Building an engine, driving it, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine_inputs import BUY, SELL, Script, closes, daily, engine_of, inputs_of, log, session

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.errors import AccountingError, ConfigError, DataError, QTraderError
from qtrader.events.event_store import InMemoryEventStore
from qtrader.events.event_store_file import FileEventStore
from qtrader.events.events import LedgerEntryEvent
from qtrader.market.tape_files import open_tape, write_tape
from qtrader.services.strategy.protocol import StrategySpec

INPUTS = inputs_of(daily(closes(100, 101, 102, 103)))
SPEC = StrategySpec(Script({0: [BUY], 2: [SELL]}), "s")


def test_results_are_there_when_the_run_has_ended_and_not_before() -> None:
    engine = engine_of(INPUTS, SPEC)
    for _ in range(2):
        with pytest.raises(QTraderError, match="the run has not ended"):
            engine.get_results()
        assert engine.process_bar() is not None
    engine.run()
    assert log(engine.get_results()) == log(engine_of(INPUTS, SPEC).run())


def test_an_engine_runs_once() -> None:
    engine = engine_of(INPUTS, SPEC)
    engine.run()
    with pytest.raises(QTraderError, match="has run already"):
        engine.run()
    assert engine.process_bar() is None


def test_process_bar_returns_each_instant_and_then_none() -> None:
    engine = engine_of(INPUTS, SPEC)
    days = []
    while (instant := engine.process_bar()) is not None:
        days.append(instant.date())
    assert days == [session(number) for number in range(4)]
    assert engine.process_bar() is None


def test_an_engine_that_an_error_broke_off_goes_no_further() -> None:
    def broken(_order: object) -> None:
        raise ValueError

    engine = engine_of(INPUTS, SPEC)
    engine.bus.subscribe("order", broken)
    with pytest.raises(QTraderError, match="ValueError"):
        engine.process_bar()
    engine.bus.unsubscribe("order", broken)
    with pytest.raises(QTraderError, match="an error broke this run off"):
        engine.process_bar()
    with pytest.raises(QTraderError, match="an error broke this run off"):
        engine.run()


def test_progress_is_reported_at_the_beginning_and_the_end() -> None:
    seen: list[tuple[int, int]] = []
    engine_of(INPUTS, SPEC).run(lambda done, total: seen.append((done, total)))
    assert (seen[0], seen[-1]) == ((0, 4), (4, 4))


def test_the_log_goes_where_it_is_told() -> None:
    store = InMemoryEventStore()
    engine = BacktestEngine(default_run_config(), INPUTS, [SPEC], store=store)
    results = engine.run()
    assert results.run.store is store
    assert len(store) == len(list(results.events())) == 4 + len(store.decision_events)


def test_a_default_run_values_at_midnight_and_trades_a_hundred_shares() -> None:
    results = BacktestEngine(default_run_config(), INPUTS, [SPEC]).run()
    assert results.fills["quantity"].to_list() == [100.0, 100.0]
    assert {one.occurred_at.hour for one in results.valuations} == {0}
    assert results.equity_curve["equity"][0] == 100_000


def test_what_cannot_be_run_is_refused_when_the_engine_is_built() -> None:
    with pytest.raises(DataError, match="there is no bar to run over"):
        engine_of(inputs_of(daily([])), SPEC)
    with pytest.raises(DataError, match="'s' asks for Y; the data has X"):
        engine_of(INPUTS, StrategySpec(Script({}), "s", symbols=("X", "Y")))
    with pytest.raises(ConfigError, match="benchmark is 'SPY'; allowed is a symbol of the data: X"):
        engine_of(INPUTS, SPEC, benchmark="SPY")


def test_the_books_are_checked_at_the_end_against_what_was_logged() -> None:
    engine = engine_of(INPUTS, SPEC)
    assert engine.process_bar() is not None
    engine.bus.unsubscribe(LedgerEntryEvent, engine._logged.post)
    with pytest.raises(AccountingError, match="books against the log's entries"):
        engine.run()


def test_the_log_is_in_memory_unless_the_configuration_or_the_bars_say_otherwise(tmp_path: Path) -> None:
    assert isinstance(engine_of(INPUTS, SPEC).bus.store, InMemoryEventStore)
    runs = tmp_path / "runs"
    on_disk = engine_of(INPUTS, SPEC, event_log="disk", directory=str(runs)).bus.store
    assert isinstance(on_disk, FileEventStore)
    assert on_disk.path.parent == runs
    assert on_disk.path.name.startswith(".backtest-test.")
    write_tape(INPUTS.data.tape, tmp_path / "tape")
    mapped = replace(INPUTS, data=replace(INPUTS.data, tape=open_tape(tmp_path / "tape")))
    assert isinstance(engine_of(mapped, SPEC, directory=str(runs)).bus.store, FileEventStore)
    assert isinstance(engine_of(mapped, SPEC, event_log="memory").bus.store, InMemoryEventStore)
    elsewhere = BacktestEngine(
        apply_overrides(default_run_config(), {"event_log": "disk"}),
        INPUTS,
        [SPEC],
        log_directory=tmp_path / "elsewhere",
    )
    assert isinstance(elsewhere.bus.store, FileEventStore)
    assert elsewhere.bus.store.path.parent == tmp_path / "elsewhere"


def test_where_the_log_is_kept_decides_nothing() -> None:
    ids = {engine_of(INPUTS, SPEC, run_id=None, event_log=place).run_id for place in ("auto", "memory")}
    assert len(ids) == 1
