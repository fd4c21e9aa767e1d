"""What a strategy wants when it hears of the last bar's fills is refused with a reason, not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qtrader as qt

if TYPE_CHECKING:
    from qtrader.services.strategy.context import Context


class ReopenAtOnce(qt.Strategy):
    """Buy at the close of the last bar, and want to sell as soon as that has filled."""

    def on_bar(self, bar: qt.PriceBarEvent, context: Context) -> None:
        if bar.close == 3.0:
            context.emit_signal(bar.symbol, "open_long")

    def on_fill(self, fill: Any, context: Context) -> None:
        context.emit_signal(fill.symbol, "close_long")


def test_a_signal_after_the_last_bar_is_refused_as_run_ended() -> None:
    days = {"date": ["2024-01-02", "2024-01-03", "2024-01-04"]}
    prices = {name: [1.0, 2.0, 3.0] for name in ("open", "high", "low", "close")}
    results = qt.backtest(days | prices, ReopenAtOnce, symbol="X", market_fill="same_close")

    assert results.fills["price"].to_list() == [3.0]
    assert results.refusals["reason"].to_list() == ["run_ended"]
