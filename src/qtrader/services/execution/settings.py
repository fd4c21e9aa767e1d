"""How orders are filled and what trading costs, as a person writes it.

Every model is frozen and refuses unknown keys. Percentages are written in percent (0.1 means one per mille),
prices and amounts in the instrument's currency.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from qtrader.services.execution.commission_presets import read_commission
from qtrader.services.execution.commission_settings import CommissionSettings, NoCommission
from qtrader.services.execution.slippage_settings import (
    BasisPoints,
    FixedBpsSlippage,
    NoSlippage,
    SlippageSettings,
    read_slippage,
)

#: Which price a market order takes: the next bar's open or close, or the close of the bar that was decided
#: on.
MarketFill = Literal["next_open", "next_close", "same_close"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExecutionSettings(_Settings):
    """State how orders are filled.

    Args:
        market_fill: the price that market orders take; `same_close` trades on the close that was decided on,
            which no one can do, and a run says so.
        limit_touch: whether a limit order fills where the price only touches its limit.
        slippage_bps: short for `slippage: {type: fixed_bps, bps: …}`, and read into it.
        slippage: by how much orders without a limit pay more or receive less than the reference price.
        commission: the fees of an order: a schedule, "0.1%", or the name of a preset.
        do_not_reduce: leave good-till-canceled buy limits and sell stops alone when a dividend goes ex.
    """

    market_fill: MarketFill = "next_open"
    limit_touch: bool = False
    slippage_bps: BasisPoints | None = Field(default=None, exclude=True)
    slippage: Annotated[SlippageSettings, BeforeValidator(read_slippage)] = NoSlippage()
    commission: Annotated[CommissionSettings, BeforeValidator(read_commission)] = NoCommission()
    do_not_reduce: bool = False

    @model_validator(mode="after")
    def _read_slippage_bps(self) -> Self:
        bps = self.slippage_bps
        if bps is None:
            return self
        if "slippage" in self.model_fields_set:
            msg = "slippage_bps and slippage are both given; give one of them"
            raise ValueError(msg)
        # The model is frozen for everybody else: this is still its making.
        model = FixedBpsSlippage(type="fixed_bps", bps=bps) if bps else NoSlippage()
        object.__setattr__(self, "slippage", model)
        object.__setattr__(self, "slippage_bps", None)
        return self
