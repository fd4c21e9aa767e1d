"""What fits a strategy's class: values of its parameters, its own check, and the names of its handlers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from qtrader.errors import ConfigError
from qtrader.services.strategy.protocol import Strategy, StrategySpec


class Own:
    def __init__(self, window: int, *, level: float = 1.0) -> None:
        self.window = window
        self.level = level

    def on_bar(self, bar: Any, context: Any) -> None: ...


class Typed(Strategy):
    window: int = 10
    level: float = 1.0
    is_short: bool = False
    kind: str = "ema"
    limit: float | None = None
    table: dict[str, int] = {}  # noqa: RUF012 - the test is about shared defaults
    loose = 3

    def on_bar(self, bar: Any, context: Any) -> None: ...


class Quoted(Strategy):
    """One annotation that nothing resolves leaves the others as they are written."""

    window: int = 10
    other: NoSuchName = None  # type: ignore[name-defined]  # noqa: F821 - unresolvable on purpose

    def on_bar(self, bar: Any, context: Any) -> None: ...


class TestTypes:
    GOOD: tuple[dict[str, Any], ...] = (
        {"window": 3},
        {"window": np.int64(3)},
        {"level": 3},
        {"level": 0.5},
        {"level": np.float32(0.5)},
        {"is_short": True},
        {"kind": "sma"},
        {"limit": None},
        {"limit": 2},
        {"table": "anything"},
    )

    @pytest.mark.parametrize("parameters", GOOD)
    def test_a_value_of_the_annotated_type_is_taken_as_it_is(self, parameters: dict[str, Any]) -> None:
        made = StrategySpec(Typed, parameters=parameters).make({})
        assert {name: getattr(made, name) for name in parameters} == parameters

    # class, parameters, what the message says
    BAD = (
        (Typed, {"window": "10"}, "Typed: window is '10', of type str; allowed is int"),
        (Typed, {"window": 10.0}, "Typed: window is 10.0, of type float; allowed is int"),
        (Typed, {"window": True}, "Typed: window is True, of type bool; allowed is int"),
        (Typed, {"window": None}, "Typed: window is None, of type NoneType; allowed is int"),
        (Typed, {"level": "1"}, "Typed: level is '1', of type str; allowed is float"),
        (Typed, {"level": False}, "Typed: level is False, of type bool; allowed is float"),
        (Typed, {"is_short": 1}, "Typed: is_short is 1, of type int; allowed is bool"),
        (Typed, {"is_short": "false"}, "Typed: is_short is 'false', of type str; allowed is bool"),
        (Typed, {"kind": 5}, "Typed: kind is 5, of type int; allowed is str"),
        (Typed, {"limit": "2"}, "Typed: limit is '2', of type str; allowed is float or None"),
        (Quoted, {"window": "10"}, "Quoted: window is '10', of type str; allowed is int"),
        (Own, {"window": "10"}, "Own: window is '10', of type str; allowed is int"),
        (Own, {"window": 10, "level": "a"}, "Own: level is 'a', of type str; allowed is float"),
    )

    @pytest.mark.parametrize(("cls", "parameters", "message"), BAD)
    def test_a_value_of_another_type_is_refused_by_name(
        self, cls: type, parameters: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
            StrategySpec(cls, parameters=parameters).make({})

    def test_it_is_refused_where_the_object_is_made(self) -> None:
        with pytest.raises(ConfigError, match="window is '10'"):
            Typed(window="10")


class Checked(Strategy):
    low: int = 1
    high: int = 2

    def check(self) -> None:
        if self.low >= self.high:
            msg = f"low is {self.low} and high is {self.high}"
            raise ConfigError(msg)

    def on_bar(self, bar: Any, context: Any) -> None: ...


class CheckedWithOwnConstructor(Checked):
    def __init__(self, low: int) -> None:
        self.low = low


class TestCheck:
    def test_it_sees_every_parameter_when_the_object_is_made(self) -> None:
        assert Checked(low=1, high=5).high == 5
        with pytest.raises(ConfigError, match="low is 1 and high is 0"):
            Checked(high=0)

    def test_an_instance_changed_since_is_checked_again_when_it_is_copied(self) -> None:
        given = Checked()
        given.low = 7
        with pytest.raises(ConfigError, match="low is 7 and high is 2"):
            StrategySpec(given).make({})

    def test_a_constructor_of_its_own_does_not_leave_it_out(self) -> None:
        assert StrategySpec(CheckedWithOwnConstructor, parameters={"low": 1}).make({}).low == 1
        with pytest.raises(ConfigError, match="low is 9 and high is 2"):
            StrategySpec(CheckedWithOwnConstructor, parameters={"low": 9}).make({})


class Misspelt(Strategy):
    def on_bar(self, bar: Any, context: Any) -> None: ...

    def on_filled(self, fill: Any, context: Any) -> None: ...


class OnlyMisspelt:
    def on_bars(self, bar: Any, context: Any) -> None: ...


class Unlike:
    on_breakout: bool = True

    def on_bar(self, bar: Any, context: Any) -> None: ...

    def _on_cross(self) -> None: ...

    @property
    def on_top(self) -> bool:
        return True


class FarFrom(Unlike):
    @staticmethod
    def on_zzz() -> None: ...


HANDLERS_SHOWN = (
    "Handlers: on_bar, on_slice, on_start, on_fill, on_order, on_refusal, on_request_refusal, on_stop"
)


class TestHandlers:
    BAD = (
        (Misspelt, "Misspelt has on_filled, which nothing calls; did you mean on_fill? "),
        (OnlyMisspelt, "OnlyMisspelt has on_bars, which nothing calls; did you mean on_bar? "),
        (FarFrom, "FarFrom has on_zzz, which nothing calls. "),
    )

    @pytest.mark.parametrize(("cls", "message"), BAD)
    def test_a_method_that_looks_like_a_handler_and_is_none_is_refused(self, cls: type, message: str) -> None:
        for given in (cls, cls()):
            with pytest.raises(ConfigError, match=f"^{re.escape(message + HANDLERS_SHOWN)}$"):
                StrategySpec(given).make({})

    def test_values_properties_and_private_methods_are_no_handlers(self) -> None:
        assert StrategySpec(Unlike).make({}).on_breakout is True
