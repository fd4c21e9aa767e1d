"""What a person may choose about the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PortfolioSettings(BaseModel):
    """Set the account's currency, its opening cash and how dividends are treated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    initial_cash: Decimal = Field(
        default=Decimal(100000), ge=0, allow_inf_nan=False, description="Deposit with which the books open."
    )
    base_currency: str = Field(
        default="USD",
        pattern=r"^[A-Z][A-Z0-9]{2,9}$",
        description="Currency of the account and of its totals.",
    )
    ledger_scale: int = Field(
        default=8,
        ge=0,
        le=18,
        description="Decimal places to which an amount is rounded, half-even, when it is posted.",
    )
    dividends: Literal["cash", "reinvest"] = Field(
        default="cash",
        description="cash: paid on the pay date; reinvest: a long buys, a short sells more of the same.",
    )
    reinvest_at: Literal["ex_close", "pay_close"] = Field(
        default="ex_close", description="At the close of which date a dividend is reinvested."
    )
    reinvest_in: Literal["fractions", "quantity_steps"] = Field(
        default="fractions",
        description="fractions: 1e-8 units, all of it; quantity_steps: whole steps, the rest in cash.",
    )

    @property
    def holds_fractions(self) -> bool:
        """Whether positions may lie off the quantity step, so that a split pays no cash in lieu."""
        return self.dividends == "reinvest" and self.reinvest_in == "fractions"
