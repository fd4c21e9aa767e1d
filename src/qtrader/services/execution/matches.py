"""What matching is told and what it answers: values.

Prices are those of the market before slippage. An answer that the bar leaves open is flagged, and says
between which prices the truth lies: `worst_price` and `best_price` as the trader sees them, so that a run can
be bounded by what each flagged leg would have cost or brought instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from qtrader.events.vocabulary import FillBasis, OrderType, Side

_OPEN: Final = FillBasis.OPEN


class MatchingRule(StrEnum):
    """Which print of the bar a market order takes."""

    OPEN = "open"
    CLOSE = "close"


class BarPrices(NamedTuple):
    """The four prices of a bar."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class OrderTerms(NamedTuple):
    """What matching has to know of an order.

    `stop_price` is the trigger of an order if touched, too, and of a trailing order the stop in force before
    the bar, None where trailing begins with the bar. `is_triggered` says that the trigger was reached before
    the bar, so that the order is a limit order.
    """

    side: Side
    order_type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_triggered: bool = False


class FillMatch(NamedTuple):
    """The order trades at `reference_price`.

    `is_low_ahead` says that prices below this one are certain not to have been seen before the trade,
    `is_high_ahead` the same of prices above it: what an exit that begins to rest at this instant may count
    on. An ambiguous fill has `worst_price` and `best_price`, unless what may have happened instead has no
    price of this order: a fill of the opposite side.
    """

    reference_price: Decimal
    basis: FillBasis
    at_open: bool
    is_low_ahead: bool
    is_high_ahead: bool
    is_ambiguous: bool = False
    worst_price: Decimal | None = None
    best_price: Decimal | None = None


class TriggerMatch(NamedTuple):
    """The stop is reached and the limit rests; where it may have filled already, at `fill_price`."""

    at_open: bool
    is_ambiguous: bool
    fill_price: Decimal | None = None


class ExitMatch(NamedTuple):
    """What a position's stop and target do in a bar.

    `is_uncertain` says that an exit may have happened although none is booked: at `worst_price` if it was the
    stop, at `best_price` if it was the target; None for the one that cannot have been.
    """

    stop: FillMatch | None = None
    target: FillMatch | None = None
    is_uncertain: bool = False
    worst_price: Decimal | None = None
    best_price: Decimal | None = None


class TrailingMatch(NamedTuple):
    """What a bar does to a trailing order.

    `stop_price` is the stop that was reached, or else the one in force after the bar; None where none is yet.
    `limit_price` is that of a stop-limit whose stop was reached. `is_uncertain` says that the stop may have
    been reached although nothing is booked; the order would have traded between `worst_price` and
    `best_price` then.
    """

    match: FillMatch | TriggerMatch | None
    stop_price: Decimal | None
    limit_price: Decimal | None = None
    is_uncertain: bool = False
    worst_price: Decimal | None = None
    best_price: Decimal | None = None


Match = FillMatch | TriggerMatch | None

#: There is nothing to exit from, or nothing happens.
NO_EXITS: Final = ExitMatch()


def at_open(price: Decimal) -> FillMatch:
    """Return the fill of an order at the open, with the whole bar ahead."""
    # By position, as most fills are made here and names cost a named tuple more than the rest of it.
    return FillMatch(price, _OPEN, True, True, True)


def at_close(price: Decimal) -> FillMatch:
    """Return the fill of an order at the close, after which nothing follows."""
    return FillMatch(price, FillBasis.CLOSE, at_open=False, is_low_ahead=False, is_high_ahead=False)


def widened(fill: FillMatch, side: Side, prices: Iterable[Decimal]) -> FillMatch:
    """Flag a fill because its order may have traded at other prices instead, and take these into its bounds.

    Args:
        fill: what is booked.
        side: of its order.
        prices: at which the order may have traded; without any the fill stays as it is.
    """
    possible = [*prices]
    if not possible:
        return fill
    possible += [price for price in (fill.worst_price, fill.best_price) if price is not None]
    possible.append(fill.reference_price)
    low, high = min(possible), max(possible)
    worst, best = (high, low) if side is Side.BUY else (low, high)
    return fill._replace(is_ambiguous=True, worst_price=worst, best_price=best)


def is_below(price: Decimal, limit: Decimal, or_equal: bool) -> bool:
    """Say whether a price passes a buy limit; a touch counts where `or_equal`."""
    return price <= limit if or_equal else price < limit


def negated(price: Decimal | None) -> Decimal | None:
    """Mirror a price."""
    return None if price is None else price.copy_negate()


def mirrored_bar(bar: BarPrices) -> BarPrices:
    """Mirror a bar: prices change sign, high and low change places."""
    return BarPrices(
        bar.open.copy_negate(), bar.low.copy_negate(), bar.high.copy_negate(), bar.close.copy_negate()
    )


def mirrored_fill(fill: FillMatch) -> FillMatch:
    """Mirror a fill; what is worst for a buyer is worst for the seller in the mirror."""
    return FillMatch(
        fill.reference_price.copy_negate(),
        fill.basis,
        fill.at_open,
        fill.is_high_ahead,
        fill.is_low_ahead,
        fill.is_ambiguous,
        negated(fill.worst_price),
        negated(fill.best_price),
    )


def mirrored_match(match: Match) -> Match:
    """Mirror what became of an order."""
    if isinstance(match, FillMatch):
        return mirrored_fill(match)
    if match is None or match.fill_price is None:
        return match
    return match._replace(fill_price=match.fill_price.copy_negate())
