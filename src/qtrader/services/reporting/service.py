"""The reporting service: it takes note of what is valued while a run goes on, and measures it at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from qtrader.events.base import BaseEvent
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.services.reporting.equity import BenchmarkSeries, account_series
from qtrader.services.reporting.metrics import MeasureConventions, PerformanceSummary, summarize
from qtrader.services.reporting.trades import trades_from
from qtrader.services.reporting.valuations import Valuations


class ReportingService:
    """Take note of valuations; nothing is computed before somebody asks.

    Args:
        initial_equity: the starting capital, the first point of the equity curve.
        trading_starts_us: valuations up to and including this instant are warmup and not measured.
        read_valuations: gives the valuations again, from a log; without it the service keeps them.
    """

    __slots__ = ("_initial_equity", "_kept", "_trading_starts_us", "_valuations")

    def __init__(
        self,
        *,
        initial_equity: Decimal,
        trading_starts_us: int = -(2**63),
        read_valuations: Callable[[], Iterable[ConsolidatedPortfolioEvent]] | None = None,
    ) -> None:
        self._initial_equity = initial_equity
        self._trading_starts_us = trading_starts_us
        kept: list[ConsolidatedPortfolioEvent] = []
        self._kept = kept if read_valuations is None else None
        self._valuations = Valuations(read_valuations or (lambda: kept))

    def on_consolidated_portfolio(self, event: ConsolidatedPortfolioEvent) -> None:
        """Take note of a valuation."""
        if self._kept is not None:
            self._kept.append(event)
        self._valuations.add(event)

    @property
    def valuations(self) -> Valuations:
        """Every valuation so far, in order."""
        return self._valuations

    def summary(
        self,
        events: Iterable[BaseEvent],
        *,
        began_us: int,
        benchmark: BenchmarkSeries | None = None,
        conventions: MeasureConventions | None = None,
    ) -> PerformanceSummary:
        """Measure the run so far.

        Args:
            events: the log; its fills and ledger entries make trades, turnover and flows.
            began_us: the instant of the starting capital, before the first valuation.
            benchmark: what to compare with.
            conventions: periods a year, risk-free rate and what else is assumed.

        Raises:
            MetricInputError: an input is not usable, for example valuations that do not increase in time.
        """
        log = tuple(events)
        valued = self._valuations.after(self._trading_starts_us)
        account = account_series(self._initial_equity, began_us, valued, log)
        return summarize(
            account,
            trades=[trade.as_closed() for trade in trades_from(log) if not trade.is_open],
            benchmark=None if benchmark is None or not valued else benchmark.over(account.valued_at_us),
            conventions=conventions,
        )
