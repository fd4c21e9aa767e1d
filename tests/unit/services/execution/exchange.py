"""A small exchange to test the service on: orders, bars and instants in, validated events out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from qtrader.clock import from_epoch_us
from qtrader.events import codec
from qtrader.events.base import BaseEvent, ValidatedEvent
from qtrader.events.codec import canonical_decimal as text
from qtrader.events.events import (
    CorporateActionEvent,
    FillEvent,
    OrderEvent,
    OrderUpdateEvent,
    PriceBarEvent,
)
from qtrader.events.identity import Envelope, Origin, uuid8
from qtrader.events.vocabulary import ActionType, OrderPurpose, OrderType, Side, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.money import decimal_of
from qtrader.services.execution.service import ExecutionService
from qtrader.services.execution.settings import ExecutionSettings

HOUR = 3_600_000_000
DAY = 24 * HOUR
#: 2012-09-20, a Thursday; day 0 of the tests.
START = 1_348_099_200_000_000


def opens(day: int) -> int:
    return START + day * DAY + 14 * HOUR


def closes(day: int) -> int:
    return START + day * DAY + 20 * HOUR


def session_close_after(symbol: str, instant_us: int) -> int:
    day = (instant_us - START) // DAY
    return closes(day) if instant_us < closes(day) else closes(day + 1)


def bar(day: int, prices: str, symbol: str = "AAPL") -> PriceBarEvent:
    """Make a daily bar; prices as `open, high, low, close`."""
    opened, high, low, close = (float(price) for price in prices.split(","))
    return PriceBarEvent(symbol, "1d", opens(day), closes(day), opened, high, low, close, 1e6)


def with_volume(each: PriceBarEvent, volume: float) -> PriceBarEvent:
    return msgspec.structs.replace(each, volume=volume)


def _decimal(value: str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


class Exchange:
    """Drive an `ExecutionService` as an engine does."""

    def __init__(self, instruments: Sequence[Instrument] = (), **settings: Any) -> None:
        self.events: list[BaseEvent] = []
        #: Off where an order is given that no contract allows, so that its update shows what it was.
        self.checks_events = True
        self.orders: dict[str, OrderEvent] = {}
        #: The last bar of each symbol, and average true ranges by period.
        self.bars: dict[str, PriceBarEvent] = {}
        self.ranges: dict[int, Decimal] = {}
        known = {instrument.symbol: instrument for instrument in instruments}
        self.service = ExecutionService(
            publish=self._publish,
            origin=Origin("run", "execution_service"),
            settings=ExecutionSettings.model_validate(settings),
            instrument=lambda symbol: known.get(symbol) or Instrument(symbol=symbol),
            market=self,
        )

    def session_close_after(self, symbol: str, instant_us: int) -> int:
        return session_close_after(symbol, instant_us)

    def session_prints(self, bar: PriceBarEvent) -> tuple[bool, bool]:
        day = (bar.opened_at_us - START) // DAY
        return bar.opened_at_us <= opens(day) < bar.closed_at_us, closes(day) <= bar.closed_at_us

    def previous_bar(self, bar: PriceBarEvent) -> PriceBarEvent | None:
        return self.bars.get(bar.symbol)

    def last_price(self, symbol: str) -> Decimal | None:
        known = self.bars.get(symbol)
        return None if known is None else decimal_of(known.close)

    def average_true_range(self, strategy_id: str, symbol: str, period: int, at_us: int) -> Decimal | None:
        return self.ranges.get(period)

    def _publish(self, event: BaseEvent) -> None:
        assert isinstance(event, ValidatedEvent)
        if self.checks_events:
            codec.validate(event)
        self.events.append(event)

    def order(
        self,
        order_id: str,
        words: str,
        at_us: int | None = None,
        *,
        purpose: str = "open",
        strategy: str = "sma",
        symbol: str = "AAPL",
        day: bool = False,
        parent: str | None = None,
        oco: str | None = None,
        **terms: Any,
    ) -> None:
        """Give an order at the close of day 0 or at another instant.

        It is written as `buy 100`, `sell 100 limit 98` or `buy 100 stop 105 limit 106`; what the text cannot
        say is given as fields of the order (`order_type=`, `trail_amount=`).
        """
        parts = words.split()
        prices = dict(zip(parts[2::2], parts[3::2], strict=True))
        kind = {
            frozenset(): OrderType.MARKET,
            frozenset({"limit"}): OrderType.LIMIT,
            frozenset({"stop"}): OrderType.STOP,
        }.get(frozenset(prices), OrderType.STOP_LIMIT)
        order = OrderEvent(
            envelope=Envelope.known(
                event_id=uuid8(order_id),
                run_id="run",
                occurred_at=from_epoch_us(closes(0) if at_us is None else at_us),
                source_service="manager_service",
                correlation_id=uuid8("signal"),
            ),
            order_id=order_id,
            signal_id="signal",
            strategy_id=strategy,
            symbol=symbol,
            side=Side(parts[0]),
            quantity=Decimal(parts[1]),
            order_type=kind,
            time_in_force=TimeInForce.DAY if day else TimeInForce.GTC,
            purpose=OrderPurpose(purpose),
            limit_price=_decimal(prices.get("limit")),
            stop_price=_decimal(prices.get("stop")),
            parent_order_id=parent,
            oco_group=oco,
        )
        self.send(msgspec.structs.replace(order, **terms) if terms else order)

    def send(self, order: OrderEvent) -> None:
        self.orders[order.order_id] = order
        self.service.on_order(order)

    def bracket(self, name: str, words: str, stop: str | None, target: str | None, **kwargs: Any) -> None:
        """Give an entry with a stop-loss and a take-profit for it."""
        side, quantity = words.split()[:2]
        other = "sell" if side == "buy" else "buy"
        self.order(f"{name}/open", words, **kwargs)
        kwargs = {key: kwargs[key] for key in ("at_us", "strategy", "symbol") if key in kwargs}
        links = {"parent": f"{name}/open", "oco": f"{name}/exits"}
        if stop is not None:
            self.order(
                f"{name}/stop_loss", f"{other} {quantity} stop {stop}", purpose="stop_loss", **links, **kwargs
            )
        if target is not None:
            self.order(
                f"{name}/take_profit",
                f"{other} {quantity} limit {target}",
                purpose="take_profit",
                **links,
                **kwargs,
            )

    def match(self, *bars: PriceBarEvent) -> list[FillEvent]:
        """Let an instant's bars meet the orders; expiries follow. Returns the instant's fills."""
        first = len(self.events)
        now_us = bars[0].closed_at_us
        self.service.begin_instant(bars, from_epoch_us(now_us))
        self._drain()
        for each in bars:
            self.bars[each.symbol] = each
        self.service.expire_due(now_us)
        return [event for event in self.events[first:] if isinstance(event, FillEvent)]

    def match_same_close(self, *bars: PriceBarEvent) -> list[FillEvent]:
        first = len(self.events)
        self.service.match_same_close(bars, from_epoch_us(bars[0].closed_at_us))
        self._drain()
        return [event for event in self.events[first:] if isinstance(event, FillEvent)]

    def _drain(self) -> None:
        while self.service.match_next():
            pass

    def act(self, action_type: ActionType, day: int, symbol: str = "AAPL", **terms: Any) -> None:
        """Let a corporate action take effect an hour before a day's open."""
        at = from_epoch_us(opens(day) - HOUR)
        action = CorporateActionEvent(
            envelope=Envelope.known(
                event_id=uuid8("action"), run_id="run", occurred_at=at, source_service="data_service"
            ),
            action_id="action",
            symbol=symbol,
            action_type=action_type,
            ex_date=at.date(),
            **terms,
        )
        self.service.on_corporate_action(action)

    def updates(self, order_id: str) -> list[OrderUpdateEvent]:
        return [e for e in self.events if isinstance(e, OrderUpdateEvent) and e.order_id == order_id]

    def last(self, order_id: str) -> OrderUpdateEvent:
        return self.updates(order_id)[-1]

    def steps(self, order_id: str) -> list[str]:
        """Tell an order's life as `status:reason`."""
        return [f"{update.status.value}:{update.reason}" for update in self.updates(order_id)]

    def trades(self, order_id: str) -> list[str]:
        """Tell an order's fills as `quantity at price basis`, with `?` where ambiguous."""
        return [
            f"{text(fill.quantity)} at {text(fill.price)} {fill.basis.value}" + "?" * fill.is_ambiguous
            for fill in self.fills
            if fill.order_id == order_id
        ]

    @property
    def fills(self) -> list[FillEvent]:
        return [event for event in self.events if isinstance(event, FillEvent)]


def told(fills: Sequence[FillEvent]) -> list[str]:
    """Tell fills as `order side quantity price basis`, with `?` where ambiguous."""
    return [
        f"{fill.order_id} {fill.side.value} {text(fill.quantity)} {text(fill.price)} {fill.basis.value}"
        + ("?" if fill.is_ambiguous else "")
        for fill in fills
    ]
