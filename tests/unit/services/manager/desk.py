"""A manager with a real risk service behind it, an account moved by hand, and what was published."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.factories import RUN_ID, Ledger, Recorder, at_us, order_update, signal

from qtrader.events.events import OrderEvent, RiskDecisionEvent, SignalRejectedEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import OrderStatus
from qtrader.market.instruments import Instrument
from qtrader.services.manager.service import ManagerService
from qtrader.services.risk.policy import RiskPolicy
from qtrader.services.risk.service import RiskService

#: Buy 100 of anything, as long as gross exposure stays within the equity.
FREE = {"max_gross_leverage": 1, "max_position_percent": None}


class Desk:
    """Send signals; `orders`, `decisions` and `refusals` hold what came of them."""

    def __init__(
        self,
        cash: str = "100000",
        *,
        step: str = "1",
        trading_starts_day: int | None = None,
        is_member: Callable[[str, int], bool] | None = None,
        **rules: Any,
    ) -> None:
        self.ledger = Ledger(cash, AAPL="100", MSFT="50", IBM="100")
        self.published = Recorder()
        policy = RiskPolicy.model_validate({"limits": FREE} | rules)

        def instrument(symbol: str) -> Instrument:
            return Instrument(symbol=symbol, quantity_step=Decimal(step))

        self.risk = RiskService(
            policy=policy,
            origin=Origin(RUN_ID, "risk_service"),
            account=self.ledger.account,
            instrument=instrument,
            base_currency="USD",
        )
        self.manager = ManagerService(
            publish=self.published,
            origin=Origin(RUN_ID, "manager_service"),
            risk=self.risk,
            account=self.ledger.account,
            instrument=instrument,
            scale_in=policy.scale_in,
            proceeds_fund_same_instant=policy.proceeds_fund_same_instant,
            trading_starts_us=-(2**63) if trading_starts_day is None else at_us(trading_starts_day),
            is_member=is_member,
        )
        self._sent = 0

    def send(self, intention: str, price: str = "100", **wish: Any) -> list[Any]:
        """Send a signal and give what was published because of it."""
        before = len(self.published.events)
        self._sent += 1
        self.manager.on_signal(signal(intention, price, ordinal=self._sent, **wish))
        return self.published.events[before:]

    def hold(self, quantity: str, symbol: str = "AAPL", price: str = "100", strategy_id: str = "sma") -> None:
        self.ledger.trade(quantity, price, symbol, strategy_id)

    def step(self, order: OrderEvent, status: OrderStatus, **more: Any) -> None:
        self.manager.on_order_update(order_update(order, status, **more))

    @property
    def orders(self) -> list[OrderEvent]:
        return self.published.of(OrderEvent)

    @property
    def decisions(self) -> list[RiskDecisionEvent]:
        return self.published.of(RiskDecisionEvent)

    @property
    def refusals(self) -> list[SignalRejectedEvent]:
        return self.published.of(SignalRejectedEvent)


def told(events: list[Any]) -> list[str]:
    """Say events in words: "buy 100 open", "refused already_open"; decisions are left out."""
    words = []
    for event in events:
        if isinstance(event, OrderEvent):
            words.append(f"{event.side.value} {event.quantity:f} {event.purpose.value}")
        elif isinstance(event, SignalRejectedEvent):
            words.append(f"refused {event.reason}")
    return words
