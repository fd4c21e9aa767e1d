from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.clock import LiveClock, SimulatedClock, from_epoch_us, to_epoch_us

KNOWN_INSTANTS = [
    (0, "1970-01-01T00:00:00+00:00"),
    (1, "1970-01-01T00:00:00.000001+00:00"),
    (-1, "1969-12-31T23:59:59.999999+00:00"),
    (1_348_257_600_000_000, "2012-09-21T20:00:00+00:00"),
    (951_782_400_000_000, "2000-02-29T00:00:00+00:00"),
]


@pytest.mark.parametrize(("value_us", "text"), KNOWN_INSTANTS)
def test_known_instants_convert_both_ways(value_us: int, text: str) -> None:
    assert from_epoch_us(value_us).isoformat() == text
    assert to_epoch_us(datetime.fromisoformat(text)) == value_us


@given(st.integers(-(10**16), 10**17))
def test_conversion_loses_no_microsecond(value_us: int) -> None:
    instant = from_epoch_us(value_us)
    assert instant.utcoffset() == timedelta(0)
    assert to_epoch_us(instant) == value_us


def test_the_same_instant_in_another_zone_is_the_same_number() -> None:
    new_york = datetime(2012, 9, 21, 16, tzinfo=timezone(timedelta(hours=-4)))
    assert to_epoch_us(new_york) == 1_348_257_600_000_000


def test_a_naive_datetime_names_no_instant() -> None:
    with pytest.raises(ValueError, match=r"has no time zone; give an aware datetime"):
        to_epoch_us(datetime(2012, 9, 21))  # noqa: DTZ001 - the point of the test


def test_a_simulated_clock_stands_still_until_it_is_moved() -> None:
    clock = SimulatedClock(5)
    assert (clock.now_us, clock.now(), clock.now()) == (5, from_epoch_us(5), from_epoch_us(5))
    clock.advance_to(5)
    clock.advance_to(7)
    assert clock.now_us == 7


def test_a_simulated_clock_never_goes_back() -> None:
    clock = SimulatedClock(1_000_000)
    with pytest.raises(
        ValueError, match=r"stands at 1970-01-01T00:00:01\+00:00 and cannot go back to 1970-01-01T00:00:00"
    ):
        clock.advance_to(0)
    assert clock.now_us == 1_000_000


def test_the_live_clock_tells_aware_utc_time_between_two_readings() -> None:
    before = datetime.now(UTC)
    told = LiveClock().now()
    assert before <= told <= datetime.now(UTC)
    assert told.tzinfo is UTC
