"""The arithmetic of splits and dividends: pure functions of values.

A split's ratio stands in its event as a decimal; a third cannot. `exact_ratio` reads 0.333333 as 1/3, so
that 300 shares become 100 and not 99 with cash in lieu of almost one. A split pays cash in lieu for what
lies below the instrument's quantity step of the whole position of a strategy (a lot may well hold a
fraction); it comes out of the lots as a sale would. A dividend belongs to who holds at the ex date's open;
reinvested, it buys for a long and sells for a short at the close.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

from qtrader.errors import AccountingError
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType
from qtrader.market.corporate_actions import exact_ratio
from qtrader.money import MONEY_CONTEXT, ZERO, quantize
from qtrader.services.portfolio.lot_tracker import QUANTITY_SCALE


class PendingDividend(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A dividend that is entitled and not settled; `amount` is negative where a short owes it.

    `ordinal` puts those due at one instant into the order of their entitlement; `cause_id` is the corporate
    action's event.
    """

    due_us: int
    ordinal: int
    action_id: str
    cause_id: str
    correlation_id: str | None
    strategy_id: str
    symbol: str
    amount: Decimal
    is_reinvested: bool


def split_ratio(action: CorporateActionEvent) -> Fraction:
    """Return new units per old unit of a split or a stock dividend.

    Raises:
        AccountingError: the ratio is missing or not positive.
    """
    if action.ratio is None or not action.ratio > 0:
        msg = (
            f"{action.action_type} {action.action_id} of {action.symbol}: ratio is {action.ratio}; "
            "allowed is a positive number"
        )
        raise AccountingError(msg)
    ratio = exact_ratio(action.ratio)
    return 1 + ratio if action.action_type is ActionType.STOCK_DIVIDEND else ratio


def quantity_in_lieu(quantity: Decimal, quantity_step: Decimal) -> Decimal:
    """Return the part of a position, with its sign, that lies below the instrument's quantity step."""
    return quantity % quantity_step


def dividend_per_unit(action: CorporateActionEvent, base_currency: str) -> Decimal:
    """Return a cash dividend per unit held.

    Raises:
        AccountingError: the amount is missing or negative, or in another currency than the account's.
    """
    if action.amount is None or action.amount < 0:
        msg = (
            f"dividend {action.action_id} of {action.symbol}: amount is {action.amount}; "
            "allowed is zero or more"
        )
        raise AccountingError(msg)
    if action.currency != base_currency:
        msg = (
            f"dividend {action.action_id} of {action.symbol} is in {action.currency}, "
            f"the account is in {base_currency}; currencies are not converted yet"
        )
        raise AccountingError(msg)
    return action.amount


def dividend_amount(quantity: Decimal, per_unit: Decimal, ledger_scale: int) -> Decimal:
    """Return what a position receives, or a short owes (negative)."""
    return quantize(MONEY_CONTEXT.multiply(quantity, per_unit), ledger_scale)


def reinvestment(
    amount: Decimal, price: Decimal, quantity_step: Decimal | None, ledger_scale: int
) -> tuple[Decimal, Decimal]:
    """Return the quantity that a dividend becomes, and its cost, both with the dividend's sign.

    Without a step the quantity is rounded half-even to 1e-8 and costs the whole dividend. With a step it is
    rounded towards zero and costs quantise(quantity * price), which leaves a rest in cash.
    """
    if quantity_step is None:
        quantity = quantize(MONEY_CONTEXT.divide(amount, price), QUANTITY_SCALE)
        return (quantity, amount) if quantity else (ZERO, ZERO)
    steps = MONEY_CONTEXT.divide_int(amount, MONEY_CONTEXT.multiply(price, quantity_step))
    quantity = MONEY_CONTEXT.multiply(steps, quantity_step)
    return quantity, quantize(MONEY_CONTEXT.multiply(quantity, price), ledger_scale)
