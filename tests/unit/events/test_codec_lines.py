"""Lines of a log are the codec's own documents, of whatever event, and read back to equal events."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.factories import RUN_ID, at, bar, signal
from tests.strategies_events import events_of

from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec_fields import EVENT_CLASSES
from qtrader.events.codec_lines import LineWriter, read_line, type_of_line
from qtrader.events.events import LedgerEntryEvent, PriceBarEvent, RiskDecisionEvent, SignalEvent
from qtrader.events.identity import Envelope, Origin
from qtrader.events.vocabulary import SignalIntention


def line_of(event: ValidatedEvent, sequence: int) -> bytes:
    return LineWriter().block([(sequence, event)])


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_line_is_the_codecs_document_and_reads_back(cls: type[Any], data: st.DataObject) -> None:
    event = data.draw(events_of(cls))
    sequence = data.draw(st.integers(0, 2**63 - 1))
    line = line_of(event, sequence)
    assert line == codec.encode(event, sequence) + b"\n"
    assert type_of_line(line) == cls.event_type.encode()
    if not (isinstance(event, PriceBarEvent) and math.isnan(event.volume)):
        assert read_line(line) == (sequence, event)


def test_events_of_several_producers_and_instants_in_one_block() -> None:
    """A chain as the engine makes it: the writer derives the ids that the events would derive themselves."""

    def chain() -> list[ValidatedEvent]:
        strategies, manager = Origin(RUN_ID, "strategy_service"), Origin(RUN_ID, "manager_service")
        made: list[ValidatedEvent] = []
        for day in (1, 2):
            cause = bar(day)
            first = signal(day=day)
            first = msgspec.structs.replace(first, envelope=strategies.beginning(cause, at(day)))
            answer = msgspec.structs.replace(first, envelope=manager.effect_of(first, at(day)))
            again = msgspec.structs.replace(first, envelope=strategies.effect_of(answer, at(day)))
            made += [first, answer, again]
        return made

    numbered = list(enumerate(chain(), 7))
    expected = b"".join(codec.encode(event, sequence) + b"\n" for sequence, event in numbered)
    assert LineWriter().block(list(enumerate(chain(), 7))) == expected
    assert len({event.event_id for event in chain()}) == 6


def test_an_event_that_begins_a_chain_keeps_its_cause_alive_no_longer() -> None:
    origin = Origin(RUN_ID, "strategy_service")
    cause = bar(1)
    event = msgspec.structs.replace(signal(), envelope=origin.beginning(cause, at(1)))
    read = [(event.event_id, event.causation_id, event.correlation_id)]
    LineWriter().block([(0, event)])
    assert event.envelope.cause == cause.event_id
    assert [(event.event_id, event.causation_id, event.correlation_id)] == read


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("9.9280", "9.928"),
        ("100.00", "100"),
        ("-100.00000000", "-100"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("-9946", "-9946"),
        ("0E+2", "0"),
    ],
)
def test_decimals_are_canonical(number: str, text: str) -> None:
    event = msgspec.structs.replace(signal(), price=Decimal(number))
    assert f'"price":"{text}"'.encode() in line_of(event, 1)
    assert line_of(event, 1) == codec.encode(event, 1, is_validated=True) + b"\n"


def test_texts_are_quoted_as_json() -> None:
    odd = 'a "quoted" \\ text\n\x01 für 日本 \U0001f600'
    event = SignalEvent(
        envelope=Envelope.known(event_id="0" * 36, run_id='run "1"', occurred_at=at(1)),
        signal_id=odd,
        strategy_id="s",
        symbol="X",
        intention=SignalIntention.OPEN_LONG,
        price=Decimal(1),
        reason=odd,
    )
    assert line_of(event, 1) == codec.encode(event, 1, is_validated=True) + b"\n"
    assert read_line(line_of(event, 1)) == (1, event)


def test_instants_of_other_time_zones_and_with_fractions() -> None:
    whole = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    for instant in (whole, whole.replace(microsecond=120_000), whole.replace(microsecond=7)):
        event = msgspec.structs.replace(signal(), envelope=Envelope.known(event_id="i", occurred_at=instant))
        assert line_of(event, 1) == codec.encode(event, 1, is_validated=True) + b"\n"


def test_records_are_read_as_their_classes() -> None:
    for cls in (RiskDecisionEvent, LedgerEntryEvent):
        from qtrader.contracts import registry

        event: Any = codec.decode_as(cls, registry.example(codec.contract_name(cls)))
        _, read = read_line(line_of(event, 3))
        assert read == event
        assert type(read) is cls
