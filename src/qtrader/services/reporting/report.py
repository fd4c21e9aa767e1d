"""What a report shows, as plain values: made from a run by the engine, turned into a page by `html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from qtrader.services.reporting.metrics import PerformanceSummary

MarkerKind = Literal["long_entry", "long_exit", "short_entry", "short_exit"]

#: A cell of a table: numbers are written by the page, text is escaped by it.
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at instants in order, in microseconds since the epoch; a NaN leaves a gap."""

    instants_us: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Marker:
    """A fill on a price chart; `price` is on the chart's scale, `text` says the rest."""

    at_us: int
    price: float
    kind: MarkerKind
    text: str


@dataclass(frozen=True, slots=True)
class PriceChart:
    """One symbol's closes, adjusted for splits as of the last bar, with the fills in it.

    Of many fills every n-th has a marker: `markers` are those of the chart that a script draws,
    `static_markers` the fewer ones of the picture without script; `marker_count` is how many fills there are.
    """

    symbol: str
    closes: Curve
    markers: tuple[Marker, ...] = ()
    static_markers: tuple[Marker, ...] = ()
    marker_count: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns.

    A column's format is text, number, days, count, money, percent, price, quantity or instant (microseconds).
    `row_count` is how many rows there are in all where not all of them are here.
    """

    columns: tuple[str, ...]
    formats: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    row_count: int | None = None

    @property
    def count(self) -> int:
        """How many rows there are in all."""
        return len(self.rows) if self.row_count is None else self.row_count


@dataclass(frozen=True, slots=True)
class DoubtSection:
    """What the fills that their bars leave open could have changed: final equity, the fills, and remarks."""

    equity: Table
    fills: Table
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportContent:
    """One report.

    `equity` begins with the starting capital; `drawdown` and `benchmark` (scaled to the starting capital)
    have its instants. `doubts` is None where no fill is in doubt. `provenance` names what makes the run
    reproducible, in order.
    """

    name: str
    run_id: str
    base_currency: str
    symbols: tuple[str, ...]
    strategy_ids: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    conventions: tuple[str, ...]
    summary: PerformanceSummary
    equity: Curve
    drawdown: Curve
    benchmark: Curve | None
    benchmark_name: str | None
    prices: tuple[PriceChart, ...]
    trades: Table
    refusals: Table
    open_positions: Table
    working_orders: Table
    costs: Table
    provenance: Mapping[str, str] = field(default_factory=dict)
    configuration: str = ""
    doubts: DoubtSection | None = None
