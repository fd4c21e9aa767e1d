"""Costs as a run has them: settings read, compiled once, and the memo of what slippage took."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from qtrader.services.execution.commission_presets import alpaca
from qtrader.services.execution.commission_settings import NoCommission, PercentCommission
from qtrader.services.execution.costs import compile_costs, slippage_memo
from qtrader.services.execution.settings import ExecutionSettings
from qtrader.services.execution.slippage_settings import FixedBpsSlippage, NoSlippage

FIXED = FixedBpsSlippage(type="fixed_bps", bps=Decimal("2.5"))


@pytest.mark.parametrize(
    ("price", "reference", "quantity", "expected"),
    [("101.29", "101.23", "100", "6"), ("101.17", "101.23", "100", "6"), ("5", "5", "100", "0")],
)
def test_the_memo_is_a_cost_on_both_sides(price: str, reference: str, quantity: str, expected: str) -> None:
    assert slippage_memo(Decimal(price), Decimal(reference), Decimal(quantity)) == Decimal(expected)


def test_settings_are_read_as_a_person_writes_them() -> None:
    settings = ExecutionSettings.model_validate(
        {"market_fill": "next_close", "slippage_bps": 2.5, "commission": {"type": "percent", "percent": 0.1}}
    )
    assert settings.slippage == FIXED
    assert settings.commission == PercentCommission(type="percent", percent=Decimal("0.1"))
    assert ExecutionSettings().commission == NoCommission()
    assert ExecutionSettings().slippage == NoSlippage()
    assert ExecutionSettings().market_fill == "next_open"
    assert ExecutionSettings(commission="alpaca").commission == alpaca()  # type: ignore[arg-type]


def test_the_short_form_of_slippage_is_read_into_the_long_one_and_is_gone() -> None:
    short = ExecutionSettings(slippage_bps=Decimal("2.5"))
    assert short == ExecutionSettings(slippage=FIXED)
    assert "slippage_bps" not in short.model_dump()
    assert ExecutionSettings(slippage_bps=Decimal(0)) == ExecutionSettings()
    assert ExecutionSettings.model_validate(short.model_dump()) == short


def test_without_costs_nothing_is_charged_and_prices_stay() -> None:
    costs = compile_costs(NoCommission(), NoSlippage())
    assert costs.charge(None, Decimal(1), Decimal(1), False, 0) == 0  # type: ignore[arg-type]
    assert costs.price(None, Decimal("1.2345"), Decimal(1), None, Decimal("0.01")) == Decimal("1.2345")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"market_fil": "next_open"}, "market_fil"),
        ({"market_fill": "yesterday"}, "market_fill"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"slippage_bps": 10_000}, "slippage_bps"),
        ({"slippage_bps": "NaN"}, "slippage_bps"),
        ({"slippage_bps": 1, "slippage": {"type": "none"}}, "both given"),
        ({"slippage": 5}, "slippage"),
        ({"commission": 5}, "commission"),
        ({"commission": {"type": "percent", "rate": 1}}, "rate"),
        ({"commission": {"type": "percent", "percent": -1}}, "percent"),
        ({"commission": {"type": "free"}}, "commission"),
        ({"commission": {"type": "per_share"}}, "amount"),
    ],
)
def test_settings_refuse_what_they_do_not_know(document: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        ExecutionSettings.model_validate(document)
