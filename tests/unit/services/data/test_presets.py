"""Each preset reads its vendor's own shape and knows what the vendor's numbers mean."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qtrader.errors import ConfigError, DataError
from qtrader.services.data.memory import load_frame


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def write(path: Path, text: Any) -> Path:
    path.write_text(text.lstrip("\n"))
    return path


def first_bar(loaded: Any) -> tuple[Any, ...]:
    bar = loaded.tape.bar(0)
    return (
        bar.symbol,
        bar.interval,
        bar.opened_at,
        bar.closed_at,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
    )


SPLIT = {"symbol": ["AAPL"], "ex_date": ["2014-06-09"], "action": ["split"], "ratio": ["7"]}
NEW_YORK_2014_06_06 = (utc(2014, 6, 6, 13, 30), utc(2014, 6, 6, 20))


def test_yahoo(tmp_path: Path) -> None:
    file = write(
        tmp_path / "AAPL.csv",
        """
Date,Open,High,Low,Close,Adj Close,Volume
2014-06-06,23.210714,23.259642,23.016787,23.056072,20.305893,349938400
2014-06-07,null,null,null,null,null,null
2014-06-09,23.175000,23.469999,22.937500,23.424999,20.630819,301660000
""",
    )
    loaded = load_frame(file, preset="yahoo", calendar="XNYS", on_bad_bar="drop", corporate_actions=SPLIT)
    assert first_bar(loaded) == (
        "AAPL",
        "1d",
        *NEW_YORK_2014_06_06,
        23.210714,
        23.259642,
        23.016787,
        23.056072,
        349938400.0,
    )
    assert loaded.report.dropped == {"open must not be missing": 1}
    # Yahoo's prices are per share of after the split, so that applying it would count it twice.
    assert loaded.actions == ()
    assert loaded.report.actions_in_prices == (
        "AAPL:2014-06-09:split: not applied, the prices are split_adjusted",
    )
    assert loaded.tape.signal_factor.tolist() == [1.0, 1.0]


def yfinance_frame(order: Any, *, with_adjusted_close: Any) -> pd.DataFrame:
    prices = (
        ["Adj Close", "Close", "High", "Low", "Open", "Volume"]
        if with_adjusted_close
        else ["Close", "High", "Low", "Open", "Volume"]
    )
    values = {"Adj Close": 20.3, "Close": 23.1, "High": 23.3, "Low": 23.0, "Open": 23.2, "Volume": 100}
    index = pd.DatetimeIndex(["2014-06-06", "2014-06-09"], name="Date")
    data = {}
    for ticker, scale in (("AAPL", 1), ("MSFT", 2)):
        for price in prices:
            column = np.array([values[price], values[price]]) * scale
            data[(price, ticker) if order == ("Price", "Ticker") else (ticker, price)] = column
    frame = pd.DataFrame(data, index=index)
    frame.columns = frame.columns.set_names(list(order))
    return frame.sort_index(axis=1)


@pytest.mark.parametrize("order", [("Price", "Ticker"), ("Ticker", "Price")])
@pytest.mark.parametrize("preset", ["yfinance", None])
def test_yfinance_with_columns_of_two_levels(order: Any, preset: Any) -> None:
    loaded = load_frame(yfinance_frame(order, with_adjusted_close=True), preset=preset, calendar="XNYS")
    assert loaded.tape.symbols == ("AAPL", "MSFT")
    assert first_bar(loaded) == ("AAPL", "1d", *NEW_YORK_2014_06_06, 23.2, 23.3, 23.0, 23.1, 100.0)
    assert loaded.tape.bar(1).close == 46.2


def test_yfinance_leaves_out_dates_on_which_a_symbol_has_nothing() -> None:
    frame = yfinance_frame(("Price", "Ticker"), with_adjusted_close=True)
    frame.loc[frame.index[0], [(price, "MSFT") for price in frame.columns.get_level_values(0).unique()]] = (
        np.nan
    )
    loaded = load_frame(frame, preset="yfinance")
    assert [len(loaded.tape.rows_of(symbol)) for symbol in ("AAPL", "MSFT")] == [2, 1]
    assert "data: 1 times without any value of MSFT are left out" in loaded.report.notes


def test_yfinance_with_adjusted_prices_must_say_so() -> None:
    frame = yfinance_frame(("Price", "Ticker"), with_adjusted_close=False)
    with pytest.raises(ConfigError) as refusal:
        load_frame(frame, preset="yfinance")
    assert "prices must be declared: raw | split_adjusted | fully_adjusted" in str(refusal.value)
    assert "auto_adjust=True (its default)" in str(refusal.value)
    assert len(load_frame(frame, preset="yfinance", prices="fully_adjusted").tape) == 4


def test_yfinance_history_of_one_ticker_with_its_actions() -> None:
    index = pd.DatetimeIndex(["2014-06-05", "2014-06-06", "2014-06-09"], name="Date").tz_localize(
        "America/New_York"
    )
    frame = pd.DataFrame(
        {
            "Open": 23.2,
            "High": 23.3,
            "Low": 23.0,
            "Close": 23.1,
            "Volume": 100,
            "Dividends": [0.0, 0.47, 0.0],
            "Stock Splits": [0.0, 0.0, 7.0],
        },
        index=index,
    )
    loaded = load_frame(frame, preset="yfinance", symbol="AAPL", prices="split_adjusted", calendar="XNYS")
    assert [(action.action_type.value, str(action.amount)) for _at, action in loaded.actions] == [
        ("cash_dividend", "0.47")
    ]
    adjusted = load_frame(frame, preset="yfinance", symbol="AAPL", prices="fully_adjusted", calendar="XNYS")
    assert adjusted.actions == ()
    assert len(adjusted.report.actions_in_prices) == 2


def test_yfinance_intraday_has_zoned_times_of_opens() -> None:
    index = pd.DatetimeIndex(["2024-03-08 09:30", "2024-03-08 09:35"], name="Datetime").tz_localize(
        "America/New_York"
    )
    frame = pd.DataFrame({"Open": 10.0, "High": 11.0, "Low": 9.0, "Close": 10.5, "Volume": 100}, index=index)
    loaded = load_frame(frame, preset="yfinance", symbol="A", prices="split_adjusted")
    assert first_bar(loaded)[:4] == ("A", "5m", utc(2024, 3, 8, 14, 30), utc(2024, 3, 8, 14, 35))


@pytest.mark.parametrize("tickers", [1, 2])
def test_yfinance_frames_written_to_csv(tmp_path: Path, tickers: int) -> None:
    frame = yfinance_frame(("Price", "Ticker"), with_adjusted_close=True)
    if tickers == 1:
        frame = frame.xs("AAPL", axis=1, level="Ticker", drop_level=False)
    else:
        frame.loc[frame.index[1], frame.columns.get_level_values("Ticker") == "MSFT"] = np.nan
    frame.to_csv(tmp_path / "download.csv")
    loaded = load_frame(tmp_path / "download.csv", preset="yfinance", calendar="XNYS")
    assert first_bar(loaded) == ("AAPL", "1d", *NEW_YORK_2014_06_06, 23.2, 23.3, 23.0, 23.1, 100.0)
    assert len(loaded.tape) == 2 + (tickers - 1)


def test_stooq_of_one_symbol(tmp_path: Path) -> None:
    file = write(
        tmp_path / "aapl_us_d.csv",
        """
Date,Open,High,Low,Close,Volume
2014-06-06,20.4413,20.4837,20.2699,20.3041,397408764
2014-06-09,20.4094,20.6694,20.2003,20.6302,342573768
""",
    )
    loaded = load_frame(file, preset="stooq", symbol="AAPL", calendar="XNYS", corporate_actions=SPLIT)
    assert first_bar(loaded) == (
        "AAPL",
        "1d",
        *NEW_YORK_2014_06_06,
        20.4413,
        20.4837,
        20.2699,
        20.3041,
        397408764.0,
    )
    assert loaded.report.actions_in_prices == (
        "AAPL:2014-06-09:split: not applied, the prices are fully_adjusted",
    )


def test_stooq_bulk_files(tmp_path: Path) -> None:
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    daily = write(
        tmp_path / "aapl.us.txt",
        header + "AAPL.US,D,20140606,000000,20.4413,20.4837,20.2699,20.3041,397408764,0\n"
        "AAPL.US,D,20140609,000000,20.4094,20.6694,20.2003,20.6302,342573768,0\n",
    )
    loaded = load_frame(daily, preset="stooq", calendar="XNYS")
    assert first_bar(loaded) == (
        "AAPL.US",
        "1d",
        *NEW_YORK_2014_06_06,
        20.4413,
        20.4837,
        20.2699,
        20.3041,
        397408764.0,
    )
    five_minutes = write(
        tmp_path / "five.txt",
        header
        + "AAPL.US,5,20240308,153000,10,11,9,10.5,100,0\nAAPL.US,5,20240308,153500,10,11,9,10.5,100,0\n",
    )
    loaded = load_frame(five_minutes, preset="stooq", timezone="Europe/Warsaw")
    assert first_bar(loaded)[:4] == ("AAPL.US", "5m", utc(2024, 3, 8, 14, 30), utc(2024, 3, 8, 14, 35))
    with pytest.raises(DataError, match="the time has no zone; declare timezone"):
        load_frame(five_minutes, preset="stooq")


def test_alpha_vantage_daily_adjusted_brings_its_actions(tmp_path: Path) -> None:
    file = write(
        tmp_path / "AAPL.csv",
        """
timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient
2014-06-09,92.7,93.88,91.75,93.7,20.63,75414997,0.0000,7.0
2014-06-06,649.9,651.26,644.47,645.57,20.30,12497800,0.0000,1.0
2014-05-08,588.25,594.41,586.4,587.99,18.49,8217355,3.2900,1.0
2014-05-07,595.25,597.29,587.73,592.33,18.52,10096120,0.0000,1.0
""",
    )
    loaded = load_frame(file, preset="alpha_vantage", calendar="XNYS")
    assert loaded.report.series[0].is_reversed
    assert loaded.tape.close.tolist() == [592.33, 587.99, 645.57, 93.7]
    assert [(action.action_id, str(action.ratio or action.amount)) for _at, action in loaded.actions] == [
        ("AAPL:2014-05-08:cash_dividend", "3.2900"),
        ("AAPL:2014-06-09:split", "7.0"),
    ]
    assert loaded.tape.signal_factor.tolist() == [1.0, 1.0, 1.0, 7.0]
    with pytest.raises(DataError, match=r"come from .* and from corporate_actions too; give one"):
        load_frame(file, preset="alpha_vantage", calendar="XNYS", corporate_actions=SPLIT)


def test_alpha_vantage_intraday_is_in_new_york_and_needs_its_label(tmp_path: Path) -> None:
    file = write(
        tmp_path / "IBM.csv",
        """
timestamp,open,high,low,close,volume
2024-03-08 09:40:00,10,11,9,10.5,100
2024-03-08 09:35:00,10,11,9,10.5,100
""",
    )
    loaded = load_frame(file, preset="alpha_vantage", bar_label="open")
    assert first_bar(loaded)[:4] == ("IBM", "5m", utc(2024, 3, 8, 14, 35), utc(2024, 3, 8, 14, 40))
    with pytest.raises(ConfigError, match="bar_label must say"):
        load_frame(file, preset="alpha_vantage")


def test_polygon_aggregates_must_say_whether_they_are_adjusted() -> None:
    results = {
        "t": [1402027200000, 1402286400000],
        "o": [23.2, 23.1],
        "h": [23.3, 23.4],
        "l": [23.0, 22.9],
        "c": [23.1, 23.4],
        "v": [349938400, 301660000],
        "vw": [1.0, 1.0],
        "n": [1, 1],
    }
    loaded = load_frame(results, preset="polygon", symbol="AAPL", prices="split_adjusted", calendar="XNYS")
    assert first_bar(loaded) == ("AAPL", "1d", *NEW_YORK_2014_06_06, 23.2, 23.3, 23.0, 23.1, 349938400.0)
    with pytest.raises(ConfigError, match="unless asked for with adjusted=false"):
        load_frame(results, preset="polygon", symbol="AAPL", calendar="XNYS")


def test_polygon_flat_files(tmp_path: Path) -> None:
    file = write(
        tmp_path / "2024-03-08.csv",
        """
ticker,volume,open,close,high,low,window_start,transactions
A,4930,200.29,200.5,200.63,200.29,1709908200000000000,129
A,1815,200.39,200.34,200.61,200.34,1709908260000000000,57
""",
    )
    loaded = load_frame(file, preset="polygon")
    assert first_bar(loaded) == (
        "A",
        "1m",
        utc(2024, 3, 8, 14, 30),
        utc(2024, 3, 8, 14, 31),
        200.29,
        200.63,
        200.29,
        200.5,
        4930.0,
    )


@pytest.mark.parametrize(("unit", "header"), [(1_000, False), (1_000_000, False), (1_000, True)])
def test_binance_klines_in_milliseconds_or_microseconds(tmp_path: Path, unit: int, header: bool) -> None:
    begin = 1735689600
    names = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore\n"
    )
    prices, rest = "93576.00,93610.93,93537.50,93610.93,8.21827", "768978.0,2631,3.95157,369757.32,0"
    lines = [f"{at * unit},{prices},{(at + 60) * unit - 1},{rest}" for at in (begin, begin + 60)]
    file = write(tmp_path / "BTCUSDT-1m-2025-01.csv", (names if header else "") + "\n".join(lines) + "\n")
    loaded = load_frame(file, preset="binance", currency="USDT", quantity_step="0.00001")
    assert first_bar(loaded) == (
        "BTCUSDT",
        "1m",
        utc(2025, 1, 1),
        utc(2025, 1, 1, 0, 1),
        93576.0,
        93610.93,
        93537.5,
        93610.93,
        8.21827,
    )
    assert loaded.instruments["BTCUSDT"].currency == "USDT"
    assert loaded.calendars["BTCUSDT"].name == "24/7"


def test_binance_files_of_another_width_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "BTCUSDT-1m-2025-01.csv", "1735689600000,1,1,1,1,1\n")
    with pytest.raises(DataError, match="has 6 columns; the preset binance has 12: open_time, open"):
        load_frame(file, preset="binance")


def test_interactive_brokers() -> None:
    bars = {
        "date": ["20130104  09:30:00", "20130104  09:31:00"],
        "open": [10.0] * 2,
        "high": [11.0] * 2,
        "low": [9.0] * 2,
        "close": [10.5] * 2,
        "volume": [-1, -1],
        "average": [10.0] * 2,
        "barCount": [1, 1],
    }
    loaded = load_frame(bars, preset="interactive_brokers", symbol="IBM", timezone="America/New_York")
    assert first_bar(loaded)[:4] == ("IBM", "1m", utc(2013, 1, 4, 14, 30), utc(2013, 1, 4, 14, 31))
    assert np.isnan(loaded.tape.volume).all()
    with pytest.raises(DataError, match="the time has no zone; declare timezone"):
        load_frame(bars, preset="interactive_brokers", symbol="IBM")
    zoned = bars | {"date": [f"{time} US/Eastern" for time in bars["date"]]}
    assert (
        load_frame(zoned, preset="interactive_brokers", symbol="IBM").tape.fingerprint
        == loaded.tape.fingerprint
    )
    daily = bars | {"date": ["20130103", "20130104"]}
    loaded = load_frame(daily, preset="interactive_brokers", symbol="IBM", calendar="XNYS")
    assert loaded.tape.bar(0).opened_at.date() == date(2013, 1, 3)
