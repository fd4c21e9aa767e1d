"""Corporate actions on the orders at work: which are restated or end, each step published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType, OrderStatus, TimeInForce
from qtrader.market.corporate_actions import unit_multiplier
from qtrader.market.instruments import Instrument
from qtrader.services.execution import messages
from qtrader.services.execution.adjustments import dividend_terms, split_terms
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.order_desk import OrderDesk
from qtrader.services.execution.orders import WorkingOrder

#: Orders that rest over nights, as FINRA rule 5330 means them.
_LASTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


class CorporateSteps:
    """Adjust the orders of a desk.

    Args:
        desk: that keeps them.
        instrument: what a symbol is.
        do_not_reduce: leave orders alone when a dividend goes ex.
    """

    def __init__(
        self, desk: OrderDesk, instrument: Callable[[str], Instrument], *, do_not_reduce: bool
    ) -> None:
        self._desk = desk
        self._instrument = instrument
        self._do_not_reduce = do_not_reduce

    def apply(self, event: CorporateActionEvent) -> None:
        """Adjust orders at work to a split, a stock dividend or a cash dividend, and to nothing else."""
        multiplier = unit_multiplier(event)
        if multiplier is not None:
            self._apply_split(event.symbol, multiplier, event.occurred_at)
        elif event.action_type is ActionType.CASH_DIVIDEND and event.amount is not None:
            self._apply_dividend(event.symbol, event.amount, event.currency, event.occurred_at)

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
                order.split(ratio, instrument.quantity_step)
                terms = split_terms(order.terms, order.order.side, ratio, instrument)
                wanted = order.wanted_quantity
                self._desk.restate(order, terms, Reason.SPLIT, cause, now)
                order.wanted_quantity = wanted

    def _apply_dividend(self, symbol: str, amount: Decimal, currency: str | None, now: datetime) -> None:
        instrument = self._instrument(symbol)
        if self._do_not_reduce or currency not in (None, instrument.currency):
            return
        cause = messages.dividend(amount, instrument.currency)
        for order in self._working_in(symbol):
            event = order.order
            if order.is_done or event.time_in_force not in _LASTING:
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
        return [order for order in self._desk.book if order.symbol == symbol]
