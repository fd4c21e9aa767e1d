# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments
"""Sizes and limits: how many steps an opening order gets, or which check refuses it.

Everything is decided in float64 where it is clear. Within 1e-9 of a boundary the exact totals are added up,
and where a price has more digits than the ledger, so that nothing is exact, the set is handed back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtrader.research.kernel_account import amount_in, doubt_set, exact_totals, mark_account
from qtrader.research.kernel_exact import floor_of, is_at_most, units_of
from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_records import (
    CASH,
    GROSS_LEVERAGE,
    NEAR_LIMIT,
    NEAR_SIZE,
    POSITION_PERCENT,
    POSITION_QUANTITY,
    SHORT_SALE,
    SIZE_ROUNDS_TO_ZERO,
    TOO_LARGE,
)
from qtrader.research.kernel_views import grid_of

if TYPE_CHECKING:
    from qtrader.research.kernel_views import Run

#: (place in time, symbol, price that the order is expected to trade at, side).
Wish = tuple[int, int, float, int]


@compiled
def asked_steps(asked: float, step: float, numerator: int, denominator: int) -> int:
    """Return a quantity in whole steps, rounded down; exact for quantities of at most 15 digits."""
    steps = float(math.floor(asked / step + 0.5))
    if steps * numerator / denominator > asked:
        steps -= 1.0
    return int(steps)


@compiled
def sized(run: Run, wish: Wish, asked: float) -> int:
    """Return the quantity of an opening order in steps, rounded down; `asked` is NaN for the policy's."""
    time, symbol, price, _ = wish
    grid: Any = grid_of(run, symbol)
    if not math.isnan(asked):
        return asked_steps(asked, grid.step, grid.step_numerator, grid.step_denominator)
    if not run.is_percent:
        return int(grid.fixed_steps)
    mark_account(run, time)
    estimate = run.equity * run.percent / price / grid.step
    if not abs(estimate) < 9.0e15:
        doubt_set(run, TOO_LARGE, time, symbol)
        return 0
    steps, is_certain = floor_of(estimate, abs(estimate), 0, 1, False, 1e-9)
    if not is_certain:
        units, is_whole = units_of(price, run.unit)
        equity, _, is_exact, doubt = exact_totals(run, time)
        steps, is_certain = floor_of(
            estimate,
            abs(estimate),
            equity * run.percent_numerator * grid.step_denominator,
            run.percent_denominator * units * grid.step_numerator,
            is_exact and is_whole,
            (doubt + 1) / max(abs(equity), 1),
        )
        if not is_certain:
            doubt_set(run, NEAR_SIZE, time, symbol)
    return max(int(steps), 0)


@compiled
def settled(run: Run, wish: Wish, steps: int, stays: int, freed: int) -> tuple[int, int]:
    """Check an opening order against every limit.

    Args:
        run: the set.
        wish: what is to be opened.
        steps: the sized quantity.
        stays: steps of the position that stand once the closing orders on the way have filled, unsigned.
        freed: units of exposure that closing orders of this symbol free.

    Returns:
        The approved steps, and the reason where these are none.
    """
    _, symbol, _, side = wish
    grid: Any = grid_of(run, symbol)
    reason, largest, is_rule_broken = -1, steps, False
    if side < 0 and not run.is_short_allowed:
        reason, largest, is_rule_broken = SHORT_SALE, 0, True
    if run.is_cash_account:
        bound = _cash_bound(run, wish, steps)
        if bound < steps:
            reason, largest, is_rule_broken = (CASH if reason < 0 else reason), min(largest, bound), True
    if grid.largest_steps >= 0 and stays + steps > grid.largest_steps:
        reason = POSITION_QUANTITY if reason < 0 else reason
        largest = min(largest, max(grid.largest_steps - stays, 0))
    if run.position_numerator >= 0:
        bound = _position_bound(run, wish, steps, stays)
        if bound < steps:
            reason, largest = (POSITION_PERCENT if reason < 0 else reason), min(largest, bound)
    if run.leverage_numerator >= 0:
        bound = _leverage_bound(run, wish, steps, freed)
        if bound < steps:
            reason, largest = (GROSS_LEVERAGE if reason < 0 else reason), min(largest, bound)
    if reason < 0 or steps == 0:
        return steps, (SIZE_ROUNDS_TO_ZERO if reason < 0 else reason)
    if run.on_breach == 2 and not is_rule_broken:
        return steps, reason
    if run.on_breach == 1:
        return max(largest, 0), reason
    return 0, reason


@compiled
def _bound(
    run: Run,
    wish: Wish,
    steps: int,
    left: float,
    size: float,
    room: tuple[int, int, bool, int],
) -> int:
    """Return how many steps fit into what a limit leaves, at least -1 and at most `steps`.

    Args:
        run: the set.
        wish: what is to be opened.
        steps: the sized quantity.
        left: what the limit leaves, in currency.
        size: of the amounts that this is made of.
        room: the same as a numerator in units over a denominator, modulo 2^64, whether these are exact, and
            else by how many units they may be off.
    """
    time, symbol, price, _ = wish
    grid: Any = grid_of(run, symbol)
    numerator, denominator, is_exact, doubt = room
    units, is_whole = units_of(price, run.unit)
    value = steps * grid.step * price
    passes, is_certain = is_at_most(
        value,
        left,
        size + value,
        numerator * grid.step_denominator - denominator * units * steps * grid.step_numerator,
        is_exact and is_whole,
        (doubt + 2) / run.unit,
    )
    if passes and is_certain:
        return steps
    if is_certain and run.on_breach != 1:
        return -1
    if is_certain:
        estimate = left / price / grid.step
        found, is_certain = floor_of(
            estimate,
            (size + value) / price / grid.step,
            numerator * grid.step_denominator,
            denominator * units * grid.step_numerator,
            is_exact and is_whole,
            (doubt + 2) / run.unit / (size + value),
        )
        if is_certain:
            return max(min(int(found), steps), -1) if estimate < 9.0e15 else steps
    doubt_set(run, NEAR_LIMIT, time, symbol)
    return -1


@compiled
def _cash_bound(run: Run, wish: Wish, steps: int) -> int:
    free = run.cash - run.reserved_cash
    if run.proceeds_fund:
        free += run.closing_proceeds
    left = free / run.unit
    doubt = run.doubt + run.claim_doubt
    size = (abs(run.cash) + run.reserved_cash + run.closing_proceeds) / run.unit
    return _bound(run, wish, steps, left, size, (free, 1, doubt == 0, doubt))


@compiled
def _is_far(run: Run, wish: Wish, steps: int, left: float, factor: float) -> bool:
    """Say whether an order passes or breaks a limit clearly, so that no exact totals are needed."""
    _, symbol, price, _ = wish
    grid: Any = grid_of(run, symbol)
    value = steps * grid.step * price
    return bool(abs(left - value) > 2e-9 * ((factor + 1.0) * (abs(run.equity) + run.gross) + value))


@compiled
def _position_bound(run: Run, wish: Wish, steps: int, stays: int) -> int:
    time, symbol, price, _ = wish
    mark_account(run, time)
    grid: Any = grid_of(run, symbol)
    left = run.position * run.equity - stays * grid.step * price
    if run.on_breach != 1 and _is_far(run, wish, steps, left, run.position):
        return steps if left > steps * grid.step * price else -1
    equity, _, is_exact, doubt = exact_totals(run, time)
    taken, _, is_whole = amount_in(run, symbol, stays, price)
    numerator = run.position_numerator * equity - run.position_denominator * taken
    size = run.position * (abs(run.equity) + run.gross)
    room = (numerator, run.position_denominator, is_exact and is_whole, doubt + 1)
    return _bound(run, wish, steps, left, size, room)


@compiled
def _leverage_bound(run: Run, wish: Wish, steps: int, freed: int) -> int:
    time, symbol, price, _ = wish
    mark_account(run, time)
    grid: Any = grid_of(run, symbol)
    moved = run.reserved_exposure - (run.closing_exposure if run.proceeds_fund else freed)
    left = run.leverage * run.equity - (run.gross + moved / run.unit)
    if run.on_breach != 1 and _is_far(run, wish, steps, left, run.leverage):
        return steps if left > steps * grid.step * price else -1
    equity, gross, is_exact, doubt = exact_totals(run, time)
    is_exact = is_exact and run.claim_doubt == 0
    doubt += run.claim_doubt
    numerator = run.leverage_numerator * equity - run.leverage_denominator * (gross + moved)
    size = (run.leverage + 1.0) * (abs(run.equity) + run.gross)
    room = (numerator, run.leverage_denominator, is_exact, doubt + 1)
    return _bound(run, wish, steps, left, size, room)
