"""Lots as a trader keeps them on paper: what each trade opens, closes and earns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.services.portfolio.lot_tracker import LotTracker

D = Decimal

START = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)


def run(trades: list[str], scale: int = 2) -> tuple[LotTracker, list[str]]:
    """Trade "100 @ 10.50"; tell closed pieces as "lot: quantity cost → proceeds = gain"."""
    tracker, told = LotTracker(scale), []
    for number, trade in enumerate(trades, 1):
        quantity, price = trade.split(" @ ")
        at = START + timedelta(days=number)
        result = tracker.trade("alpha", "AAPL", D(quantity), D(price), trade_id=str(number), at=at)
        for piece in result.closed:
            gain = piece.realized_pnl
            told.append(f"{piece.lot_id}: {piece.quantity} {piece.cost} → {piece.proceeds} = {gain}")
            assert (piece.closed_by, piece.closed_at) == (str(number), at)
            assert (piece.opened_by, piece.opened_at) == (
                piece.lot_id,
                START + timedelta(days=int(piece.lot_id)),
            )
    return tracker, told


def open_lots(tracker: LotTracker) -> list[str]:
    return [f"{lot.lot_id}: {lot.quantity} {lot.cost}" for lot in tracker.lots("alpha", "AAPL")]


CASES = {
    "long, scaled in, out oldest first": (
        ["100 @ 10", "100 @ 12", "-150 @ 15"],
        ["1: 100 1000.00 → 1500.00 = 500.00", "2: 50 600.00 → 750.00 = 150.00"],
        ["2: 50 600.00"],
    ),
    "long, closed in three steps": (
        ["90 @ 10", "-30 @ 11", "-30 @ 12", "-30 @ 9"],
        [
            "1: 30 300.00 → 330.00 = 30.00",
            "1: 30 300.00 → 360.00 = 60.00",
            "1: 30 300.00 → 270.00 = -30.00",
        ],
        [],
    ),
    "short, scaled in, covered newest first": (
        ["-100 @ 20", "-100 @ 22", "150 @ 21"],
        ["2: -100 -2200.00 → -2100.00 = 100.00", "1: -50 -1000.00 → -1050.00 = -50.00"],
        ["1: -50 -1000.00"],
    ),
    "short, added to after a cover": (
        ["-100 @ 20", "60 @ 18", "-60 @ 19", "100 @ 17"],
        [
            "1: -60 -1200.00 → -1080.00 = 120.00",
            "3: -60 -1140.00 → -1020.00 = 120.00",
            "1: -40 -800.00 → -680.00 = 120.00",
        ],
        [],
    ),
    "long flips to short in one trade": (
        ["100 @ 10", "-150 @ 12"],
        ["1: 100 1000.00 → 1200.00 = 200.00"],
        ["2: -50 -600.00"],
    ),
    "short flips to long in one trade": (
        ["-100 @ 10", "-50 @ 11", "400 @ 9"],
        ["2: -50 -550.00 → -450.00 = 100.00", "1: -100 -1000.00 → -900.00 = 100.00"],
        ["3: 250 2250.00"],
    ),
    "closed exactly, then opened afresh": (
        ["100 @ 10", "-100 @ 10", "-100 @ 10"],
        ["1: 100 1000.00 → 1000.00 = 0.00"],
        ["3: -100 -1000.00"],
    ),
    "residual cents: 10.00 leaves as 3.33, then half of 6.67, then what is left": (
        ["3 @ 3.334", "-1 @ 4", "-1 @ 4", "-1 @ 4"],
        ["1: 1 3.33 → 4.00 = 0.67", "1: 1 3.34 → 4.00 = 0.66", "1: 1 3.33 → 4.00 = 0.67"],
        [],
    ),
    "half a cent goes to the even neighbour": (
        ["1 @ 0.125", "1 @ 0.135", "-2 @ 1"],
        ["1: 1 0.12 → 1.00 = 0.88", "2: 1 0.14 → 1.00 = 0.86"],
        [],
    ),
    "proceeds of two lots add up to the trade's 2.01": (
        ["1 @ 1", "1 @ 1", "-2 @ 1.006"],
        ["1: 1 1.00 → 1.01 = 0.01", "2: 1 1.00 → 1.00 = 0.00"],
        [],
    ),
    "a flip's closing leg is rounded, the opening leg takes the rest of 3.01": (
        ["1 @ 1", "-3 @ 1.004"],
        ["1: 1 1.00 → 1.00 = 0.00"],
        ["2: -2 -2.01"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_trades_open_and_close_lots(case: str) -> None:
    trades, closed, remaining = CASES[case]
    tracker, told = run(trades)
    assert told == closed
    assert open_lots(tracker) == remaining
    assert tracker.quantity("alpha", "AAPL") == sum((lot.quantity for lot in tracker.all_lots()), D(0))
    assert tracker.cost("alpha", "AAPL") == sum((lot.cost for lot in tracker.all_lots()), D(0))


@pytest.mark.parametrize("case", CASES)
def test_gains_are_what_the_trades_brought_and_what_is_left(case: str) -> None:
    trades, _, _ = CASES[case]
    tracker, told = run(trades)
    flows = sum(
        ((D(q) * D(p)).quantize(D("0.01")) for q, p in (trade.split(" @ ") for trade in trades)), D(0)
    )
    gains = sum((D(line.rsplit(" = ")[1]) for line in told), D(0))
    assert gains == tracker.cost("alpha", "AAPL") - flows


def test_strategies_keep_their_lots_apart() -> None:
    tracker = LotTracker(2)
    for strategy, quantity in (("beta", "10"), ("alpha", "-4")):
        tracker.trade(strategy, "AAPL", D(quantity), D(5), trade_id=strategy, at=START)
    assert tracker.quantity("alpha", "AAPL") == -4
    assert tracker.quantity("beta", "AAPL") == 10
    assert tracker.holders("AAPL") == ["alpha", "beta"]
    tracker.trade("beta", "AAPL", D(-10), D(6), trade_id="x", at=START)
    assert tracker.open_positions() == [("AAPL", "alpha")]
    assert tracker.lots("beta", "AAPL") == ()
    tracker.trade("alpha", "AAPL", D(4), D(6), trade_id="y", at=START)
    assert tracker.holders("AAPL") == []


SPLITS = {
    "two for one": (["100 @ 10", "50 @ 12"], Fraction(2), ["1: 200 1000.00", "2: 100 600.00"]),
    "one for ten": (["100 @ 10", "50 @ 12"], Fraction(1, 10), ["1: 10 1000.00", "2: 5 600.00"]),
    "short, three for two": (["-5 @ 10", "-5 @ 12"], Fraction(3, 2), ["1: -7.5 -50.00", "2: -7.5 -60.00"]),
    "three lots of one share, one for three, are one share": (
        ["1 @ 9", "1 @ 9", "1 @ 9"],
        Fraction(1, 3),
        ["1: 0.33333333 9.00", "2: 0.33333334 9.00", "3: 0.33333333 9.00"],
    ),
    "a lot that becomes nothing leaves its cost to the next": (
        ["0.00000001 @ 1000000", "10 @ 1"],
        Fraction(1, 100),
        ["2: 0.1 10.01"],
    ),
    "the last lot, become nothing, leaves it to the one before": (
        ["10 @ 1", "0.00000001 @ 1000000"],
        Fraction(1, 100),
        ["1: 0.1 10.01"],
    ),
}


@pytest.mark.parametrize("case", SPLITS)
def test_split_multiplies_quantities_and_keeps_cost(case: str) -> None:
    trades, ratio, expected = SPLITS[case]
    tracker, _ = run(trades)
    cost, quantity = tracker.cost("alpha", "AAPL"), tracker.quantity("alpha", "AAPL")
    changes = tracker.split("alpha", "AAPL", ratio)
    lots = tracker.lots("alpha", "AAPL")
    assert [f"{lot.lot_id}: {lot.quantity.normalize():f} {lot.cost}" for lot in lots] == expected
    assert [change.after for change in changes if change.after is not None] == list(lots)
    assert tracker.cost("alpha", "AAPL") == cost
    assert abs(tracker.quantity("alpha", "AAPL") - quantity * ratio.numerator / ratio.denominator) <= D(
        "5e-9"
    )
    assert tracker.quantity("alpha", "AAPL") == sum((lot.quantity for lot in lots), D(0))


def test_average_price_is_cost_per_unit_on_both_sides() -> None:
    tracker, _ = run(["8 @ 10"])
    assert tracker.lots("alpha", "AAPL")[0].average_price == 10
    tracker, _ = run(["-8 @ 10"])
    assert tracker.lots("alpha", "AAPL")[0].average_price == 10


quantities = st.one_of(st.integers(1, 400), st.decimals(D("0.00000001"), D(300), places=8)).map(D)
prices = st.decimals(D("0.0001"), D(500), places=4)


@settings(max_examples=100, deadline=None)
@given(
    quantity=quantities,
    bought_at=prices,
    sold_at=prices,
    more=quantities,
    is_long=st.booleans(),
    scale=st.sampled_from([0, 2, 8]),
)
def test_the_only_lot_closed_whole_leaves_as_it_would_in_a_trade_through_zero(
    *, quantity: Decimal, bought_at: Decimal, sold_at: Decimal, more: Decimal, is_long: bool, scale: int
) -> None:
    sign = 1 if is_long else -1
    closed = []
    for beyond in (D(0), more):
        tracker = LotTracker(scale)
        tracker.trade("alpha", "AAPL", sign * quantity, bought_at, trade_id="1", at=START)
        closing = -sign * (quantity + beyond)
        closed.append(tracker.trade("alpha", "AAPL", closing, sold_at, trade_id="2", at=START).closed)
        assert tracker.quantity("alpha", "AAPL") == -sign * beyond
        assert tracker.holders("AAPL") == (["alpha"] if beyond else [])
    assert closed[0] == closed[1]
    (piece,) = closed[0]
    unit = D(1).scaleb(-scale)
    assert (piece.quantity, piece.cost, piece.proceeds) == (
        sign * quantity,
        (sign * quantity * bought_at).quantize(unit),
        (sign * quantity * sold_at).quantize(unit),
    )
