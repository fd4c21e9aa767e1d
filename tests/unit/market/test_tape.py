"""The tape keeps what it is given, in one order, immutable, and knows its rows by symbol and instant."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import ConfigError, DataError
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape

MINUTE = 60_000_000
DAY = 86_400_000_000


def columns(
    symbol: str = "A",
    interval: str = "1m",
    opens: Any = (0, 1, 2),
    length: Any = MINUTE,
    price: float = 10.0,
    **overrides: Any,
) -> SymbolColumns:
    opened = np.array([start * length for start in opens], dtype=np.int64)
    rows = len(opened)
    values = {
        "open": np.full(rows, price),
        "high": np.full(rows, price + 1),
        "low": np.full(rows, price - 1),
        "close": price + np.arange(rows) * 0.125,
        "volume": np.arange(rows, dtype=np.float64) + 1,
        "signal_factor": None,
    }
    return SymbolColumns(symbol, interval, opened, opened + length, **(values | overrides))


def keys(tape: Tape) -> list[tuple[int, str, str]]:
    return [(bar.closed_at_us, bar.symbol, bar.interval) for bar in tape.bars()]


def test_rows_are_sorted_by_close_then_symbol_then_interval_from_the_finest() -> None:
    tape = build_tape(
        [
            columns("B", opens=(0, 1, 4)),
            columns("A", "5m", opens=(0,), length=5 * MINUTE),
            columns("A", opens=(1, 4)),
        ]
    )
    assert keys(tape) == [
        (1 * MINUTE, "B", "1m"),
        (2 * MINUTE, "A", "1m"),
        (2 * MINUTE, "B", "1m"),
        (5 * MINUTE, "A", "1m"),
        (5 * MINUTE, "A", "5m"),
        (5 * MINUTE, "B", "1m"),
    ]
    assert tape.symbols == ("A", "B")
    assert tape.intervals == ("1m", "5m")
    assert tape.instant_starts.tolist() == [0, 1, 3, 6]
    assert tape.instants_us.tolist() == [MINUTE, 2 * MINUTE, 5 * MINUTE]
    assert tape.rows_of("A").tolist() == [1, 3, 4]
    assert tape.matching_rows_of("A").tolist() == [1, 3]
    assert tape.matching_rows_of("B").tolist() == tape.rows_of("B").tolist() == [0, 2, 5]
    assert tape.intervals_of("A") == tape.intervals
    assert tape.intervals_of("B") == ("1m",)
    assert [tape.rows_of_interval("A", name).tolist() for name in tape.intervals] == [[1, 3], [4]]
    assert tape.rows_of_interval("B", "1m").tolist() == [0, 2, 5]
    assert tape.rows_of_interval("A", "1d").tolist() == []
    assert list(tape.rows_of_instant(2)) == [3, 4, 5]
    assert [tape.instant_of_row(row) for row in range(6)] == [0, 1, 1, 2, 2, 2]


def test_a_bar_holds_its_row_s_values_as_python_numbers() -> None:
    tape = build_tape([columns(signal_factor=np.array([1.0, 2.0, 2.0]))])
    bar = tape.bar(1, run_id="run")
    assert (bar.symbol, bar.interval, bar.opened_at_us, bar.closed_at_us) == ("A", "1m", MINUTE, 2 * MINUTE)
    assert (bar.open, bar.high, bar.low, bar.close) == (10.0, 11.0, 9.0, 10.125)
    assert (bar.volume, bar.signal_factor, bar.run_id) == (2.0, 2.0, "run")
    assert {type(value) for value in (bar.open, bar.close, bar.volume, bar.signal_factor)} == {float}
    assert type(bar.closed_at_us) is int
    assert tape.bar(-1) == list(tape.bars())[-1]


@pytest.mark.parametrize("block_rows", [1, 2, 3, 8_192])
def test_blocks_of_any_size_give_the_same_bars(block_rows: int) -> None:
    tape = build_tape([columns("A", opens=range(7)), columns("B", opens=range(3))])
    assert list(tape.bars(block_rows=block_rows)) == [tape.bar(row) for row in range(len(tape))]
    assert list(tape.bars(2, 5, block_rows=block_rows)) == [tape.bar(row) for row in (2, 3, 4)]
    assert list(tape.bars(9, 99, block_rows=block_rows)) == [tape.bar(9)]


def test_nothing_on_the_tape_can_be_written_and_the_caller_s_arrays_stay_his() -> None:
    part = columns()
    tape = build_tape([part])
    for array in (*tape.columns, tape.instant_starts, tape.rows_of("A"), tape.matching_rows_of("A")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    part.open[0] = 9.5
    assert part.open[0] == 9.5


def test_unknown_volume_and_missing_factor() -> None:
    tape = build_tape([columns(volume=None)])
    assert np.isnan(tape.volume).all()
    assert tape.signal_factor.tolist() == [1.0, 1.0, 1.0]


def test_slice_takes_the_bars_that_close_after_start_and_until_end() -> None:
    tape = build_tape([columns("A", opens=range(6)), columns("B", opens=range(6))])
    part = tape.slice(2 * MINUTE, 4 * MINUTE)
    assert keys(part) == [
        (3 * MINUTE, "A", "1m"),
        (3 * MINUTE, "B", "1m"),
        (4 * MINUTE, "A", "1m"),
        (4 * MINUTE, "B", "1m"),
    ]
    assert part.symbols == tape.symbols
    assert len(tape.slice(4 * MINUTE, 2 * MINUTE)) == 0
    assert keys(tape.slice()) == keys(tape)


def test_searches_by_instant() -> None:
    tape = build_tape([columns("A", opens=(0, 2)), columns("B", opens=(0,))])
    assert [tape.rows_closed_by(at) for at in (0, MINUTE, 2 * MINUTE, 3 * MINUTE)] == [0, 2, 2, 3]
    assert [tape.rows_closed_before(at) for at in (0, MINUTE, 2 * MINUTE, 3 * MINUTE)] == [0, 0, 2, 2]
    assert [tape.row_before(at) for at in (0, MINUTE, 2 * MINUTE)] == [-1, -1, 1]


def test_selected_symbols_are_the_tape_of_them_alone() -> None:
    parts = [columns("A", "5m", opens=(0,), length=5 * MINUTE), columns("B"), columns("C")]
    chosen = build_tape(parts).select(["C", "B"])
    assert chosen.fingerprint == build_tape(parts[1:]).fingerprint
    assert (chosen.symbols, chosen.intervals) == (("B", "C"), ("1m",))
    whole = build_tape(parts)
    assert whole.select(whole.symbols) is whole
    with pytest.raises(DataError, match="'D' is not on the tape; it holds A, B, C"):
        whole.select(["D"])


def test_an_empty_tape_is_one() -> None:
    tape = build_tape([columns("A", opens=())])
    assert len(tape) == 0
    assert tape.instant_starts.tolist() == [0]
    assert tape.rows_of("A").tolist() == tape.matching_rows_of("A").tolist() == []
    assert list(tape.bars()) == []
    assert build_tape([]).symbols == ()


@given(st.randoms(use_true_random=False), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_chunks_in_any_order_give_the_same_fingerprint(rng: random.Random, cuts: list[int]) -> None:
    parts = [columns("A", opens=range(9)), columns("B", opens=range(0, 12, 2), price=20.0)]
    whole = build_tape(parts)
    chunks = []
    for part in parts:
        bounds = [0, *itertools.accumulate(cuts), len(part)]
        chunks += [part.take(slice(low, high)) for low, high in itertools.pairwise(bounds) if low < high]
    rng.shuffle(chunks)
    assert build_tape(chunks).fingerprint == whole.fingerprint


def test_the_fingerprint_changes_with_every_column_and_name() -> None:
    base = {"signal_factor": np.ones(3)}
    seen = {build_tape([columns(**base)]).fingerprint}
    for name in ("open", "high", "low", "close", "volume", "signal_factor"):
        part = columns(**base)
        getattr(part, name)[1] *= 1.0 + 2**-40
        seen.add(build_tape([part]).fingerprint)
    seen.add(build_tape([columns("B", **base)]).fingerprint)
    seen.add(build_tape([columns(interval="2m", **base)]).fingerprint)
    part = columns(**base)
    part.opened_at_us[1] += 1
    seen.add(build_tape([part]).fingerprint)
    assert len(seen) == 10


def test_equal_values_of_different_bits_have_one_fingerprint() -> None:
    odd_nan = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    first = columns(volume=np.array([np.nan, 0.0, 1.0]))
    second = columns(volume=np.array([odd_nan, -0.0, 1.0]))
    assert build_tape([first]).fingerprint == build_tape([second]).fingerprint


BAD_ROWS = [
    ("open", np.nan, "open must be finite"),
    ("high", np.inf, "high must be finite"),
    ("low", -1.0, "low must be positive"),
    ("close", 0.0, "close must be positive"),
    ("low", 12.0, "low must be ≤ high"),
    ("low", 10.5, "low must be ≤ open"),
    ("close", 8.5, "low must be ≤ close"),
    ("open", 11.5, "open must be ≤ high"),
    ("close", 11.5, "close must be ≤ high"),
    ("volume", -1.0, "volume must be ≥ 0"),
    ("volume", np.inf, "volume must be finite or unknown"),
]


@pytest.mark.parametrize(("name", "value", "rule"), BAD_ROWS)
def test_a_bad_row_is_refused_by_rule_row_and_value(name: str, value: Any, rule: str) -> None:
    part = columns()
    getattr(part, name)[1] = value
    with pytest.raises(DataError) as refusal:
        build_tape([part])
    message = str(refusal.value)
    assert message.startswith(f"A 1m: row 2: {rule}; found open ")
    assert f"{name} {value!r}" in message


def test_times_that_do_not_increase_are_refused() -> None:
    part = columns(opens=(0, 2, 1))
    with pytest.raises(DataError, match="row 3: closed_at must be later than that of the bar before"):
        build_tape([part])
    with pytest.raises(DataError, match=r"A 1m: two bars close at 1970-01-01T00:02:00\+00:00"):
        build_tape([columns(opens=(0, 1)), columns(opens=(1, 2))])


def test_bars_that_end_before_they_begin_or_in_no_year_are_refused() -> None:
    part = columns()
    part.opened_at_us[1] = part.closed_at_us[1]
    with pytest.raises(DataError, match="row 2: opened_at must be before closed_at"):
        build_tape([part])
    part = columns()
    part.closed_at_us[2] = 2**62
    with pytest.raises(DataError, match="row 3: opened_at and closed_at must lie in the years 1000 to 9999"):
        build_tape([part])


def test_columns_of_the_wrong_kind_are_refused_by_name() -> None:
    with pytest.raises(
        DataError, match="A 1m: column close is float32, which cannot hold prices to the cent"
    ):
        build_tape([columns(close=np.full(3, 10.0, dtype=np.float32))])
    with pytest.raises(DataError, match=r"column high has shape \(2,\), closed_at_us has 3 rows"):
        build_tape([columns(high=np.full(2, 11.0))])
    with pytest.raises(DataError, match="column open is <U1; allowed is float64"):
        build_tape([columns(open=np.array(["a", "b", "c"]))])
    with pytest.raises(DataError, match="empty symbol"):
        build_tape([columns("")])
    with pytest.raises(ConfigError, match="interval '7x' is unknown"):
        build_tape([columns(interval="7x")])


def test_a_million_rows_of_one_symbol_are_not_copied() -> None:
    rows = 1_000_000
    opened = np.arange(rows, dtype=np.int64) * MINUTE
    price = np.full(rows, 10.0)
    part = SymbolColumns("A", "1m", opened, opened + MINUTE, price, price, price, price, price, price)
    tape = build_tape([part])
    assert all(np.shares_memory(getattr(tape, name), price) for name in ("open", "close", "volume"))
    assert np.shares_memory(tape.opened_at_us, opened)
    assert tape.symbol_index.nbytes + tape.interval_index.nbytes + tape.instant_starts.nbytes <= 15_000_000
