"""What may be set about the books, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from qtrader.services.portfolio.settings import PortfolioSettings


def test_the_defaults_are_the_documented_ones() -> None:
    assert PortfolioSettings().model_dump() == {
        "initial_cash": Decimal(100000),
        "base_currency": "USD",
        "ledger_scale": 8,
        "dividends": "cash",
        "reinvest_at": "ex_close",
        "reinvest_in": "fractions",
    }


@pytest.mark.parametrize(
    ("dividends", "reinvest_in", "holds_fractions"),
    [
        ("cash", "fractions", False),
        ("reinvest", "fractions", True),
        ("reinvest", "quantity_steps", False),
    ],
)
def test_only_reinvesting_in_fractions_holds_fractions(
    dividends: Any, reinvest_in: Any, holds_fractions: bool
) -> None:
    settings = PortfolioSettings(dividends=dividends, reinvest_in=reinvest_in)
    assert settings.holds_fractions is holds_fractions


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("initial_cash", -1),
        ("initial_cash", "NaN"),
        ("initial_cash", "Infinity"),
        ("base_currency", "usd"),
        ("base_currency", "US$"),
        ("ledger_scale", -1),
        ("ledger_scale", 19),
        ("dividends", "keep"),
        ("reinvest_at", "open"),
        ("reinvest_in", "cents"),
        ("initial_money", 5),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=key):
        PortfolioSettings.model_validate({key: value})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PortfolioSettings().ledger_scale = 2  # type: ignore[misc]
