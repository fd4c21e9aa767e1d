"""Two runs side by side up to an instant: what a strategy decided in each, and the first difference.

Decisions come first: a difference in an order or a booking follows from one. Where no decision differs, what
a strategy recorded and logged may still show that it knew more than it could.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.events import codec
from qtrader.events.events import (
    CorporateActionEvent,
    OrderRequestRejectedEvent,
    SignalRejectedEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtrader.engine.lookahead_runs import Observed
    from qtrader.events.base import ValidatedEvent

#: Who publishes what strategies decide.
_DECIDES: Final = "strategy_service"
#: What is said of a decision anyway, or follows from the rest.
_UNTOLD: Final = frozenset({"signal_id", "request_id", "strategy_id", "symbol"})
#: What goes without saying.
_PLAIN: Final = {"order_type": "market", "time_in_force": "gtc", "targets": []}
#: How a request is told from a signal, which says its intention.
_REQUESTS: Final = {"order_cancel": ["cancel"], "order_modify": ["modify"]}

Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that differs between two runs.

    Attributes:
        what: decision, failure, record, log, or event (then QTrader itself is at fault).
        instant_us: when.
        strategy_id: whose.
        symbol: about what.
        expected: what stands in the run over the data as they are; empty for nothing.
        found: what stands in the other run; empty for nothing.
    """

    what: str
    instant_us: int
    strategy_id: str
    symbol: str
    expected: tuple[str, ...]
    found: tuple[str, ...]


def decisions(events: Iterable[ValidatedEvent]) -> list[ValidatedEvent]:
    """Return what strategies decided."""
    return [event for event in events if event.source_service == _DECIDES]


def compare(
    base: Observed, other: Observed, until_us: int, *, is_truncation: bool = False, with_notes: bool = True
) -> list[Difference]:
    """Return the first difference of each strategy, by instant; empty where the runs agree up to an instant.

    Args:
        base: the run over the data as they are.
        other: another run.
        until_us: what happened later may differ.
        is_truncation: the other's data end at that instant, and with them its run.
        with_notes: compare records and logs too.
    """
    ours, theirs = _until(base.events, until_us), _until(other.events, until_us)
    if is_truncation:
        ours, theirs = _before_next_bar(ours, until_us), _without_end(theirs)
    found = _decisions(ours, theirs)
    failure = other.failure
    if failure is not None and failure.is_strategys and failure.instant_us <= until_us:
        # A run that broke off lacks all that would have followed: the failure is what differs.
        found = [each for each in found if each.instant_us < failure.instant_us]
        text = " ".join(failure.message.split())
        found.append(Difference("failure", failure.instant_us, failure.strategy_id, "", (), (text,)))
    if not found and ours != theirs:
        found = _events(ours, theirs, until_us)
    if with_notes and failure is None:
        told = {each.strategy_id for each in found}
        for what, mine, its in (("record", base.records, other.records), ("log", base.logs, other.logs)):
            for strategy_id, lines in mine.items():
                note = _notes(lines, its.get(strategy_id, ()), until_us, is_truncation=is_truncation)
                if note is not None and strategy_id not in told:
                    told.add(strategy_id)
                    found.append(Difference(what, note[0], strategy_id, "", note[1], note[2]))
    return sorted(found, key=lambda each: (each.instant_us, each.strategy_id))


def describe(event: ValidatedEvent) -> str:
    """Say in a line what an event says."""
    payload = codec.document(event)["payload"]
    told = _REQUESTS.get(event.event_type, []) + [
        _value(name, value)
        for name, value in payload.items()
        if value is not None and name not in _UNTOLD and _PLAIN.get(name) != value
    ]
    return ", ".join(told)


def _value(name: str, value: Any) -> str:
    return str(value) if name == "intention" else f"{name} {value}"


def _until(events: Sequence[ValidatedEvent], until_us: int) -> list[ValidatedEvent]:
    until = from_epoch_us(until_us)
    return [event for event in events if event.occurred_at <= until]


def _before_next_bar(events: list[ValidatedEvent], until_us: int) -> list[ValidatedEvent]:
    """Leave out an action that took effect at the instant itself: it is applied when the next bar comes."""
    until = from_epoch_us(until_us)
    for place, event in enumerate(events):
        if isinstance(event, CorporateActionEvent) and event.occurred_at == until:
            return events[:place]
    return events


def _without_end(events: list[ValidatedEvent]) -> list[ValidatedEvent]:
    """Leave out what was still wanted after the last bar, and refused because the run had ended."""
    refused = {
        _wish_of(event)
        for event in events
        if isinstance(event, SignalRejectedEvent | OrderRequestRejectedEvent) and event.reason == "run_ended"
    }
    return [event for event in events if _wish_of(event) not in refused] if refused else events


def _wish_of(event: ValidatedEvent) -> str | None:
    """Return the signal or request that an event states or answers."""
    request_id: str | None = getattr(event, "request_id", None)
    return getattr(event, "signal_id", None) if request_id is None else request_id


def _key(event: ValidatedEvent) -> Key:
    return (
        to_epoch_us(event.occurred_at),
        str(getattr(event, "strategy_id", "")),
        str(getattr(event, "symbol", "")),
    )


def _decisions(ours: list[ValidatedEvent], theirs: list[ValidatedEvent]) -> list[Difference]:
    mine, its = (_by_key(decisions(events)) for events in (ours, theirs))
    found: dict[str, Difference] = {}
    for key in sorted(mine.keys() | its.keys()):
        instant_us, strategy_id, symbol = key
        if strategy_id not in found and mine.get(key, ()) != its.get(key, ()):
            found[strategy_id] = Difference(
                "decision", instant_us, strategy_id, symbol, mine.get(key, ()), its.get(key, ())
            )
    return list(found.values())


def _by_key(events: list[ValidatedEvent]) -> dict[Key, tuple[str, ...]]:
    ordered = sorted(events, key=_key)
    return {key: tuple(map(describe, together)) for key, together in groupby(ordered, _key)}


def _events(ours: list[ValidatedEvent], theirs: list[ValidatedEvent], until_us: int) -> list[Difference]:
    places = range(max(len(ours), len(theirs)))
    place = next(place for place in places if ours[place : place + 1] != theirs[place : place + 1])
    pair = [events[place] if place < len(events) else None for events in (ours, theirs)]
    first = pair[0] or pair[1]
    instant_us, strategy_id, symbol = (until_us, "", "") if first is None else _key(first)
    expected, found = (() if event is None else (f"{event.event_type}: {describe(event)}",) for event in pair)
    return [Difference("event", instant_us, strategy_id, symbol, expected, found)]


def _notes(
    ours: Sequence[tuple[int, str]], theirs: Sequence[tuple[int, str]], until_us: int, *, is_truncation: bool
) -> tuple[int, tuple[str, ...], tuple[str, ...]] | None:
    mine = [line for line in ours if line[0] <= until_us]
    its = [line for line in theirs if line[0] <= until_us]
    if is_truncation:
        # At its end a strategy may say more: what it hears of its last orders, and in on_stop.
        its = its[: len(mine)]
    for place in range(max(len(mine), len(its))):
        pair = mine[place : place + 1], its[place : place + 1]
        if pair[0] != pair[1]:
            expected, found = (tuple(text for _, text in lines) for lines in pair)
            return (pair[0] or pair[1])[0][0], expected, found
    return None
