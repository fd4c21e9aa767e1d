"""The tight loop and the full phases are one engine: whatever listens, the log is the same to the byte.

A strategy alone gets quiet bars straight from the tape. A second listener, a step-by-step drive, or a
strategy that also wants slices sends every instant through all phases instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import BUY, SELL, Script, Wish, closes, daily, engine_of, inputs_of, log, run
from tests.engine_markets import Play, plays

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.events.events import PriceBarEvent
from qtrader.libraries.strategies import SMADualCrossColumns
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.instant_bars import InstantBars
from qtrader.services.strategy.protocol import StrategySpec


class Sliced(Script):
    """The same script; that it takes slices too keeps it off the tight loop."""

    def on_slice(self, bars: Sequence[PriceBarEvent], context: Context) -> None:
        """Look at them and do nothing."""


class OnlySlices:
    """The same script, followed with slices alone; what the columns say is what the bars say."""

    def __init__(self, plan: dict[int, list[Wish]]) -> None:
        self.plan = plan
        self.seen = 0

    def on_slice(self, bars: InstantBars, context: Context) -> None:
        wishes = [
            {"symbol": symbol, **wish}
            for place, symbol in enumerate(bars.symbols)
            for wish in self.plan.get(self.seen + place, ())
        ]
        self.seen += len(bars)
        if self.seen % 3 == 0:
            assert bars.symbols == tuple(bar.symbol for bar in bars)
            assert [bars.run_symbols[place] for place in bars.symbol_index] == list(bars.symbols)
            for name in ("open", "high", "low", "close", "volume", "signal_factor"):
                column = getattr(bars, name)
                assert column.tolist() == [getattr(bar, name) for bar in bars]
                assert not column.flags.writeable
            assert {bar.closed_at_us for bar in bars} == {bars.closed_at_us}
            assert bars == tuple(bars)
            assert bars[-1] == bars[len(bars) - 1] == tuple(bars)[-1]
            assert bars[1:] == tuple(bars)[1:]
        for wish in wishes:
            context.emit_signal(**wish)


def ignore(_event: Any) -> None:
    """Listen and do nothing."""


def make(play: Play, strategy: type[Script] = Script) -> BacktestEngine:
    return engine_of(play.inputs, StrategySpec(strategy(play.plan), "script"), **play.settings)


def same_log(play: Play) -> None:
    alone = make(play)
    assert alone.house.strategies.direct_handler() is not None
    expected = log(alone.run())

    heard = make(play)
    heard.bus.subscribe("bar", ignore)
    assert log(heard.run()) == expected

    assert log(make(play, Sliced).run()) == expected

    stepped = make(play)
    instants = []
    while (instant := stepped.process_bar()) is not None:
        instants.append(instant)
    assert log(stepped.get_results()) == expected
    assert instants == sorted(set(instants))


@settings(max_examples=40, deadline=None)
@given(plays())
def test_every_way_of_driving_gives_the_same_log(play: Play) -> None:
    same_log(play)


def same_log_with_slices(play: Play, chosen: dict[str, Any]) -> None:
    def engine(*more: StrategySpec) -> BacktestEngine:
        specs = [StrategySpec(OnlySlices(play.plan), "script", **chosen), *more]
        return engine_of(play.inputs, specs, **play.settings)

    expected = log(engine().run())
    heard = engine()
    heard.bus.subscribe("bar", ignore)
    assert log(heard.run()) == expected
    assert log(engine(StrategySpec(Script({}), "idle")).run()) == expected
    assert (
        log(engine(StrategySpec(SMADualCrossColumns(fast=90, slow=99), "cross", **interval_of(play))).run())
        == expected
    )
    stepped = engine()
    while stepped.process_bar() is not None:
        pass
    assert log(stepped.get_results()) == expected


def interval_of(play: Play) -> dict[str, Any]:
    return {"intervals": play.inputs.data.tape.intervals[:1]}


def slices(play: Play, data: st.DataObject) -> None:
    tape = play.inputs.data.tape
    chosen: dict[str, Any] = {}
    if data.draw(st.booleans()):
        chosen["symbols"] = tape.symbols[-1:]
    if data.draw(st.booleans()) and not chosen:
        chosen["intervals"] = tape.intervals[-1:]
    same_log_with_slices(play, chosen)


@settings(max_examples=20, deadline=None)
@given(plays(), st.data())
def test_slices_as_columns_give_the_same_log(play: Play, data: st.DataObject) -> None:
    slices(play, data)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(plays(), st.data())
def test_slices_as_columns_give_the_same_log_many_times(play: Play, data: st.DataObject) -> None:
    slices(play, data)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(plays())
def test_every_way_of_driving_gives_the_same_log_many_times(play: Play) -> None:
    same_log(play)


@settings(max_examples=15, deadline=None)
@given(plays(), st.integers(1, 20))
def test_stepping_part_of_the_way_and_then_running_gives_the_same_log(play: Play, steps: int) -> None:
    expected = log(make(play).run())
    engine = make(play)
    for _ in range(steps):
        engine.process_bar()
    if engine.process_bar() is not None:
        engine.run()
    assert log(engine.get_results()) == expected


def test_a_listener_that_comes_and_goes_in_the_middle_of_a_run_changes_nothing() -> None:
    inputs = inputs_of(daily(closes(*range(100, 140))))
    plan = {3: [BUY], 9: [{**SELL, "fraction": 0.5}], 20: [SELL], 25: [BUY]}
    expected = log(run(inputs, StrategySpec(Script(plan), "script")))

    class Coming(Script):
        def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
            if self.seen == 5:
                engine.bus.subscribe("bar", ignore)
            if self.seen == 15:
                engine.bus.unsubscribe("bar", ignore)
            super().on_bar(bar, context)

    engine = engine_of(inputs, StrategySpec(Coming(plan), "script"))
    assert log(engine.run()) == expected
