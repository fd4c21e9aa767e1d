"""What execution asks of the market besides the bars that it is given."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from qtrader.events.events import PriceBarEvent


class MarketView(Protocol):
    """Answer from what is known at the instant asked about, and from the calendars."""

    def session_close_after(self, symbol: str, instant_us: int) -> int:
        """Return the first session close of a symbol strictly after an instant."""
        ...

    def session_prints(self, bar: PriceBarEvent) -> tuple[bool, bool]:
        """Say whether a session of the bar's symbol opens in it, and whether one closes in it."""
        ...

    def previous_bar(self, bar: PriceBarEvent) -> PriceBarEvent | None:
        """Return the bar of the same symbol and interval before this one."""
        ...

    def last_price(self, symbol: str) -> Decimal | None:
        """Return a symbol's last close, after splits that took effect since; None before its first bar."""
        ...

    def average_true_range(self, strategy_id: str, symbol: str, period: int, at_us: int) -> Decimal | None:
        """Return Wilder's average true range by an instant, over the finest bars that a strategy sees.

        It is None where too few of them have closed.
        """
        ...
