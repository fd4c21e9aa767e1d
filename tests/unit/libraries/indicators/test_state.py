"""Indicators follow bars, start afresh, and travel with their strategy: reset, copy, pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from math import isnan
from typing import Any, NamedTuple

import numpy as np
import pytest

from qtrader.libraries.indicators import ATR, EMA, MACD, RSI, SMA, BollingerBands, Indicator


class Bar(NamedTuple):
    open: float
    high: float
    low: float
    close: float
    signal_factor: float = 1.0


MAKERS = [
    lambda: SMA(5),
    lambda: EMA(5, field="open"),
    lambda: RSI(5),
    lambda: ATR(5),
    lambda: BollingerBands(5, 1.5, field="high"),
    lambda: MACD(3, 6, 4),
]
WARMUPS = [5, 5, 6, 6, 5, 9]
each_indicator = pytest.mark.parametrize("make", MAKERS, ids=lambda make: type(make()).__name__)


def random_bars(rows: int, seed: int = 0) -> list[Bar]:
    generator = np.random.default_rng(seed)
    opens = generator.uniform(90.0, 110.0, rows)
    closes = generator.uniform(90.0, 110.0, rows)
    return [
        Bar(first, max(first, last) + 1.0, min(first, last) - 1.0, last, 0.5)
        for first, last in zip(opens.tolist(), closes.tolist(), strict=True)
    ]


def results(indicator: Any, bars: list[Bar]) -> list[str]:
    return [repr(indicator.update_bar(bar)) for bar in bars]


@pytest.mark.parametrize(("make", "warmup"), list(zip(MAKERS, WARMUPS, strict=True)))
def test_ready_after_exactly_warmup_bars(make: Callable[..., Any], warmup: int) -> None:
    indicator = make()
    assert indicator.warmup == warmup
    for count, bar in enumerate(random_bars(20), start=1):
        value = indicator.update_bar(bar)
        parts = (value,) if isinstance(value, float) else tuple(value)
        assert indicator.is_ready == (count >= warmup)
        assert all(isnan(part) != indicator.is_ready for part in parts)
        assert indicator.value is value


@each_indicator
def test_reset_gives_a_fresh_indicator(make: Callable[..., Any]) -> None:
    indicator = make()
    results(indicator, random_bars(300, seed=1))
    indicator.reset()
    assert not indicator.is_ready
    assert results(indicator, random_bars(300, seed=2)) == results(make(), random_bars(300, seed=2))


@each_indicator
@pytest.mark.parametrize("seen", [0, 3, 30])
def test_a_copy_goes_its_own_way_from_the_same_state(make: Callable[..., Any], seen: int) -> None:
    original = make()
    results(original, random_bars(seen))
    twins = [copy.deepcopy(original), pickle.loads(pickle.dumps(original))]  # noqa: S301 - our own bytes
    future = random_bars(300, seed=9)
    expected = results(original, future)
    for twin in twins:
        assert repr(twin) == repr(original)
        assert results(twin, future) == expected


@each_indicator
def test_no_attribute_can_be_added_by_a_slip(make: Callable[..., Any]) -> None:
    with pytest.raises(AttributeError):
        make().perod = 5


def test_update_bar_takes_the_named_price_in_the_signal_series() -> None:
    bar = Bar(open=10.0, high=40.0, low=5.0, close=20.0, signal_factor=0.5)
    for field, expected in (("open", 5.0), ("high", 20.0), ("low", 2.5), ("close", 10.0)):
        assert SMA(1, field=field).update_bar(bar) == expected
    average = ATR(1)
    average.update_bar(bar)
    assert average.update_bar(bar) == (40.0 - 5.0) * 0.5


def test_a_split_leaves_no_jump_in_an_indicator_of_the_signal_series() -> None:
    mean = SMA(2)
    mean.update_bar(Bar(100.0, 100.0, 100.0, 100.0))
    assert mean.update_bar(Bar(50.0, 50.0, 50.0, 50.0, signal_factor=2.0)) == 100.0


def test_indicators_of_several_kinds_share_one_protocol() -> None:
    indicators: list[Indicator[object]] = [make() for make in MAKERS]
    for bar in random_bars(max(indicator.warmup for indicator in indicators)):
        for indicator in indicators:
            indicator.update_bar(bar)
    assert all(indicator.is_ready for indicator in indicators)


def test_repr_names_the_parameters() -> None:
    assert repr(BollingerBands(20, 2.5)) == "BollingerBands(period=20, deviations=2.5, field='close')"
    assert repr(MACD()) == "MACD(fast_period=12, slow_period=26, signal_period=9, field='close')"
    assert repr(ATR()) == "ATR(period=14)"
