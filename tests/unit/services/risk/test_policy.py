"""The shipped policies say in YAML what their models hold, and models refuse what a person may mistype."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from qtrader.services.risk.policy import FixedQuantity, Limits, PercentOfEquity, RiskPolicy


def shipped(name: str) -> RiskPolicy:
    text = (resources.files("qtrader.libraries.risk") / "builtin" / f"{name}.yaml").read_text(
        encoding="utf-8"
    )
    return RiskPolicy.model_validate(yaml.safe_load(text))


def test_naive_is_the_default_policy() -> None:
    policy = shipped("naive")
    assert policy == RiskPolicy()
    assert policy == RiskPolicy(
        name="naive",
        account="margin",
        sizing=FixedQuantity(quantity=Decimal(100)),
        limits=Limits(
            allow_short=True,
            max_gross_leverage=Decimal(1),
            max_position_percent=Decimal(100),
            max_position_quantity=None,
            on_breach="reject",
        ),
    )


def test_percent_of_equity_is_a_tenth_cut_down_where_a_limit_leaves_less() -> None:
    assert shipped("percent_of_equity") == RiskPolicy(
        name="percent_of_equity",
        sizing=PercentOfEquity(method="percent_of_equity", percent=Decimal(10)),
        limits=Limits(max_position_percent=Decimal(25), on_breach="shrink"),
    )


def test_every_shipped_policy_is_named_as_its_file() -> None:
    files = sorted(
        entry.name
        for entry in (resources.files("qtrader.libraries.risk") / "builtin").iterdir()
        if entry.name.endswith(".yaml")
    )
    assert files == ["naive.yaml", "percent_of_equity.yaml"]
    assert [f"{shipped(name.removesuffix('.yaml')).name}.yaml" for name in files] == files


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RiskPolicy().name = "another"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"sizing": {"method": "kelly"}}, "fixed_quantity"),
    ({"sizing": {"quantity": 5}}, "method"),
    ({"sizing": {"method": "fixed_quantity", "quantity": 0}}, "greater than 0"),
    ({"sizing": {"method": "fixed_quantity", "quantity": "NaN"}}, "finite"),
    ({"sizing": {"method": "percent_of_equity", "percent": 1001}}, "less than or equal to 1000"),
    ({"limits": {"max_gross_leverage": 0}}, "greater than 0"),
    ({"limits": {"max_gross_leverag": 2}}, "max_gross_leverag"),
    ({"limits": {"on_breach": "ignore"}}, "'reject', 'shrink' or 'warn'"),
    ({"account": "prop"}, "'margin' or 'cash'"),
    ({"leverage": 2}, "leverage"),
]


@pytest.mark.parametrize(("document", "message"), REFUSED)
def test_a_mistyped_policy_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RiskPolicy.model_validate(document)


def test_numbers_of_a_policy_are_exact() -> None:
    policy = RiskPolicy.model_validate(yaml.safe_load("limits: {max_gross_leverage: 0.1}"))
    assert policy.limits.max_gross_leverage == Decimal("0.1")
