"""What costs ask of the data, checked before a run starts: symbols, currency, and enough history.

A model that depends on volume or volatility must know them whenever a fill can happen, unless it says what
holds instead. That is looked up here for the first bar of each symbol that could fill an order.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from qtrader.clock import from_epoch_us
from qtrader.errors import ConfigError
from qtrader.market.instruments import Instrument
from qtrader.market.tape import Tape
from qtrader.services.execution.commission_settings import CommissionSettings
from qtrader.services.execution.cost_models import MarketFacts
from qtrader.services.execution.slippage_settings import (
    SlippageSettings,
    SpreadSlippage,
    SquareRootSlippage,
    VolumeShareSlippage,
)


def check_costs(
    commission: CommissionSettings,
    slippage: SlippageSettings,
    *,
    tape: Tape,
    instruments: Mapping[str, Instrument],
    facts: MarketFacts,
    trading_starts_us: int,
    fills_at_decision: bool = False,
) -> None:
    """Refuse costs that the data cannot support.

    Args:
        commission: the schedule.
        slippage: the slippage model.
        tape: the bars of the run.
        instruments: by symbol of the tape.
        facts: volumes and volatilities of the tape.
        trading_starts_us: bars that closed at or before it are warmup.
        fills_at_decision: whether an order may fill in the very bar that was decided on (`same_close`).

    Raises:
        ConfigError: naming setting, symbol, what is missing and what would help.
    """
    if commission.us_regulatory_fees != "none":
        _require_dollars(instruments)
    if isinstance(slippage, SpreadSlippage):
        _require_symbols(list(slippage.by_symbol), tape.symbols)
    elif isinstance(slippage, VolumeShareSlippage) and slippage.fallback_bps is None:
        _require_volumes(tape)
    elif isinstance(slippage, SquareRootSlippage) and slippage.fallback_bps is None:
        for symbol in tape.symbols:
            opened_at_us = _first_fill(tape, symbol, trading_starts_us, 0 if fills_at_decision else 1)
            if opened_at_us is not None:
                _require_facts(slippage.days, symbol, opened_at_us, facts)


def _require_dollars(instruments: Mapping[str, Instrument]) -> None:
    for symbol, instrument in instruments.items():
        if instrument.currency != "USD":
            msg = (
                f"execution.commission.us_regulatory_fees are in US dollars, and {symbol} trades in "
                f"{instrument.currency}; allowed for it is none"
            )
            raise ConfigError(msg)


def _require_symbols(named: Sequence[str], symbols: Sequence[str]) -> None:
    for symbol in named:
        if symbol not in symbols:
            close = difflib.get_close_matches(symbol, symbols, n=1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            msg = (
                f"execution.slippage.by_symbol names {symbol!r}{meant}, which is not in the data; it has "
                f"{', '.join(symbols)}"
            )
            raise ConfigError(msg)


def _require_volumes(tape: Tape) -> None:
    for symbol in tape.symbols:
        blocks = tape.row_blocks(tape.matching_rows_of(symbol))
        if not any(bool((tape.volume[rows] > 0).any()) for rows in blocks):
            msg = (
                f"execution.slippage volume_share needs volumes, and {symbol} has none; give fallback_bps to "
                "say what is charged then, or choose another model"
            )
            raise ConfigError(msg)


def _first_fill(tape: Tape, symbol: str, trading_starts_us: int, bars_later: int) -> int | None:
    rows = tape.matching_rows_of(symbol)
    place = int(rows.searchsorted(tape.rows_closed_by(trading_starts_us))) + bars_later
    return int(tape.opened_at_us[rows[place]]) if place < len(rows) else None


def _require_facts(days: int, symbol: str, opened_at_us: int, facts: MarketFacts) -> None:
    volume = facts.average_daily_volume(symbol, days, opened_at_us)
    if volume and facts.daily_volatility(symbol, days, opened_at_us) is not None:
        return
    msg = (
        f"execution.slippage square_root needs volume and volatility of {days} sessions (volumes of {days}, "
        f"closes of {days + 1}) before {symbol} may trade, at {from_epoch_us(opened_at_us).isoformat()}; "
        "give enough run.warmup_bars, or fallback_bps to say what is charged while they are unknown"
    )
    raise ConfigError(msg)
