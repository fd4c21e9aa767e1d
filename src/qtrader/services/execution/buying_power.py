"""What a purchase may cost at its fill: a price dearer than the one decided on must still be paid.

Limits are checked when a signal becomes an order, at the price known then. At the fill the market may have
gone away from it, so what opens or enlarges a long position is checked against cash once more. `trim` buys
what cash pays for and cancels the rest, `reject` cancels all, `allow_margin` borrows. Orders that reduce a
position are never held up, and a short sale brings cash.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from qtrader.money import ZERO

#: What happens to a purchase that cash does not pay for.
BuyingPower = Literal["trim", "reject", "allow_margin"]


def buying_power_of(setting: BuyingPower | None, account: str) -> BuyingPower:
    """Return the rule in force: without a setting, cash accounts trim and margin accounts borrow."""
    if setting is not None:
        return setting
    return "trim" if account == "cash" else "allow_margin"


def payable_quantity(
    quantity: Decimal, step: Decimal, cash: Decimal, cost: Callable[[Decimal], Decimal]
) -> Decimal:
    """Return the largest quantity, at most `quantity`, that cash pays for.

    Args:
        quantity: wished for, positive.
        step: what a smaller quantity is a multiple of.
        cash: what may be spent; nothing can be bought with less than zero.
        cost: what a quantity costs, commission included; it grows with the quantity. Where it does not,
            because a larger trade pays a smaller fee on all of it, the result can be paid but may not be the
            largest.
    """
    if cost(quantity) <= cash:
        return quantity
    # The whole quantity may lie off the step; a part of it does not.
    paid, unpaid = 0, int(quantity // step) + (1 if quantity % step else 0)
    while unpaid - paid > 1:
        middle = (paid + unpaid) // 2
        if cost(step * middle) <= cash:
            paid = middle
        else:
            unpaid = middle
    return step * paid if paid else ZERO
