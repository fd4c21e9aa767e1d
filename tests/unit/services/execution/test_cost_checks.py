"""What costs ask of the data, refused before a run starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from tests.factories_tape import tape_of

from qtrader.errors import ConfigError
from qtrader.market.instruments import Instrument
from qtrader.market.tape import Tape
from qtrader.services.execution.commission_presets import read_commission
from qtrader.services.execution.commission_settings import CommissionSettings
from qtrader.services.execution.cost_checks import check_costs
from qtrader.services.execution.market_facts import TapeFacts
from qtrader.services.execution.slippage_settings import SlippageSettings, read_slippage

COMMISSIONS: TypeAdapter[CommissionSettings] = TypeAdapter(CommissionSettings)
SLIPPAGES: TypeAdapter[SlippageSettings] = TypeAdapter(SlippageSettings)
FROM_THE_FIRST_BAR_US = -(2**63)
#: Two symbols, the second of which has six bars only.
TAPE = tape_of({"AAA": [100.0 + day for day in range(10)], "BBB": [50.0 + day for day in range(6)]})


def check(
    commission: Any = None,
    slippage: Any = None,
    *,
    tape: Tape = TAPE,
    currency: str = "USD",
    warmup_bars: int = 0,
    same_close: bool = False,
) -> None:
    closes = tape.closed_at_us[tape.matching_rows_of("AAA")]
    check_costs(
        COMMISSIONS.validate_python(read_commission(commission)),
        SLIPPAGES.validate_python(read_slippage(slippage)),
        tape=tape,
        instruments={symbol: Instrument(symbol=symbol, currency=currency) for symbol in tape.symbols},
        facts=TapeFacts(tape, {}, ()),
        trading_starts_us=int(closes[warmup_bars - 1]) if warmup_bars else FROM_THE_FIRST_BAR_US,
        fills_at_decision=same_close,
    )


def without_volume(tape: Tape) -> Tape:
    return Tape(tape.symbols, tape.intervals, tape.columns._replace(volume=np.full(len(tape), float("nan"))))


ROOT_3 = {"type": "square_root", "days": 3}


@pytest.mark.parametrize(
    ("commission", "slippage"),
    [
        (None, None),
        ("interactive_brokers_tiered", {"type": "fixed_bps", "bps": 5}),
        ("0.1%", {"type": "spread", "half_spread": 1, "by_symbol": {"BBB": 2}}),
        (None, "volume_share"),
        (None, {**ROOT_3, "fallback_bps": 10}),
    ],
)
def test_what_the_data_supports_passes(commission: Any, slippage: Any) -> None:
    check(commission, slippage)


def test_models_with_a_fallback_ask_for_nothing() -> None:
    check(None, {"type": "volume_share", "fallback_bps": 10}, tape=without_volume(TAPE))
    check(None, {**ROOT_3, "fallback_bps": 10}, tape=without_volume(TAPE), warmup_bars=0)


# Volumes of three sessions and closes of four must be known at the open of the first bar that can fill: the
# second after the warmup, so three bars of warmup do; with same_close it is the first, and it takes four.
@pytest.mark.parametrize(
    ("warmup_bars", "same_close", "is_enough"),
    [(0, False, False), (2, False, False), (3, False, True), (3, True, False), (4, True, True)],
)
def test_history_must_be_long_enough_when_trading_starts(
    warmup_bars: int, same_close: bool, is_enough: bool
) -> None:
    if is_enough:
        check(None, ROOT_3, warmup_bars=warmup_bars, same_close=same_close)
        return
    with pytest.raises(
        ConfigError, match=r"square_root needs .* 3 sessions .* AAA .*warmup_bars.*fallback_bps"
    ):
        check(None, ROOT_3, warmup_bars=warmup_bars, same_close=same_close)


def test_a_symbol_that_ends_before_it_could_trade_asks_for_nothing() -> None:
    check(None, {"type": "square_root", "days": 6}, warmup_bars=6)


@pytest.mark.parametrize(
    ("commission", "slippage", "message"),
    [
        (
            None,
            {"type": "spread", "half_spread": 1, "by_symbol": {"BB": 2}},
            "'BB' .did you mean 'BBB'.*AAA, BBB",
        ),
        (None, "volume_share", "volume_share needs volumes, and AAA has none; give fallback_bps"),
        (None, ROOT_3, "square_root needs volume"),
    ],
)
def test_what_the_data_cannot_say_is_refused(commission: Any, slippage: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(commission, slippage, tape=without_volume(TAPE), warmup_bars=5)


def test_us_fees_are_for_dollars() -> None:
    with pytest.raises(ConfigError, match="in US dollars, and AAA trades in EUR"):
        check("alpaca", currency="EUR")
    check("0.1%", currency="EUR")
