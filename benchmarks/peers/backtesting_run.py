"""Run workloads through backtesting.py: per-bar Python in `next`, one symbol (`callback`).

Market orders of 100 fill at the next open, commission is 0.1 % of value. The run ends with its table of
statistics, which is part of its time; it keeps trades and an equity curve, but no log.
"""

from __future__ import annotations

import warnings

import adapter
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting import backtesting as module

warnings.filterwarnings("ignore")
module._tqdm = lambda sequence, **_: sequence  # noqa: SLF001 - there is no public way to be quiet


def callback(data, options):
    """Prepare a run."""
    columns = {name.title(): data.series(name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=pd.to_datetime(data.closed_at_us, unit="us"))
    logic = adapter.logic(options)

    class Crossing(Strategy):
        def init(self):
            self.update, self.is_long = logic().update, False
            # `next` begins with the second bar.
            self.update(float(self.data.df["Close"].iloc[0]))

        def next(self):
            move = self.update(float(self.data.Close[-1]))
            if move > 0:
                self.is_long = True
                self.buy(size=100)
            elif move < 0 and self.is_long:
                self.is_long = False
                self.sell(size=100)

    def run():
        test = Backtest(frame, Crossing, cash=adapter.CASH, commission=adapter.COMMISSION)
        found = test.run()
        still_open = len(found["_strategy"].trades)
        return {"fills": 2 * len(found["_trades"]) + still_open, "trades": len(found["_trades"]) + still_open}

    return run


if __name__ == "__main__":
    adapter.main("backtesting", {"callback": callback})
