"""What all indicators have in common.

Parameters are checked once, in the constructor; `reset` puts the state of a fresh one back. State lives in
slots of plain floats, ints and deques, so that an indicator can be copied with its strategy and pickled to
another process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import attrgetter
from typing import ClassVar, Generic, Protocol, TypeVar

from qtrader.libraries.indicators.inputs import BarLike, checked_field

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class Indicator(Protocol[Value_co]):
    """An indicator that follows bars, whatever its value is."""

    @property
    def value(self) -> Value_co:
        """The latest value, NaN until `is_ready`."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether `warmup` bars have been seen."""
        ...

    @property
    def warmup(self) -> int:
        """Number of bars until the first value."""
        ...

    def update_bar(self, bar: BarLike) -> Value_co:
        """Take the next bar and return the new value."""
        ...

    def reset(self) -> None:
        """Forget every bar seen."""
        ...


class PriceIndicator(ABC, Generic[Value]):
    """Base of the indicators that follow one price of the bar.

    Attributes:
        field: Which price of a bar `update_bar` takes: open, high, low or close.
        warmup: Number of values until the first result.
        is_ready: Whether `value` is a number.
        value: The latest result, NaN until ready.
    """

    __slots__ = ("_follows_close", "_read_price", "field", "is_ready", "value", "warmup")
    parameter_names: ClassVar[tuple[str, ...]] = ()

    field: str
    warmup: int
    is_ready: bool
    value: Value
    _follows_close: bool
    _read_price: Callable[[BarLike], float]

    def __init__(self, *, warmup: int, field: str) -> None:
        self.field = checked_field(type(self).__name__, field)
        self.warmup = warmup
        # `bar.close` in the source is some 50 ns faster than a getter for any field, on every bar.
        self._follows_close = self.field == "close"
        self._read_price = attrgetter(self.field)
        self.reset()

    @abstractmethod
    def update(self, price: float) -> Value:
        """Take the next price, finite by contract, and return the new value."""

    @abstractmethod
    def reset(self) -> None:
        """Forget every price seen."""

    def update_bar(self, bar: BarLike) -> Value:
        """Take the bar's price in the signal series (`field` · `signal_factor`) and return the new value."""
        price = bar.close if self._follows_close else self._read_price(bar)
        return self.update(price * bar.signal_factor)

    def __repr__(self) -> str:
        parameters = "".join(f"{name}={getattr(self, name)!r}, " for name in self.parameter_names)
        return f"{type(self).__name__}({parameters}field={self.field!r})"
