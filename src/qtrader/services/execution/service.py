"""The execution service: orders rest, meet bars and fill.

The engine drives it. `begin_instant` (or `match_same_close`) lines up what the bars of an instant do to the
live orders: open prints first, orders that reduce exposure before orders that increase it, then by
acceptance. `match_next` handles one of them, so that the engine can deliver its events, and accounts are
current, before the next. An order meets only bars that opened no earlier than it was accepted; a bracket's
children begin to rest at their parent's fill, in the rest of that very bar.

Every step of an order is an `OrderUpdateEvent` with a reason and a sentence, caused by the order itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.events import CorporateActionEvent, FillEvent, LedgerEntryEvent, OrderEvent, PriceBarEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import ActionType, FillBasis, LedgerKind, OrderStatus, OrderType, TimeInForce
from qtrader.market.corporate_actions import unit_multiplier
from qtrader.market.instruments import Instrument
from qtrader.money import ZERO
from qtrader.services.execution import messages
from qtrader.services.execution.acceptance import refusal
from qtrader.services.execution.adjustments import dividend_terms, split_terms
from qtrader.services.execution.costs import LEDGER_SCALE, Costs, compile_costs, slippage_memo
from qtrader.services.execution.lineup import Candidate, Lineup
from qtrader.services.execution.matching import NO_EXITS, FillMatch, MatchingRule, TriggerMatch
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.order_desk import OrderDesk
from qtrader.services.execution.orders import OpenOrder, OrderLifeError, WorkingOrder
from qtrader.services.execution.settings import ExecutionSettings

_DAY: Final = TimeInForce.DAY
_LIMIT: Final = FillBasis.LIMIT


#: Bookings that move units without a fill; splits are followed by their action, which comes first.
_MOVES_WITHOUT_ORDER = frozenset({LedgerKind.CASH_IN_LIEU, LedgerKind.DIVIDEND_REINVESTMENT})


class ExecutionService:
    """Simulate a broker and its market on bars.

    Args:
        publish: takes every event made here.
        origin: stamps them.
        settings: fill rules and costs.
        instrument: what a symbol is.
        session_close_after: the first session close of a symbol strictly after an instant, in microseconds
            since the epoch; day orders expire there.
        ledger_scale: decimal places of commission and slippage amounts.
        costs: the settings' costs, compiled with what they need to know of the market; made here of the
            settings alone without.
    """

    def __init__(
        self,
        *,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        settings: ExecutionSettings,
        instrument: Callable[[str], Instrument],
        session_close_after: Callable[[str, int], int],
        ledger_scale: int = LEDGER_SCALE,
        costs: Costs | None = None,
    ) -> None:
        self._publish = publish
        self._origin = origin
        self._settings = settings
        self._instrument = instrument
        self._session_close_after = session_close_after
        self._ledger_scale = ledger_scale
        if costs is None:
            costs = compile_costs(settings.commission, settings.slippage, ledger_scale=ledger_scale)
        self._price, self._charge = costs.price, costs.charge
        self._desk = OrderDesk(publish, origin)
        self._book = self._desk.book
        rule = MatchingRule.CLOSE if settings.market_fill == "next_close" else MatchingRule.OPEN
        self._lineup = Lineup(self._book, rule, limit_touch=settings.limit_touch)
        self._accepted_count = 0
        self._accepted_at = from_epoch_us(0)
        self._accepted_at_us = 0
        self._now = from_epoch_us(0)

    @property
    def orders(self) -> OrderBook:
        """The orders at work, to be read only: what the engine plans with."""
        return self._book

    @property
    def has_live_orders(self) -> bool:
        """Whether any order could be filled by some bar."""
        return self._book.has_live_orders

    def live_symbols(self) -> tuple[str, ...]:
        """Return the symbols whose bars could fill an order, sorted."""
        return self._book.live_symbols()

    def live_orders(self) -> Collection[WorkingOrder]:
        """Return the orders that some bar could fill, to be read only: what the engine plans with."""
        return self._book.live_orders()

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return every order that is not done, held children included, in the order of acceptance."""
        return tuple(order.view() for order in self._book)

    def working_orders(self) -> tuple[str, ...]:
        """List every order that is not done in a sentence each, for the end of a run."""
        return tuple(f"{order.order.order_id}: {messages.resting(order)}" for order in self._book)

    def on_order(self, order: OrderEvent) -> None:
        """Accept an order, or reject it with a reason.

        Raises:
            OrderLifeError: an order with this id was seen before.
        """
        book = self._book
        if book.knows(order.order_id):
            msg = f"order {order.order_id} was seen before; every order needs an id of its own"
            raise OrderLifeError(msg)
        parent = parent_status = None
        if order.parent_order_id is not None:
            parent = book.find(order.parent_order_id)
            parent_status = book.final_status(order.parent_order_id)
        instrument = self._instrument(order.symbol)
        now = order.envelope.occurred_at
        if now is not self._accepted_at:
            # Orders of one instant come together, mostly with the very same datetime.
            self._accepted_at, self._accepted_at_us = now, to_epoch_us(now)
        limit, stop = order.limit_price, order.stop_price
        refused = refusal(order, instrument, parent, parent_status)
        if refused is None:
            limit = None if limit is None else instrument.round_limit_price(limit, order.side)
            stop = None if stop is None else instrument.round_stop_price(stop, order.side)
        self._accepted_count += 1
        working = WorkingOrder(order, self._accepted_count, self._accepted_at_us, order.quantity, limit, stop)
        if refused is not None:
            self._desk.reject(working, refused.reason, refused.message, now)
            return
        if order.time_in_force is _DAY:
            working.expires_at_us = self._session_close_after(order.symbol, working.accepted_at_us)
        if parent is None:
            working.live_from_us = working.accepted_at_us
        else:
            parent.children.append(working)
        self._desk.accept(working, now)

    def begin_instant(self, bars: Sequence[PriceBarEvent], now: datetime) -> None:
        """Line up what the bars of an instant do to live orders; `match_next` then handles one at a time.

        Args:
            bars: those that closed at this instant, at most one for a symbol.
            now: the present instant.
        """
        self._now = now
        for bar in bars:
            self._lineup.add_bar(bar)

    def match_same_close(self, bars: Sequence[PriceBarEvent], now: datetime) -> None:
        """Line up market orders accepted now with the close of this instant's bars (`same_close` only).

        A market order whose symbol has no bar at its instant rests and takes the next open.
        """
        self._now = now
        if self._settings.market_fill != "same_close":
            return
        now_us = to_epoch_us(now)
        for bar in bars:
            if bar.closed_at_us != now_us:
                continue
            orders = [
                order
                for order in self._book.live_in(bar.symbol)
                if order.order.order_type is OrderType.MARKET and order.accepted_at_us == now_us
            ]
            self._lineup.add_at_close(orders, bar)

    def match_next(self) -> bool:
        """Handle the next order in line and publish what comes of it; say False when there is none."""
        candidate = self._lineup.pop()
        if candidate is None:
            return False
        match = candidate.match
        if isinstance(match, TriggerMatch):
            self._desk.trigger(candidate.order, messages.triggered(candidate.order, match), self._now)
        else:
            self._fill(candidate, match)
        return True

    def next_expiry_us(self) -> int | None:
        """Return the instant at which the next order expires, in microseconds since the epoch."""
        return self._book.next_expiry_us()

    def expire_due(self, now_us: int) -> None:
        """Expire the orders whose session has closed."""
        now = from_epoch_us(now_us)
        for order in self._book.take_expired(now_us):
            if not order.is_done:
                text = f"{messages.describe(order)}: its session closed"
                self._desk.end(order, OrderStatus.EXPIRED, Reason.SESSION_CLOSED, text, now)

    def on_corporate_action(self, event: CorporateActionEvent) -> None:
        """Adjust orders at work to a split, a stock dividend or a cash dividend, and to nothing else."""
        multiplier = unit_multiplier(event)
        if multiplier is not None:
            self._apply_split(event.symbol, multiplier, event.occurred_at)
        elif event.action_type is ActionType.CASH_DIVIDEND and event.amount is not None:
            self._apply_dividend(event.symbol, event.amount, event.currency, event.occurred_at)

    def _fill(self, candidate: Candidate, match: FillMatch) -> None:
        order, bar = candidate.order, candidate.bar
        event, desk, now = order.order, self._desk, self._now
        quantity = order.quantity - order.filled_quantity
        instrument = self._instrument(event.symbol)
        reference = match.reference_price
        children = order.children
        exits = self._lineup.exits_after(children, match, bar) if children else NO_EXITS
        executed_at_us = bar.opened_at_us if match.at_open else bar.closed_at_us
        price = self._price(event, reference, quantity, bar, instrument.tick_size)
        value = quantity * price
        commission = self._charge(order, quantity, value, match.basis is _LIMIT, executed_at_us)
        order.apply_fill(quantity, value, commission)
        fill = FillEvent(
            envelope=self._origin.effect_of(event, now),
            fill_id=f"{event.order_id}#{order.fill_count}",
            order_id=event.order_id,
            signal_id=event.signal_id,
            strategy_id=event.strategy_id,
            symbol=event.symbol,
            side=event.side,
            purpose=event.purpose,
            quantity=quantity,
            price=price,
            reference_price=reference,
            commission=commission,
            slippage=ZERO
            if price is reference
            else slippage_memo(price, reference, quantity, self._ledger_scale),
            currency=instrument.currency,
            executed_at=from_epoch_us(executed_at_us),
            basis=match.basis,
            is_ambiguous=match.is_ambiguous or exits.is_uncertain,
        )
        self._publish(fill)
        self._book.close(order)
        desk.report(order, Reason.FILLED, messages.filled(fill), now)
        if order.oco_group is not None:
            desk.cancel_group(order, now)
        is_smaller = desk.positions.apply_fill(event.strategy_id, event.symbol, event.side, quantity)
        if children:
            desk.wake_children(order, executed_at_us, now)
            self._lineup.add_exits(children, exits, bar)
        if is_smaller and self._book.has_live_orders:
            desk.shrink_reductions(event.strategy_id, event.symbol, now)

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Follow positions that change without an order: reinvested dividends, cash in lieu."""
        if entry.kind not in _MOVES_WITHOUT_ORDER or entry.strategy_id is None or entry.symbol is None:
            return
        for posting in entry.postings:
            if posting.quantity is not None:
                self._desk.positions.move(entry.strategy_id, entry.symbol, posting.quantity)

    def _apply_split(self, symbol: str, ratio: Fraction, now: datetime) -> None:
        if ratio == 1:
            return
        instrument = self._instrument(symbol)
        self._desk.positions.apply_split(symbol, ratio)
        cause = messages.split(ratio)
        for order in self._working_in(symbol):
            if order.is_done:
                continue
            if ratio < 1:
                text = f"a reverse {cause} cancels resting orders"
                self._desk.end(order, OrderStatus.CANCELED, Reason.REVERSE_SPLIT, text, now)
            else:
                terms = split_terms(order.terms, order.order.side, ratio, instrument)
                self._desk.restate(order, terms, Reason.SPLIT, cause, now)

    def _apply_dividend(self, symbol: str, amount: Decimal, currency: str | None, now: datetime) -> None:
        instrument = self._instrument(symbol)
        if self._settings.do_not_reduce or currency not in (None, instrument.currency):
            return
        cause = messages.dividend(amount, instrument.currency)
        for order in self._working_in(symbol):
            event = order.order
            if order.is_done or event.time_in_force is not TimeInForce.GTC:
                continue
            terms = dividend_terms(
                order.terms,
                event.side,
                order_type=event.order_type,
                is_triggered=order.is_triggered,
                amount=amount,
                instrument=instrument,
            )
            if terms.limit_price == 0 or terms.stop_price == 0:
                text = f"{cause} leaves no price to rest at"
                self._desk.end(order, OrderStatus.CANCELED, Reason.DIVIDEND, text, now)
            elif terms != order.terms:
                self._desk.restate(order, terms, Reason.DIVIDEND, cause, now)

    def _working_in(self, symbol: str) -> list[WorkingOrder]:
        return [order for order in self._book if order.order.symbol == symbol]
