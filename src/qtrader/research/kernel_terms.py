"""The settings of a run as plain numbers, as the sweep kernel takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.research.kernel_records import GRID, Ratio
from qtrader.services.execution.buying_power import buying_power_of
from qtrader.services.execution.commission_settings import (
    NoCommission,
    PercentCommission,
    PerOrderCommission,
    PerShareCommission,
)
from qtrader.services.execution.fill_model_settings import NamedFillModels
from qtrader.services.execution.slippage_settings import FixedBpsSlippage
from qtrader.services.reporting.returns import elapsed_days, risk_free_per_period
from qtrader.services.risk.policy import FixedQuantity, PercentOfEquity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.market.instruments import Instrument
    from qtrader.research.kernel_tape import KernelTape
    from qtrader.services.execution.commission_settings import CommissionSettings

_NONE: Final = Ratio(-1, 1, 0.0)
_ZERO: Final = Ratio(0, 1, 0.0)
_BUYING_POWER: Final = ("allow_margin", "trim", "reject")
_ON_BREACH: Final = ("reject", "shrink", "warn")


@dataclass(frozen=True)
class KernelTerms:
    """Say how is sized, charged and filled; picklable.

    Args:
        numbers: the settings by the fields of `RUN`; what the tape says is added for it.
        grids: of each symbol, as the fields of `GRID`.
        periods_per_year: of the returns; None for what the tape says.
        risk_free: a year.
    """

    numbers: Mapping[str, float]
    grids: Mapping[str, tuple[Any, ...]]
    periods_per_year: int | None
    risk_free: float

    @classmethod
    def of(cls, inputs: Inputs, config: RunConfig) -> KernelTerms:
        """Read a configuration that `unsupported(config, inputs)` has nothing against."""
        reporting = config.reporting
        chosen = reporting.periods_per_year
        instruments = inputs.data.instruments
        return cls(
            numbers=_numbers(config),
            grids={symbol: _grid(instruments[symbol], config) for symbol in inputs.data.tape.symbols},
            periods_per_year=None if chosen == "auto" else chosen,
            risk_free=reporting.risk_free,
        )

    def numbers_for(self, tape: KernelTape) -> dict[str, float]:
        """Return the numbers with what a tape says."""
        periods = self.periods_per_year or tape.periods_per_year
        points = np.array([tape.began_us, *tape.valued_at_us[-1:]], dtype=np.int64)
        return {
            **self.numbers,
            "times": tape.shape[0],
            "width": tape.shape[1],
            "sessions": len(tape.session_times),
            "first_time": tape.first_time,
            "counts_claims": len(tape.symbols) > 1
            or self.numbers["scale_in"]
            or self.numbers["proceeds_fund"],
            "is_dense": tape.is_dense,
            "periods_per_year": periods,
            "risk_free": risk_free_per_period(self.risk_free, periods),
            "days": elapsed_days(points),
        }

    def grids_for(self, tape: KernelTape) -> NDArray[np.void]:
        """Return the grids of a tape's symbols."""
        return np.array([self.grids[symbol] for symbol in tape.symbols], dtype=GRID)


def ratio_of(number: Decimal) -> Ratio:
    """Write a decimal that is not negative as whole numbers."""
    numerator, denominator = number.normalize().as_integer_ratio()
    power = 1
    while power % denominator:
        power *= 10
    return Ratio(numerator * (power // denominator), power, float(number))


def _or_none(number: Decimal | None, divisor: int = 1) -> Ratio:
    return _NONE if number is None else ratio_of(number / divisor)


def _named(name: str, ratio: Ratio) -> dict[str, float]:
    return {
        f"{name}_numerator": ratio.numerator,
        f"{name}_denominator": ratio.denominator,
        name: ratio.value,
    }


def _numbers(config: RunConfig) -> dict[str, float]:
    execution, policy, portfolio = config.execution, config.risk, config.portfolio
    unit = 10**portfolio.ledger_scale
    model, slippage = execution.fill_model, execution.slippage
    kind, rate, minimum, maximum, cap = _commission(execution.commission, unit)
    sizing, limits = policy.sizing, policy.limits
    is_cash = policy.account == "cash"
    slip = ratio_of(slippage.bps / 10_000) if isinstance(slippage, FixedBpsSlippage) else _ZERO
    percent = ratio_of(sizing.percent / 100) if isinstance(sizing, PercentOfEquity) else _ZERO
    return {
        "unit": unit,
        "initial_cash": int(portfolio.initial_cash * unit),
        "limit_touch": isinstance(model, NamedFillModels) and model.default == "touch",
        **_named("slippage", slip),
        "commission": kind,
        **_named("rate", rate),
        "minimum": minimum,
        "maximum": maximum,
        **_named("cap", cap),
        "is_percent": isinstance(sizing, PercentOfEquity),
        **_named("percent", percent),
        "is_short_allowed": limits.allow_short and not is_cash,
        "is_cash_account": is_cash,
        **_named("leverage", _or_none(limits.max_gross_leverage)),
        **_named("position", _or_none(limits.max_position_percent, 100)),
        "on_breach": _ON_BREACH.index(limits.on_breach),
        "scale_in": policy.scale_in,
        "proceeds_fund": policy.proceeds_fund_same_instant,
        "buying_power": _BUYING_POWER.index(buying_power_of(execution.buying_power, policy.account)),
    }


def _commission(settings: CommissionSettings, unit: int) -> tuple[int, Ratio, int, int, Ratio]:
    """Return kind, rate, least and most in units, and cap of the value."""
    if isinstance(settings, PercentCommission):
        most = -1 if settings.maximum is None else units(settings.maximum, unit)
        return 1, ratio_of(settings.percent / 100), units(settings.minimum, unit), most, _NONE
    if isinstance(settings, PerShareCommission):
        rate = units(settings.amount, unit)
        cap = _or_none(settings.maximum_percent, 100)
        return 2, Ratio(rate, 1, float(rate)), units(settings.minimum, unit), -1, cap
    if isinstance(settings, PerOrderCommission):
        return 3, _ZERO, units(settings.amount, unit), -1, _NONE
    if not isinstance(settings, NoCommission):
        msg = f"the kernel knows no commission {settings.type!r}"
        raise TypeError(msg)
    return 0, _ZERO, 0, -1, _NONE


def units(amount: Decimal, unit: int) -> int:
    """Round an amount half-even to the ledger's units."""
    return int((amount * unit).quantize(Decimal(1), "ROUND_HALF_EVEN"))


def _grid(instrument: Instrument, config: RunConfig) -> tuple[Any, ...]:
    step = instrument.quantity_step
    tick = Decimal(0) if instrument.tick_size is None else instrument.tick_size
    by, on = ratio_of(step), ratio_of(tick)
    sizing, largest = config.risk.sizing, config.risk.limits.max_position_quantity
    fixed = int(sizing.quantity // step) if isinstance(sizing, FixedQuantity) else 0
    return (
        by.value,
        by.numerator,
        by.denominator,
        on.value,
        on.numerator,
        on.denominator,
        fixed,
        -1 if largest is None else math.floor(largest / step),
    )
