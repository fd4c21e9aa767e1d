"""What an intention means for a position: pure rules that give a signal's legs, or why there are none."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from qtrader.events.events import SignalEvent
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, SignalIntention
from qtrader.money import ZERO


class Refusal(NamedTuple):
    """Why a leg becomes no order: a code to count by and a sentence."""

    reason: str
    message: str
    purpose: OrderPurpose


class Holding(msgspec.Struct, frozen=True, gc=False):
    """A strategy's position in a symbol and what is on its way: quantities signed, orders by id.

    `closing_quantity` is the unsigned quantity that resting closing orders would take off.
    """

    quantity: Decimal
    closing_quantity: Decimal
    opening_order_id: str | None
    closing_order_id: str | None


class Legs(msgspec.Struct, frozen=True, gc=False):
    """What a signal comes to: quantities unsigned, zero where there is no such leg."""

    close_side: Side | None
    close_quantity: Decimal
    open_side: Side | None


_OPENS = {SignalIntention.OPEN_LONG: Side.BUY, SignalIntention.OPEN_SHORT: Side.SELL}
_LONG = (SignalIntention.OPEN_LONG, SignalIntention.CLOSE_LONG)


def resolve(
    signal: SignalEvent, holding: Holding, quantity_step: Decimal, *, scale_in: bool
) -> Legs | Refusal:
    """Decide which legs a signal has, given what its strategy holds."""
    sign = 1 if signal.intention in _LONG else -1
    if signal.intention in _OPENS:
        return _opening(signal, holding, sign, scale_in=scale_in)
    return _closing(signal, holding, sign, quantity_step)


def _opening(signal: SignalEvent, holding: Holding, sign: int, *, scale_in: bool) -> Legs | Refusal:
    side = _OPENS[signal.intention]
    if holding.opening_order_id is not None and not scale_in:
        message = (
            f"order {holding.opening_order_id} is already on its way to open a position in {signal.symbol}"
        )
        return Refusal("order_pending", message, OrderPurpose.OPEN)
    if holding.quantity * sign > 0:
        if not scale_in:
            held = f"{signal.strategy_id} already holds {holding.quantity:f} {signal.symbol}"
            message = f"{held}, and the policy does not scale in"
            return Refusal("already_open", message, OrderPurpose.OPEN)
        return Legs(None, ZERO, side)
    remaining = abs(holding.quantity) - holding.closing_quantity
    if remaining > 0:
        return Legs(side, remaining, side)
    return Legs(None, ZERO, side)


def _closing(signal: SignalEvent, holding: Holding, sign: int, quantity_step: Decimal) -> Legs | Refusal:
    side = Side.SELL if sign > 0 else Side.BUY
    word = "long" if sign > 0 else "short"
    if holding.quantity * sign <= 0:
        message = f"{signal.strategy_id} holds no {word} position in {signal.symbol}"
        return Refusal("no_position", message, OrderPurpose.CLOSE)
    held = abs(holding.quantity) - holding.closing_quantity
    if held <= 0:
        order_id = holding.closing_order_id
        message = f"order {order_id} is already on its way to close the {word} position in {signal.symbol}"
        return Refusal("close_pending", message, OrderPurpose.CLOSE)
    quantity, asked = held, f"{held:f} {signal.symbol}"
    if signal.quantity is not None:
        if signal.quantity > held:
            asked = f"closing {signal.quantity:f} {signal.symbol} was asked"
            message = f"{asked}, but only {held:f} are held and not yet being closed"
            return Refusal("exceeds_position", message, OrderPurpose.CLOSE)
        # All that is held may lie off the step, after a reinvested dividend say; a part of it may not.
        quantity = held if signal.quantity == held else signal.quantity // quantity_step * quantity_step
        asked = f"{signal.quantity:f} {signal.symbol}"
    elif signal.fraction is not None and signal.fraction != 1:
        quantity = held * signal.fraction // quantity_step * quantity_step
        asked = f"{signal.fraction:f} of {held:f} {signal.symbol}"
    if quantity == 0:
        message = f"{asked} is less than one quantity step ({quantity_step:f})"
        return Refusal("size_rounds_to_zero", message, OrderPurpose.CLOSE)
    return Legs(side, quantity, None)


def not_in_universe(signal: SignalEvent) -> Refusal:
    """Refuse to open what does not belong to the universe at the signal's instant."""
    found = f"{signal.symbol} is not in the universe at {signal.occurred_at.isoformat()}"
    return Refusal("not_in_universe", f"{found}; a position in it can only be closed", OrderPurpose.OPEN)


def entry_price(signal: SignalEvent) -> Decimal:
    """Return the price that an order of this signal is expected to trade at."""
    if signal.limit_price is None and signal.stop_price is None:
        return signal.price
    if signal.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and signal.limit_price is not None:
        return signal.limit_price
    if signal.order_type is OrderType.STOP and signal.stop_price is not None:
        return signal.stop_price
    return signal.price


def wrong_side(signal: SignalEvent, side: Side, reference: Decimal) -> Refusal | None:
    """Refuse protective prices on the wrong side of the entry, and entry stops that would trigger at once."""
    if signal.stop_loss is None and signal.take_profit is None and signal.stop_price is None:
        return None
    sign = 1 if side is Side.BUY else -1
    below, above = ("below", "above") if sign > 0 else ("above", "below")
    if signal.stop_loss is not None and (reference - signal.stop_loss) * sign <= 0:
        message = f"stop_loss {signal.stop_loss:f} must lie {below} {_entry(side, reference)}"
        return Refusal("stop_on_wrong_side", message, OrderPurpose.OPEN)
    if signal.take_profit is not None and (signal.take_profit - reference) * sign <= 0:
        message = f"take_profit {signal.take_profit:f} must lie {above} {_entry(side, reference)}"
        return Refusal("target_on_wrong_side", message, OrderPurpose.OPEN)
    return stop_entry_on_wrong_side(signal, side, OrderPurpose.OPEN)


def _entry(side: Side, reference: Decimal) -> str:
    return f"the entry price {reference:f} of a {side.value} order"


def stop_entry_on_wrong_side(signal: SignalEvent, side: Side, purpose: OrderPurpose) -> Refusal | None:
    """Refuse a stop whose trigger the price has passed already: it would be a market order in disguise."""
    if signal.stop_price is None:
        return None
    sign = 1 if side is Side.BUY else -1
    if (signal.stop_price - signal.price) * sign < 0:
        where = "at or above" if sign > 0 else "at or below"
        stop = f"stop_price {signal.stop_price:f} of a {side.value} order"
        message = f"{stop} must lie {where} the present price {signal.price:f}"
        return Refusal("stop_on_wrong_side", message, purpose)
    return None
