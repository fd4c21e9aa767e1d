"""Decisions: what a signal means for a position, and the orders that come of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.research.kernel_account import amount_in, check_amount, doubt_set
from qtrader.research.kernel_exact import on_tick
from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_limits import settled, sized
from qtrader.research.kernel_match import entry_reach, exit_reach, first_reached, next_fill
from qtrader.research.kernel_records import (
    ALREADY_OPEN,
    BAD_TERM,
    CLOSE_PENDING,
    LIMIT,
    MARKET,
    NO_ENTRY,
    ORDER_PENDING,
    SEVERAL_ENTRIES,
    STOP,
    STOP_LIMIT,
    STOP_ON_WRONG_SIDE,
    TARGET_ON_WRONG_SIDE,
    WARMUP,
)
from qtrader.research.kernel_views import grid_of, longs_at, price_at, refuse, slot_of

if TYPE_CHECKING:
    from qtrader.research.kernel_views import Run

#: Quantity, stop-loss, take-profit, limit and stop of an entry; NaN for none.
Terms = tuple[float, float, float, float, float]


@compiled
def decide_exit(run: Run, symbol: int, time: int) -> None:
    """Close what is held, if anything is."""
    slot: Any = slot_of(run, symbol)
    if slot.steps == 0:
        return
    if slot.close_steps:
        refuse(run, CLOSE_PENDING)
    else:
        _order_close(run, symbol, time)


@compiled
def decide_entry(run: Run, symbol: int, time: int, side: int, terms: Terms) -> None:
    """Open a position on a side, or enlarge it, after closing what stands on the other side."""
    if time < run.first_time:
        refuse(run, WARMUP)
        return
    slot: Any = slot_of(run, symbol)
    held = slot.steps
    if slot.entry != NO_ENTRY and not run.scale_in:
        refuse(run, ORDER_PENDING)
        return
    if held * side > 0 and not run.scale_in:
        refuse(run, ALREADY_OPEN)
        return
    close = price_at(run.closes_at, time * run.width + symbol)
    _, _, _, limit, stop = terms
    price = close
    if not math.isnan(limit):
        price = limit
    elif not math.isnan(stop):
        price = stop
    if _is_wrong(run, side, price, close, terms):
        return
    freed = 0
    if held:
        if held * side < 0 and abs(held) > slot.close_steps:
            _order_close(run, symbol, time)
        if slot.close_steps:
            freed, is_certain, _ = amount_in(run, symbol, abs(held), close)
            check_amount(run, symbol, time, freed, is_certain, 1)
    if slot.entry != NO_ENTRY:
        doubt_set(run, SEVERAL_ENTRIES, time, symbol)
        return
    _open(run, (time, symbol, price, side), terms, freed)


@compiled
def _is_wrong(run: Run, side: int, price: float, close: float, terms: Terms) -> bool:
    """Refuse protective prices on the wrong side of the entry, and triggers that the price has passed."""
    _, stop_loss, take_profit, _, stop = terms
    if (price - stop_loss) * side <= 0:
        refuse(run, STOP_ON_WRONG_SIDE)
        return True
    if (take_profit - price) * side <= 0:
        refuse(run, TARGET_ON_WRONG_SIDE)
        return True
    if (stop - close) * side < 0:
        refuse(run, STOP_ON_WRONG_SIDE)
        return True
    return False


@compiled
def _order_close(run: Run, symbol: int, time: int) -> None:
    slot: Any = slot_of(run, symbol)
    steps = abs(slot.steps)
    slot.close_steps = steps
    slot.close_claim = slot.close_claim_doubt = 0
    if run.counts_claims:
        close = price_at(run.closes_at, time * run.width + symbol)
        claim, is_certain, is_whole = amount_in(run, symbol, steps, close)
        check_amount(run, symbol, time, claim, is_certain, 0)
        slot.close_claim = claim
        slot.close_claim_doubt = 0 if is_whole else 1
        run.claim_doubt += slot.close_claim_doubt
        run.closing_exposure += claim
        if slot.steps > 0:
            run.closing_proceeds += claim
    slot.close_place = run.places
    run.places += 1
    meet(run, symbol, next_fill(run, symbol, time + 1))


@compiled
def _open(
    run: Run,
    wish: tuple[int, int, float, int],
    terms: Terms,
    freed: int,
) -> None:
    time, symbol, price, side = wish
    asked, stop_loss, take_profit, limit, stop = terms
    slot: Any = slot_of(run, symbol)
    stays = abs(slot.steps) - slot.close_steps
    steps = sized(run, wish, asked)
    approved, reason = settled(run, wish, steps, stays, freed)
    if approved == 0:
        refuse(run, reason)
        return
    grid: Any = grid_of(run, symbol)
    tick, part, whole = grid.tick, grid.tick_numerator, grid.tick_denominator
    slot.entry = MARKET
    if not math.isnan(limit):
        slot.entry = LIMIT if math.isnan(stop) else STOP_LIMIT
        limit = on_tick(limit, tick, part, whole, side < 0)
    elif not math.isnan(stop):
        slot.entry = STOP
    if not math.isnan(stop):
        stop = on_tick(stop, tick, part, whole, side > 0)
    slot.entry_triggered = 0
    slot.entry_side = side
    slot.entry_steps_wanted = approved
    slot.entry_claim = slot.entry_claim_doubt = 0
    if run.counts_claims:
        claim, is_certain, is_whole = amount_in(run, symbol, approved, price)
        check_amount(run, symbol, time, claim, is_certain, 0)
        slot.entry_claim = claim
        slot.entry_claim_doubt = 0 if is_whole else 1
        run.claim_doubt += slot.entry_claim_doubt
        run.reserved_exposure += claim
        if side > 0:
            run.reserved_cash += claim
    slot.entry_limit = limit
    slot.entry_stop = stop
    slot.entry_stop_loss = (
        np.nan if math.isnan(stop_loss) else on_tick(stop_loss, tick, part, whole, side < 0)
    )
    slot.entry_take_profit = (
        np.nan if math.isnan(take_profit) else on_tick(take_profit, tick, part, whole, side > 0)
    )
    slot.entry_place = run.places
    run.places += 3
    meet(run, symbol, next_meeting(run, symbol, time + 1))


@compiled
def meet(run: Run, symbol: int, time: int) -> None:
    """Note the first time at which a bar may do something to a symbol's orders."""
    next_times = longs_at(run.next_times_at, run.width)
    if time >= next_times[symbol]:
        return
    next_times[symbol] = time
    if time == run.now + 1:
        # Most orders are filled at once: to note these spares looking through all symbols.
        longs_at(run.due_at, run.width)[run.due_count] = symbol
        run.due_count += 1
    else:
        run.earliest = min(run.earliest, time)


@compiled
def next_meeting(run: Run, symbol: int, start: int) -> int:
    """Return the first time from one on at which a bar may do something to a symbol's orders."""
    slot: Any = slot_of(run, symbol)
    if slot.close_steps or slot.entry == MARKET:
        return next_fill(run, symbol, start)
    down, up = -np.inf, np.inf
    touch = run.limit_touch != 0
    if slot.steps:
        side = 1 if slot.steps > 0 else -1
        down, up = exit_reach(side, slot.stop_loss, slot.take_profit, touch)
    if slot.entry != NO_ENTRY:
        kind = LIMIT if slot.entry_triggered else slot.entry
        low, high = entry_reach(kind, slot.entry_side, slot.entry_limit, slot.entry_stop, touch)
        down, up = max(down, low), min(up, high)
    if down == -np.inf and up == np.inf:
        return int(run.times)
    return first_reached(run, symbol, start, down, up)


@compiled
def has_bad_terms(run: Run, symbol: int, time: int, side: int, terms: Terms) -> bool:
    """Say whether the engine would raise an error about an entry, and hand the set back then."""
    is_bad = side == 0
    for value in terms:
        is_bad |= value <= 0.0 or math.isinf(value)
    if is_bad:
        doubt_set(run, BAD_TERM, time, symbol)
    return is_bad
