"""Trailing stops against a bar: pure functions of values; the stop in force goes in and comes out.

A trailing stop lies a distance beyond the best price that the market has seen since it began, and never moves
away from the market. Within a bar both ends of the path matter: the favorable extreme pulls the stop along,
and the price must come back to it. What is known before the bar, and the open, put a stop in force; the rest
follows from what every path through the bar agrees on (see `matching`):

* The stop is certainly reached where the bar reaches the stop that its open has put in force, or closes
  beyond the one that its extreme puts in force. If the extreme may have moved the stop before, the fill is
  flagged, booked at the worst price that a path gives, and its best is the stop at the extreme.
* It may have been reached where the bar is at least as wide as the distance. Nothing is booked then, the
  order goes on resting with the stop at the extreme, and the answer is flagged.
* Else the stop was not reached, and only moves.

Stops are rounded to the tick as other stops are: to buy up, to sell down. A stop-limit's limit lies a fixed
offset beyond the stop that was reached and moves no more. Written once, for a buy; a sell is its mirror.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from qtrader.errors import QTraderError
from qtrader.events.events import OrderEvent
from qtrader.events.vocabulary import FillBasis, Side
from qtrader.market.instruments import Rounding, round_limit_price, round_stop_price, round_to_tick
from qtrader.services.execution.matches import (
    BarPrices,
    FillMatch,
    OrderTerms,
    TrailingMatch,
    TriggerMatch,
    at_open,
    is_below,
    mirrored_bar,
    mirrored_fill,
    mirrored_match,
    negated,
)

_PERCENT: Final = Decimal("0.01")


class TrailError(QTraderError):
    """An order does not say how it trails, or what it trails by is unknown."""


class Trail(NamedTuple):
    """How a stop trails: by an amount per unit, or else by a percentage of the best price.

    `limit_offset` is for a stop-limit. Computed prices are rounded to `tick`; None leaves them unrounded.
    """

    amount: Decimal | None = None
    percent: Decimal | None = None
    limit_offset: Decimal | None = None
    tick: Decimal | None = None

    def distance(self, price: Decimal) -> Decimal:
        """Return how far the stop lies from a price.

        Raises:
            TrailError: neither an amount nor a percentage is set.
        """
        if self.amount is not None:
            return self.amount
        if self.percent is None:
            msg = "a trail has neither an amount nor a percentage; it needs one of them"
            raise TrailError(msg)
        # In the mirror prices are negative.
        return abs(price) * self.percent * _PERCENT


def trail_of(order: OrderEvent, tick: Decimal | None, average_true_range: Decimal | None = None) -> Trail:
    """Return how an order trails.

    Args:
        order: a trailing order.
        tick: the step of the instrument's prices.
        average_true_range: over the order's `trail_atr_period` bars that were known when it was accepted;
            needed only by an order that trails by it.

    Raises:
        TrailError: the order does not trail, or the average true range is missing or zero.
    """
    amount, percent, multiple = order.trail_amount, order.trail_percent, order.trail_atr_multiple
    if multiple is not None:
        if average_true_range is None or average_true_range <= 0:
            found = "unknown" if average_true_range is None else f"{average_true_range:f}"
            msg = (
                f"order {order.order_id} trails by the average true range of {order.trail_atr_period} bars, "
                f"which is {found}; it must be above zero when the order is accepted"
            )
            raise TrailError(msg)
        amount = multiple * average_true_range
    if (amount is None) == (percent is None):
        msg = f"order {order.order_id} must trail by exactly one of amount, percent and average true range"
        raise TrailError(msg)
    return Trail(amount, percent, order.trail_limit_offset, tick)


def trailed_stop(
    side: Side, trail: Trail, price: Decimal, stop_price: Decimal | None = None
) -> Decimal | None:
    """Return the stop in force once the market has been at `price`; it never moves away from the market.

    Args:
        side: of the order: a sell protects a long position and trails a rising market.
        trail: how far the stop follows.
        price: that was seen.
        stop_price: in force so far; None where there is none yet.

    Returns:
        The stop; None where it would lie at zero or below, where no price can reach it.
    """
    if side is Side.BUY:
        return _moved(trail, price, stop_price)
    stop = _moved(trail, price.copy_negate(), negated(stop_price))
    return stop.copy_negate() if stop < 0 else None


def trailed_limit(side: Side, trail: Trail, stop_price: Decimal) -> Decimal | None:
    """Return the limit of a stop-limit whose stop was reached; None for an order without limit."""
    if trail.limit_offset is None:
        return None
    limit = stop_price + trail.limit_offset if side is Side.BUY else stop_price - trail.limit_offset
    return round_limit_price(limit, side, trail.tick)


def match_trailing(
    terms: OrderTerms,
    trail: Trail,
    bar: BarPrices,
    entry: FillMatch | None = None,
    *,
    limit_touch: bool = False,
) -> TrailingMatch:
    """Match a trailing order, whose stop was not reached yet, against a bar.

    Args:
        terms: the order; its `stop_price` is the stop in force before the bar, None for none.
        trail: how far the stop follows.
        bar: the bar's prices.
        entry: the fill from which the order rests, where that is within the bar; its open by default.
        limit_touch: whether touching the limit of a stop-limit fills it.
    """
    start = at_open(bar.open) if entry is None else entry
    if terms.side is Side.BUY:
        return _match_buy(terms.stop_price, trail, bar, start, limit_touch)
    found = _match_buy(negated(terms.stop_price), trail, mirrored_bar(bar), mirrored_fill(start), limit_touch)
    stop = negated(found.stop_price)
    return TrailingMatch(
        mirrored_match(found.match),
        stop if stop is None or stop > 0 else None,
        negated(found.limit_price),
        found.is_uncertain,
        negated(found.worst_price),
        negated(found.best_price),
    )


def _moved(trail: Trail, price: Decimal, stop: Decimal | None) -> Decimal:
    moved = round_stop_price(price + trail.distance(price), Side.BUY, trail.tick)
    return moved if stop is None else min(stop, moved)


def _match_buy(
    stop: Decimal | None, trail: Trail, bar: BarPrices, start: FillMatch, limit_touch: bool
) -> TrailingMatch:
    price = start.reference_price
    if stop is not None and price >= stop:
        basis = FillBasis.OPEN if start.at_open else FillBasis.STOP
        fill = FillMatch(price, basis, start.at_open, start.is_low_ahead, start.is_high_ahead)
        return _reached(stop, trail, bar, fill, limit_touch)
    highest = _moved(trail, price, stop)
    lowest = _moved(trail, bar.low, stop)
    # The last stop that a rise without a pause can reach: the first one in force, or one at the bar's high.
    worst = highest if bar.high >= highest else round_to_tick(bar.high, trail.tick, Rounding.DOWN)
    must_rise = bar.high >= highest and (start.is_high_ahead or bar.close >= highest)
    must_return = start.is_low_ahead and bar.close >= lowest
    if must_rise or must_return:
        fill = FillMatch(worst, FillBasis.STOP, False, False, start.is_high_ahead)
        if worst != lowest:
            fill = fill._replace(is_ambiguous=True, worst_price=worst, best_price=lowest)
        return _reached(worst, trail, bar, fill, limit_touch)
    seen = bar.low if start.is_low_ahead else min(price, bar.close)
    after = _moved(trail, seen, stop)
    if bar.high >= lowest:
        return TrailingMatch(None, after, None, True, worst, lowest)
    return TrailingMatch(None, after)


def _reached(
    stop: Decimal, trail: Trail, bar: BarPrices, fill: FillMatch, limit_touch: bool
) -> TrailingMatch:
    """Turn the trade that a reached stop would be into what its limit allows."""
    limit = trailed_limit(Side.BUY, trail, stop)
    if limit is None or is_below(fill.reference_price, limit, limit_touch):
        return TrailingMatch(fill, stop, limit)
    may_fill = is_below(bar.low, limit, limit_touch)
    if may_fill and (fill.is_low_ahead or is_below(bar.close, limit, limit_touch)):
        # The bounds are those of the stop: what the limit would have made of each is the same to the offset.
        filled = fill._replace(
            reference_price=limit, basis=FillBasis.LIMIT, at_open=False, is_high_ahead=False
        )
        return TrailingMatch(filled, stop, limit)
    is_ambiguous = may_fill or fill.is_ambiguous
    return TrailingMatch(TriggerMatch(fill.at_open, is_ambiguous, limit if may_fill else None), stop, limit)
