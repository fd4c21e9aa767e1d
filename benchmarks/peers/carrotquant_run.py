"""Run workloads through carrotquant-engine: a Python callback per instant on columns (`callback`).

The callback sees arrays over symbols and keeps running sums in them; orders fill at the next open
(`matching_mode="open"`), with a fee of 0.1 % and no tax, slippage or minimum. Its broker is numba; it records
trades, cash and equity, and calculates its metrics only when asked.
"""

from __future__ import annotations

import adapter
import numpy as np
from cq.engine import Engine
from cq.engine.feed.matrix_builder import MarketData


class Columns:
    """The crossover of running means of all symbols at once."""

    def __init__(self, symbols, fast=10, slow=50):
        self.fast, self.slow, self.place = fast, slow, 0
        self.ring = np.zeros((slow, symbols))
        self.short, self.long = np.zeros(symbols), np.zeros(symbols)
        self.state = np.zeros(symbols, dtype=np.int8)

    def update(self, close):
        """Take an instant in and return where it crossed: +1, -1 or 0 for each symbol."""
        fast, slow, place, ring = self.fast, self.slow, self.place, self.ring
        self.short += close
        self.long += close
        if place >= fast:
            self.short -= ring[(place - fast) % slow]
        if place >= slow:
            self.long -= ring[place % slow]
        ring[place % slow] = close
        self.place += 1
        if self.place < slow:
            return None
        difference = self.short * (slow / fast) - self.long
        now = np.where(difference > 1e-6, 1, np.where(difference < -1e-6, -1, self.state)).astype(np.int8)
        moved = np.where((now != self.state) & (self.state != 0), now, 0)
        self.state = now
        return moved


class Flips:
    """Buy and sell in turns."""

    def __init__(self, symbols):
        self.moves = np.full(symbols, -1)

    def update(self, close):
        """Take an instant in."""
        self.moves = -self.moves
        return self.moves


def market(data):
    """Return the bars as the engine takes them; instants are milliseconds."""
    return MarketData(
        data.closed_at_us // 1_000,
        data.names,
        data.open,
        data.high,
        data.low,
        data.close,
        volume=data.volume,
        is_tradable=np.ones(data.close.shape, dtype=bool),
    )


def engine(data):
    """Return an engine; it takes room for all trades at the start."""
    return Engine(
        initial_cash=adapter.CASH,
        fee_rate=adapter.COMMISSION,
        min_fee=0.0,
        stamp_duty=0.0,
        slippage=0.0,
        matching_mode="open",
        max_trades=max(1_000, data.bars * data.symbols),
    )


def callback(data, options):
    """Prepare a run of a Python callback."""
    given = market(data)
    kind = Flips if options.get("logic") == "every_bar" else Columns

    def run():
        state, held = kind(data.symbols), np.zeros(data.symbols, dtype=bool)

        def on_instant(ctx):
            moves = state.update(ctx.close)
            if moves is None:
                return
            for place in np.flatnonzero(moves):
                if moves[place] > 0:
                    held[place] = True
                    ctx.buy(place, 100.0)
                elif held[place]:
                    held[place] = False
                    ctx.sell(place, 100.0)

        return {"fills": len(engine(data).run(strategy=on_instant, data=given).trade_logs)}

    return run


def arrays(data, options):
    """Prepare a run on a matrix of signals; signals are part of the run."""
    given = market(data)

    def run():
        ups, downs = adapter.signals(data, options)
        sides = ups.astype(np.int8) - downs.astype(np.int8)
        # A sale before the first purchase would open a short.
        held = np.maximum.accumulate(ups, axis=0)
        sides[(sides < 0) & ~held] = 0
        amounts = np.full(sides.shape, 100.0)
        return {"fills": len(engine(data).run(signals=sides, amounts=amounts, data=given).trade_logs)}

    return run


if __name__ == "__main__":
    adapter.main("carrotquant-engine", {"callback": callback, "arrays": arrays})
