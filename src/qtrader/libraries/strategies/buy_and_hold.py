"""Buy on the first tradable bar of each symbol and hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.events.vocabulary import SignalIntention
from qtrader.services.strategy.protocol import Strategy

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context


class BuyAndHoldStrategy(Strategy):
    """Open a long (or, with `is_short`, a short) position once per symbol."""

    is_short: bool = False

    def on_start(self, context: Context) -> None:  # noqa: ARG002 - the signature is the base's
        """Forget earlier runs."""
        self._opened: set[str] = set()

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Signal once per symbol."""
        if bar.symbol in self._opened or context.is_warmup:
            return
        self._opened.add(bar.symbol)
        intention = SignalIntention.OPEN_SHORT if self.is_short else SignalIntention.OPEN_LONG
        context.emit_signal(bar.symbol, intention, reason="first tradable bar")
