"""What becomes of signals: modes of filling, refusals, reversals, scaling, expiry, warmup."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.engine_inputs import (
    BUY,
    COVER,
    SELL,
    SHORT,
    Script,
    closes,
    daily,
    dividend,
    events,
    fills,
    flat,
    hourly,
    inputs_of,
    play,
    refusals,
    run,
    session,
    split,
)

from qtrader.events.events import FillEvent, OrderEvent, OrderUpdateEvent, RiskDecisionEvent, SignalEvent
from qtrader.services.strategy.protocol import StrategySpec


def test_next_open_next_close_and_same_close_differ_in_the_price_alone() -> None:
    rows = [(100, 101, 99, 101), (102, 104, 102, 103)]
    found = {}
    for mode in ("next_open", "next_close", "same_close"):
        results = play(rows, {0: [BUY]}, market_fill=mode)
        (fill,) = events(results, FillEvent)
        found[mode] = (fill.price, fill.executed_at.date(), fill.occurred_at.date())
    first, second = session(0), session(1)
    assert found == {
        "next_open": (102, second, second),
        "next_close": (103, second, second),
        "same_close": (101, first, first),
    }


def test_filling_at_the_close_that_was_decided_on_is_marked() -> None:
    assert any(
        "lookahead: same_close" in text
        for text in play(closes(1, 2), {0: [BUY]}, market_fill="same_close").warnings
    )
    for mode in ("next_open", "next_close"):
        assert not any(
            "lookahead" in text for text in play(closes(1, 2), {0: [BUY]}, market_fill=mode).warnings
        )


def test_a_run_without_costs_says_so() -> None:
    assert any(text.startswith("no costs") for text in play(closes(1, 2), {}).warnings)
    assert not any(text.startswith("no costs") for text in play(closes(1, 2), {}, slippage_bps=1).warnings)


@pytest.mark.parametrize("place", [6, 7], ids=["decided on the hour", "decided on the day"])
def test_same_close_takes_the_finest_bar_where_an_hour_and_a_day_close_together(place: int) -> None:
    """The seventh hour ends the session; the day's own close may differ, as an auction's does."""
    hours = hourly(closes(100, 101, 102, 103, 104, 105, 106, 107))
    for day_close in (106.0, 106.5, 105.5):
        days = daily([(100, 107, 99, day_close)])
        results = run(
            inputs_of(hours, days), StrategySpec(Script({place: [BUY]}), "s"), market_fill="same_close"
        )
        assert fills(results) == [("open", 100, 106)]


def test_a_bracket_of_a_same_close_entry_rests_from_the_next_bar() -> None:
    rows = [(100, 120, 80, 100), flat(100), (100, 101, 94, 96)]
    results = play(rows, {0: [{**BUY, "stop_loss": 95, "take_profit": 110}]}, market_fill="same_close")
    assert fills(results) == [("open", 100, 100), ("stop_loss", -100, 95)]
    assert [fill.executed_at.date() for fill in events(results, FillEvent)] == [session(0), session(2)]


def test_a_repeated_opening_is_refused_and_scales_in_where_the_policy_says_so() -> None:
    plan = {0: [BUY], 2: [BUY]}
    refused = play([flat(100)] * 4, plan)
    assert (fills(refused), refusals(refused)) == ([("open", 100, 100)], ["already_open"])
    scaled = play([flat(100)] * 4, plan, scale_in=True)
    assert (fills(scaled), refusals(scaled)) == ([("open", 100, 100)] * 2, [])
    assert scaled.open_positions[0].quantity == 200


def test_an_opening_on_its_way_is_not_repeated() -> None:
    assert refusals(play([flat(100)] * 3, {0: [BUY, BUY]})) == ["order_pending"]


def test_the_opposite_opening_reverses_by_two_orders_closing_first() -> None:
    results = play(closes(100, 101, 102, 103), {0: [BUY], 2: [SHORT]})
    assert fills(results) == [("open", 100, 100), ("close", -100, 102), ("open", -100, 102)]
    assert [decision.decision_id.rpartition("/")[2] for decision in events(results, RiskDecisionEvent)] == [
        "open?",
        "close?",
        "open?",
    ]
    assert results.trades["side"].to_list() == ["long", "short"]


def test_closing_while_flat_is_refused_and_the_wrong_side_too() -> None:
    assert refusals(play([flat(100)] * 2, {0: [SELL, COVER]})) == ["no_position", "no_position"]
    assert refusals(play([flat(100)] * 3, {0: [BUY], 2: [COVER]})) == ["no_position"]


def test_a_fraction_closes_that_part_and_the_rest_stays() -> None:
    results = play([flat(100)] * 5, {0: [BUY], 1: [{**SELL, "fraction": 0.25}], 3: [SELL]})
    assert fills(results) == [("open", 100, 100), ("close", -25, 100), ("close", -75, 100)]
    tiny = play([flat(100)] * 3, {0: [{**BUY, "quantity": 3}], 1: [{**SELL, "fraction": "0.3"}]})
    assert refusals(tiny) == ["size_rounds_to_zero"]


def test_a_day_order_expires_at_its_sessions_close_and_the_child_with_it() -> None:
    wish = {**BUY, "order_type": "limit", "limit_price": 90, "time_in_force": "day", "stop_loss": 80}
    results = play([flat(100), (100, 101, 95, 98), (90, 91, 85, 88), flat(88)], {0: [wish]})
    assert fills(results) == []
    ends = [
        (update.order_id.rpartition("/")[2], update.status.value, update.reason, update.occurred_at.date())
        for update in events(results, OrderUpdateEvent)
        if update.status.value != "accepted"
    ]
    assert ends == [
        ("open", "expired", "session_closed", session(1)),
        ("stop_loss", "canceled", "parent_expired", session(1)),
    ]


def test_a_good_till_canceled_order_rests_through_sessions() -> None:
    wish = {**BUY, "order_type": "limit", "limit_price": 90}
    results = play([flat(100), (100, 101, 95, 98), (92, 93, 85, 88), flat(88)], {0: [wish]})
    assert fills(results) == [("open", 100, 90)]


def test_an_hourly_day_order_expires_with_the_session_and_not_with_the_hour() -> None:
    wish = {**BUY, "order_type": "limit", "limit_price": 95, "time_in_force": "day"}
    rows = [flat(100)] * 6 + [(100, 100, 90, 95)] + [flat(95)]
    filled = run(inputs_of(hourly(rows)), StrategySpec(Script({0: [wish]}), "s"))
    assert fills(filled) == [("open", 100, 95)]
    expired = run(inputs_of(hourly([*[flat(100)] * 7, flat(90)])), StrategySpec(Script({0: [wish]}), "s"))
    assert fills(expired) == []
    assert expired.order_records[0].status == "expired"


def test_signals_of_the_warmup_are_refused_and_counted() -> None:
    plan: dict[int, list[Any]] = {0: [BUY], 1: [BUY], 2: [BUY]}
    import qtrader as qt

    frame = {
        "date": [session(n) for n in range(5)],
        **{name: [100.0] * 5 for name in ("open", "high", "low", "close")},
    }
    results = qt.backtest(
        frame,
        Script(plan),
        symbol="X",
        calendar="XNYS",
        interval="1d",
        warmup_bars=2,
        valuation_calendar="XNYS",
    )
    assert results.refusal_counts == {"warmup": 2}
    assert fills(results) == [("open", 100, 100)]
    assert [one.session for one in results.valuations] == [session(n) for n in (2, 3, 4)]


def test_a_cash_account_cannot_short_nor_spend_the_same_cash_twice() -> None:
    inputs = inputs_of(daily([flat(100)] * 3, "A"), daily([flat(100)] * 3, "B"))
    wishes = [{**BUY, "symbol": "A", "quantity": 600}, {**BUY, "symbol": "B", "quantity": 600}]
    results = run(inputs, StrategySpec(Script({1: wishes}), "s"), risk={"account": "cash"})
    assert [fill.symbol for fill in events(results, FillEvent)] == ["A"]
    assert refusals(results) == ["cash"]
    assert refusals(play([flat(100)] * 2, {0: [SHORT]}, risk={"account": "cash"})) == ["short_sale"]


def test_a_refusal_says_what_would_have_passed() -> None:
    results = play([flat(100)] * 2, {0: [{**BUY, "quantity": 1001}]})
    (refusal,) = results.refusal_records
    assert (refusal.stage, refusal.remedy) == ("risk", "a quantity of 1000 instead of 1001 would have passed")


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({**BUY, "stop_loss": 100}, "stop_on_wrong_side"),
        ({**BUY, "stop_loss": 105}, "stop_on_wrong_side"),
        ({**SHORT, "stop_loss": 95}, "stop_on_wrong_side"),
        ({**BUY, "take_profit": 95}, "target_on_wrong_side"),
        ({**BUY, "order_type": "stop", "stop_price": 99}, "stop_on_wrong_side"),
        ({**SHORT, "order_type": "stop", "stop_price": 101}, "stop_on_wrong_side"),
    ],
)
def test_a_stop_on_the_wrong_side_is_a_refusal_and_no_error(wish: dict[str, Any], reason: str) -> None:
    results = play([flat(100)] * 2, {0: [wish]})
    assert (refusals(results), fills(results), events(results, OrderEvent)) == ([reason], [], [])
    assert results.signals["outcome"].to_list() == ["refused"]


def test_sizing_by_percent_of_equity_uses_the_price_decided_on() -> None:
    results = play(closes(33, 40, 41), {0: [BUY]}, sizing={"method": "percent_of_equity", "percent": 10})
    assert fills(results) == [("open", 303, 33)]  # 100,000 x 10 % / 33 = 303.03


def test_resting_orders_follow_a_split_and_a_reverse_split_cancels_them() -> None:
    bracket = {**BUY, "stop_loss": 80, "take_profit": 130}
    inputs = inputs_of(daily([flat(100), flat(100), flat(50), (50, 66, 50, 65)]), actions=[split(2, "2")])
    results = run(inputs, StrategySpec(Script({0: [bracket]}), "s"))
    assert fills(results) == [("open", 100, 100), ("take_profit", -200, 65)]
    reverse = inputs_of(
        daily([flat(100), flat(100), flat(1000), (1000, 1400, 500, 600)]), actions=[split(2, "0.1")]
    )
    results = run(reverse, StrategySpec(Script({0: [bracket]}), "s"))
    assert fills(results) == [("open", 100, 100)]
    assert results.open_positions[0].quantity == 10
    assert {order.status for order in results.order_records[1:]} == {"canceled"}


def test_a_buy_limit_falls_by_the_dividend_and_a_day_order_does_not() -> None:
    rows = [flat(100), (100, 100, 99, 99), flat(97)]
    wish = {**BUY, "order_type": "limit", "limit_price": 98}
    inputs = inputs_of(daily(rows), actions=[dividend(2, "2")])
    assert fills(run(inputs, StrategySpec(Script({0: [wish]}), "s"))) == []
    assert fills(run(inputs, StrategySpec(Script({0: [wish]}), "s"), do_not_reduce=True)) == [
        ("open", 100, 97)
    ]


def test_who_buys_at_the_ex_dates_open_gets_no_dividend() -> None:
    inputs = inputs_of(daily([flat(100)] * 4), actions=[dividend(2, "1.5", pay_date=session(3))])
    before = run(inputs, StrategySpec(Script({0: [BUY]}), "s"))
    at_open = run(inputs, StrategySpec(Script({1: [BUY]}), "s"))
    assert [one.dividend_income for one in before.valuations] == [0, 0, 150, 150]
    assert [one.dividends_receivable for one in before.valuations] == [0, 0, 150, 0]
    assert [one.cash for one in before.valuations] == [100_000, 90_000, 90_000, 90_150]
    assert [one.dividend_income for one in at_open.valuations] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "settings", [{"dividends": "cash"}, {"dividends": "reinvest", "reinvest_at": "pay_close"}]
)
def test_a_dividend_payable_after_the_last_bar_stays_receivable(settings: dict[str, str]) -> None:
    """Nothing is known after the last close, so nothing happens then: no payment, no trade."""
    inputs = inputs_of(daily([flat(100)] * 4), actions=[dividend(2, "1.5", pay_date=date(2024, 2, 1))])
    results = run(inputs, StrategySpec(Script({0: [BUY]}), "s"), portfolio=settings)
    last = results.valuations[-1]
    assert (last.dividends_receivable, last.cash, last.equity) == (150, 90_000, 100_150)
    assert events(results, SignalEvent)[0].strategy_id == "s"
    assert max(event.occurred_at for _, event in results.events()) == last.occurred_at


def test_a_day_order_of_the_last_bar_is_still_at_work_at_the_end() -> None:
    wish = {**BUY, "time_in_force": "day", "order_type": "limit", "limit_price": 90}
    results = play([flat(100)] * 2, {1: [wish]})
    assert results.working_orders["order_type"].to_list() == ["limit"]


def test_money_is_exact() -> None:
    """100 x 33.33 = 3,333.00, and a commission of 1 %: 33.33."""
    results = play(
        [flat(33.33), flat(33.33)], {0: [BUY]}, execution={"commission": {"type": "percent", "percent": 1}}
    )
    assert results.valuations[-1].cash == Decimal(100000) - Decimal(3333) - Decimal("33.33")
    assert results.valuations[-1].equity == Decimal("99966.67")
