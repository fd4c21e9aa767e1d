"""The price charts of a report: closes of long tapes by parts, and of many fills every n-th."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from qtrader.clock import to_epoch_us
from qtrader.engine.decisions import Decisions
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import FillEvent
from qtrader.services.reporting.html_data import MARKER_LIMIT, STATIC_MARKER_LIMIT, marker_step
from qtrader.services.reporting.report import Curve, Marker, MarkerKind, PriceChart

if TYPE_CHECKING:
    from qtrader.engine.results import Results
    from qtrader.market.tape import Longs, Tape

#: A page has no room for the charts of a whole market.
_CHARTS: Final = 12
#: Single places of a long column that are looked up before its memory is given back.
_LOOK_UPS: Final = 64


class _Parts(Sequence[Any]):
    """A long column of which only slices are ever made."""

    def __init__(
        self, rows: Longs, values_of: Callable[[Longs], NDArray[Any]], release: Callable[[], None]
    ) -> None:
        self._rows = rows
        self._values_of = values_of
        self._release = release
        self._looked_up = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, int):
            self._looked_up += 1
            if self._looked_up % _LOOK_UPS == 0:
                self._release()
            return self._values_of(self._rows[place : place + 1])[0]
        self._release()
        return self._values_of(self._rows[place])


class _SymbolMarkers:
    """The fills of one symbol that have markers."""

    def __init__(self, tape: Tape, symbol: str, count: int) -> None:
        self.count = count
        self.markers: list[Marker] = []
        self.static_markers: list[Marker] = []
        self._seen = 0
        self._step = marker_step(count, MARKER_LIMIT)
        self._static_step = marker_step(count, STATIC_MARKER_LIMIT)
        self._tape = tape
        self.rows = tape.matching_rows_of(symbol)
        self.last_factor = float(tape.signal_factor[self.rows[-1]])

    def on_fill(self, fill: FillEvent) -> None:
        """Take the next fill of the symbol."""
        place = self._seen
        self._seen += 1
        is_static = place % self._static_step == 0
        if is_static or place % self._step == 0:
            marker = self._marker(fill)
            if is_static:
                self.static_markers.append(marker)
            if place % self._step == 0:
                self.markers.append(marker)

    def _marker(self, fill: FillEvent) -> Marker:
        if len(self.static_markers) % _LOOK_UPS == 0:
            self._tape.release_pages()
        at_us, rows = to_epoch_us(fill.executed_at), self.rows
        row = min(int(rows.searchsorted(self._tape.rows_closed_before(at_us))), len(rows) - 1)
        price = float(fill.price) * float(self._tape.signal_factor[rows[row]]) / self.last_factor
        text = (
            f"{fill.side.value} {canonical_decimal(fill.quantity)} at {canonical_decimal(fill.price)}, "
            f"{fill.purpose.value.replace('_', ' ')} ({fill.strategy_id})"
        )
        return Marker(at_us, price, _kind_of(fill), text)

    def closes(self) -> Curve:
        """Give the closes, adjusted for splits as of the last bar."""
        tape = self._tape

        def adjusted(rows: Longs) -> NDArray[Any]:
            return tape.close[rows] * tape.signal_factor[rows] / np.float64(self.last_factor)

        instants = _Parts(self.rows, lambda rows: tape.closed_at_us[rows], tape.release_pages)
        return Curve(instants, _Parts(self.rows, adjusted, tape.release_pages))


def price_charts(results: Results, tape: Tape) -> tuple[PriceChart, ...]:
    """Draw the prices of what was traded first, then of other symbols, with their fills."""
    counts = results.digest.fill_counts
    shown = [one for one in results.run.symbols if one in tape.symbols and len(tape.matching_rows_of(one))]
    chosen = [one for one in shown if one in counts] + [one for one in shown if one not in counts]
    drawn = {symbol: _SymbolMarkers(tape, symbol, counts.get(symbol, 0)) for symbol in chosen[:_CHARTS]}
    for fill in Decisions(results.run.store).of(FillEvent):
        if fill.symbol in drawn:
            drawn[fill.symbol].on_fill(fill)
    tape.release_pages()
    return tuple(
        PriceChart(symbol, one.closes(), tuple(one.markers), tuple(one.static_markers), one.count)
        for symbol, one in drawn.items()
    )


def _kind_of(fill: FillEvent) -> MarkerKind:
    is_buy = fill.side.value == "buy"
    if fill.purpose.value == "open":
        return "long_entry" if is_buy else "short_entry"
    return "short_exit" if is_buy else "long_exit"
