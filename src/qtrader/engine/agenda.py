"""The agenda: which instants have work beyond handing bars to strategies.

A discrete-event calendar over the tape. Corporate actions, session closes of the valuation calendar, orders'
expiries and dividend payments are instants of their own; a resting order names the first row whose bar could
fill it, found over block minima of the lows and maxima of the highs. Between two entries of the agenda
nothing can happen but a strategy's signal, so the engine runs through those rows in one loop. Nothing here is
as long as the tape: it may be larger than memory.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from qtrader.engine.extremes import Extremes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from qtrader.events.events import CorporateActionEvent
    from qtrader.market.calendars import SessionCalendar
    from qtrader.market.tape import Longs, Tape

NEVER_US = 2**63 - 1
_FORGET_ABOVE = 64


class RestingOrder(Protocol):
    """What the agenda asks of an order at work; orders are told apart by identity.

    A bar whose low is above `reach_down` and whose high is below `reach_up` cannot touch the order; bars that
    opened before `live_from_us` do not meet it, and while that is None no bar does.
    """

    reach_down: float
    reach_up: float
    live_from_us: int | None

    @property
    def symbol(self) -> str:
        """The symbol whose bars it meets."""
        ...


class _Candidate(NamedTuple):
    """The first row that could fill an order, and the terms that it was found for."""

    row: int
    reach_down: float
    reach_up: float
    live_from_us: int | None


class Valuation(NamedTuple):
    """A session close at which the books are marked."""

    instant_us: int
    session: date


def valuations(tape: Tape, calendar: SessionCalendar) -> list[Valuation]:
    """Return the first close at or after each bar's close: one for each session that has bars."""
    closes = calendar.closed_at_us
    if not len(tape):
        return []
    first, last = np.searchsorted(closes, (tape.closed_at_us[0], tape.closed_at_us[-1]))
    # A session has bars if rows have closed since the one before.
    rows = tape.places_in(tape.closed_at_us, closes[first : last + 1], "right")
    known = (first + np.flatnonzero(np.diff(rows, prepend=0))).tolist()
    epoch_days: list[int] = calendar.session_dates[known].tolist()
    labels = np.array(epoch_days, dtype="datetime64[D]").tolist()
    return [Valuation(int(closes[place]), label) for place, label in zip(known, labels, strict=True)]


class Agenda:
    """Answer where the next work lies.

    Args:
        tape: the bars of the run.
        valuation_list: session closes in order.
        actions: corporate actions with the instant from which they are effective, in order.
    """

    def __init__(
        self,
        tape: Tape,
        valuation_list: Sequence[Valuation],
        actions: Sequence[tuple[int, CorporateActionEvent]],
    ) -> None:
        self._tape = tape
        self._valuations = valuation_list
        self._next_valuation = 0
        self._actions = actions
        self._next_action = 0
        self._rows_before: dict[int, int] = {}
        self._quiet: tuple[int, int] | None = None
        self._candidates: dict[RestingOrder, _Candidate] = {}
        self._reaches = PriceReaches(tape)
        #: Whether every row is an instant of its own.
        self._is_one_series = len(tape.symbols) == 1 == len(tape.intervals)

    @property
    def next_valuation_us(self) -> int:
        """The next session close at which the books are marked."""
        if self._next_valuation < len(self._valuations):
            return self._valuations[self._next_valuation].instant_us
        return NEVER_US

    @property
    def last_valuation_us(self) -> int:
        """The last session close at which the books are marked."""
        return self._valuations[-1].instant_us if self._valuations else -NEVER_US

    def take_valuation(self) -> Valuation:
        """Strike the next valuation off the agenda and return it."""
        self._next_valuation += 1
        self._quiet = None
        return self._valuations[self._next_valuation - 1]

    @property
    def next_action_us(self) -> int:
        """The instant from which the next corporate action is effective."""
        return self._actions[self._next_action][0] if self._next_action < len(self._actions) else NEVER_US

    def take_actions(self, before_us: int) -> Sequence[tuple[int, CorporateActionEvent]]:
        """Strike off and return the actions effective strictly before an instant."""
        start = self._next_action
        while self.next_action_us < before_us:
            self._next_action += 1
        self._quiet = None
        return self._actions[start : self._next_action]

    def quiet_row(self, due_us: int) -> int:
        """Return the first row at which something other than an order or a signal is to happen.

        Args:
            due_us: when the next order expires or dividend is settled.
        """
        known = self._quiet
        if known is None or known[0] != due_us:
            # A valuation follows all else of its instant: rows up to and including its own are quiet.
            row = min(
                self.row_of_instant(due_us), self.row_of_action(), self.row_after(self.next_valuation_us)
            )
            known = self._quiet = (due_us, row)
        return known[1]

    def row_of_action(self) -> int:
        """Return the first row that closes strictly after the next action took effect."""
        action_us = self.next_action_us
        return len(self._tape) if action_us == NEVER_US else self._first_row(action_us + 1)

    def row_of_instant(self, instant_us: int) -> int:
        """Return the first row that closes at an instant or after it."""
        return len(self._tape) if instant_us == NEVER_US else self._first_row(instant_us)

    def row_after(self, instant_us: int) -> int:
        """Return the first row that closes after an instant."""
        return len(self._tape) if instant_us == NEVER_US else self._first_row(instant_us + 1)

    def row_of_orders(self, orders: Collection[RestingOrder], from_row: int) -> int:
        """Return the first row, from one on, at whose instant some live order could fill."""
        candidates = self._candidates
        if len(candidates) > 2 * len(orders) + _FORGET_ABOVE:
            # Orders that have ended are dropped by forgetting all; the live ones are found again.
            candidates.clear()
        first = len(self._tape)
        for order in orders:
            known = candidates.get(order)
            if (
                known is None
                or known.row < from_row
                or known.reach_down != order.reach_down
                or known.reach_up != order.reach_up
                or known.live_from_us != order.live_from_us
            ):
                row = self._reaches.first_row_for(order, from_row)
                candidates[order] = _Candidate(row, order.reach_down, order.reach_up, order.live_from_us)
            else:
                row = known.row
            first = min(first, row)
        return (
            first if len(self._tape.symbols) == 1 or first == len(self._tape) else self.instant_start(first)
        )

    def _first_row(self, instant_us: int) -> int:
        """Return the first row closing at an instant or later; the few instants in use are remembered."""
        row = self._rows_before.get(instant_us)
        if row is None:
            if len(self._rows_before) > _FORGET_ABOVE:
                self._rows_before.clear()
            row = self._rows_before[instant_us] = self._tape.rows_closed_before(instant_us)
        return row

    def instant_start(self, row: int) -> int:
        """Return the first row that closes at the instant of one."""
        if self._is_one_series:
            return row
        return self._tape.rows_closed_before(int(self._tape.closed_at_us[row]))


class PriceReaches:
    """Find the rows whose bars reach orders' prices.

    Args:
        tape: the bars.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        #: Whether rows of the tape and bars of the one symbol are the same.
        self._is_one_series = len(tape.symbols) == 1 == len(tape.intervals)
        self._series: dict[str, tuple[Longs | None, Extremes, Extremes]] = {}

    def first_row_for(self, order: RestingOrder, from_row: int) -> int:
        """Return the first row, from one on, whose bar could fill or trigger an order; the length for none.

        A bar could do so if it opened at or after the order went live and reaches its price: a touch counts
        here, what it means is for the matching to say.
        """
        live_from_us = order.live_from_us
        none = len(self._tape)
        if live_from_us is None:
            return none
        rows, lows, highs = self._series_of(order.symbol)
        start = from_row if rows is None else int(rows.searchsorted(from_row))
        size = lows.size
        opened = self._tape.opened_at_us
        while start < size and opened[start if rows is None else rows[start]] < live_from_us:
            start += 1
        place = start
        if order.reach_down != inf and order.reach_up != -inf:
            place = size
            if order.reach_down != -inf:
                place = lows.first(start, order.reach_down)
            if order.reach_up != inf:
                place = min(place, highs.first(start, order.reach_up))
        if place >= size:
            return none
        return place if rows is None else int(rows[place])

    def _series_of(self, symbol: str) -> tuple[Longs | None, Extremes, Extremes]:
        found = self._series.get(symbol)
        if found is None:
            tape = self._tape
            rows = None if self._is_one_series else tape.matching_rows_of(symbol)
            found = self._series[symbol] = (
                rows,
                Extremes(tape.low, rows, is_maximum=False, release=tape.release_pages),
                Extremes(tape.high, rows, is_maximum=True, release=tape.release_pages),
            )
        return found
