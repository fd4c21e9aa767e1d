"""The limits: pure functions of values.

Each returns value, limit, headroom and verdict, and the largest quantity that it would pass.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from qtrader.events.events import RiskCheck
from qtrader.events.vocabulary import CheckVerdict
from qtrader.money import ZERO

_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)
# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_PASS: Final = CheckVerdict.PASS
_FAIL: Final = CheckVerdict.FAIL


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """An opening order as risk sees it: amounts in base currency, quantities positive.

    `position_quantity` is what the strategy would hold before the order fills, closing orders on the way
    included.
    """

    quantity: Decimal
    price: Decimal
    is_short: bool
    position_quantity: Decimal
    equity: Decimal
    free_cash: Decimal
    gross_exposure: Decimal


class Checked(msgspec.Struct, frozen=True, gc=False):
    """A check with what it leaves to the whole order; `taken` is None where it bounds no quantity.

    `taken` is what the check's own value would be without the order, of which one unit of quantity adds
    `per_unit`.
    """

    check: RiskCheck
    taken: Decimal | None = None
    per_unit: Decimal = _ONE

    @property
    def largest_quantity(self) -> Decimal | None:
        """The largest quantity that would have passed; None where the check bounds no quantity."""
        # Only a check that failed is asked.
        if self.taken is None:
            return None
        limit = self.check.limit
        # What no quantity passes has no limit to show.
        return ZERO if limit is None else max(ZERO, (limit - self.taken) / self.per_unit)


def _not_applicable(name: str, detail: str) -> Checked:
    return Checked(RiskCheck(name, CheckVerdict.NOT_APPLICABLE, detail=detail))


_CASH_OF_A_MARGIN_ACCOUNT: Final = _not_applicable("cash", "a margin account is bounded by its leverage")
_NO_SHORT_SALE: Final = _not_applicable("short_sale", "the order opens a long position")
_SHORT_SALE_ALLOWED: Final = Checked(
    RiskCheck("short_sale", CheckVerdict.PASS, detail="short positions are allowed")
)
_SHORT_SALE_REFUSED: Final = Checked(
    RiskCheck("short_sale", CheckVerdict.FAIL, detail="short positions are not allowed by the policy"), ZERO
)
_NO_POSITION_QUANTITY: Final = _not_applicable("position_quantity", "the policy sets no limit")
_NO_POSITION_PERCENT: Final = _not_applicable("position_percent", "the policy sets no limit")
_NO_GROSS_LEVERAGE: Final = _not_applicable("gross_leverage", "the policy sets no limit")


def currency(symbol: str, instrument_currency: str, base_currency: str) -> Checked | None:
    """Refuse what the account cannot book; None where the currencies agree, as a rule of every account."""
    if instrument_currency == base_currency:
        return None
    found = f"{symbol} is in {instrument_currency}, the account is in {base_currency}"
    detail = f"{found}; currencies are not converted yet"
    return Checked(RiskCheck("currency", _FAIL, detail=detail), ZERO)


def cash(proposal: Proposal, *, applies: bool) -> Checked:
    """Pay a purchase from free cash; margin accounts are bounded by leverage instead."""
    if not applies:
        return _CASH_OF_A_MARGIN_ACCOUNT
    return _bounded("cash", proposal, ZERO, proposal.free_cash, "cost of the order, free cash")


def short_sale(proposal: Proposal, *, is_allowed: bool) -> Checked:
    """Refuse short positions where they are not allowed."""
    if not proposal.is_short:
        return _NO_SHORT_SALE
    return _SHORT_SALE_ALLOWED if is_allowed else _SHORT_SALE_REFUSED


def position_quantity(proposal: Proposal, limit: Decimal | None) -> Checked:
    """Bound the quantity held of one symbol."""
    if limit is None:
        return _NO_POSITION_QUANTITY
    held = abs(proposal.position_quantity)
    value = held + proposal.quantity
    verdict = _PASS if value <= limit else _FAIL
    detail = "quantity after the order, limit"
    return Checked(RiskCheck("position_quantity", verdict, value, limit, limit - value, detail), held)


def position_percent(proposal: Proposal, limit_percent: Decimal | None, detail: str | None = None) -> Checked:
    """Bound one position's value as a percentage of equity.

    Args:
        proposal: the order.
        limit_percent: of equity.
        detail: `position_percent_detail` of the limit, where the caller has it already.
    """
    if limit_percent is None:
        return _NO_POSITION_PERCENT
    return _bounded(
        "position_percent",
        proposal,
        abs(proposal.position_quantity) * proposal.price,
        limit_percent * proposal.equity / _HUNDRED,
        position_percent_detail(limit_percent) if detail is None else detail,
    )


def position_percent_detail(limit_percent: Decimal) -> str:
    """Say what `position_percent` compares."""
    return f"value after the order, {limit_percent:f} % of equity"


def gross_leverage(proposal: Proposal, limit: Decimal | None, detail: str | None = None) -> Checked:
    """Bound the sum of all positions' absolute values, reservations included, as a multiple of equity.

    Args:
        proposal: the order.
        limit: times equity.
        detail: `gross_leverage_detail` of the limit, where the caller has it already.
    """
    if limit is None:
        return _NO_GROSS_LEVERAGE
    return _bounded(
        "gross_leverage",
        proposal,
        proposal.gross_exposure,
        limit * proposal.equity,
        gross_leverage_detail(limit) if detail is None else detail,
    )


def gross_leverage_detail(limit: Decimal) -> str:
    """Say what `gross_leverage` compares."""
    return f"gross exposure after the order, {limit:f} times equity"


def _bounded(name: str, proposal: Proposal, taken: Decimal, limit: Decimal, detail: str) -> Checked:
    """Bound an amount of which `taken` is taken before the order is added at its price."""
    price = proposal.price
    value = taken + proposal.quantity * price
    verdict = _PASS if value <= limit else _FAIL
    return Checked(RiskCheck(name, verdict, value, limit, limit - value, detail), taken, price)
