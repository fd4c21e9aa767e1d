"""The moving-average crossover: long while the fast average is above the slow one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import SignalIntention
from qtrader.libraries.indicators import SMA
from qtrader.services.strategy.protocol import Strategy

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context


class SMADualCrossStrategy(Strategy):
    """Open long when the fast average crosses above the slow one, close when it crosses below.

    With `allow_short` it opens a short instead of only closing, and so is always in the market after the
    first cross. The averages are those of the signal series, so a split is no cross.
    """

    fast: int = 10
    slow: int = 50
    allow_short: bool = False

    def check(self) -> None:
        """Refuse windows of which the fast one is not the shorter."""
        if not 0 < self.fast < self.slow:
            found = f"fast is {self.fast} and slow is {self.slow}"
            msg = f"SMADualCrossStrategy: {found}; allowed is 0 < fast < slow"
            raise ConfigError(msg)

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
        if fast > slow:
            reason = f"SMA({self.fast}) {fast:.6g} crossed above SMA({self.slow}) {slow:.6g}"
            context.emit_signal(symbol, SignalIntention.OPEN_LONG, reason=reason)
            return
        reason = f"SMA({self.fast}) {fast:.6g} crossed below SMA({self.slow}) {slow:.6g}"
        if self.allow_short:
            context.emit_signal(symbol, SignalIntention.OPEN_SHORT, reason=reason)
        elif context.position(symbol).is_long:
            context.emit_signal(symbol, SignalIntention.CLOSE_LONG, reason=reason)


class _State:
    """The averages of one symbol and which of them was above."""

    __slots__ = ("is_above", "update_fast", "update_slow")

    def __init__(self, fast: int, slow: int) -> None:
        self.update_fast = SMA(fast).update
        self.update_slow = SMA(slow).update
        self.is_above: bool | None = None
