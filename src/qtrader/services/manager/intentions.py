"""What an intention means for a position: pure rules that give a signal's legs, or why there are none."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from qtrader.events.events import SignalEvent
from qtrader.events.order_types import IF_TOUCHED, TRAILING
from qtrader.events.vocabulary import OrderPurpose, Side, SignalIntention
from qtrader.money import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping


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


# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_OPEN: Final = OrderPurpose.OPEN
_CLOSE: Final = OrderPurpose.CLOSE

#: An intention's sign of the position, and the side on which an opening one opens.
_MEANING: Final[Mapping[SignalIntention, tuple[int, Side | None]]] = {
    SignalIntention.OPEN_LONG: (1, _BUY),
    SignalIntention.CLOSE_LONG: (1, None),
    SignalIntention.OPEN_SHORT: (-1, _SELL),
    SignalIntention.CLOSE_SHORT: (-1, None),
}


def resolve(
    signal: SignalEvent, holding: Holding, quantity_step: Decimal, *, scale_in: bool
) -> Legs | Refusal:
    """Decide which legs a signal has, given what its strategy holds."""
    sign, opening_side = _MEANING[signal.intention]
    if opening_side is None:
        return _closing(signal, holding, sign, quantity_step)
    if holding.opening_order_id is not None and not scale_in:
        message = (
            f"order {holding.opening_order_id} is already on its way to open a position in {signal.symbol}"
        )
        return Refusal("order_pending", message, _OPEN)
    if not holding.quantity:
        return Legs(None, ZERO, opening_side)
    return _opening(signal, holding, sign, opening_side, scale_in=scale_in)


def _opening(
    signal: SignalEvent, holding: Holding, sign: int, side: Side, *, scale_in: bool
) -> Legs | Refusal:
    if holding.quantity * sign > 0:
        if not scale_in:
            held = f"{signal.strategy_id} already holds {holding.quantity:f} {signal.symbol}"
            message = f"{held}, and the policy does not scale in"
            return Refusal("already_open", message, _OPEN)
        return Legs(None, ZERO, side)
    if signal.after_order_id is not None:
        # What is held may be for the awaited order to close; a leg of its own would not wait for it.
        return Legs(None, ZERO, side)
    remaining = abs(holding.quantity) - holding.closing_quantity
    return Legs(side if remaining > 0 else None, max(ZERO, remaining), side)


def _closing(signal: SignalEvent, holding: Holding, sign: int, quantity_step: Decimal) -> Legs | Refusal:
    if holding.quantity * sign <= 0:
        message = f"{signal.strategy_id} holds no {_word(sign)} position in {signal.symbol}"
        return Refusal("no_position", message, _CLOSE)
    held = abs(holding.quantity) - holding.closing_quantity
    if held <= 0:
        pending = f"order {holding.closing_order_id} is already on its way"
        message = f"{pending} to close the {_word(sign)} position in {signal.symbol}"
        return Refusal("close_pending", message, _CLOSE)
    quantity, fraction = signal.quantity, signal.fraction
    if quantity is not None:
        if quantity > held:
            asked = f"closing {quantity:f} {signal.symbol} was asked"
            message = f"{asked}, but only {held:f} are held and not yet being closed"
            return Refusal("exceeds_position", message, _CLOSE)
        # All that is held may lie off the step, after a reinvested dividend say; a part of it may not.
        closes = held if quantity == held else quantity // quantity_step * quantity_step
    elif fraction is not None and fraction != 1:
        closes = held * fraction // quantity_step * quantity_step
    else:
        closes = held
    if not closes:
        return Refusal("size_rounds_to_zero", _less_than_a_step(signal, held, quantity_step), _CLOSE)
    return Legs(_SELL if sign > 0 else _BUY, closes, None)


def _word(sign: int) -> str:
    return "long" if sign > 0 else "short"


def _less_than_a_step(signal: SignalEvent, held: Decimal, quantity_step: Decimal) -> str:
    asked = f"{held if signal.quantity is None else signal.quantity:f} {signal.symbol}"
    if signal.quantity is None and signal.fraction is not None:
        asked = f"{signal.fraction:f} of {asked}"
    return f"{asked} is less than one quantity step ({quantity_step:f})"


def not_in_universe(signal: SignalEvent) -> Refusal:
    """Refuse to open what does not belong to the universe at the signal's instant."""
    found = f"{signal.symbol} is not in the universe at {signal.occurred_at.isoformat()}"
    return Refusal("not_in_universe", f"{found}; a position in it can only be closed", _OPEN)


def entry_price(signal: SignalEvent) -> Decimal:
    """Return the price that an order of this signal is expected to trade at: its limit, its trigger or now's.

    A trailing order's stop moves, so that nothing better than the present price is known of it.
    """
    if signal.limit_price is not None:
        return signal.limit_price
    if signal.stop_price is None or signal.order_type in TRAILING:
        return signal.price
    return signal.stop_price


def wrong_side(signal: SignalEvent, legs: Legs, reference: Decimal) -> Refusal | None:
    """Refuse protective prices on the wrong side of the entry, and stops that would trigger at once.

    A leg that only closes protects nothing; `reference` is the price that the order is expected to trade at.
    """
    stop_loss, take_profit, stop_price = signal.stop_loss, signal.take_profit, signal.stop_price
    targets = signal.targets
    if stop_loss is None and take_profit is None and stop_price is None and not targets:
        return None
    side = legs.open_side
    if side is None:
        return None if legs.close_side is None else _triggered_at_once(signal, legs.close_side, _CLOSE)
    sign = 1 if side is _BUY else -1
    below, above = ("below", "above") if sign > 0 else ("above", "below")
    if stop_loss is not None and (reference - stop_loss) * sign <= 0:
        message = f"stop_loss {stop_loss:f} must lie {below} {_entry(side, reference)}"
        return Refusal("stop_on_wrong_side", message, _OPEN)
    for target in (take_profit, *(each.price for each in targets)):
        if target is not None and (target - reference) * sign <= 0:
            message = f"take_profit {target:f} must lie {above} {_entry(side, reference)}"
            return Refusal("target_on_wrong_side", message, _OPEN)
    return _triggered_at_once(signal, side, _OPEN)


def _entry(side: Side, reference: Decimal) -> str:
    return f"the entry price {reference:f} of a {side.value} order"


def _triggered_at_once(signal: SignalEvent, side: Side, purpose: OrderPurpose) -> Refusal | None:
    """Refuse a trigger that the price has passed already: it would be a market order in disguise.

    A stop is reached by a price that gets worse, the trigger of an if-touched order by one that gets better.
    What the price will be when an awaited order has filled, nobody knows.
    """
    if signal.stop_price is None or signal.after_order_id is not None:
        return None
    sign = 1 if (side is _BUY) is not (signal.order_type in IF_TOUCHED) else -1
    if (signal.stop_price - signal.price) * sign < 0:
        where = "at or above" if sign > 0 else "at or below"
        stop = f"stop_price {signal.stop_price:f} of a {side.value} order"
        message = f"{stop} must lie {where} the present price {signal.price:f}"
        return Refusal("stop_on_wrong_side", message, purpose)
    return None
