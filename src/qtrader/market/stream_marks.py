"""Marks for a service that sees no tape: made of the bars and corporate actions that it was sent.

They equal `Marks` at every instant whose bars were all added: a symbol is worth its last close, divided by
the ratio of a split that took effect since.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from qtrader.market.corporate_actions import per_unit, unit_multiplier
from qtrader.money import decimal_of

if TYPE_CHECKING:
    from fractions import Fraction

    from qtrader.events.events import CorporateActionEvent, PriceBarEvent


class StreamMarks:
    """Value symbols at the last closes given.

    The caller adds each symbol's bars of its finest interval, in time order, and all bars of an instant
    before it asks.
    """

    def __init__(self) -> None:
        self._closes: dict[str, float] = {}
        #: Ratios of the splits that no bar has closed after yet.
        self._fresh_splits: dict[str, Fraction] = {}
        #: Grows whenever a mark may have changed.
        self.version = 0

    def add(self, bar: PriceBarEvent) -> None:
        """Take in a bar that has closed."""
        self._closes[bar.symbol] = bar.close
        self.version += 1
        self._fresh_splits.pop(bar.symbol, None)

    def on_corporate_action(self, action: CorporateActionEvent) -> None:
        """Divide a symbol's mark by the multiplier of a split or stock dividend, until its next bar."""
        multiplier = unit_multiplier(action)
        if multiplier is not None:
            self.version += 1
            earlier = self._fresh_splits.get(action.symbol)
            self._fresh_splits[action.symbol] = multiplier if earlier is None else multiplier * earlier

    def mark(self, symbol: str) -> Decimal | None:
        """Return what one unit of a symbol is worth, or None before its first bar."""
        close = self._closes.get(symbol)
        if close is None:
            return None
        ratio = self._fresh_splits.get(symbol)
        return decimal_of(close) if ratio is None else per_unit(decimal_of(close), ratio)
