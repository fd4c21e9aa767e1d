"""Signals, orders and refusals as frames: each joined with what became of it.

A log is read in order, and what is done is let go, so that a frame is all that grows with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qtrader.engine.order_life import WORKING, OrderLife
from qtrader.engine.results_frames import COUNT, FLAG, INSTANT, NUMBER, TEXT, table
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

if TYPE_CHECKING:
    import polars as pl

    from qtrader.engine.decisions import Decisions


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


#: What `order_lives` reads of a log, and what `refusals_of` does.
LIFE_EVENTS: Final = (OrderEvent, OrderUpdateEvent, FillEvent)
_REFUSAL_EVENTS: Final = (
    RiskDecisionEvent,
    OrderEvent,
    SignalRejectedEvent,
    OrderUpdateEvent,
    OrderRequestRejectedEvent,
)


def order_lives(events: Iterable[BaseEvent]) -> Iterator[tuple[int, OrderLife]]:
    """Follow every order to its latest step; only those that are not done are held.

    Args:
        events: a log's orders, their updates and their fills in order; others are passed over.

    Yields:
        The place of an order in the order in which they were made, and the order: when it is done, and at the
        end those that are not.
    """
    lives: dict[str, tuple[int, OrderLife]] = {}
    done: list[str] = []
    latest: datetime | None = None
    count = 0
    for event in events:
        if event.occurred_at != latest:
            latest = event.occurred_at
            # Its last fill may follow its last update, within the instant.
            yield from [lives.pop(order_id) for order_id in done]
            done.clear()
        if type(event) is OrderEvent:
            lives[event.order_id] = count, OrderLife(event)
            count += 1
        elif type(event) is OrderUpdateEvent:
            lives[event.order_id][1].update = event
            if event.status not in WORKING:
                done.append(event.order_id)
        elif type(event) is FillEvent:
            lives[event.order_id][1].commission += event.commission
    yield from lives.values()


def refusals_of(decisions: Decisions) -> Iterator[Refused]:
    """Find every refusal: of signals by the manager or risk, of orders and requests by execution.

    An order is held while it is not done; one that a request names later is held from the start.
    """
    named = {event.order_id for event in decisions.of(OrderRequestRejectedEvent)}
    judged: dict[str | None, RiskDecisionEvent] = {}
    orders: dict[str, OrderEvent] = {}
    latest: datetime | None = None
    for event in decisions.of(*_REFUSAL_EVENTS):
        if event.occurred_at != latest:
            latest = event.occurred_at
            # A refusal by risk is of the instant of risk's decision.
            judged.clear()
        if type(event) is RiskDecisionEvent:
            judged[event.decision_id] = event
        elif type(event) is OrderEvent:
            orders[event.order_id] = event
        elif type(event) is SignalRejectedEvent:
            yield _refused_signal(event, judged.get(event.decision_id))
        elif type(event) is OrderUpdateEvent:
            if event.status is OrderStatus.REJECTED:
                yield _refused_order(event, orders[event.order_id])
            if event.status not in WORKING and event.order_id not in named:
                orders.pop(event.order_id, None)
        elif type(event) is OrderRequestRejectedEvent:
            yield _refused_request(event, orders.get(event.order_id))


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


def orders_frame(lives: Iterable[tuple[int, OrderLife]]) -> pl.DataFrame:
    """One row per order: its final status, what is in force last, and what was ordered first.

    Args:
        lives: with their places, by which the rows are sorted.
    """
    order, update = ("order",), ("update",)
    found = table(
        (_Placed(place, life.order, life.update, life) for place, life in lives),
        {
            "place": (COUNT, _of("place")),
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
            "quantity": (NUMBER, lambda row: _in_force(row.life, "quantity")),
            "filled_quantity": (
                NUMBER,
                lambda row: ZERO if row.update is None else row.update.filled_quantity,
            ),
            "leaves_quantity": (NUMBER, _of(*update, "leaves_quantity")),
            "average_price": (NUMBER, _of(*update, "average_price")),
            "limit_price": (NUMBER, lambda row: _in_force(row.life, "limit_price")),
            "stop_price": (NUMBER, lambda row: _in_force(row.life, "stop_price")),
            "commission": (NUMBER, _of("life", "commission")),
            "status": (TEXT, _of("life", "status")),
            "reason": (TEXT, _of(*update, "reason")),
            "message": (TEXT, _of(*update, "message")),
            "is_working": (FLAG, _of("life", "is_working")),
            "updated_at": (INSTANT, _of(*update, "occurred_at")),
            "parent_order_id": (TEXT, _of(*order, "parent_order_id")),
            "oco_group": (TEXT, _of(*order, "oco_group")),
        },
    )
    return found.sort("place").drop("place")


class _Placed(NamedTuple):
    """A row of the frame of orders."""

    place: int
    order: OrderEvent
    update: OrderUpdateEvent | None
    life: OrderLife


def _in_force(life: OrderLife, name: str) -> Any:
    return getattr(life.order if life.update is None else life.update, name)


def refusals_frame(refusals: Iterable[Refused]) -> pl.DataFrame:
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


def signals_frame(decisions: Decisions) -> pl.DataFrame:
    """One row per signal with its outcome.

    The outcome is `ordered`, `refused`, or `partly_refused` where a reversal's one leg was ordered and the
    other refused; reason and message are the first refusal's.
    """
    ordered = {order.signal_id for order in decisions.of(OrderEvent)}
    refused: dict[str | None, Refused] = {}
    for refusal in refusals_of(decisions):
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
        decisions.of(SignalEvent),
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
