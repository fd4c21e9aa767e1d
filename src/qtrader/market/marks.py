"""What each symbol is worth now: its last close, divided by a split that has taken effect since.

Marks move with the engine: `look(instant)` makes the bars known that had closed by then. A split takes effect
before its first bar has closed, so until then the mark is the old close divided by the ratio, and equity does
not jump.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from qtrader.clock import to_epoch_us
from qtrader.market.corporate_actions import per_unit, unit_multiplier
from qtrader.market.prices import LastPrices

if TYPE_CHECKING:
    from fractions import Fraction

    from qtrader.events.events import CorporateActionEvent
    from qtrader.market.tape import Tape


class Marks:
    """Value symbols at the last known closes of a tape."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._prices = LastPrices(tape)
        self._looked_at_us = -(2**63)
        #: Whether the rows known by then are still to be counted: whoever looks does not always ask.
        self._is_behind = False
        #: Splits that no bar has closed after yet: symbol → (row of the last bar before, ratio).
        self._fresh_splits: dict[str, tuple[int | None, Fraction]] = {}
        self._splits = 0

    @property
    def version(self) -> int:
        """A number that grows whenever some mark may have changed."""
        if self._is_behind:
            self._catch_up()
        return self._prices.known_rows + self._splits

    def look(self, instant_us: int) -> None:
        """Make the bars known that closed at or before an instant; looking back changes nothing."""
        if instant_us > self._looked_at_us:
            self._looked_at_us = instant_us
            self._is_behind = True

    def look_at_rows(self, instant_us: int, known_rows: int) -> None:
        """Make the first rows of the tape known, where the caller knows how many had closed by an instant."""
        if instant_us > self._looked_at_us or (self._is_behind and instant_us == self._looked_at_us):
            self._looked_at_us = instant_us
            self._is_behind = False
            self._prices.advance_to(known_rows)

    def on_corporate_action(self, action: CorporateActionEvent) -> None:
        """Divide a symbol's mark by the multiplier of a split or stock dividend, until its next bar."""
        # Nobody looks between instants with work: what had closed by the action's own instant counts.
        self.look(to_epoch_us(action.occurred_at))
        self._catch_up()
        multiplier = unit_multiplier(action)
        if multiplier is None:
            return
        row = self._prices.last_row(action.symbol, self._prices.known_rows)
        earlier = self._fresh_splits.get(action.symbol)
        ratio = multiplier * earlier[1] if earlier is not None and earlier[0] == row else multiplier
        self._fresh_splits[action.symbol] = (row, ratio)
        self._splits += 1

    def mark(self, symbol: str) -> Decimal | None:
        """Return what one unit of a symbol is worth, or None before its first bar."""
        if self._is_behind:
            self._catch_up()
        price = self._prices.decimal_price(symbol)
        if price is None or symbol not in self._fresh_splits:
            return price
        row, ratio = self._fresh_splits[symbol]
        if self._prices.last_row(symbol, self._prices.known_rows) != row:
            del self._fresh_splits[symbol]
            return price
        return per_unit(price, ratio)

    def _catch_up(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self._prices.advance_to_instant(self._looked_at_us)
