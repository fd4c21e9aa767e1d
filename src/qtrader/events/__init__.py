"""Events: immutable facts and decisions, the bus that carries them, and the log that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.events.base import BaseEvent as BaseEvent
    from qtrader.events.base import DecisionEvent as DecisionEvent
    from qtrader.events.base import ValidatedEvent as ValidatedEvent
    from qtrader.events.event_bus import EventBus as EventBus
    from qtrader.events.event_store import EventStore as EventStore
    from qtrader.events.event_store import InMemoryEventStore as InMemoryEventStore
    from qtrader.events.event_store_file import FileEventStore as FileEventStore
    from qtrader.events.events import CashBalance as CashBalance
    from qtrader.events.events import ConsolidatedPortfolioEvent as ConsolidatedPortfolioEvent
    from qtrader.events.events import CorporateActionEvent as CorporateActionEvent
    from qtrader.events.events import FillEvent as FillEvent
    from qtrader.events.events import LedgerEntryEvent as LedgerEntryEvent
    from qtrader.events.events import OrderCancelEvent as OrderCancelEvent
    from qtrader.events.events import OrderEvent as OrderEvent
    from qtrader.events.events import OrderModifyEvent as OrderModifyEvent
    from qtrader.events.events import OrderRequestRejectedEvent as OrderRequestRejectedEvent
    from qtrader.events.events import OrderUpdateEvent as OrderUpdateEvent
    from qtrader.events.events import PortfolioStateEvent as PortfolioStateEvent
    from qtrader.events.events import PositionState as PositionState
    from qtrader.events.events import Posting as Posting
    from qtrader.events.events import PriceBarEvent as PriceBarEvent
    from qtrader.events.events import RiskCheck as RiskCheck
    from qtrader.events.events import RiskDecisionEvent as RiskDecisionEvent
    from qtrader.events.events import SignalEvent as SignalEvent
    from qtrader.events.events import SignalRejectedEvent as SignalRejectedEvent
    from qtrader.events.events import Sizing as Sizing
    from qtrader.events.events import SizingInput as SizingInput
    from qtrader.events.events import SliceEvent as SliceEvent
    from qtrader.events.events import Target as Target
    from qtrader.events.events import ValuationTriggerEvent as ValuationTriggerEvent
    from qtrader.events.vocabulary import ActionType as ActionType
    from qtrader.events.vocabulary import CheckVerdict as CheckVerdict
    from qtrader.events.vocabulary import FillBasis as FillBasis
    from qtrader.events.vocabulary import LedgerKind as LedgerKind
    from qtrader.events.vocabulary import OrderPurpose as OrderPurpose
    from qtrader.events.vocabulary import OrderStatus as OrderStatus
    from qtrader.events.vocabulary import OrderType as OrderType
    from qtrader.events.vocabulary import Side as Side
    from qtrader.events.vocabulary import SignalIntention as SignalIntention
    from qtrader.events.vocabulary import TimeInForce as TimeInForce
    from qtrader.events.vocabulary import Verdict as Verdict

__all__ = [
    "ActionType",
    "BaseEvent",
    "CashBalance",
    "CheckVerdict",
    "ConsolidatedPortfolioEvent",
    "CorporateActionEvent",
    "DecisionEvent",
    "EventBus",
    "EventStore",
    "FileEventStore",
    "FillBasis",
    "FillEvent",
    "InMemoryEventStore",
    "LedgerEntryEvent",
    "LedgerKind",
    "OrderCancelEvent",
    "OrderEvent",
    "OrderModifyEvent",
    "OrderPurpose",
    "OrderRequestRejectedEvent",
    "OrderStatus",
    "OrderType",
    "OrderUpdateEvent",
    "PortfolioStateEvent",
    "PositionState",
    "Posting",
    "PriceBarEvent",
    "RiskCheck",
    "RiskDecisionEvent",
    "Side",
    "SignalEvent",
    "SignalIntention",
    "SignalRejectedEvent",
    "Sizing",
    "SizingInput",
    "SliceEvent",
    "Target",
    "TimeInForce",
    "ValidatedEvent",
    "ValuationTriggerEvent",
    "Verdict",
]

__getattr__ = loader(
    __name__,
    {
        "ActionType": "qtrader.events.vocabulary",
        "BaseEvent": "qtrader.events.base",
        "CashBalance": "qtrader.events.events",
        "CheckVerdict": "qtrader.events.vocabulary",
        "ConsolidatedPortfolioEvent": "qtrader.events.events",
        "CorporateActionEvent": "qtrader.events.events",
        "DecisionEvent": "qtrader.events.base",
        "EventBus": "qtrader.events.event_bus",
        "EventStore": "qtrader.events.event_store",
        "FileEventStore": "qtrader.events.event_store_file",
        "FillBasis": "qtrader.events.vocabulary",
        "FillEvent": "qtrader.events.events",
        "InMemoryEventStore": "qtrader.events.event_store",
        "LedgerEntryEvent": "qtrader.events.events",
        "LedgerKind": "qtrader.events.vocabulary",
        "OrderCancelEvent": "qtrader.events.events",
        "OrderEvent": "qtrader.events.events",
        "OrderModifyEvent": "qtrader.events.events",
        "OrderPurpose": "qtrader.events.vocabulary",
        "OrderRequestRejectedEvent": "qtrader.events.events",
        "OrderStatus": "qtrader.events.vocabulary",
        "OrderType": "qtrader.events.vocabulary",
        "OrderUpdateEvent": "qtrader.events.events",
        "PortfolioStateEvent": "qtrader.events.events",
        "PositionState": "qtrader.events.events",
        "Posting": "qtrader.events.events",
        "PriceBarEvent": "qtrader.events.events",
        "RiskCheck": "qtrader.events.events",
        "RiskDecisionEvent": "qtrader.events.events",
        "Side": "qtrader.events.vocabulary",
        "SignalEvent": "qtrader.events.events",
        "SignalIntention": "qtrader.events.vocabulary",
        "SignalRejectedEvent": "qtrader.events.events",
        "Sizing": "qtrader.events.events",
        "SizingInput": "qtrader.events.events",
        "SliceEvent": "qtrader.events.events",
        "Target": "qtrader.events.events",
        "TimeInForce": "qtrader.events.vocabulary",
        "ValidatedEvent": "qtrader.events.base",
        "ValuationTriggerEvent": "qtrader.events.events",
        "Verdict": "qtrader.events.vocabulary",
    },
)
