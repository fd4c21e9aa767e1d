"""The strategies of the benchmarks beside the shipped crossover: silent, on every bar, on slices, sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.events.vocabulary import SignalIntention
from qtrader.libraries.strategies import SMADualCrossColumns, SMADualCrossStrategy
from qtrader.services.strategy.protocol import Strategy
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context
    from qtrader.services.strategy.instant_bars import InstantBars
    from qtrader.services.strategy.panel import Panel

__all__ = [
    "EveryBarStrategy",
    "SMADualCrossColumns",
    "SMADualCrossStrategy",
    "SilentSMADualCross",
    "SliceSMADualCross",
    "SparseColumns",
]


class SilentSMADualCross(SMADualCrossStrategy):
    """The shipped crossover, which finds its crosses and keeps them to itself."""

    def _crossed(self, *_: Any) -> None:
        return


class EveryBarStrategy(Strategy):
    """Buy at one close and sell at the next, for ever."""

    def on_start(self, context: Context) -> None:
        """Begin with a purchase."""
        self._is_long = dict.fromkeys(context.universe, False)

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Signal."""
        symbol = bar.symbol
        is_long = self._is_long[symbol]
        self._is_long[symbol] = not is_long
        intention = SignalIntention.CLOSE_LONG if is_long else SignalIntention.OPEN_LONG
        context.emit_signal(symbol, intention, reason="every bar")


class SliceSMADualCross(Strategy):
    """The crossover on the columns of an instant: one call for all symbols, sums kept in arrays.

    Every symbol has a bar at every instant here; sums are of cents, so that no cross is lost to rounding.
    """

    fast: int = 10
    slow: int = 50

    def on_start(self, context: Context) -> None:
        """Prepare the sums of all symbols."""
        symbols = len(context.universe)
        self._ring = np.zeros((self.slow, symbols))
        self._short, self._long = np.zeros(symbols), np.zeros(symbols)
        self._state = np.zeros(symbols)
        self._seen = 0
        self._held: set[str] = set()

    def on_slice(self, bars: InstantBars, context: Context) -> None:
        """Take an instant in and signal where the averages have crossed."""
        close = np.rint(bars.close * 100)
        place, seen, ring, slow = self._seen % self.slow, self._seen, self._ring, self.slow
        self._short += close
        self._long += close
        # Empty rows of the ring are zero.
        self._short -= ring[(seen - self.fast) % slow]
        self._long -= ring[place]
        ring[place] = close
        self._seen = seen + 1
        if self._seen < slow:
            return
        now = np.sign(self._short * slow - self._long * self.fast)
        now = np.where(now == 0, self._state, now)
        for crossed in np.flatnonzero((now != self._state) & (self._state != 0)).tolist():
            symbol = bars.symbols[crossed]
            if now[crossed] > 0:
                self._held.add(symbol)
                context.emit_signal(symbol, SignalIntention.OPEN_LONG, reason="crossed above")
            elif symbol in self._held:
                self._held.discard(symbol)
                context.emit_signal(symbol, SignalIntention.CLOSE_LONG, reason="crossed below")
        self._state = now


class SparseColumns(VectorStrategy):
    """Buy and sell in turns, every `step` bars: as many orders on more bars with a larger step."""

    step: int = 100

    def signals(self, panel: Panel) -> Signals:
        """Enter and leave."""
        entry = np.zeros(panel.close.shape, dtype=bool)
        leave = np.zeros(panel.close.shape, dtype=bool)
        entry[:: 2 * self.step] = True
        leave[self.step :: 2 * self.step] = True
        return Signals(entry=entry, exit=leave)
