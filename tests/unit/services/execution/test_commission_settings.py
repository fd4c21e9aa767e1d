"""Commissions as a person writes them: short forms, presets, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from qtrader.services.execution.commission_presets import COMMISSION_TYPES, PRESETS, read_commission
from qtrader.services.execution.commission_settings import (
    CommissionSettings,
    NoCommission,
    PercentCommission,
    PerOrderCommission,
)

SCHEDULES: TypeAdapter[CommissionSettings] = TypeAdapter(CommissionSettings)


def read(value: Any) -> CommissionSettings:
    return SCHEDULES.validate_python(read_commission(value))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, NoCommission()),
        ("none", NoCommission()),
        ("0.1%", PercentCommission(type="percent", percent=Decimal("0.1"))),
        ("0.1 %", PercentCommission(type="percent", percent=Decimal("0.1"))),
        ({"type": "per_order", "amount": 5}, PerOrderCommission(type="per_order", amount=Decimal(5))),
        (PerOrderCommission(type="per_order", amount=Decimal(5)),) * 2,
        *((name, preset()) for name, preset in PRESETS.items()),
        *(({"type": name}, preset()) for name, preset in PRESETS.items()),
    ],
)
def test_short_forms_are_read_into_the_long_one(written: Any, meant: CommissionSettings) -> None:
    assert read(written) == meant


def test_a_preset_is_recorded_by_its_numbers() -> None:
    recorded = read("interactive_brokers_fixed").model_dump(mode="json")
    assert recorded == {
        "type": "per_share",
        "us_regulatory_fees": "exact",
        "amount": "0.005",
        "minimum": "1",
        "maximum_percent": "1",
    }
    assert read(recorded) == PRESETS["interactive_brokers_fixed"]()


def test_every_preset_names_its_source_and_what_it_leaves_out() -> None:
    for preset in PRESETS.values():
        text = " ".join((preset.__doc__ or "").split())
        assert "ource" in text
        assert set(PRESETS).isdisjoint(COMMISSION_TYPES)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (5, "found 5, a percentage or an amount"),
        (0.1, 'Write "0.1%"'),
        ("0.1", "type: found '0.1'; allowed are 'none', 'percent'"),
        ("percnt", r"did you mean 'percent'\?"),
        ("interactive_brokers", r"did you mean 'interactive_brokers_"),
        ({"type": "alpaca", "minimum": 1}, "preset 'alpaca' takes no keys, found minimum"),
        ({}, "Unable to extract tag"),
        ({"type": "percent"}, "Field required"),
        ({"type": "percent", "percent": -1}, "greater than or equal to 0"),
        ({"type": "percent", "percent": "NaN"}, "finite"),
        ({"type": "percent", "percent": 1, "minimum": 5, "maximum": 4}, "maximum 4 is below minimum 5"),
        ({"type": "per_share", "amount": 1, "minimum": -1}, "greater than or equal to 0"),
        ({"type": "per_share", "amount": 1, "maximum_percent": -1}, "greater than or equal to 0"),
        ({"type": "per_order", "amount": -1}, "greater than or equal to 0"),
        ({"type": "tiered", "tiers": []}, "at least 1 item"),
        ({"type": "tiered", "tiers": [{"above": 1, "rate": 1}]}, "must begin at 0"),
        ({"type": "tiered", "tiers": [{"above": 0, "rate": 1}, {"above": 0, "rate": 1}]}, "must ascend"),
        ({"type": "tiered", "tiers": [{"above": 0, "rate": -1}]}, "greater than or equal to 0"),
        ({"type": "tiered", "tiers": [{"above": 0, "rate": 1}], "volume": "shares"}, "'quantity' or 'value'"),
        ({"type": "maker_taker", "maker_percent": -1, "taker_percent": 0}, "rebate -1 is larger"),
        ({"type": "maker_taker", "maker_percent": 0, "taker_percent": -1}, "greater than or equal to 0"),
        ({"type": "none", "us_regulatory_fees": "yes"}, "'none', 'exact' or 'up_to_cent'"),
        ({"type": "none", "amount": 1}, "Extra inputs"),
        ({"type": "custom", "model": "Mine"}, 'write "package.module:Class"'),
        ({"type": "custom", "model": "a:B", "parameters": {"x": object()}}, "x is of type object"),
        ({"type": "custom", "model": "a:B", "parameters": {"x": [{"y": float("nan")}]}}, "x is nan"),
    ],
)
def test_what_makes_no_sense_is_refused(written: Any, message: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=message):
        read(written)
