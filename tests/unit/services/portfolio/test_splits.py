"""Splits and stock dividends in the books, with cash in lieu."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from qtrader.errors import AccountingError
from qtrader.events.vocabulary import ActionType, LedgerKind
from qtrader.market.corporate_actions import exact_ratio

D = Decimal


def positions(desk: Any) -> list[tuple[D, D]]:
    return [(p.quantity, p.cost) for p in desk.service.get_state().positions]


# trades, ratio, last close, → quantity and cost afterwards, cash in lieu, realised gain
CASES = {
    "2:1, long": (["100 @ 48"], "2", "48.30", (200, "4800"), "0", "0"),
    "2:1, short": (["-100 @ 48"], "2", "48.30", (-200, "-4800"), "0", "0"),
    "3:2 of an odd lot: half a share at 30": (["5 @ 45"], "1.5", "45", (7, "210"), "15", "0"),
    "3:2, short, pays for the half share": (["-5 @ 45"], "1.5", "48", (-7, "-210"), "-16", "-1"),
    "3:2 of two odd lots makes 15 whole shares": (["5 @ 45", "5 @ 48"], "1.5", "45", (15, "465"), "0", "0"),
    "3:2 of three odd lots: the half share comes out of the oldest": (
        ["5 @ 30", "5 @ 36", "5 @ 42"],
        "1.5",
        "45",
        (22, "530"),
        "15",
        "5",
    ),
    "3:2 of three odd lots, short: out of the newest": (
        ["-5 @ 30", "-5 @ 36", "-5 @ 42"],
        "1.5",
        "45",
        (-22, "-526"),
        "-15",
        "-1",
    ),
    "1:10": (["100 @ 5"], "0.1", "5", (10, "500"), "0", "0"),
    "1:10 of 105: half a new share at 40": (["105 @ 2"], "0.1", "4", (10, "200"), "20", "10"),
    "1:10 of 5 leaves nothing": (["5 @ 5"], "0.1", "5", None, "25", "0"),
    "1:3, written as 0.333333, of 300": (["300 @ 2"], "0.333333", "2", (100, "600"), "0", "0"),
    "1:7, written with ten digits, of 700": (["700 @ 2"], "0.1428571429", "2", (100, "1400"), "0", "0"),
}


@pytest.mark.parametrize("case", CASES)
def test_split(desk: Any, case: str) -> None:
    trades, ratio, close, expected, in_lieu, gain = CASES[case]
    for trade in trades:
        quantity, price = trade.split(" @ ")
        desk.buy(quantity, price) if D(quantity) > 0 else desk.sell(quantity[1:], price)
    desk.marks["MSFT"] = D(close)
    before = desk.service.get_state()
    # The engine adjusts the mark by the ratio itself, whose decimals stand for a fraction.
    exact = exact_ratio(D(ratio))
    desk.marks["MSFT"] = D(close) * exact.denominator / exact.numerator
    desk.act(ActionType.SPLIT, ratio=ratio)
    after = desk.service.get_state()
    assert positions(desk) == ([] if expected is None else [(D(expected[0]), D(expected[1]))])
    assert after.cash - before.cash == D(in_lieu)
    assert after.realized_pnl == D(gain)
    assert after.equity == before.equity
    desk.check()


def test_a_split_books_every_lot_out_and_in_at_its_cost(desk: Any) -> None:
    first, second = desk.buy("10", "20"), desk.buy("10", "22")
    (entry,) = desk.split("2", action_id="MSFT:split:2003-02-18")
    lots = [first.postings[0].lot_id, second.postings[0].lot_id]
    assert entry.entry_id == "MSFT:split:2003-02-18/split/alpha"
    assert entry.description == "split of MSFT, 2 for 1: 20 become 40"
    assert [(p.lot_id, p.quantity, p.amount) for p in entry.postings] == [
        (lots[0], -10, -200),
        (lots[0], 20, 200),
        (lots[1], -10, -220),
        (lots[1], 20, 220),
    ]
    desk.check()


def test_each_strategy_gets_its_own_entries_in_order_of_name(desk: Any) -> None:
    desk.buy("5", "30", strategy_id="beta")
    desk.sell("3", "30", strategy_id="alpha")
    entries = desk.split("1.5")
    assert [(entry.strategy_id, entry.kind) for entry in entries] == [
        ("alpha", LedgerKind.SPLIT),
        ("alpha", LedgerKind.CASH_IN_LIEU),
        ("beta", LedgerKind.SPLIT),
        ("beta", LedgerKind.CASH_IN_LIEU),
    ]
    assert len({entry.event_id for entry in entries}) == 4
    assert desk.projection.quantity_total("MSFT") == 3
    desk.check()


def test_a_finer_quantity_step_needs_less_cash_in_lieu(desk: Any) -> None:
    desk.list_instrument("BTC", quantity_step="0.001")
    desk.buy("0.005", "30000", symbol="BTC")
    (split, in_lieu) = desk.split("1.5", symbol="BTC")
    assert split.postings[1].quantity == D("0.0075")
    assert in_lieu.postings[0].quantity == D("-0.0005")
    assert desk.service.get_state().positions[0].quantity == D("0.007")
    desk.check()


def test_an_account_that_reinvests_keeps_fractions(new_desk: Any) -> None:
    desk = new_desk(dividends="reinvest")
    desk.buy("5", "30")
    assert [entry.kind for entry in desk.split("1.5")] == [LedgerKind.SPLIT]
    assert positions(desk) == [(D("7.5"), D(150))]
    desk.check()


def test_a_position_that_becomes_too_small_to_hold_is_sold_in_lieu(new_desk: Any) -> None:
    desk = new_desk(dividends="reinvest")
    desk.buy("0.00000004", "1000000")
    (entry,) = desk.split("0.1")
    assert entry.kind == LedgerKind.CASH_IN_LIEU
    assert desk.service.get_state().cash == 100000
    assert positions(desk) == []
    desk.check()


def test_a_stock_dividend_adds_its_ratio(desk: Any) -> None:
    desk.buy("100", "21")
    desk.marks["MSFT"] = D(21) / D("1.05")
    (entry,) = desk.act(ActionType.STOCK_DIVIDEND, ratio="0.05")
    assert entry.description == "stock dividend of MSFT, 21 for 20: 100 become 105"
    assert positions(desk) == [(D(105), D(2100))]
    assert desk.service.get_state().equity == 100000
    desk.check()


def test_an_action_on_a_symbol_that_nobody_holds_does_nothing(desk: Any) -> None:
    desk.buy("1", "10", symbol="IBM")
    assert desk.split("2") == []
    assert desk.act(ActionType.DELISTING) == []
    assert desk.dividend("1") == []


@pytest.mark.parametrize(
    ("action_type", "fields"),
    [
        (ActionType.SPIN_OFF, {"ratio": "0.1", "new_symbol": "NEW"}),
        (ActionType.MERGER, {"amount": "10", "currency": "USD"}),
        (ActionType.SYMBOL_CHANGE, {"new_symbol": "NEW"}),
        (ActionType.DELISTING, {}),
        (ActionType.RIGHTS, {"ratio": "0.1", "new_symbol": "NEW"}),
    ],
)
def test_a_kind_that_is_not_accounted_for_is_refused_while_held(
    desk: Any, action_type: ActionType, fields: dict[str, Any]
) -> None:
    desk.buy("1", "10")
    before = desk.service.get_snapshot()
    with pytest.raises(AccountingError, match=f"{action_type} MSFT:.* is held by alpha"):
        desk.act(action_type, **fields)
    assert desk.service.get_snapshot() == before


def test_cash_in_lieu_without_a_price_is_refused(desk: Any) -> None:
    desk.buy("5", "10")
    del desk.marks["MSFT"]
    before = desk.service.get_snapshot()
    with pytest.raises(AccountingError, match="MSFT is held but has no price"):
        desk.split("1.5")
    assert desk.service.get_snapshot() == before


@pytest.mark.parametrize(
    ("ratio", "exact"),
    [
        ("2", Fraction(2)),
        ("0.1", Fraction(1, 10)),
        ("1.05", Fraction(21, 20)),
        ("0.333", Fraction(333, 1000)),
        ("0.3333", Fraction(1, 3)),
        ("0.6667", Fraction(2, 3)),
        ("0.333333", Fraction(1, 3)),
        ("0.142857", Fraction(1, 7)),
        ("0.04761904762", Fraction(1, 21)),
        ("1.0025", Fraction(401, 400)),
        ("0.1234", Fraction(617, 5000)),
        ("0.123456", Fraction(123456, 1000000)),
        ("1E+1", Fraction(10)),
    ],
)
def test_a_ratio_is_read_as_the_fraction_that_it_was_rounded_from(ratio: str, exact: Fraction) -> None:
    assert exact_ratio(D(ratio)) == exact
