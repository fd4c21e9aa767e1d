"""Run workloads through vectorbt: signals on columns (`signals_numba`, `signals_rust`) and a sweep of pairs.

A signal is moved to the next bar and filled at its open. Indicators and signals are part of each run, as are
the order records; in a sweep also ten metrics for each pair, calculated by the peer from its records. It
keeps no log. Numba caches its compiled functions on disk where the peer asks for it.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import adapter  # noqa: E402 - the time of the imports is measured
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import vectorbt as vbt  # noqa: E402

IMPORTED = time.perf_counter() - BEGAN
METRICS = (
    "total_return",
    "annualized_return",
    "annualized_volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "omega_ratio",
    "max_drawdown",
    "value_at_risk",
    "downside_risk",
)


def moved(values):
    """Move signals to the bars in which they are acted on."""
    moved = np.zeros_like(values)
    moved[1:] = values[:-1]
    return moved


def portfolio(close, opened, ups, downs, engine, **grouping):
    """Run signals."""
    return vbt.Portfolio.from_signals(
        close,
        entries=moved(ups),
        exits=moved(downs),
        price=opened,
        size=100.0,
        fees=adapter.COMMISSION,
        init_cash=adapter.CASH,
        freq="1min",
        engine=engine,
        **grouping,
    )


def signals(engine):
    """Return what prepares a run of the crossover on columns."""

    def prepare(data, options):
        close, opened = pd.DataFrame(data.close), pd.DataFrame(data.open)

        def run():
            if options.get("logic") == "every_bar":
                ups, downs = adapter.signals(data, options)
            else:
                short = vbt.MA.run(close, 10, engine=engine).ma
                long = vbt.MA.run(close, 50, engine=engine).ma
                ups, downs = crossed(short.to_numpy(), long.to_numpy())
            found = portfolio(close, opened, ups, downs, engine, group_by=True, cash_sharing=True)
            return {"fills": len(found.orders.values), "import_seconds": IMPORTED}

        return run

    return prepare


def crossed(short, long):
    """Return where means cross; with NaN nothing does."""
    with np.errstate(invalid="ignore"):
        above, below = short > long, short < long
    ups, downs = np.zeros_like(above), np.zeros_like(above)
    ups[1:], downs[1:] = above[1:] & below[:-1], below[1:] & above[:-1]
    return ups, downs


def sweep(engine):
    """Return what prepares a sweep of the pairs, each with an account of its own for all symbols."""

    def prepare(data, options):
        close = pd.DataFrame(data.close)

        def run():
            pairs = adapter.pairs_of(options)
            lengths = sorted({length for pair in pairs for length in pair})
            means = vbt.MA.run(close, lengths, engine=engine).ma.to_numpy()
            means = means.reshape(data.bars, len(lengths), data.symbols)
            place = {length: number for number, length in enumerate(lengths)}
            columns = (data.bars, len(pairs) * data.symbols)
            short = means[:, [place[fast] for fast, _ in pairs]].reshape(columns)
            long = means[:, [place[slow] for _, slow in pairs]].reshape(columns)
            prices = {name: np.tile(getattr(data, name), len(pairs)) for name in ("close", "open")}
            grouping = {}
            if data.symbols > 1:
                groups = np.repeat(np.arange(len(pairs)), data.symbols)
                grouping = {"group_by": groups, "cash_sharing": True}
            ups, downs = crossed(short, long)
            found = portfolio(pd.DataFrame(prices["close"]), prices["open"], ups, downs, engine, **grouping)
            return {
                "fills": len(found.orders.values),
                "import_seconds": IMPORTED,
                "metrics": len(measured(found, options)),
                "rows": columns[0] * columns[1],
            }

        return run

    return prepare


def measured(found, options):
    """Calculate the metrics, unless the run is to be without."""
    if options.get("metrics") == "no":
        return []
    return [getattr(found, name)() for name in METRICS]


if __name__ == "__main__":
    modes = {f"signals_{engine}": signals(engine) for engine in ("numba", "rust")}
    adapter.main("vectorbt", {**modes, **{f"sweep_{engine}": sweep(engine) for engine in ("numba", "rust")}})
