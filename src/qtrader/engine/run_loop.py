"""A bar's journey: the phases of an instant, and the tight loop between instants that have work.

Phases: 1 corporate actions, 2 matching, 3 accruals and expiries, 4 decisions, 5 orders, 6 valuation. Where
the agenda is empty, one strategy is wired and nothing but a signal could happen, bars go straight from the
tape to its `on_bar`. Where all strategies are on columns, and so have said beforehand at which bars they want
something, the loop goes from one instant with work to the next, and only the bars that somebody needs are
made. All ways give the same events, which tests compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from qtrader.clock import from_epoch_us
from qtrader.engine.agenda import NEVER_US
from qtrader.engine.cursor import BarCursor
from qtrader.errors import HandlerError, StrategyFailedError
from qtrader.events.event_bus import handler_error
from qtrader.events.events import CorporateActionEvent, PriceBarEvent, SliceEvent, ValuationTriggerEvent
from qtrader.events.identity import Origin

if TYPE_CHECKING:
    from qtrader.engine.agenda import Agenda
    from qtrader.engine.wiring import House
    from qtrader.market.tape import Tape
    from qtrader.services.strategy.context import Context
    from qtrader.services.strategy.runner import BarHandler

#: A bar made alone costs as much as several of a block.
_BARS_AT_ONCE: Final = 4


class RunLoop:
    """Drive the parts of a house over a tape.

    Args:
        house: the connected services.
        tape: the bars.
        agenda: where work lies.
        run_id: the run.
        valuation_calendar: the calendar's name, for the valuation events.
        is_same_close: market orders fill at the close of the bar that they were decided on.
    """

    def __init__(
        self,
        house: House,
        tape: Tape,
        agenda: Agenda,
        *,
        run_id: str,
        valuation_calendar: str,
        is_same_close: bool,
    ) -> None:
        self._house = house
        self._bus = house.bus
        self._execution = house.execution
        self._orders = house.execution.orders
        self._portfolio = house.portfolio
        self._strategies = house.strategies
        self._tape = tape
        self._rows = len(tape)
        # A view, because its items are Python numbers.
        self._closed_at_us = tape.closed_at_us.data
        self._agenda = agenda
        self._run_id = run_id
        self._calendar = valuation_calendar
        self._is_same_close = is_same_close
        self._cursor = BarCursor(tape, run_id)
        self._actions_origin = Origin(run_id, "data_service")
        self._clock_origin = Origin(run_id, "engine")
        self._instant_us = -NEVER_US
        self._last_us = max(int(tape.closed_at_us[-1]), agenda.last_valuation_us)
        self._known_listeners: tuple[Any, ...] | None = None
        #: Whether strategies alone are given bars, and no slices are heard of.
        self._is_alone = False
        self._direct: tuple[BarHandler, Context] | None = None
        self._may_leave_out_bars = len(tape.intervals) == 1 and not is_same_close

    @property
    def row(self) -> int:
        """The number of rows handled so far."""
        return self._cursor.row

    @property
    def instant_us(self) -> int:
        """The instant handled last."""
        return self._instant_us

    def advance(self, *, single: bool = False) -> bool:
        """Handle quiet rows (unless `single`) or the next instant that has work; say False at the end."""
        row, agenda = self._cursor.row, self._agenda
        due_us = self._next_due_us()
        quiet_row = agenda.quiet_row(due_us)
        if row < quiet_row and self._orders.has_live_orders:
            quiet_row = min(quiet_row, agenda.row_of_orders(self._orders.resting(), row))
        valuation_us = agenda.next_valuation_us
        if row < quiet_row and not single and not self._strategies.has_notices and self._run_to(quiet_row):
            if self._instant_us == valuation_us:
                self._value(valuation_us)
            return True
        bar_us = self._closed_at_us[row] if row < self._rows else NEVER_US
        instant_us = min(bar_us, valuation_us, due_us)
        if instant_us == NEVER_US:
            return False
        self._hold_instant(instant_us, row, self._end_of_instant(row, instant_us))
        return True

    def _next_due_us(self) -> int:
        """Return when the next order expires or dividend is settled; what is overdue is due now."""
        next_us = NEVER_US
        expiry_us = self._orders.next_expiry_us()
        if expiry_us is not None:
            next_us = expiry_us
        due_us = self._portfolio.next_due_us()
        if due_us is not None and due_us < next_us:
            next_us = due_us
        if next_us == NEVER_US:
            return NEVER_US
        # Nothing is known after the last close and its valuation: what falls due later stays due.
        return max(next_us, self._instant_us) if next_us <= self._last_us else NEVER_US

    def _run_to(self, quiet_row: int) -> bool:
        """Run through quiet rows without the phases; say False where the next instant needs them."""
        self._look_who_listens()
        if not self._is_alone:
            return False
        wanted_row = self._strategies.next_signal_row()
        if wanted_row is not None:
            self._follow_to(quiet_row, wanted_row)
            return True
        if self._direct is not None:
            self._stream(quiet_row, *self._direct)
            return True
        return self._strategies.takes_rows and self._stream_rows(quiet_row)

    def _look_who_listens(self) -> None:
        listeners = self._bus.handlers(PriceBarEvent)
        if listeners is not self._known_listeners:
            self._known_listeners = listeners
            self._is_alone = listeners == (self._strategies.on_bar,) and not self._bus.handlers(SliceEvent)
            self._direct = self._strategies.direct_handler() if self._is_alone else None

    def _follow_to(self, quiet_row: int, wanted_row: int) -> None:
        """Leave out quiet rows up to one at which a plan wants something, and say at its instant what."""
        cursor, strategies = self._cursor, self._strategies
        if wanted_row >= quiet_row:
            cursor.seek(quiet_row)
            self._instant_us = self._closed_at_us[quiet_row - 1]
            return
        instant_us = self._instant_us = self._closed_at_us[wanted_row]
        start = self._agenda.instant_start(wanted_row)
        end = self._end_of_instant(wanted_row, instant_us)
        rows = (start,) if end == start + 1 else sorted(strategies.rows_before(end))
        for bar in cursor.take_only(rows, end):
            strategies.on_bar(bar)
        if strategies.has_slices:
            strategies.on_rows(self._tape, start, end)
        if self._bus.pending:
            self._settle_orders(instant_us, end, self._tape_bars(end) if self._is_same_close else [])

    def _end_of_instant(self, row: int, instant_us: int) -> int:
        """Return the row after the last of those, from one on, that close at an instant."""
        closed_at_us = self._closed_at_us
        if row == self._rows or closed_at_us[row] != instant_us:
            return row
        if row + 1 == self._rows or closed_at_us[row + 1] != instant_us:
            return row + 1
        return self._tape.rows_closed_by(instant_us)

    def _stream(self, stop: int, on_bar: BarHandler, context: Context) -> None:
        """Hand quiet rows to the one strategy; at a signal finish the instant and let the orders be made."""
        cursor = self._cursor
        pending = self._bus.pending
        bar = None
        try:
            while cursor.row < stop:
                for bar in cursor.take(stop):
                    context.bar = bar
                    on_bar(bar, context)
                    if pending:
                        break
                else:
                    continue
                break
            if bar is None:
                return
            self._instant_us = bar.closed_at_us
            if not pending:
                return
            row = cursor.row
            end = self._end_of_instant(row, bar.closed_at_us)
            if row < end:
                for bar in cursor.take_all(end):
                    context.bar = bar
                    on_bar(bar, context)
        except HandlerError:
            raise
        except Exception as cause:
            if bar is None:
                raise
            name = f"{type(getattr(on_bar, '__self__', on_bar)).__name__}.on_bar"
            raise handler_error(bar, name, cause, StrategyFailedError) from cause
        self._settle_orders(self._instant_us, end, self._tape_bars(end) if self._is_same_close else [])

    def _stream_rows(self, stop: int) -> bool:
        """Hand instants as columns to strategies that want no events; at a signal let the orders be made."""
        cursor, strategies, tape, pending = self._cursor, self._strategies, self._tape, self._bus.pending
        planned_row = strategies.next_planned_row()
        if planned_row < stop:
            stop = self._agenda.instant_start(planned_row)
        end = cursor.row
        if stop <= end:
            return False
        while end < stop and not pending:
            start = end
            self._instant_us = self._closed_at_us[start]
            end = self._end_of_instant(start, self._instant_us)
            strategies.on_rows(tape, start, end)
        cursor.seek(end)
        if pending:
            self._settle_orders(self._instant_us, end, self._tape_bars(end) if self._is_same_close else [])
        return True

    def _tape_bars(self, end: int) -> list[PriceBarEvent]:
        start = self._tape.rows_closed_before(self._instant_us)
        return self._finest(list(self._tape.bars(start, end, self._run_id)), start)

    def _hold_instant(self, instant_us: int, start: int, end: int) -> None:
        """Go through all phases of one instant whose bars are the rows from `start` to before `end`."""
        agenda, bus, execution = self._agenda, self._bus, self._execution
        self._instant_us = instant_us
        now = from_epoch_us(instant_us)
        if agenda.next_action_us < instant_us:
            bus.store.rows = start
            self._apply_actions(instant_us)
        has_bars = end > start
        bars = self._bars_of_instant(start, end)
        bus.store.rows = end
        self._house.marks.look_at_rows(instant_us, end)
        if has_bars and self._orders.has_live_orders:
            execution.begin_instant(self._finest(bars, start), now)
            while execution.match_next():
                bus.drain()
        if self._next_due_us() <= instant_us:
            execution.expire_due(instant_us)
            bus.drain()
            self._portfolio.settle_due(now)
            bus.drain()
        if has_bars:
            self._decide(bars, start, end)
            if bus.pending or self._is_same_close:
                self._settle_orders(instant_us, end, self._finest(bars, start) if self._is_same_close else [])
        if agenda.next_valuation_us == instant_us:
            self._value(instant_us)

    def _bars_of_instant(self, start: int, end: int) -> list[PriceBarEvent]:
        """Make the bars of an instant; where no strategy is called with each, those that somebody needs."""
        cursor = self._cursor
        self._look_who_listens()
        if not (self._may_leave_out_bars and self._is_alone and self._strategies.takes_rows):
            return cursor.take_all(end)
        if end - start <= 1:
            return cursor.take_only(range(start, end), end)
        live = self._orders.live_symbols() if self._orders.has_live_orders else ()
        needed = set(self._strategies.rows_before(end))
        if (len(live) + len(needed)) * _BARS_AT_ONCE > end - start:
            return cursor.take_exactly(end)
        for symbol in live:
            rows = self._tape.matching_rows_of(symbol)
            place = int(rows.searchsorted(start))
            if place < len(rows) and rows[place] < end:
                needed.add(int(rows[place]))
        return cursor.take_only(sorted(needed), end)

    def _apply_actions(self, instant_us: int) -> None:
        """Publish the corporate actions effective before this instant, each at its effective instant."""
        bus, origin = self._house.bus, self._actions_origin
        for effective_us, action in self._agenda.take_actions(instant_us):
            envelope = origin.beginning(None, from_epoch_us(effective_us))
            event: CorporateActionEvent = msgspec.structs.replace(action, envelope=envelope)
            bus.publish(event)
            bus.drain()

    def _finest(self, bars: list[PriceBarEvent], start: int) -> list[PriceBarEvent]:
        """Leave out the bars of coarser intervals: orders meet a symbol's finest bars only."""
        tape = self._tape
        if len(tape.intervals) == 1:
            return bars
        return [
            bar
            for row, bar in enumerate(bars, start)
            if tape.interval_at(int(tape.matching_rows_of(bar.symbol)[0])) == tape.interval_at(row)
        ]

    def _decide(self, bars: list[PriceBarEvent], start: int, end: int) -> None:
        bus, strategies = self._bus, self._strategies
        if strategies.has_notices:
            strategies.deliver_notices(self._instant_us)
        for bar in bars:
            bus.deliver(bar)
        if self._is_alone and strategies.takes_rows:
            strategies.on_rows(self._tape, start, end)
            return
        strategies.on_slice(bars)
        if bus.handlers(SliceEvent):
            bus.deliver(SliceEvent(self._instant_us, tuple(bars)))

    def _settle_orders(self, instant_us: int, end: int, same_close_bars: list[PriceBarEvent]) -> None:
        """Phase 5: signals become orders or refusals; `same_close` orders meet the bars they came from."""
        house = self._house
        house.bus.store.rows = end
        house.marks.look_at_rows(instant_us, end)
        house.bus.drain()
        if same_close_bars and house.execution.has_live_orders:
            house.execution.match_same_close(same_close_bars, from_epoch_us(instant_us))
            while house.execution.match_next():
                house.bus.drain()

    def _value(self, instant_us: int) -> None:
        """Phase 6: the books are marked."""
        self._bus.store.rows = self._cursor.row
        self._house.marks.look_at_rows(instant_us, self._cursor.row)
        valuation = self._agenda.take_valuation()
        envelope = self._clock_origin.beginning(None, from_epoch_us(instant_us))
        bus = self._house.bus
        bus.publish(
            ValuationTriggerEvent(envelope=envelope, session=valuation.session, calendar=self._calendar)
        )
        bus.drain()
