"""Whether and where an order meets a bar: pure functions of values.

The model. A bar opens, then its price moves continuously through everything between its low and its high and
ends at its close; nothing else is known of the path, in particular not whether the high or the low came
first, nor how often either was visited. A limit fills where the price trades through it (or, with
`limit_touch`, where it is touched), a stop triggers where it is touched, and whatever an order is owed at
the open it gets at the open. What every such path agrees on is certain; where paths disagree, the result
says so (`is_ambiguous`) and takes the conservative one.

A sell is a buy in the mirror: prices change sign and high and low change places. So each rule is written
once, for a buy (and, for exits, for a long position).
"""

from __future__ import annotations

from collections.abc import Sequence
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

    `is_triggered` is for a stop-limit whose stop was reached before this bar.
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
    on.
    """

    reference_price: Decimal
    basis: FillBasis
    at_open: bool
    is_low_ahead: bool
    is_high_ahead: bool
    is_ambiguous: bool = False


class TriggerMatch(NamedTuple):
    """The stop is reached and the limit rests; `is_ambiguous` where it may have filled already."""

    at_open: bool
    is_ambiguous: bool


class ExitMatch(NamedTuple):
    """What a position's stop and target do in a bar.

    `is_uncertain` says that an exit may have happened although none is booked.
    """

    stop: FillMatch | None = None
    target: FillMatch | None = None
    is_uncertain: bool = False


Match = FillMatch | TriggerMatch | None

#: There is nothing to exit from, or nothing happens.
NO_EXITS: Final = ExitMatch()


def match_order(
    terms: OrderTerms, bar: BarPrices, rule: MatchingRule = MatchingRule.OPEN, *, limit_touch: bool = False
) -> Match:
    """Match one order against a bar that opened no earlier than the order was accepted.

    Args:
        terms: the order as it stands before the bar.
        bar: the bar's prices.
        rule: the print that a market order takes.
        limit_touch: whether touching a limit fills it.

    Returns:
        A fill, a trigger (stop-limit only), or None where the order goes on resting.
    """
    if terms.order_type is OrderType.MARKET:
        if rule is MatchingRule.OPEN:
            return at_open(bar.open)
        return FillMatch(bar.close, FillBasis.CLOSE, at_open=False, is_low_ahead=False, is_high_ahead=False)
    if terms.side is Side.BUY:
        return _match_buy(terms, bar, limit_touch)
    mirrored = terms._replace(limit_price=_negated(terms.limit_price), stop_price=_negated(terms.stop_price))
    match = _match_buy(mirrored, _mirrored(bar), limit_touch)
    return _mirrored_fill(match) if isinstance(match, FillMatch) else match


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
        _mirrored_fill(entry), _negated(stop_price), _negated(target_price), _mirrored(bar), limit_touch
    )
    return ExitMatch(
        stop=None if mirrored.stop is None else _mirrored_fill(mirrored.stop),
        target=None if mirrored.target is None else _mirrored_fill(mirrored.target),
        is_uncertain=mirrored.is_uncertain,
    )


def at_open(price: Decimal) -> FillMatch:
    """Return the fill of an order at the open, with the whole bar ahead."""
    # By position, as most fills are made here and names cost a named tuple more than the rest of it.
    return FillMatch(price, _OPEN, True, True, True)


def match_one_of(
    terms: Sequence[OrderTerms],
    bar: BarPrices,
    rule: MatchingRule = MatchingRule.OPEN,
    *,
    limit_touch: bool = False,
) -> tuple[int, FillMatch] | None:
    """Choose which order of a one-cancels-the-other group fills; `terms` come in acceptance order.

    An open print comes before everything else and a close print after it; between them the price nearest to
    the open is reached first, and of equal distances the first accepted is taken. The choice is ambiguous
    where it was between prices above and below the open.

    Returns:
        The index of the order and its fill, or None where none fills.
    """
    matches = [match_order(term, bar, rule, limit_touch=limit_touch) for term in terms]
    fills = [(index, match) for index, match in enumerate(matches) if isinstance(match, FillMatch)]
    if not fills:
        return None
    for fill in fills:
        if fill[1].at_open:
            return fill
    fills = [fill for fill in fills if fill[1].basis is not FillBasis.CLOSE] or fills[:1]
    index, first = min(fills, key=lambda fill: abs(fill[1].reference_price - bar.open))
    ways = {_way(match) for _, match in fills}
    may_trigger = any(isinstance(match, TriggerMatch) and match.is_ambiguous for match in matches)
    is_choice = len(fills) > 1 and (len(ways) > 1 or None in ways)
    return index, first._replace(is_ambiguous=is_choice or may_trigger)


def _way(match: FillMatch) -> bool | None:
    """Say whether the price had to rise from the open to this fill; None where it had to do both."""
    if match.is_low_ahead == match.is_high_ahead:
        return None
    return match.is_high_ahead


def _match_buy(terms: OrderTerms, bar: BarPrices, limit_touch: bool) -> Match:
    limit, stop = terms.limit_price, terms.stop_price
    if stop is not None and not terms.is_triggered:
        if limit is None:
            return _match_buy_stop(stop, bar)
        return _match_buy_stop_limit(stop, limit, bar, limit_touch)
    if limit is None:
        msg = f"a {terms.order_type.value} order without a price cannot be matched"
        raise ValueError(msg)
    return _match_buy_limit(limit, bar, limit_touch)


def _match_buy_limit(limit: Decimal, bar: BarPrices, limit_touch: bool) -> FillMatch | None:
    if _is_below(bar.open, limit, limit_touch):
        return at_open(bar.open)
    if _is_below(bar.low, limit, limit_touch):
        return FillMatch(limit, FillBasis.LIMIT, at_open=False, is_low_ahead=True, is_high_ahead=False)
    return None


def _match_buy_stop(stop: Decimal, bar: BarPrices) -> FillMatch | None:
    if bar.open >= stop:
        return at_open(bar.open)
    if bar.high >= stop:
        return FillMatch(stop, FillBasis.STOP, at_open=False, is_low_ahead=False, is_high_ahead=True)
    return None


def _match_buy_stop_limit(stop: Decimal, limit: Decimal, bar: BarPrices, limit_touch: bool) -> Match:
    if bar.open >= stop:
        # Triggered at the open: a limit order for the whole bar.
        return _match_buy_limit(limit, bar, limit_touch) or TriggerMatch(at_open=True, is_ambiguous=False)
    if bar.high < stop:
        return None
    if _is_below(stop, limit, limit_touch):
        # The price that triggers is already good enough.
        return FillMatch(stop, FillBasis.STOP, at_open=False, is_low_ahead=False, is_high_ahead=True)
    if _is_below(bar.close, limit, limit_touch):
        # From the trigger, at or above the limit, the price came down through the limit to the close.
        return FillMatch(limit, FillBasis.LIMIT, at_open=False, is_low_ahead=False, is_high_ahead=False)
    return TriggerMatch(at_open=False, is_ambiguous=_is_below(bar.low, limit, limit_touch))


def _match_long_exits(
    entry: FillMatch, stop: Decimal | None, target: Decimal | None, bar: BarPrices, limit_touch: bool
) -> ExitMatch:
    price = entry.reference_price
    immediate = FillBasis.OPEN if entry.at_open else None
    if stop is not None and price <= stop:
        return ExitMatch(stop=_exit(price, immediate or FillBasis.STOP, entry.at_open))
    if target is not None and _is_below(target, price, limit_touch):
        return ExitMatch(target=_exit(price, immediate or FillBasis.LIMIT, entry.at_open))
    may_stop = stop is not None and bar.low <= stop
    must_stop = may_stop and stop is not None and (entry.is_low_ahead or bar.close <= stop)
    may_gain = target is not None and _is_below(target, bar.high, limit_touch)
    must_gain = (
        may_gain and target is not None and (entry.is_high_ahead or _is_below(target, bar.close, limit_touch))
    )
    if not (must_stop or must_gain):
        return ExitMatch(is_uncertain=may_stop or may_gain)
    if may_stop and stop is not None:
        return ExitMatch(stop=_exit(stop, FillBasis.STOP, at_open=False, is_ambiguous=may_gain))
    if target is None:
        return ExitMatch()
    return ExitMatch(target=_exit(target, FillBasis.LIMIT, at_open=False))


def _exit(price: Decimal, basis: FillBasis, at_open: bool, is_ambiguous: bool = False) -> FillMatch:
    return FillMatch(
        price, basis, at_open, is_low_ahead=at_open, is_high_ahead=at_open, is_ambiguous=is_ambiguous
    )


def _is_below(price: Decimal, limit: Decimal, or_equal: bool) -> bool:
    return price <= limit if or_equal else price < limit


def _negated(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.copy_negate()


def _mirrored(bar: BarPrices) -> BarPrices:
    return BarPrices(
        bar.open.copy_negate(), bar.low.copy_negate(), bar.high.copy_negate(), bar.close.copy_negate()
    )


def _mirrored_fill(fill: FillMatch) -> FillMatch:
    return FillMatch(
        fill.reference_price.copy_negate(),
        fill.basis,
        fill.at_open,
        is_low_ahead=fill.is_high_ahead,
        is_high_ahead=fill.is_low_ahead,
        is_ambiguous=fill.is_ambiguous,
    )
