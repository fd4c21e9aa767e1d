"""The equity curve as a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from qtrader.engine.completed_run import CompletedRun
from qtrader.engine.results_frames import INSTANT
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.services.reporting.drawdowns import drawdown_series
from qtrader.services.reporting.metrics import AccountSeries
from qtrader.services.reporting.moments import FloatArray
from qtrader.services.reporting.returns import returns_from_equity, wealth_index

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


def equity_frame(
    run: CompletedRun, account: AccountSeries, valuations: Sequence[ConsolidatedPortfolioEvent]
) -> pl.DataFrame:
    """Build the frame of n + 1 points from n valuations."""
    capital = float(run.initial_equity)
    returns = returns_from_equity(account.equity, account.flows)
    columns = [
        pl.Series("session", [None, *(one.session for one in valuations)], dtype=pl.Date),
        pl.Series("valued_at", account.valued_at_us, dtype=pl.Int64).cast(INSTANT),
        pl.Series("equity", account.equity),
        pl.Series("cash", [capital, *(float(one.cash) for one in valuations)], dtype=pl.Float64),
    ]
    for name in _AMOUNTS:
        values = [0.0, *(float(getattr(one, name)) for one in valuations)]
        columns.append(pl.Series(name, values, dtype=pl.Float64))
    undefined = np.array([np.nan])
    columns.append(pl.Series("period_return", np.concatenate((undefined, returns))).fill_nan(None))
    columns.append(pl.Series("drawdown", drawdown_of(account)).fill_nan(None))
    benchmark = benchmark_of(run, account)
    if benchmark is not None:
        columns.append(pl.Series("benchmark", benchmark))
    return pl.DataFrame(columns)
