"""Average daily volume and daily volatility from a tape, as known at an instant.

Bars of the finest interval are gathered into sessions by the symbol's calendar; a session counts once it has
closed. Earlier sessions are restated to the shares of the day by the splits and stock dividends that took
effect since, so that a split is neither a jump in volume nor a return. Every sum is exactly rounded
(`math.fsum`), so the facts are the same to the bit everywhere.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from qtrader.events.events import CorporateActionEvent
from qtrader.market.calendars import get_calendar
from qtrader.market.corporate_actions import unit_multiplier
from qtrader.market.session_calendar import SessionCalendar
from qtrader.market.tape import Tape
from qtrader.money import decimal_of


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Sessions of a symbol that have bars: instants of their close, volumes (NaN unknown), last prices."""

    closed_at_us: list[int]
    volume: list[float]
    close: list[float]


class TapeFacts:
    """Answer from a tape; see `qtrader.services.execution.cost_models.MarketFacts`.

    Args:
        tape: the bars.
        calendars: sessions by symbol; UTC days for the others.
        actions: (effective instant in microseconds, action) as they apply to the tape's prices.
    """

    def __init__(
        self,
        tape: Tape,
        calendars: Mapping[str, SessionCalendar],
        actions: Iterable[tuple[int, CorporateActionEvent]],
    ) -> None:
        self._tape = tape
        self._calendars = calendars
        self._multipliers: dict[str, list[tuple[int, float]]] = {}
        for effective_us, action in actions:
            multiplier = unit_multiplier(action)
            if multiplier is not None:
                self._multipliers.setdefault(action.symbol, []).append((effective_us, float(multiplier)))
        self._sessions: dict[str, _Sessions] = {}

    def average_daily_volume(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        """Return the mean volume of the last `days` sessions closed by an instant, in units of that day."""
        sessions = self._sessions_of(symbol)
        stop = bisect_right(sessions.closed_at_us, at_us)
        if stop < days:
            return None
        places = range(stop - days, stop)
        total = math.fsum(
            sessions.volume[place] * self._units_since(symbol, sessions.closed_at_us[place], at_us)
            for place in places
        )
        return None if math.isnan(total) else decimal_of(total / days)

    def daily_volatility(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        """Return the standard deviation (ddof 1) of the last `days` close-to-close returns, as a fraction."""
        sessions = self._sessions_of(symbol)
        stop = bisect_right(sessions.closed_at_us, at_us)
        if stop < days + 1:
            return None
        returns = [self._return(symbol, sessions, place) for place in range(stop - days, stop)]
        mean = math.fsum(returns) / days
        squares = math.fsum((value - mean) * (value - mean) for value in returns)
        return decimal_of(math.sqrt(squares / (days - 1)))

    def _return(self, symbol: str, sessions: _Sessions, place: int) -> float:
        closes, times = sessions.close, sessions.closed_at_us
        units = self._units_since(symbol, times[place - 1], times[place])
        return closes[place] * units / closes[place - 1] - 1.0

    def _units_since(self, symbol: str, since_us: int, until_us: int) -> float:
        """Return how many units one unit has become after an instant, up to another."""
        units = 1.0
        for effective_us, multiplier in self._multipliers.get(symbol, ()):
            if since_us < effective_us <= until_us:
                units *= multiplier
        return units

    def _sessions_of(self, symbol: str) -> _Sessions:
        found = self._sessions.get(symbol)
        if found is None:
            found = self._sessions[symbol] = self._gather(symbol)
        return found

    def _gather(self, symbol: str) -> _Sessions:
        tape = self._tape
        rows = tape.matching_rows_of(symbol)
        if not len(rows):
            return _Sessions([], [], [])
        calendar = self._calendars.get(symbol) or get_calendar("UTC")
        first_us, last_us = (int(tape.closed_at_us[rows[place]]) for place in (0, -1))
        ends = calendar.closes_between(first_us - 1, calendar.next_close(last_us - 1))
        # How many of the symbol's bars each session's end has seen; session by session, because the columns
        # may be larger than memory.
        seen = tape.places_in(rows, tape.places_in(tape.closed_at_us, ends, "right"))
        sessions = _Sessions([], [], [])
        start = 0
        for end_us, stop in zip(ends.tolist(), seen.tolist(), strict=True):
            if start < stop:
                sessions.closed_at_us.append(end_us)
                sessions.volume.append(math.fsum(tape.volume[rows[start:stop]].tolist()))
                sessions.close.append(float(tape.close[rows[stop - 1]]))
            start = stop
        tape.release_pages()
        return sessions
