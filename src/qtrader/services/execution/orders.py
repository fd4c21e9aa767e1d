"""An order at work: its instruction, what became of it so far, and the steps that its life may take.

`WorkingOrder` holds the `OrderEvent` it came from and the state that changes; every step goes through
`transition`, which knows the table. While an order works, leaves + filled = quantity; once it is done
nothing is left to fill.
"""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Final, NamedTuple

from qtrader.errors import QTraderError
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side
from qtrader.money import ZERO, quantize
from qtrader.services.execution.matching import OrderTerms

_AVERAGE_PRICE_SCALE = 8

#: What may follow what; a step to the same status restates the terms (a split, a dividend, a smaller
#: position).
TRANSITIONS: Final[dict[OrderStatus | None, frozenset[OrderStatus]]] = {
    None: frozenset({OrderStatus.ACCEPTED, OrderStatus.REJECTED}),
    OrderStatus.ACCEPTED: frozenset(
        {
            OrderStatus.ACCEPTED,
            OrderStatus.TRIGGERED,
            OrderStatus.PARTIALLY_FILLED,
            OrderStatus.FILLED,
            OrderStatus.CANCELED,
            OrderStatus.EXPIRED,
        }
    ),
    OrderStatus.TRIGGERED: frozenset(
        {
            OrderStatus.TRIGGERED,
            OrderStatus.PARTIALLY_FILLED,
            OrderStatus.FILLED,
            OrderStatus.CANCELED,
            OrderStatus.EXPIRED,
        }
    ),
    OrderStatus.PARTIALLY_FILLED: frozenset(
        {
            OrderStatus.PARTIALLY_FILLED,
            OrderStatus.FILLED,
            OrderStatus.CANCELED,
            OrderStatus.EXPIRED,
        }
    ),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}

#: The protective children of a bracket.
EXITS: Final = frozenset({OrderPurpose.STOP_LOSS, OrderPurpose.TAKE_PROFIT})


# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_OPEN: Final = OrderPurpose.OPEN
_FILLED: Final = OrderStatus.FILLED
_TRIGGERED: Final = OrderStatus.TRIGGERED


class OrderLifeError(QTraderError):
    """An order was asked for a step that its life does not allow."""


class Terms(NamedTuple):
    """The numbers of an order that an event may restate."""

    quantity: Decimal
    filled_quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None


class OpenOrder(NamedTuple):
    """A read-only view of an order that is not done, with the terms in force.

    `is_live` is false for a child that waits for its parent to fill: no bar can fill it yet.
    """

    order_id: str
    strategy_id: str
    symbol: str
    side: Side
    order_type: OrderType
    purpose: OrderPurpose
    leaves_quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: OrderStatus
    accepted_at_us: int
    live_from_us: int | None
    expires_at_us: int | None
    is_live: bool
    is_reduction: bool


class WorkingOrder:
    """An order with what became of it.

    Args:
        order: the instruction.
        sequence: its place in the order of acceptance.
        accepted_at_us: when it was accepted or rejected.
        quantity: ordered.
        limit_price: in force, on the tick.
        stop_price: in force, on the tick.
    """

    __slots__ = (
        "accepted_at_us",
        "children",
        "commission",
        "expires_at_us",
        "fill_count",
        "filled_quantity",
        "filled_value",
        "is_done",
        "is_reduction",
        "limit_price",
        "live_from_us",
        "oco_group",
        "order",
        "quantity",
        "reach_down",
        "reach_up",
        "sequence",
        "status",
        "stop_price",
        "symbol",
    )

    def __init__(  # noqa: PLR0917 - made for every order, and names cost more than the rest
        self,
        order: OrderEvent,
        sequence: int,
        accepted_at_us: int,
        quantity: Decimal,
        limit_price: Decimal | None,
        stop_price: Decimal | None,
    ) -> None:
        self.order = order
        self.symbol = order.symbol
        self.sequence = sequence
        self.accepted_at_us = accepted_at_us
        self.quantity = quantity
        self.limit_price = limit_price
        self.stop_price = stop_price
        self.expires_at_us: int | None = None
        #: Bars that open earlier are not met; None while a child waits for its parent.
        self.live_from_us: int | None = None
        self.status: OrderStatus | None = None
        #: Whether the order is in a final state.
        self.is_done = False
        self.filled_quantity = ZERO
        self.filled_value = ZERO
        self.commission = ZERO
        self.fill_count = 0
        self.children: list[WorkingOrder] = []
        self.is_reduction = order.purpose is not _OPEN
        #: The group in which one fill cancels the others; the children of one parent always form one.
        self.oco_group = order.oco_group or order.parent_order_id
        #: A bar whose low is above the first and whose high is below the second cannot touch this order.
        self.reach_down, self.reach_up = inf, -inf
        if limit_price is not None or stop_price is not None:
            self._aim()

    @property
    def is_triggered(self) -> bool:
        """Whether the stop of a stop-limit has been reached, so that its limit rests."""
        return self.status is OrderStatus.TRIGGERED or (
            self.order.order_type is OrderType.STOP_LIMIT and self.filled_quantity > 0
        )

    @property
    def leaves_quantity(self) -> Decimal:
        """What is still to be filled; zero once the order is done."""
        return ZERO if self.is_done else self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal | None:
        """Mean price of what was filled, slippage included; None while nothing is."""
        if not self.filled_quantity:
            return None
        mean = self.filled_value / self.filled_quantity
        return mean if self.fill_count == 1 else quantize(mean, _AVERAGE_PRICE_SCALE)

    @property
    def terms(self) -> Terms:
        """The numbers in force."""
        return Terms(self.quantity, self.filled_quantity, self.limit_price, self.stop_price)

    @property
    def matching_terms(self) -> OrderTerms:
        """What matching has to know."""
        order = self.order
        return OrderTerms(order.side, order.order_type, self.limit_price, self.stop_price, self.is_triggered)

    def transition(self, status: OrderStatus) -> None:
        """Take a step of the order's life.

        Raises:
            OrderLifeError: the table does not allow it.
        """
        if status not in TRANSITIONS[self.status]:
            allowed = TRANSITIONS[self.status]
            found = "new" if self.status is None else self.status.value
            names = ", ".join(sorted(allowed)) or "nothing"
            msg = (
                f"order {self.order.order_id} is {found} and cannot become {status.value}; allowed is {names}"
            )
            raise OrderLifeError(msg)
        self.status = status
        self.is_done = not TRANSITIONS[status]
        if status is _TRIGGERED:
            self._aim()

    def apply_fill(self, quantity: Decimal, value: Decimal, commission: Decimal) -> None:
        """Count a fill, worth quantity times price, and step to filled or partially filled.

        Raises:
            OrderLifeError: the fill is larger than what is left, or the order is done.
        """
        left = self.quantity - self.filled_quantity
        if not ZERO < quantity <= left:
            msg = f"order {self.order.order_id} has {left:f} left and cannot fill {quantity:f}"
            raise OrderLifeError(msg)
        self.transition(_FILLED if quantity == left else OrderStatus.PARTIALLY_FILLED)
        self.filled_quantity += quantity
        self.filled_value += value
        self.commission += commission
        self.fill_count += 1

    def restate(self, terms: Terms) -> None:
        """Put other terms in force without a step in the order's life; the value of what was filled stays."""
        self.quantity, self.filled_quantity, self.limit_price, self.stop_price = terms
        self._aim()

    def view(self) -> OpenOrder:
        """Return the order as others may see it."""
        order = self.order
        return OpenOrder(
            order_id=order.order_id,
            strategy_id=order.strategy_id,
            symbol=order.symbol,
            side=order.side,
            order_type=order.order_type,
            purpose=order.purpose,
            leaves_quantity=self.leaves_quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            status=self.status or OrderStatus.ACCEPTED,
            accepted_at_us=self.accepted_at_us,
            live_from_us=self.live_from_us,
            expires_at_us=self.expires_at_us,
            is_live=self.live_from_us is not None,
            is_reduction=self.is_reduction,
        )

    def _aim(self) -> None:
        # Conversion to float keeps order, and a bar's price is a float already: a bar that cannot reach the
        # float cannot reach the Decimal.
        if self.stop_price is None and self.limit_price is None:
            return
        stop = None if self.is_triggered else self.stop_price
        if stop is not None:
            goes_up, price = self.order.side is Side.BUY, float(stop)
        elif self.limit_price is not None:
            goes_up, price = self.order.side is Side.SELL, float(self.limit_price)
        else:
            return
        self.reach_down = -inf if goes_up else price
        self.reach_up = price if goes_up else inf
