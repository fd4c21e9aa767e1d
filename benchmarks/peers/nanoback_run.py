"""Run workloads through nanoback: a matrix of target positions, made before its loop (`arrays`).

It knows one price a bar: it is given the opens, and each target one bar after it was decided, so that it
fills at the next open. Fees are 10 basis points. It keeps fills, positions and curves, but no log.
"""

from __future__ import annotations

import adapter
import nanoback
import numpy as np


def arrays(data, options):
    """Prepare a run; signals and targets are part of it."""

    def run():
        ups, downs = adapter.signals(data, options)
        bars = np.arange(data.bars)[:, None]
        last_up, last_down = (
            np.maximum.accumulate(np.where(side, bars, -1), axis=0) for side in (ups, downs)
        )
        targets = np.zeros(data.close.shape, dtype=np.int64)
        targets[1:] = np.where(last_up > last_down, adapter.SHARES, 0)[:-1]
        config = nanoback.BacktestConfig()
        config.starting_cash = adapter.CASH
        config.max_position = adapter.SHARES
        config.lot_size = 1
        config.commission_bps = adapter.COMMISSION * 10_000
        config.slippage_bps = 0.0
        config.latency_steps = 0
        config.max_participation_rate = 1.0
        result = nanoback.wrapper.run_backtest_matrix(
            timestamps=data.closed_at_ns,
            close=data.open,
            high=data.open,
            low=data.open,
            volume=data.volume,
            target_positions=targets,
            order_types=np.full(targets.shape, int(nanoback.OrderType.MARKET), dtype=np.int8),
            config=config,
            symbols=data.names,
        )
        return {"fills": len(result.fills)}

    return run


if __name__ == "__main__":
    adapter.main("nanoback", {"arrays": arrays})
