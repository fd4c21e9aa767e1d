"""Commission schedules as a person writes them.

Percentages are written in percent (0.1 is one per mille), amounts in the instrument's currency. Every
schedule speaks of an order, not of a fill. All of them can have the US regulatory fees on top.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qtrader.services.execution.custom_models import Parameters, Reference

NonNegative = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
#: Fees of the SEC and of FINRA on sales of US shares: not charged, to the last digit, or each up to the cent.
RegulatoryFees = Literal["none", "exact", "up_to_cent"]


class CostSettings(BaseModel):
    """Base of what is written about costs: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Commission(CostSettings):
    # First, so that it stands first wherever keys are listed.
    type: str
    #: See `qtrader.services.execution.us_regulatory_fees`.
    us_regulatory_fees: RegulatoryFees = "none"


class NoCommission(_Commission):
    """Trade without commission."""

    type: Literal["none"] = "none"


class PercentCommission(_Commission):
    """Charge a share of the traded value.

    Args:
        percent: of quantity times price; 0.1 charges 1.00 on a trade of 1,000.00.
        minimum: least that an order pays.
        maximum: most that an order pays; None for no cap.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["percent"]
    percent: NonNegative
    minimum: NonNegative = Decimal(0)
    maximum: NonNegative | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.maximum is not None and self.maximum < self.minimum:
            msg = f"maximum {self.maximum} is below minimum {self.minimum}"
            raise ValueError(msg)
        return self


class PerShareCommission(_Commission):
    """Charge an amount for each unit, within bounds for the order.

    Args:
        amount: per unit traded.
        minimum: per order.
        maximum_percent: most that an order pays, in percent of its traded value; it wins over the minimum,
            as in Interactive Brokers' fixed pricing for US stocks. None for no cap.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["per_share"]
    amount: NonNegative
    minimum: NonNegative = Decimal(0)
    maximum_percent: NonNegative | None = None


class PerOrderCommission(_Commission):
    """Charge an amount for each order that trades, however many fills it takes.

    Args:
        amount: per order.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["per_order"]
    amount: NonNegative


class Tier(CostSettings):
    """A rate for the volume of a month beyond a threshold.

    Args:
        above: the volume from which on the rate holds, units or money.
        rate: per unit, or in percent.
    """

    above: NonNegative
    rate: NonNegative


class TieredCommission(_Commission):
    """Charge by what the account has traded in the calendar month (UTC), over all symbols.

    An order belongs to the month of its first fill, and begins where the account's volume stood then. What it
    owes is therefore a function of its totals, the same in one fill or in ten; orders that fill in turns
    share that starting point.

    Args:
        volume: what the thresholds count: `quantity` in units or `value` in money.
        charge: what the rates mean: an amount `per_share` or a `percent` of the value.
        tiers: rates by threshold; the first begins at 0, the others are higher each than the one before.
        marginal: whether each part of an order pays the rate of the tier that it falls in (as Interactive
            Brokers does), or the whole order the rate of the tier in which it begins (as many venues do).
        minimum: least that an order pays.
        maximum_percent: most that an order pays, in percent of its traded value; it wins over the minimum.
        clearing_amount: per unit, on top of the bounded commission.
        pass_through_percent: of the bounded commission, on top of it.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["tiered"]
    volume: Literal["quantity", "value"] = "quantity"
    charge: Literal["per_share", "percent"] = "per_share"
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    marginal: bool = True
    minimum: NonNegative = Decimal(0)
    maximum_percent: NonNegative | None = None
    clearing_amount: NonNegative = Decimal(0)
    pass_through_percent: NonNegative = Decimal(0)

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.tiers[0].above:
            msg = f"the first tier is above {self.tiers[0].above}; it must begin at 0"
            raise ValueError(msg)
        for low, high in pairwise(self.tiers):
            if high.above <= low.above:
                msg = f"tiers must ascend: above {high.above} stands after above {low.above}"
                raise ValueError(msg)
        return self


class MakerTakerCommission(_Commission):
    """Charge a share of the traded value that depends on who provided liquidity.

    An order makes where it rests and fills at its limit. Whatever fills at an open, at a close or at a stop
    takes, also a limit order that the market opened through.

    Args:
        maker_percent: of the value that made; a negative one is a rebate.
        taker_percent: of the value that took.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["maker_taker"]
    maker_percent: Annotated[Decimal, Field(gt=-100, allow_inf_nan=False)]
    taker_percent: NonNegative

    @model_validator(mode="after")
    def _pays_no_one_to_trade(self) -> Self:
        if self.maker_percent + self.taker_percent < 0:
            msg = f"the rebate {self.maker_percent} is larger than taker_percent {self.taker_percent}"
            raise ValueError(msg)
        return self


class CustomCommission(_Commission):
    """Ask a model of one's own, see `qtrader.services.execution.cost_models.CommissionModel`.

    Args:
        model: the class, as "package.module:Class".
        parameters: keyword arguments of the class.
        us_regulatory_fees: fees on top, for sales.
    """

    type: Literal["custom"]
    model: Reference
    parameters: Parameters = Field(default_factory=dict)


CommissionSettings = Annotated[
    NoCommission
    | PercentCommission
    | PerShareCommission
    | PerOrderCommission
    | TieredCommission
    | MakerTakerCommission
    | CustomCommission,
    Field(discriminator="type"),
]
