"""Signals, orders and refusals as frames: each joined with what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from qtrader.engine.results_frames import FLAG, INSTANT, NUMBER, TEXT, table
from qtrader.events.base import BaseEvent
from qtrader.events.events import (
    FillEvent,
    OrderEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
)
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


@dataclass(frozen=True, slots=True)
class Refused:
    """A signal's leg, an order, or a request to cancel or modify one, that was refused.

    `stage` says by whom: manager, risk or execution; of a request it is `request`. A request that names no
    order of the run belongs to no signal.
    """

    occurred_at: datetime
    stage: str
    signal_id: str | None
    order_id: str | None
    strategy_id: str
    symbol: str | None
    purpose: str | None
    reason: str
    message: str
    remedy: str | None
    requested_quantity: Decimal | None


def order_lives(events: Iterable[BaseEvent]) -> tuple[OrderLife, ...]:
    """Follow every order to its latest step, in the order in which they were made."""
    lives: dict[str, OrderLife] = {}
    for event in events:
        if type(event) is OrderEvent:
            lives[event.order_id] = OrderLife(event)
        elif type(event) is OrderUpdateEvent:
            lives[event.order_id].update = event
        elif type(event) is FillEvent:
            lives[event.order_id].commission += event.commission
    return tuple(lives.values())


def refusals_of(events: Iterable[BaseEvent]) -> tuple[Refused, ...]:
    """Find every refusal: of signals by the manager or risk, of orders and requests by execution."""
    found: list[Refused] = []
    decisions: dict[str, RiskDecisionEvent] = {}
    orders: dict[str, OrderEvent] = {}
    for event in events:
        if type(event) is RiskDecisionEvent:
            decisions[event.decision_id] = event
        elif type(event) is OrderEvent:
            orders[event.order_id] = event
        elif type(event) is SignalRejectedEvent:
            found.append(_refused_signal(event, decisions.get(event.decision_id or "")))
        elif type(event) is OrderUpdateEvent and event.status is OrderStatus.REJECTED:
            found.append(_refused_order(event, orders[event.order_id]))
        elif type(event) is OrderRequestRejectedEvent:
            found.append(_refused_request(event, orders.get(event.order_id)))
    return tuple(found)


def _refused_signal(event: SignalRejectedEvent, decision: RiskDecisionEvent | None) -> Refused:
    return Refused(
        occurred_at=event.occurred_at,
        stage="manager" if decision is None else "risk",
        signal_id=event.signal_id,
        order_id=None,
        strategy_id=event.strategy_id,
        symbol=event.symbol,
        purpose=event.purpose.value,
        reason=event.reason,
        message=event.message,
        remedy=None if decision is None else decision.remedy,
        requested_quantity=None if decision is None else decision.requested_quantity,
    )


def _refused_order(update: OrderUpdateEvent, order: OrderEvent) -> Refused:
    return Refused(
        occurred_at=update.occurred_at,
        stage="execution",
        signal_id=order.signal_id,
        order_id=order.order_id,
        strategy_id=order.strategy_id,
        symbol=order.symbol,
        purpose=order.purpose.value,
        reason=update.reason,
        message=update.message,
        remedy=None,
        requested_quantity=order.quantity,
    )


def _refused_request(event: OrderRequestRejectedEvent, order: OrderEvent | None) -> Refused:
    return Refused(
        occurred_at=event.occurred_at,
        stage="request",
        signal_id=None if order is None else order.signal_id,
        order_id=event.order_id,
        strategy_id=event.strategy_id,
        symbol=None if order is None else order.symbol,
        purpose=None if order is None else order.purpose.value,
        reason=event.reason,
        message=event.message,
        remedy=None,
        requested_quantity=None,
    )


def _of(*names: str) -> Callable[[Any], Any]:
    """Follow attributes; None as soon as one is None."""

    def give(row: Any) -> Any:
        for name in names:
            row = None if row is None else getattr(row, name)
        return row

    return give


def orders_frame(lives: Sequence[OrderLife]) -> pl.DataFrame:
    """One row per order: its final status, what is in force last, and what was ordered first."""
    order, update = ("order",), ("update",)
    return table(
        lives,
        {
            "created_at": (INSTANT, _of(*order, "occurred_at")),
            **{
                name: (TEXT, _of(*order, name))
                for name in (
                    "order_id",
                    "signal_id",
                    "strategy_id",
                    "symbol",
                    "side",
                    "purpose",
                    "order_type",
                    "time_in_force",
                )
            },
            "ordered_quantity": (NUMBER, _of(*order, "quantity")),
            "quantity": (NUMBER, lambda life: _in_force(life, "quantity")),
            "filled_quantity": (
                NUMBER,
                lambda life: ZERO if life.update is None else life.update.filled_quantity,
            ),
            "leaves_quantity": (NUMBER, _of(*update, "leaves_quantity")),
            "average_price": (NUMBER, _of(*update, "average_price")),
            "limit_price": (NUMBER, lambda life: _in_force(life, "limit_price")),
            "stop_price": (NUMBER, lambda life: _in_force(life, "stop_price")),
            "commission": (NUMBER, _of("commission")),
            "status": (TEXT, _of("status")),
            "reason": (TEXT, _of(*update, "reason")),
            "message": (TEXT, _of(*update, "message")),
            "is_working": (FLAG, _of("is_working")),
            "updated_at": (INSTANT, _of(*update, "occurred_at")),
            "parent_order_id": (TEXT, _of(*order, "parent_order_id")),
            "oco_group": (TEXT, _of(*order, "oco_group")),
        },
    )


def _in_force(life: OrderLife, name: str) -> Any:
    return getattr(life.order if life.update is None else life.update, name)


def refusals_frame(refusals: Sequence[Refused]) -> pl.DataFrame:
    """One row per refusal."""
    texts = (
        "stage",
        "signal_id",
        "order_id",
        "strategy_id",
        "symbol",
        "purpose",
        "reason",
        "message",
        "remedy",
    )
    return table(
        refusals,
        {
            "occurred_at": (INSTANT, _of("occurred_at")),
            **{name: (TEXT, _of(name)) for name in texts},
            "requested_quantity": (NUMBER, _of("requested_quantity")),
        },
    )


def signals_frame(
    events: Iterable[BaseEvent], lives: Sequence[OrderLife], refusals: Sequence[Refused]
) -> pl.DataFrame:
    """One row per signal with its outcome.

    The outcome is `ordered`, `refused`, or `partly_refused` where a reversal's one leg was ordered and the
    other refused; reason and message are the first refusal's.
    """
    ordered = {life.order.signal_id for life in lives}
    refused: dict[str | None, Refused] = {}
    for refusal in refusals:
        if refusal.stage in {"manager", "risk"}:
            refused.setdefault(refusal.signal_id, refusal)

    def outcome(signal: SignalEvent) -> str | None:
        if signal.signal_id in refused:
            return "partly_refused" if signal.signal_id in ordered else "refused"
        return "ordered" if signal.signal_id in ordered else None

    numbers = (
        "price",
        "confidence",
        "quantity",
        "fraction",
        "limit_price",
        "stop_price",
        "stop_loss",
        "take_profit",
    )
    return table(
        (event for event in events if type(event) is SignalEvent),
        {
            "occurred_at": (INSTANT, _of("occurred_at")),
            **{name: (TEXT, _of(name)) for name in ("signal_id", "strategy_id", "symbol", "intention")},
            **{name: (NUMBER, _of(name)) for name in numbers},
            "order_type": (TEXT, _of("order_type")),
            "time_in_force": (TEXT, _of("time_in_force")),
            "reason": (TEXT, _of("reason")),
            "outcome": (TEXT, outcome),
            "refusal_reason": (TEXT, lambda signal: _of("reason")(refused.get(signal.signal_id))),
            "refusal_message": (TEXT, lambda signal: _of("message")(refused.get(signal.signal_id))),
        },
    )
