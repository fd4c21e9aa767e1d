"""What each order type is to execution: its slippage, its reach, and terms that make no sense.

A new order type is a line in each table here and in `events/order_types`, and a rule in `matching`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Final, NamedTuple

from qtrader.events.events import OrderEvent
from qtrader.events.order_types import IF_TOUCHED, PRICES, TRAILING, Prices
from qtrader.events.vocabulary import OrderType, Side, TimeInForce

__all__ = [
    "EVERY_BAR",
    "IF_TOUCHED",
    "IMMEDIATE",
    "ON_CLOSE",
    "ON_OPEN",
    "ON_PRINT",
    "PRICES",
    "SLIPPING",
    "TRAILING",
    "TRIGGERED_FIRST",
    "Prices",
    "Problem",
    "Reach",
    "problem_with",
    "reach",
]


class Problem(NamedTuple):
    """Why the terms of an order make no sense: a code and a sentence."""

    reason: str
    message: str


class Reach(NamedTuple):
    """A bar whose low is above `down` and whose high is below `up` can do nothing to an order."""

    down: float
    up: float


#: Every bar that an order meets may do something to it.
EVERY_BAR: Final = Reach(inf, -inf)

#: Orders that become market orders at the latest when they trade: only these pay slippage, as a limit order
#: never trades past its limit.
SLIPPING: Final = frozenset(
    {
        OrderType.MARKET,
        OrderType.STOP,
        OrderType.TRAILING_STOP,
        OrderType.MARKET_ON_OPEN,
        OrderType.MARKET_ON_CLOSE,
        OrderType.MARKET_IF_TOUCHED,
    }
)
#: Orders that are triggered first and then rest as a limit order.
TRIGGERED_FIRST: Final = frozenset(
    {OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED, OrderType.TRAILING_STOP_LIMIT}
)
#: Orders that know one print only, and are over when it has passed.
ON_OPEN: Final = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})
ON_CLOSE: Final = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
ON_PRINT: Final = ON_OPEN | ON_CLOSE
#: Orders that fill at the first open that they meet or not at all.
IMMEDIATE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def reach(
    order: OrderEvent, limit_price: Decimal | None, stop_price: Decimal | None, *, is_triggered: bool
) -> Reach:
    """Return which bars can concern an order, as floats, so that a bar's own prices compare with them.

    Conversion to float keeps order, and a bar's price is a float already: a bar that cannot reach the float
    cannot reach the Decimal.

    Args:
        order: the instruction.
        limit_price: in force.
        stop_price: in force.
        is_triggered: whether the order rests as a limit order by now.
    """
    kind = order.order_type
    if order.time_in_force in IMMEDIATE or kind in ON_PRINT or (kind in TRAILING and not is_triggered):
        return EVERY_BAR
    is_buy = order.side is Side.BUY
    if stop_price is not None and not is_triggered:
        price, rises = stop_price, is_buy is not (kind in IF_TOUCHED)
    elif limit_price is not None:
        price, rises = limit_price, not is_buy
    else:
        return EVERY_BAR
    return Reach(-inf, float(price)) if rises else Reach(float(price), inf)


def problem_with(order: OrderEvent, accepted_at: datetime) -> Problem | None:
    """Return what is wrong with an order's type, prices, trail and time in force, or None.

    Args:
        order: the instruction.
        accepted_at: the present instant.
    """
    return _price_problem(order) or _trail_problem(order) or _time_problem(order, accepted_at)


def _price_problem(order: OrderEvent) -> Problem | None:
    wanted = PRICES[order.order_type]
    given = Prices(order.limit_price is not None, order.stop_price is not None)
    if given.limit is not wanted.limit or wanted.stop not in {None, given.stop}:
        names = [name for name, has in zip(("limit", "stop"), wanted, strict=True) if has]
        text = f"a {order.order_type} order has {' and '.join(names) or 'no'} price and nothing else"
        return Problem("wrong_prices", text)
    for price in (order.limit_price, order.stop_price):
        if price is not None and price <= 0:
            return Problem("non_positive_price", f"price {price:f} must be above zero")
    return None


def _trail_problem(order: OrderEvent) -> Problem | None:
    ways = (order.trail_amount, order.trail_percent, order.trail_atr_multiple)
    given = [way for way in ways if way is not None]
    kind, offset = order.order_type, order.trail_limit_offset
    if kind not in TRAILING:
        is_wrong = given or order.trail_atr_period is not None or offset is not None
        return Problem("wrong_trail", f"a {kind} order does not trail") if is_wrong else None
    if len(given) != 1 or given[0] <= 0:
        text = f"a {kind} order trails by one of amount, percent and average true range, above zero"
        return Problem("wrong_trail", text)
    period = order.trail_atr_period
    if (period is None) is not (order.trail_atr_multiple is None) or (period is not None and period < 1):
        return Problem("wrong_trail", "the average true range has a period of at least one bar")
    if (offset is None) is (kind is OrderType.TRAILING_STOP_LIMIT) or (offset is not None and offset < 0):
        text = "a trailing_stop_limit order, and no other, has a limit offset of zero or more"
        return Problem("wrong_trail", text)
    if order.side is Side.SELL and order.trail_percent is not None and order.trail_percent >= 100:
        text = f"a sell that trails by {order.trail_percent:f} percent is never reached; allowed is below 100"
        return Problem("wrong_trail", text)
    return None


def _time_problem(order: OrderEvent, accepted_at: datetime) -> Problem | None:
    force, expires_at = order.time_in_force, order.expires_at
    if (force is TimeInForce.GTD) is (expires_at is None):
        return Problem("wrong_expiry", "a gtd order, and no other, says until when it rests")
    if expires_at is not None and expires_at <= accepted_at:
        text = f"it would rest until {expires_at.isoformat()}, which is not after {accepted_at.isoformat()}"
        return Problem("expired_on_arrival", text)
    if force in IMMEDIATE and order.order_type in TRAILING | ON_CLOSE:
        text = f"a {order.order_type} order has to wait and cannot be {force}"
        return Problem("wrong_time_in_force", text)
    return None
