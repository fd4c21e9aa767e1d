"""What a strategy may write in a signal.

Each argument is read once, and a bad one is an error that names it and says what is allowed.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from operator import index
from typing import Any, Final, SupportsIndex, TypeVar, overload

from qtrader.errors import StrategyError
from qtrader.events.vocabulary import OrderType, SignalIntention, TimeInForce
from qtrader.money import decimal_of

#: A price or quantity as a strategy may give it.
Price = float | int | str | Decimal | SupportsIndex

#: What other systems call an intention.
_OTHER_NAMES: Final = {
    "buy": "open_long",
    "long": "open_long",
    "sell": "close_long, or open_short to go short",
    "short": "open_short",
    "cover": "close_short",
    "close": "close_long or close_short",
    "exit": "close_long or close_short",
    "flat": "close_long or close_short",
}

_OFFERED_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
_OFFERED_TIMES: Final = (TimeInForce.DAY, TimeInForce.GTC)

Member = TypeVar("Member", bound=StrEnum)


def numbers_of(
    intention: SignalIntention, order_type: OrderType, given: tuple[Price | None, ...]
) -> dict[str, Any]:
    """Read a signal's numbers, by name, and refuse those that do not go with it or with each other.

    `given` is price, confidence, quantity, fraction, limit_price, stop_price, stop_loss and take_profit.
    """
    price, confidence, quantity, fraction, limit_price, stop_price, stop_loss, take_profit = given
    check_combination(
        intention, quantity=quantity, fraction=fraction, stop_loss=stop_loss, take_profit=take_profit
    )
    check_order_prices(order_type, limit_price, stop_price)
    return {
        "price": positive("price", price),
        "confidence": fraction_of_one("confidence", confidence, allows_zero=True),
        "quantity": positive("quantity", quantity),
        "fraction": fraction_of_one("fraction", fraction, allows_zero=False),
        "limit_price": positive("limit_price", limit_price),
        "stop_price": positive("stop_price", stop_price),
        "stop_loss": positive("stop_loss", stop_loss),
        "take_profit": positive("take_profit", take_profit),
    }


def check_combination(
    intention: SignalIntention,
    *,
    quantity: Price | None,
    fraction: Price | None,
    stop_loss: Price | None,
    take_profit: Price | None,
) -> None:
    """Refuse arguments that do not go with the intention or with each other."""
    opens = intention in (SignalIntention.OPEN_LONG, SignalIntention.OPEN_SHORT)
    if fraction is not None and (opens or quantity is not None):
        msg = (
            "fraction says how much of a position to close; "
            "it does not go with an opening signal or with quantity"
        )
        raise StrategyError(msg)
    if not opens and (stop_loss is not None or take_profit is not None):
        msg = (
            "stop_loss and take_profit protect a position being opened; they do not go with a closing signal"
        )
        raise StrategyError(msg)


def check_order_prices(order_type: OrderType, limit_price: Price | None, stop_price: Price | None) -> None:
    """Refuse an order type without the prices it needs, or with one that it does not take."""
    takes_limit = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    takes_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    for name, value, is_taken in (
        ("limit_price", limit_price, takes_limit),
        ("stop_price", stop_price, takes_stop),
    ):
        if is_taken and value is None:
            msg = f"a {order_type.value} order needs {name}="
            raise StrategyError(msg)
        if value is not None and not is_taken:
            msg = f"a {order_type.value} order takes no {name}; found {value}"
            raise StrategyError(msg)


def _decimal(value: Price) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float):
        return decimal_of(float(value))
    if isinstance(value, (str, Decimal)):
        return Decimal(value)
    # Whole numbers of other libraries too, for example a cell of a NumPy column.
    return Decimal(index(value))


def _number(name: str, value: Price) -> Decimal:
    try:
        number = _decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        msg = f"{name} is {value!r}; allowed is a number as float, int, str or Decimal"
        raise StrategyError(msg) from None
    if not number.is_finite():
        msg = f"{name} is {value!r}; allowed is a finite number"
        raise StrategyError(msg)
    return number


@overload
def positive(name: str, value: None) -> None: ...
@overload
def positive(name: str, value: Price) -> Decimal: ...
def positive(name: str, value: Price | None) -> Decimal | None:
    """Read a number above zero; None stays None."""
    if value is None:
        return None
    number = _number(name, value)
    if number <= 0:
        msg = f"{name} is {value}; allowed is a number above zero"
        raise StrategyError(msg)
    return number


def fraction_of_one(name: str, value: Price | None, *, allows_zero: bool) -> Decimal | None:
    """Read a number up to one, from zero or above it; None stays None."""
    if value is None:
        return None
    number = _number(name, value)
    if not 0 <= number <= 1 or (number == 0 and not allows_zero):
        msg = f"{name} is {value}; allowed is a number {'from 0 to 1' if allows_zero else 'above 0 up to 1'}"
        raise StrategyError(msg)
    return number


def _meant(kind: type[StrEnum], value: object) -> str | None:
    """Guess the word that was meant: the same one written otherwise, or what other systems call it."""
    if not isinstance(value, str):
        return None
    word = value.strip().lower().replace("-", "_").replace(" ", "_")
    if word in {member.value for member in kind}:
        return word
    return _OTHER_NAMES.get(word) if kind is SignalIntention else None


def check_is_offered(order_type: OrderType, time_in_force: TimeInForce) -> None:
    """Refuse what orders can say and a signal cannot ask for yet."""
    if order_type not in _OFFERED_TYPES:
        msg = f"order_type is {order_type.value!r}; allowed is one of {', '.join(_OFFERED_TYPES)}"
        raise StrategyError(msg)
    if time_in_force not in _OFFERED_TIMES:
        msg = f"time_in_force is {time_in_force.value!r}; allowed is one of {', '.join(_OFFERED_TIMES)}"
        raise StrategyError(msg)


def member_of(kind: type[Member], name: str, value: Member | str) -> Member:
    """Read a word of a closed vocabulary."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        meant = _meant(kind, value)
        hint = "" if meant is None else f"; did you mean {meant}?"
        msg = f"{name} is {value!r}; allowed is one of {allowed}{hint}"
        raise StrategyError(msg) from None
