"""Brackets, one-cancels-the-other groups, closes of positions, and corporate actions on orders at work."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.services.execution.exchange import Exchange, bar, closes, opens, told

from qtrader.clock import from_epoch_us
from qtrader.events import codec
from qtrader.events.vocabulary import ActionType, OrderStatus

# entry | stop | target | the entry bar | the fills | how the stop-loss and the take-profit stand after it
ENTRY_BARS = """
buy 100 | 95 | 110 | 100,104,94,96 | buy 100 open; sell 95 stop | filled:filled | canceled:oco
buy 100 | 95 | 110 | 100,112,94,100 | buy 100 open; sell 95 stop? | filled:filled | canceled:oco
buy 100 | 95 | 110 | 100,112,96,105 | buy 100 open; sell 110 limit | canceled:oco | filled:filled
buy 100 | 95 | 110 | 93,94,92,93 | buy 93 open; sell 93 open | filled:filled | canceled:oco
buy 100 | 95 | 110 | 100,104,96,99 | buy 100 open | accepted:parent_filled | accepted:parent_filled
buy 100 limit 98 | 95 | 110 | 100,112,97,105 | buy 98 limit? | accepted:parent_filled | accepted:parent_filled
buy 100 limit 98 | 95 | 110 | 100,104,94,99 | buy 98 limit; sell 95 stop | filled:filled | canceled:oco
buy 100 limit 98 | 95 | 110 | 100,104,99,99 |  | accepted:held_for_parent | accepted:held_for_parent
sell 100 | 105 | 90 | 100,106,96,104 | sell 100 open; buy 105 stop | filled:filled | canceled:oco
sell 100 | 105 | 90 | 100,106,88,100 | sell 100 open; buy 105 stop? | filled:filled | canceled:oco
sell 9 limit 102 |105|90| 100,103,88,95 | sell 102 limit? | accepted:parent_filled | accepted:parent_filled
"""


@pytest.mark.parametrize("row", ENTRY_BARS.strip().splitlines())
def test_a_bracket_on_its_entry_bar(row: str) -> None:
    entry, stop, target, prices, expected, stop_step, target_step = (cell.strip() for cell in row.split("|"))
    exchange = Exchange()
    exchange.bracket("a", entry, stop, target)
    fills = exchange.match(bar(1, prices))
    found = [
        f"{fill.side.value} {codec.canonical_decimal(fill.price)} {fill.basis.value}"
        + "?" * fill.is_ambiguous
        for fill in fills
    ]
    assert "; ".join(found) == expected
    assert exchange.steps("a/stop_loss")[-1] == stop_step
    assert exchange.steps("a/take_profit")[-1] == target_step
    for fill in fills:
        at_us = opens(1) if fill.basis == "open" else closes(1)
        assert fill.executed_at == from_epoch_us(at_us)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ("115,116,94,96", "a/take_profit sell 100 115 open"),
        ("93,112,92,110", "a/stop_loss sell 100 93 open"),
        ("100,112,94,100", "a/stop_loss sell 100 95 stop?"),
        ("100,112,96,100", "a/take_profit sell 100 110 limit"),
    ],
)
def test_a_bracket_that_rests_since_an_earlier_bar(prices: str, expected: str) -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    assert told(exchange.match(bar(2, prices))) == [expected]
    assert exchange.service.open_orders() == ()


@pytest.mark.parametrize("mode", ["next_close", "same_close"])
def test_after_an_entry_at_the_close_its_bar_is_over(mode: str) -> None:
    exchange = Exchange(market_fill=mode)
    exchange.bracket("a", "buy 100", "95", "110")
    entry_bar = bar(0 if mode == "same_close" else 1, "100,115,90,100")
    fills = exchange.match_same_close(entry_bar) if mode == "same_close" else exchange.match(entry_bar)
    assert told(fills) == ["a/open buy 100 100 close"]
    assert exchange.steps("a/stop_loss")[-1] == "accepted:parent_filled"
    assert told(exchange.match(bar(2, "100,101,94,100"))) == ["a/stop_loss sell 100 95 stop"]


def test_one_target_may_be_certain_and_another_in_doubt() -> None:
    # After the limit at 98 the close of 105 surely passed 100; the high of 112 may have come before it.
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 98")
    for name, quantity, limit in (("near", 50, 100), ("far", 50, 110)):
        exchange.order(f"a/{name}", f"sell {quantity} limit {limit}", purpose="take_profit", parent="a")
    entry, near = exchange.match(bar(1, "100,112,97,105"))
    assert (entry.is_ambiguous, entry.worst_exit_price, entry.best_exit_price) == (True, None, Decimal(110))
    assert (near.order_id, near.price, near.is_ambiguous) == ("a/near", Decimal(100), False)
    assert exchange.steps("a/far")[-1] == "accepted:parent_filled"


def test_held_children_meet_no_bar() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100 limit 50", "45", "110")
    assert exchange.match(bar(1, "100,115,90,100")) == []
    assert exchange.updates("a/stop_loss")[0].message.endswith("held until a/open fills")


def test_children_follow_their_parent_s_end() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100 limit 50", "45", "110", day=True)
    exchange.match(bar(1, "100,115,90,100"))
    assert exchange.steps("a/open")[-1] == "expired:session_closed"
    for child in ("a/stop_loss", "a/take_profit"):
        assert exchange.steps(child)[-1] == "canceled:parent_expired"
        assert exchange.last(child).leaves_quantity == 0
    assert exchange.service.open_orders() == ()


def test_a_closed_position_leaves_no_bracket_behind() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("b/close", "sell 100", closes(1), purpose="close")
    assert told(exchange.match(bar(2, "100,115,90,100"))) == ["b/close sell 100 100 open"]
    for child in ("a/stop_loss", "a/take_profit"):
        assert exchange.steps(child)[-1] == "canceled:position_closed"
    assert exchange.match(bar(3, "100,115,90,100")) == []


def test_a_stop_that_comes_first_leaves_no_close_behind() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("b/close", "sell 100", closes(1), purpose="close")
    assert told(exchange.match(bar(2, "94,96,90,95"))) == ["a/stop_loss sell 100 94 open"]
    assert exchange.steps("b/close")[-1] == "canceled:position_closed"
    assert exchange.match(bar(3, "100,115,90,100")) == []


def test_a_partial_close_shrinks_the_bracket() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("b/close", "sell 40", closes(1), purpose="close")
    exchange.match(bar(2, "100,101,99,100"))
    for child in ("a/stop_loss", "a/take_profit"):
        assert exchange.steps(child)[-1] == "accepted:position_reduced"
        assert exchange.last(child).quantity == 60
    assert told(exchange.match(bar(3, "100,101,94,100"))) == ["a/stop_loss sell 60 95 stop"]


def test_two_brackets_shrink_first_in_first_out_and_other_strategies_stay() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", None)
    exchange.bracket("b", "buy 50", "94", None)
    exchange.bracket("c", "buy 10", "93", None, strategy="other")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("d/close", "sell 120", closes(1), purpose="close")
    exchange.match(bar(2, "100,101,99,100"))
    assert exchange.steps("a/stop_loss")[-1] == "canceled:position_closed"
    assert (exchange.last("b/stop_loss").quantity, exchange.last("c/stop_loss").quantity) == (30, 10)


def test_a_reversal_keeps_the_new_bracket() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("b/close", "sell 100", closes(1), purpose="close")
    exchange.bracket("b", "sell 100", "105", "90", at_us=closes(1))
    fills = exchange.match(bar(2, "100,101,99,100"))
    assert told(fills) == ["b/close sell 100 100 open", "b/open sell 100 100 open"]
    assert exchange.steps("a/stop_loss")[-1] == "canceled:position_closed"
    assert exchange.steps("b/stop_loss")[-1] == "accepted:parent_filled"
    assert told(exchange.match(bar(3, "100,106,99,100"))) == ["b/stop_loss buy 100 105 stop"]
    assert exchange.service.open_orders() == ()


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ("100,106,94,100", ["up buy 10 105 stop?"]),
        ("100,106,93.5,100", ["up buy 10 105 stop?"]),
        ("98,106,94,100", ["down buy 10 95 limit?"]),
        ("100,106,96,100", ["up buy 10 105 stop"]),
        ("94,106,93,100", ["down buy 10 94 open"]),
        ("100,104,96,100", []),
    ],
)
def test_of_two_linked_entries_one_fills(prices: str, expected: list[str]) -> None:
    exchange = Exchange()
    exchange.order("up", "buy 10 stop 105", oco="pair")
    exchange.order("down", "buy 10 limit 95", oco="pair")
    assert told(exchange.match(bar(1, prices))) == expected
    if expected:
        loser = "down" if expected[0].startswith("up") else "up"
        assert exchange.steps(loser)[-1] == "canceled:oco"
        assert exchange.service.open_orders() == ()


def test_a_linked_stop_limit_may_trigger_without_filling() -> None:
    exchange = Exchange()
    exchange.order("up", "buy 10 stop 105 limit 104", oco="pair")
    exchange.order("down", "buy 10 limit 95", oco="pair")
    assert exchange.match(bar(1, "100,106,99,105")) == []
    assert exchange.steps("up")[-1] == "triggered:stop_reached"
    assert told(exchange.match(bar(2, "105,106,103,105"))) == ["up buy 10 104 limit"]
    assert exchange.steps("down")[-1] == "canceled:oco"


def test_a_group_across_symbols() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10", oco="pair")
    exchange.order("b", "buy 10", oco="pair", symbol="IBM")
    fills = exchange.match(bar(1, "100,104,96,100"), bar(1, "50,51,49,50", "IBM"))
    assert told(fills) == ["a buy 10 100 open"]
    assert exchange.steps("b")[-1] == "canceled:oco"


def test_a_split_adjusts_every_order_at_work() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "95", "110")
    exchange.match(bar(1, "100,101,99,100"))
    exchange.order("b", "buy 10 limit 90.01", closes(1))
    exchange.order("other", "buy 10 limit 90", closes(1), symbol="IBM")
    exchange.act(ActionType.SPLIT, 2, ratio=Decimal(2))
    stop, limit = exchange.last("a/stop_loss"), exchange.last("b")
    assert (stop.reason, stop.quantity, stop.stop_price) == ("split", 200, Decimal("47.5"))
    assert (limit.quantity, limit.leaves_quantity, limit.limit_price) == (20, 20, Decimal(45))
    assert limit.message == "split of 2 for 1: now buy limit 20 AAPL, limit 45"
    assert limit.occurred_at == from_epoch_us(opens(2) - 3_600_000_000)
    assert limit.causation_id == exchange.orders["b"].event_id
    assert exchange.steps("other") == ["accepted:accepted"]
    exchange.order("c/close", "sell 150", opens(2), purpose="close")
    exchange.match(bar(2, "50,51,49,50"))
    assert exchange.last("a/stop_loss").quantity == 50


def test_a_reverse_split_cancels_orders_at_work() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100 limit 98", "95", "110")
    exchange.order("b", "buy 100", symbol="IBM")
    exchange.act(ActionType.SPLIT, 1, ratio=Decimal("0.1"))
    assert exchange.steps("a/open")[-1] == "canceled:reverse_split"
    assert exchange.steps("a/stop_loss")[-1] == "canceled:parent_canceled"
    assert [order.order_id for order in exchange.service.open_orders()] == ["b"]


def test_a_split_of_one_for_one_changes_nothing() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 100 limit 98")
    exchange.act(ActionType.SPLIT, 1, ratio=Decimal(1))
    assert exchange.steps("a") == ["accepted:accepted"]


def test_a_dividend_lowers_buy_limits_and_sell_stops_that_are_good_till_canceled() -> None:
    exchange = Exchange()
    exchange.order("limit", "buy 10 limit 90")
    exchange.order("day", "buy 10 limit 90", day=True)
    exchange.order("stop", "sell 10 stop 80", purpose="close")
    exchange.order("target", "sell 10 limit 120", purpose="close")
    exchange.order("tiny", "buy 10 limit 2.5")
    exchange.act(ActionType.CASH_DIVIDEND, 1, amount=Decimal("2.65"), currency="USD")
    assert exchange.last("limit").limit_price == Decimal("87.35")
    assert exchange.last("limit").reason == "dividend"
    assert exchange.last("limit").message == ("dividend of 2.65 USD: now buy limit 10 AAPL, limit 87.35")
    assert exchange.last("stop").stop_price == Decimal("77.35")
    assert exchange.steps("day") == exchange.steps("target") == ["accepted:accepted"]
    assert exchange.steps("tiny")[-1] == "canceled:dividend"
    # The price in force is the one that fills.
    assert told(exchange.match(bar(1, "89,90,87.35,89"))) == ["day buy 10 89 open"]
    assert told(exchange.match(bar(2, "89,90,87.34,89"))) == ["limit buy 10 87.35 limit"]


def test_a_child_that_is_done_before_its_parent_fills_does_nothing() -> None:
    exchange = Exchange()
    exchange.bracket("a", "buy 100", "2", "110")
    exchange.act(ActionType.CASH_DIVIDEND, 1, amount=Decimal("2.5"), currency="USD")
    assert exchange.steps("a/stop_loss")[-1] == "canceled:dividend"
    # The low of 1 would have reached the stop, and made the target doubtful.
    assert told(exchange.match(bar(1, "100,112,1,100"))) == [
        "a/open buy 100 100 open",
        "a/take_profit sell 100 110 limit",
    ]


def test_dividends_may_leave_orders_alone() -> None:
    exchange = Exchange(do_not_reduce=True)
    exchange.order("a", "buy 10 limit 90")
    exchange.act(ActionType.CASH_DIVIDEND, 1, amount=Decimal("2.65"), currency="USD")
    other = Exchange()
    other.order("a", "buy 10 limit 90")
    other.act(ActionType.CASH_DIVIDEND, 1, amount=Decimal("2.65"), currency="CAD")
    other.act(ActionType.DELISTING, 1)
    assert exchange.steps("a") == other.steps("a") == ["accepted:accepted"]


def test_a_triggered_order_keeps_its_status_through_a_split() -> None:
    exchange = Exchange()
    exchange.order("a", "buy 10 stop 100 limit 99")
    exchange.match(bar(1, "99.5,101,99.4,100.5"))
    exchange.act(ActionType.SPLIT, 2, ratio=Decimal(2))
    assert (exchange.last("a").status, exchange.last("a").limit_price) == (
        OrderStatus.TRIGGERED,
        Decimal("49.5"),
    )
    assert told(exchange.match(bar(2, "50,51,49,50"))) == ["a buy 20 49.5 limit"]
