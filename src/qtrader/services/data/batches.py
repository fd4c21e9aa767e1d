"""A Parquet file too large to be read at once, in batches: the same checks, in two passes.

The first pass learns what only the whole file tells of each symbol: whether its times are dates, whether they
run backwards, which rows break which rule first, the steps between bars, whether volume is known. The second
reads the batches again and gives their bars. Memory is bounded by a batch, or by a row group where these are
larger. Times must be typed (dates, datetimes, or integers of a declared unit), because a batch of text does
not tell what the rest of the file means.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from qtrader.errors import DataError
from qtrader.market.intervals import DAILY
from qtrader.services.data.columns import Found, find_columns
from qtrader.services.data.loading import CheckedRows, Series, check_rows, reversed_note
from qtrader.services.data.readers import of_partition
from qtrader.services.data.report import SeriesReport
from qtrader.services.data.rows import Job, rows_by_symbol
from qtrader.services.data.source import OnBadBar
from qtrader.services.data.spans import interval_of_steps, spans_of
from qtrader.services.data.tables import Place, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtrader.market.tape import Longs
    from qtrader.services.data.dataset import DataFile, SourceFiles
    from qtrader.services.data.selection import Selection
    from qtrader.services.data.timestamps import BarTimes

_TIME_UNITS = ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns")


def row_count(file: DataFile) -> int:
    """Return how many rows a Parquet file has, from its metadata.

    Raises:
        DataError: it cannot be read.
    """
    try:
        counted = pl.scan_parquet(file.path, hive_partitioning=False).select(pl.len()).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error
    return int(counted.item())


class BatchedFile:
    """Read one large Parquet file of a source.

    Args:
        owner: the source.
        file: the file.
        rows: how many it has.
        batch_rows: how many are read at once.
        selection: the symbols and the range asked for.
    """

    def __init__(
        self, owner: SourceFiles, file: DataFile, rows: int, batch_rows: int, selection: Selection
    ) -> None:
        self._owner, self._file, self._selection = owner, file, selection
        self._rows, self._batch_rows = rows, batch_rows
        self._place = Place(str(file.path), shown=file.shown)
        try:
            schema = pl.read_parquet_schema(file.path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(file, error) from error
        empty = Table(pl.DataFrame(schema=schema), self._place)
        self._schema = schema
        self._kind = of_partition(empty, file.path, owner.source).frame.schema
        self._found: Found = find_columns(list(self._kind), owner.source, self._place)
        self._chunks: dict[str, _Chunk] = {}

    @property
    def has_typed_times(self) -> bool:
        """Whether a batch can be understood without the others."""
        columns, source = self._found.columns, self._owner.source
        kind = self._kind[columns["time"]]
        if "time_of_day" in columns:
            return False
        declared = source.time_format or (self._found.preset.time_format if self._found.preset else None)
        return isinstance(kind, (pl.Date, pl.Datetime)) or (kind.is_integer() and declared in _TIME_UNITS)

    def series(self, file_symbol: str | None) -> Iterator[Series]:
        """Give the file's bars, symbol by symbol and batch by batch, cut to the range.

        The first series of a symbol carries the report of all its rows; those after it report none.

        Raises:
            DataError: naming place, symbol, row and rule.
            ConfigError: something must be declared that the data do not tell.
        """
        self._refuse_several()
        while not self._learn(file_symbol):
            self._chunks = {symbol: _Chunk(known.is_daily) for symbol, known in self._chunks.items()}
        notes = self._found.notes
        intervals: dict[str, tuple[str, tuple[str, ...]]] = {}
        for symbol, chunk in sorted(self._chunks.items()):
            if chunk.rows_read:
                intervals[symbol] = self._judge(symbol, chunk)
        for number, job in enumerate(self._batches()):
            for symbol, rows in rows_by_symbol(job, file_symbol, is_part=True):
                if symbol not in intervals or not len(rows):
                    continue
                chunk, (interval, interval_notes) = self._chunks[symbol], intervals[symbol]
                piece = self._piece(job, symbol, rows, number, interval)
                if piece is None:
                    continue
                if not chunk.is_reported:
                    chunk.is_reported = True
                    backwards = (reversed_note(self._place.label, symbol),) if chunk.is_reversed else ()
                    piece = replace(
                        piece,
                        report=self._report(symbol, chunk, interval),
                        notes=notes + backwards + interval_notes,
                        dividends=tuple(chunk.dividends),
                        splits=tuple(chunk.splits),
                    )
                    notes = ()
                yield self._selection.cut(piece, self._owner.source)

    def _batches(self) -> Iterator[Job]:
        wanted = [name for name in self._schema if name in self._found.columns.values()]
        time = self._found.columns["time"]
        for first in range(0, self._rows, self._batch_rows):
            frame = self._read(first, wanted)
            if time in frame and frame[time].has_nulls():
                # A row without any cell is no row; which one that is only all columns tell.
                frame = self._read(first, list(self._schema))
            table = Table(frame, replace(self._place, first_row=first))
            yield Job(
                of_partition(table, self._file.path, self._owner.source),
                self._owner.source,
                self._owner.name,
                self._found,
            )

    def _read(self, first: int, columns: list[str]) -> pl.DataFrame:
        scanned = pl.scan_parquet(self._file.path, hive_partitioning=False)
        try:
            return scanned.select(columns).slice(first, self._batch_rows).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(self._file, error) from error

    def _refuse_several(self) -> None:
        """Refuse a file of several symbols where one is declared; a batch may hold one of them only."""
        source, column = self._owner.source, self._found.columns.get("symbol")
        if source.symbol is None or column is None or column not in self._schema:
            return
        scanned = pl.scan_parquet(self._file.path, hive_partitioning=False)
        names = scanned.select(pl.col(column).cast(pl.String).str.strip_chars().unique()).collect()
        distinct = names.to_series().drop_nulls().sort().to_list()
        if len(distinct) > 1:
            self._place.refuse(
                f"symbol {source.symbol!r} is declared, but column {column!r} holds several: {distinct[:5]}"
            )

    def _learn(self, file_symbol: str | None) -> bool:
        """Go through the file once; say False where times of a symbol turned out to be no dates after all."""
        is_empty = True
        for number, job in enumerate(self._batches()):
            for symbol, rows in rows_by_symbol(job, file_symbol, is_part=True):
                is_empty &= not len(rows)
                if not len(rows) or not self._selection.is_wanted(symbol):
                    continue
                chunk = self._chunks.setdefault(symbol, _Chunk())
                checked = check_rows(
                    job, symbol, rows, self._selection, is_part=True, is_daily=chunk.is_daily
                )
                if checked.times.is_dates is not chunk.is_dates is not None:
                    chunk.is_daily = False
                    return False
                chunk.is_dates = checked.times.is_dates
                chunk.take(job, symbol, checked, number)
        if is_empty:
            self._place.refuse("holds no rows")
        return True

    def _judge(self, symbol: str, chunk: _Chunk) -> tuple[str, tuple[str, ...]]:
        """Refuse what the whole of a symbol's rows breaks, and return their interval with what to note."""
        source, place = self._owner.source, self._place
        if source.on_bad_bar is OnBadBar.FAIL and chunk.faults:
            raise next(chunk.faults[rule] for rule in chunk.rules if rule in chunk.faults)
        if not chunk.rows_kept:
            place.refuse(f"{symbol}: every row breaks a rule: {chunk.in_order(chunk.dropped)}")
        error = chunk.disorder()
        if error is not None:
            raise error
        if chunk.is_dates:
            return DAILY, ()
        series = f"{place.name}: {symbol}"
        return interval_of_steps(chunk.steps, source, series, f"{place.label}: {symbol}")

    def _report(self, symbol: str, chunk: _Chunk, interval: str) -> SeriesReport:
        return SeriesReport(
            source=self._owner.name,
            place=self._place.label,
            symbol=symbol,
            interval=interval,
            rows_read=chunk.rows_read,
            rows_kept=chunk.rows_kept,
            dropped=chunk.in_order(chunk.dropped),
            widened=chunk.widened,
            is_reversed=chunk.is_reversed,
        )

    def _piece(self, job: Job, symbol: str, rows: Longs, number: int, interval: str) -> Series | None:
        chunk, source = self._chunks[symbol], self._owner.source
        is_daily = chunk.is_dates
        checked = check_rows(job, symbol, rows, self._selection, is_part=True, is_daily=is_daily)
        if not len(checked.rows):
            return None
        times, bars = checked.times, checked.bars
        if chunk.is_reversed:
            backwards = np.arange(len(checked.rows))[::-1]
            times, bars = times.take(backwards), bars.take(backwards)
        opened, closed = spans_of(
            times,
            interval,
            source,
            job.bar_label,
            f"{self._place.name}: {symbol}",
            before_us=chunk.time_before(number),
        )
        return Series(
            replace(
                bars,
                interval=interval,
                opened_at_us=opened,
                closed_at_us=closed,
                volume=bars.volume if chunk.has_volume else None,
            ),
            SeriesReport(self._owner.name, self._place.label, symbol, interval, 0, 0),
            (),
            self._found.preset,
        )


@dataclass(slots=True, eq=False)
class _Chunk:
    """What is known of one symbol's rows in a file, batch after batch."""

    #: False once it is known that midnights are instants too.
    is_daily: bool | None = None
    is_dates: bool | None = None
    is_reported: bool = False
    has_volume: bool = False
    rows_read: int = 0
    rows_kept: int = 0
    widened: int = 0
    #: The rules in the order in which they are applied.
    rules: dict[str, None] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    faults: dict[str, DataError] = field(default_factory=dict)
    dividends: list[tuple[int, str]] = field(default_factory=list)
    splits: list[tuple[int, str]] = field(default_factory=list)
    #: How often each step between bars occurs, of intraday bars.
    steps: Counter[int] = field(default_factory=Counter)
    rises: int = 0
    falls: int = 0
    #: The first row whose time does not rise, and the first whose time does not fall.
    not_rising: DataError | None = None
    not_falling: DataError | None = None
    #: (time, place) of the row before.
    last: tuple[int, str] | None = None
    #: The first and the last time of each batch that has any.
    edges: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_reversed(self) -> bool:
        return self.rows_kept > 1 and self.falls == self.rows_kept - 1

    def take(self, job: Job, symbol: str, checked: CheckedRows, number: int) -> None:
        explain = job.explanation(symbol)
        self.rows_read += checked.rows_read
        self.rows_kept += len(checked.rows)
        self.widened += checked.widened
        self.has_volume |= checked.has_volume
        self.dividends.extend(checked.dividends)
        self.splits.extend(checked.splits)
        for rule, row in checked.first_bad.items():
            self.rules.setdefault(rule)
            if row >= 0 and rule not in self.faults:
                self.faults[rule] = explain.error(row, rule)
        for rule, count in checked.dropped.items():
            self.dropped[rule] = self.dropped.get(rule, 0) + count
        if len(checked.rows):
            self._follow(job, symbol, checked.times, checked.rows)
            self.edges[number] = int(checked.times.values[0]), int(checked.times.values[-1])

    def _follow(self, job: Job, symbol: str, times: BarTimes, rows: Longs) -> None:
        """Look at the steps from each row to the next, the last one of the batch before included."""
        place, explain = job.table.place, job.explanation(symbol)
        before = [] if self.last is None else [self.last[0]]
        steps = np.diff(np.concatenate((np.array(before, dtype=np.int64), times.values)))
        behind = len(rows) - len(steps)
        self.rises += int(np.count_nonzero(steps > 0))
        self.falls += int(np.count_nonzero(steps < 0))

        def error(wrong: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> DataError:
            at = int(wrong.argmax()) + behind
            name = self.last[1] if at == 0 and self.last is not None else place.row(int(rows[at - 1]))
            return explain.disorder(int(rows[at]), name, is_double=bool(steps[at - behind] == 0))

        if self.not_rising is None and (steps <= 0).any():
            self.not_rising = error(steps <= 0)
        if self.not_falling is None and (steps >= 0).any():
            self.not_falling = error(steps >= 0)
        if not times.is_dates:
            values, counts = np.unique(np.abs(steps), return_counts=True)
            self.steps.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        self.last = int(times.values[-1]), place.row(int(rows[-1]))

    def disorder(self) -> DataError | None:
        """Return the error about the first time out of order, where they run neither way throughout."""
        if self.rises == self.rows_kept - 1 or self.is_reversed:
            return None
        return self.not_falling if self.falls > self.rises else self.not_rising

    def time_before(self, number: int) -> int | None:
        """Return the time of the bar that comes before those of a batch, or None."""
        if self.is_reversed:
            later = [batch for batch in self.edges if batch > number]
            return self.edges[min(later)][0] if later else None
        earlier = [batch for batch in self.edges if batch < number]
        return self.edges[max(earlier)][1] if earlier else None

    def in_order(self, counts: dict[str, int]) -> dict[str, int]:
        return {rule: counts[rule] for rule in self.rules if rule in counts}


def _unreadable(file: DataFile, error: Exception) -> DataError:
    return DataError(f"{file.path}: cannot be read as parquet: {error}")
