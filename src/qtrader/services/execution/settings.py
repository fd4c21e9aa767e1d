"""How orders are filled and what trading costs, as a person writes it.

Every model is frozen and refuses unknown keys. Percentages are written in percent (0.1 means one per mille),
prices and amounts in the instrument's currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from qtrader.services.execution.buying_power import BuyingPower
from qtrader.services.execution.commission_presets import read_commission
from qtrader.services.execution.commission_settings import CommissionSettings, NoCommission
from qtrader.services.execution.fill_model_settings import (
    CustomFillModel,
    FillModelName,
    FillModelSettings,
    NamedFillModels,
    read_fill_model,
)
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


class Latency(_Settings):
    """Say how long an order is on its way to the market, in one of two units.

    Args:
        bars: so many bars of the symbol that the order could have met pass by.
        milliseconds: the order meets only bars that open so much after its acceptance.
    """

    bars: Annotated[int, Field(ge=0, le=10_000)] | None = None
    milliseconds: Annotated[int, Field(ge=0, le=86_400_000)] | None = None

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        if (self.bars is None) is (self.milliseconds is None):
            msg = "give one of bars and milliseconds"
            raise ValueError(msg)
        return self


class ExecutionSettings(_Settings):
    """State how orders are filled.

    Args:
        market_fill: the price that market orders take; `same_close` trades on the close that was decided on,
            which no one can do, and a run says so.
        limit_touch: whether a limit order fills where the price only touches its limit: short for
            `fill_model: touch` or `conservative`, and read into it.
        fill_model: how bars become fills: `conservative`, `touch`, `mid`, a mapping that gives single symbols
            another one (`{default: conservative, symbols: {AAPL: touch}}`), or a model of one's own.
        participation_percent: of a bar's volume that all orders together may take; what is left of an order
            waits for the next bar. None for no limit.
        fill_on_no_volume: fill in a bar of which is known that nothing was traded.
        fill_on_stale: fill even where such a bar only repeats the prices of the bar before it.
        latency: how long an order is on its way to the market; None for not at all.
        off_tick: whether a price off the instrument's tick is rounded by its side, or the order rejected.
        slippage_bps: short for `slippage: {type: fixed_bps, bps: …}`, and read into it.
        slippage: by how much orders without a limit pay more or receive less than the reference price.
        commission: the fees of an order: a schedule, "0.1%", or the name of a preset.
        buying_power: what becomes of a purchase that cash does not pay for at its fill: `trim` buys what it
            pays for, `reject` nothing, `allow_margin` borrows. Without it cash accounts trim and margin
            accounts borrow.
        do_not_reduce: leave good-till-canceled buy limits and sell stops alone when a dividend goes ex.
    """

    market_fill: MarketFill = "next_open"
    limit_touch: bool | None = Field(default=None, exclude=True)
    fill_model: Annotated[FillModelSettings, BeforeValidator(read_fill_model)] = NamedFillModels()
    participation_percent: Annotated[Decimal, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    fill_on_no_volume: bool = False
    fill_on_stale: bool = False
    latency: Latency | None = None
    off_tick: Literal["round", "reject"] = "round"
    slippage_bps: BasisPoints | None = Field(default=None, exclude=True)
    slippage: Annotated[SlippageSettings, BeforeValidator(read_slippage)] = NoSlippage()
    commission: Annotated[CommissionSettings, BeforeValidator(read_commission)] = NoCommission()
    buying_power: BuyingPower | None = None
    do_not_reduce: bool = False

    @property
    def fills_by_conventions(self) -> bool:
        """Whether market orders of every symbol take the print that `market_fill` says."""
        model = self.fill_model
        return not isinstance(model, CustomFillModel) and "mid" not in (
            model.default,
            *model.symbols.values(),
        )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.latency is not None and self.market_fill == "same_close":
            msg = (
                "market_fill same_close and latency exclude each other: what trades at once is not on its way"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _read_limit_touch(self) -> Self:
        touches, model = self.limit_touch, self.fill_model
        if touches is None:
            return self
        if isinstance(model, CustomFillModel) or "default" in model.model_fields_set:
            is_touch = isinstance(model, NamedFillModels) and model.default == "touch"
            if touches is not is_touch:
                msg = "limit_touch and fill_model are both given; limit_touch: true is fill_model: touch"
                raise ValueError(msg)
        else:
            default: FillModelName = "touch" if touches else "conservative"
            model = NamedFillModels(default=default, symbols=model.symbols)
            # The model is frozen for everybody else: this is still its making.
            object.__setattr__(self, "fill_model", model)
        object.__setattr__(self, "limit_touch", None)
        return self

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
