"""The rows of a table: what each cell means, symbol by symbol, before anything is checked or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qtrader.errors import ConfigError
from qtrader.market.calendars import get_calendar
from qtrader.market.intervals import DAILY
from qtrader.market.tape import Longs
from qtrader.market.tape_build import SymbolColumns, price_faults
from qtrader.services.data.checks import (
    PRICES,
    Numbers,
    RowExplanation,
    known_volume,
    number_faults,
    read_numbers,
    volume_of,
)
from qtrader.services.data.columns import Found
from qtrader.services.data.presets import Preset
from qtrader.services.data.source import DataSource
from qtrader.services.data.tables import Table
from qtrader.services.data.timestamps import BarTimes, local_days, read_times

#: (date as days since 1970-01-01, amount or ratio as the source writes it), in the order of the rows.
Amounts = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A table whose columns are found, with what its cells mean."""

    table: Table
    source: DataSource
    name: str
    found: Found

    @property
    def timezone(self) -> str | None:
        """The zone of times that have none."""
        preset = self.found.preset
        return self.source.timezone or (preset.timezone if preset else None)

    @property
    def bar_label(self) -> str | None:
        """Which end of an intraday bar its time names."""
        preset = self.found.preset
        return self.source.bar_label or (preset.bar_label if preset else None)

    def cells(self, field: str, rows: Longs) -> pl.Series | None:
        """Return a field's cells in some rows, or None without a column."""
        column = self.found.columns.get(field)
        return None if column is None else self.table.frame[column][rows]

    def explanation(self, symbol: str) -> RowExplanation:
        """Return what explains rows of a symbol."""
        return RowExplanation(self.table.place, self.table.frame, self.found.columns, symbol)


def rows_by_symbol(
    job: Job, file_symbol: str | None, *, is_part: bool = False
) -> Iterator[tuple[str, Longs]]:
    """Give each symbol of a table, in order, with its rows; rows without any cell are left out.

    Raises:
        DataError: a row has no symbol, the symbols are not what is declared, or no row is left of a whole.
        ConfigError: nothing names the symbol.
    """
    table, source = job.table, job.source
    frame, column = table.frame, job.found.columns.get("symbol")
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    rows = np.flatnonzero(~blank).astype(np.int64, copy=False)
    if not len(rows) and not is_part:
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


def times_of(job: Job, rows: Longs, *, is_daily: bool | None = None) -> BarTimes:
    """Read the times of rows; `is_daily` says what is known of the rows of other parts of the file."""
    preset, source = job.found.preset, job.source
    column = job.table.frame[job.found.columns["time"]]
    return read_times(
        column[rows],
        job.table.place.select(rows),
        time_of_day=job.cells("time_of_day", rows),
        time_format=source.time_format or (preset.time_format if preset else None),
        timezone=job.timezone,
        is_daily=is_daily if source.interval is None else source.interval == DAILY,
    )


def numbers_of(job: Job, rows: Longs) -> dict[str, Numbers]:
    """Read the prices of rows, and their volumes if there are any."""
    found = {field: job.cells(field, rows) for field in (*PRICES, "volume")}
    place = job.table.place
    return {field: read_numbers(cells, field, place) for field, cells in found.items() if cells is not None}


def columns_of(
    symbol: str,
    interval: str,
    times: BarTimes,
    numbers: Mapping[str, Numbers],
    preset: Preset | None,
    *,
    is_part: bool = False,
) -> SymbolColumns:
    """Put columns together; whether a part's volumes are unknown is for the whole to say."""
    volume = volume_of if is_part else known_volume
    return SymbolColumns(
        symbol=symbol,
        interval=interval,
        opened_at_us=times.values,
        closed_at_us=times.values,
        open=numbers["open"].values,
        high=numbers["high"].values,
        low=numbers["low"].values,
        close=numbers["close"].values,
        volume=volume(numbers.get("volume"), preset.unknown_volume if preset else None),
    )


def faults_of(
    numbers: Mapping[str, Numbers], columns: SymbolColumns, times: BarTimes, source: DataSource
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each rule about a bar with the rows that break it, in the order of trust."""
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


def actions_beside(
    job: Job, rows: Longs, times: BarTimes, explain: RowExplanation
) -> tuple[Amounts, Amounts]:
    """Return the dividends and the splits that stand beside the prices."""
    zone = job.timezone or times.zone or "UTC"
    days = times.values if times.is_dates else local_days(times.values, zone)
    return _amounts(job, "dividend", rows, days, explain), _amounts(job, "split", rows, days, explain)


def _amounts(job: Job, field: str, rows: Longs, days: Longs, explain: RowExplanation) -> Amounts:
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
