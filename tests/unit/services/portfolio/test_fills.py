"""Fills in the books: each entry's lines, the cash, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from qtrader.errors import AccountingError
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.events.vocabulary import LedgerKind
from qtrader.services.portfolio.ledger import Ledger

D = Decimal


def lines(entry: LedgerEntryEvent) -> list[str]:
    told = []
    for posting in entry.postings:
        line = f"{posting.account} {canonical_decimal(posting.amount)}"
        if posting.quantity is not None:
            line += f" ({canonical_decimal(posting.quantity)} {posting.symbol})"
        told.append(line)
    return told


def test_books_open_with_a_deposit(new_desk: Any) -> None:
    desk = new_desk(initial_cash="2500.50")
    (entry,) = desk.entries
    assert (entry.kind, entry.entry_id) == (LedgerKind.DEPOSIT, "initial_cash/deposit")
    assert lines(entry) == ["assets:cash 2500.5", "equity:deposits -2500.5"]
    assert desk.service.get_state().equity == D("2500.50")
    with pytest.raises(AccountingError, match="open already"):
        desk.open()


@pytest.mark.parametrize("cause_id", [None, "run-1"])
def test_the_deposit_is_caused_by_what_starts_the_run(desk: Any, cause_id: str | None) -> None:
    desk.service = desk.new_service()
    desk.service.open_books(desk.now, cause_id)
    deposit = desk.entries[-1]
    assert (deposit.causation_id, deposit.correlation_id) == (cause_id, cause_id)
    assert deposit.occurred_at == desk.now


def test_no_initial_cash_needs_no_entry(new_desk: Any) -> None:
    desk = new_desk(initial_cash=0)
    assert desk.entries == []
    desk.sell("10", "5")
    assert desk.value().cash == 50
    desk.check()


def test_a_long_round_trip(desk: Any) -> None:
    assert lines(desk.buy("100", "27.50", "2.75")) == [
        "assets:securities 2750 (100 MSFT)",
        "expenses:commission 2.75",
        "assets:cash -2752.75",
    ]
    assert lines(desk.sell("40", "30", "1.20")) == [
        "assets:securities -1100 (-40 MSFT)",
        "income:realized_gain -100",
        "expenses:commission 1.2",
        "assets:cash 1198.8",
    ]
    desk.marks["MSFT"] = D(29)
    state = desk.service.get_state()
    assert (state.cash, state.realized_pnl, state.commissions) == (D("98446.05"), D(100), D("3.95"))
    assert state.unrealized_pnl == D(90)  # 60 shares, bought at 27.50, worth 29
    assert state.equity == D("100186.05")
    desk.check()


def test_a_short_round_trip(desk: Any) -> None:
    assert lines(desk.sell("100", "30", "3")) == [
        "liabilities:securities_short -3000 (-100 MSFT)",
        "expenses:commission 3",
        "assets:cash 2997",
    ]
    desk.marks["MSFT"] = D(28)
    assert desk.service.get_state().unrealized_pnl == 200
    assert lines(desk.buy("100", "28", "2.80")) == [
        "liabilities:securities_short 3000 (100 MSFT)",
        "income:realized_gain -200",
        "expenses:commission 2.8",
        "assets:cash -2802.8",
    ]
    state = desk.service.get_state()
    assert (state.positions, state.equity) == ((), D("100194.2"))
    desk.check()


def test_a_flip_is_one_entry_with_its_commission_split(desk: Any) -> None:
    desk.buy("100", "10")
    entry = desk.sell("300", "12", "1.00")
    assert lines(entry) == [
        "assets:securities -1000 (-100 MSFT)",
        "income:realized_gain -200",
        "liabilities:securities_short -2400 (-200 MSFT)",
        "expenses:commission 0.33333333",
        "expenses:commission 0.66666667",
        "assets:cash 3599",
    ]
    assert entry.description == "sell 300 MSFT at 12"
    desk.check()


def test_a_rebate_is_a_negative_cost(desk: Any) -> None:
    desk.buy("100", "10", "-0.20")
    assert desk.service.get_state().commissions == D("-0.20")
    assert desk.service.get_state().cash == D("99000.20")
    desk.check()


def test_lot_lines_name_their_lots(desk: Any) -> None:
    first, second = desk.buy("100", "10"), desk.buy("100", "11")
    closing = desk.sell("150", "12")
    opened = [first.postings[0].lot_id, second.postings[0].lot_id]
    assert first.entry_id == f"{opened[0]}/ledger"
    assert [posting.lot_id for posting in closing.postings] == [
        opened[0],
        opened[0],
        opened[1],
        opened[1],
        None,
    ]


def test_amounts_are_rounded_once_where_they_are_posted(new_desk: Any) -> None:
    desk = new_desk(ledger_scale=2)
    desk.buy("3", "3.335", "0.005")
    desk.buy("1", "0.125", "0.015")
    assert [lines(entry) for entry in desk.entries[1:]] == [
        ["assets:securities 10 (3 MSFT)", "assets:cash -10"],
        ["assets:securities 0.12 (1 MSFT)", "expenses:commission 0.02", "assets:cash -0.14"],
    ]
    desk.check()


def test_the_entry_is_caused_by_the_fill_and_belongs_to_its_strategy(desk: Any) -> None:
    entry = desk.buy("1", "10", strategy_id="beta", symbol="IBM")
    assert (entry.strategy_id, entry.symbol) == ("beta", "IBM")
    assert (entry.source_service, entry.occurred_at) == ("portfolio_service", desk.now)
    assert entry.causation_id == entry.correlation_id != ""


def test_state_agrees_with_the_published_valuation(desk: Any) -> None:
    desk.buy("10", "100", symbol="IBM", strategy_id="beta")
    desk.sell("5", "20", symbol="AAPL")
    desk.buy("1", "90", symbol="IBM", strategy_id="alpha")
    desk.marks |= {"IBM": D("101.25"), "AAPL": D(21)}
    event, state = desk.value(), desk.service.get_state()
    assert [(p.symbol, p.strategy_id) for p in event.positions] == [
        ("AAPL", "alpha"),
        ("IBM", "alpha"),
        ("IBM", "beta"),
    ]
    for name in state.__struct_fields__:
        if name != "deposits":
            assert getattr(event, name) == getattr(state, name)
    assert event.gross_exposure == D("1218.75")  # 11 x 101.25 + 5 x 21
    assert event.net_exposure == D("1008.75")
    assert event.equity == D(100000) + D("12.50") - 5 + D("11.25")
    desk.check()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": "-5"}, "quantity is -5"),
        ({"quantity": "0"}, "quantity is 0"),
        ({"currency": "EUR"}, "SAP: the fill is in EUR, the account is in USD"),
        ({"symbol": "SIE"}, "SIE: the instrument is in EUR, the account is in USD"),
    ],
)
def test_bad_fills_are_refused_and_change_nothing(desk: Any, fields: dict[str, Any], message: str) -> None:
    desk.list_instrument("SIE", currency="EUR")
    desk.buy("5", "10", symbol="SAP")
    before = desk.service.get_snapshot()
    with pytest.raises(AccountingError, match=message):
        desk.buy(**({"quantity": "1", "price": "10", "symbol": "SAP"} | fields))
    assert desk.service.get_snapshot() == before


def test_a_held_symbol_without_a_price_cannot_be_valued(desk: Any) -> None:
    desk.buy("5", "10")
    del desk.marks["MSFT"]
    with pytest.raises(AccountingError, match="MSFT is held but has no price"):
        desk.value()


def test_the_check_finds_a_corrupted_log(desk: Any) -> None:
    desk.buy("5", "10")
    with pytest.raises(AccountingError, match=r"assets:cash in USD.*difference -50"):
        desk.service.check(desk.entries[:1])


def test_an_unbalanced_entry_is_refused() -> None:
    postings = (Posting("assets:cash", "USD", D(10)), Posting("equity:deposits", "USD", D("-9.99")))
    entry = LedgerEntryEvent(entry_id="x", kind=LedgerKind.DEPOSIT, description="x", postings=postings)
    ledger = Ledger()
    with pytest.raises(AccountingError, match=r"entry x \(deposit\) does not balance.*0\.01"):
        ledger.post(entry)
    assert ledger.balances == {}
