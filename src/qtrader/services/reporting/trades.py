"""Trades from fills and ledger entries: a trade runs from flat to flat, per strategy and symbol.

The ledger says what moved and what was gained, fills say at what price, on which side and why. A fill through
zero ends one trade and begins the next; what opens or enlarges a position while it is held belongs to the
trade that is open. A trade's net profit is its realised gain plus the dividends of the time it was held, less
its commission, so the net profits of all trades, open ones included, are exactly what was posted to income
and expenses.

Quantities and average prices are in units of the trade's end: a split scales what came before it. 100 bought
at 120, split 2 for 1 and sold at 65 are 200 bought at 60 and sold at 65.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from qtrader.clock import to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.events import FillEvent, LedgerEntryEvent
from qtrader.money import money_context
from qtrader.services.reporting.closed_trades import ClosedTrade, TradeSide


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade, closed or still open; amounts are in base currency, `quantity` is the largest held.

    `open_quantity` and `open_cost` are what is still held, signed, and zero once it is closed. `entry_value`
    is what was paid or, for a short, received for everything that opened or enlarged the position.
    """

    trade_id: str
    strategy_id: str
    symbol: str
    side: TradeSide
    opened_at: datetime
    closed_at: datetime | None
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal | None
    entry_value: Decimal
    gross_pnl: Decimal
    dividends: Decimal
    commission: Decimal
    fill_count: int
    entry_signal_id: str
    exit_signal_id: str | None
    exit_purpose: str | None
    open_quantity: Decimal
    open_cost: Decimal

    @property
    def is_open(self) -> bool:
        """Tell whether anything of it is still held."""
        return self.closed_at is None

    @property
    def net_pnl(self) -> Decimal:
        """Realised gain plus dividends less commission."""
        with money_context():
            return self.gross_pnl + self.dividends - self.commission

    @property
    def return_fraction(self) -> float | None:
        """Net profit over entry value; None where the entry value is zero."""
        if not self.entry_value:
            return None
        with money_context():
            return float(self.net_pnl / self.entry_value)

    def as_closed(self) -> ClosedTrade:
        """Give what the statistics of closed trades need.

        Raises:
            ValueError: the trade is open.
        """
        if self.closed_at is None:
            msg = f"trade {self.trade_id} is open; statistics are of closed trades"
            raise ValueError(msg)
        return ClosedTrade(
            net_pnl=self.net_pnl,
            commission=self.commission,
            return_fraction=self.return_fraction,
            side=self.side,
            opened_at_us=to_epoch_us(self.opened_at),
            closed_at_us=to_epoch_us(self.closed_at),
        )


def trades_from(events: Iterable[BaseEvent]) -> tuple[Trade, ...]:
    """Build the trades of a log, in the order in which they were opened.

    Args:
        events: a run's events in order; all but fills and ledger entries are passed over.

    Raises:
        AccountingError: an entry books income or a close where nothing is held, or a fill's entry comes
            without its fill.
    """
    from qtrader.services.reporting.trade_builder import TradeBuilder

    found: list[tuple[int, Trade]] = []
    builder = TradeBuilder(lambda place, trade: found.append((place, trade)))
    for event in events:
        if type(event) is FillEvent:
            builder.on_fill(event)
        elif type(event) is LedgerEntryEvent:
            builder.on_ledger_entry(event)
    builder.end()
    found.sort(key=itemgetter(0))
    return tuple(trade for _, trade in found)
