"""Which order of a one-cancels-the-other group a bar fills first: a pure function of their matches."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from qtrader.events.vocabulary import FillBasis, Side
from qtrader.services.execution.matches import FillMatch, Match, TriggerMatch, widened


def first_of(
    sides: Sequence[Side], matches: Sequence[Match], open_price: Decimal
) -> tuple[int, FillMatch] | None:
    """Choose which order of a one-cancels-the-other group fills; both sequences are in acceptance order.

    An open print comes before everything else and a close print after it; between them the price nearest to
    the open is reached first, and of equal distances the first accepted is taken. The choice is ambiguous
    where it was between prices above and below the open. Then the bounds of the fill are the prices at which
    orders of its side may have been first; an order of the other side has no price that could stand for it.

    Args:
        sides: of the orders.
        matches: what the bar does to each alone.
        open_price: of the bar.

    Returns:
        The index of the order and its fill, or None where none fills.
    """
    fills = [(index, match) for index, match in enumerate(matches) if isinstance(match, FillMatch)]
    if not fills:
        return None
    for fill in fills:
        if fill[1].at_open:
            return fill
    fills = [fill for fill in fills if fill[1].basis is not FillBasis.CLOSE] or fills[:1]

    def distance(fill: tuple[int, FillMatch]) -> Decimal:
        return abs(fill[1].reference_price - open_price)

    index, first = min(fills, key=distance)
    ways: dict[bool | None, list[tuple[int, FillMatch]]] = {}
    for fill in fills:
        ways.setdefault(_way(fill[1]), []).append(fill)
    doubts = [
        (place, match.fill_price)
        for place, match in enumerate(matches)
        if isinstance(match, TriggerMatch) and match.is_ambiguous
    ]
    is_choice = len(fills) > 1 and (len(ways) > 1 or None in ways)
    if not (is_choice or doubts):
        return index, first
    # On either way the nearest is first; one that needs both ways may be anywhere in line.
    rivals = [(place, price) for place, price in doubts if price is not None]
    for way, members in ways.items() if is_choice else ():
        firsts = members if way is None else [min(members, key=distance)]
        rivals += [(place, match.reference_price) for place, match in firsts if place != index]
    prices = [price for place, price in rivals if sides[place] is sides[index]]
    return index, widened(first, sides[index], prices)._replace(is_ambiguous=True)


def _way(match: FillMatch) -> bool | None:
    """Say whether the price had to rise from the open to this fill; None where it had to do both."""
    if match.is_low_ahead == match.is_high_ahead:
        return None
    return match.is_high_ahead
