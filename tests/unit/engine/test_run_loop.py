"""The phases of an instant in their order, and what the loop leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine_inputs import (
    BUY,
    SELL,
    Script,
    closes,
    daily,
    dividend,
    engine_of,
    fills,
    flat,
    hourly,
    inputs_of,
    run,
    session,
    split,
)

from qtrader.errors import HandlerError
from qtrader.events.events import PriceBarEvent, SliceEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec


def test_an_instant_goes_through_its_phases_in_order() -> None:
    """On the third day a split and a dividend take effect, a target fills and a day order expires."""
    day_limit = {**BUY, "order_type": "limit", "limit_price": 50, "time_in_force": "day"}
    inputs = inputs_of(
        daily([flat(100), flat(100), (50, 60, 50, 55), flat(55)]), actions=[split(2, "2"), dividend(2, "1")]
    )
    plan = {0: [{**BUY, "take_profit": 110}], 1: [day_limit], 2: [BUY]}
    results = run(inputs, StrategySpec(Script(plan), "s"), scale_in=True)
    third = [event for _, event in results.events() if event.occurred_at.date() == session(2)]
    kinds = [event.event_type for event in third]
    assert kinds == [
        *(
            "corporate_action",
            "ledger_entry",
            "order_update",
            "order_update",
        ),  # the split, with two orders restated
        *(
            "corporate_action",
            "ledger_entry",
            "ledger_entry",
        ),  # the dividend, entitled and paid on the ex date
        "bar",
        *("fill", "order_update", "ledger_entry"),  # the target at 55
        "order_update",  # the day order ends
        *("signal", "risk_decision", "order", "order_update"),
        *("valuation_trigger", "consolidated_portfolio"),
    ]
    assert fills(results)[:2] == [("open", 100, 100), ("take_profit", -200, 55)]


def test_reductions_meet_a_bar_before_what_increases_exposure() -> None:
    inputs = inputs_of(daily([flat(100)] * 4, "A"), daily([flat(100)] * 4, "B"))
    plan = {0: [{**BUY, "symbol": "A"}], 2: [{**BUY, "symbol": "B"}, {**SELL, "symbol": "A"}]}
    results = run(inputs, StrategySpec(Script(plan), "s"))
    assert [purpose for purpose, _, _ in fills(results)] == ["open", "close", "open"]


def test_an_order_meets_no_bar_that_opened_before_its_acceptance() -> None:
    """An hourly decision does not fill inside the running day, nor a New York bar by London's close."""
    days = inputs_of(daily(closes(100, 110), "D"), hourly([flat(5)] * 7, "H"))
    results = run(days, StrategySpec(Script({2: [{**BUY, "symbol": "D", "price": 100}]}), "s"))
    assert [
        (fill.executed_at.date(), fill.price) for fill in results._decisions if fill.event_type == "fill"
    ] == [(session(1), 100)]
    exchanges = inputs_of(
        daily(closes(100, 110), "N"), daily([flat(5)] * 2, "L", calendar="XLON"), calendars={"L": "XLON"}
    )
    results = run(exchanges, StrategySpec(Script({0: [{**BUY, "symbol": "N", "price": 100}]}), "s"))
    assert [fill.executed_at.date() for fill in results._decisions if fill.event_type == "fill"] == [
        session(1)
    ]


def test_a_slice_event_comes_once_for_an_instant() -> None:
    engine = engine_of(
        inputs_of(daily([flat(1)] * 2, "A"), daily([flat(1)] * 2, "B")), StrategySpec(Script({}), "s")
    )
    slices: list[SliceEvent] = []
    engine.bus.subscribe("slice", slices.append)
    engine.run()
    assert [[bar.symbol for bar in one.bars] for one in slices] == [["A", "B"], ["A", "B"]]


def test_one_bar_is_one_object_for_all_who_get_it() -> None:
    heard: list[PriceBarEvent] = []
    engine = engine_of(inputs_of(daily([flat(1)] * 3)), StrategySpec(Script({}), "s"))
    engine.bus.subscribe("bar", heard.append)
    engine.run()
    assert [bar.closed_at.date() for bar in heard] == [session(number) for number in range(3)]


def test_a_listener_that_raises_is_named() -> None:
    def broken(_bar: Any) -> None:
        raise ValueError

    engine = engine_of(inputs_of(daily([flat(1)] * 3)), StrategySpec(Script({}), "s"))
    engine.bus.subscribe("bar", broken)
    with pytest.raises(HandlerError, match=r"broken failed on the bar event for X of 2024-01-02.*ValueError"):
        engine.run()


def test_the_rest_of_an_instant_is_seen_before_its_orders_are_made() -> None:
    """A signal on A does not move before B's bar of the same instant has been handed out."""
    order: list[str] = []

    class Listing:
        def __deepcopy__(self, memo: Any) -> Listing:
            return self

        def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
            order.append(bar.symbol)
            if bar.symbol == "A":
                context.emit_signal("A", "open_long")

    engine = engine_of(
        inputs_of(daily([flat(1)] * 2, "A"), daily([flat(1)] * 2, "B")), StrategySpec(Listing(), "s")
    )
    engine.bus.subscribe("order", lambda _order: order.append("order"))
    engine.run()
    assert order == ["A", "B", "order", "A", "B"]
