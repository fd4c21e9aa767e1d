"""How strategies are found and made."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
import pytest

from qtrader.errors import ConfigError, StrategyFailedError
from qtrader.libraries.strategies import LIBRARY, BuyAndHoldStrategy, SMADualCrossStrategy
from qtrader.services.strategy.protocol import Strategy, StrategySpec, load, specs_of


class Dip(Strategy):
    lookback: int = 20
    levels: list[float] = [1.0, 2.0]  # noqa: RUF012 - the test is about shared defaults
    kind: ClassVar[str] = "dip"
    _hidden: int = 7

    def on_bar(self, bar: Any, context: Any) -> None: ...


class DeepDip(Dip):
    depth: float = 0.1
    lookback = 50


class Own:
    def __init__(self, window: int, *, level: float = 1.0) -> None:
        self.window = window
        self.level = level

    def on_bar(self, bar: Any, context: Any) -> None: ...


class Anything:
    def __init__(self, **options: Any) -> None:
        self.options = options

    def on_slice(self, bars: Any, context: Any) -> None: ...


class NoHandler:
    pass


class TestParameters:
    def test_annotated_attributes_are_parameters_and_inherit(self) -> None:
        assert Dip.parameters() == {"lookback": 20, "levels": [1.0, 2.0]}
        assert DeepDip.parameters() == {"lookback": 50, "levels": [1.0, 2.0], "depth": 0.1}
        assert (Dip().lookback, Dip(lookback=5).lookback, DeepDip().lookback) == (20, 5, 50)

    def test_an_unknown_parameter_is_an_error_that_lists_the_known(self) -> None:
        with pytest.raises(
            ConfigError, match=r"^Dip has no parameter 'lookbak'; its parameters are levels, lookback$"
        ):
            Dip(lookbak=3)

    def test_a_class_without_parameters_says_how_one_is_declared(self) -> None:
        class Plain(Strategy):
            window = 20

        with pytest.raises(
            ConfigError,
            match=r"^Plain has no parameter 'window'; parameters are annotated: window: int = 10$",
        ):
            Plain(window=30)

    def test_a_class_variable_and_a_private_name_are_no_parameters(self) -> None:
        for name in ("kind", "_hidden"):
            with pytest.raises(ConfigError, match=f"has no parameter '{name}'"):
                Dip(**{name: 1})

    def test_instances_do_not_share_defaults(self) -> None:
        first, second = Dip(), Dip()
        first.levels.append(3.0)
        assert (second.levels, Dip.levels) == ([1.0, 2.0], [1.0, 2.0])

    def test_a_class_with_a_constructor_of_its_own_has_that_ones_parameters(self) -> None:
        made = StrategySpec(Own, parameters={"window": 3}).make({})
        assert (made.window, made.level) == (3, 1.0)
        with pytest.raises(
            ConfigError, match=r"Own has no parameter 'windw'; its parameters are window, level"
        ):
            StrategySpec(Own, parameters={"windw": 3}).make({})
        with pytest.raises(ConfigError, match=r"Own cannot be made with parameters \{\}: .*window"):
            StrategySpec(Own).make({})
        assert StrategySpec(Anything, parameters={"x": 1}).make({}).options == {"x": 1}


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

    window: "int" = 10
    other: "NoSuchName" = None  # type: ignore[name-defined]  # noqa: F821 - unresolvable on purpose

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


HANDLERS_SHOWN = "Handlers: on_bar, on_slice, on_start, on_fill, on_order, on_refusal, on_stop"


class TestHandlers:
    BAD = (
        (Misspelt, "Misspelt has on_filled, which nothing calls; did you mean on_fill? "),
        (OnlyMisspelt, "OnlyMisspelt has on_bars, which nothing calls; did you mean on_bar? "),
        (FarFrom, "FarFrom has on_zzz, which nothing calls. "),
    )

    @pytest.mark.parametrize(("cls", "message"), BAD)
    def test_a_method_that_looks_like_a_handler_and_is_none_is_refused(
        self, cls: type, message: str
    ) -> None:
        for given in (cls, cls()):
            with pytest.raises(ConfigError, match=f"^{re.escape(message + HANDLERS_SHOWN)}$"):
                StrategySpec(given).make({})

    def test_values_properties_and_private_methods_are_no_handlers(self) -> None:
        assert StrategySpec(Unlike).make({}).on_breakout is True


class TestMaking:
    def test_a_class_is_made_anew_for_each_run(self) -> None:
        spec = StrategySpec(Dip, parameters={"lookback": 3})
        first, second = spec.make({}), spec.make({})
        assert first is not second
        assert first.lookback == second.lookback == 3

    def test_an_instance_is_copied_for_each_run(self) -> None:
        given = Dip(lookback=3)
        spec = StrategySpec(given)
        made = spec.make({})
        made.levels.append(9.0)
        assert made is not given
        assert made.lookback == 3
        assert (given.levels, spec.make({}).levels) == ([1.0, 2.0], [1.0, 2.0])

    def test_parameters_do_not_go_with_an_instance(self) -> None:
        with pytest.raises(
            ConfigError, match=r"Dip is given as an instance, so parameters \(lookback\) cannot apply"
        ):
            StrategySpec(Dip(), parameters={"lookback": 3}).make({})

    @pytest.mark.parametrize("thing", [NoHandler, NoHandler(), len, "qtrader.money:ZERO", 7])
    def test_what_has_no_handler_is_no_strategy(self, thing: Any) -> None:
        with pytest.raises(
            ConfigError, match=r"is no strategy: it has neither on_bar\(bar, context\) nor on_slice"
        ):
            StrategySpec(thing).make({})


class TestLoading:
    def test_a_shipped_name_finds_its_class(self) -> None:
        assert load("SMADualCrossStrategy", LIBRARY) is SMADualCrossStrategy
        assert load("BuyAndHoldStrategy", LIBRARY) is BuyAndHoldStrategy

    def test_module_and_class_find_any(self) -> None:
        reference = "qtrader.libraries.strategies.buy_and_hold:BuyAndHoldStrategy"
        made = StrategySpec(reference, parameters={"is_short": True}).make({})
        assert isinstance(made, BuyAndHoldStrategy)
        assert made.is_short is True

    # reference, what the message says
    BAD = (
        (
            "Momentum",
            r"strategy 'Momentum' is not shipped; give \"module:Class\" or one of BuyAndHoldStrategy",
        ),
        ("no_such_module:X", r"there is no module 'no_such_module' on the import path"),
        ("qtrader.no_such:X", r"there is no module 'qtrader.no_such' on the import path"),
        (
            "qtrader.libraries.strategies.buy_and_hold:BuyAndHold",
            r"has no 'BuyAndHold'; its classes are BuyAndHoldStrategy$",
        ),
        ("qtrader.version:X", r"has no 'X'; its classes are none"),
        ("qtrader.version:", r"has no ''; its classes are none"),
    )

    @pytest.mark.parametrize(("reference", "message"), BAD)
    def test_what_cannot_be_found_says_where_it_looked_and_what_is_there(
        self, reference: str, message: str
    ) -> None:
        with pytest.raises(ConfigError, match=message):
            load(reference, LIBRARY)

    def test_a_module_that_breaks_on_import_shows_its_own_error(
        self, tmp_path: Any, monkeypatch: Any
    ) -> None:
        (tmp_path / "needs_what_is_missing.py").write_text(
            "import something_that_is_missing\n", encoding="utf-8"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(
            StrategyFailedError,
            match=r"importing module 'needs_what_is_missing' failed: .*something_that_is_missing",
        ) as caught:
            load("needs_what_is_missing:X", {})
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    def test_a_module_with_a_mistake_in_its_text_is_the_strategys_failure(
        self, tmp_path: Any, monkeypatch: Any
    ) -> None:
        (tmp_path / "cannot_be_parsed.py").write_text("def on_bar(:\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(StrategyFailedError, match=r"SyntaxError: .*\(cannot_be_parsed.py, line 1\)"):
            load("cannot_be_parsed:X", {})


class TestSpecs:
    def test_one_or_several_in_any_form(self) -> None:
        specs = specs_of(
            [Dip, DeepDip(), "SMADualCrossStrategy", "a.b:Class", StrategySpec(Own, strategy_id="mine")]
        )
        assert [spec.identifier for spec in specs] == ["dip", "deep_dip", "sma_dual_cross", "class", "mine"]
        assert [spec.identifier for spec in specs_of(Dip)] == ["dip"]

    def test_parameters_go_to_the_one_strategy(self) -> None:
        (spec,) = specs_of(Dip, {"lookback": 3})
        assert spec.make({}).lookback == 3

    def test_parameters_for_several_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="parameters= belongs to one strategy"):
            specs_of([Dip, DeepDip], {"lookback": 3})

    def test_parameters_beside_a_spec_are_refused_not_lost(self) -> None:
        with pytest.raises(ConfigError, match="give the parameters in the StrategySpec"):
            specs_of(StrategySpec(Dip), {"lookback": 3})

    def test_two_of_one_name_need_ids(self) -> None:
        with pytest.raises(
            ConfigError, match=r"two strategies have the id 'dip'; give each its own strategy_id"
        ):
            specs_of([Dip, Dip()])
        specs_of([Dip, StrategySpec(Dip, strategy_id="other")])

    def test_none_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="no strategy is given"):
            specs_of([])
