"""The shipped sample data are what the source says, and explain its adjusted close completely."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from qtrader.errors import DataError
from qtrader.market.calendars import get_calendar
from qtrader.market.sessions import days_since_epoch
from qtrader.sample import SYMBOLS, SampleData, sample_data

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "make_sample_data.py"
    spec = importlib.util.spec_from_file_location("make_sample_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def adjusted() -> pl.DataFrame:
    """Return the source's adjusted close, read here without the script's help."""
    packed = resources.files("bokeh_sampledata").joinpath("_data", "stocks.csv.gz").read_bytes()
    rows = csv.DictReader(gzip.decompress(packed).decode().splitlines())
    columns = [(row["Ticker"], date.fromisoformat(row["Date"]), float(row["Adj Close"])) for row in rows]
    return pl.DataFrame(columns, schema=["symbol", "date", "adjusted_close"], orient="row")


def dividends(symbol: str) -> list[tuple[date, Decimal, str]]:
    frame = sample_data(symbol).corporate_actions.filter(pl.col("action") == "cash_dividend")
    return [
        (ex_date, Decimal(repr(amount)), kind)
        for ex_date, amount, kind in frame.select("ex_date", "amount", "kind").iter_rows()
    ]


def splits(symbol: str) -> list[tuple[date, float]]:
    frame = sample_data(symbol).corporate_actions.filter(pl.col("action") == "split")
    return frame.select("ex_date", "ratio").rows()


def test_what_ships_is_what_the_script_derives_again(script: ModuleType) -> None:
    bars, actions = script.derive()
    assert script.differences(bars, actions) == []
    assert sample_data().bars_csv_path.read_bytes() == bars.encode()
    assert sample_data().corporate_actions_csv_path.read_bytes() == actions.encode()


def test_a_changed_file_is_found(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars, actions = script.derive()
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    script.write_files(bars, actions)
    assert script.differences(bars, actions) == []
    assert script.differences(bars.replace("130.31", "130.32"), actions) == ["bars.csv", "bars.parquet"]
    assert script.differences(bars, actions.replace("3.00", "3.01")) == [
        "corporate_actions.csv",
        "corporate_actions.parquet",
    ]


def test_a_step_that_is_neither_split_nor_whole_cents_stops_the_script(script: ModuleType) -> None:
    rows = [
        script.SourceRow("X", "2001-01-02", "10.0", "10.0", "10.0", "10.0", "1", "10.0"),
        script.SourceRow("X", "2001-01-03", "10.0", "10.0", "10.0", "10.0", "1", "10.1234"),
    ]
    with pytest.raises(
        ValueError, match=r"X 2001-01-03: the step 1\.0123.* is neither a split nor a dividend"
    ):
        script.recover_actions(rows)


def test_reverse_splits_and_fractional_ratios_are_splits(script: ModuleType) -> None:
    def row(day: int, close: str, adjusted_close: str) -> object:
        return script.SourceRow("X", f"2001-01-0{day}", close, close, close, close, "1", adjusted_close)

    rows = [row(2, "10.0", "1.0"), row(3, "10.0", "1.5"), row(4, "100.0", "1.5")]
    assert [(action.ex_date, action.ratio) for action in script.recover_actions(rows)] == [
        ("2001-01-03", "1.5"),
        ("2001-01-04", "0.1"),
    ]


def test_known_splits() -> None:
    assert splits("AAPL") == [(date(2000, 6, 21), 2.0), (date(2005, 2, 28), 2.0)]
    assert splits("MSFT") == [(date(2003, 2, 18), 2.0)]
    assert splits("IBM") == []


def test_known_dividends() -> None:
    assert dividends("AAPL") == [
        (date(2012, 8, 9), Decimal("2.65"), "regular"),
        (date(2012, 11, 7), Decimal("2.65"), "regular"),
        (date(2013, 2, 7), Decimal("2.65"), "regular"),
    ]
    ibm = [amount for _, amount, _ in dividends("IBM")]
    assert len(ibm) == 52
    assert (ibm[0], ibm[-1]) == (Decimal("0.13"), Decimal("0.85"))
    assert ibm == sorted(ibm)


def test_microsoft_paid_a_special_and_a_regular_dividend_on_one_date() -> None:
    of_2004 = [dividend for dividend in dividends("MSFT") if dividend[0].year == 2004]
    assert of_2004 == [
        (date(2004, 8, 23), Decimal("0.08"), "regular"),
        (date(2004, 11, 15), Decimal("3.0"), "special"),
        (date(2004, 11, 15), Decimal("0.08"), "regular"),
    ]
    assert [kind for symbol in SYMBOLS for _, _, kind in dividends(symbol)].count("special") == 1


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_prices_and_actions_give_the_adjusted_closes_total_return(
    symbol: str, adjusted: pl.DataFrame
) -> None:
    """Reinvest by the plain rule: times a split's ratio, plus q D / close on an ex date, at its close."""
    data = sample_data(symbol)
    rows = data.bars.join(adjusted, on=["symbol", "date"], how="left", maintain_order="left")
    ratios = dict(splits(symbol))
    paid: dict[date, float] = {}
    for ex_date, amount, _ in dividends(symbol):
        paid[ex_date] = paid.get(ex_date, 0.0) + float(amount)
    first_close, first_adjusted = rows.select("close", "adjusted_close").row(0)
    shares, worst = 1.0, 0.0
    for day, close, adjusted_close in rows.select("date", "close", "adjusted_close").iter_rows():
        shares *= ratios.get(day, 1.0)
        shares += shares * paid.get(day, 0.0) / close
        worst = max(worst, abs(shares * close / first_close / (adjusted_close / first_adjusted) - 1))
    # Binding is 1e-8; the source has 13 to 14 digits and 100 float operations add little: 6e-14 was seen.
    assert worst < 1e-12


def test_another_date_or_order_of_the_dividends_would_miss(script: ModuleType) -> None:
    rows = [row for row in script.read_source() if row.symbol == "MSFT"]
    actions = script.recover_actions(rows)
    assert max(map(abs, script.total_return_errors(rows, actions))) < 1e-13
    special = next(action for action in actions if action.kind == "special")
    a_day_late = [replace(item, ex_date="2004-11-16") if item is special else item for item in actions]
    assert max(map(abs, script.total_return_errors(rows, a_day_late))) > 1e-4
    # One after the other, the second would be paid on shares that the first has just bought: (1 + a)(1 + b).
    close = next(float(row.close) for row in rows if row.date == special.ex_date)
    one_after_the_other = (1 + 3.00 / close) * (1 + 0.08 / close)
    assert one_after_the_other / (1 + 3.08 / close) - 1 > 1e-4


def test_bars_are_complete_valid_and_sorted() -> None:
    bars = sample_data().bars
    assert bars.equals(bars.sort("symbol", "date"))
    assert bars.schema == {
        "symbol": pl.String,
        "date": pl.Date,
        **dict.fromkeys(("open", "high", "low", "close"), pl.Float64),
        "volume": pl.Int64,
    }
    assert bars.null_count().row(0) == (0,) * 7
    assert bars.filter(
        (pl.col("low") > pl.min_horizontal("open", "close"))
        | (pl.col("high") < pl.max_horizontal("open", "close"))
        | (pl.col("low") <= 0)
        | (pl.col("volume") <= 0)
    ).is_empty()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_dates_are_every_session_of_the_calendar(symbol: str) -> None:
    data = sample_data(symbol)
    sessions = get_calendar(data.calendar).sessions_between(date(2000, 3, 1), date(2013, 3, 1))
    assert [days_since_epoch(day) for day in data.bars["date"]] == sessions.tolist()
    ex_dates = {days_since_epoch(day) for day in data.corporate_actions["ex_date"]}
    assert ex_dates <= set(sessions.tolist())


def test_a_row_is_as_the_source_writes_it() -> None:
    first = sample_data().bars_csv_path.read_text().splitlines()[:2]
    assert first == [
        "symbol,date,open,high,low,close,volume",
        "AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100",
    ]
    last = sample_data("AAPL").bars.row(-1)
    assert last == ("AAPL", date(2013, 3, 1), 438.0, 438.1799, 429.98, 430.47, 19_730_300)


def test_csv_and_parquet_hold_the_same() -> None:
    data = sample_data()
    assert pl.read_csv(data.bars_csv_path, try_parse_dates=True).equals(data.bars)
    actions = pl.read_csv(data.corporate_actions_csv_path, schema=data.corporate_actions.schema)
    assert actions.equals(data.corporate_actions)


def test_symbols_can_be_chosen_and_wrong_ones_are_named() -> None:
    data = sample_data("MSFT", "AAPL")
    assert data.symbols == ("AAPL", "MSFT")
    assert data.bars["symbol"].unique().sort().to_list() == ["AAPL", "MSFT"]
    assert data.corporate_actions["symbol"].unique().sort().to_list() == ["AAPL", "MSFT"]
    assert repr(data) == "SampleData(AAPL, MSFT; 1d bars, raw prices, XNYS)"
    assert sample_data() == SampleData() == sample_data("IBM", "MSFT", "AAPL")
    with pytest.raises(DataError, match="no symbol 'GOOG'; there are AAPL, IBM, MSFT"):
        sample_data("GOOG")
    with pytest.raises(DataError, match="symbol 'IBM' is named twice"):
        sample_data("IBM", "IBM")


def test_frames_are_read_once_and_not_shared() -> None:
    data = sample_data()
    assert data.bars is data.bars
    assert data.corporate_actions is data.corporate_actions
    assert sample_data().bars is not data.bars


def test_nothing_heavy_is_loaded_before_a_frame_is_asked_for() -> None:
    script = (
        "import sys; from qtrader.sample import sample_data; sample_data(); print('polars' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "False\n"


def test_the_provenance_note_ships_and_its_numbers_hold(script: ModuleType) -> None:
    note = (sample_data().bars_path.parent / "PROVENANCE.md").read_text(encoding="utf-8")
    data = sample_data()
    actions = data.corporate_actions["action"].to_list()
    assert f"{len(data.bars):,} daily bars" in note
    assert f"{len(actions)} corporate actions: {actions.count('split')} splits and 93 cash dividends" in note
    assert actions.count("cash_dividend") == 93
    assert script.SOURCE_SHA256 in note
