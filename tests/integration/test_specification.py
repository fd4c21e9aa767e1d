"""The samples of the product's specification, run as they are written there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine_inputs import Script, daily, engine_of, events, flat, inputs_of

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.events.event_bus import EventBus
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    FillEvent,
    PriceBarEvent,
    SignalEvent,
    ValuationTriggerEvent,
)
from qtrader.events.vocabulary import OrderType, Side, SignalIntention, TimeInForce
from qtrader.services.data.service import DataService
from qtrader.services.strategy.context import Context

#: Made-up prices of the first sessions of 2020, between the sample's stop of 140 and target of 160.
BARS_2020 = """date,open,high,low,close,volume
2020-01-02,148.00,150.00,147.00,149.50,1000
2020-01-03,150.25,152.00,149.00,151.00,1000
2020-01-06,151.50,155.00,150.00,154.75,1000
2020-01-07,156.00,161.00,155.00,158.00,1000
2020-01-08,158.00,159.00,157.00,158.50,1000
"""

SYSTEM = """
run: {name: sample, valuation_calendar: XNYS}
data: [{source: prices, symbols: [AAPL]}]
strategies: [{strategy: "my_strategies:MyStrategy"}]
portfolio: portfolio.yaml
data_sources: data_sources.yaml
import_from: [..]
"""

PORTFOLIO = """
portfolio: {initial_cash: 50000}
execution: {commission: {type: per_order, amount: 1}}
risk: naive
"""

DATA_SOURCES = """
sources:
  prices: {path: ../data/AAPL.csv, symbol: AAPL, interval: 1d, calendar: XNYS, prices: raw}
"""

STRATEGY = """
from decimal import Decimal

from qtrader import Context, PriceBarEvent, SignalIntention


class MyStrategy:
    def on_bar(self, bar: PriceBarEvent, context: Context):
        # Strategy logic
        conditions_met = bar.bar.close < 150 and not context.position("AAPL")
        if conditions_met:
            context.emit_signal(
                symbol="AAPL",
                intention=SignalIntention.OPEN_LONG,
                price=bar.bar.close,
                confidence=0.85,
                stop_loss=Decimal("140.00"),
                take_profit=Decimal("160.00")
            )
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project as `from_config()` expects it, and stand in its folder."""
    for folder in ("config", "data"):
        (tmp_path / folder).mkdir()
    files = {
        "data/AAPL.csv": BARS_2020,
        "config/system.yaml": SYSTEM,
        "config/portfolio.yaml": PORTFOLIO,
        "config/data_sources.yaml": DATA_SOURCES,
        "my_strategies.py": STRATEGY,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_engine_runs_a_project_from_its_configuration(project: Path) -> None:
    before = sorted(
        path.relative_to(project) for path in project.rglob("*") if "__pycache__" not in path.parts
    )
    engine = BacktestEngine.from_config()
    results = engine.run()
    assert engine.get_results().run_id == results.run_id
    (signal,) = events(results, SignalEvent)
    assert (signal.price, signal.confidence) == (Decimal("149.5"), Decimal("0.85"))
    assert (signal.stop_loss, signal.take_profit) == (140, 160)
    assert [(fill.purpose.value, fill.price) for fill in events(results, FillEvent)] == [
        ("open", Decimal("150.25")),
        ("take_profit", 160),
    ]
    # 100 x (160.00 - 150.25), less two commissions of 1.00
    assert results.valuations[-1].equity == Decimal("50973.00")
    after = sorted(
        path.relative_to(project) for path in project.rglob("*") if "__pycache__" not in path.parts
    )
    assert after == before


def test_a_project_can_be_run_bar_by_bar(project: Path) -> None:
    engine = BacktestEngine.from_config(project / "config" / "system.yaml")
    days = []
    while (instant := engine.process_bar()) is not None:
        days.append(instant.date())
    assert days == [date(2020, 1, day) for day in (2, 3, 6, 7, 8)]
    assert engine.get_results().metrics["total_return"] == pytest.approx(973 / 50_000, abs=1e-15)


def test_services_subscribe_to_topics_and_publish_events() -> None:
    event_bus = EventBus(run_id="sample")
    received: list[tuple[str, Any]] = []

    class strategy_service:  # noqa: N801 - the sample's name
        @staticmethod
        def on_bar(bar: PriceBarEvent) -> None:
            received.append(("strategy", bar))

    class manager_service:  # noqa: N801 - the sample's name
        @staticmethod
        def on_signal(signal: SignalEvent) -> None:
            received.append(("manager", signal))

    # Services subscribe to topics
    event_bus.subscribe("bar", strategy_service.on_bar)
    event_bus.subscribe("signal", manager_service.on_signal)

    bar = PriceBarEvent("AAPL", "1d", 1577975400000000, 1577998800000000, 148.0, 150.0, 147.0, 149.5, 1000.0)
    # Services publish events
    event_bus.publish(bar)
    event_bus.publish(
        SignalEvent(
            signal_id="s:1",
            strategy_id="s",
            symbol="AAPL",
            intention=SignalIntention.OPEN_LONG,
            price=Decimal("149.5"),
        )
    )
    assert [name for name, _ in received] == ["strategy", "manager"]
    assert received[0][1] is bar
    assert [type(event) for event in event_bus.history()] == [PriceBarEvent, SignalEvent]
    assert received[1][1].event_id
    assert received[1][1].occurred_at == bar.closed_at


def test_the_data_service_streams_a_session(project: Path) -> None:
    event_bus = EventBus()
    bars: list[PriceBarEvent] = []
    event_bus.subscribe("bar", bars.append)
    data_config = {
        "sources": {
            "prices": {
                "path": str(project / "data" / "AAPL.csv"),
                "symbol": "AAPL",
                "interval": "1d",
                "calendar": "XNYS",
                "prices": "raw",
            }
        }
    }
    data_service = DataService(event_bus=event_bus, config=data_config)
    data_service.load_data(symbol="AAPL", start_date="2020-01-01")
    data_service.stream_bar(datetime(2020, 1, 2))  # noqa: DTZ001 - the sample: a naive midnight names a session
    assert [(bar.symbol, bar.bar.close, bar.closed_at) for bar in bars] == [
        ("AAPL", 149.5, datetime(2020, 1, 2, 21, tzinfo=UTC))
    ]


def test_every_event_of_the_specification_reaches_who_subscribes_by_name_or_class() -> None:
    seen: dict[str, int] = {}

    def count(name: str) -> Any:
        return lambda _event: seen.update({name: seen.get(name, 0) + 1})

    inputs = inputs_of(daily([flat(100)] * 3))
    engine = engine_of(inputs, Script({0: [{"intention": SignalIntention.OPEN_LONG}]}))
    topics: list[Any] = [
        "bar",
        "signal",
        "order",
        "fill",
        ConsolidatedPortfolioEvent,
        ValuationTriggerEvent,
        "*",
    ]
    for topic in topics:
        engine.bus.subscribe(topic, count(topic if isinstance(topic, str) else topic.__name__))
    engine.run()
    assert seen == {
        "bar": 3,
        "signal": 1,
        "order": 1,
        "fill": 1,
        "ValuationTriggerEvent": 3,
        "ConsolidatedPortfolioEvent": 3,
        # Bars, slices, triggers, valuations; deposit; signal, decision, order, two steps, fill, booking.
        "*": 4 * 3 + 1 + 7,
    }


def test_the_specifications_vocabulary_is_there() -> None:
    assert {one.name for one in SignalIntention} == {"OPEN_LONG", "CLOSE_LONG", "OPEN_SHORT", "CLOSE_SHORT"}
    assert {one.value for one in OrderType} >= {"market", "limit", "stop"}
    assert {one.value for one in Side} == {"buy", "sell"}
    assert {one.value for one in TimeInForce} >= {"day", "gtc"}
    assert callable(Context.emit_signal)
