"""Tables of orders and bars as a trader reads them, each row also in the mirror (p → 200 - p) as a sell."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest

from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.matching import BarPrices, FillMatch, OrderTerms

#: Orders with a limit, with a trigger, and with both (trigger/limit), as the tables write them.
LIMITS = {
    "limit": OrderType.LIMIT,
    "limit-on-open": OrderType.LIMIT_ON_OPEN,
    "limit-on-close": OrderType.LIMIT_ON_CLOSE,
}
STOPS = {"stop": OrderType.STOP, "touched": OrderType.MARKET_IF_TOUCHED}
BOTH = {"stop-limit": OrderType.STOP_LIMIT, "limit-touched": OrderType.LIMIT_IF_TOUCHED}
BARE = {
    "market": OrderType.MARKET,
    "market-on-open": OrderType.MARKET_ON_OPEN,
    "market-on-close": OrderType.MARKET_ON_CLOSE,
}


class Mirror(NamedTuple):
    """Read the tables as they stand, or with p → 200 - p and high and low exchanged."""

    is_on: bool

    @property
    def side(self) -> Side:
        return Side.SELL if self.is_on else Side.BUY

    @property
    def other_side(self) -> Side:
        return Side.BUY if self.is_on else Side.SELL

    def price(self, text: str) -> Decimal | None:
        if text == "-":
            return None
        return 200 - Decimal(text) if self.is_on else Decimal(text)

    def text(self, price: Decimal | None) -> str:
        if price is None:
            return "-"
        seen = 200 - price if self.is_on else price
        return f"{seen.normalize():f}"

    def bar(self, text: str) -> BarPrices:
        opened, high, low, close = (200 - Decimal(x) if self.is_on else Decimal(x) for x in text.split(","))
        return BarPrices(opened, low, high, close) if self.is_on else BarPrices(opened, high, low, close)

    def terms(self, order: str) -> OrderTerms:
        """Read `limit 100`, `stop-limit 100/101` (trigger/limit), `triggered 100/101`, `market` and so on."""
        name, _, prices = order.partition(" ")
        if name in LIMITS:
            return OrderTerms(self.side, LIMITS[name], self.price(prices))
        if name in STOPS:
            return OrderTerms(self.side, STOPS[name], None, self.price(prices))
        if name in BARE:
            return OrderTerms(self.side, BARE[name])
        trigger, limit = prices.split("/")
        order_type = BOTH["stop-limit" if name == "triggered" else name]
        return OrderTerms(self.side, order_type, self.price(limit), self.price(trigger), name == "triggered")


MIRRORS = pytest.mark.parametrize("mirror", [Mirror(False), Mirror(True)], ids=["buy", "sell"])


def rows(table: str, columns: int) -> list[tuple[str, ...]]:
    split = [tuple(cell.strip() for cell in line.split("|")) for line in table.strip().splitlines()]
    assert all(len(row) == columns for row in split)
    return split


def fill_text(mirror: Mirror, fill: FillMatch) -> str:
    return f"{mirror.text(fill.reference_price)} {fill.basis.value}"
