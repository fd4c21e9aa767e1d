"""The sentences and codes that explain an order's steps."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.clock import from_epoch_us
from qtrader.events.codec_convert import canonical_decimal as _text
from qtrader.events.events import FillEvent
from qtrader.events.vocabulary import Side
from qtrader.services.execution.matching import TriggerMatch
from qtrader.services.execution.orders import WorkingOrder

_BUY: Final = Side.BUY
_UNTIL_FILLED: Final = "until filled or canceled"


class Reason:
    """What brought a step of an order about, or why it was refused."""

    ACCEPTED: Final = "accepted"
    HELD_FOR_PARENT: Final = "held_for_parent"
    PARENT_FILLED: Final = "parent_filled"
    PARENT_CANCELED: Final = "parent_canceled"
    PARENT_EXPIRED: Final = "parent_expired"
    STOP_REACHED: Final = "stop_reached"
    FILLED: Final = "filled"
    OCO: Final = "oco"
    POSITION_CLOSED: Final = "position_closed"
    POSITION_REDUCED: Final = "position_reduced"
    SESSION_CLOSED: Final = "session_closed"
    SPLIT: Final = "split"
    REVERSE_SPLIT: Final = "reverse_split"
    DIVIDEND: Final = "dividend"
    NON_POSITIVE_QUANTITY: Final = "non_positive_quantity"
    QUANTITY_OFF_STEP: Final = "quantity_off_step"
    NON_POSITIVE_PRICE: Final = "non_positive_price"
    WRONG_PRICES: Final = "wrong_prices"
    UNKNOWN_PARENT: Final = "unknown_parent"
    PARENT_DONE: Final = "parent_done"
    INVALID_CHILD: Final = "invalid_child"


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
    return text


def until(order: WorkingOrder) -> str:
    """Say how long an order rests."""
    if order.expires_at_us is None:
        return _UNTIL_FILLED
    return f"until its session closes at {_instant(order.expires_at_us)}"


def resting(order: WorkingOrder) -> str:
    """Say what rests and how long."""
    if order.live_from_us is None:
        return f"{describe(order)}: held until {order.order.parent_order_id} fills"
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


def triggered(order: WorkingOrder, match: TriggerMatch) -> str:
    """Say that a stop was reached and what rests now."""
    limit = "" if order.limit_price is None else f" at {_text(order.limit_price)}"
    doubt = "; the bar leaves open whether the limit was reached after it" if match.is_ambiguous else ""
    return f"stop reached; the limit order{limit} rests {until(order)}{doubt}"


def split(ratio: Fraction) -> str:
    """Name a split."""
    return f"split of {ratio.numerator} for {ratio.denominator}"


def dividend(amount: Decimal, currency: str) -> str:
    """Name a cash dividend."""
    return f"dividend of {_text(amount)} {currency}"


def _instant(instant_us: int) -> str:
    return from_epoch_us(instant_us).isoformat().replace("+00:00", "Z")
