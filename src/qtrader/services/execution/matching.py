"""Whether and where an order meets a bar: pure functions of values.

The model. A bar opens, then its price moves continuously through everything between its low and its high and
ends at its close; nothing else is known of the path, in particular not whether the high or the low came
first, nor how often either was visited. A limit fills where the price trades through it (or, with
`limit_touch`, where it is touched), a stop triggers where it is touched, and whatever an order is owed at
the open it gets at the open. What every such path agrees on is certain; where paths disagree, the result
says so (`is_ambiguous`) and takes the conservative one.

Orders on open and on close know one print each: the first open and the last close of a session. An order if
touched is triggered from the other side than a stop: to buy, by a price that falls to it.

A sell is a buy in the mirror: prices change sign and high and low change places. So each rule is written
once, for a buy. Exits of a position are in `matching_exits`, trailing orders in `matching_trailing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from qtrader.events.vocabulary import FillBasis, OrderType, Side, TimeInForce
from qtrader.services.execution.matches import (
    NO_EXITS,
    BarPrices,
    ExitMatch,
    FillMatch,
    Match,
    MatchingRule,
    OrderTerms,
    TrailingMatch,
    TriggerMatch,
    at_close,
    at_open,
    is_below,
    mirrored_bar,
    mirrored_match,
    negated,
    widened,
)
from qtrader.services.execution.matching_exits import match_exits
from qtrader.services.execution.matching_groups import first_of
from qtrader.services.execution.order_kinds import IMMEDIATE, ON_CLOSE, ON_OPEN, ON_PRINT, TRAILING

__all__ = [
    "NO_EXITS",
    "BarPrices",
    "ExitMatch",
    "FillMatch",
    "Match",
    "MatchingRule",
    "OrderTerms",
    "TrailingMatch",
    "TriggerMatch",
    "at_close",
    "at_open",
    "first_of",
    "is_over_after",
    "match_exits",
    "match_immediate",
    "match_one_of",
    "match_order",
    "widened",
]

_MARKET: Final = OrderType.MARKET
_BUY: Final = Side.BUY


def match_order(
    terms: OrderTerms,
    bar: BarPrices,
    rule: MatchingRule = MatchingRule.OPEN,
    *,
    limit_touch: bool = False,
    is_session_open: bool = True,
    is_session_close: bool = True,
) -> Match:
    """Match one order against a bar that opened no earlier than the order was accepted.

    Args:
        terms: the order as it stands before the bar.
        bar: the bar's prices.
        rule: the print that a market order takes.
        limit_touch: whether touching a limit fills it.
        is_session_open: whether the bar is its session's first; a daily bar is first and last.
        is_session_close: whether the bar is its session's last.

    Returns:
        A fill, a trigger (stop-limit and limit if touched), or None where the order goes on resting, or where
        its only print did not fill it; `is_over_after` tells these apart.

    Raises:
        ValueError: the order lacks the price of its type, or trails and its stop was not reached yet.
    """
    order_type = terms.order_type
    if order_type is _MARKET:
        return at_open(bar.open) if rule is MatchingRule.OPEN else at_close(bar.close)
    if order_type in ON_PRINT:
        return _match_print(terms, bar, limit_touch, is_session_open, is_session_close)
    if order_type in TRAILING and not terms.is_triggered:
        msg = f"a {order_type.value} order trails until its stop is reached: it needs match_trailing"
        raise ValueError(msg)
    if terms.side is _BUY:
        return _match_buy(terms, bar, limit_touch)
    mirror = terms._replace(limit_price=negated(terms.limit_price), stop_price=negated(terms.stop_price))
    return mirrored_match(_match_buy(mirror, mirrored_bar(bar), limit_touch))


def match_immediate(terms: OrderTerms, bar: BarPrices, *, limit_touch: bool = False) -> FillMatch | None:
    """Match an immediate order (ioc, fok) against the first bar that it meets: against its open and no more.

    None where the open does not fill it; whatever is not filled is over. An order that trails has to wait for
    its stop and cannot be immediate.
    """
    match = match_order(terms, bar, limit_touch=limit_touch)
    return match if isinstance(match, FillMatch) and match.at_open else None


def is_over_after(
    order_type: OrderType,
    time_in_force: TimeInForce,
    *,
    is_session_open: bool = True,
    is_session_close: bool = True,
) -> bool:
    """Say whether an order that has met a bar is over, so that what the bar left unfilled is canceled."""
    if time_in_force in IMMEDIATE:
        return True
    return (is_session_open and order_type in ON_OPEN) or (is_session_close and order_type in ON_CLOSE)


def match_one_of(
    terms: Sequence[OrderTerms],
    bar: BarPrices,
    rule: MatchingRule = MatchingRule.OPEN,
    *,
    limit_touch: bool = False,
    is_session_open: bool = True,
    is_session_close: bool = True,
) -> tuple[int, FillMatch] | None:
    """Choose which order of a one-cancels-the-other group fills; `terms` come in acceptance order.

    Returns:
        The index of the order and its fill, or None where none fills; see `first_of`.
    """
    matches = [
        match_order(
            term,
            bar,
            rule,
            limit_touch=limit_touch,
            is_session_open=is_session_open,
            is_session_close=is_session_close,
        )
        for term in terms
    ]
    return first_of([term.side for term in terms], matches, bar.open)


def _match_print(
    terms: OrderTerms, bar: BarPrices, limit_touch: bool, is_session_open: bool, is_session_close: bool
) -> FillMatch | None:
    is_opening = terms.order_type in ON_OPEN
    if not (is_session_open if is_opening else is_session_close):
        return None
    limit = terms.limit_price
    if limit is None and terms.order_type in {OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE}:
        raise _no_price(terms)
    price = bar.open if is_opening else bar.close
    if limit is not None:
        passes = (price, limit) if terms.side is _BUY else (limit, price)
        if not is_below(*passes, limit_touch):
            return None
    return at_open(price) if is_opening else at_close(price)


def _match_buy(terms: OrderTerms, bar: BarPrices, limit_touch: bool) -> Match:
    limit, stop = terms.limit_price, terms.stop_price
    if stop is not None and not terms.is_triggered:
        if terms.order_type is OrderType.MARKET_IF_TOUCHED:
            return _match_buy_touch(stop, bar)
        if terms.order_type is OrderType.LIMIT_IF_TOUCHED and limit is not None:
            return _match_buy_limit_touch(stop, limit, bar, limit_touch)
        if terms.order_type is OrderType.STOP:
            return _match_buy_stop(stop, bar)
        if terms.order_type is OrderType.STOP_LIMIT and limit is not None:
            return _match_buy_stop_limit(stop, limit, bar, limit_touch)
        raise _no_price(terms)
    if limit is None:
        raise _no_price(terms)
    return _match_buy_limit(limit, bar, limit_touch)


def _no_price(terms: OrderTerms) -> ValueError:
    msg = f"a {terms.order_type.value} order without a price cannot be matched"
    return ValueError(msg)


def _match_buy_limit(limit: Decimal, bar: BarPrices, limit_touch: bool) -> FillMatch | None:
    if is_below(bar.open, limit, limit_touch):
        return at_open(bar.open)
    if is_below(bar.low, limit, limit_touch):
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
    if is_below(stop, limit, limit_touch):
        # The price that triggers is already good enough.
        return FillMatch(stop, FillBasis.STOP, at_open=False, is_low_ahead=False, is_high_ahead=True)
    if is_below(bar.close, limit, limit_touch):
        # From the trigger, at or above the limit, the price came down through the limit to the close.
        return FillMatch(limit, FillBasis.LIMIT, at_open=False, is_low_ahead=False, is_high_ahead=False)
    may_fill = is_below(bar.low, limit, limit_touch)
    return TriggerMatch(at_open=False, is_ambiguous=may_fill, fill_price=limit if may_fill else None)


def _match_buy_touch(trigger: Decimal, bar: BarPrices) -> FillMatch | None:
    if bar.open <= trigger:
        return at_open(bar.open)
    if bar.low <= trigger:
        return FillMatch(trigger, FillBasis.TOUCH, at_open=False, is_low_ahead=True, is_high_ahead=False)
    return None


def _match_buy_limit_touch(trigger: Decimal, limit: Decimal, bar: BarPrices, limit_touch: bool) -> Match:
    if bar.open <= trigger:
        return _match_buy_limit(limit, bar, limit_touch) or TriggerMatch(at_open=True, is_ambiguous=False)
    if bar.low > trigger:
        return None
    if is_below(trigger, limit, limit_touch):
        return FillMatch(trigger, FillBasis.TOUCH, at_open=False, is_low_ahead=True, is_high_ahead=False)
    # The price falls to the trigger before it can fall to the limit below, so that nothing is in doubt.
    if is_below(bar.low, limit, limit_touch):
        return FillMatch(limit, FillBasis.LIMIT, at_open=False, is_low_ahead=True, is_high_ahead=False)
    return TriggerMatch(at_open=False, is_ambiguous=False)
