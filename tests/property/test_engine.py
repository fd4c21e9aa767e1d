"""What holds in every run, whatever the market and whatever the strategy asks for.

Three exchanges (New York, London, Tokyo), days and hours mixed on one tape, splits and dividends, every order
type, bad requests included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import Script, events, run
from tests.engine_markets import Play, cut, plays, world_plays

from qtrader.clock import to_epoch_us
from qtrader.engine.results import Results
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
    ValuationTriggerEvent,
)
from qtrader.market.tape import TapeColumns
from qtrader.money import money_context, quantize
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec

#: Kinds of event that need no cause: they come from outside or from the clock.
FIRST_CAUSES = (PriceBarEvent, CorporateActionEvent, ValuationTriggerEvent)

any_play = st.one_of(plays(), world_plays())


def played(play: Play) -> Results:
    return run(play.inputs, StrategySpec(Script(play.plan), "script"), **play.settings)


def check_run(results: Results) -> None:
    history = [event for _, event in results.events()]
    check_time(history)
    check_chains(history)
    check_fills(results)
    check_books(results)


def check_time(history: list[ValidatedEvent]) -> None:
    instants = [event.occurred_at for event in history]
    assert instants == sorted(instants)


def check_chains(history: list[ValidatedEvent]) -> None:
    """Every event is valid, has an id of its own, and a cause that stands before it in the log."""
    seen: dict[str, ValidatedEvent] = {}
    for event in history:
        codec.validate(event)
        assert event.event_id not in seen
        cause_id = event.causation_id
        if isinstance(event, FIRST_CAUSES):
            assert cause_id is None
        elif cause_id is not None:
            assert cause_id in seen
            assert seen[cause_id].occurred_at <= event.occurred_at
            if not isinstance(seen[cause_id], PriceBarEvent):
                assert event.correlation_id == seen[cause_id].correlation_id
        else:
            assert isinstance(event, LedgerEntryEvent)
            assert event.kind == "deposit"
        seen[event.event_id] = event
    ids: dict[type, set[str]] = {SignalEvent: set(), RiskDecisionEvent: set(), OrderEvent: set()}
    for event in history:
        if isinstance(event, SignalEvent):
            ids[SignalEvent].add(event.signal_id)
        elif isinstance(event, RiskDecisionEvent):
            assert event.signal_id in ids[SignalEvent]
            ids[RiskDecisionEvent].add(event.decision_id)
        elif isinstance(event, OrderEvent):
            assert event.signal_id in ids[SignalEvent]
            assert event.decision_id in ids[RiskDecisionEvent]
            ids[OrderEvent].add(event.order_id)
        elif isinstance(event, FillEvent | OrderUpdateEvent):
            assert event.order_id in ids[OrderEvent]


def check_fills(results: Results) -> None:
    """Check that each fill's bar opened while its order was at work, and that each signal has an answer."""
    accepted = {}
    signals = Counter(signal.signal_id for signal in events(results, SignalEvent))
    assert set(signals.values()) <= {1}
    answered = {order.signal_id for order in events(results, OrderEvent)}
    answered |= {refusal.signal_id for refusal in events(results, SignalRejectedEvent)}
    assert answered == set(signals)
    for event in events(results, OrderUpdateEvent, FillEvent):
        if isinstance(event, FillEvent):
            assert event.executed_at >= accepted[event.order_id]
            assert event.executed_at <= event.occurred_at
            # Reinvestment and splits leave fractions of a share, so the memo is rounded as every amount is.
            slippage = abs(event.price - event.reference_price) * event.quantity
            assert quantize(slippage, 8) == event.slippage
        else:
            accepted.setdefault(event.order_id, event.occurred_at)
            assert event.leaves_quantity >= 0


def check_books(results: Results) -> None:
    """Check that entries sum to zero, and that equity is the ledger's cash and dividends due plus marks."""
    cash = due = Decimal(0)
    for event in events(results, LedgerEntryEvent, ConsolidatedPortfolioEvent):
        if isinstance(event, LedgerEntryEvent):
            assert sum(posting.amount for posting in event.postings) == 0
            cash += sum(posting.amount for posting in event.postings if posting.account == "assets:cash")
            due += sum(
                posting.amount
                for posting in event.postings
                if posting.account in ("assets:dividends_receivable", "liabilities:dividends_payable")
            )
        else:
            marks = sum((position.market_value for position in event.positions), Decimal(0))
            assert event.cash == cash
            assert event.equity == cash + marks + due
    state = events(results, ConsolidatedPortfolioEvent)[-1]
    for position in state.positions:
        assert position.market_value == round(position.quantity * position.market_price, 8)


@settings(max_examples=60, deadline=None)
@given(any_play)
def test_time_chains_fills_and_books_hold(play: Play) -> None:
    check_run(played(play))


@pytest.mark.soak
@settings(max_examples=4_000, deadline=None)
@given(any_play)
def test_time_chains_fills_and_books_hold_many_times(play: Play) -> None:
    check_run(played(play))


def before(results: Results, instant_us: int) -> list[bytes]:
    """Return the log of what occurred up to an instant."""
    return [
        codec.encode(event, sequence)
        for sequence, event in results.events()
        if to_epoch_us(event.occurred_at) <= instant_us
    ]


def disturbed(play: Play, after_us: int, factor: float) -> Play:
    """Change every price after an instant."""
    data = play.inputs.data
    late = data.tape.closed_at_us > after_us
    changed: dict[str, Any] = {
        name: np.where(late, getattr(data.tape, name) * factor, getattr(data.tape, name))
        for name in ("open", "high", "low", "close")
    }
    columns: TapeColumns = data.tape.columns._replace(**changed)
    tape = type(data.tape)(data.tape.symbols, data.tape.intervals, columns)
    return replace(play, inputs=replace(play.inputs, data=replace(data, tape=tape)))


def check_future(play: Play, place: int) -> None:
    instants = play.inputs.data.tape.instants_us
    end_us = int(instants[place % len(instants)])
    expected = before(played(play), end_us)
    assert before(played(disturbed(play, end_us, 1.5)), end_us) == expected
    cut_short = played(replace(play, inputs=cut(play.inputs, end_us)))
    assert before(cut_short, end_us) == expected
    # A UTC day may close after the last bar that is known; nothing but that valuation follows it.
    rest = {type(event) for _, event in cut_short.events() if to_epoch_us(event.occurred_at) > end_us}
    assert rest <= {
        ValuationTriggerEvent,
        ConsolidatedPortfolioEvent,
        CorporateActionEvent,
        LedgerEntryEvent,
        OrderUpdateEvent,
    }


@settings(max_examples=40, deadline=None)
@given(any_play, st.integers(0, 60))
def test_the_future_changes_nothing_and_a_truncated_tape_gives_a_prefix(play: Play, place: int) -> None:
    check_future(play, place)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(any_play, st.integers(0, 60))
def test_the_future_changes_nothing_many_times(play: Play, place: int) -> None:
    check_future(play, place)


class Witness(Script):
    """A script that writes down all that it can see."""

    def __init__(self, plan: Any, symbols: tuple[str, ...]) -> None:
        super().__init__(plan)
        self.symbols = symbols

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        assert context.now == bar.closed_at
        for symbol in self.symbols:
            window = context.history(symbol)
            assert len(window) == 0 or window.closed_at_us[-1] <= context.now_us
            position = context.position(symbol)
            context.log(
                symbol,
                window=[
                    column.tolist()
                    for column in (window.closed_at_us, window.open, window.high, window.low, window.close)
                ],
                holds=str(position.quantity),
                worth=str(position.market_price),
                cash=str(context.cash),
                equity=str(context.equity),
            )
        super().on_bar(bar, context)


@settings(max_examples=25, deadline=None)
@given(any_play, st.integers(0, 60))
def test_a_strategy_sees_nothing_of_the_future(play: Play, place: int) -> None:
    instants = play.inputs.data.tape.instants_us
    end_us = int(instants[place % len(instants)])

    def seen(one: Play) -> list[Any]:
        witness = StrategySpec(Witness(one.plan, one.inputs.data.tape.symbols), "witness")
        results = run(one.inputs, witness, **one.settings)
        return [line for line in results.run.logs["witness"] if line[0] <= end_us]

    whole = seen(play)
    assert whole
    assert seen(disturbed(play, end_us, 1.5)) == whole
    assert seen(replace(play, inputs=cut(play.inputs, end_us))) == whole


def marks_of(results: Results) -> Iterator[tuple[str, Decimal, Decimal]]:
    tape = results.run.tape
    assert tape is not None
    for one in results.valuations:
        closed = tape.rows_closed_by(to_epoch_us(one.occurred_at))
        for position in one.positions:
            rows = [row for row in tape.matching_rows_of(position.symbol).tolist() if row < closed]
            yield position.symbol, position.market_price, Decimal(repr(float(tape.close[rows[-1]])))


@settings(max_examples=30, deadline=None)
@given(any_play)
def test_positions_are_marked_at_the_last_known_close_of_the_finest_interval(play: Play) -> None:
    """Where a split took effect since that close, the mark is the close divided by its ratio."""
    ratios = {action.symbol: action.ratio for _, action in play.inputs.data.actions if action.ratio}
    with money_context():
        for symbol, mark, close in marks_of(played(play)):
            assert mark in {close, close / ratios.get(symbol, Decimal(1))}


def test_the_random_runs_do_what_they_are_for() -> None:
    """The properties above would hold of runs in which nothing happens; these numbers say that much does."""
    counts: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(any_play)
    def count(play: Play) -> None:
        results = played(play)
        counts.update(
            type(event).__name__ for event in events(results, SignalEvent, FillEvent, SignalRejectedEvent)
        )
        counts.update(f"{fill.purpose}" for fill in events(results, FillEvent))
        counts.update(f"{update.status}" for update in events(results, OrderUpdateEvent))
        counts.update(f"{entry.kind}" for entry in events(results, LedgerEntryEvent))

    count()
    wanted = [
        "FillEvent",
        "SignalRejectedEvent",
        "stop_loss",
        "take_profit",
        "close",
        "expired",
        "canceled",
    ]
    assert [
        name for name in [*wanted, "split", "dividend_payment", "dividend_reinvestment"] if not counts[name]
    ] == []
    assert counts["FillEvent"] > 60
