"""What is on its way: approved orders that have not ended, with the cash and exposure they lay claim to.

A claim is made when risk approves, before the order is published, and given back as the order fills or ends,
so that two signals of one instant never spend the same cash.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from qtrader.events.vocabulary import OrderPurpose, OrderStatus, Side
from qtrader.money import ZERO
from qtrader.services.manager.intentions import Holding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qtrader.events.events import OrderEvent, OrderUpdateEvent

_FINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)
_OPEN: Final = OrderPurpose.OPEN
_NONE: Final[Mapping[str, _Claim]] = {}


class _Claim:
    """One order that has not ended; `price` values what is left of it."""

    __slots__ = ("is_opening", "leaves_quantity", "order", "price")

    def __init__(self, order: OrderEvent, price: Decimal) -> None:
        self.order = order
        self.price = price
        self.leaves_quantity = order.quantity
        self.is_opening = order.purpose is _OPEN


class Reservations:
    """Keep the claims of orders on their way, by strategy and symbol."""

    def __init__(self) -> None:
        self._claims: dict[str, _Claim] = {}
        self._by_position: dict[tuple[str, str], dict[str, _Claim]] = {}

    def add(self, order: OrderEvent, price: Decimal) -> None:
        """Lay claim for an opening or closing order at the price it is expected to trade at."""
        claim = _Claim(order, price)
        self._claims[order.order_id] = claim
        self._by_position.setdefault((order.strategy_id, order.symbol), {})[order.order_id] = claim

    def update(self, update: OrderUpdateEvent) -> None:
        """Follow an order: what has filled or ended is given back, what a split changed is changed here."""
        claim = self._claims.get(update.order_id)
        if claim is None:
            return
        if update.status in _FINAL:
            del self._claims[update.order_id]
            key = (update.strategy_id, update.symbol)
            claims = self._by_position[key]
            del claims[update.order_id]
            if not claims:
                del self._by_position[key]
            return
        if update.reason == "split" and update.leaves_quantity > 0:
            claim.price = claim.price * claim.leaves_quantity / update.leaves_quantity
        claim.leaves_quantity = update.leaves_quantity

    @property
    def exposure(self) -> Decimal:
        """Exposure that opening orders on their way would add."""
        return self._total(lambda claim: claim.is_opening)

    @property
    def cash(self) -> Decimal:
        """Cash that opening purchases on their way would take."""
        return self._total(lambda claim: claim.is_opening and claim.order.side is Side.BUY)

    @property
    def closing_exposure(self) -> Decimal:
        """Exposure that closing orders on their way would take off."""
        return self._total(lambda claim: not claim.is_opening)

    @property
    def closing_proceeds(self) -> Decimal:
        """Cash that closing sales on their way would bring."""
        return self._total(lambda claim: not claim.is_opening and claim.order.side is Side.SELL)

    def holding(self, strategy_id: str, symbol: str, quantity: Decimal) -> Holding:
        """Put a position together with what is on its way for it."""
        closing, opening_id, closing_id = ZERO, None, None
        for order_id, claim in self._by_position.get((strategy_id, symbol), _NONE).items():
            if claim.is_opening:
                opening_id = order_id
            else:
                closing += claim.leaves_quantity
                closing_id = order_id
        return Holding(quantity, closing, opening_id, closing_id)

    def _total(self, counts: Callable[[_Claim], bool]) -> Decimal:
        total = ZERO
        for claim in self._claims.values():
            if counts(claim):
                total += claim.leaves_quantity * claim.price
        return total
