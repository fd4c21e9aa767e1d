"""The agenda: which instants have work beyond handing bars to strategies.

A discrete-event calendar over the tape. Corporate actions, session closes of the valuation calendar, orders'
expiries and dividend payments are instants of their own; a resting order names the first row whose bar could
fill it, found by scanning columns. Between two entries of the agenda nothing can happen but a strategy's
signal, so the engine runs through those rows in one loop.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from qtrader.events.events import CorporateActionEvent
    from qtrader.market.calendars import SessionCalendar
    from qtrader.market.tape import Tape

NEVER_US = 2**63 - 1
_FIRST_CHUNK = 16
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
    places = np.unique(np.searchsorted(closes, tape.instants_us, side="left"))
    known = places[places < len(closes)].tolist()
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
                row = first_row_for(self._tape, order, from_row)
                candidates[order] = _Candidate(row, order.reach_down, order.reach_up, order.live_from_us)
            else:
                row = known.row
            first = min(first, row)
        return (
            first if len(self._tape.symbols) == 1 or first == len(self._tape) else self._instant_start(first)
        )

    def _first_row(self, instant_us: int) -> int:
        """Return the first row closing at an instant or later; the few instants in use are remembered."""
        row = self._rows_before.get(instant_us)
        if row is None:
            if len(self._rows_before) > _FORGET_ABOVE:
                self._rows_before.clear()
            row = self._rows_before[instant_us] = self._tape.rows_closed_before(instant_us)
        return row

    def _instant_start(self, row: int) -> int:
        starts = self._tape.instant_starts
        return int(starts[int(np.searchsorted(starts, row, side="right")) - 1])


def first_row_for(tape: Tape, order: RestingOrder, from_row: int) -> int:
    """Return the first row, from one on, whose bar could fill or trigger an order; else the tape's length.

    A bar could do so if it opened at or after the order went live and reaches its price: a touch counts here,
    what it means is for the matching to say.
    """
    live_from_us = order.live_from_us
    if live_from_us is None:
        return len(tape)
    rows = tape.matching_rows_of(order.symbol)
    start = from_row if len(rows) == len(tape) else int(rows.searchsorted(from_row))
    opened = tape.opened_at_us
    while start < len(rows) and opened[rows[start]] < live_from_us:
        start += 1
    if start >= len(rows):
        return len(tape)
    if order.reach_down == inf or order.reach_up == -inf:
        return int(rows[start])
    first = len(tape)
    if order.reach_down != -inf:
        first = _first_reaching(tape.low, rows, start, order.reach_down, is_above=False, none=first)
    if order.reach_up != inf:
        rising = _first_reaching(tape.high, rows, start, order.reach_up, is_above=True, none=first)
        first = min(first, rising)
    return first


def _first_reaching(
    column: NDArray[np.float64],
    rows: NDArray[np.int64],
    start: int,
    price: float,
    *,
    is_above: bool,
    none: int,
) -> int:
    """Scan in growing chunks: a near row is found cheaply, a far one without a step a row in Python."""
    chunk = _FIRST_CHUNK
    while start < len(rows):
        part = rows[start : start + chunk]
        values = column[part]
        reached = np.flatnonzero(values >= price if is_above else values <= price)
        if len(reached):
            return int(part[reached[0]])
        start += chunk
        chunk = min(chunk * 4, 65_536)
    return none
