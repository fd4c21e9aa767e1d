"""Bad input is an error that names thing, place, what was found and what is allowed; nothing is written.

Every case goes through the public entry, `qt.backtest`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.engine_inputs import BUY, Script, flat, play

import qtrader as qt
from qtrader.errors import ConfigError, DataError, HandlerError, QTraderError, StrategyError
from qtrader.events.events import PriceBarEvent

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]


def frame(**columns: Any) -> dict[str, Any]:
    """Make three good daily bars, with some columns replaced (None: left out)."""
    good: dict[str, Any] = {
        "date": DAYS,
        "open": [100.0, 101.0, 102.0],
        "high": [101.0, 102.0, 103.0],
        "low": [99.0, 100.0, 101.0],
        "close": [100.5, 101.5, 102.5],
        "volume": [10, 20, 30],
    }
    return {name: values for name, values in (good | columns).items() if values is not None}


def backtest(data: Any, strategy: Any = "BuyAndHoldStrategy", **options: Any) -> qt.Results:
    return qt.backtest(data, strategy, **{"symbol": "X", "interval": "1d", "calendar": "XNYS", **options})


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run each test in an empty folder, which is empty afterwards."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert list(folder.iterdir()) == []


def refused(run: Callable[[], Any], error: type[QTraderError], *parts: str) -> str:
    with pytest.raises(error) as caught:
        run()
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    return message


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"close": None}, ["no column for close", "'date', 'open', 'high', 'low', 'volume'"]),
        ({"high": [101.0, 98.0, 103.0]}, ["X", "row 2", "98.0", "high"]),
        ({"low": [99.0, 101.4, 101.0]}, ["X", "row 2", "101.4", "low", "open"]),
        ({"close": [100.5, float("nan"), 102.5]}, ["X", "row 2", "close must be finite", "nan"]),
        ({"open": [100.0, -1.0, 102.0]}, ["X", "row 2", "positive", "-1.0"]),
        ({"open": [100.0, 0.0, 102.0]}, ["X", "row 2", "positive", "0.0"]),
        ({"volume": [10, -20, 30]}, ["X", "row 2", "volume", "-20"]),
        ({"date": [DAYS[0], DAYS[0], DAYS[2]]}, ["X", "row 2", "2024-01-02"]),
        ({"date": [DAYS[0], DAYS[2], DAYS[1]]}, ["X", "row 3", "2024-01-03"]),
        ({"date": [DAYS[0], date(2024, 1, 6), DAYS[2]]}, ["X", "2024-01-06", "XNYS"]),
        ({"open": ["a", "b", "c"]}, ["row 1", "X", "open must be a number", "open a"]),
        ({"close": [1.0, 2.0]}, ["different lengths", "'close': 2", "'open': 3"]),
        ({"close": pl.Series([100.5, 101.5, 102.5], dtype=pl.Float32)}, ["close", "float32", "float64"]),
    ],
    ids=[
        "missing column", "high below low", "low above open", "NaN", "negative price", "zero price",
        "negative volume", "duplicate day", "unordered days", "no session", "text for prices",
        "lengths differ", "32-bit floats",
    ],
)  # fmt: skip
def test_bad_bars_are_refused(columns: dict[str, Any], parts: list[str]) -> None:
    refused(lambda: backtest(frame(**columns)), DataError, *parts)


def test_naive_and_mixed_times_are_refused() -> None:
    naive = ["2024-01-02 09:30:00", "2024-01-02 10:30:00", "2024-01-02 11:30:00"]
    refused(
        lambda: backtest(frame(date=naive), interval="1h"),
        DataError,
        "row 1",
        "has no zone",
        "declare timezone",
    )
    mixed = ["2024-01-02T14:30:00Z", "2024-01-02 10:30:00", "2024-01-02T16:30:00Z"]
    refused(
        lambda: backtest(frame(date=mixed), interval="1h"), DataError, "row 2", "some have none", mixed[1]
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(lambda: backtest(tmp_path / "none.csv"), DataError, "none.csv", "no such file")
    refused(lambda: backtest(tmp_path / "*.parquet"), DataError, "*.parquet")


def test_an_empty_file_and_an_empty_frame_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("date,open,high,low,close\n")
    refused(lambda: backtest(tmp_path / "empty.csv"), DataError, "empty.csv")
    refused(lambda: backtest({name: [] for name in frame()}), DataError)


def test_unknown_symbols_and_empty_ranges_name_what_there_is() -> None:
    refused(
        lambda: qt.backtest(qt.sample_data(), "BuyAndHoldStrategy", symbols=["GOOG"]),
        DataError,
        "GOOG",
        "AAPL, IBM, MSFT",
    )
    refused(
        lambda: qt.backtest(
            qt.sample_data(), "BuyAndHoldStrategy", start=date(2020, 1, 1), end=date(2020, 12, 31)
        ),
        DataError,
        "2020-01-01",
        "2013-03-01",
    )
    refused(
        lambda: qt.backtest(
            qt.sample_data(), "BuyAndHoldStrategy", start=date(2010, 1, 2), end=date(2009, 1, 1)
        ),
        ConfigError,
        "2010-01-02",
        "2009-01-01",
    )
    refused(lambda: backtest(frame(), warmup_bars=5), DataError, "warmup_bars is 5", "3 bars")
    refused(lambda: backtest(frame(), warmup_bars=3), DataError, "nothing is left to trade")
    spec = qt.StrategySpec("BuyAndHoldStrategy", symbols=("Y",))
    refused(lambda: backtest(frame(), spec), DataError, "'buy_and_hold' asks for Y", "the data has X")


def test_data_of_another_kind_is_refused() -> None:
    refused(lambda: backtest(42), DataError, "cannot read a builtins.int", "allowed are Polars")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"slipage_bps": 1}, ["slipage_bps", "slippage_bps"]),
        ({"market_fill": "next_day"}, ["market_fill", "next_day", "next_open", "same_close"]),
        ({"slippage_bps": -1}, ["slippage_bps", "-1"]),
        ({"initial_equity": "much"}, ["initial_cash", "much"]),
        ({"dividends": "reinvested"}, ["dividends", "reinvested", "cash", "reinvest"]),
        ({"prices": "adjusted"}, ["prices", "adjusted", "raw", "split_adjusted"]),
        ({"calendar": "XNYC"}, ["calendar", "XNYC", "XNYS"]),
        ({"benchmark": "SPY"}, ["benchmark", "SPY", "X"]),
        ({"execution": {"commission": {"type": "percent"}}}, ["commission", "percent"]),
    ],
)
def test_unknown_settings_and_bad_values_say_what_is_allowed(
    options: dict[str, Any], parts: list[str]
) -> None:
    refused(lambda: backtest(frame(), **options), ConfigError, *parts)


@pytest.mark.parametrize(
    ("strategy", "parts"),
    [
        (
            "SMACrossStrategy",
            ["SMACrossStrategy", "BuyAndHoldStrategy", "SMADualCrossStrategy", "module:Class"],
        ),
        ("no_such_module:Thing", ["no_such_module"]),
        ("qtrader.libraries.strategies.buy_and_hold:Thing", ["Thing", "BuyAndHoldStrategy"]),
        (object(), ["object", "on_bar", "on_slice"]),
        ([], ["no strategy is given"]),
    ],
)
def test_a_strategy_that_cannot_be_found_or_is_none(strategy: Any, parts: list[str]) -> None:
    refused(lambda: backtest(frame(), strategy), ConfigError, *parts)


def test_an_unknown_parameter_lists_the_known_ones() -> None:
    refused(
        lambda: backtest(frame(), "SMADualCrossStrategy", parameters={"fst": 3}),
        ConfigError,
        "fst",
        "fast",
        "slow",
    )


class Raising:
    """Fail on the second bar."""

    def __init__(self) -> None:
        self.bars = 0

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        self.bars += 1
        if self.bars == 2:
            1 / 0  # noqa: B018 - the fault is what matters


class RaisingSlices:
    """Fail on the first slice."""

    def on_slice(self, bars: Any, context: qt.Context) -> None:
        1 / 0  # noqa: B018 - the fault is what matters


@pytest.mark.parametrize("listens", [False, True], ids=["tight loop", "full phases"])
def test_a_strategy_that_raises_stops_the_run_and_is_named_with_bar_and_cause(listens: bool) -> None:
    from qtrader.engine.config import default_run_config
    from qtrader.engine.inputs import load_frame_inputs
    from qtrader.services.strategy.protocol import specs_of

    config = default_run_config()
    inputs = load_frame_inputs(frame(), config.run, {"symbol": "X", "interval": "1d", "calendar": "XNYS"})
    engine = qt.BacktestEngine(config, inputs, specs_of(Raising()))
    if listens:
        engine.bus.subscribe("bar", lambda _bar: None)
    with pytest.raises(
        HandlerError, match=r"Raising\.on_bar failed on the bar event for X of 2024-01-03T21:00"
    ) as caught:
        engine.run()
    assert "ZeroDivisionError: division by zero" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(QTraderError, match="the run has not ended"):
        engine.get_results()
    for go_on in (engine.run, engine.process_bar):
        with pytest.raises(QTraderError, match="an error broke this run off"):
            go_on()


def test_a_slice_handler_that_raises_is_named_too() -> None:
    refused(
        lambda: backtest(frame(), RaisingSlices()),
        HandlerError,
        "RaisingSlices.on_slice",
        "ZeroDivisionError",
    )


@pytest.mark.parametrize(
    ("wish", "parts"),
    [
        ({"symbol": "Y", **BUY}, ["unknown symbol 'Y'", "this run has X"]),
        ({"intention": "buy"}, ["intention", "'buy'", "open_long"]),
        ({**BUY, "quantity": -1}, ["quantity", "-1"]),
        ({**BUY, "price": float("nan")}, ["price", "nan"]),
        ({**BUY, "order_type": "limit"}, ["limit_price"]),
        ({**BUY, "limit_price": 10}, ["limit_price", "market"]),
        ({**BUY, "fraction": 0.5}, ["fraction"]),
        ({"intention": "close_long", "fraction": 1.5}, ["fraction", "1.5"]),
        ({"intention": "close_long", "stop_loss": 5}, ["stop_loss"]),
        ({**BUY, "confidence": 2}, ["confidence", "2"]),
        ({**BUY, "time_in_force": "week"}, ["time_in_force", "week", "day", "gtc"]),
    ],
)
def test_a_signal_that_cannot_be_meant_names_the_argument(wish: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(HandlerError) as caught:
        play([flat(100)] * 2, {0: [wish]})
    assert isinstance(caught.value.__cause__, StrategyError)
    message = str(caught.value)
    assert [part for part in ["Script.on_bar", *parts] if part not in message] == []


def test_a_configuration_that_does_not_exist_is_named() -> None:
    refused(qt.BacktestEngine.from_config, ConfigError, "config/system.yaml")
    refused(lambda: backtest(frame(), config="nowhere.yaml"), ConfigError, "nowhere.yaml")


def test_a_script_with_no_fault_runs() -> None:
    """The frame that the cases above spoil is a good one."""
    results = backtest(frame(), Script({0: [BUY]}))
    assert results.fills["price"].to_list() == [101.0]
