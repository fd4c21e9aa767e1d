"""How a quantity is found: pure functions that return it with the formula and its numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from qtrader.events.events import Sizing, SizingInput
from qtrader.services.risk.policy import FixedQuantity, PercentOfEquity

if TYPE_CHECKING:
    from qtrader.services.risk.policy import Sizer


_ONE: Final = Decimal(1)


class Sized(msgspec.Struct, frozen=True, gc=False):
    """A quantity on the instrument's step, and how it was found."""

    quantity: Decimal
    sizing: Sizing


def size(
    sizer: Sizer,
    *,
    equity: Decimal,
    price: Decimal,
    quantity_step: Decimal,
    confidence: Decimal | None = None,
    asked_quantity: Decimal | None = None,
) -> Sized:
    """Find the quantity of an opening order, rounded down to the step.

    Args:
        sizer: the policy's method.
        equity: of the account, in its base currency.
        price: the price that the order is expected to trade at.
        quantity_step: what a quantity is a multiple of.
        confidence: multiplies the policy's quantity where the policy says so; None where not.
        asked_quantity: the signal's own quantity, which goes before the policy's.
    """
    factor = _ONE if confidence is None else confidence
    if asked_quantity is not None:
        method, formula, raw = "signal", "quantity asked by the signal", asked_quantity
        inputs: tuple[SizingInput, ...] = (SizingInput("quantity", asked_quantity),)
    elif isinstance(sizer, FixedQuantity):
        method, formula, raw = sizer.method, "quantity", sizer.quantity * factor
        inputs = (SizingInput("quantity", sizer.quantity),)
    else:
        method, formula, raw = (
            sizer.method,
            "equity * percent / 100 / price",
            _percent_of_equity(sizer, equity, price) * factor,
        )
        inputs = (
            SizingInput("equity", equity),
            SizingInput("percent", sizer.percent),
            SizingInput("price", price),
        )
    if confidence is not None and asked_quantity is None:
        formula += " * confidence"
        inputs = (*inputs, SizingInput("confidence", confidence))
    inputs = (*inputs, SizingInput("quantity_step", quantity_step))
    return Sized(
        raw // quantity_step * quantity_step, Sizing(method, f"{formula}, down to quantity_step", inputs)
    )


def _percent_of_equity(sizer: PercentOfEquity, equity: Decimal, price: Decimal) -> Decimal:
    return max(Decimal(0), equity) * sizer.percent / 100 / price
