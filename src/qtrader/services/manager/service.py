"""The manager service: consumes signals, asks risk, publishes orders or refusals.

A signal has up to two legs: what it closes and what it opens; a reversal closes first. Each leg gets a risk
decision of its own, and each approved one an order; a protective stop and a target become linked orders that
wait for their parent. Every signal ends in at least one order or one refusal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events.events import (
    OrderEvent,
    OrderUpdateEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
)
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, TimeInForce, Verdict
from qtrader.money import ZERO
from qtrader.services.legs import ClosingLeg, OpeningLeg
from qtrader.services.manager.intentions import (
    Legs,
    Refusal,
    entry_price,
    not_in_universe,
    resolve,
    stop_entry_on_wrong_side,
    wrong_side,
)
from qtrader.services.manager.reservations import Reservations

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtrader.events.base import BaseEvent
    from qtrader.events.identity import Origin
    from qtrader.market.instruments import Instrument
    from qtrader.services.account import AccountView
    from qtrader.services.legs import RiskJudge


# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_OPEN: Final = OrderPurpose.OPEN
_CLOSE: Final = OrderPurpose.CLOSE
_REJECTED: Final = Verdict.REJECTED

#: Nothing is warmup.
_FROM_THE_FIRST_US = -(2**63)


class ManagerService:
    """Turn signals into orders.

    Args:
        publish: takes decisions, orders and refusals.
        origin: stamps them.
        risk: decides on each leg.
        account: the account as known from ledger entries.
        instrument: looks an instrument up.
        proceeds_fund_same_instant: let closing orders on their way fund an opening one.
        scale_in: let a repeated opening signal enlarge a position.
        trading_starts_us: signals up to and including this instant are refused (`warmup`).
        is_member: tells whether a symbol belongs to the universe at an instant (in microseconds); what does
            not can only be closed (`not_in_universe`). Every symbol belongs without one.
    """

    def __init__(
        self,
        *,
        publish: Callable[[BaseEvent], None],
        origin: Origin,
        risk: RiskJudge,
        account: AccountView,
        instrument: Callable[[str], Instrument],
        scale_in: bool = False,
        proceeds_fund_same_instant: bool = False,
        trading_starts_us: int = _FROM_THE_FIRST_US,
        is_member: Callable[[str, int], bool] | None = None,
    ) -> None:
        self._publish = publish
        self._origin = origin
        self._risk = risk
        self._account = account
        self._instrument = instrument
        self._scale_in = scale_in
        self._proceeds_fund = proceeds_fund_same_instant
        self._trading_starts = (
            None if trading_starts_us == _FROM_THE_FIRST_US else from_epoch_us(trading_starts_us)
        )
        self._is_member = is_member
        self._reservations = Reservations()
        self._has_ended = False

    def end_trading(self) -> None:
        """Refuse every signal from here on (`run_ended`): no bar is left to trade on."""
        self._has_ended = True

    def on_order_update(self, update: OrderUpdateEvent) -> None:
        """Give back what an order no longer claims."""
        self._reservations.update(update)

    def on_signal(self, signal: SignalEvent) -> None:
        """Turn a signal into orders or a refusal."""
        if self._has_ended:
            message = "the signal came after the last bar; nothing is left to trade on"
            self._refuse(signal, Refusal("run_ended", message, _purpose(signal)))
            return
        if self._trading_starts is not None and signal.occurred_at <= self._trading_starts:
            self._refuse(
                signal,
                Refusal("warmup", "the signal came during warmup; trading had not begun", _purpose(signal)),
            )
            return
        held = self._account.quantity(signal.strategy_id, signal.symbol)
        holding = self._reservations.holding(signal.strategy_id, signal.symbol, held)
        step = self._instrument(signal.symbol).quantity_step
        legs = resolve(signal, holding, step, scale_in=self._scale_in)
        if isinstance(legs, Refusal):
            self._refuse(signal, legs)
            return
        side = legs.open_side or legs.close_side
        if side is None:
            return
        price = entry_price(signal)
        refusal = (
            wrong_side(signal, side, price)
            if legs.open_side is not None
            else stop_entry_on_wrong_side(signal, side, _CLOSE)
        )
        if refusal is not None:
            self._refuse(signal, refusal)
            return
        if legs.close_side is not None:
            self._close(signal, legs, abs(held) - holding.closing_quantity, price)
        if legs.open_side is not None and not self._belongs(signal):
            self._refuse(signal, not_in_universe(signal))
        elif legs.open_side is not None:
            closes = legs.close_quantity + holding.closing_quantity
            stays = max(ZERO, abs(held) - closes) * (1 if held > 0 else -1)
            self._open(signal, legs.open_side, price, stays, self._worth(signal, abs(held) - abs(stays)))

    def _belongs(self, signal: SignalEvent) -> bool:
        is_member = self._is_member
        return is_member is None or is_member(signal.symbol, to_epoch_us(signal.occurred_at))

    def _worth(self, signal: SignalEvent, quantity: Decimal) -> Decimal:
        """Value units of a position as the account does, so that they cancel out of its exposure."""
        if quantity:
            for position in self._account.positions(signal.strategy_id):
                if position.symbol == signal.symbol:
                    return abs(position.market_value) * quantity / abs(position.quantity)
        return ZERO

    def _close(self, signal: SignalEvent, legs: Legs, held: Decimal, price: Decimal) -> None:
        if legs.close_side is None:
            return
        # A reversal's prices and type belong to the opening leg; the old position leaves at the market.
        is_reversal = legs.open_side is not None
        if is_reversal:
            price = signal.price
        decision = self._risk.decide_closing(
            ClosingLeg(signal, legs.close_side, price, legs.close_quantity, held)
        )
        order = self._order(
            signal, decision, legs.close_side, legs.close_quantity, _CLOSE, at_market=is_reversal
        )
        self._reservations.add(order, price)
        self._publish(decision)
        self._publish(order)

    def _open(
        self, signal: SignalEvent, side: Side, price: Decimal, position: Decimal, freed: Decimal
    ) -> None:
        reservations = self._reservations
        leg = OpeningLeg(
            signal,
            side,
            price,
            position,
            reservations.cash,
            reservations.exposure,
            reservations.closing_proceeds if self._proceeds_fund else ZERO,
            reservations.closing_exposure if self._proceeds_fund else freed,
        )
        decision = self._risk.decide_opening(leg)
        if decision.verdict is _REJECTED:
            decision = self._with_proceeds_as_remedy(decision, leg)
            self._publish(decision)
            refusal = Refusal(
                decision.reason or "refused", decision.message or "refused by risk", OrderPurpose.OPEN
            )
            self._refuse(signal, refusal, decision)
            return
        order = self._order(signal, decision, side, decision.approved_quantity, _OPEN, at_market=False)
        self._reservations.add(order, price)
        self._publish(decision)
        self._publish(order)
        if signal.stop_loss is not None or signal.take_profit is not None:
            for child in self._children(signal, decision, order):
                self._publish(child)

    def _with_proceeds_as_remedy(self, decision: RiskDecisionEvent, leg: OpeningLeg) -> RiskDecisionEvent:
        """Add to a refusal's remedy that proceeds would have funded the leg, if risk says so when asked."""
        reservations = self._reservations
        if self._proceeds_fund or not reservations.closing_exposure:
            return decision
        funded = leg._replace(
            released_cash=reservations.closing_proceeds, released_exposure=reservations.closing_exposure
        )
        if self._risk.decide_opening(funded).verdict is not Verdict.APPROVED:
            return decision
        setting = "proceeds_fund_same_instant would have let the closing orders on their way fund it"
        remedy = setting if decision.remedy is None else f"{decision.remedy}; {setting}"
        return msgspec.structs.replace(decision, remedy=remedy)

    def _refuse(
        self, signal: SignalEvent, refusal: Refusal, decision: RiskDecisionEvent | None = None
    ) -> None:
        self._origin.handle(signal if decision is None else decision)
        self._publish(
            SignalRejectedEvent(
                **self._origin.stamp(),
                signal_id=signal.signal_id,
                strategy_id=signal.strategy_id,
                symbol=signal.symbol,
                purpose=refusal.purpose,
                reason=refusal.reason,
                message=refusal.message,
                decision_id=None if decision is None else decision.decision_id,
            )
        )

    def _order(
        self,
        signal: SignalEvent,
        decision: RiskDecisionEvent,
        side: Side,
        quantity: Decimal,
        purpose: OrderPurpose,
        *,
        at_market: bool,
    ) -> OrderEvent:
        instrument = self._instrument(signal.symbol)
        limit = None if at_market else signal.limit_price
        stop = None if at_market else signal.stop_price
        self._origin.handle(decision)
        return OrderEvent(
            **self._origin.stamp(),
            order_id=f"{signal.signal_id}/{purpose}",
            signal_id=signal.signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            side=side,
            quantity=quantity,
            order_type=OrderType.MARKET if at_market else signal.order_type,
            time_in_force=TimeInForce.GTC if at_market else signal.time_in_force,
            purpose=purpose,
            decision_id=decision.decision_id,
            limit_price=None if limit is None else instrument.round_limit_price(limit, side),
            stop_price=None if stop is None else instrument.round_stop_price(stop, side),
        )

    def _children(
        self, signal: SignalEvent, decision: RiskDecisionEvent, parent: OrderEvent
    ) -> list[OrderEvent]:
        """Make the protective stop and the target, which rest once the parent has filled."""
        instrument = self._instrument(signal.symbol)
        side = Side.SELL if parent.side is Side.BUY else Side.BUY
        children = []
        for purpose, order_type, price in (
            (OrderPurpose.STOP_LOSS, OrderType.STOP, signal.stop_loss),
            (OrderPurpose.TAKE_PROFIT, OrderType.LIMIT, signal.take_profit),
        ):
            if price is None:
                continue
            is_stop = order_type is OrderType.STOP
            children.append(
                OrderEvent(
                    **self._origin.stamp(),
                    order_id=f"{signal.signal_id}/{purpose}",
                    signal_id=signal.signal_id,
                    strategy_id=signal.strategy_id,
                    symbol=signal.symbol,
                    side=side,
                    quantity=parent.quantity,
                    order_type=order_type,
                    time_in_force=TimeInForce.GTC,
                    purpose=purpose,
                    decision_id=decision.decision_id,
                    limit_price=None if is_stop else instrument.round_limit_price(price, side),
                    stop_price=instrument.round_stop_price(price, side) if is_stop else None,
                    parent_order_id=parent.order_id,
                    oco_group=signal.signal_id,
                )
            )
        return children


def _purpose(signal: SignalEvent) -> OrderPurpose:
    return OrderPurpose.OPEN if signal.intention.value.startswith("open") else OrderPurpose.CLOSE
