"""Exposures: totals kept up to date are those of a fresh look at every position, and looks are not wasted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.errors import AccountingError
from qtrader.services.exposures import Exposures, Holding

D = Decimal
SYMBOLS = ("AAA", "BBB", "CCC")

trades = st.tuples(
    st.just("trade"), st.sampled_from(SYMBOLS), st.decimals("-50", "50", places=3, allow_nan=False)
)
moves = st.tuples(
    st.just("move"), st.sampled_from(SYMBOLS), st.decimals("0.01", "500", places=4, allow_nan=False)
)
questions = st.tuples(st.just("ask"), st.none(), st.none())


class Desk:
    """Holdings and marks, with the number of looks at a mark."""

    def __init__(self) -> None:
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.flat: dict[tuple[str, str], Holding] = {}
        self.marks: dict[str, Decimal] = {symbol: D(10) for symbol in SYMBOLS}
        self.version = 0
        self.looks = 0
        self.exposures = Exposures(self.holdings, self.look, 8, lambda: self.version)

    def look(self, symbol: str) -> Decimal | None:
        self.looks += 1
        return self.marks.get(symbol)

    def trade(self, symbol: str, quantity: Decimal) -> None:
        key = (symbol, "alpha")
        holding = self.flat.setdefault(key, Holding(key, "USD"))
        holding.quantity += quantity
        holding.valued_at = None
        if holding.quantity:
            self.holdings[key] = holding
        else:
            self.holdings.pop(key, None)
        self.exposures.change(holding)

    def move(self, symbol: str, price: Decimal) -> None:
        self.marks[symbol] = price
        self.version += 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(trades, moves, questions), max_size=40))
def test_totals_are_the_sums_of_quantity_times_mark(steps: list[tuple[str, str, Decimal]]) -> None:
    desk = Desk()
    for kind, symbol, amount in [*steps, ("ask", "", D(0))]:
        if kind == "trade":
            desk.trade(symbol, amount)
        elif kind == "move":
            desk.move(symbol, amount)
        else:
            values = [held.quantity * desk.marks[key[0]] for key, held in desk.holdings.items()]
            assert desk.exposures.totals() == (sum(values, D(0)), sum(map(abs, values), D(0)))


def test_while_no_mark_moves_only_what_was_traded_is_looked_at() -> None:
    desk = Desk()
    for symbol in SYMBOLS:
        desk.trade(symbol, D(5))
    desk.exposures.totals()
    assert desk.looks == 3
    desk.exposures.totals()
    assert desk.looks == 3
    desk.trade("BBB", D(-7))
    assert desk.exposures.totals() == (D(80), D(120))
    assert desk.looks == 4
    desk.move("AAA", D(11))
    assert desk.exposures.totals() == (D(85), D(125))
    assert desk.looks == 7


def test_a_missing_mark_is_met_again_at_the_next_question() -> None:
    desk = Desk()
    desk.trade("AAA", D(5))
    desk.exposures.totals()
    desk.trade("BBB", D(5))
    del desk.marks["BBB"]
    for _ in range(2):
        with pytest.raises(AccountingError, match="BBB is held but has no price yet"):
            desk.exposures.totals()
    desk.marks["BBB"] = D(20)
    assert desk.exposures.totals() == (D(150), D(150))
