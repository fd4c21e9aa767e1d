"""Run workloads through deployquant: `on_data` per minute bar (`callback`), one symbol.

It knows US sessions alone and reads bars from a store of files. Here the store hands out the same bars from
memory, dealt to regular sessions of 390 minutes: prices, and so crosses and trades, are those of the other
engines, their times are not. A market order fills at the next bar; its fees are constant for each order, here
10, about 0.1 % of a trade. It keeps orders and an equity curve, but no log.
"""

from __future__ import annotations

from datetime import date, timedelta

import adapter
import numpy as np
from dqengine.runtime.algorithm_imports import register_algorithm_imports
from dqengine.runtime.backtester import PyBacktester
from dqengine.runtime.core.data import REG_OPEN_MS, DataStore, DayBars, close_time_ms

register_algorithm_imports()

from AlgorithmImports import ConstantFeeModel, QCAlgorithm, Resolution  # noqa: E402 - it is registered above

FIRST = date(2001, 1, 2)


class Store(DataStore):
    """The bars, by day."""

    def __init__(self, data):
        super().__init__("")
        self.bars = {}
        columns = [data.series(name) for name in ("open", "high", "low", "close", "volume")]
        day, first = FIRST, 0
        while first < data.bars:
            if day.weekday() < 5:
                held = min((close_time_ms(day) - REG_OPEN_MS) // 60_000, data.bars - first)
                start_ms = REG_OPEN_MS + 60_000 * np.arange(held, dtype=np.int64)
                self.bars[day] = DayBars(day, start_ms, *(column[first : first + held] for column in columns))
                first += held
            day += timedelta(days=1)

    def minute_days(self, symbol):
        """Return the days that have bars."""
        return list(self.bars)

    def load_minute_day(self, symbol, day):
        """Return a day's bars."""
        return self.bars.get(day)

    def load_daily(self, symbol):
        """Return no daily bars: nothing asks for them."""
        return {}


def callback(data, options):
    """Prepare a run."""
    store = Store(data)
    days = list(store.bars)
    logic = adapter.logic(options)

    class Crossing(QCAlgorithm):
        def initialize(self):
            self.set_start_date(days[0].year, days[0].month, days[0].day)
            self.set_end_date(days[-1].year, days[-1].month, days[-1].day)
            self.set_cash(adapter.CASH)
            self.share = self.add_equity("SPY", Resolution.MINUTE)
            self.share.set_fee_model(ConstantFeeModel(10.0))
            self.name = self.share.symbol
            self.update, self.is_long = logic().update, False

        def on_data(self, given):
            move = self.update(given.bars[self.name].close)
            if move > 0:
                self.is_long = True
                self.market_order(self.name, adapter.SHARES)
            elif move < 0 and self.is_long:
                self.is_long = False
                self.market_order(self.name, -adapter.SHARES)

    def run():
        found = PyBacktester(Crossing(), store).run()
        if "error" in found:
            raise RuntimeError(found["error"]["message"])
        return {"fills": len(found["fills"])} if "fills" in found else {"fills": None, "keys": sorted(found)}

    return run


if __name__ == "__main__":
    adapter.main("deployquant", {"callback": callback})
