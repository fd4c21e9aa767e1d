"""Rows that break a rule stop the load, or are dropped and counted; the source's roundings are widened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from qtrader.errors import DataError
from qtrader.services.data.memory import load_frame

HEADER = "date,open,high,low,close,volume"
GOOD = ["2020-01-02,10,11,9,10.5,100", "2020-01-03,10,11,9,10.5,200", "2020-01-06,10,11,9,10.5,300"]


def write(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


BAD = [
    ("2020-01-03,,11,9,10.5,200", "open must not be missing", "open None"),
    ("2020-01-03,null,11,9,10.5,200", "open must not be missing", "open None"),
    ("2020-01-03,ten,11,9,10.5,200", "open must be a number", "open ten"),
    ('2020-01-03,"1,000.5",11,9,10.5,200', "open must be a number", "open 1,000.5"),
    ("2020-01-03,10,inf,9,10.5,200", "high must be finite", "high inf"),
    ("2020-01-03,10,11,-9,10.5,200", "low must be positive", "low -9"),
    ("2020-01-03,10,11,9,0,200", "close must be positive", "close 0"),
    ("2020-01-03,10,9,11,10.5,200", "low must be ≤ high", "high 9, low 11"),
    ("2020-01-03,10,11,10.2,10.5,200", "low must be ≤ open", "low 10.2"),
    ("2020-01-03,10,11,9,8.5,200", "low must be ≤ close", "close 8.5"),
    ("2020-01-03,12,11,9,10.5,200", "open must be ≤ high", "open 12"),
    ("2020-01-03,10,11,9,11.5,200", "close must be ≤ high", "close 11.5"),
    ("2020-01-03,10,11,9,10.5,-1", "volume must be ≥ 0", "volume -1"),
    ("2020-01-03,10,11,9,10.5,many", "volume must be a number", "volume many"),
]


@pytest.mark.parametrize(("line", "rule", "cell"), BAD)
def test_a_bad_bar_is_refused_with_file_symbol_row_line_rule_and_cells(
    tmp_path: Path, line: str, rule: str, cell: str
) -> None:
    file = write(tmp_path / "AAPL.csv", GOOD[0], line, GOOD[2])
    with pytest.raises(DataError) as refusal:
        load_frame(file)
    message = str(refusal.value)
    assert message.startswith(f"{file}: row 2 (line 3): AAPL: {rule}; found date 2020-01-03, ")
    assert cell in message


@pytest.mark.parametrize(("line", "rule", "cell"), BAD)
def test_a_bad_bar_is_dropped_and_counted_where_that_is_declared(
    tmp_path: Path, line: str, rule: str, cell: str
) -> None:
    loaded = load_frame(write(tmp_path / "AAPL.csv", GOOD[0], line, GOOD[2]), on_bad_bar="drop")
    assert loaded.tape.volume.tolist() == [100.0, 300.0]
    (series,) = loaded.report.series
    assert (series.rows_read, series.rows_kept, dict(series.dropped)) == (3, 2, {rule: 1})
    assert loaded.report.dropped == {rule: 1}


def test_a_row_that_breaks_several_rules_is_counted_once(tmp_path: Path) -> None:
    lines = ["2020-01-03,-1,-2,-3,x,-4", "2020-01-06,-1,11,9,10,1"]
    loaded = load_frame(write(tmp_path / "A.csv", GOOD[0], *lines), on_bad_bar="drop")
    assert loaded.report.dropped == {"close must be a number": 1, "open must be positive": 1}


def test_a_file_of_bad_bars_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"A: every row breaks a rule: \{'open must be positive': 1\}"):
        load_frame(write(tmp_path / "A.csv", "2020-01-03,-1,11,9,10,1"), on_bad_bar="drop")


@pytest.mark.parametrize(
    ("prices", "widened"),
    [
        ((10.0, 9.9999999, 9.0, 9.5), (10.0, 10.0, 9.0, 9.5)),
        ((9.5, 9.99999, 9.0, 10.0), (9.5, 10.0, 9.0, 10.0)),
        ((9.0, 11.0, 9.0000001, 9.5), (9.0, 11.0, 9.0, 9.5)),
        ((10.0, 9.999995, 10.000005, 10.0), (10.0, 10.0, 10.0, 10.0)),
    ],
)
def test_a_contradiction_of_at_most_a_millionth_is_widened_and_counted(prices: Any, widened: Any) -> None:
    data = {
        "date": ["2020-01-02"],
        **{name: [value] for name, value in zip(("open", "high", "low", "close"), prices, strict=True)},
    }
    loaded = load_frame(data, symbol="A")
    bar = loaded.tape.bar(0)
    assert (bar.open, bar.high, bar.low, bar.close) == widened
    assert loaded.report.widened == 1


def test_more_than_a_millionth_is_a_bad_bar() -> None:
    data = {"date": ["2020-01-02"], "open": [10.0], "high": [9.99998], "low": [9.0], "close": [9.5]}
    with pytest.raises(DataError, match="open must be ≤ high"):
        load_frame(data, symbol="A")


@pytest.mark.parametrize("volume", [None, [0.0, 0.0], [None, None], [float("nan"), 0.0]])
def test_absent_or_all_zero_volume_is_unknown(volume: Any) -> None:
    data = {
        "date": ["2020-01-02", "2020-01-03"],
        "open": [10.0, 10.0],
        "high": [11.0, 11.0],
        "low": [9.0, 9.0],
        "close": [10.0, 10.0],
    }
    loaded = load_frame(data if volume is None else data | {"volume": volume}, symbol="A")
    assert np.isnan(loaded.tape.volume).all()


def test_a_zero_among_volumes_stays_and_a_missing_one_is_unknown() -> None:
    data = {
        "date": ["2020-01-02", "2020-01-03", "2020-01-06"],
        **{name: [10.0] * 3 for name in ("open", "high", "low", "close")},
    }
    loaded = load_frame(data | {"volume": [5, None, 0]}, symbol="A")
    assert [repr(value) for value in loaded.tape.volume.tolist()] == ["5.0", "nan", "0.0"]


def test_float32_prices_are_refused() -> None:
    frame = pl.DataFrame(
        {"date": ["2020-01-02"], "open": [10.0], "high": [11.0], "low": [9.0], "close": [10.1]}
    )
    with pytest.raises(
        DataError, match=r"data: column 'close' \(close\) is float32, which cannot hold prices to the cent"
    ):
        load_frame(frame.with_columns(pl.col("close").cast(pl.Float32)), symbol="A")
    with pytest.raises(DataError, match=r"column 'open' \(open\) is Boolean; allowed are numbers"):
        load_frame(frame.with_columns(open=pl.lit(value=True)), symbol="A")


def test_the_rows_of_one_symbol_among_several_keep_their_numbers(tmp_path: Path) -> None:
    lines = ["B,2020-01-02,10,11,9,10", "A,2020-01-02,10,11,9,10", "", "B,2020-01-03,-1,11,9,10"]
    file = write(tmp_path / "all.csv", *lines, header="symbol,date,open,high,low,close")
    with pytest.raises(
        DataError, match=r"row 4 \(line 5\): B: open must be positive; found date 2020-01-03, symbol B"
    ):
        load_frame(file)
    assert len(load_frame(file, symbols="A").tape) == 1


def test_decimals_are_read_as_written(tmp_path: Path) -> None:
    loaded = load_frame(write(tmp_path / "A.csv", "2020-01-02,0.1,0.30000000000000004,0.07, 0.3 ,1e3"))
    bar = loaded.tape.bar(0)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        0.1,
        0.30000000000000004,
        0.07,
        0.3,
        1000.0,
    )
