"""The events, one flat frozen class per contract.

The contracts in `qtrader/contracts/schemas` are the source of truth and describe every field; a test compares
these classes with them field by field. Bars hold floats and integer microseconds, because they are market
data; every other event holds Decimals and aware UTC datetimes.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from qtrader.clock import from_epoch_us
from qtrader.events.base import BaseEvent, DecisionEvent, ValidatedEvent
from qtrader.events.books import (
    CashBalance,
    ConsolidatedPortfolioEvent,
    LedgerEntryEvent,
    PositionState,
    Posting,
)
from qtrader.events.identity import bar_event_id
from qtrader.events.requests import OrderCancelEvent, OrderModifyEvent, OrderRequestRejectedEvent, Target
from qtrader.events.vocabulary import (
    ActionType,
    CheckVerdict,
    FillBasis,
    OrderPurpose,
    OrderStatus,
    OrderType,
    Side,
    SignalIntention,
    TimeInForce,
    Verdict,
)

__all__ = [
    "CashBalance",
    "ConsolidatedPortfolioEvent",
    "CorporateActionEvent",
    "FillEvent",
    "LedgerEntryEvent",
    "OrderCancelEvent",
    "OrderEvent",
    "OrderModifyEvent",
    "OrderRequestRejectedEvent",
    "OrderUpdateEvent",
    "PortfolioStateEvent",
    "PositionState",
    "Posting",
    "PriceBarEvent",
    "RiskCheck",
    "RiskDecisionEvent",
    "SignalEvent",
    "SignalRejectedEvent",
    "Sizing",
    "SizingInput",
    "SliceEvent",
    "Target",
    "ValuationTriggerEvent",
]


class PriceBarEvent(ValidatedEvent, frozen=True, gc=False):
    """One bar of market data; positional, so that a block of rows becomes objects in one C-level `map`.

    Prices are raw floats. `volume` is NaN where unknown. A price times `signal_factor` belongs to the
    append-only signal series.
    """

    event_type: ClassVar[str] = "bar"
    contract: ClassVar[str] = "data/bar"

    symbol: str
    interval: str
    opened_at_us: int
    closed_at_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    signal_factor: float = 1.0
    run_id: str = ""

    @property
    def bar(self) -> PriceBarEvent:
        """The event itself, so that `bar.bar.close` reads as in the specification."""
        return self

    @property
    def opened_at(self) -> datetime:
        """The instant at which the bar began."""
        return from_epoch_us(self.opened_at_us)

    @property
    def closed_at(self) -> datetime:
        """The instant at which the bar ended: the earliest at which a decision may use it."""
        return from_epoch_us(self.closed_at_us)

    @property
    def event_id(self) -> str:
        """Identity from run, symbol, interval and close; derived when asked for."""
        return bar_event_id(self.run_id, self.symbol, self.interval, self.closed_at_us)

    @property
    def occurred_at(self) -> datetime:
        """The bar's close."""
        return from_epoch_us(self.closed_at_us)

    @property
    def source_service(self) -> str:
        """Bars come from the data service."""
        return "data_service"


class CorporateActionEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A corporate action that takes effect."""

    event_type: ClassVar[str] = "corporate_action"
    contract: ClassVar[str] = "data/corporate_action"

    action_id: str
    symbol: str
    action_type: ActionType
    ex_date: date
    announced_date: date | None = None
    record_date: date | None = None
    pay_date: date | None = None
    ratio: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    is_special: bool = False
    new_symbol: str | None = None
    cost_fraction: Decimal | None = None


class ValuationTriggerEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A session of the valuation calendar has closed: mark the books."""

    event_type: ClassVar[str] = "valuation_trigger"
    contract: ClassVar[str] = "data/valuation_trigger"

    session: date
    calendar: str


class SignalEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A strategy's wish."""

    event_type: ClassVar[str] = "signal"
    contract: ClassVar[str] = "strategy/signal"

    signal_id: str
    strategy_id: str
    symbol: str
    intention: SignalIntention
    price: Decimal
    confidence: Decimal | None = None
    quantity: Decimal | None = None
    fraction: Decimal | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reason: str | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_atr_multiple: Decimal | None = None
    trail_atr_period: int | None = None
    trail_limit_offset: Decimal | None = None
    expires_at: datetime | None = None
    targets: tuple[Target, ...] = ()
    oco_group: str | None = None
    after_order_id: str | None = None


class SizingInput(msgspec.Struct, frozen=True, gc=False):
    """One number that a sizing formula used."""

    name: str
    value: Decimal


class Sizing(msgspec.Struct, frozen=True, gc=False):
    """How a quantity was found: the formula with its numbers."""

    method: str
    formula: str
    inputs: tuple[SizingInput, ...] = ()


class RiskCheck(msgspec.Struct, frozen=True, gc=False):
    """One check of a risk decision, with its value, its limit and what is left between them."""

    name: str
    verdict: CheckVerdict
    value: Decimal | None = None
    limit: Decimal | None = None
    headroom: Decimal | None = None
    detail: str | None = None


class RiskDecisionEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """What risk says of one leg of a signal, with every check that it made, in order."""

    event_type: ClassVar[str] = "risk_decision"
    contract: ClassVar[str] = "risk/risk_decision"

    decision_id: str
    signal_id: str
    strategy_id: str
    symbol: str
    purpose: OrderPurpose
    side: Side
    verdict: Verdict
    requested_quantity: Decimal
    approved_quantity: Decimal
    reference_price: Decimal
    equity: Decimal
    policy: str
    sizing: Sizing
    checks: tuple[RiskCheck, ...]
    reason: str | None = None
    message: str | None = None
    remedy: str | None = None


class SignalRejectedEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A signal, or one leg of it, that became no order, with the reason."""

    event_type: ClassVar[str] = "signal_rejected"
    contract: ClassVar[str] = "manager/signal_rejected"

    signal_id: str
    strategy_id: str
    symbol: str
    purpose: OrderPurpose
    reason: str
    message: str
    decision_id: str | None = None


class OrderEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """An instruction to execution."""

    event_type: ClassVar[str] = "order"
    contract: ClassVar[str] = "manager/order"

    order_id: str
    signal_id: str
    strategy_id: str
    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    purpose: OrderPurpose
    decision_id: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    parent_order_id: str | None = None
    oco_group: str | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_atr_multiple: Decimal | None = None
    trail_atr_period: int | None = None
    trail_limit_offset: Decimal | None = None
    expires_at: datetime | None = None


class OrderUpdateEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A step in an order's life; quantities and prices are those in force after it."""

    event_type: ClassVar[str] = "order_update"
    contract: ClassVar[str] = "execution/order_update"

    order_id: str
    strategy_id: str
    symbol: str
    status: OrderStatus
    reason: str
    message: str
    quantity: Decimal
    filled_quantity: Decimal
    leaves_quantity: Decimal
    average_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class FillEvent(DecisionEvent, frozen=True, gc=False, kw_only=True):
    """A trade: `price` includes slippage, `reference_price` does not; `slippage` is a memo, no posting."""

    event_type: ClassVar[str] = "fill"
    contract: ClassVar[str] = "execution/fill"

    fill_id: str
    order_id: str
    signal_id: str
    strategy_id: str
    symbol: str
    side: Side
    purpose: OrderPurpose
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    commission: Decimal
    slippage: Decimal
    currency: str
    executed_at: datetime
    basis: FillBasis
    is_ambiguous: bool = False
    worst_price: Decimal | None = None
    best_price: Decimal | None = None
    worst_exit_price: Decimal | None = None
    best_exit_price: Decimal | None = None


#: The specification's name for the portfolio's published state.
PortfolioStateEvent = ConsolidatedPortfolioEvent


class SliceEvent(BaseEvent, frozen=True, gc=False):
    """All bars of one instant have been delivered (control event)."""

    event_type: ClassVar[str] = "slice"

    instant_us: int
    bars: tuple[PriceBarEvent, ...]
