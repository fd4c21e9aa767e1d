"""The moving-average crossover: long while the fast average is above the slow one; in two forms."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import SignalIntention
from qtrader.libraries.indicators import SMA
from qtrader.services.strategy.conditions import crosses, crosses_above, crosses_below, side_of
from qtrader.services.strategy.protocol import Strategy
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context
    from qtrader.services.strategy.panel import Panel


class _SMADualCross(Strategy):
    """What both forms share: parameters, their check, and the reason given."""

    fast: int = 10
    slow: int = 50
    allow_short: bool = False

    def check(self) -> None:
        """Refuse windows of which the fast one is not the shorter."""
        if not 0 < self.fast < self.slow:
            found = f"fast is {self.fast} and slow is {self.slow}"
            msg = f"{type(self).__name__}: {found}; allowed is 0 < fast < slow"
            raise ConfigError(msg)

    def reason(self, fast: float, slow: float) -> str:
        """Say that the averages have crossed."""
        where = "above" if fast > slow else "below"
        return f"SMA({self.fast}) {fast:.6g} crossed {where} SMA({self.slow}) {slow:.6g}"


class SMADualCrossStrategy(_SMADualCross):
    """Open long when the fast average crosses above the slow one, close when it crosses below.

    With `allow_short` it opens a short instead of only closing, and so is always in the market after the
    first cross. The averages are those of the signal series, so a split is no cross.
    """

    def on_start(self, context: Context) -> None:
        """Prepare a pair of averages per symbol."""
        self._states = {symbol: _State(self.fast, self.slow) for symbol in context.universe}

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Update the averages and signal when they have crossed."""
        try:
            state = self._states[bar.symbol]
        except KeyError:
            # The symbol has joined the universe since the start.
            state = self._states[bar.symbol] = _State(self.fast, self.slow)
        price = bar.close * bar.signal_factor
        fast = state.update_fast(price)
        slow = state.update_slow(price)
        if fast > slow:
            is_above = True
        elif fast < slow:
            is_above = False
        else:
            # Equal, or not warm yet: NaN compares false both ways.
            return
        was_above = state.is_above
        if is_above is not was_above:
            state.is_above = is_above
            if was_above is not None:
                self._crossed(bar.symbol, context, fast, slow)

    def _crossed(self, symbol: str, context: Context, fast: float, slow: float) -> None:
        reason = self.reason(fast, slow)
        if fast > slow:
            context.emit_signal(symbol, SignalIntention.OPEN_LONG, reason=reason)
        elif self.allow_short:
            context.emit_signal(symbol, SignalIntention.OPEN_SHORT, reason=reason)
        elif context.position(symbol).is_long:
            context.emit_signal(symbol, SignalIntention.CLOSE_LONG, reason=reason)


class SMADualCrossColumns(_SMADualCross, VectorStrategy):
    """The same on columns: the same signals with the same words, bar for bar."""

    #: Averages and crosses are carried on from one piece to the next.
    lookback = 1

    def signals(self, panel: Panel) -> Signals:
        """Enter and leave where the averages cross."""
        fast, slow = panel.indicator(_average(self.fast)), panel.indicator(_average(self.slow))

        def reason(time: int, symbol: int) -> str:
            return self.reason(float(fast[time, symbol]), float(slow[time, symbol]))

        if self.allow_short:
            return Signals(entry=crosses(fast, slow), side=side_of(fast, slow), reason=reason)
        return Signals(entry=crosses_above(fast, slow), exit=crosses_below(fast, slow), reason=reason)


@lru_cache(maxsize=4_096)
def _average(period: int) -> SMA:
    # Only its columns are asked for, which do not change it, so that the sets of a sweep can share it.
    return SMA(period)


class _State:
    """The averages of one symbol and which of them was above."""

    __slots__ = ("is_above", "update_fast", "update_slow")

    def __init__(self, fast: int, slow: int) -> None:
        self.update_fast = SMA(fast).update
        self.update_slow = SMA(slow).update
        self.is_above: bool | None = None
