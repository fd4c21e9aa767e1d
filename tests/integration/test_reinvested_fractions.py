"""A position that reinvestment has moved off the instrument's step can still be closed whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qtrader as qt

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context


class HoldFor(qt.Strategy):
    """Buy on the first bar, sell everything after some bars."""

    bars: int = 1_500

    def on_start(self, context: Context) -> None:
        self.seen = 0

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self.seen += 1
        if self.seen == 1:
            context.emit_signal(bar.symbol, qt.SignalIntention.OPEN_LONG)
        if self.seen == self.bars:
            context.emit_signal(bar.symbol, qt.SignalIntention.CLOSE_LONG)


def test_a_fraction_that_reinvestment_made_is_closed_with_the_rest() -> None:
    results = qt.backtest(qt.sample_data("MSFT"), HoldFor, dividends="reinvest")

    bought, sold = results.fills.sort("executed_at")["quantity"].to_list()
    assert bought == 100.0
    # 100 shares, a 2-for-1 split, and dividends reinvested in fractions.
    assert sold > 200.0
    assert sold != int(sold)
    assert results.open_positions == ()
    assert results.orders["status"].to_list() == ["filled", "filled"]
