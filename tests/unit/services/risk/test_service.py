"""Decisions on legs: what is approved, cut down, noted or refused, with every check beside it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import RUN_ID, Ledger, signal

from qtrader.events import codec
from qtrader.events.events import RiskDecisionEvent, SignalEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import CheckVerdict, OrderPurpose, Side, Verdict
from qtrader.market.instruments import Instrument
from qtrader.money import money_context
from qtrader.services.legs import ClosingLeg, OpeningLeg
from qtrader.services.risk.policy import RiskPolicy
from qtrader.services.risk.service import RiskService

CHECKS = ["short_sale", "cash", "position_quantity", "position_percent", "gross_leverage"]


def policy(**document: Any) -> RiskPolicy:
    return RiskPolicy.model_validate({"name": "test"} | document)


def opening(
    rules: RiskPolicy,
    *,
    ledger: Ledger | None = None,
    price: str = "100",
    short: bool = False,
    step: str = "1",
    position: str = "0",
    reserved: str = "0",
    released: str = "0",
    currency: str = "USD",
    **wish: Any,
) -> RiskDecisionEvent:
    """Let risk decide on opening at a price; `reserved` and `released` are both cash and exposure."""
    books = Ledger("10000") if ledger is None else ledger
    intention = "open_short" if short else "open_long"
    service = RiskService(
        policy=rules,
        origin=Origin(RUN_ID, "risk_service"),
        account=books.account,
        instrument=lambda symbol: Instrument(symbol=symbol, quantity_step=Decimal(step), currency=currency),
        base_currency="USD",
    )
    leg = OpeningLeg(
        signal(intention, price, **wish),
        Side.SELL if short else Side.BUY,
        Decimal(price),
        Decimal(position),
        Decimal(reserved),
        Decimal(reserved),
        Decimal(released),
        Decimal(released),
    )
    decision = service.decide_opening(leg)
    codec.validate(decision)
    return decision


def verdicts(decision: RiskDecisionEvent) -> dict[str, str]:
    return {check.name: check.verdict.value for check in decision.checks}


def fixed(quantity: str, on_breach: str = "reject", **more: Any) -> RiskPolicy:
    limits = more.pop("limits", {})
    return policy(
        sizing={"method": "fixed_quantity", "quantity": quantity},
        limits={"on_breach": on_breach} | limits,
        **more,
    )


class TestApproval:
    def test_a_decision_lists_every_check_in_order(self) -> None:
        decision = opening(fixed("50"))
        assert [check.name for check in decision.checks] == CHECKS
        assert verdicts(decision) == dict.fromkeys(CHECKS[:3], "not_applicable") | dict.fromkeys(
            CHECKS[3:], "pass"
        )
        assert (decision.verdict, decision.requested_quantity, decision.approved_quantity) == (
            Verdict.APPROVED,
            50,
            50,
        )
        assert (decision.reason, decision.message, decision.remedy) == (None, None, None)

    def test_its_envelope_and_names_say_what_it_answers(self) -> None:
        decision, wish = opening(fixed("50")), signal()
        assert (decision.causation_id, decision.correlation_id) == (wish.event_id, wish.correlation_id)
        assert (decision.occurred_at, decision.source_service) == (wish.occurred_at, "risk_service")
        assert decision.decision_id == f"{wish.signal_id}/open?"
        assert (decision.purpose, decision.side, decision.policy) == (OrderPurpose.OPEN, Side.BUY, "test")
        assert (decision.equity, decision.reference_price) == (Decimal(10000), Decimal(100))

    # 10,000 of equity at 100 a share: the limit is 100 shares to the share.
    @pytest.mark.parametrize(
        ("quantity", "verdict"), [("99", "approved"), ("100", "approved"), ("101", "rejected")]
    )
    def test_the_boundary_itself_is_allowed(self, quantity: str, verdict: str) -> None:
        assert opening(fixed(quantity)).verdict.value == verdict

    def test_what_is_reserved_counts_as_spent(self) -> None:
        assert opening(fixed("60"), reserved="4000").verdict is Verdict.APPROVED
        assert opening(fixed("60"), reserved="4000.01").verdict is Verdict.REJECTED

    def test_what_is_released_may_be_spent_again(self) -> None:
        ledger = Ledger("10000", MSFT="50")
        ledger.trade("120", "50", symbol="MSFT")
        assert opening(fixed("60"), ledger=ledger).verdict is Verdict.REJECTED
        assert opening(fixed("60"), ledger=ledger, released="2000").verdict is Verdict.APPROVED

    def test_shorts_count_towards_leverage_like_longs(self) -> None:
        ledger = Ledger("10000", MSFT="50")
        ledger.trade("-100", "50", symbol="MSFT")
        assert opening(fixed("50"), ledger=ledger, short=True).verdict is Verdict.APPROVED
        assert opening(fixed("51"), ledger=ledger, short=True).verdict is Verdict.REJECTED

    def test_confidence_sizes_only_where_the_policy_says_so(self) -> None:
        assert opening(fixed("50"), confidence="0.5").approved_quantity == 50
        assert opening(fixed("50", size_by_confidence=True), confidence="0.5").approved_quantity == 25
        assert opening(fixed("50", size_by_confidence=True)).approved_quantity == 50

    def test_a_signals_own_quantity_goes_before_the_policys_and_is_checked_like_it(self) -> None:
        assert opening(fixed("50"), quantity="70").approved_quantity == 70
        assert opening(fixed("50"), quantity="101").verdict is Verdict.REJECTED


class TestQuantityStep:
    # asked, step, verdict, approved
    TABLE = (
        ("1.5", "1", Verdict.REDUCED, "1"),
        ("2", "1", Verdict.APPROVED, "2"),
        ("1.5", "0.5", Verdict.APPROVED, "1.5"),
        ("0.9", "1", Verdict.REJECTED, "0"),
    )

    @pytest.mark.parametrize(("asked", "step", "verdict", "approved"), TABLE)
    def test_what_a_signal_asked_for_stands_beside_what_the_step_leaves(
        self, asked: str, step: str, verdict: Verdict, approved: str
    ) -> None:
        decision = opening(fixed("50"), quantity=asked, step=step)
        assert (decision.verdict, decision.requested_quantity, decision.approved_quantity) == (
            verdict,
            Decimal(asked),
            Decimal(approved),
        )

    def test_a_refusal_says_what_was_asked(self) -> None:
        assert opening(fixed("50"), quantity="0.9").message == (
            "the sized quantity is 0.9: less than one quantity step"
        )
        assert opening(fixed("50"), quantity="100.5").approved_quantity == 100
        assert opening(fixed("50"), quantity="101.5").remedy == (
            "a quantity of 100 instead of 101.5 would have passed"
        )

    def test_the_policys_own_size_is_no_wish_and_is_not_reduced_by_the_step(self) -> None:
        decision = opening(fixed("50.5"))
        assert (decision.verdict, decision.requested_quantity) == (Verdict.APPROVED, 50)


class TestCurrency:
    @pytest.mark.parametrize("on_breach", ["reject", "shrink", "warn"])
    def test_what_the_account_cannot_book_is_refused_whatever_the_policy_does_with_limits(
        self, on_breach: str
    ) -> None:
        decision = opening(fixed("50", on_breach), currency="EUR")
        assert (decision.verdict, decision.reason, decision.approved_quantity) == (
            Verdict.REJECTED,
            "currency",
            0,
        )
        assert decision.message == ("AAPL is in EUR, the account is in USD; currencies are not converted yet")
        assert decision.remedy == "no quantity would have passed"
        assert [check.name for check in decision.checks] == ["currency", *CHECKS]

    def test_it_comes_before_every_other_reason(self) -> None:
        assert opening(fixed("5000"), currency="EUR").reason == "currency"
        assert opening(fixed("0.5"), currency="EUR").reason == "currency"


class TestBreach:
    # 150 asked where the limit is 100
    TABLE = (
        ("reject", Verdict.REJECTED, "0", "fail"),
        ("shrink", Verdict.REDUCED, "100", "shrink"),
        ("warn", Verdict.APPROVED, "150", "warn"),
    )

    @pytest.mark.parametrize(("on_breach", "verdict", "approved", "shown"), TABLE)
    def test_the_policy_says_what_a_breach_comes_to(
        self, on_breach: str, verdict: Verdict, approved: str, shown: str
    ) -> None:
        decision = opening(fixed("150", on_breach))
        assert (decision.verdict, decision.approved_quantity) == (verdict, Decimal(approved))
        assert decision.requested_quantity == 150
        assert verdicts(decision)["position_percent"] == verdicts(decision)["gross_leverage"] == shown

    def test_a_refusal_names_the_first_check_that_failed_with_its_numbers_and_a_remedy(self) -> None:
        decision = opening(fixed("150"))
        assert decision.reason == "position_percent"
        assert decision.message == (
            "position_percent: 15000 is more than 10000 (value after the order, 100 % of equity)"
        )
        assert decision.remedy == "a quantity of 100 instead of 150 would have passed"

    def test_a_refusal_of_very_small_numbers_can_be_read(self) -> None:
        rules = fixed("0.00000002", limits={"max_position_quantity": "0.00000001"})
        decision = opening(rules, step="0.00000001")
        assert decision.message == (
            "position_quantity: 0.00000002 is more than 0.00000001 (quantity after the order, limit)"
        )

    def test_shrinking_obeys_the_tightest_of_all_limits(self) -> None:
        rules = fixed("150", "shrink", limits={"max_position_quantity": 40, "max_position_percent": 60})
        decision = opening(rules, reserved="3000")
        assert decision.approved_quantity == 40
        assert verdicts(decision)["position_quantity"] == "shrink"

    def test_shrinking_stays_on_the_quantity_step(self) -> None:
        assert opening(fixed("150", "shrink"), price="70.01").approved_quantity == 142
        assert opening(fixed("150", "shrink"), price="70.01", step="100").approved_quantity == 100
        assert opening(fixed("150", "shrink"), price="70.01", step="0.01").approved_quantity == Decimal(
            "142.83"
        )

    def test_what_cannot_be_shrunk_is_refused(self) -> None:
        decision = opening(fixed("150", "shrink"), reserved="9999")
        assert (decision.verdict, decision.approved_quantity) == (Verdict.REJECTED, 0)
        assert decision.remedy == "no quantity would have passed"

    def test_a_size_of_nothing_is_refused_by_name(self) -> None:
        decision = opening(policy(sizing={"method": "percent_of_equity", "percent": "0.5"}))
        assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "size_rounds_to_zero")
        assert decision.message == "the sized quantity is 0: less than one quantity step"

    @pytest.mark.parametrize("on_breach", ["reject", "shrink", "warn"])
    def test_a_short_that_is_not_allowed_is_refused_whatever_the_policy_does_with_limits(
        self, on_breach: str
    ) -> None:
        decision = opening(fixed("50", on_breach, limits={"allow_short": False}), short=True)
        assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "short_sale")
        assert decision.message == "short positions are not allowed by the policy"
        assert decision.remedy == "no quantity would have passed"

    def test_no_limit_no_bound(self) -> None:
        rules = fixed("5000", limits={"max_gross_leverage": None, "max_position_percent": None})
        decision = opening(rules)
        assert (decision.verdict, set(verdicts(decision).values())) == (Verdict.APPROVED, {"not_applicable"})


class TestCashAccount:
    def rules(self, quantity: str, on_breach: str = "reject") -> RiskPolicy:
        limits = {"max_gross_leverage": None, "max_position_percent": None, "on_breach": on_breach}
        return policy(
            account="cash", sizing={"method": "fixed_quantity", "quantity": quantity}, limits=limits
        )

    @pytest.mark.parametrize(("quantity", "verdict"), [("100", "approved"), ("101", "rejected")])
    def test_a_purchase_is_paid_from_cash_alone(self, quantity: str, verdict: str) -> None:
        assert opening(self.rules(quantity)).verdict.value == verdict

    def test_equity_in_shares_buys_nothing(self) -> None:
        ledger = Ledger("10000", MSFT="100")
        ledger.trade("80", "100", symbol="MSFT")
        assert opening(self.rules("20"), ledger=ledger).verdict is Verdict.APPROVED
        decision = opening(self.rules("21"), ledger=ledger)
        assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "cash")

    def test_reserved_cash_is_not_free_and_released_cash_is(self) -> None:
        assert opening(self.rules("60"), reserved="4001").reason == "cash"
        assert opening(self.rules("60"), reserved="4001", released="1").verdict is Verdict.APPROVED

    def test_it_shrinks_to_what_the_cash_pays(self) -> None:
        decision = opening(self.rules("150", "shrink"), price="99.99")
        assert (decision.verdict, decision.approved_quantity) == (Verdict.REDUCED, 100)

    def test_it_never_borrows_even_where_limits_only_warn(self) -> None:
        decision = opening(self.rules("150", "warn"))
        assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "cash")
        assert verdicts(decision)["cash"] == "fail"

    @pytest.mark.parametrize("on_breach", ["reject", "shrink", "warn"])
    def test_it_never_goes_short(self, on_breach: str) -> None:
        assert opening(self.rules("1", on_breach), short=True).reason == "short_sale"


class TestClosing:
    def closing(
        self,
        quantity: str,
        held: str,
        rules: RiskPolicy,
        ledger: Ledger,
        *,
        wish: SignalEvent | None = None,
    ) -> RiskDecisionEvent:
        service = RiskService(
            policy=rules,
            origin=Origin(RUN_ID, "risk_service"),
            account=ledger.account,
            instrument=lambda symbol: Instrument(symbol=symbol),
            base_currency="USD",
        )
        wish = signal("close_long") if wish is None else wish
        decision = service.decide_closing(
            ClosingLeg(wish, Side.SELL, wish.price, Decimal(quantity), Decimal(held))
        )
        codec.validate(decision)
        return decision

    def test_closing_is_never_blocked_however_far_beyond_its_limits_an_account_is(self) -> None:
        ledger = Ledger("100", AAPL="1")
        ledger.trade("100", "100")  # equity is now 100 - 10,000 + 100
        rules = policy(
            account="cash",
            limits={"max_gross_leverage": "0.01", "max_position_quantity": 1, "allow_short": False},
        )
        decision = self.closing("100", "100", rules, ledger)
        assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVED, 100)
        assert decision.equity == -9800

    def test_a_quantity_off_the_step_is_shown_as_asked(self) -> None:
        asked = signal("close_long", quantity="40.5")
        decision = self.closing("40", "100", policy(), Ledger(), wish=asked)
        assert (decision.verdict, decision.requested_quantity, decision.approved_quantity) == (
            Verdict.REDUCED,
            Decimal("40.5"),
            40,
        )

    def test_a_reversal_closes_by_what_is_held_not_by_the_quantity_it_opens(self) -> None:
        reversal = signal("open_short", quantity="70")
        decision = self.closing("40", "40", policy(), Ledger(), wish=reversal)
        assert (decision.verdict, decision.requested_quantity) == (Verdict.APPROVED, 40)

    def test_it_shows_how_much_of_what_is_held_goes(self) -> None:
        decision = self.closing("40", "100", policy(), Ledger())
        (check,) = decision.checks
        assert (check.name, check.verdict) == ("closing_quantity", CheckVerdict.PASS)
        assert (check.value, check.limit, check.headroom) == (40, 100, 60)
        assert (decision.purpose, decision.decision_id) == (
            OrderPurpose.CLOSE,
            f"{signal('close_long').signal_id}/close?",
        )


cents = st.integers(100, 50_000).map(lambda value: Decimal(value) / 100)
quantities = st.integers(1, 400)


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a policy, an account and an order near its limits."""
    limits = {
        "max_gross_leverage": draw(st.none() | st.sampled_from(["0.5", "1", "2"])),
        "max_position_percent": draw(st.none() | st.sampled_from(["20", "75.5", "100"])),
        "max_position_quantity": draw(st.none() | st.integers(1, 300)),
    }
    ledger = Ledger("10000", MSFT=str(draw(cents)))
    if held := draw(st.integers(-80, 80)):
        ledger.trade(str(held), "50", symbol="MSFT")
    return {
        "limits": limits,
        "account": draw(st.sampled_from(["margin", "cash"])),
        "ledger": ledger,
        "price": str(draw(cents)),
        "short": draw(st.booleans()),
        "step": draw(st.sampled_from(["1", "10", "0.01"])),
        "position": str(draw(st.integers(0, 100))),
        "reserved": str(draw(st.integers(0, 6000))),
    }


def decide(situation: dict[str, Any], quantity: Decimal, on_breach: str) -> RiskDecisionEvent:
    rest = {name: value for name, value in situation.items() if name not in {"limits", "account"}}
    rules = fixed(str(quantity), on_breach, account=situation["account"], limits=situation["limits"])
    with money_context():
        return opening(rules, **rest)


@given(situations(), quantities)
def test_a_remedy_would_have_passed_and_one_step_more_would_not(
    situation: dict[str, Any], quantity: int
) -> None:
    decision = decide(situation, Decimal(quantity), "reject")
    if decision.verdict is not Verdict.REJECTED or decision.remedy is None:
        return
    step = Decimal(situation["step"])
    found = re.fullmatch(r"a quantity of ([\d.]+) instead of ([\d.]+) would have passed", decision.remedy)
    if found is None:
        assert decision.remedy == "no quantity would have passed"
        assert decide(situation, step, "reject").verdict is Verdict.REJECTED
        return
    remedy = Decimal(found[1])
    assert Decimal(found[2]) == decision.requested_quantity
    assert decide(situation, remedy, "reject").verdict is Verdict.APPROVED
    assert decide(situation, remedy + step, "reject").verdict is Verdict.REJECTED


@given(situations(), quantities)
def test_shrinking_gives_what_the_remedy_names(situation: dict[str, Any], quantity: int) -> None:
    refused = decide(situation, Decimal(quantity), "reject")
    shrunk = decide(situation, Decimal(quantity), "shrink")
    if refused.verdict is Verdict.APPROVED:
        assert shrunk.approved_quantity == refused.approved_quantity
    elif refused.remedy is not None and refused.remedy.startswith("a quantity"):
        assert refused.remedy.split()[3] == f"{shrunk.approved_quantity:f}"
        assert shrunk.verdict is Verdict.REDUCED
    else:
        assert shrunk.verdict is Verdict.REJECTED


@given(situations(), quantities, st.sampled_from(["reject", "shrink", "warn"]))
def test_every_decision_lists_every_check_and_is_consistent(
    situation: dict[str, Any], quantity: int, on_breach: str
) -> None:
    decision = decide(situation, Decimal(quantity), on_breach)
    assert [check.name for check in decision.checks] == CHECKS
    for check in decision.checks:
        if check.value is not None and check.limit is not None:
            assert check.headroom == check.limit - check.value
            assert (check.verdict is CheckVerdict.PASS) is (check.headroom >= 0)
    shown = {check.verdict for check in decision.checks}
    assert (decision.verdict is Verdict.REJECTED) is (decision.approved_quantity == 0)
    if decision.verdict is not Verdict.REJECTED:
        assert CheckVerdict.FAIL not in shown
    assert (CheckVerdict.SHRINK in shown) is (decision.verdict is Verdict.REDUCED)
