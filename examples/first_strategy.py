"""A strategy, a backtest in one call, and what the results hold."""

from __future__ import annotations

import qtrader as qt


class BuyTheDip(qt.Strategy):
    """Buy when the RSI says oversold, sell when it says overbought."""

    length: int = 14
    oversold: float = 30.0
    overbought: float = 70.0

    def on_start(self, context: qt.Context) -> None:
        """Prepare an indicator for each symbol."""
        self.strength = {symbol: qt.indicators.RSI(self.length) for symbol in context.universe}

    def on_bar(self, bar: qt.PriceBarEvent, context: qt.Context) -> None:
        """Look at a bar that has just closed."""
        strength = self.strength[bar.symbol].update(bar.close * bar.signal_factor)
        is_long = context.position(bar.symbol).is_long
        if strength < self.oversold and not is_long:
            context.emit_signal(bar.symbol, qt.SignalIntention.OPEN_LONG, reason=f"RSI {strength:.1f}")
        elif strength > self.overbought and is_long:
            context.emit_signal(bar.symbol, qt.SignalIntention.CLOSE_LONG, reason=f"RSI {strength:.1f}")


def main() -> None:
    """Run it and look at the results."""
    results = qt.backtest(qt.sample_data("MSFT"), BuyTheDip, initial_equity=50_000, commission="0.1%")
    print(results)
    print(results.trades.select("symbol", "opened_at", "closed_at", "net_pnl").head(5))
    print(f"Sharpe {results.metrics['sharpe']:.2f}")


if __name__ == "__main__":
    main()
