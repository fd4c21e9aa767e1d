"""What is on its way: approved orders that have not ended, with the cash and exposure they lay claim to.

A claim is made when risk approves, before the order is published, and given back as the order fills or ends,
so that two signals of one instant never spend the same cash.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from qtrader.events.vocabulary import OrderPurpose, OrderStatus, Side
from qtrader.money import ZERO
from qtrader.services.manager.intentions import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtrader.events.events import OrderEvent, OrderUpdateEvent

_FINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)
# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_OPEN: Final = OrderPurpose.OPEN
_BUY: Final = Side.BUY


class Totals(msgspec.Struct, frozen=True, gc=False):
    """What all orders on their way come to, in base currency.

    Args:
        cash: that opening purchases would take.
        exposure: that opening orders would add.
        closing_proceeds: cash that closing sales would bring.
        closing_exposure: that closing orders would take off.
    """

    cash: Decimal
    exposure: Decimal
    closing_proceeds: Decimal
    closing_exposure: Decimal


_NOTHING: Final = Totals(ZERO, ZERO, ZERO, ZERO)


class _Claim(msgspec.Struct, gc=False):
    """One order that has not ended; `price` values what is left of it, `position` is strategy and symbol."""

    position: tuple[str, str]
    is_opening: bool
    is_purchase: bool
    leaves_quantity: Decimal
    price: Decimal


class Reservations:
    """Keep the claims of orders on their way, by strategy and symbol."""

    __slots__ = ("_by_position", "_claims", "_totals", "_uncounted")

    def __init__(self) -> None:
        self._claims: dict[str, _Claim] = {}
        self._by_position: dict[tuple[str, str], dict[str, _Claim]] = {}
        #: Of all claims but the uncounted ones, which came later; None where a claim has changed since.
        self._totals: Totals | None = _NOTHING
        self._uncounted: list[_Claim] = []

    def add(self, order: OrderEvent, price: Decimal) -> None:
        """Lay claim for an opening or closing order at the price it is expected to trade at."""
        order_id, position = order.order_id, (order.strategy_id, order.symbol)
        claim = _Claim(position, order.purpose is _OPEN, order.side is _BUY, order.quantity, price)
        self._claims[order_id] = claim
        self._uncounted.append(claim)
        claims = self._by_position.get(position)
        if claims is None:
            self._by_position[position] = {order_id: claim}
        else:
            claims[order_id] = claim

    def update(self, update: OrderUpdateEvent) -> None:
        """Follow an order: what has filled or ended is given back, what a split changed is changed here."""
        order_id = update.order_id
        claim = self._claims.get(order_id)
        if claim is None:
            return
        leaves = update.leaves_quantity
        if update.status in _FINAL:
            del self._claims[order_id]
            claims = self._by_position[claim.position]
            del claims[order_id]
            if not claims:
                del self._by_position[claim.position]
        elif leaves != claim.leaves_quantity:
            if update.reason == "split" and leaves > 0:
                claim.price = claim.price * claim.leaves_quantity / leaves
            claim.leaves_quantity = leaves
        else:
            return
        self._totals = None
        self._uncounted.clear()

    def totals(self) -> Totals:
        """Add up what is on its way, in the order in which it was approved.

        Only what has come since the last time is added where nothing else has changed, as many signals of
        one instant ask one after the other.
        """
        claims, totals = self._claims, self._totals
        if not claims:
            return _NOTHING
        if totals is None:
            totals = self._totals = _added(_NOTHING, claims.values())
        elif self._uncounted:
            totals = self._totals = _added(totals, self._uncounted)
        self._uncounted.clear()
        return totals

    @property
    def exposure(self) -> Decimal:
        """Exposure that opening orders on their way would add."""
        return self.totals().exposure

    @property
    def closing_exposure(self) -> Decimal:
        """Exposure that closing orders on their way would take off."""
        return self.totals().closing_exposure

    def holding(self, strategy_id: str, symbol: str, quantity: Decimal) -> Holding:
        """Put a position together with what is on its way for it."""
        claims = self._by_position.get((strategy_id, symbol))
        if claims is None:
            return Holding(quantity, ZERO, None, None)
        closing, opening_id, closing_id = ZERO, None, None
        for order_id, claim in claims.items():
            if claim.is_opening:
                opening_id = order_id
            else:
                closing += claim.leaves_quantity
                closing_id = order_id
        return Holding(quantity, closing, opening_id, closing_id)


def _added(totals: Totals, claims: Iterable[_Claim]) -> Totals:
    cash, exposure = totals.cash, totals.exposure
    closing_proceeds, closing_exposure = totals.closing_proceeds, totals.closing_exposure
    for claim in claims:
        amount = claim.leaves_quantity * claim.price
        if claim.is_opening:
            exposure += amount
            if claim.is_purchase:
                cash += amount
        else:
            closing_exposure += amount
            if not claim.is_purchase:
                closing_proceeds += amount
    return Totals(cash, exposure, closing_proceeds, closing_exposure)
