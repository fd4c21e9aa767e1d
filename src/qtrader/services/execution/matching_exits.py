"""What a position's stop-loss and take-profit do in the part of a bar that follows its entry.

Written once, for a long position; a short one is its mirror. Where both may have been reached and either
certainly was, the stop is booked and flagged, with the target's price as its best. Where it is open whether
anything was reached, nothing is booked and the answer says what may have been.
"""

from __future__ import annotations

from decimal import Decimal

from qtrader.events.vocabulary import FillBasis, Side
from qtrader.services.execution.matches import (
    BarPrices,
    ExitMatch,
    FillMatch,
    is_below,
    mirrored_bar,
    mirrored_fill,
    negated,
)


def match_exits(
    exit_side: Side,
    entry: FillMatch,
    stop_price: Decimal | None,
    target_price: Decimal | None,
    bar: BarPrices,
    *,
    limit_touch: bool = False,
) -> ExitMatch:
    """Match a position's stop-loss and take-profit against the part of the bar that follows `entry`.

    A bracket that rests since an earlier bar is live from the open: give `at_open(bar.open)` as its
    entry.

    Args:
        exit_side: sell for a long position, buy for a short one.
        entry: the fill from which the exits rest; not one at the bar's close, after which nothing follows.
        stop_price: of the stop-loss, if there is one.
        target_price: of the take-profit limit, if there is one.
        bar: the bar's prices.
        limit_touch: whether touching the target fills it.

    Returns:
        At most one fill: the stop first where both may be reached.
    """
    if exit_side is Side.SELL:
        return _match_long_exits(entry, stop_price, target_price, bar, limit_touch)
    mirrored = _match_long_exits(
        mirrored_fill(entry), negated(stop_price), negated(target_price), mirrored_bar(bar), limit_touch
    )
    return ExitMatch(
        None if mirrored.stop is None else mirrored_fill(mirrored.stop),
        None if mirrored.target is None else mirrored_fill(mirrored.target),
        mirrored.is_uncertain,
        negated(mirrored.worst_price),
        negated(mirrored.best_price),
    )


def _match_long_exits(
    entry: FillMatch, stop: Decimal | None, target: Decimal | None, bar: BarPrices, limit_touch: bool
) -> ExitMatch:
    price = entry.reference_price
    immediate = FillBasis.OPEN if entry.at_open else None
    if stop is not None and price <= stop:
        return ExitMatch(stop=_exit(price, immediate or FillBasis.STOP, entry.at_open))
    if target is not None and is_below(target, price, limit_touch):
        return ExitMatch(target=_exit(price, immediate or FillBasis.LIMIT, entry.at_open))
    reached_stop = stop if stop is not None and bar.low <= stop else None
    reached_target = target if target is not None and is_below(target, bar.high, limit_touch) else None
    must_stop = reached_stop is not None and (entry.is_low_ahead or bar.close <= reached_stop)
    must_gain = reached_target is not None and (
        entry.is_high_ahead or is_below(reached_target, bar.close, limit_touch)
    )
    if not (must_stop or must_gain):
        is_uncertain = reached_stop is not None or reached_target is not None
        return ExitMatch(None, None, is_uncertain, reached_stop, reached_target)
    gain = None if reached_target is None else _exit(reached_target, FillBasis.LIMIT, at_open=False)
    if reached_stop is None:
        return ExitMatch(target=gain)
    fill = _exit(reached_stop, FillBasis.STOP, at_open=False)
    if gain is not None:
        fill = fill._replace(is_ambiguous=True, worst_price=reached_stop, best_price=reached_target)
    return ExitMatch(stop=fill)


def _exit(price: Decimal, basis: FillBasis, at_open: bool) -> FillMatch:
    return FillMatch(price, basis, at_open, is_low_ahead=at_open, is_high_ahead=at_open)
