"""A strategy that tests name by "module:Class"."""

from __future__ import annotations

import qtrader as qt


class EveryFew(qt.Strategy):
    """Buy every so many bars."""

    count: int = 3
    quantity: int = 10

    def on_start(self, context: qt.Context) -> None:
        self.seen = 0

    def on_bar(self, bar: qt.PriceBarEvent, context: qt.Context) -> None:
        self.seen += 1
        if self.seen % self.count == 0:
            context.emit_signal(bar.symbol, qt.SignalIntention.OPEN_LONG, quantity=self.quantity)
