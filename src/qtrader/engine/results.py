"""What a run found: measures, frames, events, a report.

`Results` computes nothing until it is asked and keeps what it computed; it writes nothing unless it is told
where. Measures, report and run directory come of one pass over the log, which holds the trades as columns and
nothing else that grows with the run; every other frame is made of a pass of its own. Frames hold floats to
compute with; the exact decimals are in `events()` and in `ledger`.
"""

from __future__ import annotations

from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from qtrader.clock import from_epoch_us
from qtrader.engine.completed_run import CompletedRun, RunStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from qtrader.engine.bounds import RunBounds
    from qtrader.engine.decision_frames import Refused
    from qtrader.engine.decisions import Decisions
    from qtrader.engine.log_digest import LogDigest
    from qtrader.engine.order_life import OrderLife
    from qtrader.engine.summary_view import Plot
    from qtrader.events.base import ValidatedEvent
    from qtrader.events.events import PositionState
    from qtrader.services.reporting.metric_definition import MetricValue
    from qtrader.services.reporting.metrics import AccountSeries, PerformanceSummary
    from qtrader.services.reporting.trades import Trade
    from qtrader.services.reporting.valuations import Valuations

__all__ = ["CompletedRun", "Results", "RunStatistics"]


class Results:
    """Show a finished run.

    Args:
        run: what the engine left behind.
    """

    def __init__(self, run: CompletedRun) -> None:
        self.run = run

    @property
    def run_id(self) -> str:
        """Identity of the run."""
        return self.run.run_id

    @property
    def name(self) -> str:
        """What a person calls the run."""
        return self.run.name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing a number."""
        return self.run.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What measuring and loading the data found and assumed."""
        return (*self.summary.notes, *self.run.notes)

    @property
    def _decisions(self) -> Decisions:
        from qtrader.engine.decisions import Decisions

        return Decisions(self.run.store)

    def events(self) -> Iterator[tuple[int, ValidatedEvent]]:
        """Iterate over (sequence, event) of the whole history, bars included."""
        return self.run.store.history()

    @cached_property
    def valuations(self) -> Valuations:
        """The valuations that are measured: those after the warmup, each read when it is asked for."""
        from qtrader.services.reporting.valuations import Valuations

        return Valuations.of(self.run.valuations).after(self.run.trading_starts_us)

    @cached_property
    def account(self) -> AccountSeries:
        """The account at the starting capital and at every valuation, as arrays."""
        from qtrader.services.reporting.equity import account_over

        return account_over(self.run.initial_equity, self.valuations, self.digest.periods)

    @cached_property
    def digest(self) -> LogDigest:
        """What one pass over the log found: trades, sums of fills, refusals, orders at work."""
        from qtrader.engine.log_digest import LogDigest
        from qtrader.engine.trade_table import TradeTable
        from qtrader.services.reporting.equity import PeriodAmounts, trading_began_us

        run = self.run
        began_us = run.began_us
        if began_us is None:
            instants = self.valuations.instants_us.tolist()
            began_us = trading_began_us(run.tape, run.trading_starts_us, instants)
        periods = PeriodAmounts(began_us, self.valuations)
        table = TradeTable(run.tape, self.open_positions)
        return LogDigest(self._decisions, periods, table)

    @cached_property
    def trade_records(self) -> tuple[Trade, ...]:
        """The trades with exact amounts, in the order of opening, open ones included."""
        from qtrader.events.events import FillEvent, LedgerEntryEvent
        from qtrader.services.reporting.trades import trades_from

        return trades_from(self._decisions.only(FillEvent, LedgerEntryEvent))

    @cached_property
    def order_records(self) -> tuple[OrderLife, ...]:
        """Every order with its latest step, in the order in which they were made."""
        from qtrader.engine.decision_frames import LIFE_EVENTS, order_lives

        lives = sorted(order_lives(self._decisions.only(*LIFE_EVENTS)), key=itemgetter(0))
        return tuple(life for _, life in lives)

    @cached_property
    def refusal_records(self) -> tuple[Refused, ...]:
        """Every refused signal, leg of a signal or order."""
        from qtrader.engine.decision_frames import refusals_of

        return tuple(refusals_of(self._decisions))

    @cached_property
    def summary(self) -> PerformanceSummary:
        """Every measure with drawdowns, monthly and yearly returns, conventions and notes."""
        from qtrader.services.reporting.metrics import MeasureConventions, summarize

        run = self.run
        is_compared = run.benchmark is not None and len(self.valuations) > 0
        return summarize(
            self.account,
            trades=self.digest.closed_trades,
            benchmark=run.benchmark.over(self.account.valued_at_us)
            if run.benchmark and is_compared
            else None,
            conventions=MeasureConventions(periods_per_year=run.periods_per_year, risk_free=run.risk_free),
        )

    @property
    def metrics(self) -> dict[str, MetricValue]:
        """The measures by name; fractions for percentages, None where one does not exist."""
        return self.summary.metrics

    @property
    def conventions(self) -> tuple[str, ...]:
        """What the numbers mean, one sentence each."""
        return (
            *self.run.conventions,
            *self.summary.conventions,
            "A trade's net profit includes the dividends of the time it was held.",
            "Quantities and average prices of a trade are in units of its end, after all splits.",
        )

    @property
    def refusal_counts(self) -> dict[str, int]:
        """How many refusals there were of each reason, most frequent first, then by name."""
        counts: dict[str, int] = {}
        for (_, reason), found in self.digest.refusals.items():
            counts[reason] = counts.get(reason, 0) + found.count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def open_positions(self) -> tuple[PositionState, ...]:
        """The positions at the last valuation."""
        latest = self.valuations.latest
        return () if latest is None else latest.positions

    @property
    def working_orders(self) -> pl.DataFrame:
        """The orders that rested when the run ended."""
        return self.orders.filter(self.orders["is_working"])

    @cached_property
    def equity_curve(self) -> pl.DataFrame:
        """One row per valuation after a first one with the starting capital, whose session is null.

        Columns: session, valued_at, equity, cash, gross_exposure, net_exposure, realized_pnl, unrealized_pnl,
            dividend_income, dividends_receivable, commissions, period_return, drawdown, and benchmark (scaled
            to the starting capital) where one was given.
        """
        from qtrader.engine.equity_frame import equity_frame

        return equity_frame(self.run, self.account, self.valuations)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row per trade from flat to flat, per strategy and symbol; `is_open` marks those not closed."""
        return self.digest.trades()

    @cached_property
    def orders(self) -> pl.DataFrame:
        """One row per order with its final status, average price and reason."""
        from qtrader.engine.decision_frames import LIFE_EVENTS, order_lives, orders_frame

        return orders_frame(order_lives(self._decisions.only(*LIFE_EVENTS)))

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row per fill."""
        from qtrader.engine.results_frames import fills_frame
        from qtrader.events.events import FillEvent

        return fills_frame(self._decisions.of(FillEvent))

    @cached_property
    def signals(self) -> pl.DataFrame:
        """One row per signal with its outcome: ordered, refused or partly_refused, and why."""
        from qtrader.engine.decision_frames import signals_frame

        return signals_frame(self._decisions)

    @cached_property
    def refusals(self) -> pl.DataFrame:
        """One row per refusal with stage, reason, sentence and remedy."""
        from qtrader.engine.decision_frames import refusals_frame, refusals_of

        return refusals_frame(refusals_of(self._decisions))

    @cached_property
    def order_updates(self) -> pl.DataFrame:
        """One row per step of an order."""
        from qtrader.engine.results_frames import order_updates_frame
        from qtrader.events.events import OrderUpdateEvent

        return order_updates_frame(self._decisions.of(OrderUpdateEvent))

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """One row per posting, with exact decimals."""
        from qtrader.engine.results_frames import ledger_frame
        from qtrader.events.events import LedgerEntryEvent

        return ledger_frame(lambda: self._decisions.of(LedgerEntryEvent))

    @cached_property
    def positions(self) -> pl.DataFrame:
        """One row per open position and valuation."""
        from qtrader.engine.results_frames import positions_frame

        return positions_frame(self.valuations)

    @cached_property
    def log(self) -> pl.DataFrame:
        """What strategies logged, by time."""
        from qtrader.engine.results_frames import log_frame

        return log_frame(self.run.logs)

    @cached_property
    def recorded(self) -> pl.DataFrame:
        """What strategies recorded, by time."""
        from qtrader.engine.results_frames import recorded_frame

        return recorded_frame(self.run.records)

    @property
    def period(self) -> str:
        """First and last date, for headlines."""
        first, last = self.metrics["started_on"], self.metrics["ended_on"]
        return f"{first} to {last}" if self.valuations else "no valuation"

    @property
    def ended_at(self) -> str:
        """The instant of the last valuation in ISO 8601, or of the starting capital."""
        return from_epoch_us(int(self.account.valued_at_us[-1])).isoformat()

    def bounds(self) -> RunBounds:
        """Return what the run would have ended with had every fill in doubt gone worst, and gone best."""
        return self._bounds

    @cached_property
    def _bounds(self) -> RunBounds:
        from qtrader.engine import bounds

        fills = self.digest.fills
        if not fills.ambiguous_count:
            before = fills.count - fills.later_count
            return bounds.bounds_without_doubt(
                self.run, fill_count=before, later_fill_count=fills.later_count
            )
        return bounds.bounds_of(self.run, self._decisions.only(*bounds.READ))

    def html(self) -> str:
        """Return the report: one self-contained page, the same text for the same run."""
        from qtrader.engine.report_content import report_content
        from qtrader.services.reporting.html import render

        return render(report_content(self))

    def report(self, path: str | Path) -> Path:
        """Write the report and return its path.

        Raises:
            OutputError: the file cannot be written.
        """
        from qtrader.services.reporting.export import write_file

        return write_file(Path(path), self.html().encode())

    def plot(self) -> Plot:
        """Return the equity curve as a picture that a notebook shows; `.save(path)` writes it as SVG."""
        from qtrader.engine.summary_view import Plot, equity_picture

        return Plot(equity_picture(self))

    def save(self, directory: str | Path, *, with_bars: bool = False) -> Path:
        """Write the run directory `<name>-<id>` and return its path; an identical run is reused.

        Args:
            directory: the directory of all runs.
            with_bars: write the bars into the log of events too.

        Raises:
            OutputError: it cannot be written, or another run stands in its place.
        """
        from qtrader.engine.run_directory import save_run

        return save_run(self, Path(directory), with_bars=with_bars).path

    def _repr_html_(self) -> str:
        from qtrader.engine.summary_view import summary_html

        return summary_html(self)

    def __repr__(self) -> str:
        from qtrader.engine.summary_view import summary_text

        return summary_text(self)
