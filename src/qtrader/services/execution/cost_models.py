"""What a commission or a slippage model is told, and what it answers.

A commission model is a function of everything that an order has traded so far, never of a single fill: the
fill is charged the difference to what the order was charged before, so that minimum, cap and tiers hold
however many fills an order takes. A slippage model answers with a price that is not rounded; rounding to the
tick against the trader happens in one place, `qtrader.services.execution.slippage`. Limit orders never slip
and are not asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from qtrader.errors import QTraderError
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import OrderType, Side


class CostModelError(QTraderError):
    """A cost model cannot say what a trade costs: names the model, the trade and what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What an order has traded in all, the fill that is being charged included.

    Args:
        symbol: what was traded.
        side: which way.
        quantity: units traded by the order, unsigned.
        value: the sum of quantity times price over its fills, in the instrument's currency.
        maker_value: the part of `value` that rested and was filled at its limit; the rest took liquidity.
        month_quantity: units of everything that the account traded in the calendar month (UTC) of the order's
            first fill, before that fill.
        month_value: the same in money.
        first_executed_at: market time of the order's first fill, which decides its month and dated rates.
    """

    symbol: str
    side: Side
    quantity: Decimal
    value: Decimal
    maker_value: Decimal
    month_quantity: Decimal
    month_value: Decimal
    first_executed_at: datetime


class MarketFacts(Protocol):
    """What was known of a symbol's trading at an instant; None where it is not known."""

    def average_daily_volume(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        """Return the mean volume of the last `days` sessions closed by an instant, in units of that day."""
        ...

    def daily_volatility(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        """Return the standard deviation (ddof 1) of the last `days` close-to-close returns, as a fraction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A fill whose price is asked for.

    Args:
        symbol: what is traded.
        side: which way.
        quantity: units of this fill, unsigned.
        reference_price: the price before slippage.
        order_type: of the order; never one with a limit.
        bar_volume: volume of the bar that fills it, in units; None where it is unknown or zero.
        opened_at_us: when that bar opened, in microseconds since the Unix epoch.
        facts: answers for `average_daily_volume` and `daily_volatility`.
    """

    symbol: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    order_type: OrderType
    bar_volume: Decimal | None
    opened_at_us: int
    facts: MarketFacts

    def average_daily_volume(self, days: int) -> Decimal | None:
        """Return the mean volume of the `days` sessions closed before the bar opened; None if unknown."""
        return self.facts.average_daily_volume(self.symbol, days, self.opened_at_us)

    def daily_volatility(self, days: int) -> Decimal | None:
        """Return the standard deviation of the `days` daily returns known at the bar's open; None if not."""
        return self.facts.daily_volatility(self.symbol, days, self.opened_at_us)


class CommissionModel(Protocol):
    """Say what an order owes."""

    def commission(self, traded: Traded) -> Decimal:
        """Return what the order owes in all so far, in the instrument's currency; negative is a rebate."""
        ...


class SlippageModel(Protocol):
    """Say what a trade pays or receives."""

    def price(self, trade: Trade) -> Decimal:
        """Return the price including slippage, unrounded, never better than the reference price."""
        ...


class OrderSoFar(Protocol):
    """What charging must know of an order: a working order as it is before the fill."""

    @property
    def order(self) -> OrderEvent:
        """The order as it was accepted."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Units ordered, as restated by splits."""
        ...

    @property
    def filled_quantity(self) -> Decimal:
        """Units filled before."""
        ...

    @property
    def filled_value(self) -> Decimal:
        """Value of what was filled before."""
        ...

    @property
    def commission(self) -> Decimal:
        """What was charged before."""
        ...
