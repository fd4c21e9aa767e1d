"""An order at work: its instruction, what became of it so far, and the steps that its life may take.

`WorkingOrder` holds the `OrderEvent` it came from and the state that changes; every step goes through
`transition`, which knows the table. While an order works, leaves + filled = quantity; once it is done
nothing is left to fill.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from qtrader.errors import QTraderError
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from qtrader.market.corporate_actions import per_unit, times
from qtrader.market.instruments import round_quantity
from qtrader.money import ZERO, quantize
from qtrader.services.execution.matches import OrderTerms
from qtrader.services.execution.matching_trailing import Trail
from qtrader.services.execution.order_kinds import (
    EVERY_BAR,
    IMMEDIATE,
    ON_PRINT,
    TRAILING,
    TRIGGERED_FIRST,
    reach,
)

_AVERAGE_PRICE_SCALE = 8

_ENDS: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED})
_FURTHER: Final = _ENDS | {OrderStatus.PARTIALLY_FILLED}
#: What may follow what; a step to the same status restates the terms (a split, a dividend, a smaller
#: position).
TRANSITIONS: Final[dict[OrderStatus | None, frozenset[OrderStatus]]] = {
    None: frozenset({OrderStatus.ACCEPTED, OrderStatus.REJECTED}),
    OrderStatus.ACCEPTED: _FURTHER | {OrderStatus.ACCEPTED, OrderStatus.TRIGGERED},
    OrderStatus.TRIGGERED: _FURTHER | {OrderStatus.TRIGGERED},
    OrderStatus.PARTIALLY_FILLED: _FURTHER,
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
_MARKET: Final = OrderType.MARKET
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
#: Orders that wait for a price and are market or limit orders once it was seen.
_WITH_TRIGGER: Final = TRIGGERED_FIRST | {
    OrderType.STOP,
    OrderType.MARKET_IF_TOUCHED,
    OrderType.TRAILING_STOP,
}


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
        limit_price: in force, on the tick.
        stop_price: in force, on the tick.
    """

    __slots__ = (
        "accepted_at_us",
        "bars_to_wait",
        "children",
        "commission",
        "doubts",
        "expires_at_us",
        "fill_count",
        "filled_quantity",
        "filled_value",
        "is_done",
        "is_plain",
        "is_reduction",
        "limit_price",
        "live_from_us",
        "oco_group",
        "order",
        "parent",
        "place",
        "quantity",
        "reach_down",
        "reach_up",
        "sequence",
        "status",
        "stop_price",
        "symbol",
        "trail",
        "wanted_quantity",
    )

    def __init__(
        self,
        order: OrderEvent,
        sequence: int,
        accepted_at_us: int,
        limit_price: Decimal | None,
        stop_price: Decimal | None,
    ) -> None:
        self.order = order
        self.symbol = order.symbol
        self.sequence = sequence
        self.accepted_at_us = accepted_at_us
        self.quantity = order.quantity
        self.limit_price = limit_price
        self.stop_price = stop_price
        self.expires_at_us: int | None = None
        #: Bars that open earlier are not met; None while a child waits for its parent.
        self.live_from_us: int | None = None
        #: So many bars pass before the order has reached the market.
        self.bars_to_wait = 0
        self.status: OrderStatus | None = None
        #: Whether the order is in a final state.
        self.is_done = False
        self.filled_quantity = ZERO
        self.filled_value = ZERO
        self.commission = ZERO
        self.fill_count = 0
        self.parent: WorkingOrder | None = None
        self.children: list[WorkingOrder] = []
        #: What was asked for; a bracket's child rests for less until its parent has filled as much.
        self.wanted_quantity = order.quantity
        self.is_reduction = order.purpose is not _OPEN
        #: The group in which one fill cancels the others; the exits of one parent always form one.
        self.oco_group = order.oco_group
        if self.oco_group is None and self.is_reduction:
            self.oco_group = order.parent_order_id
        #: Whether nothing but the next open matters.
        self.is_plain = False
        if order.order_type is _MARKET and self.oco_group is None:
            # Told apart by identity, as hashing a member of an enumeration is a call of a Python function.
            force = order.time_in_force
            self.is_plain = force is not _IOC and force is not _FOK
        self.trail: Trail | None = None
        #: Prices at which earlier bars may have traded the order, which they left open.
        self.doubts: tuple[Decimal, ...] = ()
        #: Where the book keeps the order: a list ordered by price with the entry in it.
        self.place: tuple[list[Any], tuple[float, int, WorkingOrder]] | None = None
        #: A bar whose low is above the first and whose high is below the second cannot touch this order.
        self.reach_down, self.reach_up = EVERY_BAR
        if not self.is_plain:
            self._aim()

    @property
    def is_triggered(self) -> bool:
        """Whether the trigger was reached, so that the order is a limit order, or else a market order."""
        return self.status is _TRIGGERED or (
            self.filled_quantity > 0 and self.order.order_type in _WITH_TRIGGER
        )

    @property
    def has_trigger_ahead(self) -> bool:
        """Whether the order still waits for the price that triggers it."""
        return self.order.order_type in _WITH_TRIGGER and not self.is_triggered

    @property
    def is_trailing(self) -> bool:
        """Whether the stop still follows the market."""
        return self.order.order_type in TRAILING and not self.is_triggered

    @property
    def may_end_with_a_bar(self) -> bool:
        """Whether the order knows one print only, after which what is left of it is over."""
        return self.order.time_in_force in IMMEDIATE or self.order.order_type in ON_PRINT

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
        order, limit, is_triggered = self.order, self.limit_price, self.is_triggered
        kind = _MARKET if is_triggered and limit is None else order.order_type
        return OrderTerms(order.side, kind, limit, self.stop_price, is_triggered)

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
        if not self.is_done:
            self._aim()

    def restate(self, terms: Terms) -> None:
        """Put other terms in force without a step in the order's life; the value of what was filled stays."""
        self.quantity, self.filled_quantity, self.limit_price, self.stop_price = terms
        if self.live_from_us is None:
            self.wanted_quantity = terms.quantity
        self._aim()

    def split(self, ratio: Fraction, quantity_step: Decimal) -> None:
        """Adjust what no event shows to a split: what was wanted, how the stop trails, what is in doubt."""
        self.wanted_quantity = round_quantity(times(self.wanted_quantity, ratio), quantity_step)
        self.doubts = tuple(per_unit(price, ratio) for price in self.doubts)
        trail = self.trail
        if trail is not None:
            amount, offset = trail.amount, trail.limit_offset
            self.trail = trail._replace(
                amount=None if amount is None else per_unit(amount, ratio),
                limit_offset=None if offset is None else per_unit(offset, ratio),
            )

    def follow(self, stop_price: Decimal | None, limit_price: Decimal | None) -> None:
        """Move the stop of a trailing order, and with a trigger its limit, without a step in its life."""
        self.stop_price = stop_price
        if limit_price is not None:
            self.limit_price = limit_price

    def wait(self, bars: int) -> None:
        """Let so many bars pass before the order has reached the market."""
        self.bars_to_wait = bars
        if bars:
            self.is_plain = False
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
        if self.bars_to_wait:
            self.reach_down, self.reach_up = EVERY_BAR
        else:
            self.reach_down, self.reach_up = reach(
                self.order, self.limit_price, self.stop_price, is_triggered=self.is_triggered
            )
