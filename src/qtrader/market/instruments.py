"""What is traded, and the grid that its prices and quantities lie on.

Observed prices are never rounded. Computed ones are rounded to the tick: a fill's price against the trader, a
strategy's price to its side's conservative neighbour (buy limit down, sell limit up, buy stop up, sell stop
down). Quantities are rounded towards zero, so that no rounding ever buys more than was approved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import Side

#: The finest quantity that is ever booked; an instrument's own lot size may be coarser.
QUANTITY_STEP: Final = Decimal("0.00000001")

#: ISO 4217 codes, and the tickers of digital assets.
CURRENCY_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9]{2,9}", re.ASCII)


class Rounding(StrEnum):
    """The direction in which a computed price goes to the tick."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable thing.

    Args:
        symbol: its name on the tape.
        currency: that its prices are in, an ISO 4217 code or a digital asset's ticker.
        tick_size: the step of its prices; None leaves computed prices unrounded.
        quantity_step: the step of its quantities, at least 1e-8.
        calendar: the name of its session calendar; None means UTC days.
        exchange: where it is listed, for reports.
    """

    symbol: str
    currency: str = "USD"
    tick_size: Decimal | None = Decimal("0.01")
    quantity_step: Decimal = Decimal(1)
    calendar: str | None = None
    exchange: str | None = None

    def __post_init__(self) -> None:
        if not self.symbol:
            self._refuse("symbol", self.symbol, "a name")
        if not CURRENCY_PATTERN.fullmatch(self.currency):
            self._refuse(
                "currency", self.currency, "3 to 10 capital letters and digits, for example USD or USDT"
            )
        if self.tick_size is not None and not (self.tick_size.is_finite() and self.tick_size > 0):
            self._refuse("tick_size", self.tick_size, "a positive number, or none for unrounded prices")
        if not (self.quantity_step.is_finite() and self.quantity_step >= QUANTITY_STEP):
            self._refuse("quantity_step", self.quantity_step, f"at least {QUANTITY_STEP:f}")

    def _refuse(self, field: str, found: object, allowed: str) -> None:
        msg = f"instrument {self.symbol!r}: {field} is {found!r}; allowed is {allowed}"
        raise ConfigError(msg)

    def round_fill_price(self, price: Decimal, side: Side) -> Decimal:
        """Round a computed fill price against the trader: up for a buy, down for a sell."""
        return round_fill_price(price, side, self.tick_size)

    def round_limit_price(self, price: Decimal, side: Side) -> Decimal:
        """Round a strategy's limit price: down for a buy, up for a sell."""
        return round_limit_price(price, side, self.tick_size)

    def round_stop_price(self, price: Decimal, side: Side) -> Decimal:
        """Round a strategy's stop price: up for a buy, down for a sell."""
        return round_stop_price(price, side, self.tick_size)

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """Round a quantity towards zero to the instrument's step."""
        return round_quantity(quantity, self.quantity_step)


def round_to_tick(price: Decimal, tick: Decimal | None, rounding: Rounding) -> Decimal:
    """Round a price to a multiple of the tick, down or up; without a tick it stays as it is.

    A price that already lies on the tick is unchanged in value. A positive price below one tick becomes one
    tick even when rounded down, because zero is no price.
    """
    if tick is None:
        return price
    # Integer division truncates exactly; a rounded quotient could jump over the tick that it should stop at.
    ticks, rest = divmod(price, tick)
    if rest > 0 and (rounding is Rounding.UP or ticks == 0):
        ticks += 1
    elif rest < 0 and rounding is Rounding.DOWN:
        ticks -= 1
    return ticks * tick


def round_fill_price(price: Decimal, side: Side, tick: Decimal | None) -> Decimal:
    """Round a computed fill price against the trader."""
    return round_to_tick(price, tick, Rounding.UP if side is Side.BUY else Rounding.DOWN)


def round_limit_price(price: Decimal, side: Side, tick: Decimal | None) -> Decimal:
    """Round a limit price so that it never pays more or takes less than the strategy said."""
    return round_to_tick(price, tick, Rounding.DOWN if side is Side.BUY else Rounding.UP)


def round_stop_price(price: Decimal, side: Side, tick: Decimal | None) -> Decimal:
    """Round a stop price so that it triggers no earlier than the strategy said."""
    return round_to_tick(price, tick, Rounding.UP if side is Side.BUY else Rounding.DOWN)


def round_quantity(quantity: Decimal, step: Decimal = QUANTITY_STEP) -> Decimal:
    """Round a quantity towards zero to a multiple of the step."""
    return quantity // step * step


class Instruments:
    """Look up instruments by symbol; one that is not listed gets the default's currency, tick and step."""

    def __init__(self, instruments: Iterable[Instrument] = (), default: Instrument | None = None) -> None:
        listed: dict[str, Instrument] = {}
        for instrument in instruments:
            if listed.setdefault(instrument.symbol, instrument) != instrument:
                first = listed[instrument.symbol]
                msg = f"instrument {instrument.symbol!r} is defined twice: {first} and {instrument}"
                raise ConfigError(msg)
        self._instruments = listed
        self._default = Instrument(symbol="*") if default is None else default

    def __getitem__(self, symbol: str) -> Instrument:
        found = self._instruments.get(symbol)
        if found is None:
            found = self._instruments[symbol] = replace(self._default, symbol=symbol)
        return found

    @property
    def listed(self) -> Mapping[str, Instrument]:
        """The instruments known so far by symbol, sorted."""
        return dict(sorted(self._instruments.items()))
