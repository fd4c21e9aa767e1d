"""Hypothesis strategies for valid events of every class.

Values are wilder than any run makes them, as far as contracts allow: exponents, trailing zeros and negative
zeros in Decimals, microseconds in instants, zones other than UTC, any text. `events_of(cls)` gives one class,
`events()` all of them.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st

from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import EVENT_CLASSES
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
    Target,
    ValuationTriggerEvent,
)
from qtrader.events.identity import Envelope, uuid8
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

_Event = TypeVar("_Event", bound=ValidatedEvent)

_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=9, minutes=30))])
_FIRST_US = -2_208_988_800_000_000  # 1900
_LAST_US = 4_102_444_800_000_000  # 2100

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
symbols = st.sampled_from(["AAPL", "MSFT", "BRK.B", "EUR/USD", "7203.T", "ÖMV"])
currencies = st.sampled_from(["USD", "EUR", "JPY", "USDT"])
intervals = st.sampled_from(["1s", "1m", "5m", "1h", "1d", "1w", "1mo"])
dates = st.dates(date(1900, 1, 1), date(2100, 1, 1))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=_ZONES)  # noqa: DTZ001 - bounds are naive

#: Any finite Decimal that a calculation could leave behind, including -0, 1E+3 and 1.500.
decimals = st.one_of(
    st.sampled_from(
        [Decimal(text) for text in ("0", "-0", "0.00", "-0.0", "1E+3", "1E-7", "-1.500", "0E+5")]
    ),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**18), 10**18),
        st.integers(-12, 6),
    ),
)
positive_decimals = decimals.map(abs).filter(bool)
non_negative_decimals = decimals.map(abs)
fractions = st.integers(0, 10_000).map(lambda parts: Decimal(parts) / 10_000)
positive_fractions = st.integers(1, 10_000).map(lambda parts: Decimal(parts) / 10_000)
prices = st.floats(min_value=5e-324, max_value=1e300, allow_nan=False, allow_infinity=False)


def events_of(cls: type[_Event]) -> st.SearchStrategy[_Event]:
    """Give valid events of one class."""
    return _STRATEGIES[cls]


def events() -> st.SearchStrategy[ValidatedEvent]:
    """Give valid events of every class."""
    return st.one_of([_STRATEGIES[cls] for cls in EVENT_CLASSES])


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _decision(cls: type[Any], **payload: Any) -> st.SearchStrategy[Any]:
    return st.builds(
        cls,
        envelope=st.builds(
            Envelope.known,
            event_id=texts.map(uuid8),
            run_id=texts,
            occurred_at=instants,
            source_service=texts,
            correlation_id=_optional(texts),
            causation_id=_optional(texts),
        ),
        **payload,
    )


def _priced(cls: type[Any], **payload: Any) -> st.SearchStrategy[Any]:
    """Give each order type the prices that it has, and a good-till-date order its end."""
    absent = st.none()

    def of_type(order_type: OrderType, time_in_force: TimeInForce) -> st.SearchStrategy[Any]:
        has_limit, has_stop = PRICES[order_type]
        return _decision(
            cls,
            order_type=st.just(order_type),
            limit_price=positive_decimals if has_limit else absent,
            stop_price=positive_decimals if has_stop else absent,
            time_in_force=st.just(time_in_force),
            expires_at=instants if time_in_force is TimeInForce.GTD else absent,
            **payload,
        )

    def trailing(order_type: OrderType, how: str) -> st.SearchStrategy[Any]:
        trail: dict[str, Any] = {f"trail_{how}": positive_decimals}
        if how == "atr_multiple":
            trail["trail_atr_period"] = st.integers(1, 1_000)
        if order_type is OrderType.TRAILING_STOP_LIMIT:
            trail["trail_limit_offset"] = non_negative_decimals
        return _decision(
            cls,
            order_type=st.just(order_type),
            stop_price=_optional(positive_decimals),
            time_in_force=st.just(TimeInForce.GTC),
            **trail,
            **payload,
        )

    plain = st.builds(of_type, st.sampled_from(sorted(PRICES)), st.sampled_from(TimeInForce))
    trails = st.builds(
        trailing,
        st.sampled_from([OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT]),
        st.sampled_from(["amount", "percent", "atr_multiple"]),
    )
    return (plain | trails).flatmap(lambda events: events)


#: Whether an order of each type that does not trail has a limit price, and whether it has a stop price.
PRICES: dict[OrderType, tuple[bool, bool]] = {
    OrderType.MARKET: (False, False),
    OrderType.LIMIT: (True, False),
    OrderType.STOP: (False, True),
    OrderType.STOP_LIMIT: (True, True),
    OrderType.MARKET_ON_OPEN: (False, False),
    OrderType.LIMIT_ON_OPEN: (True, False),
    OrderType.MARKET_ON_CLOSE: (False, False),
    OrderType.LIMIT_ON_CLOSE: (True, False),
    OrderType.MARKET_IF_TOUCHED: (False, True),
    OrderType.LIMIT_IF_TOUCHED: (True, True),
}


#: What a modification may change; it changes one of them at least.
TERMS = ("quantity", "limit_price", "stop_price")


def _bar(
    opened_at_us: int, length_us: int, numbers: list[float], volume: float, rest: tuple[str, str, float, str]
) -> PriceBarEvent:
    low, first, last, high = sorted(numbers)
    symbol, interval, factor, run_id = rest
    closed_at_us = opened_at_us + length_us
    return PriceBarEvent(
        symbol, interval, opened_at_us, closed_at_us, first, high, low, last, volume, factor, run_id
    )


bars = st.builds(
    _bar,
    st.integers(_FIRST_US, _LAST_US),
    st.integers(1, 7 * 86_400_000_000),
    st.lists(prices, min_size=4, max_size=4),
    st.just(math.nan) | st.floats(0, 1e18),
    st.tuples(symbols, intervals, st.floats(1e-4, 1e4), texts),
)


def _action(action_type: ActionType) -> st.SearchStrategy[CorporateActionEvent]:
    has_ratio = action_type in {ActionType.SPLIT, ActionType.STOCK_DIVIDEND, ActionType.SPIN_OFF}
    has_amount = action_type is ActionType.CASH_DIVIDEND
    has_symbol = action_type in {ActionType.SYMBOL_CHANGE, ActionType.SPIN_OFF}
    return _decision(
        CorporateActionEvent,
        action_id=texts,
        symbol=symbols,
        action_type=st.just(action_type),
        ex_date=dates,
        announced_date=_optional(dates),
        record_date=_optional(dates),
        pay_date=_optional(dates),
        ratio=positive_decimals if has_ratio else _optional(positive_decimals),
        amount=non_negative_decimals if has_amount else st.none(),
        currency=currencies if has_amount else _optional(currencies),
        is_special=st.booleans(),
        new_symbol=symbols if has_symbol else _optional(symbols),
        cost_fraction=_optional(fractions),
    )


def _risk_decision(verdict: Verdict) -> st.SearchStrategy[RiskDecisionEvent]:
    is_rejected = verdict is Verdict.REJECTED
    checks = st.builds(
        RiskCheck,
        texts,
        st.sampled_from(CheckVerdict),
        _optional(decimals),
        _optional(decimals),
        _optional(decimals),
        _optional(texts),
    )
    return _decision(
        RiskDecisionEvent,
        decision_id=texts,
        signal_id=texts,
        strategy_id=texts,
        symbol=symbols,
        purpose=st.sampled_from(OrderPurpose),
        side=st.sampled_from(Side),
        verdict=st.just(verdict),
        requested_quantity=non_negative_decimals,
        approved_quantity=st.just(Decimal("0.00")) if is_rejected else positive_decimals,
        reference_price=positive_decimals,
        equity=decimals,
        policy=texts,
        sizing=st.builds(Sizing, texts, texts, _tuples(st.builds(SizingInput, texts, decimals))),
        checks=_tuples(checks),
        reason=texts if is_rejected else _optional(texts),
        message=texts if is_rejected else _optional(texts),
        remedy=_optional(texts),
    )


def _order_update(status: OrderStatus) -> st.SearchStrategy[OrderUpdateEvent]:
    is_filled = status is OrderStatus.FILLED
    says_why = status in {OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
    return _decision(
        OrderUpdateEvent,
        order_id=texts,
        strategy_id=texts,
        symbol=symbols,
        status=st.just(status),
        reason=texts if says_why else st.just("") | texts,
        message=st.just("") | texts,
        quantity=non_negative_decimals,
        filled_quantity=non_negative_decimals,
        leaves_quantity=st.just(Decimal("0E-8")) if is_filled else non_negative_decimals,
        average_price=positive_decimals if is_filled else _optional(positive_decimals),
        limit_price=_optional(positive_decimals),
        stop_price=_optional(positive_decimals),
    )


def _tuples(items: st.SearchStrategy[Any], min_size: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=min_size, max_size=3).map(tuple)


_postings = st.builds(
    Posting, texts, currencies, decimals, _optional(symbols), _optional(decimals), _optional(texts)
)
_positions = st.builds(
    PositionState,
    symbols,
    texts,
    decimals,
    decimals,
    positive_decimals,
    decimals,
    decimals,
    decimals,
    currencies,
)

# The signal's size is a quantity or a fraction, not both: without either here, and one at a time below.
_signal_fields: dict[str, Any] = {
    "signal_id": texts,
    "strategy_id": texts,
    "symbol": symbols,
    "intention": st.sampled_from(SignalIntention),
    "price": positive_decimals,
    "confidence": _optional(fractions),
    "stop_loss": _optional(positive_decimals),
    "take_profit": _optional(positive_decimals),
    "reason": _optional(texts),
    "targets": _tuples(st.builds(Target, positive_decimals, positive_fractions)),
    "oco_group": _optional(texts),
}

_request_fields: dict[str, Any] = {"request_id": texts, "order_id": texts, "strategy_id": texts}

_fill_fields: dict[str, Any] = {
    "fill_id": texts,
    "order_id": texts,
    "signal_id": texts,
    "strategy_id": texts,
    "symbol": symbols,
    "side": st.sampled_from(Side),
    "purpose": st.sampled_from(OrderPurpose),
    "quantity": positive_decimals,
    "price": positive_decimals,
    "reference_price": positive_decimals,
    "commission": decimals,
    "slippage": decimals,
    "currency": currencies,
    "executed_at": instants,
    "basis": st.sampled_from(FillBasis),
}

_STRATEGIES: dict[type[Any], st.SearchStrategy[Any]] = {
    PriceBarEvent: bars,
    CorporateActionEvent: st.sampled_from(ActionType).flatmap(_action),
    ValuationTriggerEvent: _decision(ValuationTriggerEvent, session=dates, calendar=texts),
    SignalEvent: _priced(
        SignalEvent, quantity=_optional(positive_decimals), fraction=st.none(), **_signal_fields
    )
    | _priced(SignalEvent, quantity=st.none(), fraction=positive_fractions, **_signal_fields)
    | _priced(
        SignalEvent,
        **_signal_fields
        | {
            "intention": st.sampled_from((SignalIntention.OPEN_LONG, SignalIntention.OPEN_SHORT)),
            "oco_group": st.none(),
            "after_order_id": texts,
        },
    ),
    OrderCancelEvent: _decision(OrderCancelEvent, **_request_fields, reason=_optional(texts)),
    OrderModifyEvent: st.one_of(
        _decision(
            OrderModifyEvent,
            **_request_fields,
            **{each: positive_decimals if each == name else _optional(positive_decimals) for each in TERMS},
            reason=_optional(texts),
        )
        for name in TERMS
    ),
    OrderRequestRejectedEvent: _decision(
        OrderRequestRejectedEvent, **_request_fields, reason=texts, message=texts
    ),
    RiskDecisionEvent: st.sampled_from(Verdict).flatmap(_risk_decision),
    SignalRejectedEvent: _decision(
        SignalRejectedEvent,
        signal_id=texts,
        strategy_id=texts,
        symbol=symbols,
        purpose=st.sampled_from(OrderPurpose),
        reason=texts,
        message=texts,
        decision_id=_optional(texts),
    ),
    OrderEvent: _priced(
        OrderEvent,
        order_id=texts,
        signal_id=texts,
        strategy_id=texts,
        symbol=symbols,
        side=st.sampled_from(Side),
        quantity=positive_decimals,
        purpose=st.sampled_from(OrderPurpose),
        decision_id=_optional(texts),
        parent_order_id=_optional(texts),
        oco_group=_optional(texts),
    ),
    OrderUpdateEvent: st.sampled_from(OrderStatus).flatmap(_order_update),
    FillEvent: _decision(
        FillEvent,
        **_fill_fields,
        is_ambiguous=st.just(False),
    )
    | _decision(
        FillEvent,
        **_fill_fields,
        is_ambiguous=st.just(True),
        worst_price=_optional(positive_decimals),
        best_price=_optional(positive_decimals),
        worst_exit_price=_optional(positive_decimals),
        best_exit_price=_optional(positive_decimals),
    ),
    LedgerEntryEvent: _decision(
        LedgerEntryEvent,
        entry_id=texts,
        kind=st.sampled_from(LedgerKind),
        description=texts,
        postings=_tuples(_postings, min_size=1),
        strategy_id=_optional(texts),
        symbol=_optional(symbols),
    ),
    ConsolidatedPortfolioEvent: _decision(
        ConsolidatedPortfolioEvent,
        session=dates,
        base_currency=currencies,
        equity=decimals,
        cash=decimals,
        cash_balances=_tuples(st.builds(CashBalance, currencies, decimals)),
        positions=_tuples(_positions),
        realized_pnl=decimals,
        unrealized_pnl=decimals,
        dividend_income=decimals,
        dividends_receivable=decimals,
        commissions=decimals,
        gross_exposure=non_negative_decimals,
        net_exposure=decimals,
    ),
}
