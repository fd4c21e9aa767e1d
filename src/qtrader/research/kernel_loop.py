"""The kernel's loop: from one place with work to the next, set after set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.research.kernel_account import doubt_set, take_equity
from qtrader.research.kernel_instants import hold_instant
from qtrader.research.kernel_jit import compiled, entry, sources_digest
from qtrader.research.kernel_metrics import metrics_of
from qtrader.research.kernel_orders import decide_entry, decide_exit, has_bad_terms
from qtrader.research.kernel_places import find_changes, find_truths, is_meant
from qtrader.research.kernel_records import BAD_PLACE, DECIDED, NEVER, NO_ENTRY, REASONS
from qtrader.research.kernel_views import bytes_at, floats_at, longs_at, price_at, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtrader.research.kernel_orders import Terms
    from qtrader.research.kernel_records import Longs
    from qtrader.research.kernel_views import Run

#: Places that are looked through at a time, so that they and their lists stay in the processor's cache.
CHUNK: Final = 16_384

#: How a condition is given.
NOTHING, TRUTHS, CROSS = range(3)
#: How the side is given: a number, a column of them, or the relation of two columns.
SAME_SIDE, SIDES, RELATION = range(3)
#: Where the parts of a plan begin. A condition and the side are (how, address, address, direction or side);
#: each of five terms is (address or 0, by how much a place moves in it).
ENTRY, EXIT, SIDE, TERMS = 0, 4, 8, 12
PLAN_WIDTH: Final = 22


@compiled
def _find(run: Run, plan: Longs, part: int, which: int, span: tuple[int, int]) -> int:
    """List the places of a span of times at which a condition of a plan speaks."""
    width, found_at = run.width, _found_at(run, which)
    if plan[part] == TRUTHS:
        return find_truths(plan[part + 1], span[0] * width, span[1] * width, found_at)
    if plan[part] == CROSS:
        relation_at = _relation_at(run, which)
        return find_changes(plan[part + 1], plan[part + 2], width, span[0], span[1], relation_at, found_at)
    return 0


@compiled
def _found_at(run: Run, which: int) -> int:
    """Return the address of one of the three lists of places: of the entry, of the exit, of the side."""
    return int(run.found_at + 8 * which * run.found_size)


@compiled
def _relation_at(run: Run, which: int) -> int:
    """Return the address of the relations that a list has come to, by symbol."""
    return int(run.relations_at + 8 * which * run.width)


@compiled
def _element(found_at: int, place: int) -> int:
    return int(longs_at(found_at + 8 * place, 1)[0])


@compiled
def _is_same(plan: Longs, part: int, other: int) -> bool:
    return bool(
        plan[part] == CROSS
        and plan[other] == CROSS
        and plan[part + 1] == plan[other + 1]
        and plan[part + 2] == plan[other + 2]
    )


@compiled
def _next_meant(found_at: int, count: int, cursor: int, kind: int, direction: int) -> int:
    """Return the first element of a list, from a cursor on, that is a cross of the direction."""
    if kind == CROSS:
        while cursor < count and not is_meant(_element(found_at, cursor), direction):
            cursor += 1
    return cursor


@compiled
def _terms_at(plan: Longs, place: int) -> Terms:
    return (
        _term(plan, TERMS, place),
        _term(plan, TERMS + 2, place),
        _term(plan, TERMS + 4, place),
        _term(plan, TERMS + 6, place),
        _term(plan, TERMS + 8, place),
    )


@compiled
def _term(plan: Longs, part: int, place: int) -> float:
    return price_at(plan[part], place * plan[part + 1]) if plan[part] else np.nan


@compiled
def _reset(run: Run) -> None:
    """Open the account anew."""
    run.cash = run.initial_cash
    run.doubt = 0
    run.claim_doubt = 0
    run.reserved_cash = 0
    run.reserved_exposure = 0
    run.closing_proceeds = 0
    run.closing_exposure = 0
    run.marked_time = -1
    run.places = 0
    run.sessions_done = 0
    run.now = -1
    run.due_count = 0
    run.earliest = NEVER
    run.candidates = 0
    run.fills = 0
    run.opened = 0
    run.closed = 0
    run.won = 0
    run.lost = 0
    run.gains = 0
    run.losses = 0
    run.verdict = DECIDED
    longs_at(run.refusals_at, REASONS)[:] = 0
    floats_at(run.relations_at, 3 * run.width)[:] = 0.0
    longs_at(run.sides_at, run.width)[:] = 0
    quantities = floats_at(run.quantities_at, run.width)
    next_times = longs_at(run.next_times_at, run.width)
    for symbol in range(run.width):
        slot = slot_of(run, symbol)
        slot.steps = 0
        slot.close_steps = 0
        slot.entry = NO_ENTRY
        slot.stop_loss = np.nan
        slot.take_profit = np.nan
        quantities[symbol] = 0.0
        next_times[symbol] = NEVER


@compiled
def _run_span(run: Run, plan: Longs, span: tuple[int, int]) -> None:
    """Run a set through the times of a span."""
    width = run.width
    of_exit = 0 if _is_same(plan, EXIT, ENTRY) else 1
    # The relation that gives sides is listed as a cross is.
    of_side = 0 if plan[SIDE] != RELATION or _is_same(plan, SIDE, ENTRY) else 2
    entries = _find(run, plan, ENTRY, 0, span)
    exits = entries if of_exit == 0 else _find(run, plan, EXIT, 1, span)
    changes = entries if of_side == 0 else _find(run, plan, SIDE, 2, span)
    entry_list, exit_list = _found_at(run, 0), _found_at(run, of_exit)
    at_entry = at_exit = at_side = 0
    while run.verdict == DECIDED:
        at_entry = _next_meant(entry_list, entries, at_entry, plan[ENTRY], plan[ENTRY + 3])
        at_exit = _next_meant(exit_list, exits, at_exit, plan[EXIT], plan[EXIT + 3])
        entry_place = _element(entry_list, at_entry) >> 4 if at_entry < entries else NEVER
        exit_place = _element(exit_list, at_exit) >> 4 if at_exit < exits else NEVER
        place = min(entry_place, exit_place)
        time = place // width
        upcoming = run.now + 1 if run.due_count else run.earliest
        if upcoming <= time:
            if upcoming >= span[1]:
                break
            hold_instant(run, upcoming)
            continue
        if place == NEVER:
            break
        run.now = time
        symbol = place - time * width
        if np.isnan(price_at(run.closes_at, time * run.width + symbol)):
            doubt_set(run, BAD_PLACE, time, symbol)
            break
        if exit_place == place:
            decide_exit(run, symbol, time)
            at_exit += 1
        if entry_place == place:
            if plan[SIDE] == RELATION:
                at_side = _advance_sides(run, _found_at(run, of_side), changes, at_side, place)
            side = _side_at(run, plan, symbol, place)
            terms = _terms_at(plan, place)
            if not has_bad_terms(run, symbol, time, side, terms):
                decide_entry(run, symbol, time, side, terms)
            at_entry += 1
    if plan[SIDE] == RELATION:
        relation = floats_at(_relation_at(run, of_side), width)
        sides = longs_at(run.sides_at, width)
        for each in range(width):
            sides[each] = int(relation[each])


@compiled
def _advance_sides(run: Run, changes_at: int, count: int, cursor: int, place: int) -> int:
    """Bring the relations that give sides up to a place."""
    sides = longs_at(run.sides_at, run.width)
    while cursor < count and _element(changes_at, cursor) >> 4 <= place:
        code = _element(changes_at, cursor)
        sides[(code >> 4) % run.width] = ((code >> 2) & 3) - 1
        cursor += 1
    return cursor


@compiled
def _side_at(run: Run, plan: Longs, symbol: int, place: int) -> int:
    if plan[SIDE] == SAME_SIDE:
        return int(plan[SIDE + 3])
    if plan[SIDE] == SIDES:
        return int(bytes_at(plan[SIDE + 1], place + 1)[place])
    return int(longs_at(run.sides_at, run.width)[symbol])


@compiled
def _measure(run: Run, returns: Any, found: Any) -> None:
    """Take what is left of equity, and measure the set."""
    take_equity(run, NEVER)
    trades = (run.closed, run.won, run.lost, run.gains, run.losses)
    conventions = (run.initial_cash / run.unit, run.periods_per_year, run.risk_free, run.days)
    metrics_of(floats_at(run.equity_at, run.sessions), returns, conventions, trades, found)


def _block_runner(stamp: int) -> Callable[..., None]:
    """Make the function that runs sets; it is compiled anew for every other stamp."""

    @entry
    def run_block(runs: Any, plans: Longs, first: int, returns: Any, out: Any) -> None:
        metrics, end_equity, fills, verdicts = out
        plans_at = plans.ctypes.data + 8 * PLAN_WIDTH * first
        count = len(runs) if stamp >= 0 else 0
        for place in range(count):
            _reset(runs[place])
        times = runs[0].times
        step = max(CHUNK // runs[0].width, 1)
        # All sets go through a stretch of the tape before any goes on, so that it stays in the cache.
        for start in range(0, times, step):
            for place in range(count):
                plan = longs_at(plans_at + 8 * PLAN_WIDTH * place, PLAN_WIDTH)
                _run_span(runs[place], plan, (start, min(start + step, times)))
        for place in range(count):
            run = runs[place]
            which = first + place
            _measure(run, returns, metrics[which])
            last = run.sessions - 1
            end_equity[which] = price_at(run.equity_at, last) if last >= 0 else run.initial_cash / run.unit
            fills[which] = run.fills
            verdicts[which, 0] = run.verdict
            verdicts[which, 1] = run.verdict_time
            verdicts[which, 2] = run.verdict_symbol
            verdicts[which, 3] = run.opened

    return run_block


#: Run the sets from one on, as many as there are records; see `qtrader.research.kernel.run_sets`.
run_block = _block_runner(sources_digest())
