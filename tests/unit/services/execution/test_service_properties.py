"""What holds after any sequence of orders, bars, splits and dividends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.execution.exchange import Exchange, bar, closes, opens

from qtrader.clock import to_epoch_us
from qtrader.events.events import FillEvent, OrderUpdateEvent, PriceBarEvent
from qtrader.events.vocabulary import ActionType, OrderPurpose, OrderStatus, OrderType, Side
from qtrader.services.execution.orders import TRANSITIONS

#: No deadline: how long an example takes says something about the machine only.
EXAMPLES = 60
TICK = st.integers(90, 110)
FINAL = {status for status in OrderStatus if not TRANSITIONS[status]}


class Plan(NamedTuple):
    """One day: what is ordered at its close, at what bar it then trades, and what happens before its open."""

    orders: list[tuple[str, dict[str, Any]]]
    ibm: str
    aapl: str
    action: tuple[ActionType, dict[str, Any]] | None


@st.composite
def price_bars(draw: st.DrawFn) -> str:
    low, *middle, high = sorted(draw(st.tuples(TICK, TICK, TICK, TICK)))
    opened, close = draw(st.permutations(middle))
    return f"{opened},{high},{low},{close}"


@st.composite
def order_texts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    side = draw(st.sampled_from(["buy", "sell"]))
    text = f"{side} {draw(st.integers(1, 5)) * 10}"
    for kind in draw(st.sampled_from([(), ("limit",), ("stop",), ("stop", "limit")])):
        text += f" {kind} {draw(TICK)}"
    shape = draw(st.sampled_from(["plain", "bracket", "bracket", "close", "oco"]))
    options: dict[str, Any] = {
        "shape": shape,
        "symbol": draw(st.sampled_from(["AAPL", "IBM"])),
        "strategy": draw(st.sampled_from(["one", "two"])),
        "day": draw(st.booleans()),
        "exits": (draw(st.none() | TICK), draw(st.none() | TICK)),
    }
    return text, options


ACTIONS = st.sampled_from(
    [
        None,
        None,
        None,
        (ActionType.SPLIT, {"ratio": Decimal(2)}),
        (ActionType.SPLIT, {"ratio": Decimal("1.5")}),
        (ActionType.SPLIT, {"ratio": Decimal("0.5")}),
        (ActionType.CASH_DIVIDEND, {"amount": Decimal("0.77"), "currency": "USD"}),
    ]
)
PLANS = st.lists(
    st.builds(Plan, st.lists(order_texts(), max_size=3), price_bars(), price_bars(), ACTIONS),
    min_size=2,
    max_size=7,
)
SETTINGS = st.fixed_dictionaries(
    {
        "market_fill": st.sampled_from(["next_open", "next_close", "same_close"]),
        "limit_touch": st.booleans(),
        "slippage_bps": st.sampled_from([0, 7]),
        "commission": st.just({"type": "per_share", "amount": "0.01", "minimum": "1"}),
    }
)


def give(exchange: Exchange, order_id: str, text: str, options: dict[str, Any], at_us: int) -> None:
    where = {key: options[key] for key in ("symbol", "strategy")} | {"at_us": at_us}
    stop, target = (None if price is None else str(price) for price in options["exits"])
    if options["shape"] == "bracket":
        exchange.bracket(order_id, text, stop, target, day=options["day"], **where)
    elif options["shape"] == "close":
        exchange.order(f"{order_id}/close", text, purpose="close", day=options["day"], **where)
    elif options["shape"] == "oco":
        exchange.order(f"{order_id}/open", text, oco=f"pair {at_us}", day=options["day"], **where)
    else:
        exchange.order(f"{order_id}/open", text, day=options["day"], **where)


def run(plans: list[Plan], rules: dict[str, Any]) -> tuple[Exchange, dict[tuple[str, int], PriceBarEvent]]:
    exchange = Exchange(**rules)
    tape = {}
    for day, plan in enumerate(plans):
        bars = bar(day, plan.aapl, "AAPL"), bar(day, plan.ibm, "IBM")
        for each in bars:
            tape[each.symbol, day] = each
        if plan.action is not None:
            exchange.act(plan.action[0], day, **plan.action[1])
        exchange.match(*bars)
        for number, (text, options) in enumerate(plan.orders):
            give(exchange, f"{day}.{number}", text, options, closes(day))
        exchange.match_same_close(*bars)
    return exchange, tape


def day_of(fill: FillEvent) -> int:
    return (to_epoch_us(fill.occurred_at) - closes(0)) // (closes(1) - closes(0))


def is_sold(side: Side) -> bool:
    return side is Side.SELL


@settings(max_examples=EXAMPLES, deadline=None)
@given(plans=PLANS, rules=SETTINGS)
def test_fills_are_within_the_bar_the_limit_and_the_time(plans: list[Plan], rules: dict[str, Any]) -> None:
    exchange, tape = run(plans, rules)
    in_force: dict[str, OrderUpdateEvent] = {}
    for event in exchange.events:
        if isinstance(event, OrderUpdateEvent):
            in_force[event.order_id] = event
            continue
        assert isinstance(event, FillEvent)
        order, terms = exchange.orders[event.order_id], in_force[event.order_id]
        prices = tape[event.symbol, day_of(event)]
        assert Decimal(repr(prices.low)) <= event.reference_price <= Decimal(repr(prices.high))
        assert event.quantity == terms.leaves_quantity
        assert order.occurred_at <= event.executed_at <= event.occurred_at
        if terms.limit_price is not None:
            worse = (
                event.price < terms.limit_price if is_sold(event.side) else event.price > terms.limit_price
            )
            assert not worse
            assert event.slippage == 0
        if order.order_type is OrderType.STOP and terms.stop_price is not None:
            # A stop never trades before its price is reached.
            early = (
                event.reference_price > terms.stop_price
                if is_sold(event.side)
                else event.reference_price < terms.stop_price
            )
            assert not early


@settings(max_examples=EXAMPLES, deadline=None)
@given(plans=PLANS, rules=SETTINGS)
def test_lives_follow_the_table_and_quantities_add_up(plans: list[Plan], rules: dict[str, Any]) -> None:
    exchange, _ = run(plans, rules)
    for order_id in exchange.orders:
        status: OrderStatus | None = None
        for update in exchange.updates(order_id):
            assert update.status in TRANSITIONS[status]
            status = update.status
            is_open = status not in FINAL
            if is_open or status is OrderStatus.FILLED:
                assert update.leaves_quantity + update.filled_quantity == update.quantity
            else:
                assert update.leaves_quantity == 0
        fills = [fill for fill in exchange.fills if fill.order_id == order_id]
        assert (status is OrderStatus.FILLED) == bool(fills)
        open_ids = {order.order_id for order in exchange.service.open_orders()}
        assert (status in FINAL) != (order_id in open_ids)
    instants = [event.occurred_at for event in exchange.events]
    assert instants == sorted(instants)
    assert len({event.event_id for event in exchange.events}) == len(exchange.events)


@settings(max_examples=EXAMPLES, deadline=None)
@given(plans=PLANS, rules=SETTINGS)
def test_linked_orders_never_do_more_than_they_should(plans: list[Plan], rules: dict[str, Any]) -> None:
    exchange, _ = run(plans, rules)
    filled_groups = [exchange.orders[fill.order_id].oco_group for fill in exchange.fills]
    groups = [group for group in filled_groups if group is not None]
    assert len(groups) == len(set(groups))
    bought: dict[str, Decimal] = {}
    net: dict[tuple[str, str], Decimal] = {}
    for event in exchange.events:
        if isinstance(event, OrderUpdateEvent):
            parent = exchange.orders[event.order_id].parent_order_id
            is_live = event.status not in FINAL and event.reason != "held_for_parent"
            if parent in bought and is_live and event.reason not in {"split", "dividend"}:
                assert event.leaves_quantity <= bought[parent]
            if event.reason == "split" and parent in bought:
                bought[parent] = event.quantity
            continue
        assert isinstance(event, FillEvent)
        bought[event.order_id] = event.quantity
        key = (event.strategy_id, event.symbol)
        signed = -event.quantity if is_sold(event.side) else event.quantity
        before = net.get(key, Decimal(0))
        net[key] = before + signed
        if event.purpose in {OrderPurpose.STOP_LOSS, OrderPurpose.TAKE_PROFIT} and not any(
            plan.action for plan in plans
        ):
            # A protective order closes what is there and never turns it.
            assert before * signed < 0
            assert abs(signed) <= abs(before)


@settings(max_examples=EXAMPLES, deadline=None)
@given(plans=PLANS, rules=SETTINGS, data=st.data())
def test_later_bars_change_nothing_earlier(
    plans: list[Plan], rules: dict[str, Any], data: st.DataObject
) -> None:
    known = data.draw(st.integers(1, len(plans)))
    whole, _ = run(plans, rules)
    part, _ = run(plans[:known], rules)
    assert whole.events[: len(part.events)] == part.events
    later = [to_epoch_us(event.occurred_at) for event in whole.events[len(part.events) :]]
    assert all(instant > opens(known - 1) for instant in later)
