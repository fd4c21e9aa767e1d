"""Asking a strategy on columns what it wants: of the whole tape, by blocks of it, or instant by instant.

A tape that lies in memory is asked about as a whole. One that is mapped from files may be larger than memory:
there, and on a stream of bars, a strategy has to say its lookback, and is asked piece by piece. The signals
are the same in all three ways, so long as they look no further back than that; indicators and conditions
reach as far as they like (`column_memory`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.errors import ConfigError
from qtrader.market.tape import Tape, TapeColumns
from qtrader.services.strategy.column_memory import ColumnMemory
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.plan import SignalPlan, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qtrader.events.events import PriceBarEvent

#: Rows of a mapped tape that are asked about together.
BLOCK_ROWS: Final = 262_144
#: Places of a panel up to which a mapped tape is asked about as a whole where no lookback is said.
WHOLE_PLACES: Final = 10_000_000


def lookback_of(strategy: Any) -> int | None:
    """Return how many instants back a strategy on columns looks; None where it does not say.

    Raises:
        ConfigError: it says what is no positive whole number.
    """
    lookback = getattr(strategy, "lookback", None)
    if lookback is None:
        return None
    if isinstance(lookback, bool) or not isinstance(lookback, int) or lookback < 1:
        msg = (
            f"{type(strategy).__name__}: lookback is {lookback!r}; allowed is a whole number from 1, or None"
        )
        raise ConfigError(msg)
    return lookback


def needed_lookback(strategy: Any, strategy_id: str, where: str) -> int:
    """Return a strategy's lookback where it has to say one.

    Raises:
        ConfigError: it says none; `where` tells why one is needed.
    """
    lookback = lookback_of(strategy)
    if lookback is None:
        msg = (
            f"strategy {strategy_id!r} works on columns, and {where}; say how many instants back its signals "
            f"look, the present one included: lookback = 100 in {type(strategy).__name__}"
        )
        raise ConfigError(msg)
    return lookback


def plans_over(
    strategy: Any, strategy_id: str, tape: Tape, symbols: tuple[str, ...], interval: str
) -> Iterator[SignalPlan]:
    """Give the plans of a strategy over a tape, in order: one, or those of blocks.

    Raises:
        ConfigError: the tape is larger than can be asked about at once, and no lookback is said.
    """
    name = type(strategy).__name__
    lookback = lookback_of(strategy)
    if not tape.is_mapped or (lookback is None and len(tape) * len(symbols) <= WHOLE_PLACES):
        panel = Panel(tape, symbols, interval)
        return iter((plan_of(name, strategy.signals(panel), panel),))
    where = f"this tape of {len(tape):,} bars is read from disk block by block"
    return _plans_by_blocks(strategy, tape, symbols, interval, needed_lookback(strategy, strategy_id, where))


def _plans_by_blocks(
    strategy: Any, tape: Tape, symbols: tuple[str, ...], interval: str, lookback: int
) -> Iterator[SignalPlan]:
    start = 0

    def block(first: int, stop: int, memory: ColumnMemory | None) -> Panel:
        columns = TapeColumns._make(column[first:stop] for column in tape.columns)
        part = Tape(tape.symbols, tape.intervals, columns)
        return Panel(part, symbols, interval, first_row=first, memory=memory)

    def end_of(first: int) -> int:
        return tape.rows_closed_by(int(tape.closed_at_us[min(first + BLOCK_ROWS, len(tape)) - 1]))

    def past() -> Iterator[Panel]:
        first = 0
        while first < start:
            stop = end_of(first)
            yield block(first, stop, None)
            tape.release_pages()
            first = stop

    memory = ColumnMemory(lookback, is_stream=False, past=past)
    while start < len(tape):
        before, stop = memory.instants_us, end_of(start)
        first = tape.rows_closed_before(int(before[0])) if len(before) else start
        panel = block(first, stop, memory)
        if panel.shape[0] > len(before):
            memory.open(panel)
            plan = plan_of(
                type(strategy).__name__, strategy.signals(panel), panel, len(before), memory.evaluate
            )
            memory.close()
            yield plan
        tape.release_pages()
        start = stop


class StreamAsker:
    """Ask a strategy on columns about each instant of a stream.

    Args:
        strategy: asked about the last `lookback` instants, of which the newest counts.
        strategy_id: its id.
        symbols: the symbols that it sees, sorted.
        interval: the interval of the bars that it sees.

    Raises:
        ConfigError: it says no lookback.
    """

    def __init__(self, strategy: Any, strategy_id: str, symbols: tuple[str, ...], interval: str) -> None:
        lookback = needed_lookback(strategy, strategy_id, "here bars arrive one instant after another")
        self._strategy = strategy
        self._symbols = symbols
        self._interval = interval
        self._places = {symbol: place for place, symbol in enumerate(symbols)}
        self._instants: deque[list[PriceBarEvent]] = deque(maxlen=lookback)
        #: Every bar but those of the present instant, for an indicator that is asked for later.
        self._past: list[PriceBarEvent] = []
        self._memory = ColumnMemory(lookback, is_stream=True, past=lambda: iter([self._panel(self._past)]))

    def ask(self, bars: Sequence[PriceBarEvent]) -> SignalPlan | None:
        """Return what is wanted at an instant, given all of its bars; None where the strategy sees none."""
        seen = [bar for bar in bars if bar.symbol in self._places and bar.interval == self._interval]
        if not seen:
            return None
        self._instants.append(seen)
        memory = self._memory
        panel = self._panel([bar for instant in self._instants for bar in instant], memory)
        memory.open(panel)
        said = self._strategy.signals(panel)
        begin = len(memory.instants_us)
        plan = plan_of(type(self._strategy).__name__, said, panel, begin, memory.evaluate)
        memory.close()
        self._past += seen
        return plan

    def _panel(self, bars: Sequence[PriceBarEvent], memory: ColumnMemory | None = None) -> Panel:
        opened, closed = (
            np.array([getattr(bar, name) for bar in bars], dtype=np.int64)
            for name in ("opened_at_us", "closed_at_us")
        )
        columns = TapeColumns(
            opened,
            closed,
            np.array([self._places[bar.symbol] for bar in bars], dtype=np.int32),
            np.zeros(len(bars), dtype=np.int16),
            *[
                np.array([getattr(bar, name) for bar in bars], dtype=np.float64)
                for name in TapeColumns._fields[4:]
            ],
        )
        tape = Tape(self._symbols, (self._interval,), columns)
        return Panel(tape, self._symbols, self._interval, memory=memory)
