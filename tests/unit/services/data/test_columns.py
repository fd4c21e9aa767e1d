"""Columns and symbols are found as declared, then by their usual names; what is ambiguous is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qtrader.errors import ConfigError, DataError
from qtrader.services.data.memory import load_frame

ROW = {"open": [10.0], "high": [11.0], "low": [9.0], "close": [10.5], "volume": [100.0]}


@pytest.mark.parametrize(
    "names",
    [
        ("date", "open", "high", "low", "close", "volume"),
        ("Date", "Open", "High", "Low", "Close", "Volume"),
        ("DATETIME", "O", "H", "L", "C", "V"),
        ("timestamp", "open_price", "high price", "Low Price", "close_price", "vol"),
        ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
        ("index", "open", "high", "low", "close", "volume"),
    ],
)
def test_usual_names_are_found_and_noted(names: Any) -> None:
    values = [["2020-01-02"], *ROW.values()]
    loaded = load_frame(dict(zip(names, values, strict=True)), symbol="A")
    bar = loaded.tape.bar(0)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (10.0, 11.0, 9.0, 10.5, 100.0)
    assert loaded.report.notes[-1].startswith(
        f"data: columns detected: time = {names[0]!r}, open = {names[1]!r}"
    )


def test_columns_that_are_not_used_are_noted() -> None:
    loaded = load_frame({"date": ["2020-01-02"], **ROW, "Adj Close": [9.9], "x": [1]}, symbol="A")
    assert "data: columns not used: 'Adj Close', 'x'" in loaded.report.notes
    (ignored,) = [note for note in loaded.report.notes if "ignored" in note]
    assert ignored.startswith("data: column 'Adj Close' is ignored: close is 'close' as it stands")


def test_declared_names_go_first() -> None:
    data = {"date": ["2020-01-02"], **ROW, "settle": [10.25]}
    loaded = load_frame(data, symbol="A", columns={"close": "settle"})
    assert loaded.tape.bar(0).close == 10.25


@pytest.mark.parametrize(
    ("data", "declared", "message"),
    [
        (
            {"date": ["2020-01-02"], "Open": [10.0], **ROW},
            {},
            "open could be 'Open' or 'open'; declare which one, for example columns: {open: Open}",
        ),
        (
            {"date": ["2020-01-02"], "time": ["10:00"], **ROW},
            {},
            (
                "time could be 'date' or 'time'; declare which one, for example columns: {time: date}, or "
                "columns: {time: date, time_of_day: time}"
            ),
        ),
        (
            {"date": ["2020-01-02"], "open": [1.0], "high": [1.0], "low": [1.0]},
            {},
            "no column for close; found 'date', 'open', 'high', 'low'; declare it",
        ),
        (
            {"date": ["2020-01-02"], "open": [1.0], "high": [1.0], "low": [1.0], "Px": [1.0]},
            {},
            "found 'date', 'open', 'high', 'low', 'Px'; declare it, for example columns: {close: Px}",
        ),
        (
            {"date": ["2020-01-02"], **ROW},
            {"columns": {"close": "Settle"}},
            "column 'Settle', declared for close, is not there; found 'date', 'open'",
        ),
        (
            {"date": ["2020-01-02"], **ROW},
            {"preset": "yahoo"},
            "the columns are not those of the preset yahoo: 'Date', 'Open'",
        ),
        ({"date": [], **{name: [] for name in ROW}}, {}, "holds no rows"),
    ],
)
def test_unclear_columns_are_refused(data: Any, declared: Any, message: str) -> None:
    with pytest.raises(DataError) as refusal:
        load_frame(data, symbol="A", **declared)
    assert str(refusal.value).startswith("data: ")
    assert message in str(refusal.value)


TWO = {"symbol": ["B", "A"], "date": ["2020-01-02"] * 2, **{name: values * 2 for name, values in ROW.items()}}


def test_symbols_come_from_their_column() -> None:
    assert load_frame(TWO).tape.symbols == ("A", "B")
    assert load_frame(TWO, symbols=["B"]).tape.symbols == ("B",)
    assert load_frame(
        {"data": TWO | {"symbol": ["A", "A"], "date": ["2020-01-02", "2020-01-03"]}}["data"]
    ).tape.symbols == ("A",)


def test_symbols_come_from_the_keys_of_a_dict() -> None:
    one = {"date": ["2020-01-02"], **ROW}
    assert load_frame({"B": one, "A": one}).tape.symbols == ("A", "B")
    with pytest.raises(DataError, match="the symbol 1 is int; allowed is text"):
        load_frame({1: one})


def test_symbols_come_from_file_names(tmp_path: Path) -> None:
    for name in ("daily_AAPL.csv", "daily_MSFT.csv"):
        (tmp_path / name).write_text("date,open,high,low,close\n2020-01-02,10,11,9,10\n")
    assert load_frame(tmp_path).tape.symbols == ("daily_AAPL", "daily_MSFT")
    assert load_frame(tmp_path, symbol_from="file_name", symbol_pattern=r"daily_(\w+)\.csv").tape.symbols == (
        "AAPL",
        "MSFT",
    )
    assert load_frame(
        tmp_path, symbol_from="file_name", symbol_pattern=r"daily_(\w+)\.csv", symbols="MSFT"
    ).tape.symbols == ("MSFT",)
    with pytest.raises(DataError, match="the file's name does not fit symbol_pattern"):
        load_frame(tmp_path, symbol_from="file_name", symbol_pattern=r"weekly_(\w+)\.csv")


@pytest.mark.parametrize(
    ("data", "declared", "message"),
    [
        ({"date": ["2020-01-02"], **ROW}, {}, "no column holds symbols and no name is given; declare symbol"),
        (TWO, {"symbol": "A"}, "symbol 'A' is declared, but column 'symbol' holds several: ['A', 'B']"),
        (TWO | {"symbol": ["A", None]}, {}, "row 2: the symbol (symbol) is missing"),
        (
            {"date": ["2020-01-02"], **ROW},
            {"symbol_from": "column"},
            "symbol_from is column, but no column holds symbols",
        ),
    ],
)
def test_unclear_symbols_are_refused(data: Any, declared: Any, message: str) -> None:
    with pytest.raises((ConfigError, DataError)) as refusal:
        load_frame(data, **declared)
    assert message in str(refusal.value)
