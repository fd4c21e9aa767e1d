"""A position as its strategy sees it: a value of the instant at which it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from qtrader.events.codec import canonical_decimal, parse_decimal
from qtrader.money import MONEY_CONTEXT, ZERO, decimal_of


@dataclass(frozen=True, slots=True)
class PositionView:
    """One strategy's position in a symbol; true when there is one.

    Most strategies only ask whether there is one, so that the other numbers are worked out when asked for.

    Attributes:
        symbol: what is held.
        quantity: units held, negative for a short.
        cost: total cost of the open lots, negative for a short.
        last_close: the last known close, as money or as the market layer has it; None before the first bar.
    """

    symbol: str
    quantity: Decimal
    cost: Decimal
    last_close: Decimal | float | None

    def __bool__(self) -> bool:
        """Tell whether anything is held or owed."""
        return bool(self.quantity)

    @property
    def is_long(self) -> bool:
        """Tell whether the position is long."""
        return self.quantity > 0

    @property
    def is_short(self) -> bool:
        """Tell whether the position is short."""
        return self.quantity < 0

    @property
    def average_price(self) -> Decimal | None:
        """Cost per unit, always positive; None when flat."""
        return canonical(MONEY_CONTEXT.divide(self.cost, self.quantity)) if self.quantity else None

    @property
    def market_price(self) -> Decimal | None:
        """The last known close; None before the first bar."""
        close = self.last_close
        if close is None:
            return None
        return canonical(decimal_of(close) if isinstance(close, float) else close)

    @property
    def market_value(self) -> Decimal:
        """Quantity times the last known close; negative for a short."""
        price = self.market_price
        return ZERO if price is None else self.quantity * price

    @property
    def unrealized_pnl(self) -> Decimal:
        """Market value less cost."""
        average = self.average_price
        return ZERO if average is None else self.market_value - self.quantity * average


def canonical(value: Decimal) -> Decimal:
    """Give a Decimal the form that it has on the wire: fixed point without superfluous zeros."""
    return value if str(value).isdecimal() else parse_decimal(canonical_decimal(value))
