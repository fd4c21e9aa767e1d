"""Purchases that got dearer between decision and fill: what cash pays for is bought, and the rest is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qtrader as qt

D = Decimal

#: Decided at 100, then a gap; all of it would cost 10,500.
BARS = {
    "date": ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"],
    "open": [100.0, 105.0, 106.0, 107.0],
    "high": [101.0, 106.0, 107.0, 108.0],
    "low": [99.0, 104.0, 105.0, 106.0],
    "close": [100.0, 105.0, 106.0, 107.0],
}


class BuyOnce(qt.Strategy):
    """Spend everything at the first bar, and note what is said of the orders."""

    terms: dict[str, Any] = {}  # noqa: RUF012 - a parameter of a strategy
    quantity: int = 100

    def on_bar(self, bar: Any, context: Any) -> None:
        if context.now.day == 2:
            context.emit_signal(bar.symbol, "open_long", quantity=self.quantity, **self.terms)


def run(**more: Any) -> Any:
    account = more.pop("account", "cash")
    return qt.backtest(
        BARS,
        BuyOnce,
        symbol="X",
        calendar="XNYS",
        initial_equity=10_000,
        risk={"name": "test", "account": account, "limits": {"max_gross_leverage": None}},
        **more,
    )


def events(results: Any, kind: str) -> list[Any]:
    return [event for _, event in results.events() if event.event_type == kind]


# settings, filled, steps of the order with their reasons, cash at the end
TABLE = [
    ({}, "95", "accepted:accepted partially_filled:partially_filled canceled:buying_power", "25"),
    ({"buying_power": "reject"}, "0", "accepted:accepted canceled:buying_power", "10000"),
    ({"buying_power": "allow_margin"}, "100", "accepted:accepted filled:filled", "-500"),
    ({"account": "margin"}, "100", "accepted:accepted filled:filled", "-500"),
    (
        {"account": "margin", "buying_power": "trim"},
        "95",
        "accepted:accepted partially_filled:partially_filled canceled:buying_power",
        "25",
    ),
    (
        {"commission": {"type": "per_order", "amount": 26}},
        "94",
        "accepted:accepted partially_filled:partially_filled canceled:buying_power",
        "104",
    ),
    # 105.525 rounded to 105.53, and 1 % of it.
    (
        {"slippage_bps": 50, "commission": "1%"},
        "93",
        "accepted:accepted partially_filled:partially_filled canceled:buying_power",
        "87.5671",
    ),
]


@pytest.mark.parametrize(("given_settings", "filled", "steps", "cash"), TABLE)
def test_a_gap_above_the_decision_price(
    given_settings: dict[str, Any], filled: str, steps: str, cash: str
) -> None:
    results = run(**given_settings)
    assert sum(fill.quantity for fill in events(results, "fill")) == D(filled)
    updates = events(results, "order_update")
    assert " ".join(f"{update.status}:{update.reason}" for update in updates) == steps
    assert events(results, "consolidated_portfolio")[-1].cash == D(cash)


def test_the_sentence_says_what_cash_paid_for() -> None:
    said = [update.message for update in events(run(), "order_update")][-1]
    assert said == "10000 of cash pays for 95 of 100 X at 105 with commission; the other 5 are canceled"
    said = [update.message for update in events(run(buying_power="reject"), "order_update")][-1]
    assert said == "10000 of cash does not pay for 100 X at 105 with commission"


def test_a_bracket_is_as_large_as_what_was_bought() -> None:
    results = run(parameters={"terms": {"stop_loss": 90, "take_profit": 106.5}})
    sold = [fill for fill in events(results, "fill") if fill.side == "sell"]
    assert [(fill.quantity, fill.price, fill.purpose) for fill in sold] == [
        (D(95), D("106.5"), "take_profit")
    ]


def test_fill_or_kill_is_killed_rather_than_trimmed() -> None:
    results = run(parameters={"terms": {"time_in_force": "fok"}})
    assert events(results, "fill") == []
    assert [update.reason for update in events(results, "order_update")][-1] == "buying_power"


class Sell(qt.Strategy):
    """Sell short, then cover when cash is short: neither is held up."""

    def on_bar(self, bar: Any, context: Any) -> None:
        if context.now.day == 2:
            context.emit_signal(bar.symbol, "open_short", quantity=1_000)
        elif context.position(bar.symbol).is_short:
            context.emit_signal(bar.symbol, "close_short")


def test_short_sales_and_covers_are_never_held_up() -> None:
    policy = {
        "name": "t",
        "account": "margin",
        "limits": {"max_gross_leverage": None, "max_position_percent": None},
    }
    results = qt.backtest(
        BARS, Sell, symbol="X", calendar="XNYS", initial_equity=500, risk=policy, buying_power="trim"
    )
    assert [fill.quantity for fill in events(results, "fill")] == [D(1000), D(1000)]
    assert events(results, "consolidated_portfolio")[-1].cash == D(500) + 1000 * (D(105) - D(106))


@settings(max_examples=40, deadline=None)
@given(
    opens=st.lists(st.integers(50, 200), min_size=3, max_size=3),
    quantity=st.integers(1, 150),
    percent=st.sampled_from(["0", "0.1", "2"]),
)
def test_the_cash_of_a_cash_account_is_never_negative(opens: list[int], quantity: int, percent: str) -> None:
    prices = [100.0, *(float(each) for each in opens)]
    bars = BARS | dict.fromkeys(("open", "high", "low", "close"), prices)

    class Again(qt.Strategy):
        def on_bar(self, bar: Any, context: Any) -> None:
            intention = "close_long" if context.position(bar.symbol) else "open_long"
            context.emit_signal(
                bar.symbol, intention, **({"quantity": quantity} if intention == "open_long" else {})
            )

    results = qt.backtest(
        bars,
        Again,
        symbol="X",
        calendar="XNYS",
        initial_equity=10_000,
        commission=f"{percent}%",
        risk={"name": "test", "account": "cash", "limits": {"max_gross_leverage": None}},
    )
    cash = D(10_000)
    for entry in events(results, "ledger_entry")[1:]:
        cash += sum(posting.amount for posting in entry.postings if posting.account == "assets:cash")
        assert cash >= 0
