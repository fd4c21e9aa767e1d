"""Overrides: by field, by section, by dotted path, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qtrader as qt
from qtrader.engine.config import apply_overrides, default_run_config, load_run_config
from qtrader.engine.overrides import ALIASES, FOREIGN_NAMES, override_names, refuse_parameters
from qtrader.errors import ConfigError
from qtrader.services.execution.commission_presets import alpaca
from qtrader.services.execution.commission_settings import PercentCommission
from qtrader.services.execution.fill_model_settings import NamedFillModels
from qtrader.services.execution.slippage_settings import NoSlippage
from qtrader.services.risk.policy import RiskPolicy
from qtrader.services.strategy.protocol import specs_of

SHIPPED = Path(__file__).parents[3] / "config" / "system.yaml"


@pytest.mark.parametrize(
    ("override", "path", "expected"),
    [
        ({"initial_equity": 50_000}, "portfolio.initial_cash", Decimal(50_000)),
        ({"initial_cash": 0.1}, "portfolio.initial_cash", Decimal("0.1")),
        ({"initial_cash": np.float64(0.1)}, "portfolio.initial_cash", Decimal("0.1")),
        ({"initial_cash": np.int64(7)}, "portfolio.initial_cash", Decimal(7)),
        ({"seed": np.int64(7)}, "run.seed", 7),
        (
            {"commission": "0.1%"},
            "execution.commission",
            PercentCommission(type="percent", percent=Decimal("0.1")),
        ),
        ({"start": "2010-01-04"}, "run.start", date(2010, 1, 4)),
        ({"start": date(2010, 1, 4)}, "run.start", date(2010, 1, 4)),
        ({"allow_short": False}, "risk.limits.allow_short", False),
        ({"name": "mine"}, "run.name", "mine"),
        ({"execution": {"slippage_bps": 5}}, "execution.slippage.bps", Decimal(5)),
        ({"slippage_bps": 5}, "execution.slippage.bps", Decimal(5)),
        ({"execution.slippage_bps": "2.5"}, "execution.slippage.bps", Decimal("2.5")),
        ({"slippage_bps": 0}, "execution.slippage", NoSlippage()),
        ({"slippage": {"type": "spread", "half_spread": 2}}, "execution.slippage.half_spread", Decimal(2)),
        ({"execution": {"slippage_bps": 5, "limit_touch": True}}, "execution.slippage.bps", Decimal(5)),
        ({"limit_touch": True}, "execution.fill_model.default", "touch"),
        ({"fill_model": "touch", "execution.limit_touch": True}, "execution.fill_model.default", "touch"),
        ({"commission": "alpaca"}, "execution.commission", alpaca()),
        ({"sizing": {"method": "fixed_quantity", "quantity": 5}}, "risk.sizing.quantity", Decimal(5)),
        ({"risk": "naive"}, "risk.name", "naive"),
        ({"risk": RiskPolicy(name="own")}, "risk.name", "own"),
        ({"reporting.risk_free": 0.02}, "reporting.risk_free", 0.02),
        ({"benchmark": "IBM"}, "reporting.benchmark", "IBM"),
    ],
)
def test_a_value_lands_where_it_belongs(override: dict[str, Any], path: str, expected: Any) -> None:
    found: Any = apply_overrides(load_run_config(SHIPPED), override)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == expected
    assert type(found) is type(expected)


def test_a_section_changes_only_the_keys_it_gives() -> None:
    base = apply_overrides(load_run_config(SHIPPED), {"limits": {"max_gross_leverage": 2}})
    changed = apply_overrides(
        base, {"execution": {"limit_touch": True}, "risk": {"limits": {"allow_short": False}}}
    )
    assert changed.execution == base.execution.model_copy(
        update={"fill_model": NamedFillModels(default="touch")}
    )
    assert changed.risk.limits == base.risk.limits.model_copy(update={"allow_short": False})


def test_a_changed_policy_does_not_keep_its_name() -> None:
    assert apply_overrides(default_run_config(), {"allow_short": False}).risk.name == "custom"
    assert apply_overrides(default_run_config(), {"seed": 1}).risk.name == "naive"
    assert (
        apply_overrides(default_run_config(), {"risk": {"name": "mine", "scale_in": True}}).risk.name
        == "mine"
    )


@pytest.mark.parametrize("entry", ["0", "sma_dual_cross"])
def test_a_strategy_is_found_by_its_place_or_its_id(entry: str) -> None:
    config = apply_overrides(load_run_config(SHIPPED), {f"strategies.{entry}.parameters.fast": 5})
    assert config.strategies[0].parameters == {"fast": 5, "slow": 100, "allow_short": False}


def test_no_override_changes_nothing() -> None:
    config = load_run_config(SHIPPED)
    assert apply_overrides(config, {}) is config


def test_a_flat_name_means_one_field() -> None:
    targets = [path for name, path in override_names().items() if name not in ALIASES]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("cash", "did you mean 'initial_equity', for example initial_equity=50_000?"),
        ("fees", "did you mean 'commission', for example commission=\"0.1%\"?"),
        ("commission_pct", "did you mean 'commission', for example commission=\"0.1%\"?"),
        ("slippage_pct", "did you mean 'slippage_bps', for example slippage_bps=5 for five basis points?"),
        ("fast", "fast is a parameter of SMADualCrossStrategy: a strategy's parameters go in parameters={…}"),
    ],
)
def test_names_of_other_tools_and_of_parameters_are_understood(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as refused:
        apply_overrides(default_run_config(), {name: 1})
    assert str(refused.value).startswith(f"override: unknown setting {name!r}; {meant}")


def test_no_setting_has_a_name_that_is_explained_as_another_one() -> None:
    assert not FOREIGN_NAMES.keys() & override_names().keys()
    assert set(FOREIGN_NAMES.values()) <= override_names().keys()


def test_a_parameter_of_a_strategy_that_is_handed_over_is_no_setting() -> None:
    class Mine:
        def __init__(self, lookback: int = 20, seed: int = 1) -> None:
            self.lookback, self.seed = lookback, seed

    message = "lookback is a parameter of Mine: a strategy's parameters go in"

    class Declared(qt.Strategy):
        lookback: int = 20

    with pytest.raises(ConfigError, match="lookback is a parameter of Declared"):
        refuse_parameters({"lookback": 5}, specs_of(Declared))
    for strategy in (Mine, Mine()):
        with pytest.raises(ConfigError, match=message):
            refuse_parameters({"lookback": 5}, specs_of(strategy))
    refuse_parameters({"seed": 5, "slippage_bps": 1}, specs_of(Mine))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"intial_equity": 1},
            r"unknown setting 'intial_equity' \(did you mean 'initial_equity'\?\); known are account",
        ),
        ({"initial_equity": "lots"}, r"portfolio\.initial_cash: found 'lots' \(text\); allowed is a number"),
        ({"initial_equity": True}, r"portfolio\.initial_cash: found true; allowed is a number"),
        ({"commission": 0.001}, "a percentage or an amount"),
        (
            {"execution": {"slipage_bps": 1}},
            r"execution\.slipage_bps: unknown key 'slipage_bps' \(did you mean",
        ),
        ({"execution": 5}, r"execution: found 5; allowed is a mapping"),
        ({"strategies.1.id": "x"}, r"strategies\.1: unknown entry '1'; known are sma_dual_cross"),
        ({"nope.x": 1}, r"nope: unknown key 'nope'; known are run"),
        ({"run.seed.deep": 1}, r"run\.seed\.deep: there is nothing below run\.seed"),
        ({"strategies.0.parameters": {"f": object()}}, "f is of type object; allowed are"),
    ],
)
def test_what_cannot_be_set_is_refused(override: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_overrides(load_run_config(SHIPPED), override)


@pytest.mark.parametrize(
    "overrides",
    [
        {"slippage_bps": 5, "slippage": "none"},
        {"slippage": "none", "slippage_bps": 5},
        {"slippage": "none", "execution.slippage_bps": 5},
        {"execution": {"slippage": "none", "slippage_bps": 5}},
    ],
)
def test_slippage_is_given_once(overrides: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="execution: slippage_bps and slippage are both given"):
        apply_overrides(load_run_config(SHIPPED), overrides)
