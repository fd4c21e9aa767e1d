"""From signal to order: legs, reservations, brackets, refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import order_update, signal
from tests.unit.services.manager.desk import Desk, told

from qtrader.events.events import OrderEvent, RiskDecisionEvent, SignalRejectedEvent
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce

CASH_RULES = {"account": "cash", "limits": {"max_gross_leverage": None, "max_position_percent": None}}


class TestChain:
    def test_an_approved_signal_gives_a_decision_and_then_an_order(self) -> None:
        desk = Desk()
        decision, order = desk.send("open_long")
        wish = signal("open_long", ordinal=1)
        assert isinstance(decision, RiskDecisionEvent)
        assert isinstance(order, OrderEvent)
        assert (decision.causation_id, order.causation_id) == (wish.event_id, decision.event_id)
        assert {decision.correlation_id, order.correlation_id} == {wish.correlation_id}
        assert (order.order_id, order.decision_id) == (f"{wish.signal_id}/open", decision.decision_id)
        assert (order.side, order.quantity, order.order_type) == (Side.BUY, Decimal(100), OrderType.MARKET)
        assert (order.time_in_force, order.purpose) == (TimeInForce.GTC, OrderPurpose.OPEN)
        assert order.source_service == "manager_service"

    def test_a_refusal_by_risk_follows_its_decision(self) -> None:
        desk = Desk("5000")
        decision, refusal = desk.send("open_long")
        assert isinstance(refusal, SignalRejectedEvent)
        assert (refusal.causation_id, refusal.decision_id) == (decision.event_id, decision.decision_id)
        assert (refusal.reason, refusal.message) == ("gross_leverage", decision.message)

    def test_a_refusal_by_the_manager_needs_no_decision(self) -> None:
        desk = Desk()
        (refusal,) = desk.send("close_long")
        assert (refusal.reason, refusal.purpose) == ("no_position", OrderPurpose.CLOSE)
        assert refusal.decision_id is None
        assert refusal.causation_id == signal("close_long", ordinal=1).event_id

    def test_prices_and_validity_of_the_signal_pass_into_the_order_on_the_tick(self) -> None:
        desk = Desk()
        desk.send(
            "open_long", order_type=OrderType.LIMIT, limit_price="99.999", time_in_force=TimeInForce.DAY
        )
        (order,) = desk.orders
        assert (order.order_type, order.limit_price, order.stop_price) == (
            OrderType.LIMIT,
            Decimal("99.99"),
            None,
        )
        assert order.time_in_force is TimeInForce.DAY

    def test_a_reversal_closes_first_at_the_market_and_then_opens_as_the_signal_says(self) -> None:
        desk = Desk()
        desk.hold("100")
        desk.send("open_short", order_type=OrderType.LIMIT, limit_price="101", time_in_force=TimeInForce.DAY)
        assert told(desk.published.events) == ["sell 100 close", "sell 100 open"]
        close, opening = desk.orders
        assert (close.order_type, close.limit_price, close.time_in_force) == (
            OrderType.MARKET,
            None,
            TimeInForce.GTC,
        )
        assert (opening.order_type, opening.limit_price, opening.time_in_force) == (
            OrderType.LIMIT,
            Decimal(101),
            TimeInForce.DAY,
        )
        assert [decision.reference_price for decision in desk.decisions] == [Decimal(100), Decimal(101)]

    def test_a_reversal_whose_opening_leg_is_refused_still_closes(self) -> None:
        desk = Desk(limits={"allow_short": False})
        desk.hold("100")
        assert told(desk.send("open_short")) == ["sell 100 close", "refused short_sale"]

    def test_a_closing_order_may_wait_at_a_price(self) -> None:
        desk = Desk()
        desk.hold("100")
        desk.send("close_long", order_type=OrderType.LIMIT, limit_price="110.001", fraction="0.5")
        (order,) = desk.orders
        assert (order.side, order.quantity, order.order_type) == (Side.SELL, Decimal(50), OrderType.LIMIT)
        assert order.limit_price == Decimal("110.01")

    def test_strategies_do_not_see_each_others_positions(self) -> None:
        desk = Desk()
        desk.hold("100", strategy_id="other")
        assert told(desk.send("close_long")) == ["refused no_position"]
        assert told(desk.send("open_long")) == ["buy 100 open"]


class TestWarmup:
    # trading starts after day 2
    @pytest.mark.parametrize(
        ("day", "outcome"), [(1, "refused warmup"), (2, "refused warmup"), (3, "buy 100 open")]
    )
    def test_signals_up_to_the_start_of_trading_are_refused(self, day: int, outcome: str) -> None:
        assert told(Desk(trading_starts_day=2).send("open_long", day=day)) == [outcome]

    def test_a_refusal_in_warmup_names_the_leg(self) -> None:
        desk = Desk(trading_starts_day=2)
        desk.send("close_short")
        desk.send("open_short")
        assert [refusal.purpose for refusal in desk.refusals] == [OrderPurpose.CLOSE, OrderPurpose.OPEN]


class TestReservations:
    def test_two_signals_of_one_instant_never_spend_the_same_exposure(self) -> None:
        desk = Desk("15000")
        assert told(desk.send("open_long")) == ["buy 100 open"]
        assert told(desk.send("open_long", symbol="IBM")) == ["refused gross_leverage"]
        assert told(desk.send("open_long", "50", symbol="MSFT")) == ["buy 100 open"]

    def test_two_signals_of_one_instant_never_spend_the_same_cash(self) -> None:
        desk = Desk("15000", **CASH_RULES)
        assert told(desk.send("open_long")) == ["buy 100 open"]
        assert told(desk.send("open_long", symbol="IBM")) == ["refused cash"]

    def test_a_short_on_its_way_takes_exposure_but_no_cash(self) -> None:
        desk = Desk("15000")
        desk.send("open_short")
        assert told(desk.send("open_short", symbol="IBM")) == ["refused gross_leverage"]
        assert desk.decisions[-1].checks[-1].value == 20000

    def test_the_claim_is_made_before_the_order_is_published(self) -> None:
        # Whoever hears of the order first may already cause another signal.
        desk = Desk("15000")

        def publish(event: Any) -> None:
            desk.published(event)
            if isinstance(event, RiskDecisionEvent) and event.symbol == "AAPL":
                desk.manager.on_signal(signal("open_long", symbol="IBM"))

        desk.manager._publish = publish
        desk.send("open_long")
        assert sorted(told(desk.published.events)) == ["buy 100 open", "refused gross_leverage"]

    @pytest.mark.parametrize("status", ["filled", "canceled", "rejected", "expired"])
    def test_the_end_of_an_order_gives_its_claim_back(self, status: str) -> None:
        desk = Desk("15000")
        desk.send("open_long")
        desk.step(desk.orders[0], OrderStatus(status), filled="100" if status == "filled" else "0")
        assert told(desk.send("open_long", symbol="IBM")) == ["buy 100 open"]

    @pytest.mark.parametrize("status", ["accepted", "triggered"])
    def test_an_order_at_work_keeps_its_claim(self, status: str) -> None:
        desk = Desk("15000")
        desk.send("open_long")
        desk.step(desk.orders[0], OrderStatus(status))
        assert told(desk.send("open_long", symbol="IBM")) == ["refused gross_leverage"]
        assert told(desk.send("open_long")) == ["refused order_pending"]

    def test_a_partial_fill_gives_back_its_part(self) -> None:
        desk = Desk("15000")
        desk.send("open_long")
        desk.step(desk.orders[0], OrderStatus.PARTIALLY_FILLED, filled="60")
        # 60 of 100 at 100 are given back, 4,000 still claimed: the ledger would now show the 60 as held.
        desk.send("open_long", symbol="IBM", quantity="110")
        assert desk.orders[-1].quantity == 110
        desk.send("open_long", "50", symbol="MSFT", quantity="1")
        assert desk.refusals[-1].reason == "gross_leverage"

    def test_a_split_changes_quantity_and_price_of_a_claim_but_not_its_worth(self) -> None:
        desk = Desk("15000")
        desk.send("open_long")
        desk.step(desk.orders[0], OrderStatus.ACCEPTED, quantity="200", leaves="200", reason="split")
        assert desk.manager._reservations.exposure == 10000
        desk.step(desk.orders[0], OrderStatus.PARTIALLY_FILLED, quantity="200", filled="50", leaves="150")
        assert desk.manager._reservations.exposure == 7500

    def test_two_splits_that_undo_each_other_leave_the_claim_as_it_was(self) -> None:
        desk = Desk("15000")
        desk.send("open_long")
        for quantity in ("200", "100"):
            desk.step(
                desk.orders[0], OrderStatus.ACCEPTED, quantity=quantity, leaves=quantity, reason="split"
            )
            assert desk.manager._reservations.exposure == 10000

    def test_updates_of_unknown_orders_are_none_of_its_business(self) -> None:
        desk = Desk()
        desk.send("open_long", stop_loss="95")
        child = desk.orders[1]
        desk.step(child, OrderStatus.ACCEPTED)
        desk.step(child, OrderStatus.FILLED, filled="100")
        assert desk.manager._reservations.exposure == 10000

    def test_a_second_close_waits_for_the_first(self) -> None:
        desk = Desk()
        desk.hold("100")
        assert told(desk.send("close_long", fraction="0.4")) == ["sell 40 close"]
        assert told(desk.send("close_long")) == ["sell 60 close"]
        assert told(desk.send("close_long")) == ["refused close_pending"]
        desk.step(desk.orders[0], OrderStatus.CANCELED)
        assert told(desk.send("close_long")) == ["sell 40 close"]


class TestProceeds:
    def full(self, **rules: Any) -> Desk:
        """Put an account of 10,000 into 100 IBM."""
        desk = Desk("10000", **rules)
        desk.hold("100", "IBM")
        return desk

    @pytest.mark.parametrize(
        ("funds", "outcome"), [(False, "refused gross_leverage"), (True, "buy 100 open")]
    )
    def test_a_sale_on_its_way_funds_a_purchase_only_by_policy(self, funds: bool, outcome: str) -> None:
        desk = self.full(proceeds_fund_same_instant=funds)
        assert told(desk.send("close_long", symbol="IBM")) == ["sell 100 close"]
        assert told(desk.send("open_long")) == [outcome]

    @pytest.mark.parametrize(("funds", "outcome"), [(False, "refused cash"), (True, "buy 100 open")])
    def test_the_same_for_the_cash_of_a_cash_account(self, funds: bool, outcome: str) -> None:
        desk = self.full(proceeds_fund_same_instant=funds, **CASH_RULES)
        desk.send("close_long", symbol="IBM")
        assert told(desk.send("open_long")) == [outcome]

    def test_a_reversal_always_may_use_the_exposure_that_it_closes_itself(self) -> None:
        desk = Desk("10000")
        desk.hold("100")
        assert told(desk.send("open_short")) == ["sell 100 close", "sell 100 open"]
        value = {check.name: check.value for check in desk.decisions[-1].checks}["gross_leverage"]
        assert value == 10000

    def test_what_a_reversal_frees_is_worth_its_mark_whatever_the_new_orders_price(self) -> None:
        # 100 AAPL worth 10,000 are closed; a limit of 150 must not free 15,000.
        desk = Desk("10000")
        desk.hold("100")
        desk.send("open_short", order_type=OrderType.LIMIT, limit_price="150", quantity="60")
        value = {check.name: check.value for check in desk.decisions[-1].checks}["gross_leverage"]
        assert value == 60 * 150
        desk = Desk("10000", proceeds_fund_same_instant=True)
        desk.hold("100")
        desk.send("open_short", order_type=OrderType.LIMIT, limit_price="150", quantity="60")
        value = {check.name: check.value for check in desk.decisions[-1].checks}["gross_leverage"]
        assert value == 60 * 150


class TestWaiting:
    def test_an_entry_that_waits_names_its_parent_and_its_exits_name_it(self) -> None:
        desk = Desk()
        desk.send("open_long", after_order_id="o-1", stop_loss="95")
        entry, protect = desk.orders
        assert (entry.parent_order_id, protect.parent_order_id) == ("o-1", entry.order_id)
        assert (entry.order_type, entry.purpose) == (OrderType.MARKET, OrderPurpose.OPEN)

    @pytest.mark.parametrize("held", ["50", "-50"])
    def test_it_closes_nothing_before_its_turn_and_is_judged_as_if_that_were_closed(self, held: str) -> None:
        intention = "open_short" if held == "50" else "open_long"
        side = "sell" if held == "50" else "buy"
        desk = Desk("20000")
        desk.hold(held)
        decision, _ = desk.send(intention, after_order_id="o-1")
        assert told(desk.published.events) == [f"{side} 100 open"]
        leverage = next(check for check in decision.checks if check.name == "gross_leverage")
        # 100 at 100, and nothing of what is held now.
        assert leverage.value == 10_000

    def test_it_takes_scale_in_where_a_position_or_an_entry_is_there_already(self) -> None:
        desk = Desk()
        desk.hold("10")
        desk.send("open_long", after_order_id="o-1")
        desk.send("open_long", symbol="MSFT")
        desk.send("open_long", symbol="MSFT", after_order_id="o-1")
        assert [refusal.reason for refusal in desk.refusals] == ["already_open", "order_pending"]

    def test_its_trigger_may_lie_beyond_the_present_price(self) -> None:
        desk = Desk()
        wish = {"order_type": OrderType.STOP, "stop_price": "98"}
        desk.send("open_long", **wish)
        assert [refusal.reason for refusal in desk.refusals] == ["stop_on_wrong_side"]
        desk.send("open_long", after_order_id="o-1", **wish)
        assert desk.orders[0].stop_price == 98


class TestBrackets:
    # side, stop_loss, take_profit as written → prices of the children
    ROUNDED = (
        ("open_long", "94.999", "110.001", "94.99", "110.01"),
        ("open_long", "95", "110", "95", "110"),
        ("open_short", "105.001", "89.999", "105.01", "89.99"),
        ("open_long", "0.001", "1000", "0.01", "1000"),
    )

    @pytest.mark.parametrize(("intention", "stop_loss", "take_profit", "stop", "target"), ROUNDED)
    def test_children_take_the_other_side_at_prices_rounded_away_from_the_entry(
        self, intention: str, stop_loss: str, take_profit: str, stop: str, target: str
    ) -> None:
        desk = Desk()
        desk.send(intention, stop_loss=stop_loss, take_profit=take_profit)
        parent, protect, profit = desk.orders
        assert {protect.side, profit.side} == {Side.SELL if intention == "open_long" else Side.BUY}
        assert (protect.purpose, protect.order_type) == (OrderPurpose.STOP_LOSS, OrderType.STOP)
        assert (protect.stop_price, protect.limit_price) == (Decimal(stop), None)
        assert (profit.purpose, profit.order_type) == (OrderPurpose.TAKE_PROFIT, OrderType.LIMIT)
        assert (profit.limit_price, profit.stop_price) == (Decimal(target), None)
        for child in (protect, profit):
            assert (child.parent_order_id, child.oco_group) == (parent.order_id, parent.signal_id)
            assert (child.quantity, child.time_in_force) == (parent.quantity, TimeInForce.GTC)
            assert child.order_id == f"{parent.signal_id}/{child.purpose.value}"
            assert child.causation_id == desk.decisions[0].event_id
        assert len({order.event_id for order in desk.orders}) == 3

    def test_one_protective_price_gives_one_child(self) -> None:
        desk = Desk()
        desk.send("open_long", stop_loss="95")
        desk.send("open_long", "50", symbol="MSFT", take_profit="60")
        assert told(desk.published.events) == [
            "buy 100 open",
            "sell 100 stop_loss",
            "buy 100 open",
            "sell 100 take_profit",
        ]

    def test_children_are_as_large_as_what_was_approved(self) -> None:
        desk = Desk("5000", limits={"on_breach": "shrink"})
        desk.send("open_long", stop_loss="95")
        assert told(desk.published.events) == ["buy 50 open", "sell 50 stop_loss"]

    # intention, what is written → reason
    WRONG = (
        ("open_long", {"stop_loss": "100"}, "stop_on_wrong_side"),
        ("open_long", {"stop_loss": "101"}, "stop_on_wrong_side"),
        ("open_long", {"take_profit": "100"}, "target_on_wrong_side"),
        ("open_long", {"take_profit": "99"}, "target_on_wrong_side"),
        ("open_short", {"stop_loss": "100"}, "stop_on_wrong_side"),
        ("open_short", {"stop_loss": "99"}, "stop_on_wrong_side"),
        ("open_short", {"take_profit": "101"}, "target_on_wrong_side"),
        (
            "open_long",
            {"order_type": OrderType.LIMIT, "limit_price": "90", "stop_loss": "95"},
            "stop_on_wrong_side",
        ),
        (
            "open_long",
            {"order_type": OrderType.STOP, "stop_price": "110", "take_profit": "105"},
            "target_on_wrong_side",
        ),
        ("open_long", {"order_type": OrderType.STOP, "stop_price": "99.99"}, "stop_on_wrong_side"),
        ("open_short", {"order_type": OrderType.STOP, "stop_price": "100.01"}, "stop_on_wrong_side"),
        (
            "open_long",
            {"order_type": OrderType.STOP_LIMIT, "stop_price": "99", "limit_price": "101"},
            "stop_on_wrong_side",
        ),
    )

    @pytest.mark.parametrize(("intention", "wish", "reason"), WRONG)
    def test_prices_on_the_wrong_side_are_refused(
        self, intention: str, wish: dict[str, Any], reason: str
    ) -> None:
        desk = Desk()
        assert told(desk.send(intention, **wish)) == [f"refused {reason}"]
        assert desk.refusals[0].purpose is OrderPurpose.OPEN

    RIGHT = (
        ("open_long", {"stop_loss": "99.99", "take_profit": "100.01"}),
        ("open_short", {"stop_loss": "100.01", "take_profit": "99.99"}),
        (
            "open_long",
            {"order_type": OrderType.LIMIT, "limit_price": "90", "stop_loss": "89", "take_profit": "91"},
        ),
        ("open_long", {"order_type": OrderType.STOP, "stop_price": "100"}),
        ("open_short", {"order_type": OrderType.STOP, "stop_price": "100"}),
    )

    @pytest.mark.parametrize(("intention", "wish"), RIGHT)
    def test_prices_on_the_right_side_are_not(self, intention: str, wish: dict[str, Any]) -> None:
        desk = Desk()
        desk.send(intention, **wish)
        assert desk.refusals == []

    def test_a_closing_stop_on_the_wrong_side_is_refused(self) -> None:
        desk = Desk()
        desk.hold("100")
        assert told(desk.send("close_long", order_type=OrderType.STOP, stop_price="101")) == [
            "refused stop_on_wrong_side"
        ]
        assert desk.refusals[0].purpose is OrderPurpose.CLOSE
        assert told(desk.send("close_long", order_type=OrderType.STOP, stop_price="95")) == ["sell 100 close"]

    def test_a_reversal_with_a_price_on_the_wrong_side_does_nothing(self) -> None:
        desk = Desk()
        desk.hold("100")
        assert told(desk.send("open_short", stop_loss="99")) == ["refused stop_on_wrong_side"]


wishes = st.fixed_dictionaries(
    {
        "intention": st.sampled_from(["open_long", "close_long", "open_short", "close_short"]),
        "symbol": st.sampled_from(["AAPL", "MSFT"]),
        "quantity": st.none() | st.sampled_from(["1", "60", "150", "0.4"]),
        "stop_loss": st.none() | st.sampled_from(["90", "110"]),
        "take_profit": st.none() | st.sampled_from(["90", "110"]),
        "order_type": st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]),
        "at": st.sampled_from(["90", "100", "110"]),
    }
)
endings = st.none() | st.sampled_from(
    [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.PARTIALLY_FILLED]
)


@given(
    st.lists(st.tuples(wishes, endings), min_size=1, max_size=8),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["reject", "shrink", "warn"]),
)
def test_every_signal_ends_in_an_order_or_a_refusal_and_claims_never_exceed_the_limit(
    story: list[tuple[dict[str, Any], OrderStatus | None]], scale_in: bool, funds: bool, on_breach: str
) -> None:
    desk = Desk("20000", scale_in=scale_in, proceeds_fund_same_instant=funds, limits={"on_breach": on_breach})
    for drawn, ending in story:
        wish = dict(drawn)
        price, order_type = wish.pop("at"), wish["order_type"]
        if order_type is OrderType.LIMIT:
            wish["limit_price"] = price
        elif order_type is OrderType.STOP:
            wish["stop_price"] = price
        if wish["intention"].startswith("close"):
            wish["stop_loss"] = wish["take_profit"] = None
        came = desk.send(**wish)
        assert told(came), "a signal came to nothing"
        legs = [event for event in came if isinstance(event, OrderEvent) and event.parent_order_id is None]
        assert len(legs) + sum(isinstance(event, SignalRejectedEvent) for event in came) <= 2
        if on_breach != "warn" and not funds and any(leg.purpose is OrderPurpose.OPEN for leg in legs):
            exposure = desk.ledger.account.gross_exposure + desk.manager._reservations.exposure
            freed = desk.manager._reservations.closing_exposure
            assert exposure - freed <= desk.ledger.account.equity
        if ending is not None and legs:
            _end(desk, legs[-1], ending)


def _end(desk: Desk, order: OrderEvent, ending: OrderStatus) -> None:
    """Let an order end, booking openings; closings are only canceled, so that the account stays simple."""
    if order.purpose is not OrderPurpose.OPEN or desk.ledger.account.quantity("sma", order.symbol):
        desk.step(order, OrderStatus.CANCELED)
        return
    if ending is OrderStatus.FILLED:
        sign = "" if order.side is Side.BUY else "-"
        desk.hold(f"{sign}{order.quantity:f}", order.symbol, str(desk.ledger.marks[order.symbol]))
        desk.step(order, ending, filled=f"{order.quantity:f}")
    elif ending is OrderStatus.CANCELED:
        desk.step(order, ending)
    else:
        half = order.quantity / 2
        desk.manager.on_order_update(
            msgspec.structs.replace(order_update(order, ending, filled=f"{half:f}"), leaves_quantity=half)
        )
