"""The equity curve as a frame."""

from __future__ import annotations

import numpy as np
import polars as pl

from qtrader.engine.completed_run import CompletedRun
from qtrader.engine.results_frames import INSTANT, dtype_of
from qtrader.services.reporting.drawdowns import drawdown_series
from qtrader.services.reporting.metrics import AccountSeries
from qtrader.services.reporting.moments import FloatArray
from qtrader.services.reporting.returns import returns_from_equity, wealth_index
from qtrader.services.reporting.valuations import Valuations

_AMOUNTS = (
    "gross_exposure",
    "net_exposure",
    "realized_pnl",
    "unrealized_pnl",
    "dividend_income",
    "dividends_receivable",
    "commissions",
)


def drawdown_of(account: AccountSeries) -> FloatArray:
    """Give the drawdown at every point: of equity or, where money came or went, of time-weighted wealth."""
    if account.flows is None:
        return drawdown_series(account.equity)
    return drawdown_series(wealth_index(returns_from_equity(account.equity, account.flows)))


def benchmark_of(run: CompletedRun, account: AccountSeries) -> FloatArray | None:
    """Give the benchmark at every point, scaled to the starting capital."""
    if run.benchmark is None:
        return None
    values = run.benchmark.at(account.valued_at_us)
    scaled: FloatArray = values / values[0] * account.equity[0]
    return scaled


def equity_frame(run: CompletedRun, account: AccountSeries, valuations: Valuations) -> pl.DataFrame:
    """Build the frame of n + 1 points from n valuations."""
    returns = returns_from_equity(account.equity, account.flows)
    columns = [
        pl.Series("session", [None, *valuations.sessions], dtype=pl.Date),
        pl.Series("valued_at", account.valued_at_us, dtype=pl.Int64).cast(dtype_of(INSTANT)),
        pl.Series("equity", account.equity),
    ]
    for name, first in (("cash", float(run.initial_equity)), *((name, 0.0) for name in _AMOUNTS)):
        columns.append(pl.Series(name, np.concatenate(([first], valuations.amounts(name)))))
    undefined = np.array([np.nan])
    columns.append(pl.Series("period_return", np.concatenate((undefined, returns))).fill_nan(None))
    columns.append(pl.Series("drawdown", drawdown_of(account)).fill_nan(None))
    benchmark = benchmark_of(run, account)
    if benchmark is not None:
        columns.append(pl.Series("benchmark", benchmark))
    return pl.DataFrame(columns)
