# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments
"""The account of a set: what it is worth, when equity is taken, and what is charged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.research.kernel_exact import amount_of, booked, half_even, share_of, value_of
from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_records import DECIDED, TOO_LARGE
from qtrader.research.kernel_views import floats_at, grid_of, longs_at, price_at, slot_of

if TYPE_CHECKING:
    from qtrader.research.kernel_views import Run


@compiled
def doubt_set(run: Run, verdict: int, time: int, symbol: int) -> None:
    """Give up on the set; the first reason stays."""
    if run.verdict == DECIDED:
        run.verdict = verdict
        run.verdict_time = time
        run.verdict_symbol = symbol


@compiled
def amount_in(run: Run, symbol: int, steps: int, price: float) -> tuple[int, bool, bool]:
    """Return what steps of a symbol are worth, as `amount_of`."""
    grid: Any = grid_of(run, symbol)
    return amount_of(steps, price, grid.step, grid.step_numerator, grid.step_denominator, run.unit)


@compiled
def cost_of(run: Run, symbol: int, steps: int, price: float) -> tuple[int, int, bool, bool]:
    """Return what steps of a symbol are worth and what an order owes for them.

    Returns:
        Both in units, whether both are certain, and whether the value is whole.
    """
    grid: Any = grid_of(run, symbol)
    value = value_of(steps, price, grid.step, grid.step_numerator, grid.step_denominator, run.unit)
    amount, is_certain, is_whole = booked(value, grid.step_denominator)
    kind = run.commission
    if kind == 0:
        return amount, 0, is_certain, is_whole
    if kind == 3:
        return amount, run.minimum, is_certain, is_whole
    if kind == 1:
        fee, is_sure = share_of(
            value, (run.rate_numerator, run.rate_denominator, run.rate), grid.step_denominator
        )
        fee = max(fee, run.minimum)
        if run.maximum >= 0:
            fee = min(fee, run.maximum)
        return amount, fee, is_certain and is_sure, is_whole
    fee = half_even(steps * grid.step_numerator * run.rate_numerator, grid.step_denominator)
    fee = max(fee, run.minimum)
    if run.cap_numerator >= 0:
        cap, is_sure = share_of(
            value, (run.cap_numerator, run.cap_denominator, run.cap), grid.step_denominator
        )
        is_certain = is_certain and is_sure
        fee = min(fee, cap)
    return amount, fee, is_certain, is_whole


@compiled
def check_amount(run: Run, symbol: int, time: int, amount: int, is_certain: bool, roundings: int) -> None:
    """Count what may be off, and give up on amounts that cannot be represented."""
    if not is_certain:
        run.doubt += roundings
        if amount == 0:
            doubt_set(run, TOO_LARGE, time, symbol)


@compiled
def mark_account(run: Run, time: int) -> None:
    """Value the account at the marks of a time, in float64, once for all decisions of an instant."""
    if run.marked_time == time:
        return
    run.marked_time = time
    quantities = floats_at(run.quantities_at, run.width)
    marks = floats_at(run.marks_at + 8 * time * run.width, run.width)
    net, gross = worth(quantities, marks, run.unit)
    run.equity = (run.cash + net) / run.unit
    run.gross = gross / run.unit


@compiled
def exact_totals(run: Run, time: int) -> tuple[int, int, bool, int]:
    """Return equity and gross exposure in units, whether these are exact, and by how much they may be off."""
    equity, gross, doubt = run.cash, 0, run.doubt
    for symbol in range(run.width):
        slot: Any = slot_of(run, symbol)
        steps = slot.steps
        if steps:
            amount, is_certain, _ = amount_in(
                run, symbol, abs(steps), price_at(run.marks_at, time * run.width + symbol)
            )
            equity += amount if steps > 0 else -amount
            gross += amount
            doubt += 0 if is_certain else 1
    return equity, gross, doubt == 0, doubt


@compiled
def _session_time(run: Run, session: int) -> int:
    return int(longs_at(run.session_times_at + 8 * session, 1)[0])


@compiled
def take_equity(run: Run, time: int) -> None:
    """Take equity at the session closes that ended before a time: nothing has changed until then."""
    done = run.sessions_done
    if done >= run.sessions or _session_time(run, done) >= time:
        return
    until = done + 1
    while until < run.sessions and _session_time(run, until) < time:
        until += 1
    run.sessions_done = until
    # From the first session that is due, so that places count from 0.
    count = until - done
    equity, quantities = floats_at(run.equity_at + 8 * done, count), floats_at(run.quantities_at, run.width)
    unit, cash = float(run.unit), float(run.cash)
    if run.width == 1:
        quantity, marks = quantities[0], floats_at(run.session_marks_at + 8 * done, count)
        if quantity == 0.0:
            for session in range(count):
                equity[session] = cash / unit
        else:
            for session in range(count):
                equity[session] = (cash + np.rint(quantity * marks[session] * unit)) / unit
        return
    times = longs_at(run.session_times_at + 8 * done, count)
    for session in range(count):
        if times[session] == run.marked_time:
            # The decisions of this time have asked for it, and no order has filled since.
            equity[session] = run.equity
        else:
            marks = floats_at(run.marks_at + 8 * times[session] * run.width, run.width)
            equity[session] = (cash + worth(quantities, marks, unit)[0]) / unit


@compiled
def worth(quantities: Any, marks: Any, unit: float) -> tuple[float, float]:
    """Add up what positions are worth in units, with sign and without, each rounded as the engine rounds it.

    The sums are whole numbers, hence exact below 2^53, and go in four lanes that are added in one order.
    """
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    count = len(quantities)
    whole = count - count % 4
    for place in range(0, whole, 4):
        w = np.rint(quantities[place] * marks[place] * unit)
        x = np.rint(quantities[place + 1] * marks[place + 1] * unit)
        y = np.rint(quantities[place + 2] * marks[place + 2] * unit)
        z = np.rint(quantities[place + 3] * marks[place + 3] * unit)
        a += w
        b += x
        c += y
        d += z
        e += abs(w)
        f += abs(x)
        g += abs(y)
        h += abs(z)
    for place in range(whole, count):
        w = np.rint(quantities[place] * marks[place] * unit)
        a += w
        e += abs(w)
    return (a + b) + (c + d), (e + f) + (g + h)
