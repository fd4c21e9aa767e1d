"""A symbol's price is the last close of its finest interval that was known then, however it is looked up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.errors import DataError
from qtrader.market.prices import LastPrices, close_at, last_row, next_row
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.money import decimal_of

MINUTE = 60_000_000


def columns(symbol: str, interval: str, closes: Any, length: Any = MINUTE) -> SymbolColumns:
    closed = np.array([at * MINUTE for at in closes], dtype=np.int64)
    price = np.array(closes, dtype=np.float64)
    return SymbolColumns(symbol, interval, closed - length, closed, price, price, price, price)


@pytest.fixture
def tape() -> Tape:
    return build_tape(
        [
            columns("A", "1m", [10, 11, 13]),
            columns("A", "5m", [15], 5 * MINUTE),
            columns("B", "1m", [11, 12]),
            columns("C", "1m", []),
        ]
    )


def test_price_after_each_instant(tape: Tape) -> None:
    prices = LastPrices(tape)
    table = {
        9: (None, None),
        10: (10.0, None),
        11: (11.0, 11.0),
        12: (11.0, 12.0),
        13: (13.0, 12.0),
        15: (13.0, 12.0),
    }
    for minute, (price_a, price_b) in table.items():
        prices.advance_to_instant(minute * MINUTE)
        assert (prices.price("A"), prices.price("B"), prices.price("C")) == (price_a, price_b, None)
        assert prices.price_at("A", minute * MINUTE) == close_at(tape, "A", minute * MINUTE) == price_a
    assert prices.decimal_price("A") == Decimal("13.0")
    assert prices.decimal_price("C") is None


def test_going_back_answers_as_of_then(tape: Tape) -> None:
    prices = LastPrices(tape)
    prices.advance_to(len(tape))
    assert prices.price("A") == 13.0
    prices.advance_to(1)
    assert (prices.price("A"), prices.price("B"), prices.known_rows) == (10.0, None, 1)


def test_rows_before_and_after(tape: Tape) -> None:
    assert [last_row(tape, "B", row) for row in range(7)] == [None, None, None, 2, 3, 3, 3]
    assert [next_row(tape, "B", row) for row in range(5)] == [2, 2, 2, 3, None]
    assert LastPrices(tape).last_row("A", len(tape)) == 4


def test_an_unknown_symbol_is_refused(tape: Tape) -> None:
    with pytest.raises(DataError, match="'Z' is not on the tape; it holds A, B, C"):
        LastPrices(tape).price("Z")


@given(
    st.sets(st.integers(1, 60), min_size=1),
    st.sets(st.integers(1, 60), min_size=1),
    st.lists(st.integers(0, 120), min_size=1, max_size=20),
)
def test_the_cursor_agrees_with_a_scan(first: Any, second: Any, moves: Any) -> None:
    tape = build_tape([columns("A", "1m", sorted(first)), columns("B", "1m", sorted(second))])
    prices = LastPrices(tape)
    for row in moves:
        prices.advance_to(min(row, len(tape)))
        for symbol in ("A", "B"):
            seen = [bar.close for bar in tape.bars(0, row) if bar.symbol == symbol]
            assert prices.price(symbol) == (seen[-1] if seen else None)


@given(st.decimals("0.0001", "999999", places=4))
def test_the_bridge_gives_back_what_the_source_wrote(written: Any) -> None:
    assert decimal_of(float(written)) == written
