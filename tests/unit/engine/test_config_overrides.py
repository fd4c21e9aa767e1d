"""Overrides: by field, by section, by dotted path, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtrader.engine.config import apply_overrides, default_run_config, load_run_config
from qtrader.engine.overrides import ALIASES, override_names
from qtrader.errors import ConfigError
from qtrader.services.execution.settings import PercentCommission
from qtrader.services.risk.policy import RiskPolicy

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
        ({"execution": {"slippage_bps": 5}}, "execution.slippage_bps", Decimal(5)),
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
    assert changed.execution == base.execution.model_copy(update={"limit_touch": True})
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
