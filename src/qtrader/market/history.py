"""What a strategy may look back on: bars that have closed, as columns, adjusted point in time.

Values are those of the signal series divided by today's factor, so that the latest price is the raw one and
earlier ones are comparable with it; a split tomorrow changes nothing shown today. Every window is a copy: no
view leads to the future. `TapeHistory` reads a tape up to an instant; `StreamHistory` keeps the bars that it
was given, for a service that sees no tape. A window holds bars of one interval: the one asked for, or the
symbol's finest.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from qtrader.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from qtrader.events.events import PriceBarEvent
    from qtrader.market.tape import Tape


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """Closed bars of one symbol, oldest first.

    Columns are float64 and of one length, times are microseconds since the epoch.
    """

    symbol: str
    closed_at_us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.closed_at_us)


class BarHistory(Protocol):
    """Give closed bars."""

    def window(
        self, symbol: str, count: int | None, at_us: int, interval: str | None = None
    ) -> HistoryWindow:
        """Return the last `count` bars (all without one) of a symbol that had closed by an instant.

        They are of the interval, or without one of the symbol's finest.
        """
        ...


class TapeHistory:
    """Read a tape, never past the instant asked for."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        #: Rows by symbol and interval.
        self._rows: dict[tuple[str, str | None], NDArray[np.int64]] = {}

    def window(
        self, symbol: str, count: int | None, at_us: int, interval: str | None = None
    ) -> HistoryWindow:
        """Return the last `count` closed bars of a symbol."""
        tape = self._tape
        rows = self._rows.get((symbol, interval))
        if rows is None:
            rows = self._rows[symbol, interval] = (
                tape.matching_rows_of(symbol) if interval is None else tape.rows_of_interval(symbol, interval)
            )
        # Two bisections, so that no column is copied for its own: a tape on disk is larger than memory.
        stop = int(rows.searchsorted(tape.rows_closed_by(at_us)))
        start = 0 if count is None else max(0, stop - _checked(count))
        chosen = rows[start:stop]
        columns = (tape.open, tape.high, tape.low, tape.close)
        return _window(
            symbol,
            tape.closed_at_us[chosen],
            [column[chosen] for column in columns],
            tape.volume[chosen],
            tape.signal_factor[chosen],
        )


class StreamHistory:
    """Keep the bars given, and read them.

    The caller gives each symbol's bars in time order.

    Args:
        finest: each symbol's finest interval; one that is missing has bars of a single interval.
    """

    def __init__(self, finest: Mapping[str, str] | None = None) -> None:
        self._finest = dict(finest or {})
        self._bars: dict[tuple[str, str], list[PriceBarEvent]] = {}
        self._closes_at: dict[tuple[str, str], list[int]] = {}

    def add(self, bar: PriceBarEvent) -> None:
        """Take in a bar that has closed."""
        series = bar.symbol, bar.interval
        self._finest.setdefault(*series)
        self._bars.setdefault(series, []).append(bar)
        self._closes_at.setdefault(series, []).append(bar.closed_at_us)

    def window(
        self, symbol: str, count: int | None, at_us: int, interval: str | None = None
    ) -> HistoryWindow:
        """Return the last `count` closed bars of a symbol."""
        series = symbol, self._finest.get(symbol, "") if interval is None else interval
        closes_at = self._closes_at.get(series, [])
        stop = bisect_right(closes_at, at_us)
        start = 0 if count is None else max(0, stop - _checked(count))
        bars = self._bars.get(series, [])[start:stop]
        table = np.array(
            [(b.open, b.high, b.low, b.close, b.volume, b.signal_factor) for b in bars], dtype=np.float64
        )
        table = table.reshape(len(bars), 6)
        times = np.array(closes_at[start:stop], dtype=np.int64)
        return _window(
            symbol, times, [table[:, place] for place in range(4)], table[:, 4].copy(), table[:, 5]
        )


def _checked(count: int) -> int:
    if count <= 0:
        msg = f"history: count is {count}; allowed is a positive number of bars, or none for all"
        raise StrategyError(msg)
    return count


def _window(
    symbol: str,
    closed_at_us: NDArray[np.int64],
    prices: list[NDArray[np.float64]],
    volume: NDArray[np.float64],
    factor: NDArray[np.float64],
) -> HistoryWindow:
    if len(factor):
        # The quotient is exactly one for bars of today's share, so that these stay raw to the bit.
        ratio = factor / factor[-1]
        opened, high, low, close = (column * ratio for column in prices)
    else:
        opened, high, low, close = (column.copy() for column in prices)
    return HistoryWindow(symbol, closed_at_us, opened, high, low, close, volume)
