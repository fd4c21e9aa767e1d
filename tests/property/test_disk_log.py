"""A run whose log is on disk is the run whose log is in memory: every event, frame, measure and byte."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import Script, engine_of
from tests.engine_markets import Play, plays, world_plays
from tests.factories_run import tiny_run

import qtrader as qt
from qtrader.engine import bundle
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.completed_run import CompletedRun
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.results import Results
from qtrader.engine.run_directory import load_run
from qtrader.events.event_store import EventStore, InMemoryEventStore
from qtrader.events.event_store_file import FileEventStore
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.services.reporting.export import metrics_json
from qtrader.services.reporting.valuations import Valuations
from qtrader.services.strategy.protocol import StrategySpec

FRAMES = (
    "equity_curve",
    "trades",
    "orders",
    "working_orders",
    "fills",
    "signals",
    "refusals",
    "order_updates",
    "ledger",
    "positions",
    "log",
    "recorded",
)


class BlocksOfThree(FileEventStore):
    _held_at_most = 3


def copied(store: EventStore, folder: Path, kind: type[FileEventStore] = BlocksOfThree) -> FileEventStore:
    """Log the events of a store anew, on disk."""
    copy = kind.partial(folder)
    if isinstance(store, InMemoryEventStore) and store._tape is not None:
        copy.attach_tape(store._tape, store._run_id)
    for place, (sequence, event) in enumerate(store.decisions()):
        copy.rows = sequence - place
        copy.append(event)
    copy.rows = store.rows
    return copy


def check_same(found: Results, expected: Results) -> None:
    for name in FRAMES:
        assert getattr(found, name).equals(getattr(expected, name), null_equal=True), name
    assert metrics_json(found.summary) == metrics_json(expected.summary)
    assert found.html() == expected.html()
    assert found.trade_records == expected.trade_records
    assert found.order_records == expected.order_records
    assert found.refusal_records == expected.refusal_records
    assert found.refusal_counts == expected.refusal_counts
    assert found.open_positions == expected.open_positions
    assert list(found.valuations) == list(expected.valuations)
    assert found.bounds() == expected.bounds()
    assert list(found.events()) == list(expected.events())


def content(directory: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(directory.iterdir())}


@given(play=st.one_of(plays(), world_plays()))
@settings(max_examples=30, deadline=None)
def test_every_run_is_the_same_from_disk(play: Play) -> None:
    def results(store: EventStore) -> Results:
        engine = engine_of(play.inputs, StrategySpec(Script(play.plan), "script"), **play.settings)
        return BacktestEngine(
            engine.config, play.inputs, [StrategySpec(Script(play.plan), "script")], store=store
        ).run()

    with tempfile.TemporaryDirectory() as folder:
        on_disk = results(BlocksOfThree.partial(Path(folder)))
        check_same(on_disk, results(InMemoryEventStore()))


@pytest.mark.parametrize(
    ("strategy", "terms"),
    [
        (
            "SMADualCrossStrategy",
            {"sizing": {"method": "percent_of_equity", "percent": 30}, "benchmark": "MSFT"},
        ),
        ("BuyAndHoldStrategy", {"dividends": "reinvest", "commission": "0.1%"}),
    ],
)
def test_directories_are_the_same_byte_for_byte(tmp_path: Path, strategy: str, terms: dict[str, Any]) -> None:
    data = qt.sample_data()
    saved = {}
    for place in ("memory", "disk"):
        # The setting is part of the configuration that is shown; so the run is told as it would be told.
        results = qt.backtest(data, strategy, run_id="r", event_log=place, directory=str(tmp_path), **terms)
        assert isinstance(results.run.store, FileEventStore) == (place == "disk")
        shown = dict(results.run.config)
        shown["reporting"] = shown["reporting"] | {"event_log": "auto"}
        saved[place] = Results(replace(results.run, config=shown)).save(tmp_path / place)
    assert content(saved["disk"]) == content(saved["memory"])
    assert not list(tmp_path.glob(".*"))


def test_a_run_directory_takes_the_file_and_its_results_go_on(tmp_path: Path) -> None:
    run = tiny_run()
    store = copied(run.store, tmp_path / "runs")
    hidden = store.path
    inode = hidden.stat().st_ino
    results = Results(replace(run, store=store))
    path = results.save(tmp_path / "runs")
    assert (path / "events.jsonl").stat().st_ino == inode
    assert not hidden.exists()
    check_same(results, Results(run))
    again = results.save(tmp_path / "others")
    assert content(again) == content(path)
    assert (again / "events.jsonl").stat().st_ino != inode
    assert results.save(tmp_path / "runs") == path
    with_bars = Results(replace(run, name="all", store=copied(run.store, tmp_path / "x"))).save(
        tmp_path / "runs", with_bars=True
    )
    plain = Results(replace(run, name="all")).save(tmp_path / "plain", with_bars=True)
    assert content(with_bars) == content(plain)


@pytest.mark.parametrize("with_bars", [False, True])
def test_a_long_log_is_loaded_without_holding_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_bars: bool
) -> None:
    original = Results(tiny_run())
    path = original.save(tmp_path, with_bars=with_bars)
    monkeypatch.setattr(bundle, "IN_MEMORY_BYTES", 100)
    stored = load_run(path)
    assert isinstance(stored.results.run.store, FileEventStore)
    check_same(stored.results, original)
    assert stored.metrics == original.metrics


def test_a_changed_long_log_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Results(tiny_run()).save(tmp_path)
    monkeypatch.setattr(bundle, "IN_MEMORY_BYTES", 100)
    log = path / "events.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"price":"102"', b'"price":"101"', 1))
    with pytest.raises(qt.QTraderError, match=r"events\.jsonl was changed"):
        load_run(path)
    log.write_bytes(log.read_bytes().replace(b'"price":"101"', b'"price":102.0', 1))
    with pytest.raises(qt.QTraderError, match="price"):
        load_run(path)


def test_no_valuation_is_held_but_the_latest(tmp_path: Path) -> None:
    run: CompletedRun = (
        BacktestEngine(
            apply_overrides(default_run_config(), {"event_log": "disk", "directory": str(tmp_path)}),
            engine_of_sample().inputs,
            [StrategySpec("BuyAndHoldStrategy")],
        )
        .run()
        .run
    )
    valuations = run.valuations
    assert isinstance(valuations, Valuations)
    held = [value for value in vars(valuations).values() if isinstance(value, list | tuple)]
    assert all(not isinstance(one, ConsolidatedPortfolioEvent) for values in held for one in values)
    assert valuations[-1].positions
    assert [one.equity for one in valuations] == list(valuations.equity)


def engine_of_sample() -> BacktestEngine:
    from tests.engine_inputs import closes, daily, inputs_of

    return engine_of(inputs_of(daily(closes(*range(100, 130)))), StrategySpec("BuyAndHoldStrategy"))
