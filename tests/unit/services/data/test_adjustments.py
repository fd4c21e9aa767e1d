"""The signal factor, price bases and dividend bases, as tables."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import ConfigError, DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.market.corporate_actions import actions_from_rows, effective_at_us
from qtrader.sample import SampleData
from qtrader.services.data.adjustments import (
    EffectiveAction,
    SignalPrices,
    rebase_dividends,
    signal_factor,
    split_by_basis,
)
from qtrader.services.data.memory import load_frame
from qtrader.services.data.source import DividendBasis, PriceBasis

DAY = 86_400_000_000
COLUMNS = ("symbol", "ex_date", "action", "ratio", "amount")


def actions(*rows: Any) -> list[CorporateActionEvent]:
    return actions_from_rows(COLUMNS, [("A", *row) for row in rows], "rows")


def effective(*rows: Any) -> list[EffectiveAction]:
    return [(effective_at_us(action, None), action) for action in actions(*rows)]


OPENS = np.arange(5, dtype=np.int64) * DAY
CLOSES = np.array([100.0, 50.0, 25.0, 20.0, 40.0])


@pytest.mark.parametrize(
    ("rows", "mode", "factor"),
    [
        ([], "split", [1, 1, 1, 1, 1]),
        ([("1970-01-02", "split", "2", None)], "split", [1, 2, 2, 2, 2]),
        ([("1970-01-02", "split", "2", None)], "raw", [1, 1, 1, 1, 1]),
        (
            [("1970-01-02", "split", "2", None), ("1970-01-04", "split", "1.5", None)],
            "split",
            [1, 2, 2, 3, 3],
        ),
        ([("1970-01-03", "split", "0.1", None)], "split", [1, 1, 0.1, 0.1, 0.1]),
        ([("1970-01-03", "stock_dividend", "0.05", None)], "split", [1, 1, 1.05, 1.05, 1.05]),
        ([("1970-01-02", "cash_dividend", None, "5")], "split", [1, 1, 1, 1, 1]),
        ([("1970-01-02", "cash_dividend", None, "5")], "total_return", [1, 1.1, 1.1, 1.1, 1.1]),
        (
            [("1970-01-02", "split", "2", None), ("1970-01-02", "cash_dividend", None, "5")],
            "total_return",
            [1, 2.2, 2.2, 2.2, 2.2],
        ),
        (
            [("1970-01-02", "cash_dividend", None, "5"), ("1970-01-02", "cash_dividend", None, "2.5")],
            "total_return",
            [1, 1.15, 1.15, 1.15, 1.15],
        ),
        ([("1970-01-09", "split", "2", None)], "split", [1, 1, 1, 1, 1]),
    ],
)
def test_signal_factor(rows: Any, mode: Any, factor: Any) -> None:
    assert signal_factor(OPENS, CLOSES, effective(*rows), SignalPrices(mode)).tolist() == [
        float(value) for value in factor
    ]


@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["2", "0.5", "3"])),
        max_size=4,
        unique_by=lambda entry: entry[0],
    ),
)
def test_the_factor_is_append_only(rows: Any, splits: Any) -> None:
    known = effective(*((f"1970-01-0{day + 1}", "split", ratio, None) for day, ratio in splits))
    whole = signal_factor(OPENS, CLOSES, known)
    assert signal_factor(OPENS[:rows], CLOSES[:rows], known).tolist() == whole[:rows].tolist()


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_the_total_return_series_of_real_prices_is_the_source_s_adjusted_close(symbol: str) -> None:
    tape = load_frame(SampleData(), symbols=symbol, signal_prices="total_return").tape
    series = tape.close * tape.signal_factor
    with (resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz").open("rb") as packed:
        source = pl.read_csv(gzip.decompress(packed.read()), infer_schema_length=None)
    name = source.columns[0]
    adjusted = source.filter(pl.col(name) == symbol).sort("Date")["Adj Close"].to_numpy()
    assert len(adjusted) == len(series)
    np.testing.assert_allclose(series / series[0], adjusted / adjusted[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("basis", "applied"),
    [
        ("raw", ["split", "stock_dividend", "spin_off", "cash_dividend"]),
        ("split_adjusted", ["spin_off", "cash_dividend"]),
        ("fully_adjusted", ["spin_off"]),
    ],
)
def test_actions_in_the_price_basis_are_not_applied_but_reported(basis: str, applied: Any) -> None:
    columns = (*COLUMNS, "new_symbol")
    kinds = ["split", "stock_dividend", "spin_off", "cash_dividend"]
    known = actions_from_rows(columns, [("A", "2020-01-02", kind, "2", "1", "B") for kind in kinds], "rows")
    still, left_out = split_by_basis(known, PriceBasis(basis))
    assert [action.action_type.value for action in still] == applied
    assert left_out == [
        f"A:2020-01-02:{kind}: not applied, the prices are {basis}" for kind in kinds if kind not in applied
    ]


HISTORY = (
    ("2020-01-02", "cash_dividend", None, "8"),
    ("2020-02-03", "split", "2", None),
    ("2020-02-03", "cash_dividend", None, "6"),
    ("2020-03-02", "split", "4", None),
    ("2020-04-01", "cash_dividend", None, "3"),
)


@pytest.mark.parametrize(
    ("prices", "dividends", "amounts"),
    [
        ("raw", "as_paid", ["8", "6", "3"]),
        ("split_adjusted", "as_paid", ["1", "1.5", "3"]),
        ("split_adjusted", "split_adjusted", ["8", "6", "3"]),
        ("raw", "split_adjusted", ["64", "24", "3"]),
    ],
)
def test_dividends_are_stated_per_share_of_the_price_basis(prices: Any, dividends: Any, amounts: Any) -> None:
    restated = rebase_dividends(actions(*HISTORY), PriceBasis(prices), DividendBasis(dividends))
    assert [action.amount for action in restated if action.amount is not None] == [
        Decimal(amount) for amount in amounts
    ]
    assert [action.ratio for action in restated] == [action.ratio for action in actions(*HISTORY)]


def test_restating_is_noted_and_rounds_to_a_trillionth() -> None:
    days = ["2020-01-02", "2020-01-03", "2020-01-06"]
    data = {"date": days, **{name: [10.0] * 3 for name in ("open", "high", "low", "close")}}
    known = {
        "symbol": ["A", "A"],
        "ex_date": ["2020-01-03", "2020-01-06"],
        "action": ["dividend", "split"],
        "ratio": [None, "3"],
        "amount": ["1", None],
    }
    loaded = load_frame(data, symbol="A", prices="split_adjusted", corporate_actions=known)
    assert [action.amount for _at, action in loaded.actions] == [Decimal("0.333333333333")]
    assert "data: A: dividends are as_paid and were restated per share of today" in loaded.report.notes


def test_actions_need_a_declared_price_basis() -> None:
    data = {"date": ["2020-01-02"], **{name: [10.0] for name in ("open", "high", "low", "close")}}
    known = {"symbol": ["A"], "ex_date": ["2020-01-03"], "action": ["split"], "ratio": ["3"]}
    with pytest.raises(
        ConfigError, match=r"data: A: prices must be declared: raw \| split_adjusted \| fully_adjusted"
    ):
        load_frame(data, symbol="A", corporate_actions=known)


def test_a_total_return_series_needs_dividends_in_its_currency() -> None:
    days = ["2020-01-02", "2020-01-03"]
    data = {"date": days, **{name: [10.0] * 2 for name in ("open", "high", "low", "close")}}
    known = {
        "symbol": ["A"],
        "ex_date": [date(2020, 1, 3)],
        "action": ["dividend"],
        "amount": [1.0],
        "currency": ["GBP"],
    }
    load_frame(data, symbol="A", prices="raw", corporate_actions=known)
    with pytest.raises(DataError, match="pays GBP, the prices are in USD"):
        load_frame(data, symbol="A", prices="raw", corporate_actions=known, signal_prices="total_return")
