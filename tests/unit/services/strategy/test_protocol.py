"""How strategies are found and made."""

from __future__ import annotations

from typing import Any, ClassVar

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

    def test_intervals_are_written_in_one_way(self) -> None:
        assert StrategySpec(Dip, intervals=("1d", "1h", "1d")).intervals == ("1h", "1d")
        assert [spec.intervals for spec in specs_of([Dip, DeepDip], None, "1d")] == [("1d",)] * 2
        assert specs_of(StrategySpec(Dip, intervals=("1d",)))[0].intervals == ("1d",)
        assert StrategySpec(Dip).intervals is None

    def test_intervals_that_are_none_or_said_twice_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="interval 'daily' is unknown; allowed are"):
            StrategySpec(Dip, intervals=("daily",))
        with pytest.raises(ConfigError, match="intervals is empty"):
            specs_of(Dip, None, [])
        with pytest.raises(ConfigError, match="'dip' names its intervals itself"):
            specs_of(StrategySpec(Dip, intervals=("1d",)), None, ["1d"])

    def test_two_of_one_name_need_ids(self) -> None:
        with pytest.raises(
            ConfigError, match=r"two strategies have the id 'dip'; give each its own strategy_id"
        ):
            specs_of([Dip, Dip()])
        specs_of([Dip, StrategySpec(Dip, strategy_id="other")])

    def test_none_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="no strategy is given"):
            specs_of([])
