"""Session calendars against exchange_calendars, dates that traders remember, and their own rules."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.clock import to_epoch_us
from qtrader.errors import ConfigError, DataError
from qtrader.market import sessions
from qtrader.market.calendars import (
    ALIASES,
    ExchangeCalendar,
    SessionCalendar,
    UtcDayCalendar,
    get_calendar,
    known_calendars,
)
from qtrader.market.sessions import SessionTable, build_table, date_of, days_since_epoch, encode_table

# exchange_calendars reads Series.values; pandas 3.1 warns of that in its own name, so no module filter fits.
pytestmark = pytest.mark.filterwarnings("default:Series.values returning")

DAY_US = 86_400_000_000
SHIPPED = [name for name in known_calendars() if name != "24/7"]


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)


def us(*fields: int) -> int:
    return to_epoch_us(utc(*fields))


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS", "XSHG", "XASX", "CMES"])
def test_every_shipped_session_is_what_exchange_calendars_says(name: str) -> None:
    calendar = get_calendar(name)
    library = importlib.import_module("exchange_calendars")
    oracle = library.get_calendar(name, start=str(calendar.covers_from), end=str(calendar.covers_to))
    wanted = [
        (session.date(), opened.to_pydatetime(), closed.to_pydatetime())
        for session, opened, closed in zip(oracle.sessions, oracle.opens, oracle.closes, strict=True)
    ]
    days = calendar.session_dates
    found = [
        (
            date_of(day),
            utc(1970, 1, 1) + timedelta(microseconds=opened),
            utc(1970, 1, 1) + timedelta(microseconds=closed),
        )
        for day, opened, closed in zip(
            days.tolist(), calendar.opened_at_us.tolist(), calendar.closed_at_us.tolist(), strict=True
        )
    ]
    assert found == wanted
    assert calendar.timezone == str(oracle.tz)
    assert len(calendar) == len(wanted)


@pytest.mark.parametrize(
    ("name", "day", "opened", "closed"),
    [
        (
            "XNYS",
            date(2012, 11, 23),
            utc(2012, 11, 23, 14, 30),
            utc(2012, 11, 23, 18),
        ),  # day after Thanksgiving
        ("XNYS", date(2012, 11, 26), utc(2012, 11, 26, 14, 30), utc(2012, 11, 26, 21)),
        (
            "XNYS",
            date(2012, 3, 9),
            utc(2012, 3, 9, 14, 30),
            utc(2012, 3, 9, 21),
        ),  # last Friday of winter time
        (
            "XNYS",
            date(2012, 3, 12),
            utc(2012, 3, 12, 13, 30),
            utc(2012, 3, 12, 20),
        ),  # first Monday of summer time
        (
            "XLON",
            date(2012, 3, 12),
            utc(2012, 3, 12, 8),
            utc(2012, 3, 12, 16, 30),
        ),  # London changes two weeks later
        ("XLON", date(2012, 3, 26), utc(2012, 3, 26, 7), utc(2012, 3, 26, 15, 30)),
        ("XLON", date(2012, 12, 24), utc(2012, 12, 24, 8), utc(2012, 12, 24, 12, 30)),  # Christmas Eve
        ("XTKS", date(2012, 11, 26), utc(2012, 11, 26, 0), utc(2012, 11, 26, 6)),
        ("XTKS", date(2024, 11, 5), utc(2024, 11, 5, 0), utc(2024, 11, 5, 6, 30)),  # the day the close moved
        ("XASX", date(2024, 1, 15), utc(2024, 1, 14, 23), utc(2024, 1, 15, 5)),  # opens on the UTC day before
        (
            "CMES",
            date(2024, 1, 16),
            utc(2024, 1, 15, 23),
            utc(2024, 1, 16, 23),
        ),  # opens on the evening before
        ("24/7", date(2012, 11, 25), utc(2012, 11, 25), utc(2012, 11, 26)),  # a Sunday
    ],
)
def test_known_sessions(name: str, day: date, opened: datetime, closed: datetime) -> None:
    session = get_calendar(name).session_of_date(day)
    assert (session.date, session.opened_at, session.closed_at) == (day, opened, closed)


def test_new_york_was_closed_for_four_days_after_the_eleventh_of_september() -> None:
    calendar = get_calendar("XNYS")
    days = calendar.sessions_between(date(2001, 9, 7), date(2001, 9, 18))
    assert [str(date_of(day)) for day in days] == ["2001-09-07", "2001-09-10", "2001-09-17", "2001-09-18"]
    with pytest.raises(DataError, match=r"calendar XNYS: 2001-09-11 \(Tuesday\) is no session"):
        calendar.session_of_date(date(2001, 9, 11))
    assert calendar.next_close(us(2001, 9, 11, 12, 46)) == us(2001, 9, 17, 20)


def test_on_one_date_tokyo_closes_before_london_and_london_before_new_york() -> None:
    closes = [
        get_calendar(name).session_of_date(date(2012, 11, 26)).closed_at for name in ("XTKS", "XLON", "XNYS")
    ]
    assert closes == sorted(closes)
    assert len(set(closes)) == 3


def test_dates_become_instants_in_their_own_order_and_repeat() -> None:
    calendar = get_calendar("XNYS")
    days = np.array(
        [days_since_epoch(day) for day in (date(2012, 11, 23), date(2012, 11, 21), date(2012, 11, 23))]
    )
    opened, closed = calendar.dates_to_sessions(days)
    assert opened.tolist() == [us(2012, 11, 23, 14, 30), us(2012, 11, 21, 14, 30), us(2012, 11, 23, 14, 30)]
    assert closed.tolist() == [us(2012, 11, 23, 18), us(2012, 11, 21, 21), us(2012, 11, 23, 18)]
    assert all(column.size == 0 for column in calendar.dates_to_sessions(days[:0]))


def test_the_first_date_that_is_no_session_is_named_and_all_can_be_found() -> None:
    calendar = get_calendar("XNYS")
    dates = (date(2012, 11, 21), date(2012, 11, 22), date(2012, 11, 24), date(1989, 12, 29), date(2031, 1, 2))
    days = np.array([days_since_epoch(day) for day in dates])
    assert calendar.is_session(days).tolist() == [True, False, False, False, False]
    with pytest.raises(DataError, match=r"2012-11-22 \(Thursday\) is no session"):
        calendar.dates_to_sessions(days)


@pytest.mark.parametrize("name", ["XNYS", "XTKS", "24/7"])
def test_dates_and_instants_outside_the_calendar_are_refused_with_its_bounds(name: str) -> None:
    calendar = get_calendar(name)
    bounds = f"calendar {name} covers {calendar.covers_from} to {calendar.covers_to}"
    before = calendar.covers_from - timedelta(days=1)
    after = calendar.covers_to + timedelta(days=1)
    early_us, late_us = us(1850, 1, 1), us(2250, 1, 1)
    calls = [
        lambda: calendar.session_of_date(before),
        lambda: calendar.session_of_date(after),
        lambda: calendar.sessions_between(before, calendar.covers_to),
        lambda: calendar.previous_close(early_us),
        lambda: calendar.next_close(late_us),
        lambda: calendar.session_at(late_us),
        lambda: calendar.closes_between(early_us, late_us),
        lambda: calendar.closes_between(us(2012, 1, 2), us(2012, 1, 1)),
        lambda: calendar.previous_close(calendar.session_of_date(calendar.first_session).closed_at_us - 1),
        lambda: calendar.next_close(calendar.session_of_date(calendar.last_session).closed_at_us),
        lambda: calendar.next_close(10**30),
    ]
    for call in calls:
        with pytest.raises(DataError) as refusal:
            call()
        assert str(refusal.value).startswith(bounds)


def test_an_instant_in_place_of_a_date_is_refused() -> None:
    with pytest.raises(DataError, match="is an instant; give the session's date"):
        get_calendar("XNYS").session_of_date(utc(2012, 11, 26, 3))


def test_sessions_are_half_open() -> None:
    calendar = get_calendar("XNYS")
    opened, closed = us(2012, 11, 23, 14, 30), us(2012, 11, 23, 18)
    friday = calendar.session_of_date(date(2012, 11, 23))
    assert calendar.session_at(opened - 1) is None
    assert calendar.session_at(opened) == friday
    assert calendar.session_at(closed - 1) == friday
    assert calendar.session_at(closed) is None
    assert calendar.session_at(calendar.session_of_date(calendar.last_session).closed_at_us) is None
    utc_days = get_calendar("24/7")
    assert utc_days.session_at(us(2012, 11, 24)) == utc_days.session_of_date(date(2012, 11, 24))
    assert utc_days.session_at(us(2200, 1, 1)) is None


def test_closes_between_excludes_the_start_and_includes_the_end() -> None:
    calendar = get_calendar("XNYS")
    wednesday, friday = us(2012, 11, 21, 21), us(2012, 11, 23, 18)
    assert calendar.closes_between(wednesday, friday).tolist() == [friday]
    assert calendar.closes_between(wednesday - 1, friday).tolist() == [wednesday, friday]
    assert calendar.closes_between(wednesday, friday - 1).tolist() == []
    assert get_calendar("UTC").closes_between(us(2012, 11, 23), us(2012, 11, 25)).tolist() == [
        us(2012, 11, 24),
        us(2012, 11, 25),
    ]


def table_of_utc_days() -> ExchangeCalendar:
    days = np.arange(days_since_epoch(date(2000, 1, 1)), days_since_epoch(date(2002, 12, 31)) + 1)
    table = SessionTable(
        timezone="UTC",
        covers_from=date(2000, 1, 1),
        covers_to=date(2002, 12, 31),
        days=days,
        opened_at_us=days * DAY_US,
        closed_at_us=(days + 1) * DAY_US,
    )
    return ExchangeCalendar("days", table)


@given(
    start=st.integers(us(2000, 1, 2), us(2002, 12, 30)),
    length=st.integers(0, 20 * DAY_US),
    snap=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_utc_days_by_arithmetic_equal_a_table_of_them(start: int, length: int, snap: bool) -> None:
    arithmetic, table = get_calendar("24/7"), table_of_utc_days()
    start = start // DAY_US * DAY_US if snap else start
    end = min(start + length, us(2002, 12, 31))
    first, last = date_of(start // DAY_US), date_of(end // DAY_US)
    days = np.arange(days_since_epoch(first), days_since_epoch(last) + 1)
    assert arithmetic.session_at(start) == table.session_at(start)
    assert arithmetic.previous_close(start) == table.previous_close(start)
    assert arithmetic.next_close(start) == table.next_close(start)
    assert arithmetic.closes_between(start, end).tolist() == table.closes_between(start, end).tolist()
    assert arithmetic.sessions_between(first, last).tolist() == table.sessions_between(first, last).tolist()
    assert arithmetic.is_session(days).all()
    for ours, theirs in zip(arithmetic.dates_to_sessions(days), table.dates_to_sessions(days), strict=True):
        assert ours.tolist() == theirs.tolist()


def test_the_columns_of_the_utc_days_agree_with_the_single_sessions() -> None:
    calendar = UtcDayCalendar()
    assert calendar.session_dates.tolist()[::50_000] == [-25_567, 24_433, 74_433]
    assert len(calendar.session_dates) == len(calendar) == 109_573
    assert (calendar.first_session, calendar.last_session) == (date(1900, 1, 1), date(2199, 12, 31))
    opened, closed = calendar.dates_to_sessions(calendar.session_dates)
    assert np.array_equal(calendar.opened_at_us, opened)
    assert np.array_equal(calendar.closed_at_us, closed)


@given(
    name=st.sampled_from([*SHIPPED, "24/7"]),
    instants=st.lists(st.integers(us(1998, 1, 1), us(2026, 6, 1)), min_size=3, max_size=3).map(sorted),
)
@settings(max_examples=100, deadline=None)
def test_closes_partition_time(name: str, instants: list[int]) -> None:
    calendar, (start, middle, end) = get_calendar(name), instants
    assert calendar.previous_close(start) <= start < calendar.next_close(start)
    joined = [*calendar.closes_between(start, middle), *calendar.closes_between(middle, end)]
    assert joined == calendar.closes_between(start, end).tolist()
    session = calendar.session_at(middle)
    if session is not None:
        assert session.opened_at_us <= middle < session.closed_at_us == calendar.next_close(middle)
        assert calendar.session_of_date(session.date) == session


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_table_keeps_the_invariants(name: str) -> None:
    calendar = get_calendar(name)
    days, opened, closed = calendar.session_dates, calendar.opened_at_us, calendar.closed_at_us
    assert (np.diff(days) > 0).all()
    assert (opened < closed).all()
    assert (closed[:-1] <= opened[1:]).all()
    assert calendar.covers_from <= calendar.first_session < calendar.last_session <= calendar.covers_to


def test_names_and_aliases_give_one_object_whatever_their_case() -> None:
    assert get_calendar("NYSE") is get_calendar("xnys") is get_calendar("Nasdaq") is get_calendar("XNAS")
    assert get_calendar("LSE").name == "XLON"
    assert get_calendar("utc") is get_calendar("24/7")
    assert set(ALIASES.values()) <= set(known_calendars())
    assert repr(get_calendar("XTKS")) == "<ExchangeCalendar XTKS, Asia/Tokyo, 1997-01-01 to 2030-12-31>"


def test_calendars_cannot_be_changed() -> None:
    for calendar in (get_calendar("XNYS"), get_calendar("24/7")):
        for column in (calendar.session_dates, calendar.opened_at_us, calendar.closed_at_us):
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 0


def test_an_exchange_that_does_not_ship_comes_from_the_library_with_explicit_bounds() -> None:
    assert "XPRA" not in known_calendars()
    prague: SessionCalendar = get_calendar("XPRA")
    assert (prague.covers_from, prague.covers_to) == (date(1990, 1, 1), date(2030, 12, 31))
    assert prague.session_of_date(date(2024, 1, 15)).closed_at == utc(2024, 1, 15, 15, 20)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"'XNOPE' is known neither .* shipped are 24/7, BVMF.* NYSE = XNYS"
    ):
        get_calendar("XNOPE")
    with pytest.raises(ConfigError, match=r"'XNOPE' does not ship; shipped are BVMF"):
        sessions.read_table("XNOPE")


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(ConfigError, match=r"install 'qtrader\[calendars\]'; shipped are 24/7"):
        get_calendar("XBUD")


def test_shipped_calendars_need_neither_the_library_nor_data_frames() -> None:
    script = (
        "import sys\n"
        "from qtrader.market.calendars import get_calendar, known_calendars\n"
        "for name in known_calendars(): get_calendar(name)\n"
        "print(sorted({'pandas', 'polars', 'pyarrow', 'exchange_calendars'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "[]\n"


def test_encoding_keeps_every_session() -> None:
    table = build_table("XASX", earliest=date(2023, 12, 27), latest=date(2024, 1, 15))
    columns = encode_table(table)
    assert {key: str(column.dtype) for key, column in columns.items()} == {
        "gaps": "uint8",
        "opens": "int16",
        "closes": "int16",
    }
    # Without New Year's Day and the weekends; 10:00 in Sydney is 23:00 UTC of the day before.
    assert columns["gaps"].tolist() == [0, 1, 1, 4, 1, 1, 1, 3, 1, 1, 1, 1, 3]
    assert set(columns["opens"].tolist()) == {-60}
    assert columns["closes"].tolist() == [300, 300, 190, *[300] * 10]


def broken(**changes: list[int]) -> SessionTable:
    days = np.array([19_723, 19_724])
    columns = {
        "days": days,
        "opened_at_us": days * DAY_US + DAY_US // 4,
        "closed_at_us": days * DAY_US + DAY_US // 2,
    }
    columns |= {key: np.array(value) for key, value in changes.items()}
    return SessionTable(timezone="UTC", covers_from=date(2024, 1, 1), covers_to=date(2024, 1, 2), **columns)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (broken(days=[19_723, 19_723]), "dates must strictly increase; broken at 2024-01-01"),
        (
            broken(opened_at_us=[19_723 * DAY_US, 19_725 * DAY_US]),
            "must open before it closes; broken at 2024-01-02",
        ),
        (broken(opened_at_us=[19_723 * DAY_US] * 2), "must not begin before the last one has closed"),
        (broken(closed_at_us=[19_723 * DAY_US + DAY_US // 2, 19_726 * DAY_US]), "must close on its date"),
        (broken(opened_at_us=[19_723 * DAY_US + 1, 19_724 * DAY_US]), "must be whole minutes"),
        (broken(days=[], opened_at_us=[], closed_at_us=[]), "at least one session"),
    ],
)
def test_a_table_that_breaks_an_invariant_is_refused(table: SessionTable, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        encode_table(table)
