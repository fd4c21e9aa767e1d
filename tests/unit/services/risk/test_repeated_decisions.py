"""A service that has decided before decides as one that has not: what it remembers changes no decision."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import RUN_ID, Ledger, signal

from qtrader.events.events import RiskDecisionEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import Side
from qtrader.market.instruments import Instrument
from qtrader.money import ZERO, money_context
from qtrader.services.legs import OpeningLeg
from qtrader.services.risk import limits
from qtrader.services.risk.policy import RiskPolicy
from qtrader.services.risk.service import RiskService
from qtrader.services.risk.sizing import size

SIZINGS: list[dict[str, Any]] = [
    {"method": "fixed_quantity", "quantity": "50"},
    {"method": "fixed_quantity", "quantity": "33.3"},
    {"method": "percent_of_equity", "percent": "10"},
]


class House:
    """A risk service whose instruments' quantity steps change at will."""

    def __init__(self, policy: RiskPolicy) -> None:
        self.steps = {"AAPL": Decimal(1), "MSFT": Decimal("0.1")}
        self.service = RiskService(
            policy=policy,
            origin=Origin(RUN_ID, "risk_service"),
            account=Ledger("100000").account,
            instrument=lambda symbol: Instrument(symbol=symbol, quantity_step=self.steps[symbol]),
            base_currency="USD",
        )

    def decide(self, ordinal: int, **wish: Any) -> RiskDecisionEvent:
        asked = signal(ordinal=ordinal, **wish)
        with money_context():
            return self.service.decide_opening(
                OpeningLeg(asked, Side.BUY, asked.price, ZERO, ZERO, ZERO, ZERO, ZERO)
            )


wishes = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["AAPL", "MSFT"]),
        "price": st.sampled_from(["100", "33.33"]),
        "quantity": st.none() | st.sampled_from(["7", "0.05"]),
        "confidence": st.none() | st.sampled_from(["0.5", "0.25"]),
    }
)
story = st.lists(st.tuples(wishes, st.sampled_from(["1", "0.1", "0.01", "1.0"])), min_size=1, max_size=6)


@given(story, st.sampled_from(SIZINGS), st.booleans())
def test_a_decision_does_not_depend_on_those_before(
    story: list[tuple[dict[str, Any], str]], sizing: dict[str, Any], by_confidence: bool
) -> None:
    policy = RiskPolicy.model_validate({"sizing": sizing, "size_by_confidence": by_confidence})
    old = House(policy)
    for ordinal, (wish, step) in enumerate(story):
        new = House(policy)
        old.steps[wish["symbol"]] = new.steps[wish["symbol"]] = Decimal(step)
        decided, expected = old.decide(ordinal, **wish), new.decide(ordinal, **wish)
        assert decided == expected
        # Equal numbers may be written differently ("1", "1.0"); these are not.
        assert repr(decided.sizing) == repr(expected.sizing)
        sized = size(
            policy.sizing,
            equity=Decimal(100000),
            price=Decimal(wish["price"]),
            quantity_step=Decimal(step),
            confidence=_decimal(wish["confidence"]) if by_confidence else None,
            asked_quantity=_decimal(wish["quantity"]),
        )
        assert decided.sizing == sized.sizing
        assert decided.approved_quantity == sized.quantity


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@given(
    st.sampled_from(["0.5", "1", "1.0", "2.25"]),
    st.sampled_from(["0.5", "100", "100.0", "33.3"]),
    st.integers(1, 3000),
)
def test_its_checks_are_those_of_the_limits_alone(leverage: str, percent: str, quantity: int) -> None:
    rules = {"max_gross_leverage": leverage, "max_position_percent": percent}
    decision = House(RiskPolicy.model_validate({"limits": rules})).decide(1, quantity=str(quantity))
    proposal = limits.Proposal(
        Decimal(quantity),
        Decimal(100),
        is_short=False,
        position_quantity=ZERO,
        equity=Decimal(100000),
        free_cash=Decimal(100000),
        gross_exposure=ZERO,
    )
    assert decision.checks == tuple(
        result.check
        for result in (
            limits.short_sale(proposal, is_allowed=True),
            limits.cash(proposal, applies=False),
            limits.position_quantity(proposal, None),
            limits.position_percent(proposal, Decimal(percent)),
            limits.gross_leverage(proposal, Decimal(leverage)),
        )
    )
