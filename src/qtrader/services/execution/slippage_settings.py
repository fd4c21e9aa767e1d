"""Slippage models as a person writes them.

All move the price of orders without a limit against the trader. Those that depend on volume or volatility
name what holds where these are unknown: `fallback_bps`, or, without it, nothing may be unknown. A run whose
data cannot say is then refused before it starts, and a trade in a bar without volume stops it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from qtrader.services.execution.commission_settings import CostSettings, NonNegative
from qtrader.services.execution.custom_models import Parameters, Reference, describe_model

_WHOLE_PRICE_BPS: Final = 10_000
#: Basis points of a price; at 10,000 a sale would bring nothing.
BasisPoints = Annotated[Decimal, Field(ge=0, lt=_WHOLE_PRICE_BPS, allow_inf_nan=False)]


class NoSlippage(CostSettings):
    """Trade at the price that the market showed."""

    type: Literal["none"] = "none"


class FixedBpsSlippage(CostSettings):
    """Move each price by the same share of it.

    Args:
        bps: basis points of the reference price.
    """

    type: Literal["fixed_bps"]
    bps: BasisPoints


class SpreadSlippage(CostSettings):
    """Cross half the spread between bid and ask.

    Args:
        half_spread: from the middle to either side, for every symbol that `by_symbol` does not name.
        unit: `bps` of the reference price, or `price` in the instrument's currency.
        by_symbol: half spreads of single symbols, in the same unit.
    """

    type: Literal["spread"]
    half_spread: NonNegative
    unit: Literal["bps", "price"] = "bps"
    by_symbol: dict[str, NonNegative] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _leaves_a_price(self) -> Self:
        if self.unit == "bps":
            for name, half in (("half_spread", self.half_spread), *self.by_symbol.items()):
                if half >= _WHOLE_PRICE_BPS:
                    msg = f"{name} takes the whole price: {half} bps; allowed is less than {_WHOLE_PRICE_BPS}"
                    raise ValueError(msg)
        return self


class VolumeShareSlippage(CostSettings):
    """Move the price by the square of the share that a fill has in its bar's volume.

    The price moves by `price_impact` x share² of itself, as in zipline's `VolumeShareSlippage`. Unlike
    there, the share is not capped here: how much of a bar may be traded is a matter of filling, not of price.

    Args:
        price_impact: the move of a fill that is the whole volume, as a fraction of the price.
        fallback_bps: slippage where the bar's volume is unknown or zero; without it such a trade stops the
            run.
    """

    type: Literal["volume_share"]
    price_impact: NonNegative = Decimal("0.1")
    fallback_bps: BasisPoints | None = None


class SquareRootSlippage(CostSettings):
    """Move the price by the square-root law of market impact.

    The price moves by coefficient x daily volatility x √(quantity / average daily volume) of itself. The law
    and a coefficient of order one: B. Tóth et al., "Anomalous price impact and the critical nature of
    liquidity in financial markets", Physical Review X 1, 021006 (2011). R. Almgren, C. Thum, E. Hauptmann and
    H. Li, "Direct estimation of equity market impact", Risk 18 (2005), find an exponent of 3/5 on the part
    that decays; the root is the rounder law and a little dearer for small trades.

    Args:
        coefficient: what the product is multiplied with.
        days: sessions over which volume and volatility are measured, closed before the bar that fills.
        fallback_bps: slippage while they are not known; without it a run whose data cannot say is refused.
    """

    type: Literal["square_root"]
    coefficient: NonNegative = Decimal(1)
    days: Annotated[int, Field(ge=2, le=1_000)] = 20
    fallback_bps: BasisPoints | None = None


class CustomSlippage(CostSettings):
    """Ask a model of one's own, see `qtrader.services.execution.cost_models.SlippageModel`.

    Args:
        model: the class, as "package.module:Class".
        parameters: keyword arguments of the class.
    """

    type: Literal["custom"]
    model: Reference
    parameters: Parameters = Field(default_factory=dict)


SlippageSettings = Annotated[
    NoSlippage
    | FixedBpsSlippage
    | SpreadSlippage
    | VolumeShareSlippage
    | SquareRootSlippage
    | CustomSlippage,
    Field(discriminator="type"),
]


def read_slippage(value: Any) -> Any:
    """Turn the short forms of slippage into the long one.

    None is none, a name a model without keys, an object with a method `price` a model of one's own.

    Raises:
        ValueError: a bare number, whose unit nobody can know, or no model.
    """
    if value is None:
        return NoSlippage()
    if isinstance(value, str):
        return {"type": value}
    if isinstance(value, (Mapping, BaseModel)):
        return value
    if inspect.isclass(value) or callable(getattr(value, "price", None)):
        return CustomSlippage(**describe_model(value, "price"))
    shapes = f"slippage_bps: {value}, or a mapping such as {{type: spread, half_spread: 1, unit: bps}}"
    msg = f"found {value!r}, in which unit? Write {shapes}"
    raise ValueError(msg)
