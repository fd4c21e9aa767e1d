"""The execution service on real events: acceptance, fills, brackets, expiry, order within an instant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.services.execution.exchange import HOUR, START, Exchange, bar, closes, opens, told

from qtrader.clock import from_epoch_us
from qtrader.events.events import FillEvent, OrderUpdateEvent, PriceBarEvent
from qtrader.events.vocabulary import OrderStatus
from qtrader.market.instruments import Instrument
from qtrader.services.execution.orders import OrderLifeError


def test_an_accepted_order_says_what_rests_and_how_long() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 98")
    exchange.order("b", "sell 50 stop 90", day=True)
    accepted, until = exchange.updates("a")[0], exchange.updates("b")[0]
    assert accepted.status is OrderStatus.ACCEPTED
    assert accepted.message == "buy limit 100 AAPL, limit 98: rests until filled or canceled"
    assert (
        until.message == "sell stop 50 AAPL, stop 90: rests until its session closes at 2012-09-21T20:00:00Z"
    )
    assert (accepted.quantity, accepted.leaves_quantity, accepted.filled_quantity) == (100, 100, 0)
    assert accepted.causation_id == exchange.orders["a"].event_id
    assert accepted.correlation_id == exchange.orders["a"].correlation_id
    assert exchange.service.working_orders() == (
        "a: buy limit 100 AAPL, limit 98: rests until filled or canceled",
        "b: sell stop 50 AAPL, stop 90: rests until its session closes at 2012-09-21T20:00:00Z",
    )


def test_prices_are_rounded_by_side_when_accepted() -> None:
    exchange = Exchange()
    for order_id, text in {
        "a": "buy 1 limit 98.019",
        "b": "sell 1 limit 98.011",
        "c": "buy 1 stop 98.011",
        "d": "sell 1 stop 98.019",
    }.items():
        exchange.order(order_id, text)
    assert [exchange.last(name).limit_price for name in "ab"] == [Decimal("98.01"), Decimal("98.02")]
    assert [exchange.last(name).stop_price for name in "cd"] == [Decimal("98.02"), Decimal("98.01")]


@pytest.mark.parametrize(
    ("text", "options", "reason", "message"),
    [
        ("buy 1.5", {}, "quantity_off_step", "quantity 1.5 is no multiple of AAPL's step 1"),
        ("buy 1", {"parent": "nobody"}, "unknown_parent", "no order nobody was accepted before its child"),
        (
            "sell 1 stop 9",
            {"parent": "done", "purpose": "stop_loss"},
            "parent_done",
            "done is filled already",
        ),
        (
            "sell 1 stop 9",
            {"parent": "bad", "purpose": "stop_loss"},
            "parent_done",
            "bad is rejected already",
        ),
        ("sell 1 limit 9", {"parent": "open", "purpose": "stop_loss"}, "invalid_child", "stop_loss limit"),
        ("sell 1 stop 9", {"parent": "open", "purpose": "close"}, "invalid_child", "close stop"),
        ("buy 1 stop 9", {"parent": "open", "purpose": "stop_loss"}, "invalid_child", "other side"),
        (
            "sell 1 stop 9",
            {"parent": "open", "purpose": "stop_loss", "strategy": "other"},
            "invalid_child",
            "the strategy of its parent open, sma",
        ),
        (
            "sell 1 stop 8",
            {"parent": "twin", "purpose": "stop_loss"},
            "invalid_child",
            "stop_loss child already",
        ),
    ],
)
def test_a_rejected_order_says_why(text: str, options: dict[str, Any], reason: str, message: str) -> None:
    exchange = Exchange()
    exchange.order("done", "buy 1", opens(-1))
    exchange.match(bar(-1, "100,101,99,100"))
    exchange.order("bad", "buy 0.5")
    exchange.order("open", "buy 1 limit 10")
    exchange.order("twin", "buy 1 limit 10")
    exchange.order("twin/stop", "sell 1 stop 9", parent="twin", purpose="stop_loss")
    exchange.order("x", text, **options)
    (update,) = exchange.updates("x")
    assert (update.status, update.reason, update.leaves_quantity) == (OrderStatus.REJECTED, reason, 0)
    assert message in update.message
    assert "x" not in {order.order_id for order in exchange.service.open_orders()}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": Decimal(0)}, "non_positive_quantity"),
        ({"quantity": Decimal(-5)}, "non_positive_quantity"),
        ({"limit_price": None}, "wrong_prices"),
        ({"stop_price": Decimal(5)}, "wrong_prices"),
        ({"limit_price": Decimal(-1)}, "non_positive_price"),
    ],
)
def test_what_no_contract_allows_is_refused_all_the_same(change: dict[str, Any], reason: str) -> None:
    import msgspec

    from qtrader.market.instruments import Instrument
    from qtrader.services.execution.acceptance import refusal

    exchange = Exchange()
    exchange.order("a", "buy 100 limit 98")
    order = msgspec.structs.replace(exchange.orders["a"], **change)
    refused = refusal(order, Instrument(symbol="AAPL"), None, None, order.occurred_at)
    assert refused is not None
    assert refused.reason == reason


def test_an_order_id_is_used_once() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 1")
    with pytest.raises(OrderLifeError, match="order a was seen before"):
        exchange.order("a", "buy 1")
    exchange.match(bar(1, "100,101,99,100"))
    with pytest.raises(OrderLifeError, match="order a was seen before"):
        exchange.order("a", "buy 1")


@pytest.mark.parametrize(
    ("mode", "price", "basis", "executed_at_us"),
    [
        ("next_open", "100.5", "open", opens(1)),
        ("next_close", "102.5", "close", closes(1)),
        ("same_close", "99.5", "close", closes(0)),
    ],
)
def test_a_market_order_in_each_mode(mode: str, price: str, basis: str, executed_at_us: int) -> None:
    exchange = Exchange(market_fill=mode)
    exchange.order("a", "buy 100")
    exchange.match_same_close(bar(0, "98,100,97,99.5"))
    exchange.match(bar(1, "100.5,103,100,102.5"))
    (fill,) = exchange.fills
    assert told([fill]) == [f"a buy 100 {price} {basis}"]
    assert fill.executed_at == from_epoch_us(executed_at_us)
    assert fill.occurred_at == from_epoch_us(closes(0 if mode == "same_close" else 1))
    assert exchange.steps("a") == ["accepted:accepted", "filled:filled"]
    assert (fill.fill_id, fill.causation_id) == ("a#1", exchange.orders["a"].event_id)
    assert not exchange.service.has_live_orders


def test_same_close_takes_only_market_orders_of_this_instant_with_a_bar_now() -> None:
    exchange = Exchange(market_fill="same_close")
    exchange.order("old", "buy 1", opens(0))
    exchange.order("limit", "buy 1 limit 200")
    exchange.order("elsewhere", "buy 1", symbol="IBM")
    exchange.order("now", "buy 1")
    assert told(exchange.match_same_close(bar(0, "98,100,97,99.5"))) == ["now buy 1 99.5 close"]
    assert exchange.match_same_close(bar(-1, "98,100,97,99.5")) == []
    fills = exchange.match(bar(1, "101,102,100,101"), bar(1, "50,51,49,50", "IBM"))
    assert told(fills) == ["old buy 1 101 open", "limit buy 1 101 open", "elsewhere buy 1 50 open"]


def test_fill_with_costs_to_the_cent() -> None:
    exchange = Exchange(slippage_bps=5, commission={"type": "percent", "percent": "0.1"})
    exchange.order("a", "buy 100")
    (fill,) = exchange.match(bar(1, "101.23,103,100,102"))
    # 101.23 x 1.0005 = 101.280615, up to 101.29; 0.1 % of 10,129; 100 x 0.06.
    assert (fill.price, fill.reference_price) == (Decimal("101.29"), Decimal("101.23"))
    assert (fill.commission, fill.slippage, fill.currency) == (Decimal("10.129"), Decimal(6), "USD")
    done = exchange.last("a")
    assert (done.filled_quantity, done.leaves_quantity, done.average_price) == (100, 0, Decimal("101.29"))
    assert done.message == "bought 100 AAPL at 101.29 (open 101.23 and slippage), commission 10.129 USD"


def test_slippage_of_a_stop_may_leave_the_bar() -> None:
    exchange = Exchange(slippage_bps=100)
    exchange.order("a", "sell 10 stop 95")
    (fill,) = exchange.match(bar(1, "96,97,94.9,96"))
    assert (fill.price, fill.reference_price, fill.slippage) == (
        Decimal("94.05"),
        Decimal(95),
        Decimal("9.5"),
    )


def test_an_order_meets_only_bars_that_opened_after_it_was_accepted() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 1", opens(1) + 1)
    exchange.order("b", "buy 1 limit 200", opens(1) + 1)
    exchange.order("c", "buy 1", opens(1))
    assert told(exchange.match(bar(1, "100,101,99,100"))) == ["c buy 1 100 open"]
    assert told(exchange.match(bar(2, "102,103,101,102"))) == ["a buy 1 102 open", "b buy 1 102 open"]


def test_stop_limit_triggers_once_then_rests_as_a_limit() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10 stop 100 limit 99")
    assert exchange.match(bar(1, "98.5,101,98,100.5")) == []
    assert exchange.last("a").message == (
        "stop reached; the limit order at 99 rests until filled or canceled; "
        "the bar leaves open whether the limit was reached after it"
    )
    assert exchange.match(bar(2, "101,102,99.5,101")) == []
    assert told(exchange.match(bar(3, "101,102,98.5,101"))) == ["a buy 10 99 limit"]
    assert exchange.steps("a") == ["accepted:accepted", "triggered:stop_reached", "filled:filled"]


def test_within_an_instant_open_prints_reductions_and_acceptance_come_in_that_order() -> None:
    exchange = Exchange(market_fill="next_open")
    exchange.order("within_increase", "buy 1 limit 99")
    exchange.order("open_increase_1", "buy 1")
    exchange.order("open_increase_2", "buy 1", symbol="IBM")
    exchange.order("within_close", "sell 1 limit 101", purpose="close", strategy="b")
    exchange.order("open_close", "sell 1", purpose="close", strategy="c")
    fills = exchange.match(bar(1, "100,102,98,100"), bar(1, "50,51,49,50", "IBM"))
    assert [fill.order_id for fill in fills] == [
        "open_close",
        "open_increase_1",
        "open_increase_2",
        "within_close",
        "within_increase",
    ]


def test_close_prints_come_last() -> None:
    exchange = Exchange(market_fill="next_close")
    exchange.order("market", "sell 1", purpose="close")
    exchange.order("limit", "buy 1 limit 99")
    assert told(exchange.match(bar(1, "100,102,98,100"))) == [
        "limit buy 1 99 limit",
        "market sell 1 100 close",
    ]


def test_each_call_handles_one_order() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 1")
    exchange.order("b", "buy 1")
    exchange.service.begin_instant([bar(1, "100,101,99,100")], from_epoch_us(closes(1)))
    assert exchange.service.match_next()
    assert [fill.order_id for fill in exchange.fills] == ["a"]
    assert exchange.service.match_next()
    assert not exchange.service.match_next()
    assert [fill.order_id for fill in exchange.fills] == ["a", "b"]


def test_day_orders_expire_at_their_session_s_close() -> None:
    exchange = Exchange()
    exchange.order("gone", "buy 1 limit 90", day=True)
    exchange.order("filled", "buy 1 limit 99", day=True)
    exchange.order("kept", "buy 1 limit 90")
    exchange.order("morning", "buy 1 limit 90", opens(1) - HOUR, day=True)
    assert exchange.service.next_expiry_us() == closes(1)
    exchange.match(bar(1, "100,101,98,100"))
    assert exchange.steps("gone") == ["accepted:accepted", "expired:session_closed"]
    assert exchange.steps("filled") == ["accepted:accepted", "filled:filled"]
    assert exchange.steps("morning")[-1] == "expired:session_closed"
    assert exchange.last("gone").occurred_at == from_epoch_us(closes(1))
    assert [order.order_id for order in exchange.service.open_orders()] == ["kept"]
    assert exchange.service.next_expiry_us() is None


def test_views_of_open_orders() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100 limit 98", "95", "110")
    exchange.order("b", "sell 5 stop 40", symbol="IBM", purpose="close", day=True)
    entry, stop, target, close = exchange.service.open_orders()
    assert (entry.is_live, stop.is_live, target.is_live, close.is_live) == (True, False, False, True)
    assert (entry.is_reduction, stop.is_reduction, close.is_reduction) == (False, True, True)
    assert (entry.limit_price, stop.stop_price, close.expires_at_us) == (98, 95, closes(1))
    assert exchange.service.live_symbols() == ("AAPL", "IBM")
    assert exchange.service.has_live_orders


def test_identity_and_order_of_events() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,112,94,100"))
    ids = [event.event_id for event in exchange.events]
    assert len(set(ids)) == len(ids)
    instants = [event.occurred_at for event in exchange.events]
    assert instants == sorted(instants)
    again = Exchange()
    again.bracket("a", "buy 100", "95", "110")
    again.match(bar(1, "100,112,94,100"))
    assert again.events == exchange.events
    for event in exchange.events:
        assert isinstance(event, OrderUpdateEvent | FillEvent)
        assert event.causation_id == exchange.orders[event.order_id].event_id


def test_currency_and_step_come_from_the_instrument() -> None:
    bitcoin = Instrument(symbol="BTC", currency="EUR", quantity_step=Decimal("0.0001"), tick_size=None)
    exchange = Exchange([bitcoin], slippage_bps=10)
    exchange.order("a", "buy 0.0015", symbol="BTC")
    (fill,) = exchange.match(bar(1, "20000.5,21000,19000,20500", "BTC"))
    assert (fill.currency, fill.quantity, fill.price) == ("EUR", Decimal("0.0015"), Decimal("20020.5005"))


def test_intraday_bars_that_follow_each_other() -> None:
    """An order accepted at one hour's close meets the bar that opens at that very instant."""
    exchange = Exchange()
    at = START + 15 * HOUR
    hour = [
        PriceBarEvent(
            "AAPL", "1h", at + n * HOUR, at + (n + 1) * HOUR, 100.0 + n, 101.0 + n, 99.0, 100.0, 5.0
        )
        for n in range(2)
    ]
    exchange.order("a", "buy 1", at + HOUR)
    assert exchange.match(hour[0]) == []
    assert told(exchange.match(hour[1])) == ["a buy 1 101 open"]
