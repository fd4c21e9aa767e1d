"""The sentences and codes that explain an order's steps."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.clock import from_epoch_us
from qtrader.events.codec_convert import canonical_decimal as _text
from qtrader.events.events import FillEvent
from qtrader.events.vocabulary import Side, TimeInForce
from qtrader.money import ZERO
from qtrader.services.execution.matches import TriggerMatch
from qtrader.services.execution.order_kinds import IMMEDIATE, ON_OPEN
from qtrader.services.execution.orders import WorkingOrder

_BUY: Final = Side.BUY
_GTD: Final = TimeInForce.GTD
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
_UNTIL_FILLED: Final = "until filled or canceled"
_AT_ONCE: Final = {
    TimeInForce.IOC: "fills what it can at the next open",
    TimeInForce.FOK: "fills whole at the next open or not at all",
}


class Reason:
    """What brought a step of an order about, or why it was refused."""

    ACCEPTED: Final = "accepted"
    HELD_FOR_PARENT: Final = "held_for_parent"
    PARENT_FILLED: Final = "parent_filled"
    PARENT_CANCELED: Final = "parent_canceled"
    PARENT_EXPIRED: Final = "parent_expired"
    STOP_REACHED: Final = "stop_reached"
    FILLED: Final = "filled"
    PARTIALLY_FILLED: Final = "partially_filled"
    NOTHING_TO_EXIT: Final = "nothing_to_exit"
    EXIT_FILLED: Final = "exit_filled"
    NOT_FILLED_AT_ONCE: Final = "not_filled_at_once"
    PRINT_PASSED: Final = "print_passed"
    OCO: Final = "oco"
    POSITION_CLOSED: Final = "position_closed"
    POSITION_REDUCED: Final = "position_reduced"
    SESSION_CLOSED: Final = "session_closed"
    DATE_REACHED: Final = "date_reached"
    SPLIT: Final = "split"
    REVERSE_SPLIT: Final = "reverse_split"
    DIVIDEND: Final = "dividend"
    NON_POSITIVE_QUANTITY: Final = "non_positive_quantity"
    QUANTITY_OFF_STEP: Final = "quantity_off_step"
    NON_POSITIVE_PRICE: Final = "non_positive_price"
    WRONG_PRICES: Final = "wrong_prices"
    WRONG_TRAIL: Final = "wrong_trail"
    WRONG_EXPIRY: Final = "wrong_expiry"
    EXPIRED_ON_ARRIVAL: Final = "expired_on_arrival"
    WRONG_TIME_IN_FORCE: Final = "wrong_time_in_force"
    TRAIL_UNKNOWN: Final = "trail_unknown"
    OFF_TICK: Final = "off_tick"
    UNKNOWN_PARENT: Final = "unknown_parent"
    PARENT_DONE: Final = "parent_done"
    INVALID_CHILD: Final = "invalid_child"
    BUYING_POWER: Final = "buying_power"


def describe(order: WorkingOrder) -> str:
    """Say what an order is, for example `buy stop_limit 100 AAPL, stop 101, limit 102`."""
    event, quantity = order.order, order.quantity
    if order.filled_quantity:
        quantity -= order.filled_quantity
    text = f"{event.side} {event.order_type} {_text(quantity)} {event.symbol}"
    if order.stop_price is not None:
        text = f"{text}, stop {_text(order.stop_price)}"
    if order.limit_price is not None:
        text = f"{text}, limit {_text(order.limit_price)}"
    trail = order.trail
    if trail is not None and order.is_trailing:
        by = f"{_text(trail.percent or ZERO)} %" if trail.amount is None else _text(trail.amount)
        text = f"{text}, trailing by {by}"
    return text


def until(order: WorkingOrder) -> str:
    """Say how long an order rests."""
    if order.expires_at_us is None:
        return _UNTIL_FILLED
    if order.order.time_in_force is _GTD:
        return f"until {_instant(order.expires_at_us)}"
    return f"until its session closes at {_instant(order.expires_at_us)}"


def resting(order: WorkingOrder) -> str:
    """Say what rests and how long."""
    if order.live_from_us is None:
        return f"{describe(order)}: held until {order.order.parent_order_id} fills"
    force = order.order.time_in_force
    if force is _IOC or force is _FOK:
        return f"{describe(order)}: {_AT_ONCE[force]}"
    return f"{describe(order)}: rests {_UNTIL_FILLED if order.expires_at_us is None else until(order)}"


def filled(fill: FillEvent) -> str:
    """Say what was traded, at what price and why at that one."""
    verb = "bought" if fill.side is _BUY else "sold"
    price, reference = fill.price, fill.reference_price
    basis = fill.basis if price == reference else f"{fill.basis} {_text(reference)} and slippage"
    doubt = "; the bar leaves open whether in this order" if fill.is_ambiguous else ""
    return (
        f"{verb} {_text(fill.quantity)} {fill.symbol} at {_text(price)} ({basis}), "
        f"commission {_text(fill.commission)} {fill.currency}{doubt}"
    )


def partly_filled(fill: FillEvent, order: WorkingOrder) -> str:
    """Say what was traded and what is left."""
    return f"{filled(fill)}; {_text(order.leaves_quantity)} left"


def triggered(order: WorkingOrder, match: TriggerMatch) -> str:
    """Say that a stop was reached and what rests now."""
    kind = "market order" if order.limit_price is None else f"limit order at {_text(order.limit_price)}"
    doubt = "; the bar leaves open whether the limit was reached after it" if match.is_ambiguous else ""
    return f"stop reached; the {kind} rests {until(order)}{doubt}"


def triggered_unfilled(order: WorkingOrder) -> str:
    """Say that a stop was reached in a bar whose volume was taken already."""
    kind = "market order" if order.limit_price is None else f"limit order at {_text(order.limit_price)}"
    return f"stop reached, and nothing left of the bar's volume; the {kind} rests {until(order)}"


def unpaid(order: WorkingOrder, wished: Decimal, bought: Decimal, price: Decimal, cash: Decimal) -> str:
    """Say what cash did not pay for."""
    symbol, short = order.order.symbol, _text(wished - bought)
    if bought:
        paid = f"{_text(cash)} of cash pays for {_text(bought)} of {_text(wished)} {symbol}"
        return f"{paid} at {_text(price)} with commission; the other {short} are canceled"
    return (
        f"{_text(cash)} of cash does not pay for {_text(wished)} {symbol} at {_text(price)} with commission"
    )


def passed(order: WorkingOrder) -> str:
    """Say that the one print of an order has passed."""
    if order.order.time_in_force in IMMEDIATE:
        return f"{describe(order)}: the open that it met did not fill it"
    print_name = "opening" if order.order.order_type in ON_OPEN else "closing"
    return f"{describe(order)}: the {print_name} print of the session did not fill it"


def expired(order: WorkingOrder) -> str:
    """Say why an order rests no longer."""
    why = "its date was reached" if order.order.time_in_force is _GTD else "its session closed"
    return f"{describe(order)}: {why}"


def split(ratio: Fraction) -> str:
    """Name a split."""
    return f"split of {ratio.numerator} for {ratio.denominator}"


def dividend(amount: Decimal, currency: str) -> str:
    """Name a cash dividend."""
    return f"dividend of {_text(amount)} {currency}"


def _instant(instant_us: int) -> str:
    return from_epoch_us(instant_us).isoformat().replace("+00:00", "Z")
