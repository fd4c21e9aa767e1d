from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import RUN_ID, at, signal

from qtrader.events.events import SliceEvent
from qtrader.events.identity import Origin, bar_event_id, event_id, uuid8

NOON = datetime(2012, 9, 21, 20, tzinfo=UTC)

#: What these inputs gave when the scheme was fixed; a change breaks every stored log.
GOLDEN = [
    (uuid8(""), "cae66941-d9ef-8d40-8e4d-88758ea67670"),
    (event_id("run-1", None, "engine", NOON, 0), "6e89248a-76a9-8b37-8170-0ef5daaa3b56"),
    (event_id("run-1", "cause", "risk_service", NOON, 3), "369b40b8-c713-889e-a321-d73a9bbb38e9"),
    (bar_event_id("run-1", "AAPL", "1d", 1_348_257_600_000_000), "7975194e-e2b3-80bb-936c-8ead7c813d26"),
]


@pytest.mark.parametrize(("made", "golden"), GOLDEN)
def test_ids_never_change(made: str, golden: str) -> None:
    assert made == golden


def test_the_digest_is_blake2b_with_version_and_variant_set() -> None:
    # BLAKE2b-128 of nothing, as RFC 7693 implementations give it: only version (8) and variant (10xx) differ.
    digest = "cae66941d9efbd404e4d88758ea67670"
    made = uuid8("").replace("-", "")
    assert [place for place in range(32) if made[place] != digest[place]] == [12, 16]


@given(st.text())
def test_every_id_is_a_version_8_uuid(text: str) -> None:
    made = uuid8(text)
    read = uuid.UUID(made)
    assert str(read) == made
    assert read.version == 8
    assert read.variant == uuid.RFC_4122


def _everything() -> Iterator[str]:
    instants = [NOON, NOON + timedelta(microseconds=1)]
    for run, cause, producer, instant, ordinal in product(
        ("r", "r1"), (None, "1", "11"), ("risk", "manager"), instants, range(12)
    ):
        yield event_id(run, cause, producer, instant, ordinal)
    for run, symbol, interval, closed in product(("r", "r1"), ("A", "A1"), ("1d", "1m"), range(5)):
        yield bar_event_id(run, symbol, interval, closed)


def test_no_two_things_share_an_id() -> None:
    ids = list(_everything())
    assert len(set(ids)) == len(ids)


def test_an_id_does_not_depend_on_how_its_parts_are_divided() -> None:
    assert event_id("ab", "c", "d", NOON, 0) != event_id("a", "bc", "d", NOON, 0)
    assert bar_event_id("r", "A1", "d", 0) != bar_event_id("r", "A", "1d", 0)


class TestOrigin:
    def test_effects_of_one_cause_are_counted(self) -> None:
        origin = Origin(RUN_ID, "risk_service")
        origin.begin("cause", "chain", NOON)
        first, second = origin.stamp(), origin.stamp()
        assert first == {
            "event_id": event_id(RUN_ID, "cause", "risk_service", NOON, 0),
            "run_id": RUN_ID,
            "occurred_at": NOON,
            "source_service": "risk_service",
            "correlation_id": "chain",
            "causation_id": "cause",
        }
        assert second["event_id"] == event_id(RUN_ID, "cause", "risk_service", NOON, 1)

    def test_a_cause_taken_up_again_in_the_same_instant_continues_its_count(self) -> None:
        origin = Origin(RUN_ID, "execution_service")
        ids = []
        for cause in ("a", "b", "a", "b", "a"):
            origin.begin(cause, None, NOON)
            ids.append(origin.stamp()["event_id"])
        assert ids[4] == event_id(RUN_ID, "a", "execution_service", NOON, 2)
        assert len(set(ids)) == 5

    def test_a_later_instant_counts_anew_and_still_shares_no_id(self) -> None:
        origin = Origin(RUN_ID, "execution_service")
        ids = []
        for minutes in range(4):
            origin.begin("order", None, NOON + timedelta(minutes=minutes))
            ids.append(origin.stamp()["event_id"])
        assert ids[3] == event_id(RUN_ID, "order", "execution_service", NOON + timedelta(minutes=3), 0)
        assert len(set(ids)) == 4

    def test_two_processes_make_the_same_ids_in_whatever_order_they_take_the_causes_up(self) -> None:
        here, there = Origin(RUN_ID, "risk_service"), Origin(RUN_ID, "risk_service")

        def effects(origin: Origin, causes: str) -> set[str]:
            made = set()
            for cause in causes:
                origin.begin(cause, None, NOON)
                made.add(origin.stamp()["event_id"])
            return made

        assert effects(here, "aabbc") == effects(there, "cbaba")

    def test_producers_of_one_service_are_told_apart(self) -> None:
        fast, slow = (Origin(RUN_ID, "strategy_service", f"strategy:{name}") for name in ("fast", "slow"))
        for origin in (fast, slow):
            origin.begin("bar", None, NOON)
        ours, theirs = fast.stamp(), slow.stamp()
        assert ours["event_id"] != theirs["event_id"]
        assert ours["source_service"] == theirs["source_service"] == "strategy_service"

    def test_handling_an_event_stays_in_its_chain(self) -> None:
        origin = Origin(RUN_ID, "manager_service")
        cause = signal()
        origin.handle(cause)
        stamp = origin.stamp()
        assert (stamp["causation_id"], stamp["correlation_id"]) == (cause.event_id, cause.correlation_id)
        assert stamp["occurred_at"] == cause.occurred_at

    def test_an_event_without_a_chain_begins_one(self) -> None:
        origin = Origin(RUN_ID, "manager_service")
        cause = msgspec.structs.replace(signal(), correlation_id=None)
        origin.handle(cause)
        assert origin.stamp()["correlation_id"] == cause.event_id
        assert origin.stamp("own-chain")["correlation_id"] == "own-chain"

    def test_a_control_event_is_no_cause_and_shares_the_count_of_none(self) -> None:
        # It has no id, so that an empty cause must count on with no cause: both would give the same ids.
        origin = Origin(RUN_ID, "strategy_service")
        origin.begin(None, None, at(1))
        first = origin.stamp()
        control = SliceEvent(0, ())
        origin.begin(control.event_id, control.correlation_id or control.event_id, at(1))
        second = origin.stamp()
        assert (second["causation_id"], second["correlation_id"]) == (None, None)
        assert first["event_id"] != second["event_id"]
