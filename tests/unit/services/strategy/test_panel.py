"""The panel: what stands where, indicators of it, and what is kept."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from math import isnan
from typing import Any

import numpy as np
import pytest
from tests.factories import at_us, tape_of

from qtrader.errors import StrategyError
from qtrader.libraries.indicators import ATR, EMA, MACD, RSI, SMA, BollingerBands
from qtrader.services.strategy import indicator_columns
from qtrader.services.strategy.panel import Panel

CLOSES = {"A": [1.0, 2.0, 3.0, 4.0], "B": [10.0, 20.0], "C": [7.0, 8.0, 9.0, 5.0]}
GAPS = tape_of(CLOSES, days={"B": [2, 4]})
DENSE = tape_of({symbol: CLOSES[symbol] for symbol in ("A", "C")})


def same(found: Any, expected: list[list[float | None]]) -> bool:
    wanted = np.array(expected, dtype=np.float64)
    return bool(np.array_equal(found, wanted, equal_nan=True))


def test_rows_are_instants_and_columns_are_symbols() -> None:
    panel = Panel(GAPS, ("A", "B", "C"), "1d")
    assert panel.shape == (4, 3)
    assert panel.closed_at_us.tolist() == [at_us(day) for day in (1, 2, 3, 4)]
    assert same(panel.close, [[1, None, 7], [2, 10, 8], [3, None, 9], [4, 20, 5]])
    assert panel.has_bar.tolist() == [[True, day in (2, 4), True] for day in (1, 2, 3, 4)]
    assert panel.rows.tolist() == [[0, -1, 1], [2, 3, 4], [5, -1, 6], [7, 8, 9]]
    assert panel.rows_at(np.array([1, 2]), np.array([1, 1])).tolist() == [3, -1]


def test_some_symbols_have_instants_of_their_own_only() -> None:
    panel = Panel(GAPS, ("B",), "1d")
    assert panel.closed_at_us.tolist() == [at_us(2), at_us(4)]
    assert panel.rows.tolist() == [[3], [8]]
    assert same(panel.open, [[10], [20]])


def test_without_gaps_columns_are_the_tapes_own() -> None:
    panel = Panel(DENSE, ("A", "C"), "1d")
    assert np.shares_memory(panel.close, DENSE.close)
    assert same(panel.close, [[1, 7], [2, 8], [3, 9], [4, 5]])
    assert panel.rows.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert panel.rows_at(np.array([2]), np.array([1])).tolist() == [5]
    assert panel.has_bar.all()


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "signal_factor", "rows"])
@pytest.mark.parametrize("tape", [GAPS, DENSE])
def test_nothing_can_be_written(tape: Any, name: str) -> None:
    column = getattr(Panel(tape, tape.symbols, "1d"), name)
    with pytest.raises(ValueError, match="read-only"):
        column[0, 0] = 1


def test_the_signal_series_has_no_jump_at_a_split() -> None:
    tape = tape_of({"A": [100.0, 50.0]}, factors={"A": [1.0, 2.0]})
    panel = Panel(tape, ("A",), "1d")
    assert panel.signal("close").tolist() == [[100.0], [100.0]]
    assert panel.indicator(SMA(2)).tolist()[1] == [100.0]
    with pytest.raises(StrategyError, match="price is 'volume'; allowed is open, high, low, close"):
        panel.signal("volume")


@pytest.mark.parametrize(
    "indicator",
    [SMA(2), SMA(2, field="low"), EMA(2), RSI(2), ATR(1), BollingerBands(2), MACD(1, 2, 1)],
    ids=repr,
)
@pytest.mark.parametrize("tape", [GAPS, DENSE], ids=["gaps", "dense"])
def test_an_indicator_is_what_it_is_bar_by_bar_of_each_symbol(tape: Any, indicator: Any) -> None:
    found = Panel(tape, tape.symbols, "1d").indicator(indicator)
    columns = found if isinstance(found, tuple) else (found,)
    times = sorted(set(tape.closed_at_us.tolist()))
    for place, symbol in enumerate(tape.symbols):
        indicator.reset()
        expected = {
            bar.closed_at_us: indicator.update_bar(bar) for bar in tape.bars() if bar.symbol == symbol
        }
        for time, instant_us in enumerate(times):
            value = expected.get(instant_us)
            for number, column in enumerate(columns):
                one = value if value is None or isinstance(value, float) else tuple(value)[number]
                shown = column[time, place]
                assert isnan(shown) if one is None or isnan(one) else shown == one
                assert not column.flags.writeable


class Counting:
    """An indicator that counts how often it is computed."""

    computed: list[float] = []  # noqa: RUF012 - shared by intention

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def on_columns(self, values: Any) -> Any:
        Counting.computed.append(self.factor)
        return values * self.factor


def test_an_indicator_is_computed_once_for_the_same_bars_and_parameters() -> None:
    Counting.computed.clear()
    tape = tape_of({"A": [1.0, 2.0]})
    with ThreadPoolExecutor(4) as pool:
        panels = [Panel(tape, ("A",), "1d") for _ in range(8)]
        list(pool.map(lambda panel: panel.indicator(Counting(2.0)), panels))
    assert Counting.computed == [2.0]
    Panel(tape, ("A",), "1d").indicator(Counting(3.0))
    Panel(tape_of({"A": [1.0, 2.0]}), ("A",), "1d").indicator(Counting(2.0))
    assert Counting.computed == [2.0, 3.0, 2.0]


def test_two_classes_of_one_name_are_two() -> None:
    tape = tape_of({"A": [1.0, 2.0]})

    def made(factor: float) -> Any:
        kind = type("Counting", (), {"on_columns": lambda _self, values: values * factor})
        kind.__module__, kind.__qualname__ = __name__, "Counting"
        return kind()

    panel = Panel(tape, ("A",), "1d")
    assert [panel.indicator(made(factor)).tolist()[0] for factor in (1.0, 5.0)] == [[1.0], [5.0]]


def test_what_was_used_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    Counting.computed.clear()
    monkeypatch.setattr(indicator_columns, "KEPT_BYTES", 40)
    panel = Panel(tape_of({"A": [1.0, 2.0]}), ("A",), "1d")
    for factor in (1.0, 2.0, 1.0, 3.0, 1.0, 2.0):
        panel.indicator(Counting(factor))
    assert Counting.computed == [1.0, 2.0, 3.0, 2.0]


def test_what_is_kept_goes_with_the_tape() -> None:
    before = len(indicator_columns._kept)
    tape = tape_of({"A": [1.0, 2.0]})
    Panel(tape, ("A",), "1d").indicator(SMA(2))
    assert len(indicator_columns._kept) == before + 1
    del tape
    gc.collect()
    assert len(indicator_columns._kept) == before


class TakesVolume:
    """An indicator of what is no price."""

    def on_columns(self, close: Any, volume: Any) -> Any:
        return close * volume


@pytest.mark.parametrize(
    ("indicator", "message"),
    [
        (object(), r"object has no on_columns\(values\)"),
        (TakesVolume(), "on_columns takes volume; allowed is one column, or some of open, high, low, close"),
    ],
)
def test_what_is_no_indicator_is_refused(indicator: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        Panel(DENSE, ("A",), "1d").indicator(indicator)
