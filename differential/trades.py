"""What a program did with a case: its trades and the equity that it ended with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from differential.cases import CASH, Case


@dataclass(frozen=True)
class Trade:
    """A position from its entry to its exit; exit fields are None while it is open.

    Attributes:
        side: long or short.
        quantity: units.
        entry_bar, entry_price: which bar it was entered in, and at what price.
        exit_bar, exit_price: where it ended.
        reason: close (a turn), stop_loss or take_profit.
    """

    side: str
    quantity: int
    entry_bar: int
    entry_price: float
    exit_bar: int | None = None
    exit_price: float | None = None
    reason: str | None = None

    def __str__(self) -> str:
        """Show it in a line."""
        entry = f"{self.side} {self.quantity} in bar {self.entry_bar} at {self.entry_price!r}"
        if self.exit_bar is None:
            return f"{entry}, open"
        return f"{entry}, {self.reason} in bar {self.exit_bar} at {self.exit_price!r}"


@dataclass(frozen=True)
class Outcome:
    """What a program says of a case.

    Attributes:
        trades: in the order of their entries.
        commissions: paid by each closed trade for entry and exit.
        equity: at the last close, open positions marked there.
    """

    trades: tuple[Trade, ...]
    commissions: tuple[float, ...]
    equity: float

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Outcome:
        """Read what a peer's script wrote."""
        trades = tuple(Trade(**trade) for trade in found["trades"])
        return cls(trades, tuple(found["commissions"]), found["equity"])


def commission_of(case: Case, trade: Trade) -> Decimal:
    """Calculate what a closed trade pays for both its fills, each booked to eight places."""
    return _fee(case, trade, trade.entry_price) + _fee(case, trade, trade.exit_price)


def equity_of(case: Case, trades: tuple[Trade, ...]) -> Decimal:
    """Calculate the final equity that trades come to."""
    equity = Decimal(CASH)
    for trade in trades:
        sign = 1 if trade.side == "long" else -1
        left_at = case.tape.close[-1] if trade.exit_price is None else trade.exit_price
        equity += sign * trade.quantity * (_exact(left_at) - _exact(trade.entry_price))
        equity -= _fee(case, trade, trade.entry_price) + _fee(case, trade, trade.exit_price)
    return equity


def _fee(case: Case, trade: Trade, price: float | None) -> Decimal:
    if price is None:
        return Decimal(0)
    fee = trade.quantity * _exact(price) * Decimal(case.commission_percent) / 100
    return fee.quantize(Decimal("1e-8"))


def _exact(price: float) -> Decimal:
    return Decimal(repr(price))
