"""The risk policy: what a person writes in YAML, as frozen models that know their ranges."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PositiveDecimal = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FixedQuantity(_Model):
    """The same quantity for every signal."""

    method: Literal["fixed_quantity"] = "fixed_quantity"
    quantity: PositiveDecimal = Decimal(100)


class PercentOfEquity(_Model):
    """A part of the equity at the decision price, rounded down to the quantity step."""

    method: Literal["percent_of_equity"]
    percent: Annotated[Decimal, Field(gt=0, le=1000, allow_inf_nan=False)] = Decimal(10)


Sizer = Annotated[FixedQuantity | PercentOfEquity, Field(discriminator="method")]


class Limits(_Model):
    """What a position and the whole account may reach; a limit that is none does not apply.

    `on_breach` says what happens to a quantity that breaks a limit: refused, cut down to what the limit
    leaves, or only noted.
    """

    allow_short: bool = True
    max_gross_leverage: PositiveDecimal | None = Decimal(1)
    max_position_percent: PositiveDecimal | None = Decimal(100)
    max_position_quantity: PositiveDecimal | None = None
    on_breach: Literal["reject", "shrink", "warn"] = "reject"


class RiskPolicy(_Model):
    """How large positions are and what they may not reach.

    `account: cash` forbids shorts and any purchase beyond the cash that is free; `margin` is bounded by the
        leverage limit only.
    `size_by_confidence` multiplies a sized quantity with the signal's confidence.
    """

    name: str = "naive"
    account: Literal["margin", "cash"] = "margin"
    sizing: Sizer = FixedQuantity()
    size_by_confidence: bool = False
    scale_in: bool = False
    proceeds_fund_same_instant: bool = False
    limits: Limits = Limits()
