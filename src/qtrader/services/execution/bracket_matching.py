"""What a bar does to the exits of one position: a stop-loss and any number of take-profits.

The rules of `matching_exits` for a stop and one target, extended: a target that the price of the entry has
passed already fills first; then, where the stop may have been reached, it is booked for all that is left,
and flagged if a target may have been reached before it. Stops that trail are matched as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from qtrader.events.vocabulary import FillBasis, OrderPurpose, OrderType, Side
from qtrader.services.execution.fill_models import FillModel
from qtrader.services.execution.matches import (
    BarPrices,
    FillMatch,
    Match,
    TrailingMatch,
    widened,
)
from qtrader.services.execution.orders import EXITS, WorkingOrder

_STOP_LOSS: Final = OrderPurpose.STOP_LOSS


class Found(NamedTuple):
    """What a bar does to one order; `trailing` is set for one whose stop followed the market so far."""

    order: WorkingOrder
    match: Match
    trailing: TrailingMatch | None = None


class Exits(NamedTuple):
    """What a bar does to the exits of a position, and what may have been besides; see `ExitMatch`."""

    found: tuple[Found, ...] = ()
    is_uncertain: bool = False
    worst_price: Decimal | None = None
    best_price: Decimal | None = None


NO_EXITS: Final = Exits()


def match_bracket(
    members: Iterable[WorkingOrder],
    entry: FillMatch,
    prices: BarPrices,
    model: FillModel,
    alone: Callable[[WorkingOrder], Found],
) -> Exits:
    """Match a position's exits against what of a bar follows `entry`.

    Args:
        members: the exits; those that are done, and orders that are no exits, are left out.
        entry: the fill from which they rest; for those that rest already, one at the open.
        prices: of the bar.
        model: fills them.
        alone: what the whole bar does to one order that has been triggered or was filled in part.
    """
    orders = [order for order in members if order.order.purpose in EXITS and not order.is_done]
    if not orders or entry.basis is FillBasis.CLOSE:
        return NO_EXITS
    stops = [order for order in orders if order.order.purpose is _STOP_LOSS]
    targets = [order for order in orders if order.order.purpose is not _STOP_LOSS]
    stop = stops[0] if stops else None
    if stop is None or (stop.order.order_type is OrderType.STOP and not stop.is_triggered):
        return _match_fixed(entry, stop, targets, prices, model)
    if stop.is_trailing and stop.trail is not None:
        trailing = model.match_trailing(stop.matching_terms, stop.trail, prices, entry)
        return _match_free(entry, Found(stop, trailing.match, trailing), targets, prices, model)
    return _match_free(entry, alone(stop), targets, prices, model)


def _match_fixed(
    entry: FillMatch,
    stop: WorkingOrder | None,
    targets: Sequence[WorkingOrder],
    prices: BarPrices,
    model: FillModel,
) -> Exits:
    """Match a stop at a price, or none, with each of the targets."""
    side = (targets[0] if stop is None else stop).order.side
    stop_price = None if stop is None else stop.stop_price
    first: list[Found] = []
    later: list[Found] = []
    reached: list[FillMatch] = []
    worst: list[Decimal] = []
    best: list[Decimal] = []
    limits = [target.limit_price for target in targets] or [None]
    for place, limit in enumerate(limits):
        pair = model.match_exits(side, entry, stop_price, limit, prices)
        if pair.target is not None:
            is_at_once = pair.target.reference_price == entry.reference_price
            (first if is_at_once else later).append(Found(targets[place], pair.target))
        elif pair.stop is not None:
            reached.append(pair.stop)
        worst += [] if pair.worst_price is None else [pair.worst_price]
        best += [] if pair.best_price is None else [pair.best_price]
    if stop is not None and first and len(first) == len(targets):
        # What the targets leave of the position meets the stop in the rest of the bar.
        rest = model.match_exits(side, entry, stop_price, None, prices)
        reached += [] if rest.stop is None else [rest.stop]
    if stop is not None and reached:
        return Exits((*first, Found(stop, _most_doubtful(reached, side))))
    if not (worst or best):
        return Exits((*first, *later)) if first or later else NO_EXITS
    # Some targets are certain, and of others the bar leaves it open.
    farthest = max if side is Side.SELL else min
    return Exits((*first, *later), True, worst[0] if worst else None, farthest(best) if best else None)


def _most_doubtful(stops: Sequence[FillMatch], side: Side) -> FillMatch:
    rivals = [stop.best_price for stop in stops if stop.is_ambiguous and stop.best_price is not None]
    return widened(stops[0], side, rivals)


def _match_free(
    entry: FillMatch,
    found: Found,
    targets: Sequence[WorkingOrder],
    prices: BarPrices,
    model: FillModel,
) -> Exits:
    """Add the targets to what is found of a stop that trails, or that is triggered already."""
    side = found.order.order.side
    first: list[Found] = []
    later: list[Found] = []
    for target in targets:
        gain = model.match_exits(side, entry, None, target.limit_price, prices).target
        if gain is not None:
            is_at_once = gain.reference_price == entry.reference_price
            (first if is_at_once else later).append(Found(target, gain))
    match = found.match
    if match is None:
        moved = found.trailing
        if first or later or moved is None or not moved.is_uncertain:
            return Exits((*first, *later, found))
        # The stop's own doubt is kept with the order; here the entry is told of it.
        return Exits((found,), True, moved.worst_price, moved.best_price)
    if isinstance(match, FillMatch):
        if match.reference_price == entry.reference_price:
            return Exits((found,))
        rivals = [each.match.reference_price for each in later if isinstance(each.match, FillMatch)]
        found = found._replace(match=widened(match, side, rivals))
    return Exits((*first, found))
