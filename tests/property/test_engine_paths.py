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
from tests.engine_inputs import BUY, SELL, Script, closes, daily, engine_of, inputs_of, log, run
from tests.engine_markets import Play, plays

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.events.events import PriceBarEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec


class Sliced(Script):
    """The same script; that it takes slices too keeps it off the tight loop."""

    def on_slice(self, bars: Sequence[PriceBarEvent], context: Context) -> None:
        """Look at them and do nothing."""


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
