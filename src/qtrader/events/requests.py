"""What a strategy asks of an order at work, and the refusal of that; see `events` for the manner."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from qtrader.events.base import DecisionEvent


class Target(msgspec.Struct, frozen=True, gc=False):
    """One of several profit targets: a price, and the fraction of the entry that leaves there."""

    price: Decimal
    fraction: Decimal


class OrderCancelEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A strategy's wish that an order of its own rest no longer."""

    event_type: ClassVar[str] = "order_cancel"
    contract: ClassVar[str] = "strategy/order_cancel"

    request_id: str
    order_id: str
    strategy_id: str
    reason: str | None = None


class OrderModifyEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A strategy's wish that an order of its own rest on other terms; what is None stays as it is."""

    event_type: ClassVar[str] = "order_modify"
    contract: ClassVar[str] = "strategy/order_modify"

    request_id: str
    order_id: str
    strategy_id: str
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str | None = None


class OrderRequestRejectedEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A request to cancel or modify an order that execution refused; the order stays as it was."""

    event_type: ClassVar[str] = "order_request_rejected"
    contract: ClassVar[str] = "execution/order_request_rejected"

    request_id: str
    order_id: str
    strategy_id: str
    reason: str
    message: str
