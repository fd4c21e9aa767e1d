"""From a table to checked columns per symbol: the declared source decides what each cell means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from qtrader.errors import ConfigError, DataError
from qtrader.market.intervals import DAILY
from qtrader.market.tape import Longs
from qtrader.market.tape_build import SymbolColumns
from qtrader.services.data.checks import has_volume, is_descending, refuse_disorder, sift, widen
from qtrader.services.data.columns import find_columns
from qtrader.services.data.partitions import partition_symbol
from qtrader.services.data.presets import PRESETS, Preset
from qtrader.services.data.report import SeriesReport
from qtrader.services.data.rows import (
    Amounts,
    Job,
    actions_beside,
    columns_of,
    faults_of,
    numbers_of,
    rows_by_symbol,
    times_of,
)
from qtrader.services.data.source import DataSource, OnBadBar, PriceBasis
from qtrader.services.data.spans import interval_of, spans_of
from qtrader.services.data.tables import Table
from qtrader.services.data.timestamps import BarTimes


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The checked bars of one symbol and interval from one table."""

    columns: SymbolColumns
    report: SeriesReport
    notes: tuple[str, ...]
    preset: Preset | None = None
    #: (ex-date as days since 1970-01-01, amount or ratio) that stand beside the prices.
    dividends: Amounts = ()
    splits: Amounts = ()


def symbol_of_file(path: Path, source: DataSource) -> str | None:
    """Return the symbol that a file's name or folders give; None where the source takes it from elsewhere.

    Raises:
        DataError: the name does not fit the declared pattern.
    """
    if source.symbol is not None or source.symbol_from == "column":
        return source.symbol
    pattern = source.symbol_pattern
    if pattern is None and source.preset is not None:
        pattern = next((variant.symbol_pattern for variant in PRESETS[source.preset]), None)
    if pattern is None:
        return partition_symbol(path, source) or (
            path.name.split(".csv")[0].split(".parquet")[0].removesuffix(".txt").removesuffix(".pq")
            or path.name
        )
    match = re.search(pattern, path.name)
    if match is None or not match[1]:
        msg = f"{path}: the file's name does not fit symbol_pattern {pattern!r}"
        raise DataError(msg)
    return match[1]


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
    job = Job(table, source, name, found)
    notes = table.notes + found.notes
    for symbol, rows in rows_by_symbol(job, file_symbol):
        if not choice.is_wanted(symbol):
            continue
        series = _load_symbol(job, symbol, rows, notes, choice)
        if series is not None:
            yield series
            notes = ()


@dataclass(frozen=True, slots=True, eq=False)
class CheckedRows:
    """Rows of one symbol that passed the rules of a bar, in the table's order, and what became of the others.

    The times of `bars` are those of the table, not yet spans; `first_bad` gives the first row that broke each
    rule, in the order of the rules and -1 where none did, if it was asked for.
    """

    rows: Longs
    times: BarTimes
    bars: SymbolColumns
    rows_read: int
    dropped: dict[str, int]
    widened: int
    dividends: Amounts
    splits: Amounts
    first_bad: Mapping[str, int]
    has_volume: bool = True


def check_rows(
    job: Job, symbol: str, rows: Longs, choice: Choice, *, is_part: bool = False, is_daily: bool | None = None
) -> CheckedRows:
    """Read and check the rows of one symbol, without the rules about what comes after what.

    Args:
        job: the table.
        symbol: whose rows.
        rows: their places in the table.
        choice: says which dates are wanted.
        is_part: the table is a part of a file: bad rows are left out, for the whole to judge.
        is_daily: what is known of the other parts' times.
    """
    source, explain = job.source, job.explanation(symbol)
    times = times_of(job, rows, is_daily=is_daily)
    dividends, splits = actions_beside(job, rows, times, explain)
    chosen = choice.sessions(symbol, times, source)
    if chosen is not None:
        rows, times = rows[chosen], times.take(chosen)
    numbers, preset = numbers_of(job, rows), job.found.preset
    raw = columns_of(symbol, source.interval or DAILY, times, numbers, preset, is_part=is_part)
    widened, widened_count = widen(raw)
    first_bad: dict[str, int] = {}
    keep, dropped = sift(
        faults_of(numbers, widened, times, source),
        OnBadBar.DROP if is_part else source.on_bad_bar,
        rows,
        explain,
        first_bad if is_part else None,
    )
    kept = np.flatnonzero(keep)
    return CheckedRows(
        rows[kept],
        times.take(kept),
        widened.take(kept),
        rows_read=len(keep),
        dropped=dropped,
        widened=widened_count,
        dividends=dividends,
        splits=splits,
        first_bad=first_bad,
        has_volume=not is_part
        or has_volume(numbers.get("volume"), preset.unknown_volume if preset else None),
    )


def _load_symbol(job: Job, symbol: str, rows: Longs, notes: tuple[str, ...], choice: Choice) -> Series | None:
    source, place = job.source, job.table.place
    checked = check_rows(job, symbol, rows, choice)
    if not checked.rows_read:
        return None
    if not len(checked.rows):
        place.refuse(f"{symbol}: every row breaks a rule: {checked.dropped}")
    rows, times, bars = checked.rows, checked.times, checked.bars
    is_reversed = is_descending(times.values)
    if is_reversed:
        backwards = np.arange(len(rows))[::-1]
        rows, times, bars = rows[backwards], times.take(backwards), bars.take(backwards)
        notes = (*notes, reversed_note(place.label, symbol))
    refuse_disorder(times.values, rows, job.explanation(symbol))
    series = f"{place.name}: {symbol}"
    interval, interval_notes = interval_of(times, source, series, f"{place.label}: {symbol}")
    opened, closed = spans_of(times, interval, source, job.bar_label, series)
    report = SeriesReport(
        source=job.name,
        place=place.label,
        symbol=symbol,
        interval=interval,
        rows_read=checked.rows_read,
        rows_kept=len(rows),
        dropped=checked.dropped,
        widened=checked.widened,
        is_reversed=is_reversed,
    )
    return Series(
        replace(bars, interval=interval, opened_at_us=opened, closed_at_us=closed),
        report,
        notes + interval_notes,
        job.found.preset,
        dividends=checked.dividends,
        splits=checked.splits,
    )


def reversed_note(label: str, symbol: str) -> str:
    """Say that rows were reversed."""
    return f"{label}: {symbol}: the rows run backwards in time and were reversed"


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
