"""What the kernel does not do is said by name, and nothing else is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine_inputs import closes, daily, dividend, inputs_of

from qtrader.engine.config import RunConfig, apply_overrides, default_run_config
from qtrader.market.instruments import Instruments
from qtrader.research.kernel_support import unsupported
from qtrader.services.strategy.signals import Signals

_ROWS = closes(100, 101, 102, 103)
_ENTRY = np.zeros((4, 1), dtype=np.bool_)
_PRICES = np.full((4, 1), 95.0)


def _config(**settings: Any) -> RunConfig:
    return apply_overrides(default_run_config(), settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"execution": {"market_fill": "next_close"}}, "market_fill is next_close"),
        ({"execution": {"fill_model": "mid"}}, "fill_model is mid"),
        ({"execution": {"fill_model": {"default": "touch", "symbols": {"X": "conservative"}}}}, "differs"),
        ({"execution": {"participation_percent": 10}}, "participation_percent"),
        ({"execution": {"latency": {"bars": 1}}}, "latency"),
        ({"execution": {"slippage": {"type": "spread", "half_spread": 1}}}, "slippage is spread"),
        (
            {"execution": {"commission": {"type": "maker_taker", "maker_percent": 0, "taker_percent": 0}}},
            "maker",
        ),
        (
            {"execution": {"commission": {"type": "per_order", "amount": 1, "us_regulatory_fees": "exact"}}},
            "us_regulatory_fees",
        ),
        ({"execution": {"commission": {"type": "percent", "percent": "0.123456789"}}}, "too many digits"),
        ({"risk": {"size_by_confidence": True}}, "size_by_confidence"),
        ({"risk": {"limits": {"max_gross_leverage": "1.0000000001"}}}, "max_gross_leverage"),
        ({"initial_equity": "1e12"}, "64 bits"),
        ({"base_currency": "EUR"}, "the account is in EUR"),
    ],
)
def test_settings(settings: dict[str, Any], reason: str) -> None:
    (found,) = unsupported(_config(**settings), inputs_of(daily(_ROWS)))
    assert reason in found


@pytest.mark.parametrize(
    ("changes", "settings", "reason"),
    [
        ({"time_in_force": "day"}, {}, "time_in_force is day"),
        ({"stop_loss": _PRICES}, {"risk": {"scale_in": True}}, "scale_in together with stop_loss"),
        ({"limit_price": _PRICES}, {"execution": {"off_tick": "reject"}}, "off_tick is reject"),
    ],
)
def test_signals(changes: dict[str, Any], settings: dict[str, Any], reason: str) -> None:
    signals = replace(Signals(entry=_ENTRY), **changes)
    (found,) = unsupported(_config(**settings), inputs_of(daily(_ROWS)), signals)
    assert reason in found


def test_target_weights() -> None:
    (found,) = unsupported(_config(), inputs_of(daily(_ROWS)), Signals(target_weights=_PRICES))
    assert found == "target_weights say what is to be held"


def test_corporate_actions() -> None:
    (found,) = unsupported(_config(), inputs_of(daily(_ROWS), actions=[dividend(1, "0.5")]))
    assert found == "corporate actions take effect on the tape"


def test_prices_without_a_tick() -> None:
    inputs = inputs_of(daily(_ROWS))
    free = Instruments([replace(inputs.data.instruments["X"], tick_size=None)])
    assert unsupported(_config(), replace(inputs, data=replace(inputs.data, instruments=free))) == ()


def test_a_step_of_too_many_digits() -> None:
    inputs = inputs_of(daily(_ROWS))
    odd = Instruments([replace(inputs.data.instruments["X"], quantity_step=Decimal("1.0000000001"))])
    (found,) = unsupported(_config(), replace(inputs, data=replace(inputs.data, instruments=odd)))
    assert "quantity_step 1.0000000001 has too many digits" in found


def test_everything_else_is_supported() -> None:
    config = _config(
        execution={
            "fill_model": "touch",
            "slippage_bps": "12.5",
            "commission": {"type": "per_share", "amount": "0.005", "minimum": 1, "maximum_percent": 1},
            "buying_power": "trim",
        },
        risk={"account": "cash", "sizing": {"method": "percent_of_equity", "percent": "33.333"}},
    )
    signals = Signals(entry=_ENTRY, exit=_ENTRY, stop_loss=_PRICES, take_profit=_PRICES, limit_price=_PRICES)
    assert unsupported(config, inputs_of(daily(_ROWS)), signals) == ()
