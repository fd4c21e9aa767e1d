"""The log against the plainest thing it could be: a list into which every row and every decision is put.

Every test of the port runs over every store; the one on disk with blocks of one, three and thousands of
events.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import RUN_ID, bar, signal, tape_of

from qtrader.errors import QTraderError
from qtrader.events.base import ValidatedEvent
from qtrader.events.event_bus import EventBus
from qtrader.events.event_store import InMemoryEventStore
from qtrader.events.event_store_file import FileEventStore
from qtrader.events.events import FillEvent, LedgerEntryEvent, SignalEvent

TAPE = tape_of({"AAPL": [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]})


_FOLDER = tempfile.TemporaryDirectory()


class BlocksOfThree(FileEventStore):
    _held_at_most = 3


class BlocksOfOne(FileEventStore):
    _held_at_most = 1


def _on_disk(kind: type[FileEventStore]) -> Callable[[], FileEventStore]:
    return lambda: kind.partial(Path(_FOLDER.name))


STORES: dict[str, Callable[[], InMemoryEventStore | FileEventStore]] = {
    "in memory": InMemoryEventStore,
    "on disk": _on_disk(FileEventStore),
    "on disk, blocks of three": _on_disk(BlocksOfThree),
    "on disk, blocks of one": _on_disk(BlocksOfOne),
}
every_store = pytest.mark.parametrize("make", STORES.values(), ids=STORES)
Make = Callable[[], InMemoryEventStore | FileEventStore]


def fill(
    make: Make, decisions_after: list[int]
) -> tuple[InMemoryEventStore | FileEventStore, list[ValidatedEvent]]:
    """Log `decisions_after[k]` signals while k rows are known; give the store and the naive list."""
    store = make()
    naive: list[ValidatedEvent] = []
    store.attach_tape(TAPE, RUN_ID)
    rows = list(TAPE.bars(run_id=RUN_ID))
    for known, count in enumerate(decisions_after):
        store.rows = known
        if known:
            naive.append(rows[known - 1])
        for ordinal in range(count):
            event = signal(day=max(known, 1), ordinal=ordinal)
            assert store.append(event) == len(naive)
            naive.append(event)
    return store, naive


@every_store
def test_sequences_count_the_rows_of_the_tape(make: Make) -> None:
    store, _ = fill(make, [1, 0, 2, 0, 0, 1])
    # signal, row 0, row 1, signal, signal, row 2, row 3, row 4, signal
    assert [sequence for sequence, _ in store.decisions()] == [0, 3, 4, 8]
    assert [sequence for sequence, _ in store.history()] == list(range(9))
    assert [event.event_type for _, event in store.history()] == [
        "signal",
        "bar",
        "bar",
        "signal",
        "signal",
        "bar",
        "bar",
        "bar",
        "signal",
    ]
    assert len(store) == 9


@every_store
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=7), st.integers(-2, 25), st.none() | st.integers(-2, 25)
)
def test_any_part_of_the_history_is_that_part_of_the_naive_list(
    make: Make, decisions_after: list[int], start: int, stop: int | None
) -> None:
    store, naive = fill(make, decisions_after)
    assert len(store) == len(naive)
    expected = (
        [] if start < 0 else list(enumerate(naive))[start : max(0, len(naive) if stop is None else stop)]
    )
    assert list(store.history(start, stop)) == expected


@every_store
@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_time_never_goes_back_along_the_history(make: Make, decisions_after: list[int]) -> None:
    store, _ = fill(make, decisions_after)
    instants = [event.occurred_at for _, event in store.history()]
    # A signal logged before the first row has no bar to follow.
    assert instants == sorted(instants)


@every_store
@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_decisions_are_the_history_without_the_rows(make: Make, decisions_after: list[int]) -> None:
    store, naive = fill(make, decisions_after)
    expected = [(place, event) for place, event in enumerate(naive) if event.event_type != "bar"]
    assert list(store.decisions()) == expected
    assert list(store.decisions(SignalEvent)) == expected
    assert list(store.decisions(FillEvent, LedgerEntryEvent)) == []
    assert store.decision_count == len(expected)


@every_store
def test_rows_in_the_history_belong_to_the_run(make: Make) -> None:
    store = make()
    store.attach_tape(TAPE, "another-run")
    store.rows = 2
    assert [event.run_id for _, event in store.history()] == ["another-run"] * 2


@every_store
def test_an_event_of_an_earlier_instant_is_refused_and_not_kept(make: Make) -> None:
    store = make()
    store.append(signal(day=2))
    with pytest.raises(QTraderError, match="time never goes back along the log"):
        store.append(signal(day=1))
    assert len(store) == 1


@every_store
def test_a_tape_cannot_come_after_the_first_event_or_after_another(make: Make) -> None:
    store = make()
    store.append(signal())
    with pytest.raises(QTraderError, match=r"must be attached to an empty log; this one holds 1 events"):
        store.attach_tape(TAPE, RUN_ID)
    other = make()
    other.attach_tape(TAPE, RUN_ID)
    with pytest.raises(QTraderError, match="must be attached to an empty log"):
        other.attach_tape(TAPE, RUN_ID)


@every_store
def test_rows_without_a_tape_cannot_be_written_out(make: Make) -> None:
    store = make()
    store.rows = 2
    with pytest.raises(QTraderError, match="no tape is attached"):
        list(store.history())


@every_store
def test_an_empty_log_has_no_history(make: Make) -> None:
    store = make()
    assert (len(store), list(store.history()), list(store.decisions())) == (0, [], [])


@every_store
def test_a_bus_logs_where_its_store_stands(make: Make) -> None:
    store = make()
    store.attach_tape(TAPE, RUN_ID)
    bus = EventBus(store, run_id=RUN_ID, is_automatic=False)
    store.rows = 3
    bus.publish(signal(day=3))
    bus.drain()
    shown: list[Any] = [event.event_type for event in bus.history()]
    assert shown == ["bar", "bar", "bar", "signal"]


@every_store
def test_bars_published_one_by_one_are_kept_like_any_event(make: Make) -> None:
    store = make()
    assert [store.append(bar(day)) for day in (1, 2, 3)] == [0, 1, 2]
    assert [event for _, event in store.history()] == [bar(1), bar(2), bar(3)]
