"""The incremental form and the column form agree to the last bit, in every state and across anchors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.libraries.indicators import (
    ATR,
    EMA,
    MACD,
    RSI,
    SMA,
    BollingerBands,
    atr,
    bollinger_bands,
    ema,
    macd,
    rsi,
    sma,
    windows,
)
from qtrader.libraries.indicators.windows import Floats, anchor_interval

PRICES = st.one_of(
    st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False),
    st.sampled_from([0.0, -0.0, 0.1, 1.0, 99.99, 100.0, 100.01, 1e-6]),
)
SHORT = st.lists(PRICES, max_size=60).map(lambda values: np.array(values, dtype=np.float64))


@st.composite
def long_columns(draw: st.DrawFn) -> Floats:
    """Up to 1,500 values: smooth, jumping, flat for stretches or of wildly different sizes."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(250, 1500))
    kind = draw(st.sampled_from(["walk", "flat stretches", "sizes", "integers"]))
    if kind == "walk":
        return 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.02, rows)))
    if kind == "flat stretches":
        return np.repeat(generator.uniform(1.0, 1e4, rows), generator.integers(1, 40, rows))[:rows].copy()
    if kind == "sizes":
        return generator.normal(size=rows) * 10.0 ** generator.integers(-9, 12, rows)
    return generator.integers(-3, 4, rows).astype(np.float64)


COLUMNS = st.one_of(SHORT, long_columns())
PERIODS = st.one_of(st.integers(1, 12), st.integers(13, 300))


def assert_same_bits(indicator: Any, updates: list[Any], column: Floats) -> None:
    incremental = np.array(updates, dtype=np.float64).reshape(-1)
    assert incremental.tobytes() == column.tobytes()
    assert indicator.is_ready == (len(column) >= indicator.warmup)
    assert np.isnan(column).sum() == min(len(column), indicator.warmup - 1)


@given(values=COLUMNS, period=PERIODS)
@settings(max_examples=60, deadline=None)
def test_sma(values: Floats, period: int) -> None:
    indicator = SMA(period)
    assert_same_bits(indicator, [indicator.update(value) for value in values.tolist()], sma(values, period))


@given(values=COLUMNS, period=PERIODS)
@settings(max_examples=60, deadline=None)
def test_ema(values: Floats, period: int) -> None:
    indicator = EMA(period)
    assert_same_bits(indicator, [indicator.update(value) for value in values.tolist()], ema(values, period))


@given(values=COLUMNS, period=PERIODS.map(lambda period: period + 1))
@settings(max_examples=60, deadline=None)
def test_rsi(values: Floats, period: int) -> None:
    indicator = RSI(period)
    assert_same_bits(indicator, [indicator.update(value) for value in values.tolist()], rsi(values, period))


@given(values=COLUMNS, period=PERIODS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_atr(values: Floats, period: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    spread = np.abs(values) * 0.01
    high = values + spread * generator.integers(0, 3, len(values))
    low = values - spread * generator.integers(0, 3, len(values))
    indicator = ATR(period)
    rows = zip(high.tolist(), low.tolist(), values.tolist(), strict=True)
    assert_same_bits(indicator, [indicator.update(*row) for row in rows], atr(high, low, values, period))


@given(
    values=COLUMNS,
    period=PERIODS.map(lambda period: period + 1),
    deviations=st.sampled_from([0.5, 1.0, 2.0, 2.1]),
)
@settings(max_examples=60, deadline=None)
def test_bollinger_bands(values: Floats, period: int, deviations: float) -> None:
    indicator = BollingerBands(period, deviations)
    bands = [tuple(indicator.update(value)) for value in values.tolist()]
    columns = bollinger_bands(values, period, deviations)
    for position, column in enumerate(columns):
        assert_same_bits(indicator, [band[position] for band in bands], column)
    assert columns.middle.tobytes() == sma(values, period).tobytes()
    ready = slice(period - 1, None)
    assert (columns.lower[ready] <= columns.middle[ready]).all()
    assert (columns.middle[ready] <= columns.upper[ready]).all()


@given(
    values=COLUMNS,
    fast=st.integers(1, 20),
    wider=st.integers(1, 100),
    signal=st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_macd(values: Floats, fast: int, wider: int, signal: int) -> None:
    indicator = MACD(fast, fast + wider, signal)
    results = [tuple(indicator.update(value)) for value in values.tolist()]
    for position, column in enumerate(macd(values, fast, fast + wider, signal)):
        assert_same_bits(indicator, [result[position] for result in results], column)


@pytest.mark.parametrize("period", [1, 2, 20, 127, 128, 129, 300])
@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("anchors", [0, 1, 3])
def test_lengths_around_an_anchor(period: int, extra: int, anchors: int) -> None:
    rows = max(0, period + anchors * anchor_interval(period) + extra)
    values = np.random.default_rng(7).uniform(90.0, 110.0, rows)
    mean = SMA(period)
    assert_same_bits(mean, [mean.update(value) for value in values.tolist()], sma(values, period))
    bands = BollingerBands(period + 1)
    uppers = [bands.update(value).upper for value in values.tolist()]
    assert_same_bits(bands, uppers, bollinger_bands(values, period + 1).upper)


@pytest.mark.parametrize("block_values", [1, 600, 1_000])
@pytest.mark.parametrize("period", [1, 10, 200])
def test_blocks_that_are_worked_on_together_do_not_show(
    monkeypatch: pytest.MonkeyPatch, block_values: int, period: int
) -> None:
    monkeypatch.setattr(windows, "_BLOCK_VALUES", block_values)
    values = np.random.default_rng(3).uniform(90.0, 110.0, 2_500)
    for rows in (period, period + 255, period + 256, 1_025, 2_500):
        mean = SMA(period)
        part = values[:rows]
        assert_same_bits(mean, [mean.update(value) for value in part.tolist()], sma(part, period))


@pytest.mark.parametrize("indicator", [SMA(5), SMA(200), BollingerBands(20)], ids=repr)
def test_from_any_anchor_on_columns_are_the_same(indicator: Any) -> None:
    values = np.random.default_rng(4).uniform(90.0, 110.0, 3_000)
    whole = np.atleast_2d(indicator.on_columns(values))
    for times in (1, 2, 3):
        begin = times * indicator.column_anchor
        part = np.atleast_2d(indicator.on_columns(values[begin:]))
        warm = indicator.warmup - 1
        assert part[:, warm:].tobytes() == whole[:, begin + warm :].tobytes()


@pytest.mark.parametrize(
    "indicator", [SMA(7), EMA(7), RSI(7), BollingerBands(7, 1.5), MACD(3, 7, 4)], ids=repr
)
def test_on_columns_uses_the_parameters_and_leaves_the_state_alone(indicator: Any) -> None:
    values = np.random.default_rng(5).uniform(90.0, 110.0, 40)
    columns = np.atleast_2d(indicator.on_columns(values)).T
    assert not indicator.is_ready
    updates = [indicator.update(value) for value in values.tolist()]
    rows = np.array([tuple(row) if not isinstance(row, float) else (row,) for row in updates])
    assert rows.tobytes() == np.ascontiguousarray(columns).tobytes()
    indicator.reset()


def test_atr_on_columns_uses_the_parameters() -> None:
    close = np.random.default_rng(5).uniform(90.0, 110.0, 40)
    assert (
        ATR(5).on_columns(close + 1.0, close - 1.0, close).tobytes()
        == atr(close + 1.0, close - 1.0, close, 5).tobytes()
    )
