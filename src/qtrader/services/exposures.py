"""What is held, at market: the values of the open positions, added up and kept up to date.

While no mark has moved, the totals change by what has been traded alone, so that a question costs what
happened since the last one and not a look at every position. Amounts are decimals that add up exactly, so
both ways give the same totals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from qtrader.errors import AccountingError
from qtrader.money import MONEY_CONTEXT, ZERO, quantize

#: A symbol's last raw close, adjusted for the splits that took effect since; None before its first bar.
Mark = Callable[[str], Decimal | None]


class Holding:
    """One strategy's holding of one symbol; kept when flat, because its realised gain stays.

    `value` is what it is worth at the mark `valued_at`, computed anew where mark or quantity have changed;
    `counted` is the value that stands in the totals.
    """

    __slots__ = ("cost", "counted", "currency", "key", "quantity", "realized_pnl", "value", "valued_at")

    def __init__(self, key: tuple[str, str], currency: str) -> None:
        self.key = key
        self.currency = currency
        self.quantity = ZERO
        self.cost = ZERO
        self.realized_pnl = ZERO
        self.value = ZERO
        self.counted = ZERO
        self.valued_at: Decimal | None = None


def market_value(quantity: Decimal, mark: Decimal, ledger_scale: int) -> Decimal:
    """Value a position: quantity times mark, rounded half-even to the ledger's scale."""
    return quantize(MONEY_CONTEXT.multiply(quantity, mark), ledger_scale)


def mark_of(mark: Mark, symbol: str) -> Decimal:
    """Look up the mark of a symbol that is held.

    Raises:
        AccountingError: there is none, so that the position has no value.
    """
    price = mark(symbol)
    if price is None:
        raise _no_price(symbol)
    return price


def _no_price(symbol: str) -> AccountingError:
    return AccountingError(
        f"{symbol} is held but has no price yet; it can be valued once its first bar has closed"
    )


class Exposures:
    """Add up the market values of holdings, with sign and without.

    Args:
        holdings: the open holdings by symbol and strategy, as they are at any time.
        mark: the last raw close of a symbol, adjusted for splits effective since.
        ledger_scale: decimal places of a value.
        mark_version: a number that changes whenever some mark may have; without one every mark is looked up
            at every question.
    """

    __slots__ = (
        "_changed",
        "_gross",
        "_holdings",
        "_ledger_scale",
        "_mark",
        "_mark_version",
        "_net",
        "_version",
    )

    def __init__(
        self,
        holdings: Mapping[tuple[str, str], Holding],
        mark: Mark,
        ledger_scale: int,
        mark_version: Callable[[], int] | None,
    ) -> None:
        self._holdings = holdings
        self._mark = mark
        self._ledger_scale = ledger_scale
        self._mark_version = mark_version
        self._version: int | None = None
        self._net = self._gross = ZERO
        #: What has been traded since the totals were asked for.
        self._changed: dict[Holding, None] = {}

    def change(self, holding: Holding) -> None:
        """Take note that a holding has been traded."""
        self._changed[holding] = None

    def totals(self) -> tuple[Decimal, Decimal]:
        """Return the sums of the market values, with sign and without.

        Raises:
            AccountingError: a symbol that is held has no price.
        """
        holdings, changed = self._holdings, self._changed
        version = None if self._mark_version is None else self._mark_version()
        if version is None or version != self._version:
            # Not known until all are valued: a missing price must be met again at the next question.
            self._version = None
            for holding in changed:
                holding.counted = ZERO
            self._net, self._gross = self._add_up()
            self._version = version
            changed.clear()
        elif changed:
            self._version = None
            net, gross, mark = self._net, self._gross, self._mark
            for holding in changed:
                before = holding.counted
                if holding.quantity:
                    self.value(holding, mark(holding.key[0]))
                    holding.counted = holding.value
                else:
                    holding.counted = ZERO
                net += holding.counted - before
                gross += abs(holding.counted) - abs(before)
            self._net, self._gross = net, gross
            self._version = version
            changed.clear()
        return (self._net, self._gross) if holdings else (ZERO, ZERO)

    def value(self, holding: Holding, price: Decimal | None) -> Decimal:
        """Value a holding at a mark, and give the mark.

        Raises:
            AccountingError: there is no mark.
        """
        if price is None:
            raise _no_price(holding.key[0])
        holding.valued_at = price
        holding.value = market_value(holding.quantity, price, self._ledger_scale)
        return price

    def _add_up(self) -> tuple[Decimal, Decimal]:
        net = gross = ZERO
        mark = self._mark
        for (symbol, _), holding in self._holdings.items():
            price = mark(symbol)
            if price is None or price is not holding.valued_at:
                self.value(holding, price)
            value = holding.counted = holding.value
            net += value
            gross += abs(value)
        return net, gross
