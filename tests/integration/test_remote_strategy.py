"""Strategies in another process, behind a pipe that carries only contract JSON, give the same bytes."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.engine_inputs import closes, daily, dividend, hourly, inputs_of, session, split
from tests.engine_inputs import log as log_of
from tests.remote_traders import Failing, NeedsTable, Printing, Rotation, Swing, Tending

import qtrader as qt
from qtrader.contracts import registry
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.inputs import Inputs, load_frame_inputs
from qtrader.engine.results import Results
from qtrader.errors import ConfigError, HandlerError, QTraderError
from qtrader.events import codec
from qtrader.events.events import (
    OrderCancelEvent,
    OrderModifyEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    SignalEvent,
)
from qtrader.market.universe import Membership, Universe
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.remote import RemoteStrategies
from qtrader.services.strategy.remote_facts import WorkerFacts
from qtrader.services.strategy.worker import ABANDONED

_WORKER = (sys.executable, "-P", "-m", "qtrader.services.strategy.worker")
_BOTH = (StrategySpec(Swing), StrategySpec(Rotation, parameters={"every": 7}))
_ALL = (*_BOTH, StrategySpec(Tending))


def _sample(**settings: Any) -> tuple[Any, Inputs]:
    chosen = {"start": date(2004, 1, 2), "end": date(2006, 12, 29), "seed": 11, **settings}
    config = apply_overrides(default_run_config(), chosen)
    return config, load_frame_inputs(qt.sample_data(), config.run, {})


def _small(specs: Sequence[StrategySpec], remote: Any = RemoteStrategies) -> BacktestEngine:
    inputs = inputs_of(daily(closes(*range(50, 60)), "AAPL"), daily(closes(*range(80, 90)), "IBM"))
    return BacktestEngine(
        apply_overrides(default_run_config(), {"run_id": "small"}), inputs, specs, remote=remote
    )


def _check_same(near: Results, far: Results) -> None:
    assert log_of(far) == log_of(near)
    assert far.log.equals(near.log)
    # Warmup is recorded as NaN, which equals nothing.
    assert far.recorded.fill_nan(-1.0).equals(near.recorded.fill_nan(-1.0))


def _lines(file: Path) -> list[bytes]:
    return [line for line in file.read_bytes().splitlines() if line]


def test_two_processes_give_the_log_of_one_and_the_pipe_carries_only_contract_json(tmp_path: Path) -> None:
    # Apple's split of 2005, Microsoft's special dividend of 2004, warmup, costs: nothing is zero.
    config, inputs = _sample(slippage_bps=3, warmup_bars=30)
    near = BacktestEngine(config, inputs, _ALL).run()
    # What goes in and what comes out is written down on the way.
    recorded = ("sh", "-c", f'tee "{tmp_path}/in" | "$@" | tee "{tmp_path}/out"', "sh", *_WORKER)
    far = BacktestEngine(config, inputs, _ALL, remote=partial(RemoteStrategies, command=recorded)).run()
    _check_same(near, far)

    decided = [event for _, event in near.events() if not isinstance(event, PriceBarEvent)]
    known = {event.event_type for event in decided}
    assert known >= {"corporate_action", "signal_rejected", "order_update", "fill", "ledger_entry", "signal"}
    assert known >= {"order_cancel", "order_modify", "order_request_rejected"}
    assert {"start", "fill", "order", "refusal", "stop"} <= set(near.log["message"])
    assert {"AAPL", "IBM", "MSFT"} == set(near.fills["symbol"])

    sent, answered = ([codec.decode(line) for line in _lines(tmp_path / name)] for name in ("in", "out"))
    for event, line in zip(sent + answered, _lines(tmp_path / "in") + _lines(tmp_path / "out"), strict=True):
        registry.check(registry.ENVELOPE, codec.document(event))
        assert codec.encode(event) == line
    wishes = [event for event in decided if event.source_service == "strategy_service"]
    assert answered == wishes
    assert sum(isinstance(event, SignalEvent) for event in wishes) > 100
    assert sum(isinstance(event, OrderCancelEvent) for event in wishes) > 20
    assert sum(isinstance(event, OrderModifyEvent) for event in wishes) > 20
    assert [event for event in sent if isinstance(event, PriceBarEvent)] == [
        event for _, event in near.events() if isinstance(event, PriceBarEvent)
    ]
    told = {event.event_id for event in sent}
    assert {event.event_id for event in decided if isinstance(event, OrderUpdateEvent)} <= told


@pytest.mark.parametrize("market_fill", ["same_close", "next_close"])
def test_intervals_exchanges_a_universe_and_splits_on_one_tape(market_fill: str) -> None:
    ups_and_downs = [50 + (place * 7) % 11 + place * 0.25 for place in range(40)]
    inputs = inputs_of(
        daily(closes(*ups_and_downs), "AAPL"),
        hourly(closes(*(value / 2 for value in ups_and_downs * 7)), "MSFT"),
        daily(closes(*(value / 2 + 1 for value in ups_and_downs)), "MSFT"),
        daily(closes(*(value * 3 for value in ups_and_downs[::-1])), "7203", calendar="XTKS"),
        calendars={"7203": "XTKS"},
        actions=[
            split(12, "2", "AAPL"),
            split(12, "3", "MSFT"),
            split(13, "0.5", "MSFT"),
            dividend(20, "0.75", "AAPL", pay_date=session(25)),
        ],
        universe=Universe(
            [
                Membership("AAPL", date(2024, 1, 1), session(15)),
                Membership("AAPL", session(30)),
                Membership("MSFT", date(2024, 1, 1)),
                Membership("7203", date(2024, 1, 1)),
            ]
        ),
    )
    overrides = {"valuation_calendar": "XNYS", "market_fill": market_fill, "dividends": "reinvest"}
    config = apply_overrides(default_run_config(), overrides)
    near = BacktestEngine(config, inputs, _ALL).run()
    far = BacktestEngine(config, inputs, _ALL, remote=RemoteStrategies).run()
    _check_same(near, far)
    assert len(near.fills) > 20


def test_a_strategy_sees_only_its_symbols() -> None:
    specs = [StrategySpec(Swing, "one", symbols=("IBM",)), StrategySpec(Rotation, "two", {"every": 2})]
    _check_same(_small(specs, None).run(), _small(specs).run())


@pytest.mark.parametrize("others", [None, ("1h",)])
def test_a_strategy_sees_only_its_intervals(others: tuple[str, ...] | None) -> None:
    ups_and_downs = [50 + (place * 7) % 11 + place * 0.25 for place in range(40)]
    inputs = inputs_of(
        daily(closes(*ups_and_downs), "AAPL"),
        hourly(closes(*(value / 2 for value in ups_and_downs * 7)), "AAPL"),
        daily(closes(*(value / 2 for value in ups_and_downs)), "MSFT"),
        actions=[split(12, "2", "AAPL")],
    )
    specs = [
        StrategySpec(Swing, "days", intervals=("1d",)),
        StrategySpec(Rotation, "others", {"every": 3}, intervals=others),
        StrategySpec(Swing, "apple", symbols=("AAPL",), intervals=("1d",)),
    ]
    config = apply_overrides(default_run_config(), {"run_id": "small"})
    near = BacktestEngine(config, inputs, specs).run()
    _check_same(near, BacktestEngine(config, inputs, specs, remote=RemoteStrategies).run())
    assert len(near.fills) > 10


@pytest.mark.parametrize("handler", ["on_start", "on_bar", "on_fill", "on_stop"])
def test_a_failure_in_the_worker_is_the_failure_of_one_process(handler: str) -> None:
    specs = [StrategySpec(Failing, parameters={"handler": handler}), StrategySpec(Printing)]
    failures = []
    for remote in (None, RemoteStrategies):
        with pytest.raises(HandlerError) as caught:
            _small(specs, remote).run()
        failures.append(caught.value)
    near, far = failures
    assert str(far) == str(near)
    assert "ValueError: first line\nsecond line: ümlaut" in str(far)
    # The place in the strategy's code is on the far side.
    assert "remote_traders.py" in "".join(far.__notes__)


@pytest.mark.parametrize(
    ("how", "ended"), [("kill", "ended by signal 9 before"), ("exit", "ended with exit code 7 before")]
)
def test_a_worker_that_ends_says_how_and_what_it_said_last(how: str, ended: str) -> None:
    engine = _small([StrategySpec(Failing, parameters={"how": how})])
    with pytest.raises(QTraderError, match=ended) as caught:
        engine.run()
    assert not isinstance(caught.value, HandlerError)
    if how == "exit":
        assert str(caught.value).endswith("seen AAPL 2024-01-02\nseen IBM 2024-01-02\nseen AAPL 2024-01-03")


def test_a_worker_killed_between_two_instants_is_missed_at_the_next() -> None:
    engine = _small(_BOTH)
    engine.process_bar()
    remote = engine.house.strategies
    assert isinstance(remote, RemoteStrategies)
    assert remote._worker is not None
    remote._worker._process.kill()
    with pytest.raises(QTraderError, match="the strategy worker ended by signal 9"):
        engine.run()


def test_a_run_that_is_given_up_ends_its_worker() -> None:
    engine = _small(_BOTH)
    engine.process_bar()
    remote = engine.house.strategies
    assert isinstance(remote, RemoteStrategies)
    assert remote._worker is not None
    process = remote._worker._process
    assert process.poll() is None
    remote.close()
    assert process.returncode is not None
    with pytest.raises(QTraderError, match="the strategy worker ended"):
        engine.run()


def test_a_forgotten_run_ends_its_worker() -> None:
    engine = _small(_BOTH)
    engine.process_bar()
    remote = engine.house.strategies
    assert isinstance(remote, RemoteStrategies)
    assert remote._worker is not None
    process = remote._worker._process
    del engine, remote
    gc.collect()
    assert process.returncode is not None


def test_a_worker_that_cannot_be_started_is_named() -> None:
    engine = _small(_BOTH, partial(RemoteStrategies, command=("/no/such/python",)))
    with pytest.raises(QTraderError, match=r"cannot be started: .*/no/such/python"):
        engine.run()


def test_a_worker_whose_engine_has_gone_stops_nothing_and_says_so() -> None:
    facts = WorkerFacts(
        run_id="r",
        strategies=(),
        intervals=("1d",),
        intervals_of={"AAPL": ("1d",)},
        base_currency="USD",
        ledger_scale=8,
        trading_starts_us=0,
        seed=0,
        # Longer than one argument of a command may be.
        universe=tuple(Membership(f"S{number}", date(2024, 1, 1)) for number in range(5000)),
    )
    assert WorkerFacts.from_arguments(facts.to_arguments()) == facts
    ended = subprocess.run([*_WORKER, *facts.to_arguments()], input=b"\n", capture_output=True, check=False)
    assert ended.returncode == ABANDONED
    assert ended.stdout == b"\n"
    assert b"the engine has gone before the run had ended" in ended.stderr


def test_what_strategies_print_is_passed_on_and_disturbs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    specs = [StrategySpec(Printing), StrategySpec(Swing)]
    far = _small(specs).run()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("printed") == 20
    assert captured.err.endswith("the end\n")
    _check_same(_small(specs, None).run(), far)


def test_parameters_arrive_as_they_were_given() -> None:
    table = {"a": [1, 2.5, "x", None, True], "b": {"c": 1e-9}}
    specs = [StrategySpec(NeedsTable, parameters={"table": table})]
    far = _small(specs).run()
    assert far.log["message"][0] == f"dict {table!r}"
    _check_same(_small(specs, None).run(), far)


class _Local(Swing):
    class Inner(Swing):
        pass


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (StrategySpec(Swing()), "another process cannot import"),
        (StrategySpec(_Local.Inner), "another process cannot import"),
        (StrategySpec(NeedsTable, parameters={"table": (1, 2)}), r"parameter table is \(1, 2\), which JSON"),
        (StrategySpec(NeedsTable, parameters={"table": [{1: 2}]}), r"parameter table is \[\{1: 2\}\]"),
        (StrategySpec(NeedsTable, parameters={"table": float("nan")}), "parameter table is nan"),
    ],
)
def test_what_cannot_be_named_to_another_process_is_refused_at_once(spec: StrategySpec, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        _small([spec])


def test_shipped_strategies_run_by_name() -> None:
    specs = [
        StrategySpec("BuyAndHoldStrategy"),
        StrategySpec("SMADualCrossStrategy", parameters={"fast": 2, "slow": 4}),
    ]
    _check_same(_small(specs, None).run(), _small(specs).run())
