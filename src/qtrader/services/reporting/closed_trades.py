"""Closed trades as columns, so that a million of them are some tens of megabytes.

A profit is kept as a whole number of 1e-8 of the currency where it is one of 64 bits, else as the Decimal
that it is; both give the same value back.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import Final, Literal

import numpy as np

from qtrader.services.reporting.moments import IntArray, MetricInputError

TradeSide = Literal["long", "short"]

_SCALE: Final = 8
_LIMIT: Final = 2**63
_EXACT: Final = Context(prec=60, traps=[Inexact])
_SIDES: Final[tuple[TradeSide, TradeSide]] = ("long", "short")


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closed trade: net profit after `commission`, both in base currency, and return on entry value.

    `return_fraction` is net profit / entry value (0.01 is 1 %), None where the entry value is zero.
    """

    net_pnl: Decimal
    commission: Decimal
    return_fraction: float | None
    side: TradeSide
    opened_at_us: int
    closed_at_us: int

    def __post_init__(self) -> None:
        """Refuse amounts that are not finite and a close before the open."""
        for name, amount in (("net_pnl", self.net_pnl), ("commission", self.commission)):
            if not amount.is_finite():
                msg = f"trade.{name}: found {amount}, a finite amount is required"
                raise MetricInputError(msg)
        if self.return_fraction is not None and not math.isfinite(self.return_fraction):
            msg = f"trade.return_fraction: found {self.return_fraction}, a number or None is required"
            raise MetricInputError(msg)
        if self.closed_at_us < self.opened_at_us:
            msg = f"trade.closed_at_us: found {self.closed_at_us} before opened_at_us {self.opened_at_us}"
            raise MetricInputError(msg)


class ClosedTrades:
    """Closed trades in any order; they are measured in the order of closing."""

    def __init__(self) -> None:
        self._net_pnl = array("q")
        self._odd_net_pnl: dict[int, Decimal] = {}
        self._commission = array("q")
        self._odd_commission: dict[int, Decimal] = {}
        self._returns = array("d")
        self._sides = array("b")
        self._opened_at_us = array("q")
        self._closed_at_us = array("q")
        self._places = array("q")

    @classmethod
    def of(cls, trades: Iterable[ClosedTrade]) -> ClosedTrades:
        """Take trades that are given one by one."""
        if isinstance(trades, ClosedTrades):
            return trades
        columns = cls()
        for place, trade in enumerate(trades):
            columns.add(trade, place)
        return columns

    def add(self, trade: ClosedTrade, place: int) -> None:
        """Take a trade; those closed at the same instant count by their place."""
        _append(self._net_pnl, self._odd_net_pnl, trade.net_pnl)
        _append(self._commission, self._odd_commission, trade.commission)
        self._returns.append(math.nan if trade.return_fraction is None else trade.return_fraction)
        self._sides.append(_SIDES.index(trade.side))
        self._opened_at_us.append(trade.opened_at_us)
        self._closed_at_us.append(trade.closed_at_us)
        self._places.append(place)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[ClosedTrade]:
        """Give the trades by the instant at which they were closed, then by place."""
        for row in self.order().tolist():
            value = self._returns[row]
            yield ClosedTrade(
                net_pnl=_value(self._net_pnl, self._odd_net_pnl, row),
                commission=_value(self._commission, self._odd_commission, row),
                return_fraction=None if math.isnan(value) else value,
                side=_SIDES[self._sides[row]],
                opened_at_us=self._opened_at_us[row],
                closed_at_us=self._closed_at_us[row],
            )

    def order(self) -> IntArray:
        """Return the rows by the instant of closing, then by place."""
        return np.lexsort((self._places, self._closed_at_us)).astype(np.int64, copy=False)


def _append(column: array[int], odd: dict[int, Decimal], value: Decimal) -> None:
    scaled = value.scaleb(_SCALE, _EXACT)
    whole = int(scaled) if abs(scaled) < _LIMIT else 0
    if whole != scaled:
        odd[len(column)] = value
    column.append(whole)


def _value(column: array[int], odd: dict[int, Decimal], row: int) -> Decimal:
    value = odd.get(row) if odd else None
    return Decimal(column[row]).scaleb(-_SCALE) if value is None else value
