"""What a strategy may look back on, against rows written out by hand and exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at_us, tape_of

from qtrader.errors import StrategyError
from qtrader.market.history import HistoryWindow, StreamHistory, TapeHistory
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape

CLOSES = {"AAPL": [10.0, 11.0, 12.0, 13.0, 14.0], "MSFT": [20.0, 21.0, 22.0]}
DAYS = {"MSFT": [2, 4, 5]}
TAPE = tape_of(CLOSES, days=DAYS)
COLUMNS = ("closed_at_us", "open", "high", "low", "close", "volume")


def stream_of(tape: Tape, upto_us: int | None = None) -> StreamHistory:
    history = StreamHistory()
    for bar in tape.bars():
        if upto_us is None or bar.closed_at_us <= upto_us:
            history.add(bar)
    return history


@pytest.fixture(params=["tape", "stream"])
def history(request: pytest.FixtureRequest) -> TapeHistory | StreamHistory:
    return TapeHistory(TAPE) if request.param == "tape" else stream_of(TAPE)


# symbol, count, at (day, hour), closes seen
SEEN = [
    ("AAPL", None, (3, 21), [10.0, 11.0, 12.0]),
    ("AAPL", None, (3, 20), [10.0, 11.0]),
    ("AAPL", None, (4, 0), [10.0, 11.0, 12.0]),
    ("AAPL", 2, (3, 21), [11.0, 12.0]),
    ("AAPL", 1, (1, 21), [10.0]),
    ("AAPL", 9, (3, 21), [10.0, 11.0, 12.0]),
    ("AAPL", None, (1, 20), []),
    ("AAPL", 3, (1, 20), []),
    ("AAPL", None, (31, 21), [10.0, 11.0, 12.0, 13.0, 14.0]),
    ("MSFT", None, (1, 21), []),
    ("MSFT", None, (3, 21), [20.0]),
    ("MSFT", 2, (4, 21), [20.0, 21.0]),
    ("MSFT", 2, (31, 21), [21.0, 22.0]),
]


@pytest.mark.parametrize(("symbol", "count", "instant", "closes"), SEEN)
def test_a_window_holds_the_last_bars_closed_by_an_instant(
    history: Any, symbol: str, count: int | None, instant: tuple[int, int], closes: list[float]
) -> None:
    window = history.window(symbol, count, at_us(*instant))
    assert window.symbol == symbol
    assert window.close.tolist() == closes
    assert len(window) == len(closes)
    assert all(len(getattr(window, name)) == len(closes) for name in COLUMNS)
    assert all(closed <= at_us(*instant) for closed in window.closed_at_us.tolist())


def test_all_columns_are_those_of_the_bars(history: Any) -> None:
    window = history.window("MSFT", None, at_us(4))
    assert window.closed_at_us.tolist() == [at_us(2), at_us(4)]
    assert window.open.tolist() == [20.0, 21.0]
    assert window.high.tolist() == [21.0, 22.0]
    assert window.low.tolist() == [10.0, 10.5]
    assert window.volume.tolist() == [1.0, 2.0]
    assert window.closed_at_us.dtype == np.int64
    assert {getattr(window, name).dtype for name in COLUMNS[1:]} == {np.dtype(np.float64)}


HOUR_US = 3_600_000_000
FINE = build_tape(
    [
        SymbolColumns(
            symbol="AAPL",
            interval=interval,
            opened_at_us=closed - length_us,
            closed_at_us=closed,
            **{name: np.array(values) for name in ("open", "high", "low", "close")},
        )
        for interval, length_us, closed, values in (
            ("1d", 7 * HOUR_US, np.array([at_us(1), at_us(2)]), [11.0, 21.0]),
            ("1h", HOUR_US, np.array([at_us(1, 20), at_us(1), at_us(2, 20)]), [10.0, 11.0, 20.0]),
        )
    ]
)


@pytest.mark.parametrize(
    ("interval", "instant", "closes"),
    [
        (None, (2, 21), [10.0, 11.0, 20.0]),
        ("1h", (2, 21), [10.0, 11.0, 20.0]),
        ("1h", (1, 20), [10.0]),
        ("1d", (2, 21), [11.0, 21.0]),
        ("1d", (2, 20), [11.0]),
        ("1d", (1, 20), []),
        ("4h", (2, 21), []),
    ],
)
def test_a_window_is_of_one_interval(
    interval: str | None, instant: tuple[int, int], closes: list[float]
) -> None:
    streamed = StreamHistory({"AAPL": "1h"})
    for each in FINE.bars():
        streamed.add(each)
    for history in (TapeHistory(FINE), streamed):
        window = history.window("AAPL", None, at_us(*instant), interval)
        assert window.close.tolist() == closes
        assert history.window("AAPL", 1, at_us(*instant), interval).close.tolist() == closes[-1:]


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_that_is_not_positive_is_refused(history: Any, count: int) -> None:
    with pytest.raises(StrategyError, match=rf"count is {count}; allowed is a positive number of bars"):
        history.window("AAPL", count, at_us(3))


def test_no_array_leads_to_the_future(history: Any) -> None:
    # A view of the tape would have the whole column as its base.
    window = history.window("AAPL", 2, at_us(3))
    for name in COLUMNS:
        base = getattr(window, name)
        while base is not None:
            assert not np.shares_memory(base, TAPE.close), name
            assert base.size <= 12, name  # what the window itself was made of
            base = base.base


def test_spoiling_a_window_spoils_nothing_else(history: Any) -> None:
    before = history.window("AAPL", None, at_us(5))
    copies = {name: getattr(before, name).tolist() for name in COLUMNS}
    for name in COLUMNS:
        getattr(before, name)[:] = -1
    after = history.window("AAPL", None, at_us(5))
    assert {name: getattr(after, name).tolist() for name in COLUMNS} == copies
    assert TAPE.close[TAPE.rows_of("AAPL")].tolist() == CLOSES["AAPL"]


def test_bars_that_are_not_given_yet_are_not_there() -> None:
    assert stream_of(TAPE, at_us(2)).window("AAPL", None, at_us(5)).close.tolist() == [10.0, 11.0]
    assert len(StreamHistory().window("AAPL", None, at_us(5))) == 0


class TestSplits:
    # A 2-for-1 split before day 3 and a 7-for-1 split before day 5: F is 1, 1, 2, 2, 14.
    RAW = (700.0, 714.0, 350.0, 364.0, 50.0)
    TAPE = tape_of({"AAPL": RAW}, factors={"AAPL": [1.0, 1.0, 2.0, 2.0, 14.0]})
    # day → what its strategy sees, in units of that day's share
    SEEN = (
        (2, [700.0, 714.0]),
        (3, [350.0, 357.0, 350.0]),
        (4, [350.0, 357.0, 350.0, 364.0]),
        (5, [50.0, 51.0, 50.0, 52.0, 50.0]),
    )

    @pytest.mark.parametrize(("day", "closes"), SEEN)
    def test_values_are_in_the_latest_share_and_a_later_split_changes_nothing(
        self, day: int, closes: list[float]
    ) -> None:
        for history in (TapeHistory(self.TAPE), stream_of(self.TAPE)):
            assert history.window("AAPL", None, at_us(day)).close.tolist() == pytest.approx(closes, rel=1e-15)

    def test_every_price_column_is_adjusted_alike(self) -> None:
        window = TapeHistory(self.TAPE).window("AAPL", None, at_us(3))
        assert window.high.tolist() == [350.5, 357.5, 351.0]
        assert window.low.tolist() == [175.0, 178.5, 175.0]
        assert window.open.tolist() == [350.0, 357.0, 350.0]


prices = st.floats(0.01, 10_000.0)
ratios = st.sampled_from([1.0, 2.0, 3.0, 7.0, 1.5, 0.1, 1.05])


@st.composite
def split_tapes(draw: st.DrawFn) -> Tape:
    closes = draw(st.lists(prices, min_size=1, max_size=8))
    steps = draw(st.lists(ratios, min_size=len(closes), max_size=len(closes)))
    factors = np.multiply.accumulate(np.array(steps)).tolist()
    return tape_of({"AAPL": closes}, factors={"AAPL": factors})


def _lists(window: HistoryWindow) -> list[list[float]]:
    return [getattr(window, name).tolist() for name in COLUMNS]


@given(split_tapes(), st.integers(0, 9), st.none() | st.integers(1, 9))
def test_both_histories_are_the_same_to_the_bit(tape: Tape, day: int, count: int | None) -> None:
    ours = TapeHistory(tape).window("AAPL", count, at_us(day))
    theirs = stream_of(tape).window("AAPL", count, at_us(day))
    assert _lists(ours) == _lists(theirs)


@given(split_tapes())
def test_the_latest_bar_and_all_of_its_share_are_shown_raw_to_the_bit(tape: Tape) -> None:
    window = TapeHistory(tape).window("AAPL", None, at_us(31))
    same = tape.signal_factor == tape.signal_factor[-1]
    for name in ("open", "high", "low", "close"):
        assert getattr(window, name)[same].tolist() == getattr(tape, name)[same].tolist()


@given(split_tapes())
def test_earlier_bars_are_raw_times_their_factor_by_todays(tape: Tape) -> None:
    window = TapeHistory(tape).window("AAPL", None, at_us(31))
    today = Fraction(float(tape.signal_factor[-1]))
    for raw, factor, shown in zip(tape.close, tape.signal_factor, window.close, strict=True):
        exact = Fraction(float(raw)) * Fraction(float(factor)) / today
        assert abs(Fraction(float(shown)) / exact - 1) < Fraction(1, 10**15)  # two roundings of 1.1e-16 each


@given(split_tapes(), st.integers(1, 8))
def test_the_past_does_not_change_when_the_future_does(tape: Tape, day: int) -> None:
    cut = tape.slice(end_us=at_us(day))
    ours = TapeHistory(tape).window("AAPL", None, at_us(day))
    assert _lists(ours) == _lists(TapeHistory(cut).window("AAPL", None, at_us(day)))
