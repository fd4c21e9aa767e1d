"""Strategies in a process of their own, behind a pipe that carries only contract JSON, give the same bytes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qtrader as qt
from qtrader.contracts import registry
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.inputs import load_frame_inputs
from qtrader.engine.results import Results
from qtrader.errors import ConfigError, HandlerError, QTraderError
from qtrader.events import codec
from qtrader.events.events import PriceBarEvent, SignalEvent
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.remote import RemoteStrategies
from tests.remote_traders import Failing, NeedsTable, Printing, Rotation, Swing

_WORKER = (sys.executable, "-P", "-m", "qtrader.services.strategy.worker")
_BOTH = (StrategySpec(Swing), StrategySpec(Rotation, parameters={"every": 7}))


def _engine(
    *specs: StrategySpec, data: Any = None, reading: Mapping[str, Any] | None = None, remote: Any = None, **overrides: Any
) -> BacktestEngine:
    chosen: dict[str, Any] = {"start": date(2004, 1, 2), "end": date(2006, 12, 29)}
    resolved = apply_overrides(default_run_config(), {**({} if data is not None else chosen), **overrides})
    inputs = load_frame_inputs(qt.sample_data() if data is None else data, resolved.run, reading or {})
    return BacktestEngine(resolved, inputs, specs, remote=remote)


def _log(results: Results) -> bytes:
    return b"\n".join(codec.encode(event, sequence) for sequence, event in results.run.store.history())


def _recorded(folder: Path) -> tuple[str, ...]:
    """Run the worker between two `tee`s, which write down what goes in and what comes out."""
    return ("sh", "-c", f'tee {folder}/in | "$@" | tee {folder}/out', "sh", *_WORKER)


def _check_same(near: Results, far: Results) -> None:
    assert _log(far) == _log(near)
    assert far.log.equals(near.log)
    assert far.recorded.equals(near.recorded, null_equal=True)


def test_two_processes_give_the_same_log_as_one_and_the_pipe_carries_only_contract_json(tmp_path: Path) -> None:
    # Three years with Apple's and no other split, Microsoft's special dividend, and costs, so that nothing is zero.
    options: dict[str, Any] = {"slippage_bps": 3, "warmup_bars": 30, "seed": 11}
    near = _engine(*_BOTH, **options).run()
    far = _engine(*_BOTH, **options, remote=partial(RemoteStrategies, command=_recorded(tmp_path))).run()
    _check_same(near, far)
    kinds = {event.event_type for event in near.events()}
    assert kinds >= {"corporate_action", "signal_rejected", "order_update", "fill", "ledger_entry", "signal"}
    assert {"start", "fill", "order", "refusal", "stop"} <= set(near.log["message"])

    sent, answered = (tmp_path / "in").read_bytes(), (tmp_path / "out").read_bytes()
    for line in (sent + answered).splitlines():
        if line:
            document = codec.decode(line)
            registry.check(registry.ENVELOPE, codec.document(document))
            assert codec.encode(document) == line
    signals = [event for event in near.events() if isinstance(event, SignalEvent)]
    assert [codec.decode(line) for line in answered.splitlines() if line] == signals
    assert len(signals) > 100
    assert sum(isinstance(codec.decode(line), PriceBarEvent) for line in sent.splitlines() if line) == len(
        near.run.tape
    )
