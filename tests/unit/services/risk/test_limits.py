"""Each limit as a table: value, limit, headroom and verdict, exactly at the boundary and one step beyond."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from qtrader.events.vocabulary import CheckVerdict
from qtrader.services.risk import limits
from qtrader.services.risk.limits import Checked, Proposal


def proposal(**numbers: Any) -> Proposal:
    """Propose to buy 100 at 50 with an equity and free cash of 10,000 and nothing held."""
    fields: dict[str, Any] = {
        "quantity": "100",
        "price": "50",
        "is_short": False,
        "position_quantity": "0",
        "equity": "10000",
        "free_cash": "10000",
        "gross_exposure": "0",
    } | numbers
    return Proposal(
        **{name: Decimal(value) if isinstance(value, str) else value for name, value in fields.items()}
    )


def cash(**numbers: Any) -> Checked:
    return limits.cash(proposal(**numbers), applies=True)


def quantity(limit: str) -> Callable[..., Checked]:
    return lambda **numbers: limits.position_quantity(proposal(**numbers), Decimal(limit))


def percent(limit: str) -> Callable[..., Checked]:
    return lambda **numbers: limits.position_percent(proposal(**numbers), Decimal(limit))


def leverage(limit: str) -> Callable[..., Checked]:
    return lambda **numbers: limits.gross_leverage(proposal(**numbers), Decimal(limit))


# check, what differs, value, limit, headroom, verdict, largest quantity that passes
TABLE: list[tuple[Callable[..., Checked], dict[str, str], str, str, str, str, str]] = [
    (cash, {}, "5000", "10000", "5000", "pass", "200"),
    (cash, {"quantity": "200"}, "10000", "10000", "0", "pass", "200"),
    (cash, {"quantity": "201"}, "10050", "10000", "-50", "fail", "200"),
    (cash, {"free_cash": "-10"}, "5000", "-10", "-5010", "fail", "0"),
    (quantity("100"), {}, "100", "100", "0", "pass", "100"),
    (quantity("99"), {}, "100", "99", "-1", "fail", "99"),
    (quantity("150"), {"position_quantity": "40"}, "140", "150", "10", "pass", "110"),
    (quantity("150"), {"position_quantity": "-60", "is_short": "1"}, "160", "150", "-10", "fail", "90"),
    (quantity("150"), {"position_quantity": "170"}, "270", "150", "-120", "fail", "0"),
    (percent("50"), {}, "5000", "5000", "0", "pass", "100"),
    (percent("49.99"), {}, "5000", "4999", "-1", "fail", "99.98"),
    (percent("100"), {"position_quantity": "-100"}, "10000", "10000", "0", "pass", "100"),
    (percent("100"), {"position_quantity": "101"}, "10050", "10000", "-50", "fail", "99"),
    (percent("100"), {"equity": "-1"}, "5000", "-1", "-5001", "fail", "0"),
    (leverage("0.5"), {}, "5000", "5000", "0", "pass", "100"),
    (leverage("1"), {"gross_exposure": "5000"}, "10000", "10000", "0", "pass", "100"),
    (leverage("1"), {"gross_exposure": "5000.01"}, "10000.01", "10000", "-0.01", "fail", "99.9998"),
    (leverage("2"), {"gross_exposure": "15000"}, "20000", "20000", "0", "pass", "100"),
    (leverage("1"), {"gross_exposure": "12000"}, "17000", "10000", "-7000", "fail", "0"),
    (leverage("1"), {"equity": "0"}, "5000", "0", "-5000", "fail", "0"),
]


@pytest.mark.parametrize(("check", "differs", "value", "limit", "headroom", "verdict", "largest"), TABLE)
def test_a_limit_shows_value_limit_headroom_and_verdict(  # noqa: PLR0917 - the columns of the table
    check: Callable[..., Checked],
    differs: dict[str, str],
    value: str,
    limit: str,
    headroom: str,
    verdict: str,
    largest: str,
) -> None:
    found = check(**differs)
    shown = found.check
    assert (shown.value, shown.limit, shown.headroom) == (Decimal(value), Decimal(limit), Decimal(headroom))
    assert (shown.verdict.value, found.largest_quantity) == (verdict, Decimal(largest))


NOT_APPLICABLE = [
    (limits.cash(proposal(), applies=False), "a margin account is bounded by its leverage"),
    (limits.position_quantity(proposal(), None), "the policy sets no limit"),
    (limits.position_percent(proposal(), None), "the policy sets no limit"),
    (limits.gross_leverage(proposal(), None), "the policy sets no limit"),
    (limits.short_sale(proposal(), is_allowed=False), "the order opens a long position"),
]


@pytest.mark.parametrize(("found", "detail"), NOT_APPLICABLE, ids=lambda value: str(value)[:30])
def test_a_check_that_does_not_apply_says_why_and_bounds_nothing(found: Checked, detail: str) -> None:
    assert found.check.verdict is CheckVerdict.NOT_APPLICABLE
    assert (found.check.detail, found.largest_quantity, found.check.value) == (detail, None, None)


def test_a_currency_that_is_not_the_accounts_leaves_no_quantity() -> None:
    assert limits.currency("BMW", "USD", "USD") is None
    found = limits.currency("BMW", "EUR", "USD")
    assert found is not None
    assert (found.check.name, found.check.verdict, found.largest_quantity) == (
        "currency",
        CheckVerdict.FAIL,
        0,
    )
    assert found.check.detail == ("BMW is in EUR, the account is in USD; currencies are not converted yet")


def test_shorts_are_allowed_or_not() -> None:
    allowed = limits.short_sale(proposal(is_short=True), is_allowed=True)
    refused = limits.short_sale(proposal(is_short=True), is_allowed=False)
    assert (allowed.check.verdict, allowed.largest_quantity) == (CheckVerdict.PASS, None)
    assert (refused.check.verdict, refused.largest_quantity) == (CheckVerdict.FAIL, 0)
