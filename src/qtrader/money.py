"""Exact money: the one decimal context, the one rounding, the one bridge from market data.

Amounts are quantised once, where they are posted, half-even. A float of the market layer becomes a Decimal by
its shortest repr, which is the decimal that the source wrote, and it does so once, where it enters a
decision.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Every calculation with money happens in this context: 50 digits, half-even, and no silent infinity or NaN.
MONEY_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[DivisionByZero, InvalidOperation, Overflow])

ZERO = Decimal(0)

_STEPS = {scale: Decimal(1).scaleb(-scale) for scale in range(19)}


@contextmanager
def money_context() -> Iterator[None]:
    """Calculate in `MONEY_CONTEXT` and leave the caller's context as it was."""
    with localcontext(MONEY_CONTEXT):
        yield


def quantize(amount: Decimal, scale: int) -> Decimal:
    """Round an amount half-even to `scale` decimal places."""
    return amount.quantize(_STEPS[scale], ROUND_HALF_EVEN, MONEY_CONTEXT)


def decimal_of(value: float) -> Decimal:
    """Convert a float of the market layer to the decimal that its source wrote."""
    return Decimal(repr(value))
