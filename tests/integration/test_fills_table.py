"""The table of fills in the conventions, row by row, through the whole engine.

A strategy signals on a bar that stands still at 100; the next bar is the row. Every row is run twice: as it
stands, and mirrored (p becomes 200 - p, high and low change places, buy becomes sell).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from tests.engine_inputs import Row, Script, daily, engine_of, events, flat, inputs_of, play

from qtrader.engine.results import Results
from qtrader.events.events import FillEvent, OrderEvent, OrderUpdateEvent
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, TimeInForce
from qtrader.services.strategy.protocol import StrategySpec

PRICE_KEYS = ("limit_price", "stop_price", "stop_loss", "take_profit")


class Case(NamedTuple):
    """`fills` are (purpose, price, is_ambiguous) on the row; `status` is where the signal's order ends."""

    name: str
    wish: dict[str, Any]
    row: Row
    fills: list[tuple[str, float, bool]]
    status: str = "filled"
    #: A quiet bar between the signal and the row, on which the entry fills.
    is_held_before: bool = False
    limit_touch: bool = False


def limit(price: float) -> dict[str, Any]:
    return {"order_type": "limit", "limit_price": price}


def stop(price: float) -> dict[str, Any]:
    return {"order_type": "stop", "stop_price": price}


def stop_limit(stop_price: float, limit_price: float) -> dict[str, Any]:
    return {"order_type": "stop_limit", "stop_price": stop_price, "limit_price": limit_price}


BRACKET = {"stop_loss": 95, "take_profit": 110}
OPENED = ("open", 100.0, False)

TABLE = [
    Case("market at the open", {}, (102, 103, 99, 101), [("open", 102, False)]),
    Case("limit traded through: never better than it", limit(100), (101, 102, 97, 97.5), [OPENED]),
    Case("limit opened through", limit(100), (98, 99, 97, 98), [("open", 98, False)]),
    Case("limit touched by the low", limit(100), (101, 102, 100, 101), [], "accepted"),
    Case("limit touched, limit_touch", limit(100), (101, 102, 100, 101), [OPENED], limit_touch=True),
    Case("limit touched by the open", limit(100), (100, 102, 100, 101), [], "accepted"),
    Case(
        "limit touched by the open, limit_touch", limit(100), (100, 102, 100, 101), [OPENED], limit_touch=True
    ),
    Case("limit traded through after the open", limit(100), (100, 102, 99, 101), [OPENED]),
    Case("stop gapped through", stop(100), (103, 104, 102, 103), [("open", 103, False)]),
    Case("stop reached", stop(100), (99, 101, 98, 100), [OPENED]),
    Case("stop touched", stop(100), (99, 100, 98, 99), [OPENED]),
    Case("stop not reached", stop(100), (98, 99.5, 97, 99), [], "accepted"),
    Case("stop-limit, the trigger is good enough", stop_limit(100, 101), (99, 103, 98, 102), [OPENED]),
    Case("stop-limit gapped beyond both", stop_limit(100, 101), (103, 104, 102, 103), [], "triggered"),
    Case("stop-limit came back", stop_limit(100, 101), (103, 104, 100.5, 102), [("open", 101, False)]),
    Case(
        "stop-limit opened between", stop_limit(100, 101), (100.5, 104, 100.2, 103), [("open", 100.5, False)]
    ),
    Case("stop-limit below its stop", stop_limit(100, 99), (98.5, 101, 98, 100.5), [], "triggered"),
    Case("stop-limit fell to its limit", stop_limit(100, 99), (98.5, 101, 97, 98.7), [("open", 99, False)]),
    Case("bracket, the stop certain", BRACKET, (100, 104, 94, 96), [OPENED, ("stop_loss", 95, False)]),
    Case("bracket, both reached", BRACKET, (100, 112, 94, 100), [OPENED, ("stop_loss", 95, True)]),
    Case("bracket, the target certain", BRACKET, (100, 112, 96, 111), [OPENED, ("take_profit", 110, False)]),
    Case("bracket, neither reached", BRACKET, (100, 104, 96, 100), [OPENED]),
    Case(
        "entered beyond the stop", BRACKET, (94, 96, 93, 95), [("open", 94, False), ("stop_loss", 94, False)]
    ),
    Case(
        "entered beyond the target",
        BRACKET,
        (111, 112, 108, 109),
        [("open", 111, False), ("take_profit", 111, False)],
    ),
    Case(
        "resting bracket opens above its target",
        BRACKET,
        (115, 116, 94, 96),
        [("take_profit", 115, False)],
        is_held_before=True,
    ),
    Case(
        "resting bracket opens below its stop",
        BRACKET,
        (93, 112, 92, 110),
        [("stop_loss", 93, False)],
        is_held_before=True,
    ),
    Case(
        "resting bracket, both reached",
        BRACKET,
        (100, 112, 94, 100),
        [("stop_loss", 95, True)],
        is_held_before=True,
    ),
    Case(
        "limit entry, the target may have come first",
        limit(98) | BRACKET,
        (100, 112, 97, 105),
        [("open", 98, True)],
    ),
]


def mirrored(case: Case) -> Case:
    opened, high, low, close = case.row
    wish = {key: 200 - value if key in PRICE_KEYS else value for key, value in case.wish.items()}
    return case._replace(
        wish=wish,
        row=(200 - opened, 200 - low, 200 - high, 200 - close),
        fills=[(purpose, 200 - price, flag) for purpose, price, flag in case.fills],
    )


def played(case: Case, intention: str) -> Results:
    quiet = [flat(100)] * (2 if case.is_held_before else 1)
    plan = {0: [{"intention": intention, **case.wish}]}
    return play([*quiet, case.row], plan, limit_touch=case.limit_touch)


def check(case: Case, results: Results) -> None:
    row_opened_at = results.run.tape.bar(-1).opened_at if results.run.tape else None
    found = [
        (fill.purpose.value, fill.price, fill.is_ambiguous)
        for fill in events(results, FillEvent)
        if row_opened_at is None or fill.executed_at >= row_opened_at
    ]
    assert found == [(purpose, Decimal(str(price)), flag) for purpose, price, flag in case.fills]
    assert results.order_records[0].status == case.status
    assert results.refusal_records == ()


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_buying(case: Case) -> None:
    check(case, played(case, "open_long"))


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_selling_is_the_mirror(case: Case) -> None:
    check(mirrored(case), played(mirrored(case), "open_short"))


@pytest.mark.parametrize(
    ("market_fill", "price", "executed"), [("next_open", 102, "opened_at"), ("next_close", 101, "closed_at")]
)
def test_a_market_order_takes_the_next_bars_open_or_close(
    market_fill: str, price: int, executed: str
) -> None:
    results = play(
        [flat(100), (102, 103, 99, 101)], {0: [{"intention": "open_long"}]}, market_fill=market_fill
    )
    (fill,) = events(results, FillEvent)
    assert results.run.tape is not None
    assert (fill.price, fill.executed_at) == (price, getattr(results.run.tape.bar(1), executed))


def test_what_rests_after_a_trigger_fills_as_a_limit_on_a_later_bar() -> None:
    rows = [flat(100), (103, 104, 102, 103), (102, 103, 100.5, 101.5)]
    results = play(rows, {0: [{"intention": "open_long", **stop_limit(100, 101)}]})
    assert [fill.price for fill in events(results, FillEvent)] == [101]
    steps = [update.status.value for update in events(results, OrderUpdateEvent)]
    assert steps == ["accepted", "triggered", "filled"]


def test_slippage_goes_against_the_trader_on_markets_and_stops_and_not_on_limits() -> None:
    costs = {"slippage_bps": 10}
    stopped = play([flat(100), (99, 101, 98, 100)], {0: [{"intention": "open_long", **stop(100)}]}, **costs)
    shorted = play([flat(100), (99, 101, 98, 100)], {0: [{"intention": "open_short"}]}, **costs)
    limited = play([flat(100), (101, 102, 97, 98)], {0: [{"intention": "open_long", **limit(100)}]}, **costs)
    found = [
        (one.price, one.reference_price, one.slippage)
        for r in (stopped, shorted, limited)
        for one in events(r, FillEvent)
    ]
    assert found == [
        (Decimal("100.10"), 100, 10),
        (Decimal("98.90"), 99, 10),  # 98.901, down to the tick
        (100, 100, 0),
    ]


@pytest.mark.parametrize("is_stop_first", [True, False], ids=["stop accepted first", "limit accepted first"])
@pytest.mark.parametrize("is_mirrored", [False, True], ids=["buy", "sell"])
@pytest.mark.parametrize(("opened", "price"), [(99, 95), (101, 105), (100, None)])
def test_one_of_two_entries_is_the_one_nearer_to_the_open(
    opened: float, price: float | None, is_mirrored: bool, is_stop_first: bool
) -> None:
    """Such entries come from outside: a subscriber publishes their orders on the first bar."""

    def flip(value: float) -> Decimal:
        return Decimal(str(200 - value if is_mirrored else value))

    rows = [flat(100), (200 - opened if is_mirrored else opened, 106, 94, 100)]
    engine = engine_of(inputs_of(daily(rows)), StrategySpec(Script({}), "outside"))

    def order(order_type: OrderType, at: float) -> OrderEvent:
        is_stop = order_type is OrderType.STOP
        return OrderEvent(
            order_id=order_type.value,
            signal_id="outside",
            strategy_id="outside",
            symbol="X",
            side=Side.SELL if is_mirrored else Side.BUY,
            quantity=Decimal(1),
            order_type=order_type,
            time_in_force=TimeInForce.GTC,
            purpose=OrderPurpose.OPEN,
            limit_price=None if is_stop else flip(at),
            stop_price=flip(at) if is_stop else None,
            oco_group="entries",
            envelope=Envelope.known(occurred_at=engine.data.tape.bar(0).closed_at),
        )

    orders = [order(OrderType.STOP, 105), order(OrderType.LIMIT, 95)]
    seen = []

    def publish_once(bar: Any) -> None:
        seen.append(bar)
        if len(seen) == 1:
            for one in orders if is_stop_first else reversed(orders):
                engine.bus.publish(one)

    engine.bus.subscribe("bar", publish_once)
    (fill,) = events(engine.run(), FillEvent)
    tie = 105 if is_stop_first else 95
    assert (fill.price, fill.is_ambiguous) == (flip(tie if price is None else price), True)
