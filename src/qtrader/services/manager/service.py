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
    OrderCancelEvent,
    OrderEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
)
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, TimeInForce, Verdict
from qtrader.money import ZERO
from qtrader.services.legs import ClosingLeg, OpeningLeg
from qtrader.services.manager.intentions import (
    Refusal,
    entry_price,
    not_in_universe,
    resolve,
    wrong_side,
)
from qtrader.services.manager.order_terms import exits_of, group_of, with_terms
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
_MARKET: Final = OrderType.MARKET
_SELL: Final = Side.SELL
_GTC: Final = TimeInForce.GTC
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
        rounds_prices: put the prices of orders on the tick; execution refuses what is off it otherwise.
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
        rounds_prices: bool = True,
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
        self._rounds_prices = rounds_prices
        self._reservations = Reservations()
        self._has_ended = False

    def end_trading(self) -> None:
        """Refuse every signal from here on (`run_ended`): no bar is left to trade on."""
        self._has_ended = True

    def on_order_update(self, update: OrderUpdateEvent) -> None:
        """Give back what an order no longer claims."""
        self._reservations.update(update)

    def on_order_cancel(self, request: OrderCancelEvent) -> None:
        """Let what an order lays claim to fund the signals after the request to cancel it."""
        self._reservations.cancel_requested(request.strategy_id, request.order_id)

    def on_order_request_rejected(self, refusal: OrderRequestRejectedEvent) -> None:
        """Lay claim again for an order that could not be canceled."""
        self._reservations.cancel_refused(refusal.order_id)

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
        strategy_id, symbol = signal.strategy_id, signal.symbol
        held = self._account.quantity(strategy_id, symbol)
        group = None if signal.oco_group is None else group_of(signal)
        holding = self._reservations.holding(strategy_id, symbol, held, group)
        instrument = self._instrument(symbol)
        legs = resolve(signal, holding, instrument.quantity_step, scale_in=self._scale_in)
        if isinstance(legs, Refusal):
            self._refuse(signal, legs)
            return
        # Only the other types name a price of their own.
        price = signal.price if signal.order_type is _MARKET else entry_price(signal)
        refusal = wrong_side(signal, legs, price)
        if refusal is not None:
            self._refuse(signal, refusal)
            return
        if legs.close_side is not None:
            # A reversal's prices and type belong to the opening leg; the old position leaves at the market.
            is_reversal = legs.open_side is not None
            exit_price = signal.price if is_reversal else price
            free = abs(held) - holding.closing_quantity
            closing = ClosingLeg(signal, legs.close_side, exit_price, legs.close_quantity, free)
            self._close(closing, instrument, at_market=is_reversal)
        if legs.open_side is None:
            return
        if self._is_member is not None and not self._is_member(symbol, to_epoch_us(signal.occurred_at)):
            self._refuse(signal, not_in_universe(signal))
            return
        # An entry that waits is judged as if what stands on the other side were closed by then.
        is_other_side = signal.after_order_id is not None and (held > 0) is (legs.open_side is _SELL)
        closes = abs(held) if is_other_side else legs.close_quantity + holding.closing_quantity
        self._open(self._opening_leg(signal, legs.open_side, price, held, closes), instrument)

    def _worth(self, signal: SignalEvent, quantity: Decimal) -> Decimal:
        """Value units of a position as the account does, so that they cancel out of its exposure."""
        if quantity:
            for position in self._account.positions(signal.strategy_id):
                if position.symbol == signal.symbol:
                    return abs(position.market_value) * quantity / abs(position.quantity)
        return ZERO

    def _close(self, leg: ClosingLeg, instrument: Instrument, *, at_market: bool) -> None:
        decision = self._risk.decide_closing(leg)
        order = self._order(decision, leg.signal, leg.quantity, instrument, at_market=at_market)
        self._reservations.add(order, leg.price)
        self._publish(decision)
        self._publish(order)

    def _opening_leg(
        self, signal: SignalEvent, side: Side, price: Decimal, held: Decimal, closes: Decimal
    ) -> OpeningLeg:
        """Put a wish to open together with what stands and what is on its way; `closes` is unsigned."""
        claims = self._reservations.totals(None if signal.oco_group is None else group_of(signal))
        stays = freed = ZERO
        if held:
            stays = max(ZERO, abs(held) - closes)
            freed = self._worth(signal, abs(held) - stays)
        return OpeningLeg(
            signal,
            side,
            price,
            -stays if held < 0 else stays,
            claims.cash,
            claims.exposure,
            claims.closing_proceeds if self._proceeds_fund else ZERO,
            claims.closing_exposure if self._proceeds_fund else freed,
        )

    def _open(self, leg: OpeningLeg, instrument: Instrument) -> None:
        signal = leg.signal
        decision = self._risk.decide_opening(leg)
        if decision.verdict is _REJECTED:
            decision = self._with_proceeds_as_remedy(decision, leg)
            self._publish(decision)
            refusal = Refusal(decision.reason or "refused", decision.message or "refused by risk", _OPEN)
            self._refuse(signal, refusal, decision)
            return
        order = self._order(decision, signal, decision.approved_quantity, instrument, at_market=False)
        self._reservations.add(order, leg.price)
        self._publish(decision)
        self._publish(order)
        if signal.stop_loss is not None or signal.take_profit is not None or signal.targets:
            for child in self._children(signal, decision, order, instrument):
                self._publish(child)

    def _with_proceeds_as_remedy(self, decision: RiskDecisionEvent, leg: OpeningLeg) -> RiskDecisionEvent:
        """Add to a refusal's remedy that proceeds would have funded the leg, if risk says so when asked."""
        claims = self._reservations.totals(group_of(leg.signal))
        if self._proceeds_fund or not claims.closing_exposure:
            return decision
        funded = msgspec.structs.replace(
            leg, released_cash=claims.closing_proceeds, released_exposure=claims.closing_exposure
        )
        if self._risk.decide_opening(funded).verdict is not Verdict.APPROVED:
            return decision
        setting = "proceeds_fund_same_instant would have let the closing orders on their way fund it"
        remedy = setting if decision.remedy is None else f"{decision.remedy}; {setting}"
        return msgspec.structs.replace(decision, remedy=remedy)

    def _refuse(
        self, signal: SignalEvent, refusal: Refusal, decision: RiskDecisionEvent | None = None
    ) -> None:
        cause = signal if decision is None else decision
        self._publish(
            SignalRejectedEvent(
                envelope=self._origin.effect_of(cause, cause.envelope.occurred_at),
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
        decision: RiskDecisionEvent,
        signal: SignalEvent,
        quantity: Decimal,
        instrument: Instrument,
        *,
        at_market: bool,
    ) -> OrderEvent:
        purpose, signal_id = decision.purpose, signal.signal_id
        order = OrderEvent(
            envelope=self._origin.effect_of(decision, decision.envelope.occurred_at),
            order_id=f"{signal_id}/open" if purpose is _OPEN else f"{signal_id}/close",
            signal_id=signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            side=decision.side,
            quantity=quantity,
            order_type=_MARKET if at_market else signal.order_type,
            time_in_force=_GTC if at_market else signal.time_in_force,
            purpose=purpose,
            decision_id=decision.decision_id,
        )
        is_plain = signal.order_type is _MARKET and signal.expires_at is None
        is_alone = signal.oco_group is signal.after_order_id is None
        if at_market or (is_plain and is_alone):
            return order
        return with_terms(order, signal, instrument, rounds_prices=self._rounds_prices)

    def _children(
        self, signal: SignalEvent, decision: RiskDecisionEvent, parent: OrderEvent, instrument: Instrument
    ) -> list[OrderEvent]:
        """Make the protective stop and the targets, which rest once the parent has filled."""
        return [
            OrderEvent(
                envelope=self._origin.effect_of(decision, decision.envelope.occurred_at),
                order_id=f"{signal.signal_id}/{each.name}",
                signal_id=signal.signal_id,
                strategy_id=signal.strategy_id,
                symbol=signal.symbol,
                side=Side.SELL if parent.side is Side.BUY else Side.BUY,
                quantity=each.quantity,
                order_type=each.order_type,
                time_in_force=_GTC,
                purpose=each.purpose,
                decision_id=decision.decision_id,
                limit_price=each.limit_price,
                stop_price=each.stop_price,
                parent_order_id=parent.order_id,
                oco_group=signal.signal_id,
            )
            for each in exits_of(signal, parent, instrument, rounds_prices=self._rounds_prices)
        ]


def _purpose(signal: SignalEvent) -> OrderPurpose:
    return OrderPurpose.OPEN if signal.intention.value.startswith("open") else OrderPurpose.CLOSE
