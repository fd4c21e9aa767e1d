"""What the sweep kernel does not do, by name: whatever is not listed here it does as the engine does."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from qtrader.events.vocabulary import TimeInForce
from qtrader.services.execution.commission_settings import (
    NoCommission,
    PercentCommission,
    PerOrderCommission,
    PerShareCommission,
)
from qtrader.services.execution.fill_model_settings import NamedFillModels
from qtrader.services.execution.slippage_settings import FixedBpsSlippage, NoSlippage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.market.tape import Tape
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.execution.commission_settings import CommissionSettings
    from qtrader.services.execution.settings import ExecutionSettings
    from qtrader.services.strategy.signals import Signals

#: Capital may grow so many times before amounts no longer fit into 64 bits.
_GROWTH: Final = 100
_LARGEST: Final = Decimal(2**62)
#: More decimal places than these are not exact in whole numbers of 64 bits.
_RATE_PLACES: Final = 9
_GRID_PLACES: Final = 12
_PRICED: Final = ("stop_loss", "take_profit", "limit_price", "stop_price")


def unsupported(config: RunConfig, inputs: Inputs, signals: Signals | None = None) -> tuple[str, ...]:
    """Return why the kernel cannot run this, one sentence a reason; empty where it can.

    Args:
        config: the run's settings; how many strategies it names does not matter.
        inputs: the bars.
        signals: of a set, or None to ask about the run alone.
    """
    found = [*_of_data(inputs.data, config), *_of_execution(config.execution), *_of_money(config)]
    if signals is not None:
        found += _of_signals(signals, config)
    return tuple(found)


def unsupported_signals(config: RunConfig, signals: Signals) -> tuple[str, ...]:
    """Return why the kernel cannot run a set's signals, where it can run the rest."""
    return tuple(_of_signals(signals, config))


def _of_data(data: LoadedData, config: RunConfig) -> Iterator[str]:
    tape = data.tape
    if len(tape.intervals) > 1:
        yield f"the tape has bars of several intervals: {', '.join(tape.intervals)}"
        return
    began_us, ended_us = int(tape.opened_at_us[0]), int(tape.closed_at_us[-1])
    if any(began_us <= effective_us <= ended_us for effective_us, _ in data.actions):
        yield "corporate actions take effect on the tape"
    if data.universe is not None:
        yield "the universe changes with time"
    base = config.portfolio.base_currency
    for symbol in tape.symbols:
        instrument = data.instruments[symbol]
        if instrument.currency != base:
            yield f"{symbol} is in {instrument.currency}, the account is in {base}"
        tick, step = instrument.tick_size, instrument.quantity_step
        if tick is not None and not _is_short(tick, _GRID_PLACES):
            yield f"{symbol}: tick_size {tick} has too many digits for the kernel's whole numbers"
        if not _is_short(step, _RATE_PLACES):
            yield f"{symbol}: quantity_step {step} has too many digits for the kernel's whole numbers"
    overlapping = _overlapping(tape)
    if overlapping is not None:
        yield f"bars of {overlapping} overlap"


def _overlapping(tape: Tape) -> str | None:
    for symbol in tape.symbols:
        rows = tape.matching_rows_of(symbol)
        if np.any(tape.opened_at_us[rows[1:]] < tape.closed_at_us[rows[:-1]]):
            return symbol
    return None


def _of_execution(execution: ExecutionSettings) -> Iterator[str]:
    if execution.market_fill != "next_open":
        yield f"market_fill is {execution.market_fill}; the kernel fills market orders at the next open"
    model = execution.fill_model
    if not isinstance(model, NamedFillModels):
        yield "the fill model is a custom one"
    elif model.default == "mid" or any(name != model.default for name in model.symbols.values()):
        yield "fill_model is mid, or differs between symbols"
    if execution.participation_percent is not None:
        yield "participation_percent bounds fills by volume"
    if execution.latency is not None:
        yield "orders have latency"
    if not isinstance(execution.slippage, (NoSlippage, FixedBpsSlippage)):
        yield f"slippage is {execution.slippage.type}; the kernel has none and fixed_bps"
    elif isinstance(execution.slippage, FixedBpsSlippage) and not _is_short(
        execution.slippage.bps / 10_000, _GRID_PLACES
    ):
        yield f"slippage of {execution.slippage.bps} bps has too many digits"
    yield from _of_commission(execution.commission)


def _of_commission(commission: CommissionSettings) -> Iterator[str]:
    known = (NoCommission, PercentCommission, PerShareCommission, PerOrderCommission)
    if not isinstance(commission, known):
        yield f"commission is {commission.type}; the kernel has none, percent, per_share and per_order"
        return
    if commission.us_regulatory_fees != "none":
        yield "us_regulatory_fees are charged"
    rate: Decimal | None = None
    if isinstance(commission, PercentCommission):
        rate = commission.percent
    elif isinstance(commission, PerShareCommission):
        rate = commission.maximum_percent
    if rate is not None and not _is_short(rate / 100, _RATE_PLACES):
        yield f"the commission's rate of {rate} percent has too many digits"


def _of_money(config: RunConfig) -> Iterator[str]:
    scale, cash = config.portfolio.ledger_scale, config.portfolio.initial_cash
    unit = Decimal(10) ** scale
    if cash * unit != (cash * unit).to_integral_value():
        yield f"initial_cash {cash} has more decimal places than ledger_scale {scale}"
    if cash * unit * _GROWTH > _LARGEST:
        yield f"initial_cash {cash} at ledger_scale {scale} leaves the kernel's 64 bits no room to grow"
    commission = config.execution.commission
    if isinstance(commission, PerShareCommission) and not _is_short(commission.amount, scale):
        yield f"the commission per share has more decimal places than ledger_scale {scale}"
    policy = config.risk
    if policy.size_by_confidence:
        yield "size_by_confidence sizes by the signals' confidence"
    limits = policy.limits
    numbers = {
        "max_gross_leverage": limits.max_gross_leverage,
        "max_position_percent": limits.max_position_percent,
        "percent of equity": getattr(policy.sizing, "percent", None),
    }
    for name, number in numbers.items():
        if number is not None and not _is_short(number, _RATE_PLACES - 2):
            yield f"{name} {number} has too many digits"


def _is_short(number: Decimal, places: int) -> bool:
    """Say whether a number has at most so many decimal places and nine digits in all."""
    normal = number.normalize().as_tuple()
    exponent = normal.exponent if isinstance(normal.exponent, int) else 0
    return -exponent <= places and len(normal.digits) + max(exponent, 0) <= _RATE_PLACES


def _of_signals(signals: Signals, config: RunConfig) -> Iterator[str]:
    if signals.target_weights is not None:
        yield "target_weights say what is to be held"
    force = TimeInForce(signals.time_in_force)
    if force is not TimeInForce.GTC:
        yield f"time_in_force is {force.value}; the kernel has gtc"
    priced = [name for name in _PRICED if getattr(signals, name) is not None]
    if priced and config.risk.scale_in:
        yield f"scale_in together with {', '.join(priced)}"
    if priced and config.execution.off_tick == "reject":
        yield f"off_tick is reject, together with {', '.join(priced)}"
