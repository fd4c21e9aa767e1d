"""Orders of every type and time in force through the service, bar by bar: their fills and their steps.

A row reads: order | what bars come, as `open,high,low,close` with `@volume` where it matters | what is told.
Sells are the same in the mirror, which the matching tables show; here the life of an order is the matter.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.services.execution.exchange import HOUR, Exchange, bar, closes, opens, told, with_volume

from qtrader.clock import from_epoch_us
from qtrader.events.events import PriceBarEvent
from qtrader.events.vocabulary import ActionType, OrderStatus, OrderType, TimeInForce
from qtrader.services.execution.orders import TRANSITIONS

# All orders together take 10 % of a bar's volume. Told is `quantity at price basis`, then the last step.
LIVES = """
market gtc | 100,104,94,96 | 100 at 100 open | filled:filled
market gtc | 100,104,94,96@400; 97,98,95,96 | 40 at 100 open; 60 at 97 open | filled:filled
market day | 100,104,94,96@400; 97,98,95,96 | 40 at 100 open | expired:session_closed
market gtd 1 | 100,104,94,96@400; 97,98,95,96 | 40 at 100 open | expired:date_reached
market gtd 2 | 100,104,94,96@400; 97,98,95,96 | 40 at 100 open; 60 at 97 open | filled:filled
market ioc | 100,104,94,96@400; 97,98,95,96 | 40 at 100 open | canceled:not_filled_at_once
market ioc | 100,104,94,96 | 100 at 100 open | filled:filled
market fok | 100,104,94,96@400; 97,98,95,96 | | canceled:not_filled_at_once
market fok | 100,104,94,96 | 100 at 100 open | filled:filled
market gtc | 100,104,94,96@5 | | accepted:accepted
market gtc | 100,104,94,96@0; 97,98,95,96 | 100 at 97 open | filled:filled
market ioc | 100,104,94,96@0; 97,98,95,96 | 100 at 97 open | filled:filled
market gtc | 100,104,94,96@? | 100 at 100 open | filled:filled
limit 98 gtc | 100,101,97,98 | 100 at 98 limit | filled:filled
limit 98 gtc | 100,101,97,98@500; 99,101,98,99; 97,98,96,97 | 50 at 98 limit; 50 at 97 open | filled:filled
limit 98 day | 100,101,98,98; 97,98,96,97 | | expired:session_closed
limit 98 gtd 2 | 100,101,98,98; 97,98,96,97 | 100 at 97 open | filled:filled
limit 98 ioc | 100,101,97,98; 97,98,96,97 | | canceled:not_filled_at_once
limit 98 ioc | 97,101,96,98 | 100 at 97 open | filled:filled
limit 98 ioc | 97,101,96,98@300 | 30 at 97 open | canceled:not_filled_at_once
limit 98 fok | 97,101,96,98@300 | | canceled:not_filled_at_once
stop 105 gtc | 100,106,99,104 | 100 at 105 stop | filled:filled
stop 105 gtc | 100,106,99,104@700; 101,102,100,101 | 70 at 105 stop; 30 at 101 open | filled:filled
stop 105 gtc | 100,106,99,104@5 | | triggered:stop_reached
stop 105 gtc | 100,106,99,104@5; 101,102,100,101 | 100 at 101 open | filled:filled
stop 105 day | 100,104,99,104; 106,107,105,106 | | expired:session_closed
stop 105 ioc | 100,106,99,104 | | canceled:not_filled_at_once
stop 105 ioc | 106,107,99,104 | 100 at 106 open | filled:filled
stop-limit 105/106 gtc | 100,107,99,104 | 100 at 105 stop | filled:filled
stop-limit 105/104 gtc | 100,107,99,106 | | triggered:stop_reached
stop-limit 105/104 gtc | 100,107,99,106; 106,107,103,105 | 100 at 104 limit | filled:filled
stop-limit 105/104 gtc | 100,107,99,106; 103,107,102,105 | 100 at 103 open? | filled:filled
stop-limit 105/104 day | 100,107,99,106; 106,107,103,105 | | expired:session_closed
stop-limit 105/106 gtc | 100,107,99,104@300; 105,106,104,105 | 30 at 105 stop; 70 at 105 open | filled:filled
touched 95 gtc | 100,101,95,97 | 100 at 95 touch | filled:filled
touched 95 gtc | 100,101,95,97@600; 99,100,98,99 | 60 at 95 touch; 40 at 99 open | filled:filled
touched 95 day | 100,101,96,97; 95,96,94,95 | | expired:session_closed
touched 95 ioc | 94,101,93,97 | 100 at 94 open | filled:filled
limit-touched 95/94 gtc | 100,101,94.5,97 | | triggered:stop_reached
limit-touched 95/94 gtc | 100,101,94.5,97; 97,98,93,95 | 100 at 94 limit | filled:filled
limit-touched 95/96 gtc | 100,101,94.5,97 | 100 at 95 touch | filled:filled
on-open gtc | 100,104,94,96 | 100 at 100 open | filled:filled
on-open gtc | 100,104,94,96@300 | 30 at 100 open | canceled:print_passed
on-open fok | 100,104,94,96@300 | | canceled:not_filled_at_once
limit-on-open 99 gtc | 100,104,94,96 | | canceled:print_passed
limit-on-open 101 gtc | 100,104,94,96 | 100 at 100 open | filled:filled
on-close gtc | 100,104,94,96 | 100 at 96 close | filled:filled
on-close day | 100,104,94,96@300 | 30 at 96 close | canceled:print_passed
limit-on-close 95 gtc | 100,104,94,96 | | canceled:print_passed
limit-on-close 97 gtc | 100,104,94,96 | 100 at 96 close | filled:filled
trailing 3 gtc | 100,102,99.5,102 | | accepted:accepted
trailing 3 gtc | 100,102,98,98; 98,99,96,97; 97,100,96.5,99.5 | 100 at 99 stop? | filled:filled
trailing 3 gtc | 100,104,99.5,104 | 100 at 103 stop? | filled:filled
trailing 3 gtc | 104,105,99.5,104@400; 102,103,101,102 | 40 at 104 open; 60 at 102 open | filled:filled
trailing 3 day | 100,102,99.5,102; 104,105,103,104 | | expired:session_closed
trailing 2% gtc | 100,101,99.5,101; 103,104,102,103 | 100 at 103 open | filled:filled
trailing-limit 3/1 gtc | 100,104,99.9,103.5 | 100 at 103 stop? | filled:filled
"""
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop-limit": OrderType.STOP_LIMIT,
    "touched": OrderType.MARKET_IF_TOUCHED,
    "limit-touched": OrderType.LIMIT_IF_TOUCHED,
    "on-open": OrderType.MARKET_ON_OPEN,
    "limit-on-open": OrderType.LIMIT_ON_OPEN,
    "on-close": OrderType.MARKET_ON_CLOSE,
    "limit-on-close": OrderType.LIMIT_ON_CLOSE,
    "trailing": OrderType.TRAILING_STOP,
    "trailing-limit": OrderType.TRAILING_STOP_LIMIT,
}


def terms_of(text: str) -> dict[str, Any]:
    """Read `stop-limit 105/104 day` or `limit 98 gtd 2`."""
    kind, *numbers = text.split()
    force = next(word for word in numbers if word.isalpha())
    prices, days = numbers[: numbers.index(force)], numbers[numbers.index(force) + 1 :]
    terms: dict[str, Any] = {"order_type": TYPES[kind], "time_in_force": TimeInForce(force)}
    if days:
        terms["expires_at"] = from_epoch_us(closes(int(days[0])))
    if not prices:
        return terms
    first, _, second = prices[0].partition("/")
    if kind.startswith("trailing"):
        percent = first.endswith("%")
        terms["trail_percent" if percent else "trail_amount"] = Decimal(first.rstrip("%"))
        terms["trail_limit_offset"] = Decimal(second) if second else None
    elif kind in {"stop", "stop-limit", "touched", "limit-touched"}:
        terms["stop_price"] = Decimal(first)
        terms["limit_price"] = Decimal(second) if second else None
    else:
        terms["limit_price"] = Decimal(first)
    return terms


def bars_of(text: str) -> list[PriceBarEvent]:
    found = []
    for day, cell in enumerate(text.split(";"), 1):
        prices, _, volume = cell.strip().partition("@")
        found.append(with_volume(bar(day, prices), float((volume or "1e6").replace("?", "nan"))))
    return found


@pytest.mark.parametrize("row", LIVES.strip().splitlines())
def test_the_life_of_an_order(row: str) -> None:
    order, tape, fills, step = (cell.strip() for cell in row.split("|"))
    exchange = Exchange(participation_percent=10)
    exchange.bars["AAPL"] = bar(0, "100,100,100,100")
    exchange.order("a", "buy 100", **terms_of(order))
    for each in bars_of(tape):
        exchange.match(each)
    assert "; ".join(exchange.trades("a")) == fills
    assert exchange.steps("a")[-1] == step
    status, update = None, exchange.updates("a")[0]
    for update in exchange.updates("a"):
        assert update.status in TRANSITIONS[status]
        status = update.status
        if status in {OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED, OrderStatus.ACCEPTED}:
            assert update.leaves_quantity + update.filled_quantity == update.quantity == 100
    is_open = "a" in {view.order_id for view in exchange.service.open_orders()}
    assert is_open is bool(TRANSITIONS[status])


BAD = [
    ({"order_type": OrderType.LIMIT}, "wrong_prices", "a limit order has limit price and nothing else"),
    ({"limit_price": Decimal(98)}, "wrong_prices", "a market order has no price"),
    ({"order_type": OrderType.STOP_LIMIT, "stop_price": Decimal(105)}, "wrong_prices", "limit and stop"),
    ({"order_type": OrderType.TRAILING_STOP}, "wrong_trail", "trails by one of"),
    (
        {"trail_amount": Decimal(1), "order_type": OrderType.LIMIT, "limit_price": Decimal(9)},
        "wrong_trail",
        "trail",
    ),
    ({"time_in_force": TimeInForce.GTD}, "wrong_expiry", "until when"),
    (
        {"time_in_force": TimeInForce.GTD, "expires_at": from_epoch_us(opens(0))},
        "expired_on_arrival",
        "not after",
    ),
    (
        {"order_type": OrderType.MARKET_ON_CLOSE, "time_in_force": TimeInForce.IOC},
        "wrong_time_in_force",
        "wait",
    ),
    (
        {"order_type": OrderType.TRAILING_STOP, "trail_atr_multiple": Decimal(2), "trail_atr_period": 14},
        "trail_unknown",
        "average true range of 14 bars, which is unknown",
    ),
    (
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("98.011")},
        "off_tick",
        "98.011 is off AAPL's tick",
    ),
    ({"quantity": Decimal(0)}, "non_positive_quantity", "must be above zero"),
    ({"quantity": Decimal(-1)}, "non_positive_quantity", "must be above zero"),
]


@pytest.mark.parametrize(("terms", "reason", "says"), BAD)
def test_bad_orders_are_rejected_with_a_reason(terms: dict[str, Any], reason: str, says: str) -> None:
    exchange = Exchange(off_tick="reject")
    exchange.checks_events = False
    exchange.order("a", "buy 100", **terms)
    (update,) = exchange.updates("a")
    assert (update.status, update.reason) == (OrderStatus.REJECTED, reason)
    assert says in update.message
    assert exchange.service.open_orders() == ()


def test_a_bar_s_volume_is_shared_in_line() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.order("entry", "buy 60")
    exchange.order("close", "sell 60", purpose="close", strategy="other")
    exchange.order("late", "buy 60 limit 99")
    fills = exchange.match(with_volume(bar(1, "100,101,97,100"), 1000.0))
    assert told(fills) == ["close sell 60 100 open", "entry buy 40 100 open"]
    assert exchange.steps("late") == ["accepted:accepted"]
    assert exchange.steps("entry")[-1] == "partially_filled:partially_filled"
    assert exchange.last("entry").message.endswith("; 20 left")


@pytest.mark.parametrize(
    ("rules", "second"),
    [
        ({}, []),
        ({"fill_on_no_volume": True}, []),
        ({"fill_on_stale": True}, ["a buy 1 100 open"]),
        ({"fill_on_no_volume": True, "fill_on_stale": True}, ["a buy 1 100 open"]),
    ],
)
def test_a_stale_bar_fills_only_where_it_may(rules: dict[str, bool], second: list[str]) -> None:
    exchange = Exchange(**rules)
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("a", "buy 1", closes(1))
    assert told(exchange.match(with_volume(bar(2, "100,101,99,100"), 0.0))) == second
    assert told(exchange.match(bar(3, "102,103,101,102"))) == ([] if second else ["a buy 1 102 open"])


def test_a_bar_without_volume_fills_where_it_may() -> None:
    exchange = Exchange(fill_on_no_volume=True)
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("a", "buy 1", closes(1))
    assert told(exchange.match(with_volume(bar(2, "101,101,101,101"), 0.0))) == ["a buy 1 101 open"]


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        ({"bars": 0}, "100"),
        ({"bars": 1}, "101"),
        ({"bars": 2}, "102"),
        ({"milliseconds": 1000}, "100"),
        ({"milliseconds": 64_800_000}, "100"),
        ({"milliseconds": 64_800_001}, "101"),
    ],
)
def test_an_order_is_on_its_way_for_a_while(latency: dict[str, int], expected: str) -> None:
    exchange = Exchange(latency=latency)
    exchange.order("a", "buy 1")
    exchange.order("b", "buy 1 limit 200", symbol="IBM")
    for day, price in enumerate((100, 101, 102), 1):
        text = f"{price},{price + 1},{price - 1},{price}"
        exchange.match(bar(day, text), bar(day, text, "IBM"))
    assert told(exchange.fills) == [f"a buy 1 {expected} open", f"b buy 1 {expected} open"]
    assert exchange.updates("a")[0].occurred_at == from_epoch_us(closes(0))


def test_a_trailing_stop_says_how_it_trails_and_rounds() -> None:
    exchange = Exchange()
    exchange.ranges[14] = Decimal("1.234")
    exchange.bars["AAPL"] = bar(0, "100,100,100,100")
    exchange.order(
        "a",
        "sell 10",
        purpose="close",
        order_type=OrderType.TRAILING_STOP,
        trail_atr_multiple=Decimal(2),
        trail_atr_period=14,
    )
    assert exchange.last("a").message.startswith("sell trailing_stop 10 AAPL, stop 97.53, trailing by 2.468:")
    assert exchange.match(bar(1, "100,105,99,104")) == []
    (view,) = exchange.service.open_orders()
    # 105 - 2.468, rounded down; whether the low of 99 came after the high is open, and flagged later.
    assert view.stop_price == Decimal("102.53")
    (fill,) = exchange.match(bar(2, "101,110,100,109"))
    assert told([fill]) == ["a sell 10 101 open?"]
    assert (fill.worst_price, fill.best_price) == (Decimal(99), Decimal("102.53"))


def test_several_targets_share_a_position_with_one_stop() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100")
    exchange.order("s", "sell 100 stop 95", purpose="stop_loss", parent="a")
    exchange.order("t1", "sell 60 limit 105", purpose="take_profit", parent="a")
    exchange.order("t2", "sell 40 limit 110", purpose="take_profit", parent="a")
    exchange.match(bar(1, "100,106,99,104"))
    assert exchange.trades("t1") == ["60 at 105 limit"]
    assert (exchange.last("s").quantity, exchange.last("s").reason) == (40, "oco")
    assert exchange.last("t2").leaves_quantity == 40
    exchange.match(bar(2, "104,111,94,100"))
    assert told(exchange.fills[2:]) == ["s sell 40 95 stop?"]
    assert exchange.fills[-1].best_price == 110
    assert exchange.steps("t2")[-1] == "canceled:oco"
    assert exchange.service.open_orders() == ()


def test_a_gap_beyond_some_targets_leaves_the_rest_to_the_stop() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100")
    exchange.order("s", "sell 100 stop 95", purpose="stop_loss", parent="a")
    for name, quantity, limit in (("t1", 30, 105), ("t2", 30, 106), ("t3", 40, 120)):
        exchange.order(name, f"sell {quantity} limit {limit}", purpose="take_profit", parent="a")
    exchange.match(bar(1, "100,101,99,100"))
    fills = exchange.match(bar(2, "108,109,94,96"))
    assert told(fills) == ["t1 sell 30 108 open", "t2 sell 30 108 open", "s sell 40 95 stop"]
    assert exchange.service.open_orders() == ()


def test_children_grow_with_what_their_parent_fills() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.order("a", "buy 100")
    exchange.order("s", "sell 100 stop 95", purpose="stop_loss", parent="a")
    exchange.order("t1", "sell 60 limit 105", purpose="take_profit", parent="a")
    exchange.order("t2", "sell 40 limit 110", purpose="take_profit", parent="a")
    exchange.match(with_volume(bar(1, "100,101,99,100"), 400.0))
    assert [exchange.last(name).leaves_quantity for name in ("s", "t1", "t2")] == [40, 40, 40]
    assert exchange.steps("t2") == ["accepted:held_for_parent"]
    exchange.match(with_volume(bar(2, "100,101,99,100"), 400.0))
    assert [exchange.last(name).leaves_quantity for name in ("s", "t1", "t2")] == [80, 60, 20]
    exchange.match(with_volume(bar(3, "100,101,99,100"), 4000.0))
    assert [exchange.last(name).leaves_quantity for name in ("s", "t1", "t2")] == [100, 60, 40]
    assert exchange.steps("a")[-1] == "filled:filled"


def test_an_exit_that_fills_ends_its_entry() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(with_volume(bar(1, "100,101,99,100"), 400.0))
    fills = exchange.match(with_volume(bar(2, "94,96,93,95"), 4000.0))
    assert told(fills) == ["a/stop_loss sell 40 94 open"]
    assert exchange.steps("a/open")[-1] == "canceled:exit_filled"
    assert exchange.last("a/open").filled_quantity == 40
    assert exchange.service.open_orders() == ()


def test_a_stop_that_fills_in_part_leaves_the_targets_the_rest() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.match(with_volume(bar(2, "100,101,94,96"), 300.0))
    assert exchange.trades("a/stop_loss") == ["30 at 95 stop"]
    assert exchange.last("a/take_profit").quantity == 70
    # What is left of a stop that was reached is a market order.
    exchange.match(bar(3, "97,98,96,97"))
    assert exchange.trades("a/stop_loss")[1:] == ["70 at 97 open"]
    assert exchange.steps("a/take_profit")[-1] == "canceled:oco"


def test_a_linked_entry_that_fills_in_part_takes_it_from_the_other() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.order("up", "buy 100 stop 105", oco="pair")
    exchange.order("down", "buy 50 limit 95", oco="pair")
    exchange.match(with_volume(bar(1, "100,106,99,104"), 300.0))
    assert (exchange.trades("up"), exchange.last("down").quantity) == (["30 at 105 stop"], 20)
    exchange.match(with_volume(bar(2, "104,106,99,104"), 300.0))
    assert exchange.steps("down")[-1] == "canceled:oco"


def test_an_entry_that_waits_for_another_one() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.order("a", "buy 100")
    exchange.order("b", "sell 50", parent="a", symbol="IBM")
    exchange.match(with_volume(bar(1, "100,101,99,100"), 400.0), bar(1, "50,51,49,50", "IBM"))
    assert exchange.steps("b") == ["accepted:held_for_parent"]
    exchange.match(bar(2, "100,101,99,100"), bar(2, "51,52,50,51", "IBM"))
    assert exchange.steps("b")[-1] == "accepted:parent_filled"
    exchange.match(bar(3, "100,101,99,100"), bar(3, "52,53,51,52", "IBM"))
    assert exchange.trades("b") == ["50 at 52 open"]


@pytest.mark.parametrize(("symbol", "stop"), [("AAPL", "95"), ("IBM", None)])
def test_an_entry_that_trails_begins_at_its_parents_fill_in_the_same_market(
    symbol: str, stop: str | None
) -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10 limit 98")
    trail = {"order_type": OrderType.TRAILING_STOP, "trail_amount": Decimal(3)}
    exchange.order("b", "sell 10", parent="a", symbol=symbol, **trail)
    exchange.match(bar(1, "100,101,97,97.5"))
    assert exchange.steps("b")[-1] == "accepted:parent_filled"
    # In another market, what the parent paid says nothing; trailing begins at the next open.
    assert exchange.last("b").stop_price == (None if stop is None else Decimal(stop))


def test_an_entry_that_waits_meets_bars_that_open_once_the_fill_is_known() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10")
    exchange.order("b", "buy 10", parent="a", symbol="IBM")
    one = bar(1, "100,101,99,100")
    exchange.match(one)
    (view,) = exchange.service.open_orders()
    # The fill was at the open, and nobody knew of it before the close.
    assert (view.order_id, view.live_from_us) == ("b", one.closed_at_us)


def test_a_trailing_stop_loss_begins_where_its_parent_fills() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10 limit 98")
    exchange.order(
        "s",
        "sell 10",
        purpose="stop_loss",
        parent="a",
        order_type=OrderType.TRAILING_STOP,
        trail_amount=Decimal(3),
    )
    exchange.order("t", "sell 10 limit 120", purpose="take_profit", parent="a")
    exchange.match(bar(1, "100,101,97,97.5"))
    assert exchange.updates("s")[1].stop_price == 95
    exchange.match(bar(2, "97.5,108,97,107.9"))
    assert told(exchange.match(bar(3, "104,105,103,104"))) == ["s sell 10 104 open?"]
    assert exchange.steps("t")[-1] == "canceled:oco"


def test_a_split_moves_the_trail_and_what_is_still_to_come() -> None:
    exchange = Exchange(participation_percent=10)
    exchange.bars["AAPL"] = bar(0, "100,100,100,100")
    exchange.order(
        "t", "sell 10", purpose="close", order_type=OrderType.TRAILING_STOP, trail_amount=Decimal(10)
    )
    exchange.order("a", "buy 100")
    exchange.order("s", "sell 100 stop 80", purpose="stop_loss", parent="a")
    exchange.match(with_volume(bar(1, "100,101,99,100"), 400.0))
    exchange.act(ActionType.SPLIT, 2, ratio=Decimal(2))
    # The stop was 101 - 10 after the bar's high.
    assert (exchange.last("t").stop_price, exchange.last("a").leaves_quantity) == (Decimal("45.5"), 120)
    exchange.match(bar(2, "50,51,49,50"))
    assert exchange.last("s").leaves_quantity == 200
    (view,) = (order for order in exchange.service.open_orders() if order.order_id == "t")
    assert view.stop_price == 46


def test_a_good_till_date_order_meets_bars_that_end_by_its_date() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 1 limit 99", time_in_force=TimeInForce.GTD, expires_at=from_epoch_us(closes(2)))
    assert exchange.last("a").message.endswith("rests until 2012-09-22T20:00:00Z")
    exchange.match(bar(1, "100,101,99,100"))
    assert exchange.service.next_expiry_us() == closes(2)
    exchange.match(bar(2, "100,101,99,100"))
    assert exchange.steps("a") == ["accepted:accepted", "expired:date_reached"]


def test_an_order_for_the_open_waits_for_the_session_s_first_bar() -> None:
    exchange = Exchange()
    exchange.order("open", "buy 1", order_type=OrderType.MARKET_ON_OPEN)
    exchange.order("close", "buy 1", order_type=OrderType.MARKET_ON_CLOSE)
    hours = [
        PriceBarEvent(
            "AAPL",
            "1h",
            opens(1) + n * HOUR,
            opens(1) + (n + 1) * HOUR,
            100.0 + n,
            101.0 + n,
            99.0,
            100.0,
            5.0,
        )
        for n in range(6)
    ]
    found = [told(exchange.match(hour)) for hour in hours]
    assert found == [["open buy 1 100 open"], [], [], [], [], ["close buy 1 100 close"]]


def test_the_middle_of_the_range_lies_on_the_tick_against_the_trader() -> None:
    exchange = Exchange(fill_model="mid")
    exchange.order("a", "buy 1")
    exchange.order("b", "sell 1")
    exchange.order("c", "buy 1", time_in_force=TimeInForce.IOC)
    exchange.match(bar(1, "100,101.01,99,100"))
    assert told(exchange.fills) == ["c buy 1 100 open", "a buy 1 100.01 mid", "b sell 1 100 mid"]
    assert exchange.fills[1].slippage == Decimal("0.005")


def test_each_symbol_may_have_a_fill_model_of_its_own() -> None:
    exchange = Exchange(fill_model={"symbols": {"IBM": "touch"}})
    exchange.order("a", "buy 1 limit 99")
    exchange.order("b", "buy 1 limit 99", symbol="IBM")
    fills = exchange.match(bar(1, "100,101,99,100"), bar(1, "100,101,99,100", "IBM"))
    assert told(fills) == ["b buy 1 99 limit"]
