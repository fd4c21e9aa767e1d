"""What is left of the volume of an instant's bars for the orders that meet them, one after another."""

from __future__ import annotations

from decimal import Decimal

from qtrader.events.events import PriceBarEvent
from qtrader.market.instruments import Instrument
from qtrader.money import ZERO
from qtrader.services.execution.orders import WorkingOrder
from qtrader.services.execution.participation import available_quantity, filled_quantity


class BarVolumes:
    """Share out volume.

    Args:
        participation_percent: of a bar's volume that all orders together may take; None for no limit.
    """

    def __init__(self, participation_percent: Decimal | None) -> None:
        self.is_limited = participation_percent is not None
        self._percent = participation_percent
        #: What was taken of the bar of a symbol that closed at an instant.
        self._taken: dict[tuple[str, int], Decimal] = {}

    def clear(self) -> None:
        """Forget the bars of earlier instants."""
        self._taken.clear()

    def take(
        self, order: WorkingOrder, leaves: Decimal, bar: PriceBarEvent, instrument: Instrument
    ) -> Decimal:
        """Return how much of a bar's volume an order gets, and count it."""
        key = bar.symbol, bar.closed_at_us
        taken = self._taken.get(key, ZERO)
        available = available_quantity(bar.volume, self._percent, taken, instrument.quantity_step)
        quantity = filled_quantity(leaves, available, order.order.time_in_force)
        self._taken[key] = taken + quantity
        return quantity

    def give_back(self, quantity: Decimal, bar: PriceBarEvent) -> None:
        """Leave to others what an order has taken and cannot trade after all."""
        if self.is_limited:
            self._taken[bar.symbol, bar.closed_at_us] -= quantity
