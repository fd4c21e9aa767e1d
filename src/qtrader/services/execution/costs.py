"""What a trade costs: slippage in its price, commission beside it, each made of its settings once for a run.

Slippage moves the price against the trader and is part of it; the amount beside it is a memo and never a
second posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qtrader.money import ZERO, quantize
from qtrader.services.execution.commission_settings import CommissionSettings, CustomCommission
from qtrader.services.execution.commissions import Charge, compile_commission, quote_of
from qtrader.services.execution.cost_models import CommissionModel, MarketFacts, SlippageModel
from qtrader.services.execution.custom_models import make_model
from qtrader.services.execution.slippage import FillPrice, compile_slippage
from qtrader.services.execution.slippage_settings import CustomSlippage, SlippageSettings

#: Decimal places to which amounts are rounded half-even unless a run says otherwise.
LEDGER_SCALE: Final = 8


def slippage_memo(
    price: Decimal, reference_price: Decimal, quantity: Decimal, ledger_scale: int = LEDGER_SCALE
) -> Decimal:
    """Return what slippage cost, in the instrument's currency; a memo that is already inside the price."""
    if price == reference_price:
        return ZERO
    return quantize(abs(price - reference_price) * quantity, ledger_scale)


@dataclass(frozen=True, slots=True)
class CustomModels:
    """The objects of custom schedules and models; None where the settings name no custom one."""

    commission: CommissionModel | None = None
    slippage: SlippageModel | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """The functions that are called for each fill.

    Args:
        price: what a fill pays or receives, see `qtrader.services.execution.slippage.FillPrice`.
        charge: what a fill is charged, see `qtrader.services.execution.commissions.Charge`.
        quote: what it would be charged, for whoever has to know before.
    """

    price: FillPrice
    charge: Charge
    quote: Charge


def make_custom_models(commission: CommissionSettings, slippage: SlippageSettings) -> CustomModels:
    """Make the custom models that settings name, anew for each run.

    Args:
        commission: the schedule.
        slippage: the slippage model.

    Raises:
        ConfigError: a class cannot be found or made, or is no model.
    """
    charges = prices = None
    if isinstance(commission, CustomCommission):
        charges = make_model(commission.model, commission.parameters, "commission")
    if isinstance(slippage, CustomSlippage):
        prices = make_model(slippage.model, slippage.parameters, "price")
    return CustomModels(charges, prices)


def compile_costs(
    commission: CommissionSettings,
    slippage: SlippageSettings,
    *,
    ledger_scale: int = LEDGER_SCALE,
    facts: MarketFacts | None = None,
    models: CustomModels | None = None,
) -> Costs:
    """Turn what a person wrote into the functions that are called for each fill; once for a run.

    Args:
        commission: the schedule.
        slippage: the slippage model.
        ledger_scale: decimal places of amounts.
        facts: volumes and volatilities, for the models that need them.
        models: the objects of custom models.

    Raises:
        CostModelError: what a model needs is missing.
    """
    models = CustomModels() if models is None else models
    charge = compile_commission(commission, ledger_scale, models.commission)
    return Costs(
        price=compile_slippage(slippage, facts, models.slippage), charge=charge, quote=quote_of(charge)
    )
