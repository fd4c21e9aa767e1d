"""What the bars of an instant do to the orders at work, in the engine's line.

Open prints come first, then what happens within the bars; in each, orders that reduce a position come before
orders that open one, then the order of acceptance decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtrader.research.kernel_account import take_equity
from qtrader.research.kernel_fills import fill_entry, fill_exit
from qtrader.research.kernel_jit import compiled
from qtrader.research.kernel_match import match_entry, match_exits
from qtrader.research.kernel_orders import meet, next_meeting
from qtrader.research.kernel_records import (
    CLOSES,
    DECIDED,
    ENTERS,
    GAINS,
    LIMIT,
    MARKET,
    NEVER,
    NO_ENTRY,
    STOPS,
    TRIGGERS,
)
from qtrader.research.kernel_views import bar_of, heap_of, longs_at, price_at, slot_of

if TYPE_CHECKING:
    from qtrader.research.kernel_match import Match
    from qtrader.research.kernel_views import Run

_WITHIN = 1 << 61
_INCREASES = 1 << 60
_PLACE = _INCREASES - 1


@compiled
def hold_instant(run: Run, time: int) -> None:
    """Let the bars of a time meet the orders that wait for it, and find when the others meet one."""
    take_equity(run, time)
    is_scanned = run.earliest <= time
    count = _find_all(run, time) if is_scanned else _find_due(run, time)
    run.now = time
    run.due_count = 0
    met = longs_at(run.met_at, run.width)
    if run.width == 1:
        # Nobody else is in line.
        _meet_alone(run, time)
    else:
        for place in range(count):
            _line_up(run, met[place], time)
    while run.candidates > 0 and run.verdict == DECIDED:
        _handle_first(run, time)
    if is_scanned:
        next_times = longs_at(run.next_times_at, run.width)
        run.earliest = NEVER
        for symbol in range(run.width):
            run.earliest = min(run.earliest, next_times[symbol])
    for place in range(count):
        meet(run, met[place], next_meeting(run, met[place], time + 1))


@compiled
def _find_all(run: Run, time: int) -> int:
    """List the symbols of which an order meets the bar of a time."""
    met, next_times = longs_at(run.met_at, run.width), longs_at(run.next_times_at, run.width)
    count = 0
    for symbol in range(run.width):
        if next_times[symbol] == time:
            next_times[symbol] = NEVER
            met[count] = symbol
            count += 1
    return count


@compiled
def _find_due(run: Run, time: int) -> int:
    """List the same, where all of them were noted at the time before."""
    met, due = longs_at(run.met_at, run.width), longs_at(run.due_at, run.width)
    next_times = longs_at(run.next_times_at, run.width)
    count = 0
    for place in range(run.due_count):
        symbol = due[place]
        if next_times[symbol] == time:
            next_times[symbol] = NEVER
            met[count] = symbol
            count += 1
    return count


@compiled
def _meet_alone(run: Run, time: int) -> None:
    """Fill market orders at the open, if no other orders are at work; else put all in line."""
    # Read, because for a number that stands here all that follows would be compiled once more.
    symbol = run.width - 1
    slot: Any = slot_of(run, symbol)
    has_exits = not (math.isnan(slot.stop_loss) and math.isnan(slot.take_profit))
    if has_exits or slot.entry > MARKET:
        _line_up(run, symbol, time)
        return
    opened = price_at(run.opens_at, time)
    if slot.close_steps and slot.steps:
        fill_exit(run, symbol, time, opened, True, True, 1)
    if slot.entry == MARKET:
        _enter(run, symbol, time, opened, (True, True, True))


@compiled
def _enter(run: Run, symbol: int, time: int, price: float, ahead: tuple[bool, bool, bool]) -> None:
    """Fill an entry, and put in line what the rest of its bar does to the exits that it lets rest."""
    slot: Any = slot_of(run, symbol)
    was_held = slot.steps
    fill_entry(run, symbol, time, price, ahead[0])
    if slot.steps != was_held:
        _line_up_exits(run, symbol, bar_of(run, symbol, time), (price, ahead[0], ahead[1], ahead[2]))


@compiled
def _line_up(run: Run, symbol: int, time: int) -> None:
    slot: Any = slot_of(run, symbol)
    bar = bar_of(run, symbol, time)
    if slot.close_steps:
        _push(run, slot.close_place, symbol, (CLOSES, bar[0], True, True, True))
    if slot.steps:
        _line_up_exits(run, symbol, bar, (bar[0], True, True, True))
    kind = slot.entry
    if kind == MARKET:
        _push(run, slot.entry_place | _INCREASES, symbol, (ENTERS, bar[0], True, True, True))
    elif kind != NO_ENTRY:
        kind = LIMIT if slot.entry_triggered else kind
        match = match_entry(
            kind, slot.entry_side, slot.entry_limit, slot.entry_stop, bar, run.limit_touch != 0
        )
        if match[0] >= 0:
            _push(run, slot.entry_place | _INCREASES, symbol, match)


@compiled
def _line_up_exits(
    run: Run,
    symbol: int,
    bar: tuple[float, float, float, float],
    entry: tuple[float, bool, bool, bool],
) -> None:
    slot: Any = slot_of(run, symbol)
    stop, target = slot.stop_loss, slot.take_profit
    if math.isnan(stop) and math.isnan(target):
        return
    side = 1 if slot.steps > 0 else -1
    what, price, at_open = match_exits(side, entry, stop, target, bar, run.limit_touch != 0)
    if what >= 0:
        place = slot.bracket_place + (1 if what == GAINS else 0)
        _push(run, place, symbol, (what, price, at_open, False, False))


@compiled
def _handle_first(run: Run, time: int) -> None:
    key, symbol, (what, price, at_open, low_ahead, high_ahead) = _pop(run)
    slot: Any = slot_of(run, symbol)
    place = key & _PLACE
    if what == CLOSES:
        if slot.close_steps and slot.steps:
            fill_exit(run, symbol, time, price, at_open, True, 1)
    elif what in (STOPS, GAINS):
        # What closed the position before may have let another one with exits of its own begin.
        if slot.steps and place - (what == GAINS) == slot.bracket_place:
            fill_exit(run, symbol, time, price, at_open, what == STOPS, 2 if what == STOPS else 3)
    elif what == TRIGGERS:
        slot.entry_triggered = 1
    elif slot.entry != NO_ENTRY:
        _enter(run, symbol, time, price, (at_open, low_ahead, high_ahead))


@compiled
def _push(run: Run, place: int, symbol: int, match: Match) -> None:
    """Put a match in line: a binary heap by key."""
    what, price, at_open, low_ahead, high_ahead = match
    key = place if at_open else place | _WITHIN
    heap = heap_of(run)
    spot = run.candidates
    run.candidates = spot + 1
    while spot > 0 and heap[(spot - 1) // 2].key > key:
        heap[spot] = heap[(spot - 1) // 2]
        spot = (spot - 1) // 2
    candidate: Any = heap[spot]
    candidate.key = key
    candidate.what = what
    candidate.symbol = symbol
    candidate.price = price
    candidate.at_open = 1 if at_open else 0
    candidate.low_ahead = 1 if low_ahead else 0
    candidate.high_ahead = 1 if high_ahead else 0


@compiled
def _pop(run: Run) -> tuple[int, int, Match]:
    """Take the first in line."""
    heap = heap_of(run)
    first: Any = heap[0]
    taken = (
        int(first.key),
        int(first.symbol),
        (int(first.what), first.price, first.at_open != 0, first.low_ahead != 0, first.high_ahead != 0),
    )
    count = run.candidates - 1
    run.candidates = count
    key = heap[count].key
    spot = 0
    while 2 * spot + 1 < count:
        child = 2 * spot + 1
        if child + 1 < count and heap[child + 1].key < heap[child].key:
            child += 1
        if heap[child].key >= key:
            break
        heap[spot] = heap[child]
        spot = child
    if count > 0:
        heap[spot] = heap[count]
    return taken
