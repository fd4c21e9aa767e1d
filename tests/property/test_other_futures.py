"""What happens up to an instant does not depend on what comes after, whatever kind of order is at work.

Days and hours mixed, one exchange and three, splits and dividends. Order types, times in force and terms come
from the vocabulary and from what a strategy may write: a new one joins as soon as it can be expressed.
"""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import THE_LAST, Script, Wish, closes, daily, events, inputs_of, run
from tests.engine_markets import Play, plays, world_plays

from qtrader.clock import to_epoch_us
from qtrader.engine.lookahead_changes import Change, ChangeKind, change_inputs
from qtrader.engine.results import Results
from qtrader.errors import QTraderError
from qtrader.events import codec
from qtrader.events.events import OrderEvent, OrderUpdateEvent
from qtrader.events.vocabulary import OrderType, TimeInForce
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec

#: What an order of some type may need beside its type, with a value for a market around 100.
TERMS: dict[str, Any] = {
    "limit_price": 101.0,
    "stop_price": 102.0,
    "trail_amount": 2.0,
    "trail_percent": 2.0,
    "trail_limit_offset": 1.0,
}
#: What a time in force needs beside itself.
FORCE_TERMS: dict[TimeInForce, dict[str, Any]] = {
    TimeInForce.GTD: {"expires_at": datetime(2024, 1, 10, 15, tzinfo=UTC)}
}
FUTURES = tuple(kind for kind in ChangeKind if kind is not ChangeKind.TRUNCATED)


@cache
def expressible() -> dict[OrderType, tuple[str, ...]]:
    """Return the order types that a strategy can ask for, each with the terms that it needs."""
    takes = inspect.signature(Context.emit_signal).parameters
    terms = [name for name in TERMS if name in takes]
    found: dict[OrderType, tuple[str, ...]] = {}
    for order_type in OrderType:
        for size in range(4):
            for chosen in combinations(terms, size):
                wish = {"order_type": order_type, **{name: TERMS[name] for name in chosen}}
                if order_type not in found and is_accepted(wish):
                    found[order_type] = chosen
    return found


def is_accepted(wish: Wish) -> bool:
    """Tell whether an order can be asked for; a trigger may lie on the right side of a sale only."""
    inputs = inputs_of(daily(closes(100.0, 100.5, 101.0)))
    for intention in ("open_long", "open_short"):
        try:
            results = run(inputs, StrategySpec(Script({0: [{"intention": intention, **wish}]}), "script"))
        except QTraderError:
            return False
        statuses = {update.status for update in events(results, OrderUpdateEvent)}
        if statuses and "rejected" not in statuses:
            return True
    return False


def times_in_force() -> list[TimeInForce]:
    return [each for each in TimeInForce if is_accepted({"time_in_force": each, **FORCE_TERMS.get(each, {})})]


@st.composite
def any_orders(draw: st.DrawFn) -> Play:
    """Draw a market, and signals of every order type around its prices."""
    play = draw(st.one_of(plays(), world_plays()))
    types, forces = list(expressible()), times_in_force_once()
    plan: dict[int, list[Wish]] = {}
    for place, wishes in play.plan.items():
        plan[place] = list(wishes)
        order_type = draw(st.sampled_from(types))
        wish: dict[str, Any] = {
            "intention": draw(st.sampled_from(["open_long", "open_short", "close_long", "close_short"])),
            "order_type": order_type,
            "time_in_force": draw(st.sampled_from(forces)),
        }
        wish |= FORCE_TERMS.get(wish["time_in_force"], {})
        for name in expressible()[order_type]:
            move = draw(st.integers(-12, 12)) / 4
            wish[name] = max(0.25, TERMS[name] + move) if TERMS[name] > 50 else TERMS[name]
        if wish["intention"].startswith("open"):
            wish["quantity"] = draw(st.sampled_from([1, 40]))
            # Mostly of another symbol, whose bars may be of another length.
            wish["after"] = draw(st.sampled_from([None, THE_LAST]))
        plan[place].append(wish)
    return replace(play, plan=plan)


@cache
def times_in_force_once() -> tuple[TimeInForce, ...]:
    return tuple(times_in_force())


def played(play: Play, change: Change | None = None) -> Results:
    inputs = play.inputs if change is None else change_inputs(play.inputs, change)
    return run(inputs, StrategySpec(Script(play.plan), "script"), **play.settings)


def before(results: Results, instant_us: int) -> list[bytes]:
    return [
        codec.encode(event, sequence)
        for sequence, event in results.events()
        if to_epoch_us(event.occurred_at) <= instant_us
    ]


def check_futures(play: Play, place: int, seed: int) -> None:
    instants = play.inputs.data.tape.instants_us
    after_us = int(instants[place % len(instants)])
    expected = before(played(play), after_us)
    assert expected
    for kind in FUTURES:
        assert before(played(play, Change(kind, after_us, seed)), after_us) == expected, kind


@settings(max_examples=40, deadline=None)
@given(any_orders(), st.integers(0, 60), st.integers(0, 9))
def test_no_event_depends_on_a_later_bar(play: Play, place: int, seed: int) -> None:
    check_futures(play, place, seed)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(any_orders(), st.integers(0, 60), st.integers(0, 9))
def test_no_event_depends_on_a_later_bar_many_times(play: Play, place: int, seed: int) -> None:
    check_futures(play, place, seed)


def test_every_order_type_that_can_be_asked_for_is_at_work_in_these_runs() -> None:
    assert set(expressible()) == set(OrderType)
    assert set(times_in_force_once()) == set(TimeInForce)
    asked: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(any_orders())
    def count(play: Play) -> None:
        asked.update(order.order_type for order in events(played(play), OrderEvent))

    count()
    assert [kind for kind in expressible() if not asked[kind]] == []
