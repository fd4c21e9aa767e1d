"""Bad parameters and columns are refused by name, with what was found and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from qtrader.errors import QTraderError
from qtrader.libraries.indicators import (
    ATR,
    EMA,
    MACD,
    RSI,
    SMA,
    BollingerBands,
    IndicatorError,
    atr,
    bollinger_bands,
    ema,
    macd,
    rsi,
    sma,
)

VALUES = [1.0, 2.0, 3.0]


@pytest.mark.parametrize("bad", [0, -3, 2.0, "10", None, True, np.float64(5.0)])
@pytest.mark.parametrize("make", [SMA, EMA, RSI, ATR, BollingerBands])
def test_a_bad_period_is_refused(make: Callable[..., Any], bad: object) -> None:
    least = 2 if make in (RSI, BollingerBands) else 1
    message = f"{make.__name__}: period is {bad!r}; it must be an integer ≥ {least}"
    with pytest.raises(IndicatorError, match=re.escape(message)):
        make(bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sma(VALUES, 0),
        lambda: ema(VALUES, 0),
        lambda: rsi(VALUES, 1),
        lambda: atr(VALUES, VALUES, VALUES, 0),
        lambda: bollinger_bands(VALUES, 1),
    ],
)
def test_a_bad_period_is_refused_on_columns(call: Callable[[], object]) -> None:
    with pytest.raises(IndicatorError, match=r"period is [01]; it must be an integer ≥ [12]"):
        call()


@pytest.mark.parametrize("make", [MACD, lambda *periods: macd(VALUES, *periods)])
@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ((0, 26, 9), "fast_period is 0; it must be an integer ≥ 1"),
        ((12, 1, 9), "slow_period is 1; it must be an integer ≥ 2"),
        ((12, 26, 0), "signal_period is 0; it must be an integer ≥ 1"),
        ((26, 26, 9), "fast_period is 26; it must be less than slow_period, which is 26"),
        ((30, 26, 9), "fast_period is 30; it must be less than slow_period, which is 26"),
    ],
)
def test_bad_periods_of_macd_are_refused(
    make: Callable[..., Any], periods: tuple[int, int, int], message: str
) -> None:
    with pytest.raises(IndicatorError, match=re.escape(message)):
        make(*periods)


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), "2", None, True])
def test_bad_deviations_are_refused(bad: object) -> None:
    with pytest.raises(
        IndicatorError, match=re.escape(f"deviations is {bad!r}; it must be a finite number > 0")
    ):
        BollingerBands(20, bad)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(IndicatorError, match="field is 'volume'; it must be one of open, high, low, close"):
        SMA(3, field="volume")


def test_the_error_is_both_a_value_error_and_the_projects_own() -> None:
    assert issubclass(IndicatorError, ValueError)
    assert issubclass(IndicatorError, QTraderError)


def test_integers_of_numpy_are_periods() -> None:
    assert SMA(np.int64(3)).period == 3
    assert type(SMA(np.int64(3)).period) is int


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "function", [lambda v: sma(v, 2), lambda v: ema(v, 2), rsi, bollinger_bands, macd], ids=range(5)
)
def test_a_row_that_is_not_finite_is_named(function: Callable[[list[float]], object], bad: object) -> None:
    with pytest.raises(IndicatorError, match=re.escape(f"values[1] is {bad}; every row must be finite")):
        function([1.0, bad, 3.0, float("nan")])


def test_atr_names_the_column_and_the_row() -> None:
    with pytest.raises(IndicatorError, match=re.escape("atr: low[2] is nan")):
        atr(VALUES, [1.0, 2.0, float("nan")], VALUES, 1)
    with pytest.raises(
        IndicatorError, match=re.escape("low[1] is 2.5 above high[1] 2.0; low must be ≤ high")
    ):
        atr(VALUES, [1.0, 2.5, 3.0], VALUES, 1)
    with pytest.raises(IndicatorError, match="have 3, 2 and 3 rows; they must be equally long"):
        atr(VALUES, [1.0, 2.0], VALUES, 1)


def test_a_column_of_another_type_or_shape_is_refused() -> None:
    with pytest.raises(IndicatorError, match="values is of type float32; it must be float64 or integers"):
        sma(np.ones(3, dtype=np.float32), 2)
    with pytest.raises(IndicatorError, match="values is of type object"):
        sma(np.array([1.0, None]), 2)
    with pytest.raises(IndicatorError, match="values has 2 dimensions; it must be one column"):
        sma(np.ones((3, 2)), 2)


def test_columns_may_be_lists_integers_strided_views_or_polars_series() -> None:
    expected = [1.5, 2.5]
    for column in (
        [1, 2, 3],
        np.array([1, 2, 3]),
        np.array([1.0, 9.0, 2.0, 9.0, 3.0])[::2],
        pl.Series(VALUES),
    ):
        assert sma(column, 2)[1:].tolist() == expected


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_short_a_column_is_all_nan(rows: int) -> None:
    values = np.arange(1.0, rows + 1.0)
    columns = [
        sma(values, 3),
        ema(values, 3),
        rsi(values, 3),
        atr(values, values, values, 3),
        *bollinger_bands(values, 3),
        *macd(values, 2, 3, 2),
    ]
    assert [len(column) for column in columns] == [rows] * len(columns)
    assert all(np.isnan(column).all() for column in columns)


def test_the_input_column_is_not_changed() -> None:
    values = np.arange(1.0, 400.0)
    kept = values.copy()
    for call in (lambda: sma(values, 3), lambda: bollinger_bands(values, 3), lambda: macd(values)):
        call()
        np.testing.assert_array_equal(values, kept)
