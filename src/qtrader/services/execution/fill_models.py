"""Fill models: how a bar's prices become fills, by name, one for each instrument.

* `conservative`, the default: the conventions. Limits fill where the price trades through them, and where
  the bar leaves something open, the worse outcome is booked.
* `touch`: a limit fills where it is touched, in the bar, at its open and at its close.
* `mid`: a market order trades at the middle of the bar's range, (high + low) / 2; all else as in
  `conservative`. Every path passes this price, but only who knew the day's high and low could ask for it, and
  it hides what the spread costs: it is optimistic for whoever trades in the direction of the open's gap, and
  stands for an execution spread over the bar. Orders on open and on close and immediate orders keep their
  prints. It is the time of the close at which such a fill is certain to have happened.

A model of one's own is a class with the three methods of `FillModel`. The easiest is a subclass of
`OhlcFillModel` that overrides one of them. A model is a value: it keeps nothing from one bar to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import FillBasis, OrderType, Side
from qtrader.services.execution.matching import (
    BarPrices,
    ExitMatch,
    FillMatch,
    Match,
    MatchingRule,
    OrderTerms,
    TrailingMatch,
    match_exits,
    match_order,
)
from qtrader.services.execution.matching_trailing import Trail, match_trailing


class FillModel(Protocol):
    """Say whether and where orders meet a bar that opened no earlier than they were accepted."""

    def match_order(
        self,
        terms: OrderTerms,
        bar: BarPrices,
        rule: MatchingRule = MatchingRule.OPEN,
        *,
        is_session_open: bool = True,
        is_session_close: bool = True,
    ) -> Match:
        """Match one order; see `matching.match_order`."""
        ...

    def match_exits(
        self,
        exit_side: Side,
        entry: FillMatch,
        stop_price: Decimal | None,
        target_price: Decimal | None,
        bar: BarPrices,
    ) -> ExitMatch:
        """Match a stop-loss and a take-profit against what of the bar follows `entry`."""
        ...

    def match_trailing(
        self, terms: OrderTerms, trail: Trail, bar: BarPrices, entry: FillMatch | None = None
    ) -> TrailingMatch:
        """Match a trailing order whose stop was not reached yet."""
        ...


@dataclass(frozen=True, slots=True)
class OhlcFillModel:
    """Match against the four prices of a bar as the conventions say.

    Args:
        limit_touch: whether touching a limit fills it.
    """

    limit_touch: bool = False

    def match_order(
        self,
        terms: OrderTerms,
        bar: BarPrices,
        rule: MatchingRule = MatchingRule.OPEN,
        *,
        is_session_open: bool = True,
        is_session_close: bool = True,
    ) -> Match:
        """Match one order."""
        return match_order(
            terms,
            bar,
            rule,
            limit_touch=self.limit_touch,
            is_session_open=is_session_open,
            is_session_close=is_session_close,
        )

    def match_exits(
        self,
        exit_side: Side,
        entry: FillMatch,
        stop_price: Decimal | None,
        target_price: Decimal | None,
        bar: BarPrices,
    ) -> ExitMatch:
        """Match a stop-loss and a take-profit against what of the bar follows `entry`."""
        return match_exits(exit_side, entry, stop_price, target_price, bar, limit_touch=self.limit_touch)

    def match_trailing(
        self, terms: OrderTerms, trail: Trail, bar: BarPrices, entry: FillMatch | None = None
    ) -> TrailingMatch:
        """Match a trailing order whose stop was not reached yet."""
        return match_trailing(terms, trail, bar, entry, limit_touch=self.limit_touch)


@dataclass(frozen=True, slots=True)
class MidFillModel(OhlcFillModel):
    """Fill market orders at the middle of the bar's range, unrounded; optimistic, see above."""

    def match_order(
        self,
        terms: OrderTerms,
        bar: BarPrices,
        rule: MatchingRule = MatchingRule.OPEN,
        *,
        is_session_open: bool = True,
        is_session_close: bool = True,
    ) -> Match:
        """Match one order."""
        if terms.order_type is OrderType.MARKET:
            middle = (bar.high + bar.low) / 2
            return FillMatch(middle, FillBasis.MID, at_open=False, is_low_ahead=False, is_high_ahead=False)
        # Named, because a dataclass with slots is another class than the one that `super()` means.
        return OhlcFillModel.match_order(
            self, terms, bar, rule, is_session_open=is_session_open, is_session_close=is_session_close
        )


CONSERVATIVE: Final = OhlcFillModel()

#: The models that have a name.
FILL_MODELS: Final[dict[str, FillModel]] = {
    "conservative": CONSERVATIVE,
    "touch": OhlcFillModel(limit_touch=True),
    "mid": MidFillModel(),
}


def fill_model(name: str) -> FillModel:
    """Return a fill model by its name.

    Raises:
        ConfigError: no model has this name.
    """
    found = FILL_MODELS.get(name)
    if found is None:
        msg = f"fill model {name!r} is unknown; allowed is one of {', '.join(FILL_MODELS)}"
        raise ConfigError(msg)
    return found
