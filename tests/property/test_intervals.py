"""A strategy that sees days decides the same, whether hours lie inside them or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import BUY, Script, daily, events, hourly, inputs_of, run
from tests.engine_markets import actions, plans, rows

import qtrader as qt
from qtrader.events.events import PriceBarEvent, SignalEvent
from qtrader.services.strategy.protocol import StrategySpec

WINDOW = ("closed_at_us", "open", "high", "low", "close", "volume")


class Watching(Script):
    """Send the plan's signals, and write down whatever is shown of bars."""

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        context.log(repr((bar, context.now, _pasts(bar.symbol, context))))
        super().on_bar(bar, context)

    def on_slice(self, bars: Sequence[PriceBarEvent], context: qt.Context) -> None:
        context.log(repr(tuple(bars)))


def _pasts(symbol: str, context: qt.Context) -> list[Any]:
    windows = [context.history(), context.history(count=2), context.history(symbol, interval="1d")]
    return [[getattr(window, name).tolist() for name in WINDOW] for window in windows]


@st.composite
def markets(draw: st.DrawFn) -> tuple[Any, Any, dict[int, Any]]:
    """Draw days, the same days with hours inside, and a plan."""
    symbols = draw(st.sampled_from([("A",), ("A", "B")]))
    days = [daily(draw(rows(draw(st.integers(3, 8)))), symbol) for symbol in symbols]
    hours = [hourly(draw(rows(draw(st.integers(1, 30)))), symbol) for symbol in symbols]
    happened = [action for symbol in symbols for action in draw(actions(symbol, 6))]
    plan = draw(plans(symbols, sum(len(part) for part in days)))
    return inputs_of(*days, actions=happened), inputs_of(*days, *hours, actions=happened), plan


@settings(max_examples=50, deadline=None)
@given(markets())
def test_bars_history_and_signals_are_those_of_the_days_alone(market: Any) -> None:
    coarse, fine, plan = market
    alone = run(coarse, StrategySpec(Watching(plan), "s"))
    inside = run(fine, StrategySpec(Watching(plan), "s", intervals=("1d",)))
    assert inside.log.equals(alone.log)
    assert _signals(inside) == _signals(alone)


def _signals(results: qt.Results) -> list[Any]:
    # Signals for another symbol than the bar's have the plan's price: the last one known may be an hour's.
    return [
        (one.event_id, one.causation_id, one.occurred_at, one.signal_id, one.intention, one.price)
        for one in events(results, SignalEvent)
    ]


def test_signals_are_there_to_compare() -> None:
    """The property above is not empty."""
    days, hours = daily([(100.0, 101.0, 99.0, 100.0)] * 3), hourly([(100.0, 101.0, 99.0, 100.0)] * 21)
    spec = StrategySpec(Watching({1: [BUY]}), "s", intervals=("1d",))
    results = run(inputs_of(days, hours), spec)
    assert len(_signals(results)) == 1
    assert len(results.log) == 6
