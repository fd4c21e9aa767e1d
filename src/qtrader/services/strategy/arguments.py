"""What a strategy may write in a signal.

Each argument is read once, and a bad one is an error that names it and says what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from enum import StrEnum
from operator import index
from typing import Any, Final, SupportsIndex, TypeVar, cast, overload

from qtrader.errors import StrategyError
from qtrader.events.events import SignalEvent
from qtrader.events.order_types import PRICES, TRAILING
from qtrader.events.requests import Target
from qtrader.events.vocabulary import OrderType, SignalIntention, TimeInForce
from qtrader.money import ZERO, decimal_of
from qtrader.services.strategy.orders import OrderView, awaited_order_id

#: A price or quantity as a strategy may give it.
Price = float | int | str | Decimal | SupportsIndex
#: One of several profit targets as a strategy may give it: a price, or a price and a fraction.
TargetAsGiven = Price | tuple[Price, Price]
#: A profit target, or several, as a strategy may give them.
TakeProfit = Price | Sequence[TargetAsGiven]

_ONE: Final = Decimal(1)
#: Fractions of an entry are kept so finely.
_FRACTION_STEP: Final = Decimal("1E-12")
#: Fractions that miss one by no more are meant to add up to it: 1/3, 1/3 and 1/3.
_NEARLY: Final = Decimal("1E-9")
#: What a trailing order says of its distance, in the order in which it is handed on.
_TRAIL: Final = (
    "trail_amount",
    "trail_percent",
    "trail_atr_multiple",
    "trail_atr_period",
    "trail_limit_offset",
)
Trail = tuple[Price | None, Price | None, Price | None, int | None, Price | None]
_NO_TRAIL: Final = (None, None, None, None, None)

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

Member = TypeVar("Member", bound=StrEnum)


def terms_of(
    intention: SignalIntention,
    order_type: OrderType,
    time_in_force: TimeInForce,
    *,
    trail: Trail = _NO_TRAIL,
    take_profit: TakeProfit | None = None,
    expires_at: datetime | None = None,
    oco_group: str | None = None,
    after: SignalEvent | OrderView | str | None = None,
    confidence: Price | None = None,
    fraction: Price | None = None,
    **numbers: Price | None,
) -> dict[str, Any]:
    """Read a signal's terms, by name, and refuse those that do not go with it or with each other.

    Args:
        intention: of the signal.
        order_type: of the signal.
        time_in_force: of the signal.
        trail: amount, percent, multiple and period of the average true range, and limit offset.
        take_profit: one price, or several targets.
        expires_at: the end of a good-till-date order.
        oco_group: the name that entries share which cancel each other.
        after: the order that the entry waits for.
        confidence: 0 to 1.
        fraction: the part to close.
        numbers: price, quantity, limit_price, stop_price and stop_loss.
    """
    after_order_id = None if after is None else awaited_order_id(after)
    _check_combination(
        intention, fraction, numbers, take_profit, oco_group=oco_group, after_order_id=after_order_id
    )
    _check_prices(order_type, numbers)
    terms: dict[str, Any] = {name: positive(name, value) for name, value in numbers.items()}
    terms |= _trail_of(order_type, trail)
    if isinstance(take_profit, (list, tuple)):
        terms["targets"] = targets_of(take_profit)
    else:
        terms["take_profit"] = positive("take_profit", cast("Price | None", take_profit))
    return terms | {
        "confidence": fraction_of_one("confidence", confidence, allows_zero=True),
        "fraction": fraction_of_one("fraction", fraction, allows_zero=False),
        "expires_at": _expiry_of(time_in_force, expires_at),
        "oco_group": _name_of(oco_group),
        "after_order_id": after_order_id,
    }


def _check_combination(
    intention: SignalIntention,
    fraction: Price | None,
    numbers: Mapping[str, Price | None],
    take_profit: TakeProfit | None,
    *,
    oco_group: str | None,
    after_order_id: str | None,
) -> None:
    opens = intention in (SignalIntention.OPEN_LONG, SignalIntention.OPEN_SHORT)
    if fraction is not None and (opens or numbers.get("quantity") is not None):
        msg = (
            "fraction says how much of a position to close; "
            "it does not go with an opening signal or with quantity"
        )
        raise StrategyError(msg)
    if opens:
        if oco_group is not None and after_order_id is not None:
            msg = "after lets an entry wait for another order; it does not go with oco_group"
            raise StrategyError(msg)
        return
    if numbers.get("stop_loss") is not None or take_profit is not None:
        msg = (
            "stop_loss and take_profit protect a position being opened; they do not go with a closing signal"
        )
        raise StrategyError(msg)
    if oco_group is not None:
        msg = "oco_group joins entries of which one may fill; it does not go with a closing signal"
        raise StrategyError(msg)
    if after_order_id is not None:
        msg = "after lets an entry wait for another order; it does not go with a closing signal"
        raise StrategyError(msg)


def _check_prices(order_type: OrderType, numbers: Mapping[str, Price | None]) -> None:
    """Refuse an order type without the prices it needs, or with one that it does not take."""
    for name, is_taken in zip(("limit_price", "stop_price"), PRICES[order_type], strict=True):
        value = numbers.get(name)
        if is_taken and value is None:
            msg = f"a {order_type.value} order needs {name}="
            raise StrategyError(msg)
        if value is not None and is_taken is False:
            msg = f"a {order_type.value} order takes no {name}; found {value}"
            raise StrategyError(msg)


def _trail_of(order_type: OrderType, trail: Trail) -> dict[str, Any]:
    if trail.count(None) == len(trail) and order_type not in TRAILING:
        return {}
    given = {name: value for name, value in zip(_TRAIL, trail, strict=True) if value is not None}
    if order_type not in TRAILING:
        name, value = next(iter(given.items()))
        msg = f"a {order_type.value} order takes no {name}; found {value}"
        raise StrategyError(msg)
    ways = [name for name in _TRAIL[:3] if name in given]
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        msg = f"a {order_type.value} order needs one of {', '.join(_TRAIL[:3])}; found {found}"
        raise StrategyError(msg)
    if ("trail_atr_period" in given) is not ("trail_atr_multiple" in given):
        msg = "trail_atr_multiple and trail_atr_period go together; found one of them"
        raise StrategyError(msg)
    has_limit = order_type is OrderType.TRAILING_STOP_LIMIT
    if has_limit is not ("trail_limit_offset" in given):
        msg = f"a {order_type.value} order {'needs' if has_limit else 'takes no'} trail_limit_offset="
        raise StrategyError(msg)
    read: dict[str, Any] = {ways[0]: positive(ways[0], given[ways[0]])}
    if "trail_atr_period" in given:
        read["trail_atr_period"] = _period_of(given["trail_atr_period"])
    if has_limit:
        offset = _number("trail_limit_offset", given["trail_limit_offset"])
        if offset < 0:
            msg = f"trail_limit_offset is {offset}; allowed is zero or more"
            raise StrategyError(msg)
        read["trail_limit_offset"] = offset
    return read


def _period_of(value: Any) -> int:
    try:
        period = index(value)
    except TypeError:
        period = 0
    if period < 1 or isinstance(value, bool):
        msg = f"trail_atr_period is {value!r}; allowed is a whole number of bars, one or more"
        raise StrategyError(msg)
    return period


def _expiry_of(time_in_force: TimeInForce, expires_at: datetime | None) -> datetime | None:
    if (time_in_force is TimeInForce.GTD) is (expires_at is None):
        needs = "needs" if expires_at is None else "takes no"
        msg = f"time_in_force {time_in_force.value} {needs} expires_at="
        raise StrategyError(msg)
    if expires_at is None:
        return None
    if not isinstance(expires_at, datetime) or expires_at.tzinfo is None:
        msg = f"expires_at is {expires_at!r}; allowed is a datetime with a time zone"
        raise StrategyError(msg)
    return expires_at.astimezone(UTC)


def _name_of(oco_group: str | None) -> str | None:
    if oco_group is not None and not (isinstance(oco_group, str) and oco_group):
        msg = f"oco_group is {oco_group!r}; allowed is a name"
        raise StrategyError(msg)
    return oco_group


def targets_of(given: Sequence[TargetAsGiven]) -> tuple[Target, ...]:
    """Read several profit targets: prices, which share the entry equally, or pairs of price and fraction.

    Fractions are rounded up to twelve decimals. Where they add up to one but for that, the last takes what
    the others leave.
    """
    pairs = [each for each in given if isinstance(each, (list, tuple))]
    if not given or (pairs and len(pairs) != len(given)) or any(len(pair) != 2 for pair in pairs):
        msg = f"take_profit is {given!r}; allowed is a price, a list of prices, or of (price, fraction) pairs"
        raise StrategyError(msg)
    if pairs:
        prices = [positive("take_profit", price) for price, _ in pairs]
        fractions = [
            fraction_of_one("take_profit's fraction", part, allows_zero=False) or _ONE for _, part in pairs
        ]
    else:
        prices = [positive("take_profit", cast("Price", price)) for price in given]
        fractions = [_ONE / len(given)] * len(given)
    fractions = [part.quantize(_FRACTION_STEP, ROUND_CEILING) for part in fractions]
    before_last = sum(fractions[:-1], ZERO)
    if abs(before_last + fractions[-1] - _ONE) <= _NEARLY and before_last < _ONE:
        fractions[-1] = _ONE - before_last
    in_all = (before_last + fractions[-1]).normalize()
    if in_all > _ONE:
        msg = f"take_profit's fractions add up to {in_all:f}; allowed is at most 1"
        raise StrategyError(msg)
    return tuple(Target(price, part.normalize()) for price, part in zip(prices, fractions, strict=True))


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
