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
    """A check with what it leaves to the whole order; `room` is None where it bounds no quantity.

    `room` is in units of the check's own value, of which one unit of quantity takes `per_unit`.
    """

    check: RiskCheck
    room: Decimal | None = None
    per_unit: Decimal = _ONE

    @property
    def largest_quantity(self) -> Decimal | None:
        """The largest quantity that would have passed; None where the check bounds no quantity."""
        # Only a check that failed is asked.
        return None if self.room is None else max(ZERO, self.room / self.per_unit)


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
    value, room = held + proposal.quantity, limit - held
    return _checked("position_quantity", value, limit, "quantity after the order, limit", room=room)


def position_percent(proposal: Proposal, limit_percent: Decimal | None) -> Checked:
    """Bound one position's value as a percentage of equity."""
    if limit_percent is None:
        return _NO_POSITION_PERCENT
    held = abs(proposal.position_quantity) * proposal.price
    limit = limit_percent * proposal.equity / _HUNDRED
    detail = f"value after the order, {limit_percent:f} % of equity"
    return _bounded("position_percent", proposal, held, limit, detail)


def gross_leverage(proposal: Proposal, limit: Decimal | None) -> Checked:
    """Bound the sum of all positions' absolute values, reservations included, as a multiple of equity."""
    if limit is None:
        return _NO_GROSS_LEVERAGE
    allowed = limit * proposal.equity
    detail = f"gross exposure after the order, {limit:f} times equity"
    return _bounded("gross_leverage", proposal, proposal.gross_exposure, allowed, detail)


def _bounded(name: str, proposal: Proposal, taken: Decimal, limit: Decimal, detail: str) -> Checked:
    """Bound an amount of which `taken` is taken before the order is added at its price."""
    price = proposal.price
    value = taken + proposal.quantity * price
    return _checked(name, value, limit, detail, room=limit - taken, per_unit=price)


def _checked(
    name: str, value: Decimal, limit: Decimal, detail: str, *, room: Decimal, per_unit: Decimal = _ONE
) -> Checked:
    verdict = _PASS if value <= limit else _FAIL
    return Checked(RiskCheck(name, verdict, value, limit, limit - value, detail), room, per_unit)
