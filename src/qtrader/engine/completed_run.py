"""What a finished run leaves behind: the one value that results, reports and run directories are made of.

Everything in it is a function of the run's inputs, but for `statistics`, which is shown and never written or
hashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from qtrader.events.event_store import EventStore
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.market.tape import Tape
from qtrader.services.reporting.equity import BenchmarkSeries


class RunStatistics(NamedTuple):
    """How much was processed in what time; for display only."""

    bars: int
    seconds: float

    @property
    def bars_per_second(self) -> float | None:
        """Bars a second, or None where no time was measured."""
        return self.bars / self.seconds if self.seconds > 0.0 else None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CompletedRun:
    """A finished run.

    Attributes:
        run_id: identity of the run.
        name: what a person calls it; the run directory begins with it.
        store: the log.
        tape: the bars of the run; None where they were not kept, so that price charts and `events()` lack
            them.
        initial_equity: the starting capital.
        base_currency: the currency of every amount.
        valuations: every valuation in order, those of the warmup included; as `Valuations` they are read from
            the log when they are needed.
        symbols: what was on the tape or in the universe.
        strategy_ids: in wiring order.
        config: the effective configuration, JSON-able.
        config_fingerprint: digest of what decides in it, the same wherever the project lies.
        warnings: what the reader must know before believing a number, for example `lookahead: same_close`.
        notes: what loading the data found and decided.
        conventions: what the configuration made the numbers mean, one sentence each; the measures' own are
            added.
        logs: per strategy (instant in microseconds, message, fields).
        records: per strategy (instant in microseconds, name, value).
        trading_starts_us: the end of the warmup.
        began_us: the instant of the starting capital; None takes it from the tape.
        benchmark: what to compare with, at least at the points of the equity curve.
        periods_per_year: 252, or 365 where every instrument trades daily.
        risk_free: annual rate.
        strategy_hashes: digest of each strategy's source, by strategy.
        engine_version: of the package that ran it.
        statistics: bars and seconds, for display only.
    """

    run_id: str
    name: str
    store: EventStore
    tape: Tape | None
    initial_equity: Decimal
    base_currency: str
    valuations: Sequence[ConsolidatedPortfolioEvent]
    symbols: tuple[str, ...]
    strategy_ids: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    config_fingerprint: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    logs: Mapping[str, Sequence[tuple[int, str, Mapping[str, Any]]]] = field(default_factory=dict)
    records: Mapping[str, Sequence[tuple[int, str, float]]] = field(default_factory=dict)
    trading_starts_us: int = -(2**63)
    began_us: int | None = None
    benchmark: BenchmarkSeries | None = None
    periods_per_year: int = 252
    risk_free: float = 0.0
    strategy_hashes: Mapping[str, str] = field(default_factory=dict)
    engine_version: str = ""
    statistics: RunStatistics | None = None
