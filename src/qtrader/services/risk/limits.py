"""The limits: pure functions of values.

Each returns value, limit, headroom and verdict, and the largest quantity that it would pass.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from qtrader.events.events import RiskCheck
from qtrader.events.vocabulary import CheckVerdict
from qtrader.money import ZERO


class Proposal(NamedTuple):
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


class Checked(NamedTuple):
    """A check and the largest quantity that would have passed it; None where it bounds no quantity."""

    check: RiskCheck
    largest_quantity: Decimal | None


def cash(proposal: Proposal, *, applies: bool) -> Checked:
    """Pay a purchase from free cash; margin accounts are bounded by leverage instead."""
    if not applies:
        return _not_applicable("cash", "a margin account is bounded by its leverage")
    cost = proposal.quantity * proposal.price
    return _bounded(
        "cash", cost, proposal.free_cash, proposal.free_cash / proposal.price, "cost of the order, free cash"
    )


def short_sale(proposal: Proposal, *, is_allowed: bool) -> Checked:
    """Refuse short positions where they are not allowed."""
    if not proposal.is_short:
        return _not_applicable("short_sale", "the order opens a long position")
    if is_allowed:
        return Checked(RiskCheck("short_sale", CheckVerdict.PASS, detail="short positions are allowed"), None)
    check = RiskCheck("short_sale", CheckVerdict.FAIL, detail="short positions are not allowed by the policy")
    return Checked(check, ZERO)


def position_quantity(proposal: Proposal, limit: Decimal | None) -> Checked:
    """Bound the quantity held of one symbol."""
    if limit is None:
        return _not_applicable("position_quantity", "the policy sets no limit")
    held = abs(proposal.position_quantity)
    return _bounded(
        "position_quantity", held + proposal.quantity, limit, limit - held, "quantity after the order, limit"
    )


def position_percent(proposal: Proposal, limit_percent: Decimal | None) -> Checked:
    """Bound one position's value as a percentage of equity."""
    if limit_percent is None:
        return _not_applicable("position_percent", "the policy sets no limit")
    held = abs(proposal.position_quantity) * proposal.price
    limit = limit_percent * proposal.equity / 100
    largest = (limit - held) / proposal.price
    value = held + proposal.quantity * proposal.price
    return _bounded(
        "position_percent", value, limit, largest, f"value after the order, {limit_percent:f} % of equity"
    )


def gross_leverage(proposal: Proposal, limit: Decimal | None) -> Checked:
    """Bound the sum of all positions' absolute values, reservations included, as a multiple of equity."""
    if limit is None:
        return _not_applicable("gross_leverage", "the policy sets no limit")
    allowed = limit * proposal.equity
    value = proposal.gross_exposure + proposal.quantity * proposal.price
    largest = (allowed - proposal.gross_exposure) / proposal.price
    return _bounded(
        "gross_leverage", value, allowed, largest, f"gross exposure after the order, {limit:f} times equity"
    )


def _bounded(name: str, value: Decimal, limit: Decimal, largest: Decimal, detail: str) -> Checked:
    verdict = CheckVerdict.PASS if value <= limit else CheckVerdict.FAIL
    return Checked(RiskCheck(name, verdict, value, limit, limit - value, detail), max(ZERO, largest))


def _not_applicable(name: str, detail: str) -> Checked:
    return Checked(RiskCheck(name, CheckVerdict.NOT_APPLICABLE, detail=detail), None)
