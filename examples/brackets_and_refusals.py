"""Stop loss and take profit, sizes in percent of equity, and why signals were refused."""

from __future__ import annotations

import qtrader as qt


class Breakout(qt.Strategy):
    """Buy a new high of `window` closes with a stop below and a target above."""

    window: int = 50
    stop_percent: float = 5.0
    target_percent: float = 15.0

    def on_start(self, context: qt.Context) -> None:
        """Remember closes for each symbol."""
        self.closes: dict[str, list[float]] = {symbol: [] for symbol in context.universe}

    def on_bar(self, bar: qt.PriceBarEvent, context: qt.Context) -> None:
        """Buy at a new high; the bracket's two orders close the position."""
        closes = self.closes[bar.symbol]
        close = bar.close * bar.signal_factor
        if len(closes) == self.window and close > max(closes):
            context.emit_signal(
                bar.symbol,
                qt.SignalIntention.OPEN_LONG,
                reason=f"highest close of {self.window} bars",
                stop_loss=bar.close * (1 - self.stop_percent / 100),
                take_profit=bar.close * (1 + self.target_percent / 100),
            )
        closes.append(close)
        del closes[: -self.window]


def main() -> None:
    """Run it and ask why signals became no orders."""
    results = qt.backtest(
        qt.sample_data(),
        Breakout,
        risk="percent_of_equity",
        slippage_bps=2,
        commission={"type": "per_share", "amount": 0.005, "minimum": 1},
    )
    print(results)
    for reason, count in results.refusal_counts.items():
        print(f"{reason}: {count}")
    print(results.refusals.head(3))


if __name__ == "__main__":
    main()
