"""The account as services see it, from ledger entries written by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from qtrader.errors import AccountingError
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.events.vocabulary import LedgerKind
from qtrader.services import account
from qtrader.services.account import AccountProjection, AccountView

D = Decimal


def entry(*postings: Posting, strategy_id: str | None = "alpha", symbol: str | None = "AAPL") -> Any:
    return LedgerEntryEvent(
        entry_id="entry",
        kind=LedgerKind.FILL,
        description="by hand",
        postings=postings,
        strategy_id=strategy_id,
        symbol=symbol,
    )


def money(name: str, amount: str) -> Posting:
    return Posting(name, "USD", D(amount))


def shares(name: str, amount: str, quantity: str, symbol: str = "AAPL") -> Posting:
    return Posting(name, "USD", D(amount), symbol, D(quantity), "lot")


@pytest.fixture
def view() -> AccountProjection:
    """Deposit 10,000: alpha buys 100 AAPL at 40 and sells 25 at 44 at $1 each; beta is short 10 at 42."""
    projection = AccountProjection({"AAPL": D(45)}.get)
    for each in (
        entry(money(account.CASH, "10000"), money(account.DEPOSITS, "-10000"), strategy_id=None, symbol=None),
        entry(
            shares(account.SECURITIES, "4000", "100"),
            money(account.COMMISSION, "1"),
            money(account.CASH, "-4001"),
        ),
        entry(
            shares(account.SECURITIES, "-1000", "-25"),
            money(account.REALIZED_GAIN, "-100"),
            money(account.COMMISSION, "1"),
            money(account.CASH, "1099"),
        ),
        entry(
            shares(account.SECURITIES_SHORT, "-420", "-10"), money(account.CASH, "420"), strategy_id="beta"
        ),
    ):
        projection.on_ledger_entry(each)
    return projection


def test_cash_and_quantities(view: AccountProjection) -> None:
    assert (view.cash(), view.cash("USD"), view.cash("EUR")) == (D(7518), D(7518), 0)
    assert (view.quantity("alpha", "AAPL"), view.quantity("beta", "AAPL")) == (75, -10)
    assert view.quantity("alpha", "IBM") == 0
    assert (view.quantity_total("AAPL"), view.quantity_total("IBM")) == (65, 0)


def test_cost_and_average_price(view: AccountProjection) -> None:
    assert (view.cost("alpha", "AAPL"), view.average_price("alpha", "AAPL")) == (D(3000), D(40))
    assert (view.cost("beta", "AAPL"), view.average_price("beta", "AAPL")) == (D(-420), D(42))
    assert (view.cost("alpha", "IBM"), view.average_price("alpha", "IBM")) == (0, None)


def test_value_and_gains(view: AccountProjection) -> None:
    assert (view.net_exposure, view.gross_exposure) == (D(65 * 45), D(85 * 45))
    assert view.equity == D(7518 + 65 * 45)
    assert (view.realized_pnl, view.unrealized_pnl, view.commissions) == (100, 75 * 5 - 10 * 3, 2)
    assert view.equity == view.deposits + view.realized_pnl + view.unrealized_pnl - view.commissions


def test_positions_are_ordered_and_can_be_asked_for_by_strategy(view: AccountProjection) -> None:
    view.on_ledger_entry(
        entry(shares(account.SECURITIES, "45", "1"), money(account.CASH, "-45"), strategy_id="a")
    )
    assert [(p.symbol, p.strategy_id, p.quantity) for p in view.positions()] == [
        ("AAPL", "a", 1),
        ("AAPL", "alpha", 75),
        ("AAPL", "beta", -10),
    ]
    (position,) = view.positions("alpha")
    assert (position.market_value, position.unrealized_pnl, position.realized_pnl) == (3375, 375, 100)
    assert view.positions("nobody") == ()


def test_a_closed_position_is_gone_and_its_gain_stays(view: AccountProjection) -> None:
    view.on_ledger_entry(
        entry(
            shares(account.SECURITIES_SHORT, "420", "10"),
            money(account.REALIZED_GAIN, "20"),
            money(account.CASH, "-440"),
            strategy_id="beta",
        )
    )
    assert view.positions("beta") == ()
    assert (view.quantity("beta", "AAPL"), view.realized_pnl) == (0, 80)
    view.on_ledger_entry(
        entry(shares(account.SECURITIES, "45", "1"), money(account.CASH, "-45"), strategy_id="beta")
    )
    assert view.positions("beta")[0].realized_pnl == -20


def test_dividends_are_part_of_equity_from_their_entitlement_on(view: AccountProjection) -> None:
    before = view.equity
    view.on_ledger_entry(
        entry(money(account.DIVIDENDS_RECEIVABLE, "75"), money(account.DIVIDEND_INCOME, "-75"))
    )
    view.on_ledger_entry(
        entry(
            money(account.DIVIDENDS_PAYABLE, "-10"), money(account.DIVIDEND_INCOME, "10"), strategy_id="beta"
        )
    )
    assert (view.dividends_receivable, view.dividend_income) == (65, 65)
    assert view.equity == before + 65
    view.on_ledger_entry(entry(money(account.CASH, "75"), money(account.DIVIDENDS_RECEIVABLE, "-75")))
    assert (view.dividends_receivable, view.equity) == (-10, before + 65)
    assert view.balance(account.DIVIDENDS_PAYABLE) == -10
    assert view.balance("assets:other") == 0


def test_a_position_without_a_price_has_no_value() -> None:
    projection = AccountProjection(lambda symbol: None)
    projection.on_ledger_entry(entry(shares(account.SECURITIES, "45", "1"), money(account.CASH, "-45")))
    assert projection.quantity("alpha", "AAPL") == 1
    with pytest.raises(AccountingError, match="AAPL is held but has no price yet"):
        _ = projection.equity


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(money(account.SECURITIES, "45")), "names no symbol or no strategy"),
        (entry(shares(account.SECURITIES, "45", "1"), strategy_id=None), "names no symbol or no strategy"),
        (entry(Posting(account.SECURITIES, "USD", D(45), "AAPL")), "carries no quantity"),
        (entry(money(account.REALIZED_GAIN, "45"), symbol=None), "names no symbol or no strategy"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(bad: LedgerEntryEvent, message: str) -> None:
    with pytest.raises(AccountingError, match=message):
        AccountProjection({}.get).on_ledger_entry(bad)


def test_values_are_rounded_to_the_ledger_scale() -> None:
    projection = AccountProjection({"AAPL": D("0.333")}.get, ledger_scale=2)
    projection.on_ledger_entry(entry(shares(account.SECURITIES, "1", "1.5"), money(account.CASH, "-1")))
    assert projection.net_exposure == D("0.50")


def test_values_follow_every_change_of_mark_and_quantity() -> None:
    marks: dict[str, Decimal] = {}
    asked = []

    def mark(symbol: str) -> Decimal | None:
        asked.append(symbol)
        return marks.get(symbol)

    view = AccountProjection(mark)
    bought = entry(shares(account.SECURITIES, "40", "10"), money(account.CASH, "-40"))
    sold = entry(shares(account.SECURITIES, "-12", "-3"), money(account.CASH, "12"))
    view.on_ledger_entry(bought)
    for change, value in (
        ({"AAPL": D(5)}, 50),
        ({}, 50),
        ({"AAPL": D("5.00")}, 50),
        ({"AAPL": D(6)}, 60),
        (sold, 42),
        (bought, 102),
        ({"AAPL": D(1)}, 17),
    ):
        if isinstance(change, dict):
            marks.update(change)
        else:
            view.on_ledger_entry(change)
        asked.clear()
        assert (view.net_exposure, view.gross_exposure, view.positions()[0].market_value) == (value,) * 3
        assert view.equity == view.cash() + value
        assert asked == ["AAPL"] * 4
    marks.clear()
    with pytest.raises(AccountingError, match="AAPL is held but has no price yet"):
        _ = view.gross_exposure
    with pytest.raises(AccountingError, match="AAPL is held but has no price yet"):
        view.positions()


def test_the_projection_is_an_account_view(view: AccountProjection) -> None:
    seen: AccountView = view
    assert seen.equity == view.equity
