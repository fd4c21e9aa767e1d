"""From a table to checked columns per symbol: the declared source decides what each cell means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qtrader.errors import ConfigError, DataError
from qtrader.market.calendars import get_calendar
from qtrader.market.intervals import DAILY
from qtrader.market.tape import Longs
from qtrader.market.tape_build import SymbolColumns, price_faults
from qtrader.services.data.checks import (
    PRICES,
    Numbers,
    RowExplanation,
    is_descending,
    known_volume,
    number_faults,
    read_numbers,
    refuse_disorder,
    sift,
    widen,
)
from qtrader.services.data.columns import Found, find_columns
from qtrader.services.data.presets import PRESETS, Preset
from qtrader.services.data.report import SeriesReport
from qtrader.services.data.source import DataSource, PriceBasis
from qtrader.services.data.spans import interval_of, spans_of
from qtrader.services.data.tables import Table
from qtrader.services.data.timestamps import BarTimes, local_days, read_times


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The checked bars of one symbol and interval from one table."""

    columns: SymbolColumns
    report: SeriesReport
    notes: tuple[str, ...]
    preset: Preset | None = None
    #: (ex-date as days since 1970-01-01, amount or ratio) that stand beside the prices.
    dividends: tuple[tuple[int, str], ...] = ()
    splits: tuple[tuple[int, str], ...] = ()


def symbol_of_file(path: Path, source: DataSource) -> str | None:
    """Return the symbol that a file's name gives, or None where the source takes it from elsewhere.

    Raises:
        DataError: the name does not fit the declared pattern.
    """
    if source.symbol is not None or source.symbol_from == "column":
        return source.symbol
    pattern = source.symbol_pattern
    if pattern is None and source.preset is not None:
        pattern = next((variant.symbol_pattern for variant in PRESETS[source.preset]), None)
    if pattern is None:
        return (
            path.name.split(".csv")[0].split(".parquet")[0].removesuffix(".txt").removesuffix(".pq")
            or path.name
        )
    match = re.search(pattern, path.name)
    if match is None or not match[1]:
        msg = f"{path}: the file's name does not fit symbol_pattern {pattern!r}"
        raise DataError(msg)
    return match[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A table whose columns are found, with what its cells mean."""

    table: Table
    source: DataSource
    name: str
    found: Found

    @property
    def timezone(self) -> str | None:
        preset = self.found.preset
        return self.source.timezone or (preset.timezone if preset else None)

    @property
    def bar_label(self) -> str | None:
        preset = self.found.preset
        return self.source.bar_label or (preset.bar_label if preset else None)

    def cells(self, field: str, rows: Longs) -> pl.Series | None:
        column = self.found.columns.get(field)
        return None if column is None else self.table.frame[column][rows]

    def explanation(self, symbol: str) -> RowExplanation:
        return RowExplanation(self.table.place, self.table.frame, self.found.columns, symbol)


class Choice(Protocol):
    """What a reader asks about rows before it checks them."""

    def is_wanted(self, symbol: str) -> bool:
        """Tell whether a symbol's rows are to be checked and kept."""
        ...

    def sessions(self, symbol: str, times: BarTimes, source: DataSource) -> Longs | None:
        """Return the rows whose dates are asked for, or None for all."""
        ...


def load_table(
    table: Table, source: DataSource, name: str, file_symbol: str | None, choice: Choice
) -> Iterator[Series]:
    """Read a table into checked series, one per symbol that is wanted.

    Args:
        table: the rows.
        source: what they mean.
        name: the source's name, for the report.
        file_symbol: the symbol that the file's name gives.
        choice: says which symbols and dates are wanted; other rows are neither checked nor kept.

    Raises:
        DataError: naming place, symbol, row and rule.
        ConfigError: something must be declared that the data do not tell.
    """
    if not table.frame.height:
        table.place.refuse("holds no rows")
    found = find_columns(table.frame.columns, source, table.place)
    job = _Job(table, source, name, found)
    notes = table.notes + found.notes
    for symbol, rows in _rows_by_symbol(job, file_symbol):
        if not choice.is_wanted(symbol):
            continue
        series = _load_symbol(job, symbol, rows, notes, choice)
        if series is not None:
            yield series
            notes = ()


def _rows_by_symbol(job: _Job, file_symbol: str | None) -> Iterator[tuple[str, Longs]]:
    table, source = job.table, job.source
    frame, column = table.frame, job.found.columns.get("symbol")
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    rows = np.flatnonzero(~blank).astype(np.int64, copy=False)
    if not len(rows):
        table.place.refuse("holds no rows")
    fixed = source.symbol or table.symbol
    if source.symbol_from == "column" and column is None:
        table.place.refuse(
            "symbol_from is column, but no column holds symbols; declare columns: {symbol: name}"
        )
    if fixed is None and (column is None or source.symbol_from == "file_name"):
        fixed = file_symbol
    if column is None or (fixed is not None and source.symbol_from == "file_name"):
        if fixed is None:
            msg = f"{table.place.name}: no column holds symbols and no name is given; declare symbol"
            raise ConfigError(msg)
        yield fixed, rows
        return
    names = frame[column].cast(pl.String).str.strip_chars()[rows]
    missing = names.is_null() | (names == "")
    if missing.any():
        table.place.refuse_row(int(rows[int(missing.arg_max() or 0)]), f"the symbol ({column}) is missing")
    distinct = names.unique().sort().to_list()
    if fixed is not None:
        if len(distinct) > 1:
            table.place.refuse(
                f"symbol {fixed!r} is declared, but column {column!r} holds several: {distinct[:5]}"
            )
        yield fixed, rows
        return
    codes = names.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(distinct) + 1))
    for code, symbol in enumerate(distinct):
        yield str(symbol), rows[order[bounds[code] : bounds[code + 1]]]


def _load_symbol(
    job: _Job, symbol: str, rows: Longs, notes: tuple[str, ...], choice: Choice
) -> Series | None:
    source, place, explain = job.source, job.table.place, job.explanation(symbol)
    times = _times(job, rows)
    dividends, splits = _actions_beside(job, rows, times, explain)
    chosen = choice.sessions(symbol, times, source)
    if chosen is not None:
        rows, times = rows[chosen], times.take(chosen)
        if not len(rows):
            return None
    numbers = _numbers(job, rows)
    raw = _columns(symbol, source.interval or DAILY, times, numbers, job.found.preset)
    widened, widened_count = widen(raw)
    keep, dropped = sift(_faults(numbers, widened, times, source), source.on_bad_bar, rows, explain)
    if not keep.any():
        place.refuse(f"{symbol}: every row breaks a rule: {dropped}")
    kept = np.flatnonzero(keep)
    is_reversed = is_descending(times.values[kept])
    if is_reversed:
        kept = kept[::-1]
        notes = (*notes, f"{place.label}: {symbol}: the rows run backwards in time and were reversed")
    rows, times, bars = rows[kept], times.take(kept), widened.take(kept)
    refuse_disorder(times.values, rows, explain)
    series = f"{place.name}: {symbol}"
    interval, interval_notes = interval_of(times, source, series, f"{place.label}: {symbol}")
    opened, closed = spans_of(times, interval, source, job.bar_label, series)
    report = SeriesReport(
        source=job.name,
        place=place.label,
        symbol=symbol,
        interval=interval,
        rows_read=len(keep),
        rows_kept=len(rows),
        dropped=dropped,
        widened=widened_count,
        is_reversed=is_reversed,
    )
    return Series(
        replace(bars, interval=interval, opened_at_us=opened, closed_at_us=closed),
        report,
        notes + interval_notes,
        job.found.preset,
        dividends=dividends,
        splits=splits,
    )


def _times(job: _Job, rows: Longs) -> BarTimes:
    preset, source = job.found.preset, job.source
    column = job.table.frame[job.found.columns["time"]]
    return read_times(
        column[rows],
        job.table.place.select(rows),
        time_of_day=job.cells("time_of_day", rows),
        time_format=source.time_format or (preset.time_format if preset else None),
        timezone=job.timezone,
        is_daily=None if source.interval is None else source.interval == DAILY,
    )


def _numbers(job: _Job, rows: Longs) -> dict[str, Numbers]:
    found = {field: job.cells(field, rows) for field in (*PRICES, "volume")}
    place = job.table.place
    return {field: read_numbers(cells, field, place) for field, cells in found.items() if cells is not None}


def _columns(
    symbol: str, interval: str, times: BarTimes, numbers: Mapping[str, Numbers], preset: Preset | None
) -> SymbolColumns:
    return SymbolColumns(
        symbol=symbol,
        interval=interval,
        opened_at_us=times.values,
        closed_at_us=times.values,
        open=numbers["open"].values,
        high=numbers["high"].values,
        low=numbers["low"].values,
        close=numbers["close"].values,
        volume=known_volume(numbers.get("volume"), preset.unknown_volume if preset else None),
    )


def _faults(
    numbers: Mapping[str, Numbers], columns: SymbolColumns, times: BarTimes, source: DataSource
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield from number_faults(numbers)
    yield from price_faults(columns)
    if times.is_dates and source.calendar is not None:
        calendar = get_calendar(source.calendar)
        outside = ~calendar.is_session(times.values)
        if outside.any():
            first, last = (
                np.datetime64(day, "D").astype(int) for day in (calendar.covers_from, calendar.covers_to)
            )
            uncovered = times.values[(times.values < first) | (times.values > last)]
            if len(uncovered):
                calendar.dates_to_sessions(uncovered[:1])
        yield f"the date must be a session of {calendar.name}", outside


def _actions_beside(
    job: _Job, rows: Longs, times: BarTimes, explain: RowExplanation
) -> tuple[tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]]:
    zone = job.timezone or times.zone or "UTC"
    days = times.values if times.is_dates else local_days(times.values, zone)
    return _amounts(job, "dividend", rows, days, explain), _amounts(job, "split", rows, days, explain)


def _amounts(
    job: _Job, field: str, rows: Longs, days: Longs, explain: RowExplanation
) -> tuple[tuple[int, str], ...]:
    cells = job.cells(field, rows)
    if cells is None:
        return ()
    numbers = read_numbers(cells, field, job.table.place)
    if numbers.unreadable.any():
        explain.refuse(int(rows[int(numbers.unreadable.argmax())]), f"{field} must be a number")
    # Vendors write 0 where nothing happened, and a split coefficient of 1.
    nothing = numbers.missing | np.isnan(numbers.values) | (numbers.values == 0.0)
    if field == "split":
        nothing |= numbers.values == 1.0
    return tuple((int(days[row]), _text(cells[int(row)])) for row in np.flatnonzero(~nothing))


def _text(cell: Any) -> str:
    return repr(cell) if isinstance(cell, float) else str(cell).strip()


def price_basis(source: DataSource, preset: Preset | None, *, has_actions: bool, place: str) -> PriceBasis:
    """Return which actions the prices include: declared, the preset's, or raw where it makes no difference.

    Raises:
        ConfigError: there are corporate actions and nobody says whether the prices include them.
    """
    if source.prices is not None:
        return source.prices
    if preset is not None and preset.prices is not None:
        return PriceBasis(preset.prices)
    if has_actions or preset is not None:
        note = preset.note if preset else ""
        allowed = " | ".join(basis.value for basis in PriceBasis)
        msg = f"{place}: prices must be declared: {allowed}" + (f"; {note}" if note else "")
        raise ConfigError(msg)
    return PriceBasis.RAW
