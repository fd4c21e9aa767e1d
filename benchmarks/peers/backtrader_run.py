"""Run workloads through backtrader: per-bar Python in `next` (`callback`).

Market orders of 100 fill at the next open, commission is 0.1 % of value. Feeds are preloaded before the run
(`preload`), which then only walks them; it keeps no log, and no observers or analyzers but a count of fills.
"""

from __future__ import annotations

import adapter
import backtrader as bt


class Feed(bt.feed.DataBase):
    """Bars from arrays."""

    params = (("columns", None), ("instants", None))

    def start(self):
        """Begin at the first bar."""
        super().start()
        self.rows = zip(self.p.instants, *self.p.columns, strict=True)

    def _load(self):
        row = next(self.rows, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = row
        lines.openinterest[0] = 0.0
        return True


def callback(data, options):
    """Prepare a run."""
    # Its instants are days since the year 1.
    instants = (data.closed_at_us / 86_400e6 + 719_163).tolist()
    logic = adapter.logic(options)
    fills = []

    class Crossing(bt.Strategy):
        def __init__(self):
            self.updates = [(feed, logic().update) for feed in self.datas]
            self.held = set()

        def notify_order(self, order):
            if order.status == order.Completed:
                fills.append(1)

        def next(self):
            held = self.held
            for feed, update in self.updates:
                move = update(feed.close[0])
                if move > 0:
                    held.add(feed)
                    self.buy(data=feed, size=100)
                elif move < 0 and feed in held:
                    held.discard(feed)
                    self.sell(data=feed, size=100)

    names = ("open", "high", "low", "close", "volume")
    columns = [[data.series(name, place).tolist() for name in names] for place in range(data.symbols)]

    def run():
        fills.clear()
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.broker.setcash(adapter.CASH)
        cerebro.broker.setcommission(commission=adapter.COMMISSION)
        cerebro.addstrategy(Crossing)
        for name, given in zip(data.names, columns, strict=True):
            cerebro.adddata(Feed(columns=given, instants=instants, timeframe=bt.TimeFrame.Minutes), name=name)
        cerebro.run()
        return len(fills)

    return run


if __name__ == "__main__":
    adapter.main("backtrader", {"callback": callback})
