"""Strategies on columns through the whole engine: processes, tapes on disk, weights, notices, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.engine_inputs import (
    closes,
    daily,
    engine_of,
    events,
    fills,
    flat,
    hourly,
    inputs_of,
    log,
    refusals,
    run,
)

import qtrader as qt
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.inputs import Inputs, load_frame_inputs
from qtrader.errors import ConfigError, StrategyFailedError
from qtrader.events.events import FillEvent, PriceBarEvent, SignalEvent
from qtrader.libraries.strategies import SMADualCrossColumns
from qtrader.market.tape_files import open_tape, write_tape
from qtrader.services.strategy import asking
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.remote import RemoteStrategies
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

RISING = inputs_of(daily(closes(*range(100, 120))))


def sample(**settings: Any) -> tuple[Any, Inputs]:
    chosen = {"start": date(2004, 1, 2), "end": date(2006, 12, 29), "run_id": "sample", **settings}
    config = apply_overrides(default_run_config(), chosen)
    return config, load_frame_inputs(qt.sample_data(), config.run, {})


class Weights(VectorStrategy):
    """Say a table of weights, a column for each symbol."""

    def __init__(self, rows: dict[int, dict[str, float]]) -> None:
        super().__init__()
        self.rows = rows

    def signals(self, panel: Panel) -> Signals:
        weights = np.full(panel.shape, np.nan)
        for time, said in self.rows.items():
            for symbol, weight in said.items():
                weights[time, panel.symbols.index(symbol)] = weight
        return Signals(target_weights=weights, reason="as the table says")


class OnDays(VectorStrategy):
    """Enter and leave on some days, counted from 0."""

    def __init__(self, entries: tuple[int, ...] = (), exits: tuple[int, ...] = (), **terms: Any) -> None:
        super().__init__()
        self.entries, self.exits, self.terms = entries, exits, terms

    def signals(self, panel: Panel) -> Signals:
        entry, leave = np.zeros((2, *panel.shape), dtype=bool)
        entry[list(self.entries)] = True
        leave[list(self.exits)] = True
        return Signals(entry=entry, exit=leave, **self.terms)


def test_a_strategy_in_another_process_gives_the_same_log() -> None:
    spec = StrategySpec("SMADualCrossColumns", parameters={"fast": 5, "slow": 20, "allow_short": True})
    config, inputs = sample()
    near = BacktestEngine(config, inputs, [spec]).run()
    far = BacktestEngine(config, inputs, [spec], remote=RemoteStrategies).run()
    assert len(events(near, SignalEvent)) > 100
    assert log(far) == log(near)


class HalfAndHalf(VectorStrategy):
    """Share the account, in fractions of shares."""

    lookback = 1

    def signals(self, panel: Panel) -> Signals:
        return Signals(target_weights=np.where(panel.has_bar, 0.4, np.nan))


def test_weights_in_another_process_know_the_steps_of_quantities() -> None:
    inputs = inputs_of(
        daily(closes(100, 104, 99, 101), "A"), daily(closes(7, 9, 8, 5), "B"), quantity_step="0.001"
    )
    config = apply_overrides(default_run_config(), {"run_id": "weights", "scale_in": True})
    near, far = (
        BacktestEngine(config, inputs, [StrategySpec(HalfAndHalf)], remote=remote).run()
        for remote in (None, RemoteStrategies)
    )
    assert any(quantity % 1 for _, quantity, _ in fills(near))
    assert log(far) == log(near)


def test_without_a_lookback_there_is_no_stream() -> None:
    config, inputs = sample()
    engine = BacktestEngine(config, inputs, [StrategySpec(OnDays)], remote=RemoteStrategies)
    with pytest.raises(ConfigError, match=r"strategy 'on_days' works on columns.*one instant after another"):
        engine.run()


@pytest.mark.parametrize("block_rows", [50, 1_000, 262_144])
def test_a_tape_on_disk_gives_the_same_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    spec = StrategySpec(SMADualCrossColumns, parameters={"fast": 5, "slow": 20})
    config, inputs = sample()
    expected = log(BacktestEngine(config, inputs, [spec]).run())
    write_tape(inputs.data.tape, tmp_path / "tape")
    mapped = replace(inputs, data=replace(inputs.data, tape=open_tape(tmp_path / "tape")))
    monkeypatch.setattr(asking, "BLOCK_ROWS", block_rows)
    assert log(BacktestEngine(config, mapped, [spec]).run()) == expected


def test_a_tape_on_disk_is_asked_about_whole_only_if_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tape(RISING.data.tape, tmp_path / "tape")
    mapped = replace(RISING, data=replace(RISING.data, tape=open_tape(tmp_path / "tape")))
    spec = StrategySpec(OnDays((3,), (9,)), "days")
    assert log(run(mapped, spec)) == log(run(RISING, spec))
    monkeypatch.setattr(asking, "WHOLE_PLACES", 19)
    with pytest.raises(ConfigError, match=r"this tape of 20 bars is read from disk block by block; say how"):
        run(mapped, spec)


@pytest.mark.parametrize("lookback", [0, -1, 2.5, True, "all"])
def test_a_lookback_is_a_whole_number(lookback: Any) -> None:
    strategy = OnDays((3,))
    strategy.lookback = lookback  # type: ignore[misc]
    with pytest.raises(ConfigError, match=r"OnDays: lookback is .*; allowed is a whole number from 1"):
        run(RISING, StrategySpec(strategy))


class BothForms(OnDays):
    """Two strategies in one."""

    def on_slice(self, bars: Any, context: Context) -> None:
        """Do nothing."""


def test_both_forms_at_once_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"BothForms has signals\(panel\) and on_slice; allowed is one form"
    ):
        run(RISING, StrategySpec(BothForms))


def test_any_object_with_signals_is_a_strategy() -> None:
    class Plain:
        def signals(self, panel: Panel) -> Signals:
            return Signals(entry=panel.close == 105.0, quantity=3)

    assert fills(run(RISING, StrategySpec(Plain))) == [("open", Decimal(3), Decimal(105))]


def test_of_several_intervals_one_has_to_be_named() -> None:
    inputs = inputs_of(hourly(closes(*range(100, 170))), daily(closes(*range(100, 110))))
    spec = StrategySpec(OnDays((2,), (6,)), "days")
    with pytest.raises(
        ConfigError, match=r"strategy 'days' works on columns of one interval and sees .*1h, 1d"
    ):
        run(inputs, spec)
    results = run(inputs, replace(spec, intervals=("1d",)))
    # Decided on days, filled in the next hour.
    assert [fill.executed_at.hour for fill in events(results, FillEvent)] == [14, 14]


def test_weights_are_said_once_an_instant_with_reductions_first() -> None:
    inputs = inputs_of(daily([flat(100)] * 8, "A"), daily([flat(50)] * 8, "B"))
    rows = {
        0: {"A": 0.5},
        2: {"A": 0.2, "B": 0.251},
        4: {"A": -0.1, "B": 0.0},
        6: {"A": -0.1, "B": 0.3},
    }
    results = run(inputs, StrategySpec(Weights(rows), "weights"), proceeds_fund_same_instant=True)
    said = [(one.symbol, one.intention.value, one.quantity) for one in events(results, SignalEvent)]
    assert said == [
        ("A", "open_long", Decimal(500)),
        # The reduction comes first; 25,100 / 50 is rounded down to whole shares.
        ("A", "close_long", Decimal(300)),
        ("B", "open_long", Decimal(502)),
        ("B", "close_long", None),
        ("A", "open_short", Decimal(100)),
        ("B", "open_long", Decimal(600)),
    ]
    assert [(purpose, quantity) for purpose, quantity, _ in fills(results)] == [
        ("open", Decimal(500)),
        ("close", Decimal(-300)),
        ("open", Decimal(502)),
        ("close", Decimal(-502)),
        ("close", Decimal(-200)),
        ("open", Decimal(-100)),
        ("open", Decimal(600)),
    ]
    causes = {one.causation_id for one in events(results, SignalEvent)}
    last_bars = {bar.event_id for bar in events(results, PriceBarEvent) if bar.symbol == "B"}
    assert causes <= last_bars


def test_to_grow_a_position_the_policy_has_to_scale_in() -> None:
    inputs = inputs_of(daily([flat(100)] * 5))
    spec = StrategySpec(Weights({0: {"X": 0.2}, 2: {"X": 0.4}}), "weights")
    assert refusals(run(inputs, spec)) == ["already_open"]
    grown = run(inputs, spec, scale_in=True)
    assert [quantity for _, quantity, _ in fills(grown)] == [Decimal(200), Decimal(200)]


class Replies(OnDays):
    """On columns, and replies to its fills."""

    heard: ClassVar[list[Any]] = []

    def on_start(self, context: Context) -> None:
        self.heard.append(("start", context.universe))

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        self.heard.append((fill.purpose.value, context.now.day))
        if fill.purpose.value == "open":
            context.emit_signal(fill.symbol, "close_long", order_type="limit", limit_price=110)

    def on_refusal(self, refusal: Any, context: Context) -> None:
        self.heard.append(refusal.reason)

    def on_stop(self, context: Context) -> None:
        self.heard.append("stop")


def test_the_other_handlers_work_as_ever() -> None:
    Replies.heard.clear()
    results = run(RISING, StrategySpec(Replies((1, 4)), "replies"))
    assert Replies.heard == [("start", ("X",)), ("open", 4), "already_open", ("close", 18), "stop"]
    assert [price for _, _, price in fills(results)] == [Decimal(101), Decimal(110)]


class Fails(VectorStrategy):
    """Raise in `signals`."""

    def signals(self, panel: Panel) -> Signals:
        raise ZeroDivisionError(panel.shape)


class BadReason(OnDays):
    """Raise when it is asked why."""

    def signals(self, panel: Panel) -> Signals:
        return replace(super().signals(panel), reason=lambda time, symbol: panel.close[time, symbol + 9])


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Fails(), r"Fails.signals of strategy 's' failed: ZeroDivisionError: \(20, 1\)"),
        (VectorStrategy(), r"failed: StrategyError: VectorStrategy has no signals\(panel\) of its own"),
        (
            BadReason((3,)),
            r"BadReason.signals failed on the bar event for X of 2024-01-05T21:00:00\S*: IndexError",
        ),
        (
            OnDays((3,), stop_loss=np.full((20, 1), np.inf)),
            r"OnDays.signals of strategy 's' failed: StrategyError",
        ),
    ],
)
def test_what_fails_is_named(strategy: Any, message: str) -> None:
    with pytest.raises(StrategyFailedError, match=message):
        run(RISING, StrategySpec(strategy, "s"))


def test_bounds_are_those_of_the_same_strategy_bar_by_bar() -> None:
    config, inputs = sample()
    found = [
        BacktestEngine(config, inputs, [StrategySpec(name, "cross", parameters={"slow": 20})]).run().bounds()
        for name in ("SMADualCrossColumns", "SMADualCrossStrategy")
    ]
    on_columns, bar_by_bar = ((each.worst, each.booked, each.best, each.fill_count) for each in found)
    assert on_columns == bar_by_bar


def test_quiet_bars_are_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(RISING, StrategySpec(OnDays((3,), (12,)), "days"))
    made: list[int] = []
    cursor = engine._loop._cursor
    take_only = cursor.take_only

    def counting(rows: Any, stop: int) -> Any:
        made.extend(rows)
        return take_only(rows, stop)

    class Spy:
        """The cursor, which counts."""

        def __getattr__(self, name: str) -> Any:
            assert name in ("row", "seek", "take_only")
            return counting if name == "take_only" else getattr(cursor, name)

    monkeypatch.setattr(engine._loop, "_cursor", Spy())
    engine.run()
    assert made == [3, 4, 12, 13]
