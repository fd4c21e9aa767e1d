"""What execution asks of the market, answered from the tape, the calendars and the marks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtrader.libraries.indicators.atr import atr
from qtrader.money import decimal_of

if TYPE_CHECKING:
    from decimal import Decimal

    from qtrader.engine.wiring import Sessions
    from qtrader.events.events import PriceBarEvent
    from qtrader.market.history import TapeHistory
    from qtrader.market.marks import Marks
    from qtrader.market.tape import Tape
    from qtrader.services.strategy.visible import VisibleIntervals


class TapeMarket:
    """Answer as `qtrader.services.execution.market_view.MarketView` says.

    Args:
        tape: the bars.
        sessions: calendars by symbol.
        marks: last prices.
        history: closed bars, adjusted point in time.
        visible: which of them strategies see.
    """

    def __init__(
        self, tape: Tape, sessions: Sessions, marks: Marks, history: TapeHistory, visible: VisibleIntervals
    ) -> None:
        self._tape = tape
        self._sessions = sessions
        self._marks = marks
        self._history = history
        self._visible = visible

    def session_close_after(self, symbol: str, instant_us: int) -> int:
        """Return the first session close of a symbol strictly after an instant."""
        return self._sessions.close_after(symbol, instant_us)

    def session_prints(self, bar: PriceBarEvent) -> tuple[bool, bool]:
        """Say by the calendar whether a session opens in a bar, and whether one closes in it."""
        calendar = self._sessions.of(bar.symbol)
        close_us = calendar.next_close(bar.opened_at_us)
        session = calendar.session_at(close_us - 1)
        opens = session is not None and bar.opened_at_us <= session.opened_at_us < bar.closed_at_us
        return opens, close_us <= bar.closed_at_us

    def previous_bar(self, bar: PriceBarEvent) -> PriceBarEvent | None:
        """Return the symbol's bar before this one, of its finest interval."""
        tape = self._tape
        rows = tape.matching_rows_of(bar.symbol)
        place = int(rows.searchsorted(tape.rows_closed_before(bar.closed_at_us))) - 1
        return tape.bar(int(rows[place]), bar.run_id) if place >= 0 else None

    def last_price(self, symbol: str) -> Decimal | None:
        """Return what a symbol closed at last, after splits that took effect since."""
        return self._marks.mark(symbol)

    def average_true_range(self, strategy_id: str, symbol: str, period: int, at_us: int) -> Decimal | None:
        """Return the average true range in today's prices, over all bars that a strategy has seen."""
        interval = self._visible.of_history(strategy_id, symbol)
        window = self._history.window(symbol, None, at_us, interval)
        if len(window) <= period:
            return None
        value = float(atr(window.high, window.low, window.close, period)[-1])
        return None if math.isnan(value) else decimal_of(value)
