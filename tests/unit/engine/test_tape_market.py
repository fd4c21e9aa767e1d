"""What execution is told of the market: sessions by the calendar, prices and ranges as known."""

from __future__ import annotations

from typing import Any

from tests.engine_inputs import BUY, Script, closes, daily, events, flat, hourly, play, refusals

from qtrader.clock import from_epoch_us
from qtrader.engine.tape_market import TapeMarket
from qtrader.engine.wiring import Sessions, visible_intervals
from qtrader.events.events import FillEvent, OrderUpdateEvent
from qtrader.market.calendars import get_calendar
from qtrader.market.history import TapeHistory
from qtrader.market.marks import Marks
from qtrader.market.tape import Tape
from qtrader.market.tape_build import build_tape
from qtrader.services.strategy.protocol import StrategySpec

DAYS = [(100.0 + n, 104.0 + n, 99.0 + n, 102.0 + n) for n in range(6)]


def market_of(tape: Tape, calendar: str | None = "XNYS", *specs: StrategySpec) -> TapeMarket:
    calendars = {} if calendar is None else {"X": get_calendar(calendar)}
    return TapeMarket(
        tape, Sessions(calendars), Marks(tape), TapeHistory(tape), visible_intervals(tape, specs)
    )


def test_a_daily_bar_has_both_prints_of_its_session() -> None:
    tape = build_tape([daily(DAYS)])
    assert market_of(tape).session_prints(tape.bar(0)) == (True, True)


def test_the_first_and_the_last_hour_have_one_print_each() -> None:
    tape = build_tape([hourly(closes(*range(100, 114)))])
    market = market_of(tape)
    prints = [market.session_prints(tape.bar(row)) for row in range(14)]
    day = [(True, False), *[(False, False)] * 5, (False, True)]
    assert prints == day + day
    in_utc_days = market_of(tape, None)
    assert [in_utc_days.session_prints(tape.bar(row)) for row in range(7)] == [(False, False)] * 7


def test_the_bar_before_is_of_the_same_symbol_and_the_finest_interval() -> None:
    tape = build_tape([hourly(closes(100, 101, 102)), daily([flat(7)], "Y")])
    market = market_of(tape)
    rows = tape.matching_rows_of("X")
    last = tape.bar(int(rows[2]))
    before = market.previous_bar(last)
    assert before is not None
    assert (before.symbol, before.close) == ("X", 101.0)
    assert market.previous_bar(tape.bar(int(rows[0]))) is None


def test_the_true_range_is_of_closed_bars_and_in_prices_of_the_day() -> None:
    tape = build_tape([daily(DAYS)])
    market = market_of(tape)
    # Each bar spans 5; the close before lies within it.
    assert market.average_true_range("s", "X", 3, int(tape.closed_at_us[3])) == 5
    assert market.average_true_range("s", "X", 3, int(tape.closed_at_us[3]) - 1) is None


def test_the_true_range_is_of_the_bars_that_the_strategy_sees() -> None:
    hours = [(100.0, 100.5, 99.5, 100.0)] * 28
    tape = build_tape([hourly(hours), daily(DAYS)])
    market = market_of(tape, "XNYS", StrategySpec(Script({}), "days", intervals=("1d",)))
    last_us = int(tape.closed_at_us[tape.rows_of_interval("X", "1d")[3]])
    assert market.average_true_range("hours", "X", 3, last_us) == 1
    assert market.average_true_range("days", "X", 3, last_us) == 5


def lives(plan: dict[int, list[dict[str, Any]]], rows: list[Any] = DAYS, **settings: Any) -> list[str]:
    """Tell each step of the orders of a run: status, filled so far and stop in force."""
    results = play(rows, plan, **settings)
    assert not results.refusals.height
    return [f"{e.status} {e.filled_quantity} {e.stop_price}" for e in events(results, OrderUpdateEvent)]


def test_a_stop_that_trails_by_true_ranges_through_the_engine() -> None:
    terms = {"order_type": "trailing_stop", "trail_atr_multiple": 2, "trail_atr_period": 3}
    # The last close of 105 and twice 5; the market never comes back to it.
    assert lives({3: [{**BUY, **terms}]}) == ["accepted 0 115.00"]
    # Too few bars have closed.
    assert refusals(play(DAYS, {2: [{**BUY, **terms}]})) == ["trail_unknown"]


def test_an_order_that_fills_over_several_bars_through_the_engine() -> None:
    # 4 % of 1,000 units a bar.
    steps = lives({0: [{**BUY, "quantity": 100}]}, participation_percent=4)
    assert steps == [
        "accepted 0 None",
        "partially_filled 40 None",
        "partially_filled 80 None",
        "filled 100 None",
    ]


def test_orders_of_every_kind_meet_the_bars_that_they_wait_for() -> None:
    rows = [flat(100.0)] * 3 + [(100.0, 104.0, 96.0, 100.0)] + [flat(100.0)] * 3
    wishes = [
        {**BUY, "quantity": 1, "order_type": "market_if_touched", "stop_price": 97},
        {**BUY, "quantity": 1, "order_type": "limit", "limit_price": 97},
        {**BUY, "quantity": 1, "order_type": "stop", "stop_price": 103},
    ]
    for wish in wishes:
        (fill,) = events(play(rows, {0: [wish]}), FillEvent)
        assert fill.occurred_at == from_epoch_us(int(build_tape([daily(rows)]).closed_at_us[3]))
