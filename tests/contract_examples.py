"""The story that the contracts' examples tell, as events: one trade in AAPL, from a bar to the books.

`python -m tests.contract_examples` writes the example files anew, which is needed after a change of a
contract or of how identities are derived; a test compares them with this story.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtrader.clock import to_epoch_us
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.events import (
    CashBalance,
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderCancelEvent,
    OrderEvent,
    OrderModifyEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PositionState,
    Posting,
    PriceBarEvent,
    RiskCheck,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
    Sizing,
    SizingInput,
    ValuationTriggerEvent,
)
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import (
    ActionType,
    CheckVerdict,
    FillBasis,
    LedgerKind,
    OrderPurpose,
    OrderStatus,
    OrderType,
    Side,
    SignalIntention,
    TimeInForce,
    Verdict,
)

DIRECTORY = Path(__file__).parents[1] / "src" / "qtrader" / "contracts" / "examples"

_RUN = "sma-cross-3f6a1c90"
_SIGNAL_ID = "sma:AAPL:20120807T200000Z:0"
_ORDER_ID = f"{_SIGNAL_ID}/open"
_FILL_ID = f"{_ORDER_ID}#1"
_CHAIN: dict[str, Any] = {"signal_id": _SIGNAL_ID, "strategy_id": "sma", "symbol": "AAPL"}
_CLOSE = datetime(2012, 8, 8, 20, tzinfo=UTC)
_NONE = Decimal(0)


def story() -> tuple[ValidatedEvent, ...]:
    """Build one event of every class, in the order in which they happen."""
    bar = _bar(7, 622.77, 625.0, 618.04, 620.914, 10_373_100.0)
    signal = _signal(bar)
    order = _order(signal)
    fill = _fill(order)
    modify, cancel = _requests()
    trigger = ValuationTriggerEvent(
        **_effect("data_service", None, datetime(2012, 8, 9, tzinfo=UTC)),
        session=date(2012, 8, 8),
        calendar="UTC",
    )
    return (
        bar,
        signal,
        _decision(signal),
        order,
        _update(order),
        fill,
        _ledger_entry(fill),
        _rejection(),
        modify,
        cancel,
        _request_rejection(cancel),
        trigger,
        _books(trigger),
        _dividend(),
    )


def example_text(event: ValidatedEvent) -> str:
    """Write an event as an example file has it."""
    return json.dumps(json.loads(codec.encode(event)), indent=2) + "\n"


def example_path(event: ValidatedEvent) -> Path:
    """Name the file of an event's example."""
    return DIRECTORY / f"{codec.contract_name(type(event))}.example.json"


def _effect(
    service: str, cause: ValidatedEvent | None, occurred_at: datetime | None = None
) -> dict[str, Any]:
    origin = Origin(_RUN, service)
    if cause is None:
        assert occurred_at is not None
        return {"envelope": origin.effect_of_id(None, None, occurred_at)}
    return {"envelope": origin.effect_of(cause, occurred_at or cause.occurred_at)}


def _bar(day: int, *numbers: float) -> PriceBarEvent:
    opened_at_us = to_epoch_us(datetime(2012, 8, day, 13, 30, tzinfo=UTC))
    closed_at_us = to_epoch_us(datetime(2012, 8, day, 20, tzinfo=UTC))
    return PriceBarEvent("AAPL", "1d", opened_at_us, closed_at_us, *numbers, signal_factor=4.0, run_id=_RUN)


def _signal(bar: PriceBarEvent) -> SignalEvent:
    return SignalEvent(
        **_effect("strategy_service", bar),
        **_CHAIN,
        intention=SignalIntention.OPEN_LONG,
        price=Decimal("620.914"),
        confidence=Decimal("0.75"),
        quantity=Decimal(100),
        reason="SMA 10 crossed above SMA 50",
    )


def _decision(signal: SignalEvent) -> RiskDecisionEvent:
    value = Decimal("62091.4")
    inputs = (SizingInput("quantity", Decimal(100)), SizingInput("quantity_step", Decimal(1)))
    return RiskDecisionEvent(
        **_effect("risk_service", signal),
        **_CHAIN,
        decision_id=f"{_SIGNAL_ID}/open?",
        purpose=OrderPurpose.OPEN,
        side=Side.BUY,
        verdict=Verdict.APPROVED,
        requested_quantity=Decimal(100),
        approved_quantity=Decimal(100),
        reference_price=Decimal("620.914"),
        equity=Decimal(100_000),
        policy="default",
        sizing=Sizing("fixed_quantity", "quantity, down to quantity_step", inputs),
        checks=(
            RiskCheck("short_sale", CheckVerdict.NOT_APPLICABLE, detail="the order opens a long position"),
            _check("position_percent", value, Decimal(90_000), "value after the order, 90 % of equity"),
            _check(
                "gross_leverage", value, Decimal(100_000), "gross exposure after the order, 1 times equity"
            ),
        ),
    )


def _check(name: str, value: Decimal, limit: Decimal, detail: str) -> RiskCheck:
    return RiskCheck(name, CheckVerdict.PASS, value, limit, limit - value, detail)


def _order(signal: SignalEvent) -> OrderEvent:
    return OrderEvent(
        **_effect("manager_service", signal),
        **_CHAIN,
        order_id=_ORDER_ID,
        side=Side.BUY,
        quantity=Decimal(100),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose.OPEN,
        decision_id=f"{_SIGNAL_ID}/open?",
    )


def _update(order: OrderEvent) -> OrderUpdateEvent:
    return OrderUpdateEvent(
        **_effect("execution_service", order),
        order_id=_ORDER_ID,
        strategy_id="sma",
        symbol="AAPL",
        status=OrderStatus.ACCEPTED,
        reason="accepted",
        message="buy market 100 AAPL: rests until filled or canceled",
        quantity=Decimal(100),
        filled_quantity=_NONE,
        leaves_quantity=Decimal(100),
    )


def _fill(order: OrderEvent) -> FillEvent:
    return FillEvent(
        **_effect("execution_service", order, _CLOSE),
        **_CHAIN,
        fill_id=_FILL_ID,
        order_id=_ORDER_ID,
        side=Side.BUY,
        purpose=OrderPurpose.OPEN,
        quantity=Decimal(100),
        price=Decimal("619.46"),
        reference_price=Decimal("619.39"),
        commission=Decimal("61.946"),
        slippage=Decimal(7),
        currency="USD",
        executed_at=datetime(2012, 8, 8, 13, 30, tzinfo=UTC),
        basis=FillBasis.OPEN,
    )


def _ledger_entry(fill: FillEvent) -> LedgerEntryEvent:
    return LedgerEntryEvent(
        **_effect("portfolio_service", fill),
        entry_id=f"{_FILL_ID}/fill/sma",
        kind=LedgerKind.FILL,
        description="bought 100 AAPL at 619.46",
        postings=(
            Posting("assets:securities", "USD", Decimal(61_946), "AAPL", Decimal(100), _FILL_ID),
            Posting("expenses:commission", "USD", Decimal("61.946")),
            Posting("assets:cash", "USD", Decimal("-62007.946")),
        ),
        strategy_id="sma",
        symbol="AAPL",
    )


def _rejection() -> SignalRejectedEvent:
    bar = _bar(8, 619.39, 623.88, 617.1, 619.86, 8_739_500.0)
    again = SignalEvent(
        **_effect("strategy_service", bar),
        signal_id="sma:AAPL:20120808T200000Z:0",
        strategy_id="sma",
        symbol="AAPL",
        intention=SignalIntention.OPEN_LONG,
        price=Decimal("619.86"),
    )
    return SignalRejectedEvent(
        **_effect("manager_service", again),
        signal_id=again.signal_id,
        strategy_id="sma",
        symbol="AAPL",
        purpose=OrderPurpose.OPEN,
        reason="already_open",
        message="sma already holds 100 AAPL, and its policy does not scale in",
    )


def _requests() -> tuple[OrderModifyEvent, OrderCancelEvent]:
    """Ask twice for what comes too late: the order has filled at the open."""
    bar = _bar(8, 619.39, 623.88, 617.1, 619.86, 8_739_500.0)
    request: dict[str, Any] = {"order_id": _ORDER_ID, "strategy_id": "sma"}
    modify = OrderModifyEvent(
        **_effect("strategy_service", bar),
        **request,
        request_id=f"{_ORDER_ID}/modify:20120808T200000Z:0",
        quantity=Decimal(50),
        reason="half of it is enough",
    )
    cancel = OrderCancelEvent(
        **_effect("strategy_service", bar),
        **request,
        request_id=f"{_ORDER_ID}/cancel:20120808T200000Z:1",
    )
    return modify, cancel


def _request_rejection(request: OrderCancelEvent) -> OrderRequestRejectedEvent:
    return OrderRequestRejectedEvent(
        **_effect("execution_service", request),
        request_id=request.request_id,
        order_id=request.order_id,
        strategy_id="sma",
        reason="order_done",
        message=f"order {_ORDER_ID} is filled already",
    )


def _books(trigger: ValuationTriggerEvent) -> ConsolidatedPortfolioEvent:
    cash, value, cost = Decimal("37992.054"), Decimal(61_986), Decimal(61_946)
    gain = value - cost
    return ConsolidatedPortfolioEvent(
        **_effect("portfolio_service", trigger),
        session=date(2012, 8, 8),
        base_currency="USD",
        equity=cash + value,
        cash=cash,
        cash_balances=(CashBalance("USD", cash),),
        positions=(
            PositionState("AAPL", "sma", Decimal(100), cost, Decimal("619.86"), value, gain, _NONE, "USD"),
        ),
        realized_pnl=_NONE,
        unrealized_pnl=gain,
        dividend_income=_NONE,
        dividends_receivable=_NONE,
        commissions=Decimal("61.946"),
        gross_exposure=value,
        net_exposure=value,
    )


def _dividend() -> CorporateActionEvent:
    return CorporateActionEvent(
        **_effect("data_service", None, datetime(2012, 8, 9, 13, 30, tzinfo=UTC)),
        action_id="AAPL:2012-08-09:cash_dividend",
        symbol="AAPL",
        action_type=ActionType.CASH_DIVIDEND,
        ex_date=date(2012, 8, 9),
        announced_date=date(2012, 7, 24),
        record_date=date(2012, 8, 13),
        pay_date=date(2012, 8, 16),
        amount=Decimal("2.65"),
        currency="USD",
    )


if __name__ == "__main__":
    for each in story():
        example_path(each).parent.mkdir(parents=True, exist_ok=True)
        example_path(each).write_text(example_text(each), encoding="utf-8")
