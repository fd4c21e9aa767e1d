"""The ledger by itself: what it accepts, what it adds up, in one currency and in several."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.errors import AccountingError
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.events.vocabulary import LedgerKind
from qtrader.services.portfolio.ledger import Ledger, check_balanced

D = Decimal


def entry(*postings: Posting) -> LedgerEntryEvent:
    return LedgerEntryEvent(
        entry_id="entry",
        kind=LedgerKind.FILL,
        description="by hand",
        postings=postings,
        strategy_id="alpha",
        symbol="SAP",
    )


def test_each_currency_is_added_up_by_itself() -> None:
    ledger = Ledger()
    ledger.post(
        entry(
            Posting("assets:cash", "USD", D(-110)),
            Posting("assets:cash", "EUR", D(100)),
            Posting("equity:exchange", "USD", D(110)),
            Posting("equity:exchange", "EUR", D(-100)),
        )
    )
    ledger.post(entry(Posting("assets:cash", "EUR", D("-0.5")), Posting("expenses:fee", "EUR", D("0.5"))))
    assert ledger.balances == {
        ("assets:cash", "USD"): D(-110),
        ("equity:exchange", "USD"): D(110),
        ("assets:cash", "EUR"): D("99.5"),
        ("equity:exchange", "EUR"): D(-100),
        ("expenses:fee", "EUR"): D("0.5"),
    }
    assert ledger.cash_balances() == [("EUR", D("99.5")), ("USD", D(-110))]
    assert (ledger.balance("assets:cash", "EUR"), ledger.balance("assets:cash", "CHF")) == (D("99.5"), 0)
    assert ledger.balance("assets:other", "EUR") == 0


def test_what_balances_only_across_currencies_is_refused() -> None:
    ledger = Ledger()
    across = entry(Posting("assets:cash", "USD", D(-100)), Posting("assets:cash", "EUR", D(100)))
    with pytest.raises(AccountingError, match="its USD amounts sum to -100 instead of 0"):
        ledger.post(across)
    assert ledger.balances == {}


def test_a_lot_is_known_until_quantity_and_cost_are_gone() -> None:
    ledger = Ledger()
    cash = Posting("assets:cash", "USD", D(-50))
    ledger.post(entry(Posting("assets:securities", "USD", D(50), "SAP", D(5), "lot"), cash))
    assert ledger.lots == {"lot": (D(5), D(50))}
    out = Posting("assets:securities", "USD", D(-20), "SAP", D(-2), "lot")
    gain = Posting("income:realized_gain", "USD", D(-4), lot_id="lot")
    ledger.post(entry(out, gain, Posting("assets:cash", "USD", D(24))))
    assert (ledger.lots, ledger.realized) == ({"lot": (D(3), D(30))}, {("SAP", "alpha"): D(4)})
    rest = Posting("assets:securities", "USD", D(-30), "SAP", D(-3), "lot")
    loss = Posting("income:realized_gain", "USD", D(10), lot_id="lot")
    ledger.post(entry(rest, loss, Posting("assets:cash", "USD", D(20))))
    assert (ledger.lots, ledger.realized) == ({}, {("SAP", "alpha"): D(-6)})


amounts = st.one_of(st.integers(-3, 3).map(Decimal), st.decimals(Decimal(-9), Decimal(9), places=8))
posted = st.builds(
    Posting,
    account=st.sampled_from(["assets:cash", "expenses:commission", "equity:deposits"]),
    currency=st.sampled_from(["USD", "USD", "EUR"]),
    amount=amounts,
)


@settings(max_examples=100, deadline=None)
@given(entries=st.lists(st.tuples(st.lists(posted, max_size=5), st.booleans()), max_size=5))
def test_an_entry_is_posted_whole_if_every_currency_sums_to_zero_and_else_not_at_all(
    entries: list[tuple[list[Posting], bool]],
) -> None:
    ledger = Ledger()
    expected: dict[tuple[str, str], Fraction] = {}
    for given_lines, is_completed in entries:
        lines = list(given_lines)
        sums: dict[str, Fraction] = {}
        for line in lines:
            sums[line.currency] = sums.get(line.currency, Fraction(0)) + Fraction(line.amount)
        if is_completed:
            lines += [
                Posting("assets:other", currency, -D(total.numerator) / D(total.denominator))
                for currency, total in sums.items()
            ]
        each = entry(*lines)
        if is_completed or not any(sums.values()):
            check_balanced(each)
            ledger.post(each)
            for line in lines:
                key = (line.account, line.currency)
                expected[key] = expected.get(key, Fraction(0)) + Fraction(line.amount)
        else:
            for refuse in (check_balanced, ledger.post):
                with pytest.raises(AccountingError, match="does not balance"):
                    refuse(each)
        assert {key: Fraction(amount) for key, amount in ledger.balances.items()} == expected
