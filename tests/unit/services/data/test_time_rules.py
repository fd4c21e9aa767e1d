"""Times: what a bar's time names, in which zone, and which times are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from qtrader.clock import from_epoch_us
from qtrader.errors import ConfigError, DataError
from qtrader.services.data.memory import load_frame

PRICES = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0}


def data(times: Any, name: str = "time") -> dict[str, Any]:
    return {name: times, **{field: [value] * len(times) for field, value in PRICES.items()}}


def spans(times: Any, **declared: Any) -> list[tuple[datetime, datetime]]:
    tape = load_frame(data(times), symbol="A", **declared).tape
    return [(bar.opened_at, bar.closed_at) for bar in tape.bars()]


def refusal(times: Any, **declared: Any) -> str:
    with pytest.raises((DataError, ConfigError)) as caught:
        spans(times, **declared)
    return str(caught.value)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


FRIDAY = (utc(2020, 3, 6, 14, 30), utc(2020, 3, 6, 21))
# Clocks in New York went forward on Sunday 2020-03-08.
MONDAY = (utc(2020, 3, 9, 13, 30), utc(2020, 3, 9, 20))


@pytest.mark.parametrize(
    ("times", "declared"),
    [
        (["2020-03-06", "2020-03-09"], {}),
        (["20200306", "20200309"], {}),
        (["2020/03/06", "2020/03/09"], {}),
        ([20200306, 20200309], {}),
        (["03/06/2020", "03/09/2020"], {"time_format": "%m/%d/%Y"}),
        ([date(2020, 3, 6), date(2020, 3, 9)], {}),
        ([datetime.fromisoformat("2020-03-06"), datetime.fromisoformat("2020-03-09")], {}),
        (np.array(["2020-03-06", "2020-03-09"], dtype="datetime64[D]"), {}),
        (np.array(["2020-03-06", "2020-03-09"], dtype="datetime64[s]"), {}),
        (np.array(["2020-03-06", "2020-03-09"], dtype="datetime64[ns]"), {}),
        (["2020-03-06 00:00:00-05:00", "2020-03-09 00:00:00-04:00"], {"timezone": "America/New_York"}),
        (
            ["2020-03-06T05:00:00Z", "2020-03-09T04:00:00Z"],
            {"timezone": "America/New_York", "interval": "1d"},
        ),
        ([1583470800, 1583726400], {"timezone": "America/New_York", "time_format": "epoch_s"}),
        ([1583470800_000, 1583726400_000], {"timezone": "America/New_York", "time_format": "epoch_ms"}),
        (
            ["1583470800000000", "1583726400000000"],
            {"timezone": "America/New_York", "time_format": "epoch_us"},
        ),
        (
            [1583470800_000_000_000, 1583726400_000_000_000],
            {"timezone": "America/New_York", "time_format": "epoch_ns"},
        ),
    ],
)
def test_daily_bars_take_open_and_close_from_the_exchange_s_session(times: Any, declared: Any) -> None:
    assert spans(times, calendar="XNYS", **declared) == [FRIDAY, MONDAY]


def test_a_date_without_a_calendar_is_the_utc_day() -> None:
    assert spans(["2020-03-07"]) == [(utc(2020, 3, 7), utc(2020, 3, 8))]
    assert spans(["2020-03-07"], timezone="America/New_York") == [(utc(2020, 3, 7), utc(2020, 3, 8))]


def test_early_closes_come_from_the_calendar() -> None:
    assert spans(["2020-11-27"], calendar="XNYS") == [(utc(2020, 11, 27, 14, 30), utc(2020, 11, 27, 18))]


def test_a_date_that_is_no_session_is_a_bad_bar() -> None:
    message = refusal(["2020-03-06", "2020-03-07"], calendar="XNYS")
    assert message.startswith(
        "data: row 2: A: the date must be a session of XNYS; found time 2020-03-07, open 10.0"
    )
    loaded = load_frame(
        data(["2020-03-06", "2020-03-07", "2020-03-09"]), symbol="A", calendar="XNYS", on_bad_bar="drop"
    )
    assert len(loaded.tape) == 2
    assert loaded.report.dropped == {"the date must be a session of XNYS": 1}
    assert "covers" in refusal(["1800-01-01"], calendar="XNYS", on_bad_bar="drop")


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        (["2020-03-06 09:30", "2020-03-06 09:31", "2020-03-09 09:30"], "America/New_York"),
        (["20200306  09:30:00", "20200306  09:31:00", "20200309  09:30:00"], "America/New_York"),
        (["20200306 093000", "20200306 093100", "20200309 093000"], "America/New_York"),
        (
            [
                datetime.fromisoformat("2020-03-06 09:30"),
                datetime.fromisoformat("2020-03-06 09:31"),
                datetime.fromisoformat("2020-03-09 09:30"),
            ],
            "America/New_York",
        ),
        (["2020-03-06T14:30:00Z", "2020-03-06T14:31:00Z", "2020-03-09T13:30:00Z"], None),
        (["2020-03-06 09:30:00-0500", "2020-03-06 09:31:00-05:00", "2020-03-09 09:30:00-04"], None),
        (
            [
                "20200306 09:30:00 America/New_York",
                "20200306 09:31:00 America/New_York",
                "20200309 09:30:00 America/New_York",
            ],
            None,
        ),
        (["06.03.2020 09:30", "06.03.2020 09:31", "09.03.2020 09:30"], "America/New_York"),
    ],
)
def test_intraday_times_become_instants(times: Any, zone: Any) -> None:
    pattern = {"time_format": "%d.%m.%Y %H:%M"} if times[0] == "06.03.2020 09:30" else {}
    found = spans(times, timezone=zone, bar_label="open", interval="1m", **pattern)
    minute = timedelta(minutes=1)
    assert found == [
        (at, at + minute)
        for at in (utc(2020, 3, 6, 14, 30), utc(2020, 3, 6, 14, 31), utc(2020, 3, 9, 13, 30))
    ]


def test_the_label_says_which_end_of_a_bar_its_time_names() -> None:
    times = ["2020-03-06T14:30:00Z", "2020-03-06T15:30:00Z", "2020-03-06T16:00:00Z"]
    assert spans(times, bar_label="open", interval="1h") == [
        (utc(2020, 3, 6, 14, 30), utc(2020, 3, 6, 15, 30)),
        (utc(2020, 3, 6, 15, 30), utc(2020, 3, 6, 16, 30)),
        (utc(2020, 3, 6, 16), utc(2020, 3, 6, 17)),
    ]
    # The last bar before the close is short: it begins where the bar before it ended.
    assert spans(times, bar_label="close", interval="1h") == [
        (utc(2020, 3, 6, 13, 30), utc(2020, 3, 6, 14, 30)),
        (utc(2020, 3, 6, 14, 30), utc(2020, 3, 6, 15, 30)),
        (utc(2020, 3, 6, 15, 30), utc(2020, 3, 6, 16)),
    ]


def test_intraday_bars_need_a_label() -> None:
    message = refusal(["2020-03-06T14:30:00Z", "2020-03-06T14:31:00Z"])
    assert (
        "the bars are intraday, so that bar_label must say which end of a bar its time names: open | close"
        in message
    )


def test_naive_intraday_times_need_a_zone() -> None:
    message = refusal(["2020-03-06 14:30", "2020-03-06 14:31"], bar_label="open")
    assert message == (
        "data: row 1: the time has no zone; declare timezone, for example America/New_York or UTC; found "
        "2020-03-06 14:30"
    )


def test_mixed_zones_are_refused() -> None:
    message = refusal(["2020-03-06 14:30Z", "2020-03-06 14:31"], bar_label="open")
    assert (
        "row 2: some times have a zone and some have none; found '2020-03-06 14:30Z' and '2020-03-06 14:31'"
        in message
    )
    message = refusal(
        ["2020-03-06 14:30 America/New_York", "2020-03-06 14:31 Europe/London"], bar_label="open"
    )
    assert "row 2: the times are of several zones" in message


@pytest.mark.parametrize("time", ["2020-03-08 02:30", "2020-11-01 01:30"])
def test_times_that_a_change_of_clocks_makes_impossible_or_double_are_refused(time: Any) -> None:
    message = refusal([time], timezone="America/New_York", bar_label="open", interval="1m")
    assert (
        "row 1: the clocks of America/New_York change, so that this time is double or does not exist; "
        f"found {time}" in message
    )


def test_parts_below_a_microsecond_are_refused() -> None:
    assert (
        spans(["2020-03-06 14:30:00.123456000Z"], bar_label="open", interval="1s")[0][0].microsecond == 123456
    )
    message = refusal(["2020-03-06 14:30:00.1234567Z"], bar_label="open", interval="1s")
    assert "row 1: the time has a part below a microsecond; found '2020-03-06 14:30:00.1234567Z'" in message
    for times, declared in [
        ([1583470800_000_000_001], {"time_format": "epoch_ns"}),
        (np.array([1583470800_000_000_001]).astype("datetime64[ns]"), {"timezone": "UTC"}),
    ]:
        assert "row 1: the time has a part below a microsecond" in refusal(
            times, bar_label="open", interval="1s", **declared
        )


@pytest.mark.parametrize(
    ("times", "declared", "message"),
    [
        (
            ["2020-01-02", "2020-13-01"],
            {},
            (
                "row 2: the time (time) cannot be read; found '2020-13-01'; allowed is a date or time as in "
                "ISO 8601"
            ),
        ),
        (["01/02/2020"], {}, "found '01/02/2020'"),
        (["2020-01-02 25:00Z"], {}, "found '2020-01-02 25:00Z'"),
        (["2020-01-02", None], {}, "row 2: the time (time) is missing"),
        (["2020-01-02", " "], {}, "row 2: the time (time) cannot be read"),
        (["2020-01-02"], {"time_format": "%d/%m/%Y"}, "allowed is a time of the form %d/%m/%Y"),
        (["x"], {"time_format": "epoch_ms"}, "allowed is epoch_ms, an integer"),
        ([1583470800], {}, "the times (time) are integers; declare time_format: epoch | epoch_s | epoch_ms"),
        (
            [1.5],
            {},
            "the times (time) are Float64; allowed are dates, datetimes of one zone, text and integers",
        ),
        (
            ["2020-03-06 16:00"],
            {"interval": "1d"},
            "row 1: the time of a daily bar must be a date, or midnight; found 2020-03-06 16:00",
        ),
        (
            ["2020-03-06 00:00Z"],
            {"interval": "1d", "timezone": "America/New_York"},
            "or midnight in America/New_York",
        ),
        (["2020-03-06 14:30 Mars/Base"], {}, "row 1: the zone 'Mars/Base' is unknown"),
    ],
)
def test_other_times_are_refused(times: Any, declared: Any, message: str) -> None:
    assert message in refusal(times, **declared)


def test_a_second_column_may_hold_the_time_of_day() -> None:
    table = {
        "day": ["2020-03-06", "2020-03-06"],
        "clock": ["09:30", "09:35"],
        **{name: [value] * 2 for name, value in PRICES.items()},
    }
    declared = {
        "columns": {"time": "day", "time_of_day": "clock"},
        "timezone": "America/New_York",
        "bar_label": "open",
    }
    (first, _second) = load_frame(table, symbol="A", **declared).tape.bars()
    assert (first.opened_at, first.interval) == (utc(2020, 3, 6, 14, 30), "5m")
    numbers = table | {"day": [20200306, 20200306], "clock": [93000, 93500]}
    (first, _second) = load_frame(numbers, symbol="A", **declared).tape.bars()
    assert first.opened_at == utc(2020, 3, 6, 14, 30)


def test_the_interval_is_detected_where_it_is_clear() -> None:
    times = ["2020-03-06T14:30:00Z", "2020-03-06T14:35:00Z", "2020-03-06T14:45:00Z", "2020-03-06T14:50:00Z"]
    loaded = load_frame(data(times), symbol="A", bar_label="open")
    assert loaded.tape.intervals == ("5m",)
    assert "data: A: interval detected: 5m" in loaded.report.notes


@pytest.mark.parametrize(
    ("times", "declared", "message"),
    [
        (["2020-03-06T14:30:00Z"], {}, "one bar does not tell its interval; declare interval"),
        (
            ["2020-03-06T14:30:00Z", "2020-03-06T14:31:00Z", "2020-03-06T14:36:00Z", "2020-03-06T14:41:00Z"],
            {},
            "the interval is not clear: the shortest step is 60 s, the most frequent 300 s",
        ),
        (
            ["2020-03-06T14:30:00Z", "2020-03-06T14:31:00Z", "2020-03-06T14:32:00Z"],
            {"interval": "1h"},
            "the interval is declared as 1h, but most bars are closer together: the usual step is 60 s",
        ),
    ],
)
def test_an_unclear_interval_is_refused(times: Any, declared: Any, message: str) -> None:
    assert message in refusal(times, bar_label="open", **declared)


def test_descending_times_are_reversed_and_noted() -> None:
    loaded = load_frame(data(["2020-03-09", "2020-03-06", "2020-03-05"]), symbol="A")
    assert [from_epoch_us(at).date().day for at in loaded.tape.opened_at_us.tolist()] == [5, 6, 9]
    assert loaded.report.series[0].is_reversed
    assert "data: A: the rows run backwards in time and were reversed" in loaded.report.notes


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            ["2020-03-05", "2020-03-06", "2020-03-06"],
            "row 3: A: the time is a duplicate of row 2; found time 2020-03-06",
        ),
        (
            ["2020-03-05", "2020-03-09", "2020-03-06"],
            "row 3: A: the time is out of order after row 2; sort the rows by time",
        ),
        (
            ["2020-03-09", "2020-03-06", "2020-03-05", "2020-03-08"],
            "row 4: A: the time is out of order after row 3",
        ),
    ],
)
@pytest.mark.parametrize("on_bad_bar", ["fail", "drop"])
def test_disorder_is_refused_even_where_bad_bars_are_dropped(
    times: Any, message: str, on_bad_bar: str
) -> None:
    assert message in refusal(times, on_bad_bar=on_bad_bar)


def test_aware_frames_of_mixed_instants_keep_them() -> None:
    times = pl.Series([utc(2020, 3, 6, 14, 30), utc(2020, 3, 6, 14, 31)]).dt.convert_time_zone("Asia/Tokyo")
    assert spans(times, bar_label="open")[0][0] == utc(2020, 3, 6, 14, 30)
