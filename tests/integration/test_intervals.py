"""Strategies that see bars of some intervals, while their orders meet the finest bars that there are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.engine_inputs import (
    BUY,
    Script,
    closes,
    daily,
    engine_of,
    events,
    flat,
    hourly,
    inputs_of,
    log,
    run,
    session,
)

import qtrader as qt
from qtrader.engine.config import RunSettings, parse_run_config
from qtrader.engine.inputs import Inputs, cut_for_warmup
from qtrader.errors import ConfigError, HandlerError, StrategyError
from qtrader.events.events import FillEvent, PriceBarEvent, SignalEvent
from qtrader.services.strategy.protocol import StrategySpec

#: A day falls from 100 to 94 and rises to 110; its seven hours say in which order.
DAY = (100.0, 110.0, 94.0, 104.0)
HOURS = [
    (100.0, 103.0, 99.0, 102.0),
    (102.0, 110.0, 101.0, 108.0),
    (108.0, 109.0, 104.0, 105.0),
    (105.0, 105.0, 97.0, 98.0),
    (98.0, 99.0, 94.0, 95.0),
    (95.0, 100.0, 95.0, 100.0),
    (100.0, 104.0, 99.0, 104.0),
]


def day_and_hours(*, has_hours: bool = True) -> Inputs:
    parts = [daily([flat(100), DAY])]
    if has_hours:
        parts.append(hourly([flat(100)] * 7 + HOURS))
    return inputs_of(*parts)


def fills_of(results: qt.Results) -> list[tuple[Any, ...]]:
    return [
        (fill.purpose.value, fill.price, fill.executed_at.hour, fill.is_ambiguous)
        for fill in events(results, FillEvent)
    ]


def test_orders_of_a_daily_strategy_meet_the_hours_that_it_does_not_see() -> None:
    """At the day's close it buys with a bracket; the next day leaves open what its hours decide."""
    bracket = {**BUY, "stop_loss": 95, "take_profit": 109, "quantity": 10}
    coarse = run(day_and_hours(has_hours=False), StrategySpec(Script({0: [bracket]}), "s"))
    assert fills_of(coarse) == [("open", 100, 14, False), ("stop_loss", 95, 21, True)]
    fine = run(day_and_hours(), StrategySpec(Script({0: [bracket]}), "s", intervals=("1d",)))
    assert fills_of(fine) == [("open", 100, 14, False), ("take_profit", 109, 16, False)]


def test_the_last_price_and_the_account_are_those_of_the_finest_bars() -> None:
    class Looking:
        def on_fill(self, fill: FillEvent, context: qt.Context) -> None:
            position = context.position("X")
            context.log("fill", price=float(position.market_price or 0), equity=float(context.equity))

        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            if not context.position("X"):
                context.emit_signal("X", "open_long", quantity=10)

    results = run(day_and_hours(), StrategySpec(Looking(), "s", intervals=("1d",)))
    # The order was filled at 100 in the hour that closed at 102, and that is when it is told.
    assert results.log["fields"].to_list() == ['{"price":102.0,"equity":100020.0}']


WAVES = [100 + (place * 5) % 13 + (place // 9) * 3.0 for place in range(40)]


def sma(inputs: Inputs, intervals: tuple[str, ...] | None) -> list[tuple[Any, ...]]:
    spec = StrategySpec(
        "SMADualCrossStrategy", "sma", {"fast": 2, "slow": 5, "allow_short": True}, intervals=intervals
    )
    found = events(run(inputs, spec), SignalEvent)
    return [(one.event_id, one.occurred_at, one.intention, one.price, one.reason) for one in found]


def test_the_shipped_crossover_averages_the_bars_that_it_is_given() -> None:
    days = daily(closes(*WAVES))
    hours = hourly(closes(*(value + place % 7 for value in WAVES for place in range(7))))
    expected = sma(inputs_of(days), None)
    assert len(expected) > 4
    both = inputs_of(days, hours)
    assert sma(both, ("1d",)) == expected
    assert sma(both, ("1h",)) == sma(inputs_of(hours), None)
    assert sma(both, None) != expected


class Pasts:
    """Write down which interval the past is of."""

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        lengths = [len(context.history()), len(context.history(interval="1d"))]
        context.log(bar.interval, lengths=lengths)

    def on_slice(self, bars: tuple[PriceBarEvent, ...], context: qt.Context) -> None:
        context.log("+".join(f"{bar.symbol}{bar.interval}" for bar in bars))


def test_several_intervals_may_be_seen_and_the_past_is_of_the_finest_of_these() -> None:
    rows = [flat(1)] * 14
    inputs = inputs_of(daily(rows[:2]), hourly(rows), daily(rows[:2], "Y"))
    both = run(inputs, StrategySpec(Pasts(), "s", intervals=("1d", "1h")))
    every = run(inputs, StrategySpec(Pasts(), "s"))
    assert both.log.equals(every.log)
    days = run(inputs, StrategySpec(Pasts(), "s", intervals=("1d",)))
    assert days.log["message"].to_list() == ["1d", "1d", "X1d+Y1d"] * 2
    assert [entry for entry in days.log["fields"].to_list() if "lengths" in entry] == [
        '{"lengths":[1,1]}', '{"lengths":[1,1]}', '{"lengths":[2,2]}', '{"lengths":[2,2]}',
    ]  # fmt: skip


def test_a_past_that_the_strategy_does_not_see_is_refused() -> None:
    class Curious:
        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            context.history(interval="1h")

    with pytest.raises(HandlerError) as caught:
        run(day_and_hours(), StrategySpec(Curious(), "s", intervals=("1d",)))
    assert isinstance(caught.value.__cause__, StrategyError)
    assert "interval is '1h'; this strategy sees bars of 1d" in str(caught.value)


def test_strategies_side_by_side_see_different_intervals() -> None:
    specs = [StrategySpec(Script({1: [BUY]}), name, intervals=(name,)) for name in ("1d", "1h")]
    results = run(day_and_hours(), specs, market_fill="same_close")
    signals = [(one.strategy_id, one.occurred_at) for one in events(results, SignalEvent)]
    assert signals == [
        ("1h", datetime(2024, 1, 2, 16, 30, tzinfo=UTC)),
        ("1d", datetime(2024, 1, 3, 21, tzinfo=UTC)),
    ]
    # Both fill at the close of the finest bar of their instant.
    assert [fill.price for fill in events(results, FillEvent)] == [100, 104]


@pytest.mark.parametrize("intervals", [None, ("1d",), ("1h",)])
def test_every_way_of_driving_gives_the_same_log(intervals: tuple[str, ...] | None) -> None:
    spec = StrategySpec(Script({0: [BUY], 1: [{"intention": "close_long"}]}), "s", intervals=intervals)
    alone = engine_of(day_and_hours(), spec)
    assert alone.house.strategies.direct_handler() is not None
    heard = engine_of(day_and_hours(), spec)
    heard.bus.subscribe("bar", lambda _bar: None)
    stepped = engine_of(day_and_hours(), spec)
    while stepped.process_bar() is not None:
        pass
    assert log(alone.run()) == log(heard.run()) == log(stepped.get_results())


def test_a_failure_on_a_seen_bar_is_named_as_ever() -> None:
    class Failing:
        def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
            msg = f"at {bar.interval}"
            raise ValueError(msg)

    with pytest.raises(HandlerError, match=r"(?s)Failing\.on_bar.*at 1d"):
        run(day_and_hours(), StrategySpec(Failing(), "s", intervals=("1d",)))


@pytest.mark.parametrize(
    ("intervals", "symbols", "message"),
    [
        (("4h",), None, "strategy 's' asks for bars of 4h; the data has bars of 1h, 1d"),
        (("30m", "1d", "4h"), None, "asks for bars of 30m, 4h; the data has bars of 1h, 1d"),
        (("1h",), ("Y",), "asks for bars of 1h; Y has bars of 1d"),
    ],
)
def test_bars_that_the_data_do_not_have_are_refused(
    intervals: tuple[str, ...], symbols: tuple[str, ...] | None, message: str
) -> None:
    inputs = inputs_of(daily([flat(1)] * 2), hourly([flat(1)] * 14), daily([flat(1)] * 2, "Y"))
    spec = StrategySpec(Script({}), "s", symbols=symbols, intervals=intervals)
    with pytest.raises(ConfigError, match=message):
        run(inputs, spec)
    with pytest.raises(ConfigError, match=message):
        cut_for_warmup(inputs.data, RunSettings(warmup_bars=1), [spec])


def test_warmup_is_counted_in_the_bars_that_strategies_see() -> None:
    data = inputs_of(daily(closes(*range(100, 110))), hourly([flat(1)] * 70)).data

    def first(*intervals: tuple[str, ...] | None, start: date | None) -> tuple[date, int]:
        specs = [StrategySpec(Script({}), str(seen), intervals=seen) for seen in intervals]
        inputs = cut_for_warmup(data, RunSettings(start=start, warmup_bars=3), specs)
        return (
            datetime.fromtimestamp(inputs.trading_starts_us / 1e6, UTC).date(),
            len(inputs.data.tape),
        )

    assert first(("1d",), start=None) == (session(2), 80)
    assert first(None, start=None) == first(("1h",), start=None) == first(start=None) == (session(0), 80)
    # Three days before the start, the first of them with the hour in which it ends; or three hours.
    assert first(("1d",), start=session(5)) == (session(5), 7 * 8 + 2)
    assert first(("1h",), start=session(5)) == (session(5), 5 * 8 + 3 + 1)
    # Each strategy is warm: the coarsest counts.
    assert first(("1h",), ("1d",), start=session(5)) == first(("1d",), start=session(5))


def prices(folder: Path) -> Path:
    """Write days and the hours inside them, as somebody has them in files."""
    lines = ["time,open,high,low,close"]
    for day in (2, 3):
        for hour, row in enumerate([flat(100.0)] * 7 if day == 2 else HOURS):
            lines.append(f"2024-01-0{day}T{hour + 9:02}:30,{','.join(map(str, row))}")
    (folder / "hours.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "days.csv").write_text(
        "date,open,high,low,close\n2024-01-02,100,100,100,100\n2024-01-03,100,110,94,104\n", encoding="utf-8"
    )
    return folder


def test_a_call_and_a_configuration_say_it_alike(tmp_path: Path) -> None:
    folder = prices(tmp_path)
    common: dict[str, Any] = {"symbol": "X", "calendar": "XNYS", "prices": "raw"}
    hours = {"timezone": "America/New_York", "bar_label": "open", "interval": "1h"}
    content = {
        "data": [{"source": "days"}, {"source": "hours"}],
        "data_sources": {
            "sources": {
                "days": {"path": str(folder / "days.csv"), "interval": "1d", **common},
                "hours": {"path": str(folder / "hours.csv"), **hours, **common},
            }
        },
        "strategies": [{"strategy": "BuyAndHoldStrategy", "intervals": ["1d"]}],
    }
    config = parse_run_config(content)
    assert config.strategies[0].intervals == ("1d",)
    configured = qt.BacktestEngine.from_config(config).run()
    (bought,) = events(configured, FillEvent)
    assert (bought.executed_at.day, bought.executed_at.hour) == (3, 14)
    assert bought.price == 100

    files = [folder / "days.csv", folder / "hours.csv"]
    reading = {"timezone": "America/New_York", "bar_label": "open", **common}
    called = qt.backtest(files, "BuyAndHoldStrategy", intervals="1d", **reading)
    assert fills_of(called) == fills_of(configured)
    hourly_entry = qt.backtest(files, "BuyAndHoldStrategy", intervals=["1h"], **reading)
    assert events(hourly_entry, FillEvent)[0].executed_at.hour == 15
    assert qt.check_lookahead(files, "BuyAndHoldStrategy", intervals=["1d"], instants=3, **reading).is_honest


def test_bars_outside_the_finest_are_warned_of() -> None:
    days, hours = daily([flat(100)] * 5), hourly([flat(100)] * 7)

    def warned(*parts: Any, **more: Any) -> list[str]:
        found = run(inputs_of(*parts, **more), StrategySpec(Script({}), "s", intervals=("1d",))).warnings
        return [each for each in found if "lie before" in each]

    expected = (
        "bars of 1d lie before or after its bars of 1h: "
        "orders meet only the latter, so that there they just wait"
    )
    assert warned(days, hours) == [f"X: 4 {expected}"]
    assert warned(days, hourly([flat(100)] * 7, first=session(3))) == [f"X: 4 {expected}"]
    assert warned(days, hourly([flat(100)] * 14, first=session(3))) == [f"X: 3 {expected}"]
    after_us = int(days.closed_at_us[1])
    late = hourly([flat(100)] * 14, first=session(3))
    assert warned(days, late, trading_starts_us=after_us) == [f"X: 1 {expected}"]
    assert warned(days, hourly([flat(100)] * 35)) == []
    assert warned(days, hourly([flat(100)] * 30)) == []


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        (["1day"], r"strategies\[0\].*intervals.*interval '1day' is unknown; allowed are"),
        ([], r"strategies\[0\].*intervals"),
        ("1d", r"strategies\[0\].*intervals"),
    ],
)
def test_a_configuration_names_what_is_no_interval(intervals: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_run_config({"strategies": [{"strategy": "BuyAndHoldStrategy", "intervals": intervals}]})
