"""A bar's journey: the phases of an instant, and the tight loop between instants that have work.

Phases: 1 corporate actions, 2 matching, 3 accruals and expiries, 4 decisions, 5 orders, 6 valuation. Where
    the agenda is empty, one strategy is wired and nothing but a signal could happen, bars go straight from
    the tape to its `on_bar`; both ways give the same events, which a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from qtrader.services.strategy.service import BarHandler


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
        self._calendar = valuation_calendar
        self._is_same_close = is_same_close
        self._cursor = BarCursor(tape, run_id)
        self._actions_origin = Origin(run_id, "data_service")
        self._clock_origin = Origin(run_id, "engine")
        self._instant_us = -NEVER_US
        self._last_us = max(int(tape.closed_at_us[-1]), agenda.last_valuation_us)
        self._known_listeners: tuple[Any, ...] | None = None
        self._direct: tuple[BarHandler, Context] | None = None

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
        if row < quiet_row and not single and not self._strategies.has_notices:
            direct = self._direct_handler()
            if direct is not None:
                self._stream(quiet_row, *direct)
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

    def _direct_handler(self) -> tuple[BarHandler, Context] | None:
        """Return the one handler that bars may go to directly, if nobody else listens to them."""
        listeners = self._bus.handlers(PriceBarEvent)
        if listeners is not self._known_listeners:
            self._known_listeners = listeners
            is_alone = listeners == (self._strategies.on_bar,) and not self._bus.handlers(SliceEvent)
            self._direct = self._strategies.direct_handler() if is_alone else None
        return self._direct

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
        self._settle_orders(self._instant_us, end, self._tape_bars(bar, end) if self._is_same_close else [])

    def _tape_bars(self, bar: PriceBarEvent, end: int) -> list[PriceBarEvent]:
        start = self._tape.rows_closed_before(bar.closed_at_us)
        return self._finest(list(self._tape.bars(start, end, bar.run_id)), start)

    def _hold_instant(self, instant_us: int, start: int, end: int) -> None:
        """Go through all phases of one instant whose bars are the rows from `start` to before `end`."""
        agenda, bus, execution = self._agenda, self._bus, self._execution
        self._instant_us = instant_us
        now = from_epoch_us(instant_us)
        if agenda.next_action_us < instant_us:
            bus.store.rows = start
            self._apply_actions(instant_us)
        bars = self._cursor.take_all(end)
        bus.store.rows = end
        self._house.marks.look_at_rows(instant_us, end)
        if bars and self._orders.has_live_orders:
            execution.begin_instant(self._finest(bars, start), now)
            while execution.match_next():
                bus.drain()
        if self._next_due_us() <= instant_us:
            execution.expire_due(instant_us)
            bus.drain()
            self._portfolio.settle_due(now)
            bus.drain()
        if bars:
            self._decide(bars, instant_us)
            if bus.pending or self._is_same_close:
                self._settle_orders(instant_us, end, self._finest(bars, start) if self._is_same_close else [])
        if agenda.next_valuation_us == instant_us:
            self._value(instant_us)

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

    def _decide(self, bars: list[PriceBarEvent], instant_us: int) -> None:
        bus, strategies = self._bus, self._strategies
        if strategies.has_notices:
            strategies.deliver_notices(instant_us)
        for bar in bars:
            bus.deliver(bar)
        strategies.on_slice(bars)
        if bus.handlers(SliceEvent):
            bus.deliver(SliceEvent(instant_us, tuple(bars)))

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
