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
    """One order that has not ended; `price` values what is left of it, `position` is strategy and symbol.

    Of a `group` only one order may fill, so that its largest claim is all that it lays. An order at work that
    is to be canceled lays none, nor does one that waits for it, its `parent_id`.
    """

    position: tuple[str, str]
    is_opening: bool
    is_purchase: bool
    leaves_quantity: Decimal
    price: Decimal
    group: str | None = None
    parent_id: str | None = None
    is_working: bool = False
    is_canceling: bool = False


class Reservations:
    """Keep the claims of orders on their way, by strategy and symbol."""

    __slots__ = ("_by_position", "_claims", "_group_count", "_totals", "_uncounted", "_waiting")

    def __init__(self) -> None:
        self._claims: dict[str, _Claim] = {}
        self._by_position: dict[tuple[str, str], dict[str, _Claim]] = {}
        #: Of all claims but the uncounted ones, which came later; None where a claim has changed since.
        self._totals: Totals | None = _NOTHING
        self._uncounted: list[_Claim] = []
        #: How many claims belong to a group; while any do, everything is added up anew.
        self._group_count = 0
        #: Those that wait for an order, by its id.
        self._waiting: dict[str, dict[str, _Claim]] = {}

    def add(self, order: OrderEvent, price: Decimal) -> None:
        """Lay claim for an opening or closing order at the price it is expected to trade at."""
        order_id, position = order.order_id, (order.strategy_id, order.symbol)
        claim = _Claim(position, order.purpose is _OPEN, order.side is _BUY, order.quantity, price)
        if order.oco_group is not None:
            claim.group = order.oco_group
            self._group_count += 1
        parent_id = order.parent_order_id
        if parent_id is not None:
            claim.parent_id = parent_id
            self._waiting.setdefault(parent_id, {})[order_id] = claim
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
            if claim.group is not None:
                self._group_count -= 1
            self._wait_no_longer(order_id, claim)
            claims = self._by_position[claim.position]
            del claims[order_id]
            if not claims:
                del self._by_position[claim.position]
        elif leaves != claim.leaves_quantity:
            if update.reason == "split" and leaves > 0:
                claim.price = claim.price * claim.leaves_quantity / leaves
            claim.leaves_quantity = leaves
            self._reprice(claim, update)
        elif update.reason == "modified":
            self._reprice(claim, update)
        else:
            claim.is_working = True
            if claim.parent_id is not None and update.reason == "parent_filled":
                self._wait_no_longer(order_id, claim)
            return
        self._totals = None
        self._uncounted.clear()

    def _wait_no_longer(self, order_id: str, claim: _Claim) -> None:
        parent_id = claim.parent_id
        if parent_id is not None:
            claim.parent_id = None
            waiting = self._waiting[parent_id]
            del waiting[order_id]
            if not waiting:
                del self._waiting[parent_id]

    @staticmethod
    def _reprice(claim: _Claim, update: OrderUpdateEvent) -> None:
        price = update.stop_price if update.limit_price is None else update.limit_price
        if update.reason == "modified" and price is not None:
            claim.price = price

    def cancel_requested(self, strategy_id: str, order_id: str) -> None:
        """Give back what an order to be canceled lays claim to, with the orders at work that wait for it.

        The answer of execution comes only after the signals of the same instant, which may replace it.
        """
        claim = self._claims.get(order_id)
        if claim is not None and claim.is_working and claim.position[0] == strategy_id:
            self._set_canceling(claim, is_canceling=True)
        for waiting_id, waiting in self._waiting.get(order_id, {}).items():
            if waiting.is_working:
                self.cancel_requested(strategy_id, waiting_id)

    def cancel_refused(self, order_id: str) -> None:
        """Lay claim again for an order that stays."""
        claim = self._claims.get(order_id)
        if claim is not None and claim.is_canceling:
            self._set_canceling(claim, is_canceling=False)
        for waiting_id, waiting in self._waiting.get(order_id, {}).items():
            if waiting.is_canceling:
                self.cancel_refused(waiting_id)

    def _set_canceling(self, claim: _Claim, *, is_canceling: bool) -> None:
        claim.is_canceling = is_canceling
        self._totals = None
        self._uncounted.clear()

    def totals(self, without_group: str | None = None) -> Totals:
        """Add up what is on its way, in the order in which it was approved.

        Args:
            without_group: leave out the orders of this group.

        Only what has come since the last time is added where nothing else has changed, as many signals of
        one instant ask one after the other.
        """
        claims, totals = self._claims, self._totals
        if not claims:
            return _NOTHING
        if self._group_count:
            self._totals = None
            self._uncounted.clear()
            return _added_with_groups(claims.values(), without_group)
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

    def holding(self, strategy_id: str, symbol: str, quantity: Decimal, group: str | None = None) -> Holding:
        """Put a position together with what is on its way for it.

        Args:
            strategy_id: whose position.
            symbol: in what.
            quantity: held, signed.
            group: entries of this group stand in no other's way.
        """
        claims = self._by_position.get((strategy_id, symbol))
        if claims is None:
            return Holding(quantity, ZERO, None, None)
        closing, opening_id, closing_id = ZERO, None, None
        for order_id, claim in claims.items():
            if claim.is_canceling:
                continue
            if claim.is_opening:
                if group is not None and claim.group == group:
                    continue
                opening_id = order_id
            else:
                closing += claim.leaves_quantity
                closing_id = order_id
        return Holding(quantity, closing, opening_id, closing_id)


def _added(totals: Totals, claims: Iterable[_Claim]) -> Totals:
    cash, exposure = totals.cash, totals.exposure
    closing_proceeds, closing_exposure = totals.closing_proceeds, totals.closing_exposure
    for claim in claims:
        if claim.is_canceling:
            continue
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


def _added_with_groups(claims: Iterable[_Claim], without_group: str | None) -> Totals:
    """Add up claims; of a group count the largest, and of its cash the largest purchase."""
    alone: list[_Claim] = []
    groups: dict[str, tuple[Decimal, Decimal]] = {}
    for claim in claims:
        group = claim.group
        if group is None:
            alone.append(claim)
        elif group != without_group and not claim.is_canceling:
            amount = claim.leaves_quantity * claim.price
            cash, exposure = groups.get(group, (ZERO, ZERO))
            groups[group] = max(cash, amount if claim.is_purchase else ZERO), max(exposure, amount)
    totals = _added(_NOTHING, alone)
    cash, exposure = totals.cash, totals.exposure
    for largest_purchase, largest in groups.values():
        cash += largest_purchase
        exposure += largest
    return msgspec.structs.replace(totals, cash=cash, exposure=exposure)
