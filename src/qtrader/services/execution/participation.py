"""How much of an order a bar can fill: pure functions of values.

A bar's volume limits what all orders together trade in it: `participation` is the share that they may take,
in percent. Unknown volume limits nothing. What is taken is counted per bar by whoever keeps the orders, in
the order in which they are matched. A bar in which nothing traded fills nothing, and one that only repeats
the bar before it, with no volume, stands for a market that was not open or a source that had nothing to say.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from qtrader.events.events import PriceBarEvent
from qtrader.events.vocabulary import TimeInForce
from qtrader.market.instruments import QUANTITY_STEP, round_quantity
from qtrader.money import ZERO, decimal_of

_PERCENT: Final = Decimal("0.01")


def available_quantity(
    volume: float,
    participation_percent: Decimal | None,
    taken: Decimal = ZERO,
    quantity_step: Decimal = QUANTITY_STEP,
) -> Decimal | None:
    """Return what orders may still trade of a bar, rounded down to the quantity step; None for no limit.

    Args:
        volume: units that were traded in the bar; NaN where unknown.
        participation_percent: of the volume that all orders together may take; None for no limit.
        taken: units that orders have taken of this bar already.
        quantity_step: the instrument's.
    """
    if participation_percent is None or math.isnan(volume):
        return None
    allowed = decimal_of(volume) * participation_percent * _PERCENT
    return max(round_quantity(allowed - taken, quantity_step), ZERO)


def filled_quantity(leaves: Decimal, available: Decimal | None, time_in_force: TimeInForce) -> Decimal:
    """Return how much of what an order has left is filled.

    All of it where nothing limits it, else what is available; fill-or-kill takes all or nothing. What is left
    over by an immediate order is canceled, see `is_over_after`.
    """
    if available is None or leaves <= available:
        return leaves
    return ZERO if time_in_force is TimeInForce.FOK else available


def has_no_volume(bar: PriceBarEvent) -> bool:
    """Say whether it is known that nothing traded in a bar."""
    return bar.volume == 0


def is_stale(bar: PriceBarEvent, previous: PriceBarEvent | None) -> bool:
    """Say whether a bar without volume only repeats the four prices of the bar before it."""
    return (
        previous is not None
        and has_no_volume(bar)
        and (bar.open, bar.high, bar.low, bar.close)
        == (previous.open, previous.high, previous.low, previous.close)
    )


def can_fill(
    bar: PriceBarEvent,
    previous: PriceBarEvent | None,
    *,
    allow_no_volume: bool = False,
    allow_stale: bool = False,
) -> bool:
    """Say whether a bar may fill orders at all.

    Args:
        bar: that orders meet.
        previous: the bar of the same symbol and interval before it, if there is one.
        allow_no_volume: fill in a bar that has known prices and no volume, unless it is stale.
        allow_stale: fill in a stale bar, too.
    """
    if is_stale(bar, previous):
        return allow_stale
    return allow_no_volume or not has_no_volume(bar)
