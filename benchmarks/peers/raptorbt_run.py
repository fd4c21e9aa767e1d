"""Run workloads through raptorbt: its class API (`class`, `class_array`) and its batch of signals (`sweep`).

`class` keeps the running means in Python, as QTrader's strategy does; `class_streaming` uses the peer's own
streaming indicators; `class_array` calculates all crosses before the first bar, as the peer's example does.
Fills are at the next open (`fill_timing="next_bar_open"`). An order of 100 shares is an entry of the cash of
150 that lots of 100 cut to one: orders in units cost time that grows with all orders before them (a million
bars took 40 times as long). It keeps trades and curves, but no log.
"""

from __future__ import annotations

import os

os.environ["RAPTORBT_NO_VERSION_CHECK"] = "1"

import adapter
import numpy as np
import raptorbt


def config():
    """Return the settings of all runs."""
    return raptorbt.BacktestConfig(
        initial_capital=adapter.CASH, fees=adapter.COMMISSION, fill_timing="next_bar_open"
    )


class Closed(raptorbt.Strategy):
    """Keep the running state of the logic in Python."""

    logic = adapter.Cross

    def on_start(self, ctx):
        """Start the logic."""
        self.update, self.is_long = self.logic().update, False

    def on_bar(self, ctx):
        """Ask the logic and trade."""
        price = ctx.bar.close
        move = self.update(price)
        if move > 0:
            self.is_long = True
            self.enter(size_frac=fraction(price, ctx.cash))
        elif move < 0 and self.is_long:
            self.is_long = False
            self.close_position()


class Streaming(raptorbt.Strategy):
    """Use the peer's own streaming indicators."""

    def on_start(self, ctx):
        """Register them."""
        self.fast = self.register_indicator(raptorbt.Indicator.sma(10))
        self.slow = self.register_indicator(raptorbt.Indicator.sma(50))
        self.is_above, self.is_long = None, False

    def on_bar(self, ctx):
        """Trade on crosses."""
        if not self.slow.initialized:
            return
        difference = self.fast.value - self.slow.value
        if -1e-9 < difference < 1e-9:
            return
        is_above, was_above = difference > 0, self.is_above
        if is_above is was_above:
            return
        self.is_above = is_above
        if was_above is None:
            return
        if is_above:
            self.is_long = True
            self.enter(size_frac=fraction(ctx.bar.close, ctx.cash))
        elif self.is_long:
            self.is_long = False
            self.close_position()


class Array(raptorbt.Strategy):
    """Read crosses that were calculated before the first bar."""

    ups = downs = None
    is_long = False

    def on_bar(self, ctx):
        """Trade on crosses."""
        place = ctx.idx
        if self.ups[place]:
            self.is_long = True
            self.enter(size_frac=fraction(ctx.bar.close, ctx.cash))
        elif self.downs[place] and self.is_long:
            self.is_long = False
            self.close_position()


def lots():
    """Return the setting that cuts an entry to lots of 100."""
    return raptorbt.InstrumentConfig(lot_size=float(adapter.SHARES))


def fraction(price, cash):
    """Return what part of the cash makes an entry of one lot, and less than two."""
    return 1.5 * adapter.SHARES * price / cash


def class_run(strategy):
    """Return what prepares a run of the class API."""

    def prepare(data, options):
        columns = [data.series(name) for name in ("open", "high", "low", "close", "volume")]
        closed_at_ns = data.closed_at_ns

        def run():
            chosen = strategy()
            if strategy is Closed:
                chosen.logic = adapter.logic(options)
            if strategy is Array:
                chosen.ups, chosen.downs = (side[:, 0].tolist() for side in adapter.signals(data, options))
            result = raptorbt.run_strategy_backtest(
                chosen, closed_at_ns, *columns, symbol="S000", config=config(), instrument_config=lots()
            )
            return fills_of(result)

        return run

    return prepare


def fills_of(result):
    """Count the fills of a result's trades; a position that is held at the end was not closed by a fill."""
    trades = result.trades()
    forced = sum(trade.exit_reason in ("EndOfData", "end_of_data") for trade in trades)
    return {"fills": 2 * len(trades) - forced, "trades": len(trades)}


def portfolio(data, options):
    """Prepare a run of the class API over several symbols."""
    given = {
        name: {
            "timestamps": data.closed_at_ns,
            **{column: data.series(column, place) for column in ("open", "high", "low", "close", "volume")},
        }
        for place, name in enumerate(data.names)
    }
    logic = adapter.logic(options)

    class Many(raptorbt.Strategy):
        def on_start(self, ctx):
            self.logic, self.held = {symbol: logic() for symbol in ctx.symbols}, set()

        def on_bar(self, ctx):
            move = self.logic[ctx.symbol].update(ctx.bar.close)
            if move > 0:
                self.held.add(ctx.symbol)
                self.enter(size_frac=fraction(ctx.bar.close, ctx.cash))
            elif move < 0 and ctx.symbol in self.held:
                self.held.discard(ctx.symbol)
                self.close_position()

    def run():
        settings = dict.fromkeys(data.names, lots())
        result = raptorbt.run_portfolio_strategy(Many, given, config=config(), instrument_configs=settings)
        return {"fills": None, "trades": result.metrics.total_trades}

    return run


def sweep(data, options):
    """Prepare a batch of the pairs; indicators and signals are part of the run."""
    columns = [data.series(name) for name in ("open", "high", "low", "close", "volume")]
    closed_at_ns, close = data.closed_at_ns, data.series("close")

    def run():
        settings = config()
        items = []
        means = {
            length: raptorbt.sma(close, length)
            for length in {n for pair in adapter.pairs_of(options) for n in pair}
        }
        for fast, slow in adapter.pairs_of(options):
            with np.errstate(invalid="ignore"):
                above, below = means[fast] > means[slow], means[fast] < means[slow]
            ups, downs = np.zeros(len(close), bool), np.zeros(len(close), bool)
            ups[1:], downs[1:] = above[1:] & below[:-1], below[1:] & above[:-1]
            sizes = raptorbt.InstrumentConfig(lot_size=100.0, alloted_capital=None)
            items.append(
                raptorbt.BatchSingleItem(
                    f"{fast}/{slow}", ups, downs, config=settings, instrument_config=sizes
                )
            )
        results = raptorbt.batch_single_backtest(closed_at_ns, *columns, items, config=settings)
        trades = sum(result.metrics.total_trades for _, result in results)
        return {"fills": None, "trades": trades, "rows": len(close) * len(items)}

    return run


if __name__ == "__main__":
    modes = {
        "class": class_run(Closed),
        "class_streaming": class_run(Streaming),
        "class_array": class_run(Array),
    }
    adapter.main("raptorbt", {**modes, "portfolio": portfolio, "sweep": sweep})
