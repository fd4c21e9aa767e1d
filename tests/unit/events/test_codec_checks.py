"""Compiled checks: what they let through, the contract accepts; what the engine makes, they let through."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation, localcontext
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checked_events import accepts, as_the_engine_makes_it, compiled, example, replaced
from tests.strategies_events import PRICES, events_of

from qtrader.clock import to_epoch_us
from qtrader.contracts import registry
from qtrader.errors import ContractError
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import EVENT_CLASSES, FieldMapping, Kind, fields_of
from qtrader.events.events import (
    CashBalance,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    RiskCheck,
    RiskDecisionEvent,
    SignalEvent,
    ValuationTriggerEvent,
)
from qtrader.events.vocabulary import ActionType, CheckVerdict, OrderStatus, OrderType, Verdict

each_class = pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)


class Text(str):
    __slots__ = ()


class Number(Decimal):
    __slots__ = ()


class Instant(datetime):
    pass


class OtherSide(StrEnum):
    BUY = "buy"


#: Values that are wrong for most fields, and a few that are right for some.
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2.5, 0.0, -0.0, 5e-324, math.nan, math.inf, -math.inf, 10**400),
    *("", " ", "x", "buy", "market", "USD", "usd", "USD\n", "ÖMV", "\ud800", "A\udfffB", "\0", "0", "1d"),
    *(b"x", Text("x"), Text(""), Number("1"), Number("NaN"), np.float64(1.5), np.str_("x"), OtherSide.BUY),
    *(Decimal(text) for text in ("0", "-0", "0E-999999", "0E+999999", "1", "-1", "1.0", "1E+3", "1.50")),
    *(Decimal(text) for text in ("NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "1E-7", "1.0000001")),
    *(Decimal(text) for text in ("1E+100", "1E+101", "1E-100", "1E-101", "-1E+101", "-1E-101", "9" * 400)),
    datetime(2012, 8, 7),  # noqa: DTZ001 - naive on purpose
    datetime(2012, 8, 7, tzinfo=timezone(timedelta(hours=2))),
    datetime(1000, 1, 1, tzinfo=UTC),
    datetime(999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999990, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    Instant(2012, 8, 7, tzinfo=UTC),
    *(date(2012, 8, 7), date(1000, 1, 1), date(999, 12, 31), date(1, 1, 1), date(9999, 12, 31)),
    to_epoch_us(datetime(1000, 1, 1, tzinfo=UTC)) - 1,
    to_epoch_us(datetime.max.replace(tzinfo=UTC)) + 1,
    *((), [], (None,), {}, (CashBalance("USD", Decimal(1)),), CashBalance("USD", Decimal(1)), object()),
    *Verdict,
    *OrderType,
    *OrderStatus,
    *ActionType,
]


def odd_value_for(field: FieldMapping) -> st.SearchStrategy[Any]:
    values = st.sampled_from(ODD_VALUES)
    if field.choice is not None:
        return values | st.sampled_from(field.choice) | st.sampled_from([each.value for each in field.choice])
    if field.kind in (Kind.FLOAT, Kind.FLOAT_OR_UNKNOWN):
        return values | st.floats()
    return values | st.decimals() if field.kind is Kind.DECIMAL else values


def mutated(data: st.DataObject, record: Any) -> Any:
    """Change one field of a record, or of a record within it."""
    cls: type[msgspec.Struct] = type(record)
    field = data.draw(st.sampled_from(fields_of(cls)))
    value = getattr(record, field.attribute)
    goes_deeper = field.record is not None and value != () and data.draw(st.booleans())
    if not goes_deeper:
        return replaced(record, **{field.attribute: data.draw(odd_value_for(field))})
    if not isinstance(value, tuple):
        return replaced(record, **{field.attribute: mutated(data, value)})
    place = data.draw(st.integers(0, len(value) - 1))
    is_no_record = data.draw(st.integers(0, 9)) == 0
    item = data.draw(st.sampled_from(ODD_VALUES)) if is_no_record else mutated(data, value[place])
    return replaced(record, **{field.attribute: (*value[:place], item, *value[place + 1 :])})


@each_class
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_valid_event_as_the_engine_makes_it_is_surely_valid(
    cls: type[ValidatedEvent], data: st.DataObject
) -> None:
    event = as_the_engine_makes_it(data.draw(events_of(cls)))
    assert accepts(registry.validator(codec.contract_name(cls)), event)
    assert compiled(cls)(event) is True


@each_class
def test_every_example_is_surely_valid(cls: type[ValidatedEvent]) -> None:
    assert compiled(cls)(example(cls)) is True


@each_class
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_a_check_lets_through_the_contract_accepts(
    cls: type[ValidatedEvent], data: st.DataObject
) -> None:
    event = as_the_engine_makes_it(data.draw(events_of(cls)))
    for _ in range(data.draw(st.integers(1, 2))):
        # A mutation may have put something that is no record where the next one looks for one.
        try:
            event = mutated(data, event)
        except (TypeError, AttributeError):
            break
    if compiled(cls)(event):
        assert accepts(registry.validator(codec.contract_name(cls)), event)


@each_class
def test_every_odd_value_in_every_field_is_judged_no_laxer_than_by_the_contract(
    cls: type[ValidatedEvent],
) -> None:
    check, validator = compiled(cls), registry.validator(codec.contract_name(cls))
    event = example(cls)
    for field in fields_of(cls):
        for value in ODD_VALUES:
            odd = replaced(event, **{field.attribute: value})
            if check(odd):
                assert accepts(validator, odd), (field.attribute, value)


@pytest.mark.parametrize("trap", [True, False])
def test_nan_is_refused_whatever_the_decimal_context(trap: bool) -> None:
    fill = example(FillEvent)
    with localcontext() as context:
        context.traps[InvalidOperation] = trap
        for text in ("NaN", "sNaN", "-NaN"):
            for name in ("price", "commission"):
                odd = replaced(fill, **{name: Decimal(text)})
                assert compiled(FillEvent)(odd) is False
                with pytest.raises(ContractError, match=rf"field payload\.{name}"):
                    codec.validate_body(odd)


LIMIT = {"order_type": OrderType.LIMIT, "limit_price": Decimal(10), "stop_price": None}
BROKEN_RULES: list[tuple[type[Any], dict[str, Any]]] = [
    (OrderEvent, LIMIT | {"order_type": OrderType.MARKET}),
    (OrderEvent, LIMIT | {"limit_price": None}),
    (OrderEvent, LIMIT | {"stop_price": Decimal(9)}),
    (OrderEvent, LIMIT | {"order_type": OrderType.STOP}),
    (OrderEvent, LIMIT | {"order_type": OrderType.STOP_LIMIT}),
    (SignalEvent, {"quantity": Decimal(1), "fraction": Decimal("0.5")}),
    (SignalEvent, {"confidence": Decimal("1.01")}),
    (SignalEvent, {"quantity": None, "fraction": Decimal(0)}),
    (OrderUpdateEvent, {"status": OrderStatus.CANCELED, "reason": ""}),
    (OrderUpdateEvent, {"status": OrderStatus.FILLED, "leaves_quantity": Decimal(1)}),
    (OrderUpdateEvent, {"status": OrderStatus.FILLED, "average_price": None}),
    (RiskDecisionEvent, {"verdict": Verdict.APPROVED, "approved_quantity": Decimal("0.00")}),
    (RiskDecisionEvent, {"verdict": Verdict.REJECTED, "approved_quantity": Decimal(1)}),
    (RiskDecisionEvent, {"verdict": Verdict.REJECTED, "approved_quantity": Decimal(0), "reason": None}),
    (CorporateActionEvent, {"action_type": ActionType.SPLIT, "ratio": None}),
    (CorporateActionEvent, {"amount": Decimal(1), "currency": None}),
    (CorporateActionEvent, {"action_type": ActionType.SYMBOL_CHANGE, "new_symbol": None}),
    (LedgerEntryEvent, {"postings": ()}),
    (FillEvent, {"side": "buy"}),
    (FillEvent, {"currency": "usd"}),
    (ValuationTriggerEvent, {"calendar": "\ud800"}),
]


@pytest.mark.parametrize(("cls", "values"), BROKEN_RULES)
def test_a_broken_rule_is_not_let_through(cls: type[Any], values: dict[str, Any]) -> None:
    assert compiled(cls)(replaced(example(cls), **values)) is False


@pytest.mark.parametrize("order_type", PRICES)
def test_an_order_has_the_prices_of_its_type_and_no_other(order_type: OrderType) -> None:
    for limit in (None, Decimal(10)):
        for stop in (None, Decimal(9)):
            order = replaced(example(OrderEvent), order_type=order_type, limit_price=limit, stop_price=stop)
            assert compiled(OrderEvent)(order) is (
                (limit is not None, stop is not None) == PRICES[order_type]
            )


TRAIL_FIELDS = (
    "trail_amount",
    "trail_percent",
    "trail_atr_multiple",
    "trail_atr_period",
    "trail_limit_offset",
)


@pytest.mark.parametrize("order_type", OrderType)
def test_an_order_trails_in_exactly_one_way_if_it_trails_at_all(order_type: OrderType) -> None:
    allowed = {
        OrderType.TRAILING_STOP: ("amount", "percent", "atr_multiple atr_period"),
        OrderType.TRAILING_STOP_LIMIT: (
            "amount limit_offset",
            "percent limit_offset",
            "atr_multiple atr_period limit_offset",
        ),
    }.get(order_type, ("",))
    has_limit, has_stop = PRICES.get(order_type, (False, False))
    for has_each in itertools.product([False, True], repeat=len(TRAIL_FIELDS)):
        values = [
            None if not has else 14 if name == "trail_atr_period" else Decimal(2)
            for name, has in zip(TRAIL_FIELDS, has_each, strict=True)
        ]
        order = replaced(
            example(OrderEvent),
            order_type=order_type,
            limit_price=Decimal(10) if has_limit else None,
            stop_price=Decimal(9) if has_stop else None,
            **dict(zip(TRAIL_FIELDS, values, strict=True)),
        )
        names = " ".join(
            name.removeprefix("trail_") for name, has in zip(TRAIL_FIELDS, has_each, strict=True) if has
        )
        assert compiled(OrderEvent)(order) is (names in allowed), names


def test_a_period_is_a_whole_number_of_bars() -> None:
    trailing = {"order_type": OrderType.TRAILING_STOP, "trail_atr_multiple": Decimal(3)}
    for period in (0, -1, 14.0, True, "14", Decimal(14)):
        order = replaced(example(OrderEvent), **trailing, trail_atr_period=period)
        assert compiled(OrderEvent)(order) is False
        with pytest.raises(ContractError, match=r"field payload\.trail_atr_period"):
            codec.validate_body(order)
    order = replaced(example(OrderEvent), **trailing, trail_atr_period=14)
    document = codec.document(order)
    assert document["payload"]["trail_atr_period"] == 14
    document["payload"]["trail_atr_period"] = 14.0
    assert codec.encode(codec.decode(document)) == codec.encode(order)


def test_what_a_check_leaves_open_is_still_validated_and_may_be_valid() -> None:
    abroad = timezone(timedelta(hours=2))
    fill = replaced(example(FillEvent), executed_at=datetime(2012, 8, 7, 15, 30, tzinfo=abroad))
    assert compiled(FillEvent)(fill) is False
    codec.validate_body(fill)


def test_a_bar_of_the_last_microsecond_and_of_unknown_volume_is_surely_valid() -> None:
    last_us = to_epoch_us(datetime.max.replace(tzinfo=UTC))
    bar = replaced(example(PriceBarEvent), closed_at_us=last_us, volume=math.nan, low=5e-324)
    assert accepts(registry.validator("data/bar.v1"), bar)
    assert compiled(PriceBarEvent)(bar) is True


def test_a_record_that_recurs_vouches_for_itself_alone() -> None:
    # Found valid once it is remembered, as are others, more than are kept at a time.
    decision, is_surely_valid = example(RiskDecisionEvent), compiled(RiskDecisionEvent)
    good, bad = (RiskCheck(name, CheckVerdict.NOT_APPLICABLE, detail="no limit") for name in ("cash", ""))
    for number in range(600):
        other = RiskCheck(f"check_{number}", CheckVerdict.NOT_APPLICABLE, detail="no limit")
        assert is_surely_valid(replaced(decision, checks=(good, other, good))) is True
    for checks in ((bad,), (good, bad), (bad, good), (good, "cash"), (good, None)):
        assert is_surely_valid(replaced(decision, checks=checks)) is False
    assert is_surely_valid(replaced(decision, sizing=good)) is False
