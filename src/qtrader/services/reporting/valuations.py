"""The valuations of a run: their amounts as columns, the events themselves in the log.

A valuation holds a record of every open position, so that those of a long run over many symbols are many
times what their amounts are. Only the amounts and the latest valuation are kept here; whoever wants the
events, with their positions, has them read from the log again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final, overload

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.services.reporting.moments import FloatArray, IntArray

#: What is kept as a column of floats.
AMOUNTS: Final = (
    "equity",
    "cash",
    "gross_exposure",
    "net_exposure",
    "realized_pnl",
    "unrealized_pnl",
    "dividend_income",
    "dividends_receivable",
    "commissions",
)


class Valuations(Sequence[ConsolidatedPortfolioEvent]):
    """The valuations of a run, in order.

    Args:
        read: gives the events again, from the first one on.
    """

    def __init__(self, read: Callable[[], Iterable[ConsolidatedPortfolioEvent]]) -> None:
        self._read = read
        self._first = 0
        self._instants_us = array("q")
        self._sessions = array("l")
        self._equity: list[Decimal] = []
        self._amounts = {name: array("d") for name in AMOUNTS}
        self._latest: ConsolidatedPortfolioEvent | None = None

    @classmethod
    def of(cls, events: Iterable[ConsolidatedPortfolioEvent]) -> Valuations:
        """Make the valuations of events that are held."""
        if isinstance(events, Valuations):
            return events
        kept = tuple(events)
        return cls.read_from(lambda: kept)

    @classmethod
    def read_from(cls, read: Callable[[], Iterable[ConsolidatedPortfolioEvent]]) -> Valuations:
        """Make the valuations of events that can be read again."""
        made = cls(read)
        for event in read():
            made.add(event)
        return made

    def add(self, event: ConsolidatedPortfolioEvent) -> None:
        """Take the next valuation."""
        self._instants_us.append(to_epoch_us(event.occurred_at))
        self._sessions.append(event.session.toordinal())
        self._equity.append(event.equity)
        for name, column in self._amounts.items():
            column.append(float(getattr(event, name)))
        self._latest = event

    def after(self, instant_us: int) -> Valuations:
        """Return those after an instant."""
        kept = Valuations(self._read)
        skipped = int(np.searchsorted(self.instants_us, instant_us, side="right"))
        kept._first = self._first + skipped
        kept._instants_us = self._instants_us[skipped:]
        kept._sessions = self._sessions[skipped:]
        kept._equity = self._equity[skipped:]
        kept._amounts = {name: column[skipped:] for name, column in self._amounts.items()}
        kept._latest = self._latest if len(kept) else None
        return kept

    @property
    def instants_us(self) -> IntArray:
        """The instants in microseconds since the epoch."""
        return np.array(self._instants_us, dtype=np.int64)

    @property
    def sessions(self) -> list[date]:
        """The sessions that were valued."""
        return [date.fromordinal(ordinal) for ordinal in self._sessions]

    @property
    def equity(self) -> Sequence[Decimal]:
        """The equity, exactly."""
        return self._equity

    @property
    def latest(self) -> ConsolidatedPortfolioEvent | None:
        """The last one, or None."""
        return self._latest

    def amounts(self, name: str) -> FloatArray:
        """Return a column of `AMOUNTS`."""
        return np.array(self._amounts[name], dtype=np.float64)

    def __len__(self) -> int:
        return len(self._instants_us)

    def __iter__(self) -> Iterator[ConsolidatedPortfolioEvent]:
        return islice(iter(self._read()), self._first, self._first + len(self))

    @overload
    def __getitem__(self, place: int) -> ConsolidatedPortfolioEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ConsolidatedPortfolioEvent]: ...
    def __getitem__(
        self, place: int | slice
    ) -> ConsolidatedPortfolioEvent | Sequence[ConsolidatedPortfolioEvent]:
        if self._latest is not None and place in (-1, len(self) - 1):
            return self._latest
        return tuple(self)[place]
