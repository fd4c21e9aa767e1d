"""When bars open and close: from the times that a source gives to the instants of the tape.

A daily bar lasts as long as its calendar's session, or from 00:00 to 24:00 UTC without a calendar. An
intraday bar begins or ends at its time, as the label says, and lasts one interval.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qtrader.errors import ConfigError, DataError
from qtrader.market.calendars import get_calendar
from qtrader.market.intervals import DAILY, DAY_US, interval_name, interval_us
from qtrader.market.tape import Longs
from qtrader.services.data.source import BarLabel, DataSource
from qtrader.services.data.timestamps import BarTimes


def interval_of(
    times: BarTimes, source: DataSource, series: str, shown: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return the interval of bars, declared or detected, and what to note about it.

    Args:
        times: when the bars are.
        source: what is declared.
        series: what errors call the bars.
        shown: what notes call them; empty: as `series`.

    Raises:
        DataError: the bars are closer together than the declared interval.
        ConfigError: the bars do not tell their interval.
    """
    if times.is_dates:
        return DAILY, ()
    steps = np.diff(times.values)
    if source.interval is not None:
        close_steps = int(np.count_nonzero(steps < interval_us(source.interval)))
        if close_steps * 2 > len(steps):
            raise _too_close(source.interval, int(np.median(steps)), series)
        return source.interval, ()
    return _detected(*np.unique(steps, return_counts=True), series, shown)


def interval_of_steps(
    steps: Mapping[int, int], source: DataSource, series: str, shown: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return the interval of intraday bars as `interval_of`, from how often each step between them occurs."""
    values = np.array(sorted(steps), dtype=np.int64)
    counts = np.array([steps[value] for value in values.tolist()], dtype=np.int64)
    if source.interval is None:
        return _detected(values, counts, series, shown)
    length_us = interval_us(source.interval)
    if int(counts[values < length_us].sum()) * 2 > int(counts.sum()):
        ends = np.cumsum(counts)
        middle = [
            int(values[np.searchsorted(ends, int(ends[-1] - 1) // 2 + rest, "right")]) for rest in (0, 1)
        ]
        usual = middle[0] if ends[-1] % 2 else sum(middle) // 2
        raise _too_close(source.interval, usual, series)
    return source.interval, ()


def _too_close(interval: str, usual_us: int, series: str) -> DataError:
    return DataError(
        f"{series}: the interval is declared as {interval}, but most bars are closer together: "
        f"the usual step is {usual_us / 1e6:g} s"
    )


def _detected(steps: Longs, counts: Longs, series: str, shown: str) -> tuple[str, tuple[str, ...]]:
    if not len(steps):
        msg = f"{series}: one bar does not tell its interval; declare interval, for example 1m"
        raise ConfigError(msg)
    usual = int(steps[int(counts.argmax())])
    if usual != int(steps[0]) or usual > DAY_US:
        msg = (
            f"{series}: the interval is not clear: the shortest step is {int(steps[0]) / 1e6:g} s, the "
            f"most frequent {usual / 1e6:g} s; declare interval, for example 1m"
        )
        raise ConfigError(msg)
    name = interval_name(usual)
    return name, (f"{shown or series}: interval detected: {name}",)


def spans_of(
    times: BarTimes,
    interval: str,
    source: DataSource,
    label: str | None,
    series: str,
    *,
    before_us: int | None = None,
) -> tuple[Longs, Longs]:
    """Return when bars open and close, in microseconds since the Unix epoch.

    Args:
        times: when the bars are, in order.
        interval: how long intraday ones last.
        source: what is declared.
        label: which end of a bar its time names.
        series: what errors call the bars.
        before_us: the time of the bar that comes before these, in the same file.

    Raises:
        DataError: a date is no session of the calendar.
        ConfigError: the bars are intraday and nobody says which end their times name.
    """
    if times.is_dates:
        if source.calendar is not None:
            return get_calendar(source.calendar).dates_to_sessions(times.values)
        return times.values * DAY_US, (times.values + 1) * DAY_US
    if label is None:
        msg = (
            f"{series}: the bars are intraday, so that bar_label must say which end of a bar its "
            "time names: open | close"
        )
        raise ConfigError(msg)
    length_us = np.int64(interval_us(interval))
    if label == BarLabel.OPEN:
        return times.values, times.values + length_us
    opened = times.values - length_us
    # A session's last bar may be shorter; it cannot begin before the bar that comes first has ended.
    opened[1:] = np.maximum(opened[1:], times.values[:-1])
    if before_us is not None:
        opened[:1] = np.maximum(opened[:1], before_us)
    return opened, times.values
