"""Run workloads through ml4t-backtest: per-symbol Python logic in `on_data` (`callback`).

Orders fill at the next open (`ExecutionMode.NEXT_BAR`). It records fills, trades and an equity curve; its
feed is partitioned by instant before the run, and rows become dictionaries within it.
"""

from __future__ import annotations

import adapter
import numpy as np
import polars as pl
from ml4t.backtest import BacktestConfig, DataFeed, Engine, Strategy
from ml4t.backtest.config import CommissionType


def frame(data):
    """Return the bars as the frame that a feed takes."""
    instants = np.repeat(data.closed_at_us, data.symbols)
    columns = {name: getattr(data, name).ravel() for name in ("open", "high", "low", "close", "volume")}
    return pl.DataFrame(
        {
            "timestamp": pl.Series(instants).cast(pl.Datetime("us")),
            "symbol": data.names * data.bars,
            **columns,
        }
    )


def callback(data, options):
    """Prepare a run; the feed is made anew for each, for an engine consumes it."""
    feed = DataFeed(prices_df=frame(data))
    logic = adapter.logic(options)

    class Crossing(Strategy):
        def on_start(self, broker):
            self.updates = {name: logic().update for name in data.names}
            self.held = set()

        def on_data(self, timestamp, data, context, broker):
            updates, held = self.updates, self.held
            for symbol, bar in data.items():
                move = updates[symbol](bar["close"])
                if move > 0:
                    held.add(symbol)
                    broker.submit_order(symbol, 100)
                elif move < 0 and symbol in held:
                    held.discard(symbol)
                    broker.submit_order(symbol, -100)

    config = BacktestConfig(
        initial_cash=adapter.CASH,
        commission_type=CommissionType.PERCENTAGE,
        commission_rate=adapter.COMMISSION,
        slippage_rate=0.0,
    )

    def run():
        result = Engine(feed, Crossing(), config).run()
        return {"fills": len(result.fills), "trades": len(result.trades)}

    return run


if __name__ == "__main__":
    adapter.main("ml4t-backtest", {"callback": callback})
