"""The execution service: orders rest, meet bars and fill.

The engine drives it. `begin_instant` (or `match_same_close`) lines up what the bars of an instant do to the
live orders: open prints first, orders that reduce exposure before orders that increase it, then by
acceptance. `match_next` handles one of them, so that the engine can deliver its events, and accounts are
current, before the next. An order meets only bars that opened no earlier than it was accepted; a bracket's
children begin to rest at their parent's fill, in the rest of that very bar. What the volume of a bar lets
all orders together trade is shared out in line.

Every step of an order is an `OrderUpdateEvent` with a reason and a sentence, caused by the order itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Final

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events.base import BaseEvent
from qtrader.events.events import CorporateActionEvent, FillEvent, LedgerEntryEvent, OrderEvent, PriceBarEvent
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import FillBasis, LedgerKind, OrderStatus, OrderType, Side, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.money import ZERO
from qtrader.services.execution import messages
from qtrader.services.execution.bar_volumes import BarVolumes
from qtrader.services.execution.bracket_matching import NO_EXITS, Exits
from qtrader.services.execution.buying_power import payable_quantity
from qtrader.services.execution.corporate_steps import CorporateSteps
from qtrader.services.execution.costs import LEDGER_SCALE, Costs, compile_costs, slippage_memo
from qtrader.services.execution.fill_model_settings import make_fill_models
from qtrader.services.execution.lineup import Candidate, Lineup
from qtrader.services.execution.market_view import MarketView
from qtrader.services.execution.matches import FillMatch, TrailingMatch, widened
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_book import OrderBook
from qtrader.services.execution.order_desk import OrderDesk
from qtrader.services.execution.order_intake import OrderIntake
from qtrader.services.execution.order_kinds import IMMEDIATE
from qtrader.services.execution.orders import OpenOrder, WorkingOrder
from qtrader.services.execution.requests import OrderRequests
from qtrader.services.execution.settings import ExecutionSettings

_DAY: Final = TimeInForce.DAY
_LIMIT: Final = FillBasis.LIMIT
_BUY: Final = Side.BUY
_MID: Final = FillBasis.MID


#: Bookings that move units without a fill; splits are followed by their action, which comes first.
_MOVES_WITHOUT_ORDER = frozenset({LedgerKind.CASH_IN_LIEU, LedgerKind.DIVIDEND_REINVESTMENT})


class ExecutionService:
    """Simulate a broker and its market on bars.

    Args:
        publish: takes every event made here.
        origin: stamps them.
        settings: fill rules and costs.
        instrument: what a symbol is.
        market: sessions, last prices and true ranges.
        ledger_scale: decimal places of commission and slippage amounts.
        costs: the settings' costs, compiled with what they need to know of the market; made here of the
            settings alone without.
        cash: what the account can pay a purchase with now; None where it may borrow whatever it takes.
        trims: buy what cash pays for and cancel the rest, instead of canceling all.

    Raises:
        ConfigError: a fill model of one's own cannot be made.
    """

    def __init__(
        self,
        *,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        settings: ExecutionSettings,
        instrument: Callable[[str], Instrument],
        market: MarketView,
        ledger_scale: int = LEDGER_SCALE,
        costs: Costs | None = None,
        cash: Callable[[], Decimal] | None = None,
        trims: bool = True,
    ) -> None:
        self._publish = publish
        self._origin = origin
        self._settings = settings
        self._instrument = instrument
        self._ledger_scale = ledger_scale
        if costs is None:
            costs = compile_costs(settings.commission, settings.slippage, ledger_scale=ledger_scale)
        self._price, self._charge, self._quote = costs.price, costs.charge, costs.quote
        self._cash = cash
        self._trims = trims
        self._desk = OrderDesk(publish, origin)
        self._book = self._desk.book
        self._corporate = CorporateSteps(self._desk, instrument, do_not_reduce=settings.do_not_reduce)
        model, models = make_fill_models(settings.fill_model)
        self._lineup = Lineup(self._book, settings, models, model, market)
        self._volumes = BarVolumes(settings.participation_percent)
        places = count(1)
        self._intake = OrderIntake(self._desk, places, settings, instrument, market)
        #: Handles what strategies ask of orders at work.
        self.requests = OrderRequests(
            publish, origin, desk=self._desk, places=places, settings=settings, instrument=instrument
        )
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
        self._intake.take(order)

    def begin_instant(self, bars: Sequence[PriceBarEvent], now: datetime) -> None:
        """Line up what the bars of an instant do to live orders; `match_next` then handles one at a time.

        Args:
            bars: those that closed at this instant, at most one for a symbol.
            now: the present instant.
        """
        self._now = now
        if self._volumes.is_limited:
            self._volumes.clear()
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
            resting = self._book.resting_in(bar.symbol)
            orders = [
                order
                for order in (() if resting is None else resting.unpriced())
                if order.order.order_type is OrderType.MARKET and order.accepted_at_us == now_us
            ]
            self._lineup.add_at_close(orders, bar)

    def match_next(self) -> bool:
        """Handle the next order in line and publish what comes of it; say False when there is none."""
        candidate = self._lineup.pop()
        if candidate is None:
            return False
        order, match = candidate.order, candidate.match
        trailing = candidate.trailing
        if trailing is not None:
            self._follow(order, trailing)
        if isinstance(match, FillMatch):
            self._fill(candidate, match)
        elif match is not None:
            if match.fill_price is not None:
                order.doubts += (match.fill_price,)
            self._desk.trigger(order, messages.triggered(order, match), self._now)
        elif trailing is None:
            is_immediate = order.order.time_in_force in IMMEDIATE
            reason = Reason.NOT_FILLED_AT_ONCE if is_immediate else Reason.PRINT_PASSED
            self._desk.end(order, OrderStatus.CANCELED, reason, messages.passed(order), self._now)
        return True

    @staticmethod
    def _follow(order: WorkingOrder, trailing: TrailingMatch) -> None:
        order.follow(trailing.stop_price, trailing.limit_price)
        if trailing.is_uncertain:
            prices = trailing.worst_price, trailing.best_price
            order.doubts += tuple(price for price in prices if price is not None)

    def next_expiry_us(self) -> int | None:
        """Return the instant at which the next order expires, in microseconds since the epoch."""
        return self._book.next_expiry_us()

    def expire_due(self, now_us: int) -> None:
        """Expire the orders whose session has closed or whose date was reached."""
        now = from_epoch_us(now_us)
        for order in self._book.take_expired(now_us):
            if not order.is_done:
                is_day = order.order.time_in_force is _DAY
                reason = Reason.SESSION_CLOSED if is_day else Reason.DATE_REACHED
                self._desk.end(order, OrderStatus.EXPIRED, reason, messages.expired(order), now)

    def on_corporate_action(self, event: CorporateActionEvent) -> None:
        """Adjust orders at work to a split, a stock dividend or a cash dividend, and to nothing else."""
        self._corporate.apply(event)

    def _fill(self, candidate: Candidate, match: FillMatch) -> None:
        order, bar = candidate.order, candidate.bar
        event, desk, now = order.order, self._desk, self._now
        quantity = order.quantity - order.filled_quantity
        instrument = self._instrument(event.symbol)
        if self._volumes.is_limited:
            quantity = self._volumes.take(order, quantity, bar, instrument)
            if not quantity:
                if order.has_trigger_ahead:
                    desk.trigger(order, messages.triggered_unfilled(order), now)
                return
        if order.doubts:
            match = widened(match, event.side, {*order.doubts} - {match.reference_price})
            order.doubts = ()
        reference = match.reference_price
        exits = self._lineup.exits_after(order, match, bar) if order.children else NO_EXITS
        executed_at_us = bar.opened_at_us if match.at_open else bar.closed_at_us
        wished = quantity
        if self._cash is not None and event.side is _BUY and not order.is_reduction:
            quantity = self._payable(candidate, match, wished, executed_at_us)
            if not quantity:
                self._end_unpaid(order, wished, ZERO, reference)
                return
        price = self._price_of(event, match, quantity, bar, instrument)
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
            worst_price=match.worst_price,
            best_price=match.best_price,
            worst_exit_price=exits.worst_price,
            best_exit_price=exits.best_price,
        )
        self._publish(fill)
        self._conclude(candidate, fill, exits, executed_at_us)
        if quantity is not wished:
            self._end_unpaid(order, wished, quantity, price)

    def _price_of(
        self,
        event: OrderEvent,
        match: FillMatch,
        quantity: Decimal,
        bar: PriceBarEvent,
        instrument: Instrument,
    ) -> Decimal:
        price = self._price(event, match.reference_price, quantity, bar, instrument.tick_size)
        return instrument.round_fill_price(price, event.side) if match.basis is _MID else price

    def _payable(
        self, candidate: Candidate, match: FillMatch, wished: Decimal, executed_at_us: int
    ) -> Decimal:
        """Return how much of a purchase cash pays for: `wished` itself where it pays for all."""
        order, bar = candidate.order, candidate.bar
        event, instrument = order.order, self._instrument(bar.symbol)

        def cost(quantity: Decimal) -> Decimal:
            value = quantity * self._price_of(event, match, quantity, bar, instrument)
            return value + self._quote(order, quantity, value, match.basis is _LIMIT, executed_at_us)

        cash = ZERO if self._cash is None else self._cash()
        payable = payable_quantity(wished, instrument.quantity_step, cash, cost)
        if payable < wished:
            if not self._trims or event.time_in_force is TimeInForce.FOK:
                payable = ZERO
            self._volumes.give_back(wished - payable, bar)
        return payable

    def _end_unpaid(self, order: WorkingOrder, wished: Decimal, bought: Decimal, price: Decimal) -> None:
        """Cancel what cash does not pay for."""
        cash = ZERO if self._cash is None else self._cash()
        text = messages.unpaid(order, wished, bought, price, cash)
        self._desk.end(order, OrderStatus.CANCELED, Reason.BUYING_POWER, text, self._now)

    def _conclude(self, candidate: Candidate, fill: FillEvent, exits: Exits, executed_at_us: int) -> None:
        """Report a fill, and do what follows from it to other orders."""
        order, desk, now = candidate.order, self._desk, self._now
        if order.is_done:
            self._book.close(order)
            desk.report(order, Reason.FILLED, messages.filled(fill), now)
        else:
            self._book.replace(order)
            desk.report(order, Reason.PARTIALLY_FILLED, messages.partly_filled(fill, order), now)
        if order.oco_group is not None:
            desk.settle_group(order, fill.quantity, now)
        event = order.order
        is_smaller = desk.positions.apply_fill(event.strategy_id, event.symbol, event.side, fill.quantity)
        if order.children:
            desk.size_children(order, fill.reference_price, executed_at_us, now)
            self._lineup.add_exits(exits, candidate.bar)
        if (is_smaller or (order.children and order.fill_count > 1)) and self._book.has_live_orders:
            desk.shrink_reductions(event.strategy_id, event.symbol, now)

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Follow positions that change without an order: reinvested dividends, cash in lieu."""
        if entry.kind not in _MOVES_WITHOUT_ORDER or entry.strategy_id is None or entry.symbol is None:
            return
        for posting in entry.postings:
            if posting.quantity is not None:
                self._desk.positions.move(entry.strategy_id, entry.symbol, posting.quantity)
