"""How orders are filled and what trading costs, as a person writes it.

Every model is frozen and refuses unknown keys. Percentages are written in percent (0.1 means one per mille),
prices and amounts in the instrument's currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Which price a market order takes: the next bar's open or close, or the close of the bar that was decided
#: on.
MarketFill = Literal["next_open", "next_close", "same_close"]

_NonNegative = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoCommission(_Settings):
    """Trade for free."""

    type: Literal["none"] = "none"


class PercentCommission(_Settings):
    """Charge a share of the traded value.

    Args:
        percent: of quantity times price; 0.1 charges 1.00 on a trade of 1,000.00.
    """

    type: Literal["percent"]
    percent: _NonNegative


class PerShareCommission(_Settings):
    """Charge an amount for each unit, within bounds for the order.

    Args:
        amount: per unit traded.
        minimum: per order.
        maximum_percent: most that an order pays, in percent of its traded value; it wins over the minimum,
            as in Interactive Brokers' fixed pricing for US stocks. None for no cap.
    """

    type: Literal["per_share"]
    amount: _NonNegative
    minimum: _NonNegative = Decimal(0)
    maximum_percent: _NonNegative | None = None


class PerOrderCommission(_Settings):
    """Charge an amount for each order that trades, however many fills it takes.

    Args:
        amount: per order.
    """

    type: Literal["per_order"]
    amount: _NonNegative


CommissionSettings = Annotated[
    NoCommission | PercentCommission | PerShareCommission | PerOrderCommission, Field(discriminator="type")
]


class ExecutionSettings(_Settings):
    """State how orders are filled.

    Args:
        market_fill: the price that market orders take; `same_close` trades on the close that was decided on,
            which no one can do, and a run says so.
        limit_touch: whether a limit order fills where the price only touches its limit.
        slippage_bps: basis points by which market and stop orders pay more or receive less than the
            reference price.
        commission: the fees of an order.
        do_not_reduce: leave good-till-canceled buy limits and sell stops alone when a dividend goes ex.
    """

    market_fill: MarketFill = "next_open"
    limit_touch: bool = False
    slippage_bps: Annotated[Decimal, Field(ge=0, lt=10_000, allow_inf_nan=False)] = Decimal(0)
    commission: CommissionSettings = NoCommission()
    do_not_reduce: bool = False
