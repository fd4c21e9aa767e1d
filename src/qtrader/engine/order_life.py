"""An order with what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from qtrader.events.events import OrderEvent, OrderUpdateEvent
from qtrader.events.vocabulary import OrderStatus
from qtrader.money import ZERO

#: Statuses of orders that still rest when a run ends.
WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})


@dataclass(slots=True)
class OrderLife:
    """An order with its latest step and its commissions; without a step it was never taken up."""

    order: OrderEvent
    update: OrderUpdateEvent | None = None
    commission: Decimal = ZERO

    @property
    def status(self) -> str:
        """Where it stands."""
        return "new" if self.update is None else self.update.status.value

    @property
    def is_working(self) -> bool:
        """Tell whether it still rests."""
        return self.update is None or self.update.status in WORKING
