"""What measures, report and run directory need of a log, found in one pass over its decisions.

Nothing that grows with the log is kept but the trades, as columns, and one number for each symbol, period and
reason: orders are let go when they are done, signals when no order of theirs is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from qtrader.clock import to_epoch_us
from qtrader.engine.order_life import WORKING, OrderLife
from qtrader.engine.trade_table import TradeRow
from qtrader.events.events import (
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    SignalEvent,
    SignalRejectedEvent,
)
from qtrader.events.vocabulary import OrderStatus
from qtrader.money import ZERO, money_context
from qtrader.services.reporting.trade_builder import TradeBuilder
from qtrader.services.reporting.trades import Trade

if TYPE_CHECKING:
    import polars as pl

    from qtrader.engine.decisions import Decisions
    from qtrader.engine.trade_table import TradeTable
    from qtrader.events.base import ValidatedEvent
    from qtrader.services.reporting.closed_trades import ClosedTrades
    from qtrader.services.reporting.equity import PeriodAmounts

#: All but what no figure of the digest needs.
_READ: Final = (
    SignalEvent,
    SignalRejectedEvent,
    OrderEvent,
    OrderUpdateEvent,
    OrderRequestRejectedEvent,
    FillEvent,
    LedgerEntryEvent,
)


@dataclass(slots=True)
class RefusalCount:
    """How often something was refused by one stage for one reason, and what was said first."""

    count: int
    first_message: str


@dataclass(slots=True)
class FillTotals:
    """What all fills come to."""

    count: int = 0
    #: How many became known after the last valuation.
    later_count: int = 0
    ambiguous_count: int = 0
    traded_value: Decimal = ZERO
    commission: Decimal = ZERO
    slippage: Decimal = ZERO

    def add(self, fill: FillEvent) -> None:
        """Add a fill; to be called in the context of money."""
        self.count += 1
        self.ambiguous_count += fill.is_ambiguous
        self.traded_value += fill.quantity * fill.price
        self.commission += fill.commission
        self.slippage += fill.slippage


class LogDigest:
    """Read a log once.

    Args:
        decisions: the log.
        periods: takes what is traded and paid in between valuations.
        table: takes the trades.
    """

    def __init__(self, decisions: Decisions, periods: PeriodAmounts, table: TradeTable) -> None:
        self.periods = periods
        self.fills = FillTotals()
        #: By symbol, in the order of the first fill.
        self.fill_counts: dict[str, int] = {}
        #: By stage and reason, in the order of the first refusal.
        self.refusals: dict[tuple[str, str], RefusalCount] = {}
        ends = periods.instants_us[1:]
        self._last_valued_us = ends[-1] if ends else None
        self._reasons = _Reasons(decisions)
        self._table = table
        self._trades = TradeBuilder(self._on_trade, self._on_booked)
        #: What was said of the signals that began and that last reduced each open trade, by its place.
        self._said: dict[int, tuple[str | None, str | None]] = {}
        self._lives: dict[str, OrderLife] = {}
        for event in decisions.of(*_READ):
            self._take(event)
        self._trades.end()

    @property
    def closed_trades(self) -> ClosedTrades:
        """The closed trades, for their statistics."""
        return self._table.closed

    @property
    def working_orders(self) -> tuple[OrderLife, ...]:
        """The orders that rested when the log ended, in the order in which they were made."""
        return tuple(self._lives.values())

    def trades(self) -> pl.DataFrame:
        """Return one row per trade in the order of opening."""
        return self._table.frame()

    def _take(self, event: ValidatedEvent) -> None:
        self._reasons.see(event)
        if type(event) is OrderUpdateEvent:
            self._on_update(event)
        elif type(event) is FillEvent:
            self._on_fill(event)
        elif type(event) is LedgerEntryEvent:
            self.periods.on_ledger_entry(event)
            self._trades.on_ledger_entry(event)
        elif type(event) is OrderEvent:
            self._lives[event.order_id] = OrderLife(event)
            self._reasons.hold(event.signal_id)
        elif type(event) is SignalRejectedEvent:
            stage = "manager" if event.decision_id is None else "risk"
            self._refuse(stage, event.reason, event.message)
        elif type(event) is OrderRequestRejectedEvent:
            self._refuse("request", event.reason, event.message)

    def _on_update(self, update: OrderUpdateEvent) -> None:
        if update.status is OrderStatus.REJECTED:
            self._refuse("execution", update.reason, update.message)
        if update.status in WORKING:
            self._lives[update.order_id].update = update
        else:
            life = self._lives.pop(update.order_id)
            self._reasons.let_go(life.order.signal_id)

    def _on_fill(self, fill: FillEvent) -> None:
        with money_context():
            self.fills.add(fill)
        if self._last_valued_us is None or to_epoch_us(fill.occurred_at) > self._last_valued_us:
            self.fills.later_count += 1
        self.fill_counts[fill.symbol] = self.fill_counts.get(fill.symbol, 0) + 1
        self.periods.on_fill(fill)
        self._trades.on_fill(fill)

    def _refuse(self, stage: str, reason: str, message: str) -> None:
        found = self.refusals.setdefault((stage, reason), RefusalCount(0, message))
        found.count += 1

    def _on_booked(self, place: int, fill: FillEvent) -> None:
        reason = self._reasons.of(fill.signal_id)
        known = self._said.get(place)
        self._said[place] = (reason, None) if known is None else (known[0], reason)

    def _on_trade(self, place: int, trade: Trade) -> None:
        entry, leave = self._said.pop(place)
        self._table.add(TradeRow(place, trade, entry, None if trade.exit_signal_id is None else leave))


class _Reasons:
    """What strategies said of their signals, for as long as a fill may still refer to one."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._texts: dict[str, str | None] = {}
        #: How many orders of a signal are not done.
        self._orders: dict[str, int] = {}
        #: Signals that may have no order left; to be looked at when this instant is over.
        self._doubtful: list[str] = []
        self._latest: datetime | None = None

    def see(self, event: ValidatedEvent) -> None:
        """Take note of a signal, and at a new instant forget those that nothing refers to any more."""
        occurred_at = event.occurred_at
        if occurred_at != self._latest:
            self._latest = occurred_at
            for signal_id in self._doubtful:
                if signal_id not in self._orders:
                    self._texts.pop(signal_id, None)
            self._doubtful.clear()
        if type(event) is SignalEvent:
            self._texts[event.signal_id] = event.reason
            self._doubtful.append(event.signal_id)

    def hold(self, signal_id: str) -> None:
        """Count an order of a signal that begins."""
        self._orders[signal_id] = self._orders.get(signal_id, 0) + 1

    def let_go(self, signal_id: str) -> None:
        """Count an order of a signal that is done."""
        left = self._orders.get(signal_id, 0) - 1
        if left > 0:
            self._orders[signal_id] = left
        else:
            self._orders.pop(signal_id, None)
            self._doubtful.append(signal_id)

    def of(self, signal_id: str) -> str | None:
        """Return what was said of a signal; one that was forgotten is looked for in the log."""
        try:
            return self._texts[signal_id]
        except KeyError:
            signals = self._decisions.of(SignalEvent)
            return next((one.reason for one in signals if one.signal_id == signal_id), None)
