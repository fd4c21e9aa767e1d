"""Times of bars: from whatever a column holds to dates or to instants in UTC.

A column of dates, or of midnights in its zone, names sessions; every other one names instants. A time without
a zone is no instant: the zone must be declared, and times that a change of clocks makes double or impossible
are refused, as are fractions below a microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qtrader.clock import to_epoch_us
from qtrader.market.intervals import DAY_US
from qtrader.services.data.tables import Place

Longs = NDArray[np.int64]

_EPOCH_US = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_EPOCH_FORMATS = ("epoch", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
#: Integers in this range are dates written as yyyymmdd.
_COMPACT_DATES = (10_000_101, 99_991_231)
_PATTERN = (
    r"^(?<year>[0-9]{4})[-/]?(?<month>[0-9]{2})[-/]?(?<day>[0-9]{2})"
    r"(?:[T ]+(?<hour>[0-9]{2}):?(?<minute>[0-9]{2})(?::?(?<second>[0-9]{2})(?:\.(?<fraction>[0-9]+))?)?)?"
    r"\s*(?<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?|[A-Za-z_]+(?:/[A-Za-z_]+)+|UTC|GMT)?$"
)


@dataclass(frozen=True, slots=True, eq=False)
class BarTimes:
    """Either dates, as days since 1970-01-01, or instants, as microseconds since the Unix epoch."""

    values: Longs
    is_dates: bool
    #: The zone that dates or naive times were read in; None where no zone played a part.
    zone: str | None

    def take(self, rows: Longs) -> BarTimes:
        """Return these rows only."""
        return BarTimes(self.values[rows], self.is_dates, self.zone)


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """Microseconds, of a local clock without a zone or since the epoch with one."""

    values: Longs
    is_local: bool
    zone: str | None


def read_times(
    column: pl.Series,
    place: Place,
    *,
    time_of_day: pl.Series | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
    is_daily: bool | None = None,
) -> BarTimes:
    """Read a column of times.

    Args:
        column: dates, datetimes, text or integers.
        place: for messages.
        time_of_day: a second column of text or integers (hhmm or hhmmss) that completes dates.
        time_format: epoch_s, epoch_ms, epoch_us, epoch_ns, epoch (the unit goes by the size), or a strptime
            pattern.
        timezone: of times that have none, and in which instants of daily bars become dates.
        is_daily: whether the bars are daily; None lets midnights decide.

    Raises:
        DataError: naming the row and what it holds.
    """
    raw = _read(column, place, time_of_day, time_format, timezone)
    local = raw.values if raw.is_local else _to_local(raw.values, raw.zone or "UTC")
    off_midnight = local % DAY_US != 0
    if is_daily is not False and not off_midnight.any():
        return BarTimes(local // DAY_US, is_dates=True, zone=raw.zone)
    if is_daily:
        row = int(off_midnight.argmax())
        zone = "" if raw.zone is None else f" in {raw.zone}"
        place.refuse_row(
            row,
            f"the time of a daily bar must be a date, or midnight{zone}; found "
            f"{_shown(column, time_of_day, row)}",
        )
    if not raw.is_local:
        return BarTimes(raw.values, is_dates=False, zone=raw.zone)
    if timezone is None:
        row = int(off_midnight.argmax())
        found = _shown(column, time_of_day, row)
        place.refuse_row(
            row, f"the time has no zone; declare timezone, for example America/New_York or UTC; found {found}"
        )
    return BarTimes(
        _to_instants(raw.values, timezone, column, time_of_day, place), is_dates=False, zone=timezone
    )


def local_days(instants_us: Longs, zone: str) -> Longs:
    """Return the dates, as days since 1970-01-01, that instants have in a zone."""
    return _to_local(instants_us, zone) // DAY_US


def midnight_us(day: int, zone: str) -> int:
    """Return the instant at which a day, counted from 1970-01-01, begins in a zone."""
    return to_epoch_us((datetime(1970, 1, 1) + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone)))  # noqa: DTZ001 - the zone follows


def _read(
    column: pl.Series,
    place: Place,
    time_of_day: pl.Series | None,
    time_format: str | None,
    timezone: str | None,
) -> _Raw:
    if time_of_day is not None:
        return _from_text(_joined(column, time_of_day, place), place, time_format, timezone)
    missing = column.is_null()
    if missing.any():
        place.refuse_row(int(missing.arg_max() or 0), f"the time ({column.name}) is missing")
    kind = column.dtype
    if kind == pl.String:
        return _from_text(column, place, time_format, timezone)
    if kind.is_integer():
        return _from_integers(column, place, time_format, timezone)
    if not kind.is_temporal() or kind in {pl.Time, pl.Duration}:
        place.refuse(
            f"the times ({column.name}) are {kind}; allowed are dates, datetimes of one zone, text and "
            "integers"
        )
    if not isinstance(kind, pl.Datetime):
        return _Raw(column.cast(pl.Int64).to_numpy() * DAY_US, is_local=True, zone=timezone)
    values = _microseconds(column.to_physical(), kind.time_unit, place, column)
    return _Raw(values, is_local=kind.time_zone is None, zone=timezone or kind.time_zone)


def _from_integers(column: pl.Series, place: Place, time_format: str | None, timezone: str | None) -> _Raw:
    if time_format in _EPOCH_FORMATS:
        return _from_epoch(column.cast(pl.Int64), str(time_format), place, timezone)
    if not column.is_between(*_COMPACT_DATES).all():
        place.refuse(
            f"the times ({column.name}) are integers; declare time_format: {' | '.join(_EPOCH_FORMATS)}; "
            f"found {column[0]!r}"
        )
    return _from_text(column.cast(pl.String), place, time_format, timezone)


def _joined(dates: pl.Series, times: pl.Series, place: Place) -> pl.Series:
    for part in (dates, times):
        missing = part.is_null()
        if missing.any():
            place.refuse_row(int(missing.arg_max() or 0), f"the time ({part.name}) is missing")
    day = dates.cast(pl.String).str.strip_chars()
    clock = times.cast(pl.String).str.strip_chars()
    # 93000 is 09:30:00 written as a number; four digits or fewer are hours and minutes.
    bare = clock.str.contains(r"^[0-9]{1,6}$")
    longest = clock.str.len_chars().max()
    width = 6 if isinstance(longest, int) and longest > 4 else 4
    padded = clock.str.zfill(width)
    return (day + " " + padded.zip_with(bare, clock)).rename(dates.name) if bare.all() else day + " " + clock


def _from_epoch(column: pl.Series, time_format: str, place: Place, timezone: str | None) -> _Raw:
    numbers = column.to_numpy()
    if time_format == "epoch_ns":
        return _Raw(_microseconds(column, "ns", place, column), is_local=False, zone=timezone or "UTC")
    if time_format == "epoch":
        size = np.abs(numbers)
        if (size >= 10**17).any():
            return _Raw(_microseconds(column, "ns", place, column), is_local=False, zone=timezone or "UTC")
        scale = np.where(size >= 10**14, 1, np.where(size >= 10**11, 1_000, 1_000_000))
        return _Raw(numbers * scale, is_local=False, zone=timezone or "UTC")
    return _Raw(numbers * np.int64(_EPOCH_US[time_format]), is_local=False, zone=timezone or "UTC")


def _microseconds(physical: pl.Series, unit: str, place: Place, shown: pl.Series) -> Longs:
    values = physical.cast(pl.Int64).to_numpy()
    if unit == "us":
        return values
    if unit == "ms":
        return values * np.int64(1_000)
    below = values % 1_000 != 0
    if below.any():
        row = int(below.argmax())
        place.refuse_row(
            row, f"the time has a part below a microsecond; found {shown[row]!s} ({values[row]} ns)"
        )
    return values // np.int64(1_000)


def _from_text(column: pl.Series, place: Place, time_format: str | None, timezone: str | None) -> _Raw:
    text = column.str.strip_chars()
    missing = text.is_null()
    if missing.any():
        place.refuse_row(int(missing.arg_max() or 0), f"the time ({column.name}) is missing")
    if time_format in _EPOCH_FORMATS:
        numbers = text.cast(pl.Int64, strict=False)
        _refuse_unread(numbers, text, place, f"{time_format}, an integer")
        return _from_epoch(numbers, str(time_format), place, timezone)
    if time_format is not None:
        return _from_pattern(text, time_format, place, timezone)
    days = text.str.to_date("%Y-%m-%d", strict=False)
    if not days.has_nulls():
        return _Raw(days.cast(pl.Int64).to_numpy() * DAY_US, is_local=True, zone=timezone)
    return _from_iso(text, place, timezone)


def _from_pattern(text: pl.Series, time_format: str, place: Place, timezone: str | None) -> _Raw:
    try:
        if any(part in time_format for part in ("%H", "%I", "%T", "%R", "%X", "%s")):
            parsed = text.str.to_datetime(time_format, strict=False, time_unit="us")
        else:
            parsed = text.str.to_date(time_format, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        place.refuse(f"time_format {time_format!r} does not work: {error}")
    _refuse_unread(parsed, text, place, f"a time of the form {time_format}")
    zone = parsed.dtype.time_zone if isinstance(parsed.dtype, pl.Datetime) else None
    values = parsed.to_physical().to_numpy()
    return _Raw(values, is_local=zone is None, zone=timezone or zone)


def _from_iso(text: pl.Series, place: Place, timezone: str | None) -> _Raw:
    parts = text.str.extract_groups(_PATTERN).struct.unnest()
    day = (parts["year"] + "-" + parts["month"] + "-" + parts["day"]).str.to_date("%Y-%m-%d", strict=False)
    clock = {
        name: parts[name].cast(pl.Int64).fill_null(0).to_numpy() for name in ("hour", "minute", "second")
    }
    valid = (clock["hour"] < 24) & (clock["minute"] < 60) & (clock["second"] < 60)
    _refuse_unread(
        day.zip_with(pl.Series(valid), pl.Series([None], dtype=pl.Date).new_from_index(0, len(day))),
        text,
        place,
        "a date or time as in ISO 8601, for example 2020-01-31 or 2020-01-31T09:30:00Z; for others "
        "declare time_format",
    )
    fraction = parts["fraction"].fill_null("")
    below = fraction.str.slice(6).str.contains("[1-9]")
    if below.any():
        row = int(below.arg_max() or 0)
        place.refuse_row(row, f"the time has a part below a microsecond; found {text[row]!r}")
    fraction_us = fraction.str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64).to_numpy()
    seconds = clock["hour"] * 3_600 + clock["minute"] * 60 + clock["second"]
    values = day.cast(pl.Int64).to_numpy() * DAY_US + seconds * 1_000_000 + fraction_us
    return _with_zones(values, parts["zone"], text, place, timezone)


def _with_zones(values: Longs, zones: pl.Series, text: pl.Series, place: Place, timezone: str | None) -> _Raw:
    missing = zones.is_null()
    if missing.all():
        return _Raw(values, is_local=True, zone=timezone)
    if missing.any():
        row = int((missing != missing[0]).arg_max() or 0)
        place.refuse_row(
            row, f"some times have a zone and some have none; found {text[0]!r} and {text[row]!r}"
        )
    names = zones.unique().to_list()
    offsets = {name: _offset_us(name) for name in names}
    if all(offset is not None for offset in offsets.values()):
        shift = zones.replace_strict(offsets, return_dtype=pl.Int64).to_numpy()
        return _Raw(values - shift, is_local=False, zone=timezone or "UTC")
    if len(names) > 1:
        row = int((zones != zones[0]).arg_max() or 0)
        place.refuse_row(row, f"the times are of several zones; found {text[0]!r} and {text[row]!r}")
    zone = str(names[0])
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        place.refuse_row(0, f"the zone {zone!r} is unknown; found {text[0]!r}")
    return _Raw(_to_instants(values, zone, text, None, place), is_local=False, zone=timezone or zone)


def _offset_us(zone: str) -> int | None:
    if zone in {"Z", "UTC", "GMT"}:
        return 0
    if zone[0] not in "+-":
        return None
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    return (hours * 3_600 + minutes * 60) * 1_000_000 * (-1 if zone[0] == "-" else 1)


def _refuse_unread(parsed: pl.Series, text: pl.Series, place: Place, allowed: str) -> None:
    unread = parsed.is_null()
    if unread.any():
        row = int(unread.arg_max() or 0)
        place.refuse_row(
            row, f"the time ({text.name}) cannot be read; found {text[row]!r}; allowed is {allowed}"
        )


def _to_local(instants_us: Longs, zone: str) -> Longs:
    if zone == "UTC":
        return instants_us
    aware = pl.Series(instants_us).cast(pl.Datetime("us", "UTC"))
    return aware.dt.convert_time_zone(zone).dt.replace_time_zone(None).to_physical().to_numpy()


def _to_instants(
    local_us: Longs, zone: str, column: pl.Series, time_of_day: pl.Series | None, place: Place
) -> Longs:
    naive = pl.Series(local_us).cast(pl.Datetime("us"))
    aware = naive.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    if aware.has_nulls():
        row = int(aware.is_null().arg_max() or 0)
        found = _shown(column, time_of_day, row)
        place.refuse_row(
            row,
            f"the clocks of {zone} change, so that this time is double or does not exist; found {found}; "
            "use UTC",
        )
    return aware.dt.convert_time_zone("UTC").to_physical().to_numpy()


def _shown(column: pl.Series, time_of_day: pl.Series | None, row: int) -> str:
    return f"{column[row]!s}" if time_of_day is None else f"{column[row]!s} {time_of_day[row]!s}"
