from __future__ import annotations

import copy
import pickle
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import RUN_ID, at, bar, signal

from qtrader.events.codec_fields import ENVELOPE_FIELDS
from qtrader.events.events import SignalEvent, SliceEvent
from qtrader.events.identity import Envelope, Origin, bar_event_id, event_id, uuid8

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


def cause(key: str = "cause") -> SignalEvent:
    return msgspec.structs.replace(
        signal(), envelope=Envelope.known(event_id=key, run_id=RUN_ID, occurred_at=NOON)
    )


def said(envelope: Envelope) -> dict[str, object]:
    return {name: getattr(envelope, name) for name in ENVELOPE_FIELDS}


class TestOrigin:
    def test_effects_of_one_cause_are_counted(self) -> None:
        origin = Origin(RUN_ID, "risk_service")
        event = msgspec.structs.replace(signal(), envelope=cause().envelope.saying(correlation_id="chain"))
        first, second = (origin.effect_of(event, NOON) for _ in range(2))
        assert said(first) == {
            "event_id": event_id(RUN_ID, "cause", "risk_service", NOON, 0),
            "run_id": RUN_ID,
            "occurred_at": NOON,
            "source_service": "risk_service",
            "correlation_id": "chain",
            "causation_id": "cause",
        }
        assert second.event_id == event_id(RUN_ID, "cause", "risk_service", NOON, 1)

    @pytest.mark.parametrize("by_id", ["", "a", "b", "ab"])
    def test_a_cause_taken_up_again_in_the_same_instant_continues_its_count(self, by_id: str) -> None:
        # Whether the event itself is at hand or only its id.
        origin, events = Origin(RUN_ID, "execution_service"), {key: cause(key) for key in "ab"}
        for turn in range(2):
            ids = []
            now = NOON + timedelta(minutes=turn)
            for place, key in enumerate("abababa"):
                is_by_id = key in by_id and (place // 2 + turn) % 2 == 0
                made = origin.effect_of_id(key, None, now) if is_by_id else origin.effect_of(events[key], now)
                ids.append(made.event_id)
            assert ids == [
                event_id(RUN_ID, key, "execution_service", now, place // 2)
                for place, key in enumerate("abababa")
            ]

    def test_a_later_instant_counts_anew_and_still_shares_no_id(self) -> None:
        origin, order = Origin(RUN_ID, "execution_service"), cause("order")
        ids = [origin.effect_of(order, NOON + timedelta(minutes=minutes)).event_id for minutes in range(4)]
        assert ids[3] == event_id(RUN_ID, "order", "execution_service", NOON + timedelta(minutes=3), 0)
        assert len(set(ids)) == 4

    def test_two_processes_make_the_same_ids_in_whatever_order_they_take_the_causes_up(self) -> None:
        here, there = Origin(RUN_ID, "risk_service"), Origin(RUN_ID, "risk_service")

        def effects(origin: Origin, causes: str) -> set[str]:
            events = {key: cause(key) for key in "abc"}
            return {origin.effect_of(events[key], NOON).event_id for key in causes}

        assert effects(here, "aabbc") == effects(there, "cbaba")

    def test_producers_of_one_service_are_told_apart(self) -> None:
        origins = (Origin(RUN_ID, "strategy_service", f"strategy:{name}") for name in ("fast", "slow"))
        ours, theirs = (origin.effect_of_id("bar", None, NOON) for origin in origins)
        assert ours.event_id != theirs.event_id
        assert ours.source_service == theirs.source_service == "strategy_service"

    def test_an_effect_stays_in_its_cause_s_chain(self) -> None:
        event = signal()
        made = Origin(RUN_ID, "manager_service").effect_of(event, event.occurred_at)
        assert (made.causation_id, made.correlation_id) == (event.event_id, event.correlation_id)
        assert made.occurred_at == event.occurred_at

    def test_an_event_without_a_chain_begins_one(self) -> None:
        event = cause()
        assert event.correlation_id is None
        assert Origin(RUN_ID, "manager_service").effect_of(event, NOON).correlation_id == "cause"

    def test_what_begins_a_chain_names_itself_and_its_cause(self) -> None:
        origin, above = Origin(RUN_ID, "strategy_service"), bar()
        for ordinal in range(2):
            made = origin.beginning(above, NOON)
            assert made.event_id == event_id(RUN_ID, above.event_id, "strategy_service", NOON, ordinal)
            assert (made.correlation_id, made.causation_id) == (made.event_id, above.event_id)
        begun = msgspec.structs.replace(signal(), envelope=made)
        assert Origin(RUN_ID, "risk_service").effect_of(begun, NOON).correlation_id == made.event_id

    def test_a_control_event_is_no_cause_and_shares_the_count_of_none(self) -> None:
        # It has no id, so that an empty cause must count on with no cause: both would give the same ids.
        origin = Origin(RUN_ID, "strategy_service")
        first = origin.effect_of_id(None, None, at(1))
        second = origin.beginning(SliceEvent(0, ()), at(1))
        third = origin.effect_of_id("", "", at(1))
        assert (second.causation_id, third.causation_id, third.correlation_id) == (None, None, None)
        assert len({first.event_id, second.event_id, third.event_id}) == 3


class TestEnvelope:
    def chain(self, length: int) -> SignalEvent:
        origin, event = Origin(RUN_ID, "strategy_service"), cause()
        for _ in range(length):
            event = msgspec.structs.replace(event, envelope=origin.effect_of(event, NOON))
        return event

    def test_a_chain_longer_than_the_stack_gives_its_ids(self) -> None:
        expected: str | None = "cause"
        for _ in range(20_000):
            expected = event_id(RUN_ID, expected, "strategy_service", NOON, 0)
        assert self.chain(20_000).event_id == expected

    def test_derived_and_read_envelopes_are_equal_when_they_say_the_same(self) -> None:
        derived = self.chain(3).envelope
        read = Envelope.known(**said(derived))
        assert derived == read
        assert hash(derived) == hash(read)
        for name, other in (
            ("run_id", "x"),
            ("occurred_at", at(9)),
            ("causation_id", None),
            ("event_id", "x"),
        ):
            assert derived != derived.saying(**{name: other}), name
        assert derived != "something else"

    def test_a_pickled_or_copied_envelope_says_the_same_and_takes_nothing_along(self) -> None:
        derived = self.chain(3).envelope
        for twin in (pickle.loads(pickle.dumps(derived)), copy.deepcopy(derived)):  # noqa: S301 - our own bytes
            assert twin == derived
            assert isinstance(twin.cause, str)

    def test_it_is_shown_by_what_it_says(self) -> None:
        assert repr(cause().envelope) == (
            f"Envelope.known(event_id='cause', run_id='{RUN_ID}', occurred_at={NOON!r}, source_service='', "
            "correlation_id=None, causation_id=None)"
        )
