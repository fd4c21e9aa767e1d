"""Random sequences of orders and bars from a seed, and what must hold after every one of them.

All order types, times in force, brackets with several targets, linked and waiting entries, scarce volume,
bars without volume, latency and every fill model. A plain generator and not Hypothesis, because many
sequences are wanted and none has to be shrunk: they are short, and a seed names one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from tests.unit.services.execution.exchange import Exchange, bar, closes, with_volume

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events.events import FillEvent, OrderEvent, OrderUpdateEvent, PriceBarEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from qtrader.money import decimal_of
from qtrader.services.execution.orders import TRANSITIONS

PARTICIPATION = Decimal(10)
SYMBOLS = ("AAPL", "IBM")
DAYS = 4
ZERO = Decimal(0)
EXITS = (OrderPurpose.STOP_LOSS, OrderPurpose.TAKE_PROFIT)
TRAILING = (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)
NOT_AT_ONCE = (*TRAILING, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE)
LIMITED = [kind for kind in OrderType if "limit" in kind.value.split("_")]
WITH_STOP = (
    OrderType.STOP,
    OrderType.STOP_LIMIT,
    OrderType.MARKET_IF_TOUCHED,
    OrderType.LIMIT_IF_TOUCHED,
)


class Sequence:
    """Play a sequence; `check` raises where something does not hold."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a sequence, not a secret
        chance = self.random
        self.exchange = Exchange(
            participation_percent=chance.choice([None, PARTICIPATION]),
            market_fill=chance.choice(["next_open", "next_open", "next_close"]),
            fill_model=chance.choice(["conservative", "touch", "mid"]),
            slippage_bps=chance.choice([0, 7]),
            latency=chance.choice([None, None, {"bars": 1}, {"milliseconds": 64_800_001}]),
            fill_on_no_volume=chance.random() < 0.2,
        )
        self.exchange.checks_events = seed % 10 == 0
        self.rules = self.exchange.service._settings
        self.bars: dict[tuple[str, int], PriceBarEvent] = {}

    def play(self) -> None:
        """Give orders at each close and let them meet the next day's bars."""
        for day in range(DAYS):
            bars = [self._bar(day, symbol) for symbol in SYMBOLS if self.random.random() < 0.9]
            if bars:
                self.exchange.match(*bars)
                self._check_brackets()
            else:
                self.exchange.service.expire_due(closes(day))
            for number in range(self.random.randrange(4)):
                self._give(f"{day}.{number}", day)

    def _bar(self, day: int, symbol: str) -> PriceBarEvent:
        chance = self.random
        low, *middle, high = sorted(chance.randrange(90, 111) for _ in range(4))
        chance.shuffle(middle)
        each = bar(day, f"{middle[0]},{high},{low},{middle[1]}", symbol)
        each = with_volume(each, chance.choice([0.0, 50.0, 300.0, 300.0, 1e4, math.nan]))
        self.bars[symbol, to_us(each)] = each
        return each

    def _terms(self, day: int) -> dict[str, Any]:
        chance = self.random
        kind = chance.choice(list(OrderType))
        forces = list(TimeInForce)
        if kind in NOT_AT_ONCE:
            forces = [TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD]
        terms: dict[str, Any] = {"order_type": kind, "time_in_force": chance.choice(forces)}
        if terms["time_in_force"] is TimeInForce.GTD:
            terms["expires_at"] = from_epoch_us(closes(day + chance.randrange(1, 3)))
        if kind in TRAILING:
            way = chance.choice(["trail_amount", "trail_percent"])
            terms[way] = Decimal(chance.randrange(1, 6))
            if kind is OrderType.TRAILING_STOP_LIMIT:
                terms["trail_limit_offset"] = Decimal(chance.randrange(3))
        elif kind in LIMITED:
            terms["limit_price"] = Decimal(chance.randrange(90, 111))
        if kind in WITH_STOP:
            terms["stop_price"] = Decimal(chance.randrange(90, 111))
        return terms

    def _give(self, name: str, day: int) -> None:
        chance = self.random
        where: dict[str, Any] = {
            "symbol": chance.choice(SYMBOLS),
            "strategy": chance.choice(["one", "two"]),
            "at_us": closes(day),
        }
        side, other = chance.choice([("buy", "sell"), ("sell", "buy")])
        quantity = chance.randrange(1, 6) * 10
        shape = chance.choice(["plain", "close", "pair", "bracket", "bracket", "chain"])
        if shape == "close":
            where["purpose"] = "close"
        if shape == "pair":
            where["oco"] = f"pair {day}"
        self.exchange.order(name, f"{side} {quantity}", **where, **self._terms(day))
        where.pop("oco", None)
        if shape == "chain":
            self.exchange.order(f"{name}/next", f"{other} 20", parent=name, **where, **self._terms(day))
        if shape == "bracket":
            self._give_exits(name, other, quantity, where)

    def _give_exits(self, name: str, side: str, quantity: int, where: dict[str, Any]) -> None:
        chance = self.random
        terms: dict[str, Any] = {"stop_price": Decimal(chance.randrange(90, 111))}
        terms["order_type"] = OrderType.STOP
        if chance.random() < 0.4:
            terms = {"order_type": OrderType.TRAILING_STOP, "trail_amount": Decimal(chance.randrange(1, 6))}
        self.exchange.order(
            f"{name}/stop", f"{side} {quantity}", purpose="stop_loss", parent=name, **where, **terms
        )
        for number in range(chance.randrange(3)):
            self.exchange.order(
                f"{name}/target{number}",
                f"{side} {chance.randrange(1, quantity // 10 + 1) * 10} limit {chance.randrange(90, 111)}",
                purpose="take_profit",
                parent=name,
                **where,
            )

    def _check_brackets(self) -> None:
        """See that the exits of a position can do no more than close it."""
        filled = self._filled()
        left: dict[tuple[str, OrderPurpose], Decimal] = {}
        for order in self.exchange.service.open_orders():
            parent = self.exchange.orders[order.order_id].parent_order_id
            if parent is not None and order.purpose in EXITS and order.is_live:
                key = parent, order.purpose
                left[key] = left.get(key, ZERO) + order.leaves_quantity
        for (parent, purpose), leaves in left.items():
            closed = ZERO
            for order_id, order in self.exchange.orders.items():
                if order.parent_order_id == parent and order.purpose in EXITS:
                    closed += filled.get(order_id, ZERO)
            assert leaves <= filled[parent] - closed, (parent, purpose)

    def _filled(self) -> dict[str, Decimal]:
        filled: dict[str, Decimal] = {}
        for fill in self.exchange.fills:
            filled[fill.order_id] = filled.get(fill.order_id, ZERO) + fill.quantity
        return filled

    def check(self) -> None:
        """Check the lives of the orders, the fills one by one and together."""
        self._check_lives()
        taken: dict[tuple[str, int], Decimal] = {}
        closed: dict[str, Decimal] = {}
        bought: dict[str, Decimal] = {}
        for fill, update in self._fills_with_updates():
            order = self.exchange.orders[fill.order_id]
            key = fill.symbol, to_epoch_us(fill.occurred_at)
            self._check_fill(fill, order, update, self.bars[key])
            taken[key] = taken.get(key, ZERO) + fill.quantity
            bought[fill.order_id] = bought.get(fill.order_id, ZERO) + fill.quantity
            if order.parent_order_id is not None and order.purpose in EXITS:
                parent = order.parent_order_id
                closed[parent] = closed.get(parent, ZERO) + fill.quantity
                assert closed[parent] <= bought[parent]
        if self.rules.participation_percent is not None:
            for key, quantity in taken.items():
                volume = self.bars[key].volume
                assert math.isnan(volume) or quantity <= decimal_of(volume) * PARTICIPATION / 100
        self._check_groups(bought)

    def _fills_with_updates(self) -> Iterator[tuple[FillEvent, OrderUpdateEvent]]:
        events = self.exchange.events
        for place, event in enumerate(events):
            if isinstance(event, FillEvent):
                update = events[place + 1]
                assert isinstance(update, OrderUpdateEvent)
                assert update.order_id == event.order_id
                yield event, update

    def _check_fill(
        self, fill: FillEvent, order: OrderEvent, update: OrderUpdateEvent, prices: PriceBarEvent
    ) -> None:
        assert decimal_of(prices.low) <= fill.reference_price <= decimal_of(prices.high)
        assert prices.volume != 0 or self.rules.fill_on_no_volume
        latency_us = 0
        if self.rules.latency is not None and order.parent_order_id is None:
            latency_us = (self.rules.latency.milliseconds or 0) * 1000
        assert to_epoch_us(order.occurred_at) + latency_us <= prices.opened_at_us
        assert order.occurred_at <= fill.executed_at <= fill.occurred_at
        if order.expires_at is not None:
            assert fill.executed_at <= order.expires_at
        if update.limit_price is not None:
            is_sale = fill.side is Side.SELL
            assert fill.price >= update.limit_price if is_sale else fill.price <= update.limit_price
        # What closes a position, and what is linked, may have been cut before.
        if order.time_in_force is TimeInForce.FOK and order.purpose is OrderPurpose.OPEN:
            assert fill.quantity == order.quantity or order.oco_group is not None
        if fill.worst_price is not None and fill.best_price is not None:
            low, high = sorted((fill.worst_price, fill.best_price))
            assert fill.is_ambiguous
            assert low <= fill.reference_price <= high

    def _check_lives(self) -> None:
        working = {view.order_id for view in self.exchange.service.open_orders()}
        for order_id in self.exchange.orders:
            status: OrderStatus | None = None
            filled = ZERO
            for event in self.exchange.events:
                if isinstance(event, FillEvent) and event.order_id == order_id:
                    assert status is not None
                    assert TRANSITIONS[status], "a fill after the end"
                    filled += event.quantity
                if not isinstance(event, OrderUpdateEvent) or event.order_id != order_id:
                    continue
                assert event.status in TRANSITIONS[status]
                assert event.filled_quantity == filled
                assert event.reason
                status = event.status
                if TRANSITIONS[status] or status is OrderStatus.FILLED:
                    assert event.leaves_quantity + event.filled_quantity == event.quantity
                else:
                    assert event.leaves_quantity == 0
            assert (order_id in working) is bool(TRANSITIONS[status])
        assert len(self.exchange.service.working_orders()) == len(working)
        instants = [event.occurred_at for event in self.exchange.events]
        assert instants == sorted(instants)
        assert len({event.event_id for event in self.exchange.events}) == len(instants)

    def _check_groups(self, bought: dict[str, Decimal]) -> None:
        groups: dict[str, list[OrderEvent]] = {}
        for order in self.exchange.orders.values():
            if order.oco_group is not None:
                groups.setdefault(order.oco_group, []).append(order)
        for members in groups.values():
            total = ZERO
            for order in members:
                total += bought.get(order.order_id, ZERO)
            assert total <= max(order.quantity for order in members)


def to_us(each: PriceBarEvent) -> int:
    return each.closed_at_us
