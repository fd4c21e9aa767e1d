# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments
"""Fills: what an order trades at, what it costs, and what it leaves of position, account and trade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.research.kernel_account import check_amount, cost_of, doubt_set
from qtrader.research.kernel_exact import slipped
from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_records import (
    MARKET,
    NEAR_CASH,
    NEAR_TICK,
    NO_ENTRY,
    OPPOSITE_ENTRY,
    STOP,
)
from qtrader.research.kernel_views import floats_at, grid_of, slot_of, trade_of

if TYPE_CHECKING:
    from qtrader.research.kernel_views import Run


@compiled
def fill_exit(
    run: Run,
    symbol: int,
    time: int,
    reference: float,
    at_open: bool,
    slips: bool,
    purpose: int,
) -> None:
    """Close all that is held of a symbol, and end every order that would close it too."""
    slot: Any = slot_of(run, symbol)
    held = slot.steps
    steps = abs(held)
    price = _price(run, symbol, time, reference, held < 0, slips)
    amount, fee, is_certain, _ = cost_of(run, symbol, steps, price)
    check_amount(run, symbol, time, amount, is_certain, 2)
    if held > 0:
        gain = amount - slot.cost
        run.cash += amount - fee
    else:
        gain = -slot.cost - amount
        run.cash -= amount + fee
    slot.commission += fee
    slot.fills += 1
    run.fills += 1
    _count_trade(run, gain - slot.commission)
    if run.trades_at:
        _write_exit(run, symbol, time, price, at_open, purpose, gain)
    release_close(run, symbol)
    slot.steps = 0
    slot.cost = 0
    slot.stop_loss = np.nan
    slot.take_profit = np.nan
    floats_at(run.quantities_at, run.width)[symbol] = 0.0


@compiled
def release_close(run: Run, symbol: int) -> None:
    """Give back what the order that closes a position lays claim to; it is filled or canceled."""
    slot: Any = slot_of(run, symbol)
    if slot.close_steps:
        run.claim_doubt -= slot.close_claim_doubt
        run.closing_exposure -= slot.close_claim
        if slot.steps > 0:
            run.closing_proceeds -= slot.close_claim
        slot.close_steps = 0


@compiled
def release_entry(run: Run, symbol: int) -> None:
    """Give back what the order that opens a position lays claim to; it is filled or canceled."""
    slot: Any = slot_of(run, symbol)
    run.claim_doubt -= slot.entry_claim_doubt
    run.reserved_exposure -= slot.entry_claim
    if slot.entry_side > 0:
        run.reserved_cash -= slot.entry_claim
    slot.entry = NO_ENTRY


@compiled
def fill_entry(run: Run, symbol: int, time: int, reference: float, at_open: bool) -> None:
    """Open or enlarge a position with what of the entry order buying power pays for."""
    slot: Any = slot_of(run, symbol)
    side = slot.entry_side
    slips = slot.entry in (MARKET, STOP)
    price = _price(run, symbol, time, reference, side > 0, slips)
    steps = slot.entry_steps_wanted
    if run.buying_power and side > 0:
        steps = _payable(run, symbol, time, steps, price)
    place = slot.entry_place
    release_entry(run, symbol)
    if steps == 0:
        return
    if slot.steps * side < 0:
        doubt_set(run, OPPOSITE_ENTRY, time, symbol)
    amount, fee, is_certain, _ = cost_of(run, symbol, steps, price)
    check_amount(run, symbol, time, amount, is_certain, 2)
    if slot.steps == 0:
        _begin_trade(run, symbol, time, at_open)
    grid: Any = grid_of(run, symbol)
    slot.steps += side * steps
    slot.cost += side * amount
    slot.entry_steps += steps
    slot.entry_value += steps * grid.step * price
    slot.commission += fee
    slot.fills += 1
    run.fills += 1
    run.cash -= side * amount + fee
    floats_at(run.quantities_at, run.width)[symbol] = slot.steps * grid.step
    slot.stop_loss = slot.entry_stop_loss
    slot.take_profit = slot.entry_take_profit
    slot.bracket_place = place + 1
    if run.trades_at:
        _write_entry(run, symbol, price)


@compiled
def _price(run: Run, symbol: int, time: int, reference: float, is_buy: bool, slips: bool) -> float:
    if not slips or run.slippage_numerator == 0:
        return reference
    grid: Any = grid_of(run, symbol)
    price, is_certain = slipped(
        reference,
        is_buy,
        (run.slippage_numerator, run.slippage_denominator, run.slippage),
        grid.tick,
        grid.tick_numerator,
        grid.tick_denominator,
        run.unit,
    )
    if not is_certain:
        doubt_set(run, NEAR_TICK, time, symbol)
    return price


@compiled
def _payable(run: Run, symbol: int, time: int, wished: int, price: float) -> int:
    """Return how much of a purchase cash pays for, as the engine halves its way to it."""
    if _is_payable(run, symbol, time, wished, price):
        return wished
    if run.buying_power == 2:
        return 0
    paid, unpaid = 0, wished
    while unpaid - paid > 1:
        middle = (paid + unpaid) // 2
        if _is_payable(run, symbol, time, middle, price):
            paid = middle
        else:
            unpaid = middle
    return paid


@compiled
def _is_payable(run: Run, symbol: int, time: int, steps: int, price: float) -> bool:
    amount, fee, is_certain, is_whole = cost_of(run, symbol, steps, price)
    check_amount(run, symbol, time, amount, is_certain, 0)
    left = run.cash - amount - fee
    doubt = run.doubt + (0 if is_whole else 1) + (0 if is_certain else 2)
    if doubt and abs(left) <= doubt + 1e-12 * abs(run.cash):
        doubt_set(run, NEAR_CASH, time, symbol)
    return bool(left >= 0)


@compiled
def _begin_trade(run: Run, symbol: int, time: int, at_open: bool) -> None:
    slot: Any = slot_of(run, symbol)
    slot.trade = run.opened
    run.opened += 1
    slot.opened_at = time
    slot.opened_in = 1 if at_open else 0
    slot.cost = 0
    slot.entry_value = 0.0
    slot.entry_steps = 0
    slot.commission = 0
    slot.fills = 0


@compiled
def _count_trade(run: Run, net: int) -> None:
    run.closed += 1
    if net > 0:
        run.won += 1
        run.gains += net
    elif net < 0:
        run.lost += 1
        run.losses -= net


@compiled
def _write_entry(run: Run, symbol: int, price: float) -> None:
    """Keep a trade after a fill that opened or enlarged it; its times are places until Python has them."""
    slot: Any = slot_of(run, symbol)
    trade: Any = trade_of(run, slot.trade)
    grid: Any = grid_of(run, symbol)
    trade.symbol = symbol
    trade.side = 1 if slot.steps > 0 else -1
    trade.exit_purpose = 0
    trade.fill_count = slot.fills
    trade.opened_row = slot.opened_at
    trade.opened_at_us = slot.opened_in
    trade.closed_row = -1
    trade.closed_at_us = -1
    trade.quantity = slot.entry_steps * grid.step
    trade.entry_price = price if slot.fills == 1 else slot.entry_value / trade.quantity
    trade.exit_price = np.nan
    trade.entry_value = slot.entry_value
    trade.gross_pnl = 0.0
    trade.commission = slot.commission / run.unit
    trade.net_pnl = -trade.commission
    trade.return_fraction = trade.net_pnl / trade.entry_value
    trade.open_quantity = slot.steps * grid.step


@compiled
def _write_exit(
    run: Run,
    symbol: int,
    time: int,
    price: float,
    at_open: bool,
    purpose: int,
    gain: int,
) -> None:
    slot: Any = slot_of(run, symbol)
    trade: Any = trade_of(run, slot.trade)
    trade.exit_purpose = purpose
    trade.fill_count = slot.fills
    trade.closed_row = time
    trade.closed_at_us = 1 if at_open else 0
    trade.exit_price = price
    trade.gross_pnl = gain / run.unit
    trade.commission = slot.commission / run.unit
    trade.net_pnl = (gain - slot.commission) / run.unit
    trade.return_fraction = trade.net_pnl / trade.entry_value
    trade.open_quantity = 0.0
