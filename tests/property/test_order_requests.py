"""Whatever strategies cancel and modify, and when, every order keeps to the table of its life.

A market of random closes, a strategy that signals, cancels and modifies at random, orders of every type. Each
request is answered once; an order is always as large as what has filled and what is left; nothing happens to
it after its last step; and no request changes what happened before it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import closes, daily, events, inputs_of, log, run

from qtrader.engine.results import Results
from qtrader.events.events import (
    FillEvent,
    OrderCancelEvent,
    OrderEvent,
    OrderModifyEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
)
from qtrader.events.vocabulary import OrderStatus
from qtrader.services.execution.orders import TRANSITIONS
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec

ENTRIES: list[dict[str, Any]] = [
    {},
    {"order_type": "limit", "limit_price": 0.98},
    {"order_type": "limit", "limit_price": 0.98, "stop_loss": 0.9, "take_profit": [1.02, 1.05]},
    {"order_type": "stop", "stop_price": 1.02, "stop_loss": 0.95},
    {"order_type": "stop_limit", "stop_price": 1.01, "limit_price": 1.02},
    {"order_type": "trailing_stop", "trail_percent": 2},
    {"order_type": "market_if_touched", "stop_price": 0.98, "take_profit": 1.1},
    {"order_type": "limit_on_close", "limit_price": 0.99},
    {"order_type": "limit", "limit_price": 0.97, "oco_group": "pair"},
    {"order_type": "stop", "stop_price": 1.03, "oco_group": "pair", "stop_loss": 1.0},
    {"stop_loss": 0.95, "take_profit": [(1.03, "0.5"), (1.06, "0.25")]},
    {"after": 0, "stop_loss": 0.95},
    {"after": 1, "order_type": "limit", "limit_price": 0.98, "take_profit": 1.05},
]
PRICES = {"limit_price", "stop_price", "stop_loss"}


@dataclass(frozen=True)
class Move:
    """What is done on a bar: an entry, or a request about one of the orders seen so far."""

    kind: str
    number: int
    quantity: int | None
    limit: float | None
    stop: float | None


moves = st.builds(
    Move,
    st.sampled_from(["enter", "enter", "cancel", "fit", "fit", "fit", "modify", "close", "guess"]),
    st.integers(0, 40),
    st.sampled_from([None, 1, 4, 10, 25]),
    st.none() | st.sampled_from([0.9, 0.97, 1.0, 1.04]),
    st.none() | st.sampled_from([0.93, 0.99, 1.01, 1.05]),
)
plans = st.lists(st.lists(moves, max_size=3), min_size=4, max_size=15)
markets = st.lists(st.integers(-8, 8).map(lambda step: step / 2), min_size=6, max_size=16)


class Fickle:
    """Do what the plan says; prices are multiples of the close."""

    def __init__(self, plan: list[list[Move]]) -> None:
        self.plan, self.bars = plan, 0
        self.seen: list[str] = []

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self.seen += [order.order_id for order in context.orders if order.order_id not in self.seen]
        for move in self.plan[self.bars] if self.bars < len(self.plan) else ():
            self._do(move, bar, context)
        self.bars += 1

    def _do(self, move: Move, bar: PriceBarEvent, context: Context) -> None:
        if move.kind == "enter":
            entry = {
                name: round(bar.close * value, 3) if name in PRICES else value
                for name, value in ENTRIES[move.number % len(ENTRIES)].items()
            }
            targets = entry.get("take_profit")
            if isinstance(targets, list):
                entry["take_profit"] = [
                    (bar.close * each[0], each[1]) if isinstance(each, tuple) else bar.close * each
                    for each in targets
                ]
            elif targets is not None:
                entry["take_profit"] = bar.close * targets
            if "after" in entry:
                orders = context.orders
                entry["after"] = orders[entry["after"] % len(orders)] if orders else "nobody's"
            context.emit_signal(bar.symbol, "open_long", quantity=10, **entry)
        elif move.kind == "close":
            context.emit_signal(bar.symbol, "close_long", order_type="limit", limit_price=bar.close * 1.01)
        else:
            self._ask(move, bar, context)

    def _ask(self, move: Move, bar: PriceBarEvent, context: Context) -> None:
        """Ask of an order at work what fits it (`fit`), or of any order anything."""
        terms = {
            "quantity": move.quantity,
            "limit_price": None if move.limit is None else bar.close * move.limit,
            "stop_price": None if move.stop is None else bar.close * move.stop,
        }
        if move.kind == "fit" and context.orders:
            order = context.orders[move.number % len(context.orders)]
            order_id = order.order_id
            terms["quantity"] = None if order.parent_order_id and move.number % 4 else move.quantity
            if order.limit_price is None:
                terms["limit_price"] = None
            if order.stop_price is None or order.status == "triggered":
                terms["stop_price"] = None
        else:
            known = ["nobody's"] if move.kind == "guess" or not self.seen else self.seen
            order_id = known[move.number % len(known)]
        if move.kind != "cancel" and any(value is not None for value in terms.values()):
            context.modify(order_id, **terms)
        else:
            context.cancel(order_id)


def played(steps: list[float], plan: list[list[Move]], **overrides: Any) -> Results:
    prices = [100.0]
    for step in steps:
        prices.append(prices[-1] + step)
    rows = [
        (opened, max(opened, closed) + 1.0, min(opened, closed) - 1.0, closed)
        for opened, _, _, closed in closes(*prices)
    ]
    return run(inputs_of(daily(rows)), StrategySpec(Fickle(plan), "fickle"), **overrides)


def check_lives(results: Results) -> None:
    status: dict[str, OrderStatus | None] = {}
    filled: dict[str, Decimal] = {}
    ordered = {order.order_id: order for order in events(results, OrderEvent)}
    prices: dict[str, Any] = {}
    since = {order_id: order.occurred_at for order_id, order in ordered.items()}
    for event in events(results, OrderUpdateEvent, FillEvent):
        order_id = event.order_id
        if isinstance(event, FillEvent):
            filled[order_id] = filled.get(order_id, Decimal(0)) + event.quantity
            # A price asked for later cannot have been met before.
            assert event.executed_at >= since[order_id]
            continue
        assert event.status in TRANSITIONS[status.get(order_id)], event
        status[order_id] = event.status
        assert event.filled_quantity == filled.get(order_id, 0)
        assert event.filled_quantity <= event.quantity <= ordered[order_id].quantity
        if TRANSITIONS[event.status]:
            assert event.leaves_quantity == event.quantity - event.filled_quantity > 0
        else:
            assert event.leaves_quantity == 0
        terms = event.limit_price, event.stop_price
        if event.reason == "modified" and terms != prices[order_id]:
            since[order_id] = event.occurred_at
        prices[order_id] = terms
    assert status.keys() == ordered.keys()


def check_answers(results: Results) -> None:
    refused = [event.request_id for event in events(results, OrderRequestRejectedEvent)]
    granted = [
        event.message.rpartition("(request ")[2].partition(")")[0]
        for event in events(results, OrderUpdateEvent)
        if event.reason in {"modified", "canceled_by_strategy"}
    ]
    asked = [event.request_id for event in events(results, OrderCancelEvent, OrderModifyEvent)]
    assert sorted(refused + granted) == sorted(asked)


def check_exposure(results: Results) -> None:
    """No order closes more than is held: nothing here ever goes short."""
    held = Decimal(0)
    for fill in events(results, FillEvent):
        held += fill.quantity if fill.side == "buy" else -fill.quantity
        assert held >= 0


@settings(max_examples=100, deadline=None)
@given(markets, plans, st.booleans())
def test_requests_never_break_the_life_of_an_order(
    steps: list[float], plan: list[list[Move]], scale_in: bool
) -> None:
    results = played(steps, plan, risk={"scale_in": scale_in})
    check_lives(results)
    check_answers(results)
    check_exposure(results)


def test_these_runs_hold_every_answer() -> None:
    reasons: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(markets, plans)
    def count(steps: list[float], plan: list[list[Move]]) -> None:
        found = events(played(steps, plan), OrderUpdateEvent, OrderRequestRejectedEvent)
        reasons.update(event.reason for event in found)

    count()
    assert reasons.keys() >= {
        "modified", "canceled_by_strategy", "order_done", "unknown_order", "wrong_prices", "sized_by_parent",
        "quantity_increase", "parent_canceled", "oco", "filled",
    }  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(markets, plans, st.integers(1, 16))
def test_requests_depend_on_nothing_later(steps: list[float], plan: list[list[Move]], place: int) -> None:
    cut = min(place, len(steps) - 1)
    base = played(steps, plan)
    other = played([*steps[:cut], *(-step for step in steps[cut:])], plan)
    until = [bar.closed_at for bar in events(base, PriceBarEvent)][cut]
    known = [len([e for _, e in each.events() if e.occurred_at <= until]) for each in (base, other)]
    assert known[0] == known[1]
    assert log(base)[: known[0]] == log(other)[: known[0]]
