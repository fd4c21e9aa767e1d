"""What a trade costs: commission and slippage, as functions of values.

Commission is a function of what an order has traded in all, so that minimum, cap and a flat amount hold for
the order however many fills it takes; a fill is charged the difference to what its order was charged before.
Slippage moves the price against the trader and is part of it; the amount beside it is a memo and never a
second posting.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from qtrader.events.vocabulary import OrderType, Side
from qtrader.market.instruments import round_fill_price
from qtrader.money import ZERO, quantize
from qtrader.services.execution.settings import (
    CommissionSettings,
    NoCommission,
    PercentCommission,
    PerShareCommission,
)

#: Decimal places to which amounts are rounded half-even unless a run says otherwise.
LEDGER_SCALE: Final = 8

_PERCENT = Decimal("0.01")
_BASIS_POINT = Decimal("0.0001")
#: A limit order never trades past its limit, so only these pay slippage.
_SLIPPING = frozenset({OrderType.MARKET, OrderType.STOP})


def order_commission(
    model: CommissionSettings, quantity: Decimal, value: Decimal, ledger_scale: int = LEDGER_SCALE
) -> Decimal:
    """Return the commission of an order that has traded `quantity` units for `value`.

    Args:
        model: the fee schedule.
        quantity: units traded by the order in all, unsigned.
        value: the sum of quantity times price over its fills, in the instrument's currency.
        ledger_scale: decimal places of the result, rounded half-even.
    """
    if isinstance(model, NoCommission) or not quantity:
        return ZERO
    if isinstance(model, PercentCommission):
        amount = value * model.percent * _PERCENT
    elif isinstance(model, PerShareCommission):
        amount = max(quantity * model.amount, model.minimum)
        if model.maximum_percent is not None:
            amount = min(amount, value * model.maximum_percent * _PERCENT)
    else:
        amount = model.amount
    return quantize(amount, ledger_scale)


def slipped_price(
    reference_price: Decimal,
    side: Side,
    order_type: OrderType,
    slippage_bps: Decimal,
    tick_size: Decimal | None,
) -> Decimal:
    """Return the price that a trade pays or receives.

    Without slippage it is the reference price itself, on the tick or not, because observed prices are never
    rounded.
    """
    if not slippage_bps or order_type not in _SLIPPING:
        return reference_price
    change = slippage_bps * _BASIS_POINT
    factor = 1 + change if side is Side.BUY else 1 - change
    return round_fill_price(reference_price * factor, side, tick_size)


def slippage_memo(
    price: Decimal, reference_price: Decimal, quantity: Decimal, ledger_scale: int = LEDGER_SCALE
) -> Decimal:
    """Return what slippage cost, in the instrument's currency; a memo that is already inside the price."""
    if price == reference_price:
        return ZERO
    return quantize(abs(price - reference_price) * quantity, ledger_scale)
