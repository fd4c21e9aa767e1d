"""What orders owe, by hand to the cent, and that it never depends on how many fills an order took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from qtrader.clock import to_epoch_us
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import Side
from qtrader.money import MONEY_CONTEXT, ZERO, money_context, quantize
from qtrader.services.execution.commission_presets import (
    PRESETS,
    alpaca,
    crypto_generic,
    interactive_brokers_fixed,
    interactive_brokers_tiered,
)
from qtrader.services.execution.commission_settings import (
    CommissionSettings,
    CustomCommission,
    NoCommission,
    TieredCommission,
)
from qtrader.services.execution.commissions import MonthVolumes, commission_of, compile_commission
from qtrader.services.execution.cost_models import CostModelError, Traded

SCHEDULES: TypeAdapter[CommissionSettings] = TypeAdapter(CommissionSettings)
IN_2024 = datetime(2024, 7, 1, 13, 30, tzinfo=UTC)


def schedule(**written: object) -> CommissionSettings:
    return SCHEDULES.validate_python(written)


def traded(
    quantity: str,
    price: str,
    side: Side = Side.BUY,
    *,
    month_quantity: str = "0",
    month_value: str = "0",
    maker_value: str = "0",
    first_executed_at: datetime = IN_2024,
) -> Traded:
    return Traded(
        symbol="X",
        side=side,
        quantity=Decimal(quantity),
        value=Decimal(quantity) * Decimal(price),
        maker_value=Decimal(maker_value),
        month_quantity=Decimal(month_quantity),
        month_value=Decimal(month_value),
        first_executed_at=first_executed_at,
    )


# Schedule, quantity, price, what the order owes.
SIMPLE = [
    ({"type": "none"}, "100", "101.23", "0"),
    ({"type": "percent", "percent": "0.1"}, "100", "100", "10"),
    ({"type": "percent", "percent": "0.1"}, "100", "101.23", "10.123"),
    ({"type": "percent", "percent": "0.05", "minimum": 3, "maximum": 29}, "10", "100", "3"),
    ({"type": "percent", "percent": "0.05", "minimum": 3, "maximum": 29}, "100", "100", "5"),
    ({"type": "percent", "percent": "0.05", "minimum": 3, "maximum": 29}, "1000", "100", "29"),
    ({"type": "per_share", "amount": "0.005"}, "100", "50", "0.5"),
    ({"type": "per_share", "amount": "0.005", "minimum": 1}, "100", "50", "1"),
    ({"type": "per_share", "amount": "0.005", "minimum": 1}, "200", "50", "1"),
    ({"type": "per_share", "amount": "0.005", "minimum": 1}, "201", "50", "1.005"),
    ({"type": "per_order", "amount": "4.95"}, "1", "1", "4.95"),
    ({"type": "per_order", "amount": "4.95"}, "100000", "100", "4.95"),
]
# The first three are the examples on Interactive Brokers' own page.
FIXED = [("100", "25", "1.00"), ("1000", "25", "5.00"), ("1000", "0.25", "2.50"), ("10", "0.20", "0.02")]


@pytest.mark.parametrize(("written", "quantity", "price", "owed"), SIMPLE)
def test_schedules_that_need_only_quantity_and_value(
    written: dict[str, object], quantity: str, price: str, owed: str
) -> None:
    assert commission_of(schedule(**written), traded(quantity, price)) == Decimal(owed)


@pytest.mark.parametrize(("quantity", "price", "owed"), FIXED)
def test_interactive_brokers_fixed_as_on_its_page(quantity: str, price: str, owed: str) -> None:
    assert commission_of(interactive_brokers_fixed(), traded(quantity, price)) == Decimal(owed)


def test_interactive_brokers_fixed_sale_with_its_fees() -> None:
    """1,000 at 25.00 on 2024-07-01: 5.00, SEC 25,000 x 27.80 / 1,000,000 = 0.695, TAF 0.166."""
    owed = commission_of(interactive_brokers_fixed(), traded("1000", "25", Side.SELL))
    assert owed == Decimal("5.00") + Decimal("0.695") + Decimal("0.166")


# Shares traded before in the month, quantity, price, commission by hand; clearing and pass-through apart.
TIERED = [
    ("0", "100", "25", "0.35"),  # 0.35 by rate and by minimum
    ("0", "10", "25", "0.35"),
    ("0", "10", "0.20", "0.02"),  # 1 % of 2.00 wins over the minimum
    ("0", "1000", "25", "3.50"),
    ("0", "300000", "25", "1050"),
    ("0", "300001", "25", "1050.002"),
    ("299900", "200", "25", "0.55"),  # 100 x 0.0035 + 100 x 0.0020
    ("300000", "200", "25", "0.40"),
    ("2999900", "200", "25", "0.35"),  # 100 x 0.0020 + 100 x 0.0015 is 0.35
    ("0", "3000000", "25", "6450"),  # 1,050 + 2,700,000 x 0.0020
    ("0", "200000000", "25", "161950"),  # 1,050 + 5,400 + 25,500 + 80,000 + 50,000
    ("100000000", "1000", "25", "0.5"),
]


@pytest.mark.parametrize(("month", "quantity", "price", "owed"), TIERED)
def test_interactive_brokers_tiered_by_month(month: str, quantity: str, price: str, owed: str) -> None:
    commission = Decimal(owed)
    extras = commission * Decimal("0.000738") + Decimal(quantity) * Decimal("0.0002")
    found = commission_of(interactive_brokers_tiered(), traded(quantity, price, month_quantity=month))
    assert found == commission + extras


BY_VALUE = {
    "type": "tiered",
    "volume": "value",
    "charge": "percent",
    "tiers": [{"above": 0, "rate": "0.2"}, {"above": 10_000, "rate": "0.1"}],
}


@pytest.mark.parametrize(
    ("changes", "month_value", "owed"),
    [
        ({}, "0", "20"),  # 10,000 at 0.2 %
        ({}, "5000", "15"),  # 5,000 at 0.2 % and 5,000 at 0.1 %
        ({}, "10000", "10"),
        ({"marginal": False}, "0", "20"),
        ({"marginal": False}, "9999.99", "20"),
        ({"marginal": False}, "10000", "10"),
        # By value, but charged by unit: half of the 100 units at 0.2, half at 0.1.
        ({"charge": "per_share"}, "5000", "15"),
    ],
)
def test_tiers_by_value(changes: dict[str, object], month_value: str, owed: str) -> None:
    settings = schedule(**{**BY_VALUE, **changes})
    assert commission_of(settings, traded("100", "100", month_value=month_value)) == Decimal(owed)


def test_who_makes_pays_less_and_may_be_paid() -> None:
    """8,000 of 10,000 made: 8,000 x -0.01 % + 2,000 x 0.05 % = -0.80 + 1.00."""
    settings = schedule(type="maker_taker", maker_percent="-0.01", taker_percent="0.05")
    assert commission_of(settings, traded("100", "100", maker_value="8000")) == Decimal("0.2")
    assert commission_of(settings, traded("100", "100", maker_value="10000")) == Decimal(-1)
    assert commission_of(crypto_generic(), traded("100", "100", maker_value="8000")) == Decimal(10)


def test_alpaca_charges_only_fees_and_only_on_sales() -> None:
    """100 at 150.00: SEC 0.417 up to 0.42, TAF 0.0166 up to 0.02."""
    assert commission_of(alpaca(), traded("100", "150")) == 0
    assert commission_of(alpaca(), traded("100", "150", Side.SELL)) == Decimal("0.44")


def test_an_order_that_has_traded_nothing_owes_nothing() -> None:
    for preset in PRESETS.values():
        settings = SCHEDULES.validate_python(preset())
        assert commission_of(settings, traded("0", "1", Side.SELL)) == 0


@dataclass
class Order:
    """An order at work as charging sees it."""

    order: OrderEvent
    quantity: Decimal
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    commission: Decimal = ZERO


@dataclass
class Named:
    """What charging reads of an order's event."""

    order_id: str
    side: Side
    symbol: str = "X"


class Desk:
    """Charge fills one after another, as execution does."""

    def __init__(self, settings: CommissionSettings, scale: int = 8, model: object = None) -> None:
        self._charge = compile_commission(settings, scale, model)  # type: ignore[arg-type]
        self._count = 0

    def begin(self, quantity: Decimal, side: Side = Side.BUY) -> Order:
        self._count += 1
        return Order(Named(f"order-{self._count}", side), quantity)  # type: ignore[arg-type]

    def fill(
        self, order: Order, quantity: Decimal, price: Decimal, at: datetime = IN_2024, maker: bool = False
    ) -> Decimal:
        charged = self._charge(order, quantity, quantity * price, maker, to_epoch_us(at))
        order.filled_quantity += quantity
        order.filled_value += quantity * price
        order.commission += charged
        return charged

    def trade(self, parts: Sequence[tuple[int, str]], side: Side = Side.BUY) -> Decimal:
        order = self.begin(Decimal(sum(quantity for quantity, _ in parts)), side)
        for quantity, price in parts:
            self.fill(order, Decimal(quantity), Decimal(price))
        return order.commission


ALL = [
    schedule(type="none"),
    schedule(type="percent", percent="0.1"),
    schedule(type="percent", percent="0.1", minimum=3, maximum=29),
    schedule(type="percent", percent="0.1", us_regulatory_fees="up_to_cent"),
    schedule(type="per_share", amount="0.005", minimum=1, maximum_percent=1),
    schedule(type="per_order", amount="4.95", us_regulatory_fees="exact"),
    schedule(**BY_VALUE),
    schedule(**{**BY_VALUE, "charge": "per_share", "minimum": 2}),
    schedule(**{**BY_VALUE, "marginal": False}),
    schedule(type="maker_taker", maker_percent="-0.01", taker_percent="0.05"),
    *(SCHEDULES.validate_python(preset()) for preset in PRESETS.values()),
]
_parts = st.lists(
    st.tuples(st.integers(1, 400_000), st.sampled_from(["0.05", "12.34", "100", "399.99"])),
    min_size=1,
    max_size=5,
)


@given(parts=_parts, settings=st.sampled_from(ALL), side=st.sampled_from(Side), before=st.integers(0, 10**6))
def test_an_order_in_pieces_owes_what_it_owes_in_one_fill(
    parts: list[tuple[int, str]], settings: CommissionSettings, side: Side, before: int
) -> None:
    """The mean price may have no end; value is what counts, so the one fill is priced at it exactly."""
    with money_context():
        quantity = sum(quantity for quantity, _ in parts)
        value = sum((quantity * Fraction(price) for quantity, price in parts), Fraction(0))
        totals = Traded(
            symbol="X",
            side=side,
            quantity=Decimal(quantity),
            value=MONEY_CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)),
            maker_value=ZERO,
            month_quantity=Decimal(before),
            month_value=Decimal(before) * 10,
            first_executed_at=IN_2024,
        )
        desk = Desk(settings)
        if before:
            desk.trade([(before, "10")])
        assert desk.trade(parts, side) == quantize(commission_of(settings, totals), 8)


@given(
    settings=st.sampled_from([each for each in ALL if getattr(each, "marginal", True)]),
    quantity=st.integers(1, 10**6),
    more=st.integers(0, 10**6),
    side=st.sampled_from(Side),
)
def test_who_trades_more_owes_no_less(
    settings: CommissionSettings, quantity: int, more: int, side: Side
) -> None:
    with money_context():
        less = commission_of(settings, traded(str(quantity), "25", side))
        assert commission_of(settings, traded(str(quantity + more), "25", side)) >= less >= 0


@given(quantity=st.integers(1, 10**7), cents=st.integers(1, 10**5), month=st.integers(0, 10**8))
def test_bounds_hold_for_every_order(quantity: int, cents: int, month: int) -> None:
    settings = interactive_brokers_tiered().model_copy(
        update={"clearing_amount": ZERO, "pass_through_percent": ZERO}
    )
    order = traded(str(quantity), str(Decimal(cents) / 100), month_quantity=str(month))
    with money_context():
        owed = commission_of(settings, order)
        cap = order.value / 100
        assert owed <= cap
        assert owed >= min(Decimal("0.35"), cap)
        assert owed <= max(quantity * Decimal("0.0035"), Decimal("0.35"))


@given(
    thresholds=st.lists(st.integers(1, 10**6), max_size=4, unique=True),
    rates=st.lists(st.integers(0, 100), min_size=5, max_size=5),
    month=st.integers(0, 10**6),
    quantity=st.integers(1, 3_000),
)
def test_marginal_tiers_charge_each_unit_by_its_own_tier(
    thresholds: list[int], rates: list[int], month: int, quantity: int
) -> None:
    """Counted unit by unit: the n-th unit of the month pays the rate of the last tier that it is above."""
    starts = [0, *sorted(thresholds)]
    tiers = [{"above": above, "rate": rate} for above, rate in zip(starts, rates, strict=False)]
    settings = TieredCommission.model_validate({"type": "tiered", "tiers": tiers})
    by_unit = 0
    for number in range(month + 1, month + quantity + 1):
        by_unit += [rate for above, rate in zip(starts, rates, strict=False) if above < number][-1]
    order = traded(str(quantity), "1", month_quantity=str(month))
    assert commission_of(settings, order) == by_unit


def test_orders_of_a_month_climb_the_tiers_and_the_next_month_begins_below() -> None:
    settings = schedule(
        type="tiered", tiers=[{"above": 0, "rate": 2}, {"above": 100, "rate": 1}], volume="quantity"
    )
    desk = Desk(settings)
    january, february = datetime(2024, 1, 31, 15, tzinfo=UTC), datetime(2024, 2, 1, 15, tzinfo=UTC)
    owed = []
    for quantity, at in ((60, january), (60, january), (10, january), (10, february)):
        order = desk.begin(Decimal(quantity))
        owed.append(desk.fill(order, Decimal(quantity), Decimal(1), at))
    assert owed == [120, 40 * 2 + 20, 10, 20]


def test_an_order_keeps_the_month_in_which_it_began() -> None:
    """100 before it in January; its 50 in February count for February, and are priced from where it began."""
    settings = schedule(type="tiered", tiers=[{"above": 0, "rate": 2}, {"above": 100, "rate": 1}])
    desk = Desk(settings)
    january, february = datetime(2024, 1, 31, 15, tzinfo=UTC), datetime(2024, 2, 1, 15, tzinfo=UTC)
    desk.fill(desk.begin(Decimal(100)), Decimal(100), Decimal(1), january)
    order = desk.begin(Decimal(100))
    assert desk.fill(order, Decimal(50), Decimal(1), january) == 50
    assert desk.fill(order, Decimal(50), Decimal(1), february) == 50
    # The 50 of February count there: another 100 begin at 50.
    assert desk.fill(desk.begin(Decimal(100)), Decimal(100), Decimal(1), february) == 50 * 2 + 50


def test_what_made_is_remembered_over_the_fills_of_an_order() -> None:
    desk = Desk(schedule(type="maker_taker", maker_percent="0.1", taker_percent="0.2"))
    order = desk.begin(Decimal(100))
    charged = [
        desk.fill(order, Decimal(40), Decimal(100), maker=False),
        desk.fill(order, Decimal(40), Decimal(100), maker=True),
        desk.fill(order, Decimal(20), Decimal(100), maker=False),
    ]
    assert charged == [8, 4, 4]


@pytest.mark.parametrize(("scale", "owed"), [(8, "1.23456785"), (4, "1.2346"), (2, "1.23"), (0, "1")])
def test_what_an_order_owes_is_rounded_half_even_at_the_ledger_scale(scale: int, owed: str) -> None:
    for fees in ("none", "exact"):
        settings = schedule(type="per_order", amount="1.23456785", us_regulatory_fees=fees)
        assert str(Desk(settings, scale).trade([(1, "1")])) == owed


def test_volumes_are_kept_by_month_in_any_order() -> None:
    months = MonthVolumes()
    december, january = datetime(2023, 12, 31, 23, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    months.add(january, Decimal(1), Decimal(10))
    months.add(december, Decimal(2), Decimal(30))
    months.add(january, Decimal(3), Decimal(40))
    assert months.of(january) == (4, 50)
    assert months.of(december) == (2, 30)
    assert months.of(datetime(2024, 12, 1, tzinfo=UTC)) == (0, 0)


class Flat:
    """Charge one amount, whatever it is."""

    def __init__(self, amount: object) -> None:
        self.amount = amount
        self.seen: list[Traded] = []

    def commission(self, order: Traded) -> Decimal:
        self.seen.append(order)
        return self.amount  # type: ignore[return-value]


CUSTOM = CustomCommission(type="custom", model="mine:Flat")


def test_a_custom_model_is_told_the_orders_totals_and_answers_with_what_it_owes() -> None:
    model = Flat(Decimal("2.5"))
    desk = Desk(CUSTOM, model=model)
    order = desk.begin(Decimal(30), Side.SELL)
    assert desk.fill(order, Decimal(10), Decimal(5)) == Decimal("2.5")
    assert desk.fill(order, Decimal(20), Decimal(6), maker=True) == 0
    assert model.seen[1] == Traded(
        symbol="X",
        side=Side.SELL,
        quantity=Decimal(30),
        value=Decimal(170),
        maker_value=Decimal(120),
        month_quantity=ZERO,
        month_value=ZERO,
        first_executed_at=IN_2024,
    )


@pytest.mark.parametrize("answer", [1.5, None, Decimal("NaN"), Decimal("Infinity")])
def test_a_custom_answer_that_is_no_amount_is_refused(answer: object) -> None:
    with pytest.raises(CostModelError, match=r"'mine:Flat' answered .* allowed is a finite Decimal"):
        Desk(CUSTOM, model=Flat(answer)).trade([(1, "1")])


def test_a_custom_model_that_raises_is_named() -> None:
    class Broken:
        def commission(self, order: Traded) -> Decimal:
            return order.value / (order.quantity - order.quantity)

    with pytest.raises(
        CostModelError, match=r"'mine:Flat' raised DivisionUndefined|DivisionByZero"
    ) as refused:
        Desk(CUSTOM, model=Broken()).trade([(1, "1")])
    assert refused.value.__cause__ is not None


def test_a_custom_schedule_needs_its_model() -> None:
    with pytest.raises(CostModelError, match="has not been made"):
        compile_commission(CUSTOM, 8)
    with pytest.raises(CostModelError, match="has not been made"):
        commission_of(CUSTOM, traded("1", "1"))


def test_the_common_schedules_are_plain_functions() -> None:
    """No state and nothing built: what is charged is one expression of the order's numbers."""
    order = Order(None, Decimal(3), Decimal(1), Decimal(100), Decimal("0.1"))  # type: ignore[arg-type]
    percent = compile_commission(schedule(type="percent", percent="0.1"), 8)
    assert percent(order, Decimal(1), Decimal(300), False, 0) == Decimal("0.3")
    assert compile_commission(NoCommission(), 8)(order, Decimal(1), Decimal(300), False, 0) == 0
