"""What an order owes: schedules as functions of what it has traded in all, and charging fill by fill.

`commission_of` is the arithmetic. `compile_commission` turns a schedule into one function that is called for
each fill and answers with what that fill is charged: what the order owes after it, rounded, less what it was
charged before. Schedules that need only quantity and value are plain functions of numbers; the others go
through a `CommissionMeter`, which remembers the account's monthly volumes and how the orders at work began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from qtrader.clock import from_epoch_us
from qtrader.money import MONEY_CONTEXT, ZERO, quantize
from qtrader.services.execution.commission_settings import (
    CommissionSettings,
    CustomCommission,
    MakerTakerCommission,
    NoCommission,
    PercentCommission,
    PerOrderCommission,
    PerShareCommission,
    TieredCommission,
)
from qtrader.services.execution.cost_models import CommissionModel, CostModelError, OrderSoFar, Traded
from qtrader.services.execution.us_regulatory_fees import us_regulatory_fees

_PERCENT: Final = Decimal("0.01")

#: (order before the fill, quantity, value, whether it made, market time in µs) → what the fill is charged.
Charge = Callable[[OrderSoFar, Decimal, Decimal, bool, int], Decimal]


def commission_of(
    settings: CommissionSettings, traded: Traded, model: CommissionModel | None = None
) -> Decimal:
    """Return what an order owes for all that it has traded, fees included, unrounded.

    Args:
        settings: the schedule.
        traded: the order's totals.
        model: the object of a custom schedule.

    Raises:
        CostModelError: a custom model answered with no finite Decimal.
    """
    if not traded.quantity:
        return ZERO
    quantity, value = traded.quantity, traded.value
    if isinstance(settings, NoCommission):
        owed = ZERO
    elif isinstance(settings, PercentCommission):
        owed = _percent(settings, value)
    elif isinstance(settings, PerShareCommission):
        owed = _per_share(settings, quantity, value)
    elif isinstance(settings, PerOrderCommission):
        owed = settings.amount
    elif isinstance(settings, TieredCommission):
        owed = _tiered(settings, traded)
    elif isinstance(settings, MakerTakerCommission):
        taker_value = value - traded.maker_value
        owed = (traded.maker_value * settings.maker_percent + taker_value * settings.taker_percent) * _PERCENT
    else:
        owed = _custom(settings, traded, model)
    if settings.us_regulatory_fees == "none":
        return owed
    up_to_cent = settings.us_regulatory_fees == "up_to_cent"
    traded_on = traded.first_executed_at.date()
    return owed + us_regulatory_fees(traded.side, quantity, value, traded_on, up_to_cent=up_to_cent)


def _percent(settings: PercentCommission, value: Decimal) -> Decimal:
    owed = max(value * settings.percent * _PERCENT, settings.minimum)
    return owed if settings.maximum is None else min(owed, settings.maximum)


def _per_share(settings: PerShareCommission, quantity: Decimal, value: Decimal) -> Decimal:
    return _bounded(quantity * settings.amount, settings.minimum, settings.maximum_percent, value)


def _bounded(amount: Decimal, minimum: Decimal, maximum_percent: Decimal | None, value: Decimal) -> Decimal:
    owed = max(amount, minimum)
    return owed if maximum_percent is None else min(owed, value * maximum_percent * _PERCENT)


def _tiered(settings: TieredCommission, traded: Traded) -> Decimal:
    in_units = settings.volume == "quantity"
    begins_at = traded.month_quantity if in_units else traded.month_value
    volume = traded.quantity if in_units else traded.value
    per_unit = settings.charge == "per_share"
    charged = traded.quantity if per_unit else traded.value
    if settings.marginal:
        amount = _marginal_product(settings, begins_at, volume)
        if per_unit is not in_units:
            amount = MONEY_CONTEXT.divide(amount * charged, volume)
    else:
        amount = charged * [tier.rate for tier in settings.tiers if tier.above <= begins_at][-1]
    if not per_unit:
        amount *= _PERCENT
    owed = _bounded(amount, settings.minimum, settings.maximum_percent, traded.value)
    passed_through = owed * settings.pass_through_percent * _PERCENT
    return owed + passed_through + traded.quantity * settings.clearing_amount


def _marginal_product(settings: TieredCommission, begins_at: Decimal, volume: Decimal) -> Decimal:
    """Return the sum over tiers of rate times the part of the volume that falls in the tier."""
    ends_at = begins_at + volume
    product = ZERO
    upper = ends_at
    for tier in reversed(settings.tiers):
        lower = max(tier.above, begins_at)
        if lower < upper:
            product += (upper - lower) * tier.rate
            upper = lower
    return product


def _custom(settings: CustomCommission, traded: Traded, model: CommissionModel | None) -> Decimal:
    if model is None:
        msg = f"commission model {settings.model!r} has not been made"
        raise CostModelError(msg)
    try:
        owed = model.commission(traded)
    except Exception as cause:
        msg = f"commission model {settings.model!r} raised {type(cause).__name__}: {cause}; asked of {traded}"
        raise CostModelError(msg) from cause
    if not isinstance(owed, Decimal) or not owed.is_finite():
        msg = (
            f"commission model {settings.model!r} answered {owed!r} for {traded}; allowed is a finite Decimal"
        )
        raise CostModelError(msg)
    return owed


class MonthVolumes:
    """Add up what an account trades in each calendar month (UTC)."""

    def __init__(self) -> None:
        self._volumes: dict[tuple[int, int], tuple[Decimal, Decimal]] = {}

    def of(self, instant: datetime) -> tuple[Decimal, Decimal]:
        """Return units and value traded so far in the month of an instant."""
        return self._volumes.get((instant.year, instant.month), (ZERO, ZERO))

    def add(self, instant: datetime, quantity: Decimal, value: Decimal) -> None:
        """Count a fill in the month of its market time."""
        units, money = self.of(instant)
        self._volumes[instant.year, instant.month] = (units + quantity, money + value)


@dataclass(slots=True)
class _Beginning:
    """How an order at work began, and what of it made."""

    first_executed_at: datetime
    month_quantity: Decimal
    month_value: Decimal
    maker_value: Decimal = ZERO


class CommissionMeter:
    """Charge fills by schedules that look beyond the order.

    Args:
        settings: the schedule.
        ledger_scale: decimal places of what an order owes, rounded half-even.
        model: the object of a custom schedule.
    """

    def __init__(
        self, settings: CommissionSettings, ledger_scale: int, model: CommissionModel | None = None
    ) -> None:
        self._settings = settings
        self._scale = ledger_scale
        self._model = model
        self._months = MonthVolumes()
        self._at_work: dict[str, _Beginning] = {}

    def charge(
        self, order: OrderSoFar, quantity: Decimal, value: Decimal, is_maker: bool, executed_at_us: int
    ) -> Decimal:
        """Return what a fill is charged, and count it."""
        charged = self.quote(order, quantity, value, is_maker, executed_at_us)
        order_id, executed_at = order.order.order_id, from_epoch_us(executed_at_us)
        beginning = self._beginning(order_id, executed_at)
        self._at_work.pop(order_id, None)
        if order.filled_quantity + quantity < order.quantity:
            if is_maker:
                beginning.maker_value += value
            self._at_work[order_id] = beginning
        self._months.add(executed_at, quantity, value)
        return charged

    def quote(
        self, order: OrderSoFar, quantity: Decimal, value: Decimal, is_maker: bool, executed_at_us: int
    ) -> Decimal:
        """Return what a fill would be charged, and leave it at that."""
        event = order.order
        beginning = self._beginning(event.order_id, from_epoch_us(executed_at_us))
        traded = Traded(
            symbol=event.symbol,
            side=event.side,
            quantity=order.filled_quantity + quantity,
            value=order.filled_value + value,
            maker_value=beginning.maker_value + value if is_maker else beginning.maker_value,
            month_quantity=beginning.month_quantity,
            month_value=beginning.month_value,
            first_executed_at=beginning.first_executed_at,
        )
        owed = quantize(commission_of(self._settings, traded, self._model), self._scale)
        return owed - order.commission

    def _beginning(self, order_id: str, executed_at: datetime) -> _Beginning:
        found = self._at_work.get(order_id)
        return _Beginning(executed_at, *self._months.of(executed_at)) if found is None else found


def quote_of(charge: Charge) -> Charge:
    """Return the function that says what a fill would be charged by the same schedule, uncounted."""
    meter = getattr(charge, "__self__", None)
    # Schedules that need no meter keep no count.
    return meter.quote if isinstance(meter, CommissionMeter) else charge


def compile_commission(
    settings: CommissionSettings, ledger_scale: int, model: CommissionModel | None = None
) -> Charge:
    """Make the function that charges fills.

    Args:
        settings: the schedule.
        ledger_scale: decimal places of what an order owes, rounded half-even.
        model: the object of a custom schedule, see `qtrader.services.execution.custom_models`.

    Raises:
        CostModelError: the schedule is custom and there is no model.
    """
    if isinstance(settings, CustomCommission) and model is None:
        msg = f"commission model {settings.model!r} has not been made"
        raise CostModelError(msg)
    if settings.us_regulatory_fees == "none":
        if isinstance(settings, NoCommission):
            return _free
        if isinstance(settings, PercentCommission) and not settings.minimum and settings.maximum is None:
            return _percent_charge(settings.percent * _PERCENT, ledger_scale)
        if isinstance(settings, (PercentCommission, PerShareCommission, PerOrderCommission)):
            return _simple_charge(settings, ledger_scale)
    return CommissionMeter(settings, ledger_scale, model).charge


def _free(
    order: OrderSoFar, quantity: Decimal, value: Decimal, is_maker: bool, executed_at_us: int
) -> Decimal:
    # The signature is that of every charge.
    del order, quantity, value, is_maker, executed_at_us
    return ZERO


def _percent_charge(fraction: Decimal, ledger_scale: int) -> Charge:
    step = Decimal(1).scaleb(-ledger_scale)

    def charge(
        order: OrderSoFar, quantity: Decimal, value: Decimal, is_maker: bool, executed_at_us: int
    ) -> Decimal:
        del quantity, is_maker, executed_at_us
        owed = ((order.filled_value + value) * fraction).quantize(step, ROUND_HALF_EVEN, MONEY_CONTEXT)
        charged = order.commission
        return owed - charged if charged else owed

    return charge


def _simple_charge(
    settings: PercentCommission | PerShareCommission | PerOrderCommission, ledger_scale: int
) -> Charge:
    def charge(
        order: OrderSoFar, quantity: Decimal, value: Decimal, is_maker: bool, executed_at_us: int
    ) -> Decimal:
        del is_maker, executed_at_us
        total = order.filled_value + value
        if isinstance(settings, PercentCommission):
            owed = _percent(settings, total)
        elif isinstance(settings, PerShareCommission):
            owed = _per_share(settings, order.filled_quantity + quantity, total)
        else:
            owed = settings.amount
        return quantize(owed, ledger_scale) - order.commission

    return charge
