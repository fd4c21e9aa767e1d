"""What reductions may still reduce: net positions as execution knows them, and how less is shared out.

The positions are a projection of execution's own fills and of splits, by strategy and symbol. They keep
orders that close a position from opening the opposite one when something else has closed it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.events.vocabulary import Side
from qtrader.market.corporate_actions import times
from qtrader.market.instruments import round_quantity
from qtrader.money import ZERO

_BUY: Final = Side.BUY


class NetPositions:
    """Net quantity by strategy and symbol, negative for a short."""

    __slots__ = ("_quantities",)

    def __init__(self) -> None:
        self._quantities: dict[tuple[str, str], Decimal] = {}

    def apply_fill(self, strategy_id: str, symbol: str, side: Side, quantity: Decimal) -> bool:
        """Count a fill and say whether it made a position smaller (or turned it)."""
        key = (strategy_id, symbol)
        before = self._quantities.get(key, ZERO)
        is_purchase = side is _BUY
        after = before + quantity if is_purchase else before - quantity
        if after:
            self._quantities[key] = after
        else:
            self._quantities.pop(key, None)
        return before < 0 if is_purchase else before > 0

    def apply_split(self, symbol: str, ratio: Fraction) -> None:
        """Multiply a symbol's positions; what is paid out in cash comes off by `move`."""
        for (strategy_id, held), quantity in list(self._quantities.items()):
            if held == symbol:
                self.move(strategy_id, symbol, times(quantity, ratio) - quantity)

    def move(self, strategy_id: str, symbol: str, quantity: Decimal) -> None:
        """Change a position by a signed quantity, to 1e-8."""
        key = (strategy_id, symbol)
        after = round_quantity(self._quantities.get(key, ZERO) + quantity)
        if after:
            self._quantities[key] = after
        else:
            self._quantities.pop(key, None)

    def reducible(self, strategy_id: str, symbol: str, side: Side) -> Decimal:
        """Return how much an order of this side can close: the long for a sell, the short for a buy."""
        net = self._quantities.get((strategy_id, symbol), ZERO)
        return max(net if side is Side.SELL else -net, ZERO)


def shrunk(quantities: Sequence[Decimal], available: Decimal, *, first_in_first_out: bool) -> list[Decimal]:
    """Take what exceeds `available` in all from `quantities`, from the first on or from the last back.

    Longs are closed first in, first out and shorts last in, first out, and the orders that protect them
    shrink alike.
    """
    remaining = list(quantities)
    excess = -available
    for quantity in quantities:
        excess += quantity
    places = range(len(remaining)) if first_in_first_out else range(len(remaining) - 1, -1, -1)
    for place in places:
        if excess <= 0:
            break
        taken = min(excess, remaining[place])
        remaining[place] -= taken
        excess -= taken
    return remaining
