"""At which instants a run is checked: where decisions were made, and evenly between.

A look at the very next bar shows only where something was decided on it, so that half of the instants are
decisions', taken in turn from every strategy, symbol and kind of decision. A decision that was not made
because of the future shows at none of them; the other half lies evenly on the tape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtrader.clock import to_epoch_us

#: How many instants are looked at unless somebody says otherwise.
DEFAULT_INSTANTS: Final = 8

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtrader.events.base import ValidatedEvent
    from qtrader.market.tape import Tape


def choose_instants(
    tape: Tape, decided: Iterable[ValidatedEvent], trading_starts_us: int, count: int
) -> list[int]:
    """Return up to `count` instants in order, each after the warmup and before the last bar."""
    every = tape.instants_us
    first = int(every.searchsorted(trading_starts_us, "right"))
    candidates: list[int] = every[first:-1].tolist()
    if len(candidates) <= count:
        return candidates
    groups: dict[tuple[str, ...], list[int]] = {}
    allowed = set(candidates)
    for event in decided:
        instant_us = to_epoch_us(event.occurred_at)
        if instant_us in allowed:
            kind = tuple(str(getattr(event, name, "")) for name in ("strategy_id", "symbol", "intention"))
            places = groups.setdefault(kind, [])
            if not places or places[-1] != instant_us:
                places.append(instant_us)
    chosen = set(_in_turn([groups[kind] for kind in sorted(groups)], (count + 1) // 2))
    missing = count - len(chosen)
    rest = [instant for instant in candidates if instant not in chosen]
    chosen.update(rest[(2 * place + 1) * len(rest) // (2 * missing)] for place in range(missing))
    return sorted(chosen)


def _in_turn(groups: Sequence[Sequence[int]], count: int) -> list[int]:
    """Take from each group in turn: its first, its last, its middle, the middles between, and so on."""
    orders = [iter(_spread(len(group))) for group in groups]
    found: dict[int, None] = {}
    is_left = True
    while is_left and len(found) < count:
        is_left = False
        for group, order in zip(groups, orders, strict=True):
            place = next(order, None)
            if place is not None and len(found) < count:
                is_left = True
                found[group[place]] = None
    return list(found)


def _spread(size: int) -> list[int]:
    """Return the numbers below a size, ends first, then middles of the widest gaps."""
    order = dict.fromkeys((0, size - 1)) if size else {}
    gaps = [(0, size - 1)]
    while gaps:
        first, last = gaps.pop(0)
        middle = (first + last) // 2
        if last - first > 1:
            order[middle] = None
            gaps += [(first, middle), (middle, last)]
    return list(order)
