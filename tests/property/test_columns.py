"""A strategy on columns and the same strategy bar by bar are one: their logs are equal to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.column_forms import (
    BarByBar,
    OnColumns,
    WeightsBySlices,
    WeightsOnColumns,
    tables,
    weight_tables,
)
from tests.engine_inputs import engine_of, events, log, session
from tests.engine_markets import Play, plays, world_plays

from qtrader.engine.inputs import Inputs
from qtrader.events.events import PriceBarEvent, SignalEvent
from qtrader.libraries.strategies import SMADualCrossColumns, SMADualCrossStrategy
from qtrader.market.universe import Membership, Universe
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import Strategy, StrategySpec


def ignore(_event: Any) -> None:
    """Listen and do nothing."""


class Idle(Strategy):
    """A second strategy that wants every bar and does nothing with it."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Do nothing."""


def interval_of(inputs: Inputs) -> tuple[str, ...] | None:
    intervals = inputs.data.tape.intervals
    return None if len(intervals) == 1 else intervals[-1:]


def logs_agree(
    inputs: Inputs, pairs: Sequence[tuple[Any, Any]], options: dict[str, Any], data: st.DataObject
) -> None:
    """Run strategies given as (on columns, bar by bar) in both forms, alone and heard, and compare."""
    seen = interval_of(inputs)
    tape = inputs.data.tape
    has_bars = seen is None or seen[0] in tape.intervals_of(tape.symbols[-1])
    subsets = st.sampled_from([None, None, tape.symbols[-1:] if has_bars else None])
    symbols_of = [data.draw(subsets) for _ in pairs]

    def specs(form: int) -> list[StrategySpec]:
        return [
            StrategySpec(pair[form], f"s{place}", symbols=symbols, intervals=seen)
            for place, (pair, symbols) in enumerate(zip(pairs, symbols_of, strict=True))
        ]

    expected = engine_of(inputs, specs(1), **options).run()
    lines = log(expected)
    event(f"signals: {min(9, len(events(expected, SignalEvent)))}")
    engine = engine_of(inputs, specs(0), **options)
    found = engine.run()
    assert log(found) == lines
    heard = engine_of(inputs, specs(0), **options)
    heard.bus.subscribe("bar", ignore)
    assert log(heard.run()) == lines
    stepped = engine_of(inputs, specs(0), **options)
    while stepped.process_bar() is not None:
        pass
    assert log(stepped.get_results()) == lines
    mixed = engine_of(inputs, [*specs(0), StrategySpec(Idle(), "idle")], **options)
    assert log(mixed.run()) == lines


@st.composite
def warm(draw: st.DrawFn, inputs: Inputs) -> Inputs:
    """Draw how much of the data is warmup, and which symbols belong to the universe when."""
    if draw(st.integers(0, 3)) == 0:
        days = st.integers(0, 8).map(session)
        stays = [Membership(symbol, draw(days), None) for symbol in inputs.data.tape.symbols]
        inputs = replace(inputs, data=replace(inputs.data, universe=Universe(stays)))
    instants = inputs.data.tape.instants_us
    place = draw(st.sampled_from([None, None, 0, 1, 2]))
    if place is None or place >= len(instants) - 1:
        return inputs
    return replace(inputs, trading_starts_us=int(instants[place]))


def tables_agree(play: Play, data: st.DataObject) -> None:
    inputs = data.draw(warm(play.inputs))
    symbols = inputs.data.tape.symbols
    drawn = data.draw(st.lists(tables(symbols, 9), min_size=1, max_size=2))
    logs_agree(inputs, [(OnColumns(table), BarByBar(table)) for table in drawn], play.settings, data)


def weights_agree(play: Play, data: st.DataObject) -> None:
    inputs = data.draw(warm(play.inputs))
    table = data.draw(weight_tables(inputs.data.tape.symbols, 9))
    logs_agree(inputs, [(WeightsOnColumns(table), WeightsBySlices(table))], play.settings, data)


def crosses_agree(play: Play, data: st.DataObject) -> None:
    fast = data.draw(st.integers(1, 3))
    parameters = {
        "fast": fast,
        "slow": fast + data.draw(st.integers(1, 3)),
        "allow_short": data.draw(st.booleans()),
    }
    pair = SMADualCrossColumns(**parameters), SMADualCrossStrategy(**parameters)
    logs_agree(data.draw(warm(play.inputs)), [pair], play.settings, data)


@settings(max_examples=25, deadline=None)
@given(plays(), st.data())
def test_both_forms_of_a_table_give_the_same_log(play: Play, data: st.DataObject) -> None:
    tables_agree(play, data)


@settings(max_examples=8, deadline=None)
@given(world_plays(), st.data())
def test_both_forms_of_a_table_give_the_same_log_over_three_exchanges(
    play: Play, data: st.DataObject
) -> None:
    tables_agree(play, data)


@settings(max_examples=25, deadline=None)
@given(plays(), st.data())
def test_both_forms_of_the_shipped_cross_give_the_same_log(play: Play, data: st.DataObject) -> None:
    crosses_agree(play, data)


@settings(max_examples=20, deadline=None)
@given(plays(), st.data())
def test_both_forms_of_weights_give_the_same_log(play: Play, data: st.DataObject) -> None:
    weights_agree(play, data)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(plays() | world_plays(), st.data())
def test_both_forms_of_weights_give_the_same_log_many_times(play: Play, data: st.DataObject) -> None:
    weights_agree(play, data)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(plays() | world_plays(), st.data())
def test_both_forms_of_a_table_give_the_same_log_many_times(play: Play, data: st.DataObject) -> None:
    tables_agree(play, data)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(plays() | world_plays(), st.data())
def test_both_forms_of_the_shipped_cross_give_the_same_log_many_times(
    play: Play, data: st.DataObject
) -> None:
    crosses_agree(play, data)
