"""From valuations to the account series that every measure is taken of.

The first point is the starting capital, at the instant at which trading began; one point per valuation
follows. What was valued during warmup is left out. Money paid in later is a flow of the period in which it
came, the value traded that of the period in which a fill became known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    def from_tape(cls, tape: Tape, symbol: str) -> BenchmarkSeries:
        """Take a symbol's closes, adjusted for splits, without dividends.

        Raises:
            DataError: the tape has no such symbol.
        """
        rows = tape.matching_rows_of(symbol)
        closes = tape.close[rows] * tape.signal_factor[rows]
        return cls(symbol, tape.closed_at_us[rows].tolist(), closes.tolist())

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
    for symbol in tape.symbols:
        days = np.unique((tape.closed_at_us[tape.rows_of(symbol)] - 1) // _DAY_US)
        if not days.size or np.count_nonzero(days % 7 == _SATURDAY) <= _SATURDAY_SHARE * days.size:
            return 252
    return 365 if tape.symbols else 252


def traded_valuations(
    valuations: Iterable[ConsolidatedPortfolioEvent], trading_starts_us: int
) -> tuple[ConsolidatedPortfolioEvent, ...]:
    """Leave out the valuations of the warmup."""
    return tuple(one for one in valuations if to_epoch_us(one.occurred_at) > trading_starts_us)


def account_series(
    initial_equity: Decimal,
    began_us: int,
    valuations: Sequence[ConsolidatedPortfolioEvent],
    events: Iterable[BaseEvent] = (),
) -> AccountSeries:
    """Build the series of n + 1 points from n valuations and the fills and deposits among `events`."""
    instants = [began_us, *(to_epoch_us(one.occurred_at) for one in valuations)]
    flows, traded = np.zeros(len(instants)), np.zeros(len(instants))
    for event in events:
        if type(event) is FillEvent:
            amount, column = float(MONEY_CONTEXT.multiply(event.quantity, event.price)), traded
        elif type(event) is LedgerEntryEvent and event.kind is LedgerKind.DEPOSIT:
            amount, column = _deposit(event), flows
        else:
            continue
        place = bisect_left(instants, to_epoch_us(event.occurred_at))
        if place < len(instants):
            column[place] += amount
    return AccountSeries(
        equity=np.array([float(initial_equity), *(float(one.equity) for one in valuations)]),
        valued_at_us=np.array(instants, dtype=np.int64),
        flows=flows if flows[1:].any() else None,
        gross_exposure=np.array([0.0, *(float(one.gross_exposure) for one in valuations)]),
        traded_value=traded,
    )


def _deposit(entry: LedgerEntryEvent) -> float:
    """Give what an entry paid in; the initial cash is the starting capital, not a flow."""
    if entry.entry_id == INITIAL_DEPOSIT_ID:
        return 0.0
    return float(sum((one.amount for one in entry.postings if one.account == CASH), Decimal(0)))
