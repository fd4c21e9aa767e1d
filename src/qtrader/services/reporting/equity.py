"""From valuations to the account series that every measure is taken of.

The first point is the starting capital, at the instant at which trading began; one point per valuation
follows. What was valued during warmup is left out. Money paid in later is a flow of the period in which it
came, the value traded that of the period in which a fill became known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.events import ConsolidatedPortfolioEvent, FillEvent, LedgerEntryEvent
from qtrader.events.vocabulary import LedgerKind
from qtrader.market.tape import Tape
from qtrader.money import MONEY_CONTEXT
from qtrader.services.account import CASH
from qtrader.services.reporting.metrics import AccountSeries, Benchmark
from qtrader.services.reporting.moments import FloatArray, IntArray
from qtrader.services.reporting.valuations import Valuations

#: The ledger entry of the starting capital.
INITIAL_DEPOSIT_ID = "initial_cash/deposit"

#: A symbol trades daily when more than one in ten of its days is a Saturday (of all days one in seven is).
_SATURDAY_SHARE = 0.1
_DAY_US = 86_400_000_000
#: 1970-01-01 was a Thursday, so that day numbers of Saturdays leave this remainder by 7.
_SATURDAY = 2


@dataclass(frozen=True, slots=True)
class BenchmarkSeries:
    """A named series to compare with, values at instants; `is_total_return`: dividends are in."""

    name: str
    instants_us: Sequence[int]
    values: Sequence[float]
    is_total_return: bool = False

    @classmethod
    def from_tape_at(cls, tape: Tape, symbol: str, instants_us: Iterable[int]) -> BenchmarkSeries:
        """Take those closes of a symbol, adjusted for splits alone, that `at` looks up for these instants.

        Raises:
            DataError: the tape has no such symbol.
        """
        rows = tape.matching_rows_of(symbol)
        known = {max(int(rows.searchsorted(tape.rows_closed_by(at_us))) - 1, 0) for at_us in instants_us}
        looked_up = rows[sorted(known)]
        closes = tape.close[looked_up] * tape.signal_factor[looked_up]
        tape.release_pages()
        return cls(symbol, tape.closed_at_us[looked_up].tolist(), closes.tolist())

    def at(self, instants_us: IntArray) -> FloatArray:
        """Look up the last value known at each instant; the first value stands before it was known."""
        known = np.searchsorted(np.asarray(self.instants_us, dtype=np.int64), instants_us, side="right") - 1
        values: FloatArray = np.asarray(self.values, dtype=np.float64)[np.maximum(known, 0)]
        return values

    def over(self, instants_us: IntArray) -> Benchmark:
        """Give the returns between the instants."""
        values = self.at(instants_us)
        return Benchmark(self.name, values[1:] / values[:-1] - 1.0, self.is_total_return)


def trading_began_us(tape: Tape | None, trading_starts_us: int, valued_at_us: Sequence[int]) -> int:
    """Give the instant of the starting capital: the open of the first bar after the warmup."""
    before_first = valued_at_us[0] - 1 if valued_at_us else None
    if tape is not None:
        row = tape.rows_closed_by(trading_starts_us)
        if row < len(tape):
            opened = int(tape.opened_at_us[row])
            return opened if before_first is None else min(opened, before_first)
    return 0 if before_first is None else before_first


def periods_per_year(tape: Tape) -> int:
    """Give 365 where every symbol trades on Saturdays too, else 252."""
    if not len(tape):
        return 252
    first, last = ((int(tape.closed_at_us[row]) - 1) // _DAY_US for row in (0, -1))
    every_day = np.arange(first, last + 1)
    # A day has bars of a symbol if some of its rows have closed since the day before.
    bounds = tape.places_in(tape.closed_at_us, (every_day + 1) * _DAY_US, "right")
    for symbol in tape.symbols:
        counts = bounds if len(tape.symbols) == 1 else tape.places_in(tape.rows_of(symbol), bounds)
        days = every_day[np.diff(counts, prepend=0) > 0]
        if not days.size or np.count_nonzero(days % 7 == _SATURDAY) <= _SATURDAY_SHARE * days.size:
            return 252
    return 365


def account_series(
    initial_equity: Decimal,
    began_us: int,
    valuations: Sequence[ConsolidatedPortfolioEvent],
    events: Iterable[BaseEvent] = (),
) -> AccountSeries:
    """Build the series of n + 1 points from n valuations and the fills and deposits among `events`."""
    valued = Valuations.of(valuations)
    periods = PeriodAmounts(began_us, valued)
    for event in events:
        if type(event) is FillEvent:
            periods.on_fill(event)
        elif type(event) is LedgerEntryEvent:
            periods.on_ledger_entry(event)
    return account_over(initial_equity, valued, periods)


class PeriodAmounts:
    """What was traded, and what was paid in, between one valuation and the next.

    Args:
        began_us: the instant of the starting capital.
        valuations: those that end the periods.
    """

    def __init__(self, began_us: int, valuations: Valuations) -> None:
        self.instants_us: list[int] = [began_us, *valuations.instants_us.tolist()]
        self._flows = np.zeros(len(self.instants_us))
        self._traded = np.zeros(len(self.instants_us))

    def on_fill(self, fill: FillEvent) -> None:
        """Add a fill to the period in which it became known."""
        amount = float(MONEY_CONTEXT.multiply(fill.quantity, fill.price))
        self._add(self._traded, fill.occurred_at, amount)

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Add a deposit to the period in which it came; other entries are passed over."""
        if entry.kind is LedgerKind.DEPOSIT:
            self._add(self._flows, entry.occurred_at, _deposit(entry))

    def _add(self, column: FloatArray, occurred_at: datetime, amount: float) -> None:
        place = bisect_left(self.instants_us, to_epoch_us(occurred_at))
        if place < len(self.instants_us):
            column[place] += amount

    @property
    def traded_value(self) -> FloatArray:
        """What was traded, by period; the first one is before the starting capital."""
        return self._traded

    @property
    def flows(self) -> FloatArray | None:
        """What was paid in, by period; None where nothing was after the starting capital."""
        return self._flows if self._flows[1:].any() else None


def account_over(initial_equity: Decimal, valuations: Valuations, periods: PeriodAmounts) -> AccountSeries:
    """Put a series together of valuations and what happened between them."""
    return AccountSeries(
        equity=np.concatenate(([float(initial_equity)], valuations.amounts("equity"))),
        valued_at_us=np.array(periods.instants_us, dtype=np.int64),
        flows=periods.flows,
        gross_exposure=np.concatenate(([0.0], valuations.amounts("gross_exposure"))),
        traded_value=periods.traded_value,
    )


def _deposit(entry: LedgerEntryEvent) -> float:
    """Give what an entry paid in; the initial cash is the starting capital, not a flow."""
    if entry.entry_id == INITIAL_DEPOSIT_ID:
        return 0.0
    return float(sum((one.amount for one in entry.postings if one.account == CASH), Decimal(0)))
