"""A position as its strategy sees it: a value of the instant at which it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from qtrader.money import ZERO


@dataclass(frozen=True, slots=True)
class PositionView:
    """One strategy's position in a symbol; true when there is one. `quantity` is negative for a short."""

    symbol: str
    quantity: Decimal
    average_price: Decimal | None
    market_price: Decimal | None

    def __bool__(self) -> bool:
        """Tell whether anything is held or owed."""
        return self.quantity != 0

    @property
    def is_long(self) -> bool:
        """Tell whether the position is long."""
        return self.quantity > 0

    @property
    def is_short(self) -> bool:
        """Tell whether the position is short."""
        return self.quantity < 0

    @property
    def market_value(self) -> Decimal:
        """Quantity times the last known close; negative for a short."""
        return ZERO if self.market_price is None else self.quantity * self.market_price

    @property
    def unrealized_pnl(self) -> Decimal:
        """Market value less cost."""
        return ZERO if self.average_price is None else self.market_value - self.quantity * self.average_price
