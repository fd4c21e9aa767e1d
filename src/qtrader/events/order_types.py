"""What each order type is given, for whoever writes an order and whoever reads one.

A new order type is a line in each table here and in `services/execution/order_kinds`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from qtrader.events.vocabulary import OrderType


class Prices(NamedTuple):
    """Which prices an order of a type has when it is given; None where it may have one or not."""

    limit: bool
    stop: bool | None


PRICES: Final[dict[OrderType, Prices]] = {
    OrderType.MARKET: Prices(limit=False, stop=False),
    OrderType.LIMIT: Prices(limit=True, stop=False),
    OrderType.STOP: Prices(limit=False, stop=True),
    OrderType.STOP_LIMIT: Prices(limit=True, stop=True),
    OrderType.TRAILING_STOP: Prices(limit=False, stop=None),
    OrderType.TRAILING_STOP_LIMIT: Prices(limit=False, stop=None),
    OrderType.MARKET_ON_OPEN: Prices(limit=False, stop=False),
    OrderType.LIMIT_ON_OPEN: Prices(limit=True, stop=False),
    OrderType.MARKET_ON_CLOSE: Prices(limit=False, stop=False),
    OrderType.LIMIT_ON_CLOSE: Prices(limit=True, stop=False),
    OrderType.MARKET_IF_TOUCHED: Prices(limit=False, stop=True),
    OrderType.LIMIT_IF_TOUCHED: Prices(limit=True, stop=True),
}

#: Orders whose stop follows the market.
TRAILING: Final = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
#: Orders whose trigger is reached from the favorable side: to buy, by a price that falls to it.
IF_TOUCHED: Final = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
