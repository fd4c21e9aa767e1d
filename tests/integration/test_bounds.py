"""Bounds of runs of the whole engine: the golden run, and hourly bars inside daily ones.

The hours are half a year of EUR/USD (tests/data/PROVENANCE.md). Each day is made of its hours, so that both
show the same prices; a strategy sees days, and its orders meet the finest bars that there are.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.doubtful_runs import check_invariants
from tests.engine_inputs import BUY, SELL, SHORT, Row, engine_of, events, flat, play
from tests.golden import sample_run

import qtrader as qt
from qtrader.clock import to_epoch_us
from qtrader.engine.inputs import FROM_THE_FIRST_BAR_US, Inputs
from qtrader.engine.results import Results
from qtrader.events.events import FillEvent, PriceBarEvent, SignalEvent
from qtrader.market.calendars import get_calendar
from qtrader.market.instruments import Instrument, Instruments
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.data.assembly import LoadedData
from qtrader.services.data.report import LoadReport
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec

HOURS = Path(__file__).resolve().parents[1] / "data" / "eurusd_hourly_2017.csv"

Hour = tuple[datetime, float, float, float, float]


@cache
def eurusd_hours() -> tuple[Hour, ...]:
    """Read the hours: opened at, open, high, low, close."""
    lines = HOURS.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split(",") for line in lines]
    return tuple((datetime.fromisoformat(at), *map(float, prices)) for at, *prices in rows)


def eurusd_days() -> list[Hour]:
    """Make UTC days of the hours."""
    days: dict[datetime, list[Hour]] = defaultdict(list)
    for hour in eurusd_hours():
        days[hour[0].replace(hour=0)].append(hour)
    return [
        (day, hours[0][1], max(one[2] for one in hours), min(one[3] for one in hours), hours[-1][4])
        for day, hours in days.items()
    ]


def columns_of(bars: list[Hour], interval: str, length: timedelta) -> SymbolColumns:
    opened_at_us = np.array([to_epoch_us(bar[0]) for bar in bars], dtype=np.int64)
    prices = np.array([bar[1:] for bar in bars], dtype=np.float64)
    return SymbolColumns(
        symbol="EURUSD",
        interval=interval,
        opened_at_us=opened_at_us,
        closed_at_us=opened_at_us + length // timedelta(microseconds=1),
        open=prices[:, 0].copy(),
        high=prices[:, 1].copy(),
        low=prices[:, 2].copy(),
        close=prices[:, 3].copy(),
        volume=np.full(len(bars), np.nan),
    )


def eurusd(*, has_hours: bool) -> Inputs:
    parts = [columns_of(eurusd_days(), "1d", timedelta(days=1))]
    if has_hours:
        parts.append(columns_of(list(eurusd_hours()), "1h", timedelta(hours=1)))
    calendar = get_calendar("24/7")
    instruments = Instruments(
        [Instrument(symbol="EURUSD", calendar=calendar.name, tick_size=Decimal("0.00001"))]
    )
    data = LoadedData(build_tape(parts), (), instruments, {"EURUSD": calendar}, None, LoadReport())
    return Inputs(data, FROM_THE_FIRST_BAR_US)


class Brackets:
    """Open on every bar, long and short in turn, at the market and by limit, with a near bracket."""

    def __init__(self) -> None:
        self.days = 0

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self.days += 1
        sign = 1 if self.days % 2 else -1
        terms: dict[str, object] = {}
        entry = bar.close
        if self.days % 4 >= 2:
            entry = bar.close * (1 - sign * 0.0005)
            terms = {"order_type": "limit", "limit_price": entry, "time_in_force": "day"}
        context.emit_signal(
            "EURUSD",
            "open_long" if sign > 0 else "open_short",
            stop_loss=entry * (1 - sign * 0.0015),
            take_profit=entry * (1 + sign * 0.0015),
            quantity=10_000,
            **terms,
        )


def run_eurusd(*, has_hours: bool) -> Results:
    inputs = eurusd(has_hours=has_hours)
    return engine_of(
        inputs,
        StrategySpec(Brackets, "brackets", intervals=("1d",)),
        valuation_calendar="24/7",
        initial_equity=20_000,
    ).run()


def signals(results: Results) -> list[tuple[object, ...]]:
    return [(one.occurred_at, one.intention, one.price) for one in events(results, SignalEvent)]


def test_with_finer_bars_inside_less_is_in_doubt() -> None:
    coarse, fine = run_eurusd(has_hours=False), run_eurusd(has_hours=True)
    assert signals(coarse) == signals(fine)
    without, within = coarse.bounds(), fine.bounds()
    for bounds in (without, within):
        check_invariants(bounds)
        assert bounds.unbounded == ()
        assert bounds.fill_count > 150
    assert without.ambiguity_share is not None
    assert within.ambiguity_share is not None
    assert without.ambiguity_share > 0.2
    assert 0 < within.ambiguity_share < without.ambiguity_share / 5
    assert within.best - within.worst < (without.best - without.worst) / 5
    assert without.worst < within.booked < without.best


def test_the_golden_run_lies_between_its_bounds() -> None:
    results = sample_run.results()
    bounds = results.bounds()
    check_invariants(bounds)
    assert_agrees_with_its_run(results)


def test_years_of_near_brackets_lie_between_their_bounds() -> None:
    """Splits, dividends, slippage and commission, three symbols, longs and shorts, cash in lieu."""
    results = qt.backtest(
        qt.sample_data(),
        Near,
        start="2003-01-02",
        end="2006-12-29",
        initial_equity=1_000_000,
        slippage_bps=3,
        execution={"commission": {"type": "percent", "percent": "0.1"}},
    )
    bounds = results.bounds()
    check_invariants(bounds)
    assert_agrees_with_its_run(results)
    assert bounds.flagged_count > 100
    assert bounds.worst < bounds.booked < bounds.best
    assert {leg.fill.purpose.value for leg in bounds.legs} == {"open", "stop_loss"}
    assert {leg.fill.side.value for leg in bounds.legs} == {"buy", "sell"}


class Near(qt.Strategy):
    """Enter long and short in turn, by limit or at the market, with a bracket a bar or two wide."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        count = len(context.history(bar.symbol))
        sign = 1 if count // 2 % 2 else -1
        entry = bar.close * (1 - sign * 0.004 * (count % 2))
        terms = {"order_type": "limit", "limit_price": entry, "time_in_force": "day"} if count % 2 else {}
        context.emit_signal(
            bar.symbol,
            "open_long" if sign > 0 else "open_short",
            stop_loss=entry * (1 - sign * 0.012),
            take_profit=entry * (1 + sign * 0.015),
            **terms,
        )


def assert_agrees_with_its_run(results: Results) -> None:
    bounds = results.bounds()
    flagged = [fill for fill in events(results, FillEvent) if fill.is_ambiguous]
    assert [leg.fill for leg in bounds.legs] == flagged
    assert bounds.booked == results.valuations[-1].equity
    assert [one.booked for one in bounds.equity] == [one.equity for one in results.valuations]


BRACKET = {"stop_loss": 95, "take_profit": 110, "quantity": 10}

Differences = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("wish", "row", "expected"),
    [
        (BUY | BRACKET, (100, 112, 94, 100), [(0, 10 * (110 - 95))]),
        (BUY | BRACKET, (100, 104, 94, 96), []),
        (
            SHORT | BRACKET | {"stop_loss": 105, "take_profit": 90},
            (100, 106, 88, 100),
            [(0, 10 * (105 - 90))],
        ),
        # The limit at 98 fills on the way down; 110 may have come before it or after. It is marked at 105.
        (
            BUY | BRACKET | {"order_type": "limit", "limit_price": 98},
            (100, 112, 97, 105),
            [(0, 10 * (110 - 105))],
        ),
        # The stop at 102 fills on the way up; 95 may have come before it or after. It is marked at 100.
        (
            BUY | BRACKET | {"order_type": "stop", "stop_price": 102},
            (100, 103, 94, 100),
            [(10 * (95 - 100), 0)],
        ),
    ],
)
def test_the_table_of_fills_in_doubt(wish: dict[str, object], row: Row, expected: Differences) -> None:
    bounds = play([flat(100), row], {0: [wish]}).bounds()
    check_invariants(bounds)
    assert [(leg.worst_difference, leg.best_difference) for leg in bounds.legs] == expected


def test_a_position_that_may_have_ended_earlier_stands_against_its_later_close() -> None:
    wish = BUY | BRACKET | {"order_type": "limit", "limit_price": 98}
    rows = [flat(100), (100, 112, 97, 105), flat(101), flat(102)]
    bounds = play(rows, {0: [wish], 2: [SELL]}).bounds()
    (leg,) = bounds.legs
    assert (leg.fill.worst_exit_price, leg.fill.best_exit_price) == (None, 110)
    assert leg.best_difference == 10 * (110 - 102)
    check_invariants(bounds)


STRADDLE = {"oco_group": "either", "quantity": 10}


@pytest.mark.parametrize(
    ("wishes", "rows", "expected"),
    [
        # 5 above the low of 90 the stop is met on the way to 96; before, it may have been met up to the high.
        (
            [BUY | {"quantity": 10, "order_type": "trailing_stop", "trail_amount": 5}],
            [(100, 101, 90, 96), flat(96)],
            [(0, 10 * (101 - 95))],
        ),
        # The stop at 105 is as near to the open as the limit at 95: the first accepted, or the other.
        (
            [
                BUY | STRADDLE | {"order_type": "stop", "stop_price": 105},
                BUY | STRADDLE | {"order_type": "limit", "limit_price": 95},
            ],
            [(100, 106, 94, 100)],
            [(0, 10 * (105 - 95))],
        ),
        # Triggered at 100, and 99 may have been reached then; the limit fills at the open of 97 a day later.
        (
            [BUY | {"quantity": 10, "order_type": "stop_limit", "stop_price": 100, "limit_price": 99}],
            [(98.5, 101, 98, 100.5), (97, 98, 96, 97)],
            [(10 * (97 - 99), 0)],
        ),
    ],
)
def test_other_orders_in_doubt(
    wishes: list[dict[str, object]], rows: list[Row], expected: Differences
) -> None:
    bounds = play([flat(100), *rows], {0: wishes}).bounds()
    check_invariants(bounds)
    assert [(leg.worst_difference, leg.best_difference) for leg in bounds.legs] == expected
    assert bounds.unbounded == ()


def test_a_straddle_of_two_sides_has_no_bounds() -> None:
    """Long at 105 or short at 95, whichever came first: no price of the long stands for the short."""
    wishes = [
        BUY | STRADDLE | {"order_type": "stop", "stop_price": 105},
        SHORT | STRADDLE | {"order_type": "stop", "stop_price": 95},
    ]
    bounds = play([flat(100), (100, 106, 94, 100), flat(103)], {0: wishes}).bounds()
    (leg,) = bounds.unbounded
    assert (leg.fill.price, leg.worst_difference, leg.best_difference) == (105, 0, 0)
    assert bounds.worst == bounds.booked == bounds.best


def test_finer_bars_settle_what_a_day_leaves_open() -> None:
    """The script that is in doubt on a day is certain on its hours: the target came first, then the stop."""
    coarse = play([flat(100), (100, 112, 94, 100)], {0: [BUY | BRACKET]})
    fine = play([flat(100), (100, 112, 99, 111), (111, 111, 94, 100)], {0: [BUY | BRACKET]})
    assert coarse.bounds().flagged_count == 1
    assert fine.bounds().flagged_count == 0
    assert fine.bounds().booked == coarse.bounds().best
