"""Requests to cancel and modify: what they change, what becomes of the order's place, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.services.execution.exchange import DAY, HOUR, Exchange, bar, closes, opens, told, with_volume

from qtrader.clock import from_epoch_us
from qtrader.events.events import OrderCancelEvent, OrderModifyEvent, OrderRequestRejectedEvent
from qtrader.events.identity import Envelope, uuid8
from qtrader.events.vocabulary import OrderType


def modify(exchange: Exchange, order_id: str, at_us: int | None = None, **terms: str) -> str:
    """Ask for other terms at the close of day 1 or at another instant, and say what came of it."""
    request = OrderModifyEvent(
        **_request(order_id, "modify", at_us), **{name: Decimal(value) for name, value in terms.items()}
    )
    return _answer(exchange, lambda: exchange.service.requests.on_order_modify(request), order_id)


def cancel(exchange: Exchange, order_id: str, strategy: str = "sma") -> str:
    request = OrderCancelEvent(**(_request(order_id, "cancel", None) | {"strategy_id": strategy}))
    return _answer(exchange, lambda: exchange.service.requests.on_order_cancel(request), order_id)


def _request(order_id: str, kind: str, at_us: int | None) -> dict[str, Any]:
    envelope = Envelope.known(
        event_id=uuid8(f"{order_id}{kind}{at_us}"),
        run_id="run",
        occurred_at=from_epoch_us(closes(1) if at_us is None else at_us),
        source_service="strategy_service",
    )
    return {"envelope": envelope, "request_id": "request", "order_id": order_id, "strategy_id": "sma"}


def _answer(exchange: Exchange, ask: Any, order_id: str) -> str:
    before = len(exchange.events)
    ask()
    answer = exchange.events[before]
    if isinstance(answer, OrderRequestRejectedEvent):
        assert len(exchange.events) == before + 1
        return answer.reason
    return exchange.steps(order_id)[-1]


# the order | what is asked | the answer | quantity, limit and stop in force then
GRANTED = """
buy 100 limit 90          | limit_price 91.009            | accepted:modified | 100 91 -
sell 100 limit 110        | limit_price 109.001           | accepted:modified | 100 109.01 -
buy 100 stop 110          | stop_price 109.001            | accepted:modified | 100 - 109.01
sell 100 stop 90          | stop_price 91.009             | accepted:modified | 100 - 91
buy 100 stop 110 limit 112 | stop_price 108 limit_price 109 | accepted:modified | 100 109 108
buy 100 limit 90          | quantity 40                   | accepted:modified | 40 90 -
buy 100 limit 90          | quantity 40 limit_price 95    | accepted:modified | 40 95 -
buy 100                   | quantity 1                    | accepted:modified | 1 - -
buy 100 limit 90          | limit_price 90                | accepted:modified | 100 90 -
"""


@pytest.mark.parametrize("row", GRANTED.strip().splitlines())
def test_what_is_granted(row: str) -> None:
    words, asked, answer, terms = (cell.strip() for cell in row.split("|"))
    exchange = Exchange()
    exchange.order("a", words)
    parts = asked.split()
    assert modify(exchange, "a", **dict(zip(parts[::2], parts[1::2], strict=True))) == answer
    last = exchange.last("a")
    shown = [last.quantity, last.limit_price, last.stop_price]
    assert " ".join("-" if value is None else f"{value.normalize():f}" for value in shown) == terms
    assert last.leaves_quantity == last.quantity
    assert last.message.startswith("modified by its strategy (request request): now ")


# the order | its type, where the words do not say it | what is asked | the reason of the refusal
REFUSED = """
buy 100 limit 90  |  | quantity 101 | quantity_increase
buy 100 limit 90  |  | quantity 0.5 | quantity_off_step
buy 100 limit 90  |  | stop_price 95 | wrong_prices
buy 100           |  | limit_price 95 | wrong_prices
buy 100           |  | stop_price 95 | wrong_prices
buy 100 stop 110  |  | limit_price 95 | wrong_prices
buy 100           | market_on_open | limit_price 95 | wrong_prices
buy 100           | trailing_stop | stop_price 95 | wrong_prices
buy 100           | trailing_stop | limit_price 95 | wrong_prices
"""


@pytest.mark.parametrize("row", REFUSED.strip().splitlines())
def test_what_is_refused_and_changes_nothing(row: str) -> None:
    words, kind, asked, reason = (cell.strip() for cell in row.split("|"))
    exchange = Exchange()
    terms: dict[str, Any] = {"order_type": OrderType(kind)} if kind else {}
    if kind == "trailing_stop":
        terms["trail_amount"] = Decimal(2)
    exchange.order("a", words, **terms)
    parts = asked.split()
    assert modify(exchange, "a", **dict(zip(parts[::2], parts[1::2], strict=True))) == reason
    assert len(exchange.updates("a")) == 1


def test_what_has_filled_bounds_the_quantity_from_below() -> None:
    exchange = Exchange(participation_percent="10")
    exchange.order("a", "buy 100 limit 100")
    exchange.match(with_volume(bar(1, "99,100,98,99"), 400))
    assert exchange.trades("a") == ["40 at 99 open"]
    assert modify(exchange, "a", quantity="40") == "quantity_filled"
    assert modify(exchange, "a", quantity="70") == "partially_filled:modified"
    exchange.match(with_volume(bar(2, "99,100,98,99"), 4000))
    assert exchange.trades("a") == ["40 at 99 open", "30 at 99 open"]
    assert exchange.steps("a")[-1] == "filled:filled"
    assert modify(exchange, "a", quantity="50") == cancel(exchange, "a") == "order_done"


def test_a_stop_that_was_reached_is_no_longer_there_but_its_limit_is() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 stop 100 limit 99")
    exchange.match(bar(1, "98.5,101,98,100.5"))
    assert exchange.steps("a")[-1] == "triggered:stop_reached"
    assert modify(exchange, "a", stop_price="101") == "already_triggered"
    assert modify(exchange, "a", limit_price="98") == "triggered:modified"
    exchange.match(bar(2, "98.5,99,98.2,98.5"))
    assert exchange.trades("a") == []
    exchange.match(bar(3, "98.5,99,97,98"))
    # The bar that triggered it left open whether it had bought at 99 by then.
    assert exchange.trades("a") == ["100 at 98 limit?"]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, ["a", "b"]),
        ({"quantity": "60"}, ["a", "b"]),
        ({"limit_price": "95"}, ["a", "b"]),
        ({"limit_price": "95.5"}, ["b", "a"]),
        ({"limit_price": "94.5"}, ["b", "a"]),
    ],
)
def test_a_new_price_goes_to_the_end_of_the_line(terms: dict[str, str], expected: list[str]) -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 95")
    exchange.order("b", "buy 100 limit 95")
    if terms:
        modify(exchange, "a", **terms)
    assert [fill.order_id for fill in exchange.match(bar(2, "96,97,90,91"))] == expected


def test_a_new_price_meets_only_bars_that_open_from_then_on() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 90")
    # Within the session of day 1: the bar of that day had opened before.
    assert modify(exchange, "a", opens(1) + HOUR, limit_price="95") == "accepted:modified"
    assert exchange.match(bar(1, "96,97,89,91")) == []
    assert told(exchange.match(bar(2, "96,97,94,95"))) == ["a buy 100 95 limit"]


def test_a_smaller_quantity_meets_the_bar_that_is_running() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 90")
    modify(exchange, "a", opens(1) + HOUR, quantity="30")
    assert told(exchange.match(bar(1, "96,97,89,91"))) == ["a buy 30 90 limit"]


@pytest.mark.parametrize(
    ("latency", "day"), [({"milliseconds": 0}, 2), ({"milliseconds": DAY // 1000}, 3), ({"bars": 1}, 3)]
)
def test_a_new_price_takes_as_long_as_an_order_to_arrive(latency: dict[str, int], day: int) -> None:
    exchange = Exchange(latency=latency)
    exchange.order("a", "buy 100 limit 80")
    modify(exchange, "a", limit_price="95")
    fills = {each: told(exchange.match(bar(each, "96,97,94,95"))) for each in (2, 3, 4)}
    assert {each: trades for each, trades in fills.items() if trades} == {day: ["a buy 100 95 limit"]}


def test_off_tick_prices_are_refused_where_orders_are() -> None:
    exchange = Exchange(off_tick="reject")
    exchange.order("a", "buy 100 limit 90")
    assert modify(exchange, "a", limit_price="90.001") == "off_tick"
    assert modify(exchange, "a", limit_price="90.01") == "accepted:modified"


def test_exits_keep_their_size_and_can_be_moved_before_and_after_their_parent_fills() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "90", "120")
    assert modify(exchange, "a/stop_loss", closes(0), quantity="50") == "sized_by_parent"
    assert modify(exchange, "a/stop_loss", closes(0), stop_price="92") == "accepted:modified"
    exchange.match(bar(1, "100,101,99,100"))
    assert exchange.last("a/stop_loss").stop_price == 92
    assert modify(exchange, "a/take_profit", limit_price="110") == "accepted:modified"
    assert told(exchange.match(bar(2, "100,111,95,110"))) == ["a/take_profit sell 100 110 limit"]
    assert exchange.steps("a/stop_loss")[-1] == "canceled:oco"


def test_a_cancel_takes_waiting_children_along_and_leaves_the_others_of_a_group() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100 limit 90", "80", None)
    exchange.order("b", "buy 100 limit 91", oco="pair")
    exchange.order("c", "buy 100 limit 92", oco="pair")
    assert cancel(exchange, "a/open") == "canceled:canceled_by_strategy"
    assert exchange.steps("a/stop_loss")[-1] == "canceled:parent_canceled"
    assert cancel(exchange, "b") == "canceled:canceled_by_strategy"
    assert [fill.order_id for fill in exchange.match(bar(2, "95,96,80,81"))] == ["c"]


def test_only_its_own_strategy_may_ask_and_only_while_it_works() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 90")
    assert cancel(exchange, "a", "rsi") == "not_own_order"
    assert cancel(exchange, "b") == "unknown_order"
    exchange.service.requests.end_trading()
    assert cancel(exchange, "a") == modify(exchange, "a", quantity="1") == "run_ended"
