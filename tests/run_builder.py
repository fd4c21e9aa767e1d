"""A run written day by day without the engine: a portfolio keeps the books, the test says what is traded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.factories_tape import CLOSES_AFTER, FIRST_DAY, OPENS_AFTER, days_from, tape_of

from qtrader.clock import to_epoch_us
from qtrader.engine.completed_run import CompletedRun
from qtrader.events.base import BaseEvent, ValidatedEvent
from qtrader.events.event_store import InMemoryEventStore
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    OrderUpdateEvent,
    RiskCheck,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
    Sizing,
    ValuationTriggerEvent,
)
from qtrader.events.identity import Origin
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
from qtrader.market.instruments import Instrument
from qtrader.money import money_context
from qtrader.services.portfolio.service import PortfolioService
from qtrader.services.portfolio.settings import PortfolioSettings

Number = int | str | Decimal


class RunBuilder:
    """Write a run day by day: `next_day`, what happens in it, `close_day`; `completed` ends it."""

    def __init__(
        self,
        closes: Mapping[str, Sequence[float]],
        *,
        initial: Number = 100_000,
        run_id: str = "run-1",
        factors: Mapping[str, Sequence[float]] | None = None,
        **settings: Any,
    ) -> None:
        self.tape = tape_of(closes, factors)
        self.run_id = run_id
        self.initial = Decimal(initial)
        self.day_number = -1
        self.days = days_from(FIRST_DAY, max(len(values) for values in closes.values()))
        self.store = InMemoryEventStore()
        self.store.attach_tape(self.tape, run_id)
        self.valuations: list[ConsolidatedPortfolioEvent] = []
        self._closes = closes
        self._marks: dict[str, Decimal] = {}
        self._orders = 0
        self._origin = Origin(run_id, "test_service")
        self.books = PortfolioService(
            publish=self.publish,
            origin=Origin(run_id, "portfolio_service"),
            settings=PortfolioSettings(initial_cash=self.initial, **settings),
            instrument=lambda symbol: Instrument(symbol=symbol),
            mark=self._marks.get,
            session_close_us=lambda symbol, day: to_epoch_us(
                datetime(day.year, day.month, day.day, 21, tzinfo=UTC)
            ),
        )
        with money_context():
            self.books.open_books(self.days[0], "start")

    @property
    def opened_at(self) -> datetime:
        return self.days[self.day_number] + OPENS_AFTER

    @property
    def closed_at(self) -> datetime:
        return self.days[self.day_number] + CLOSES_AFTER

    def publish(self, event: BaseEvent) -> None:
        assert isinstance(event, ValidatedEvent)
        self.store.append(event)
        if isinstance(event, ConsolidatedPortfolioEvent):
            self.valuations.append(event)
        if isinstance(event, FillEvent):
            with money_context():
                self.books.on_fill(event)

    def next_day(self) -> RunBuilder:
        """Begin the next day; its closes become the marks."""
        self.day_number += 1
        for symbol, values in self._closes.items():
            if self.day_number < len(values):
                self._marks[symbol] = Decimal(repr(float(values[self.day_number])))
        self.store.rows = self.tape.rows_closed_by(to_epoch_us(self.closed_at))
        return self

    def trade(
        self,
        symbol: str,
        quantity: Number,
        price: Number,
        *,
        purpose: OrderPurpose = OrderPurpose.OPEN,
        commission: Number = 0,
        strategy: str = "sma",
        reason: str | None = None,
        slippage: Number = 0,
    ) -> FillEvent:
        """Signal, decide, order and fill a signed quantity at the day's open."""
        signed = Decimal(quantity)
        size, side = abs(signed), Side.BUY if signed > 0 else Side.SELL
        order = self.order(symbol, signed, purpose=purpose, strategy=strategy, reason=reason, price=price)
        fill = FillEvent(
            envelope=self._origin.effect_of_id(order.event_id, order.correlation_id, self.closed_at),
            fill_id=f"{order.order_id}#1",
            order_id=order.order_id,
            signal_id=order.signal_id,
            strategy_id=strategy,
            symbol=symbol,
            side=side,
            purpose=purpose,
            quantity=size,
            price=Decimal(price),
            reference_price=Decimal(price),
            commission=Decimal(commission),
            slippage=Decimal(slippage),
            currency="USD",
            executed_at=self.opened_at,
            basis=FillBasis.OPEN,
        )
        self.publish(fill)
        self.update(order, OrderStatus.FILLED, "filled", filled=size, average=Decimal(price))
        return fill

    def order(
        self,
        symbol: str,
        quantity: Number,
        *,
        purpose: OrderPurpose = OrderPurpose.OPEN,
        strategy: str = "sma",
        reason: str | None = None,
        price: Number = 100,
        limit_price: Number | None = None,
    ) -> OrderEvent:
        """Signal, decide and order; the order rests."""
        signal = self.signal(symbol, quantity, purpose=purpose, strategy=strategy, reason=reason, price=price)
        decision = self.decide(signal, Decimal(quantity), Verdict.APPROVED)
        order = OrderEvent(
            envelope=self._origin.effect_of_id(decision.event_id, decision.correlation_id, self.closed_at),
            order_id=f"{signal.signal_id}/{purpose.value}",
            signal_id=signal.signal_id,
            strategy_id=strategy,
            symbol=symbol,
            side=Side.BUY if Decimal(quantity) > 0 else Side.SELL,
            quantity=abs(Decimal(quantity)),
            order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            purpose=purpose,
            decision_id=decision.decision_id,
            limit_price=None if limit_price is None else Decimal(limit_price),
        )
        self.publish(order)
        self.update(order, OrderStatus.ACCEPTED, "accepted")
        return order

    def signal(
        self,
        symbol: str,
        quantity: Number,
        *,
        purpose: OrderPurpose = OrderPurpose.OPEN,
        strategy: str = "sma",
        reason: str | None = None,
        price: Number = 100,
    ) -> SignalEvent:
        is_buy = Decimal(quantity) > 0
        if purpose is OrderPurpose.OPEN:
            intention = SignalIntention.OPEN_LONG if is_buy else SignalIntention.OPEN_SHORT
        else:
            intention = SignalIntention.CLOSE_SHORT if is_buy else SignalIntention.CLOSE_LONG
        ordinal, self._orders = self._orders, self._orders + 1
        signal = SignalEvent(
            envelope=self._origin.effect_of_id(f"bar-{self.day_number}", None, self.closed_at),
            signal_id=f"{strategy}:{symbol}:{self.closed_at:%Y%m%d}:{ordinal}",
            strategy_id=strategy,
            symbol=symbol,
            intention=intention,
            price=Decimal(price),
            reason=reason,
        )
        self.publish(signal)
        return signal

    def decide(self, signal: SignalEvent, quantity: Decimal, verdict: Verdict) -> RiskDecisionEvent:
        is_refused = verdict is Verdict.REJECTED
        check = CheckVerdict.FAIL if is_refused else CheckVerdict.PASS
        decision = RiskDecisionEvent(
            envelope=self._origin.effect_of(signal, signal.occurred_at),
            decision_id=f"{signal.signal_id}/open?",
            signal_id=signal.signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            purpose=OrderPurpose.OPEN,
            side=Side.BUY if quantity > 0 else Side.SELL,
            verdict=verdict,
            requested_quantity=abs(quantity),
            approved_quantity=Decimal(0) if is_refused else abs(quantity),
            reference_price=signal.price,
            equity=self.initial,
            policy="default",
            sizing=Sizing("fixed", "quantity"),
            checks=(RiskCheck("gross_leverage", check, Decimal(2), Decimal(1)),),
            reason="gross_leverage" if is_refused else None,
            message="gross_leverage: 2.00 is more than 1.00" if is_refused else None,
            remedy="a quantity of 10 would have passed" if is_refused else None,
        )
        self.publish(decision)
        return decision

    def refuse(
        self, symbol: str, quantity: Number, *, reason: str, message: str, by_risk: bool = False
    ) -> None:
        """Signal something that is refused."""
        signal = self.signal(symbol, quantity)
        decision = self.decide(signal, Decimal(quantity), Verdict.REJECTED) if by_risk else None
        rejected = SignalRejectedEvent(
            envelope=self._origin.effect_of(decision or signal, signal.occurred_at),
            signal_id=signal.signal_id,
            strategy_id=signal.strategy_id,
            symbol=symbol,
            purpose=OrderPurpose.OPEN,
            reason=reason,
            message=message,
            decision_id=None if decision is None else decision.decision_id,
        )
        self.publish(rejected)

    def update(
        self,
        order: OrderEvent,
        status: OrderStatus,
        reason: str,
        *,
        filled: Decimal = Decimal(0),
        average: Decimal | None = None,
    ) -> None:
        is_done = status not in {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED}
        self.publish(
            OrderUpdateEvent(
                envelope=self._origin.effect_of_id(order.event_id, order.correlation_id, self.closed_at),
                order_id=order.order_id,
                strategy_id=order.strategy_id,
                symbol=order.symbol,
                status=status,
                reason=reason,
                message=f"{reason}.",
                quantity=order.quantity,
                filled_quantity=filled,
                leaves_quantity=Decimal(0) if is_done else order.quantity - filled,
                average_price=average,
                limit_price=order.limit_price,
            )
        )

    def split(self, symbol: str, ratio: Number) -> None:
        """Split before the day's open."""
        self._action(symbol, ActionType.SPLIT, ratio=Decimal(ratio))

    def dividend(self, symbol: str, amount: Number, pay_date: date | None = None) -> None:
        """Go ex before the day's open."""
        self._action(
            symbol, ActionType.CASH_DIVIDEND, amount=Decimal(amount), currency="USD", pay_date=pay_date
        )

    def _action(self, symbol: str, kind: ActionType, **fields: Any) -> None:
        day = self.days[self.day_number]
        action = CorporateActionEvent(
            envelope=self._origin.effect_of_id(None, None, day),
            action_id=f"{symbol}:{kind.value}:{day:%Y%m%d}",
            symbol=symbol,
            action_type=kind,
            ex_date=day.date(),
            **fields,
        )
        self.publish(action)
        with money_context():
            self.books.on_corporate_action(action)

    def close_day(self) -> RunBuilder:
        """Settle what is due and value the books."""
        with money_context():
            self.books.settle_due(self.closed_at)
            trigger = ValuationTriggerEvent(
                envelope=self._origin.effect_of_id(None, None, self.closed_at),
                session=self.closed_at.date(),
                calendar="UTC",
            )
            self.publish(trigger)
            self.books.on_valuation_trigger(trigger)
        return self

    def idle(self, count: int = 1) -> RunBuilder:
        for _ in range(count):
            self.next_day().close_day()
        return self

    @property
    def entries(self) -> list[LedgerEntryEvent]:
        return [event for event in self.store.decision_events if isinstance(event, LedgerEntryEvent)]

    def completed(self, **overrides: Any) -> CompletedRun:
        """End the run."""
        values: dict[str, Any] = {
            "run_id": self.run_id,
            "name": "tiny",
            "store": self.store,
            "tape": self.tape,
            "initial_equity": self.initial,
            "base_currency": "USD",
            "valuations": tuple(self.valuations),
            "symbols": self.tape.symbols,
            "strategy_ids": ("sma",),
            "config": {"run": {"name": "tiny"}, "strategies": [{"id": "sma", "fast": 10}]},
            "engine_version": "0.1.0",
        }
        return CompletedRun(**{**values, **overrides})
