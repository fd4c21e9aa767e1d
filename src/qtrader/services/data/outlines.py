"""What is remembered of series whose bars lie in files: all that notes, actions and overlaps depend on.

The files of a dataset are many, their symbols too: reports of one symbol and interval become one, and notes
that say the same of several files are said once, with their number.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from qtrader.market.intervals import DAILY
from qtrader.market.tape_build import SymbolColumns
from qtrader.services.data.assembly import overlap
from qtrader.services.data.loading import Series
from qtrader.services.data.undeclared import weekend_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtrader.services.data.report import SeriesReport
    from qtrader.services.data.rows import Amounts

#: Source, symbol and interval.
SeriesKey = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class _Outline:
    """One symbol and interval of a source."""

    first: Series
    report: SeriesReport
    places: int
    #: Row by row (opened, closed): the first bar, one on a weekend, the last bar.
    begin: tuple[int, int] | None = None
    weekend: tuple[int, int] | None = None
    end: tuple[int, int] | None = None
    dividends: list[Amounts] = field(default_factory=list)
    splits: list[Amounts] = field(default_factory=list)

    def take(self, series: Series) -> None:
        columns = series.columns
        if series.dividends:
            self.dividends.append(series.dividends)
        if series.splits:
            self.splits.append(series.splits)
        if not len(columns):
            return
        begin, end = _bar(columns, 0), _bar(columns, -1)
        if self.begin is None or begin[1] < self.begin[1]:
            self.begin = begin
        if self.end is None or end[1] > self.end[1]:
            self.end = end
        if columns.interval == DAILY and self.weekend is None:
            rows = weekend_rows(columns.closed_at_us)
            self.weekend = _bar(columns, int(rows[0])) if len(rows) else None

    def series(self, notes: tuple[str, ...]) -> Series:
        bars = [bar for bar in (self.begin, self.weekend, self.end) if bar is not None]
        more = "" if self.places == 1 else f" and {self.places - 1:,} more"
        return replace(
            self.first,
            columns=_columns(self.first.columns, bars),
            report=replace(self.report, place=self.report.place + more),
            notes=notes,
            dividends=tuple(pair for pairs in self.dividends for pair in pairs),
            splits=tuple(pair for pairs in self.splits for pair in pairs),
        )


class Outlines:
    """Take in series file by file."""

    def __init__(self) -> None:
        self._outlines: dict[SeriesKey, _Outline] = {}
        #: By what a note says of a place: the place said first, how many there are, and the symbol.
        self._notes: dict[tuple[str, str], tuple[str, int, SeriesKey]] = {}
        self._places: list[str] = []
        #: (series, file, first close, last close) of each series in each file, one after the other.
        self._spans = array("q")
        self._open: dict[SeriesKey, tuple[int, int]] = {}
        self._numbers: dict[SeriesKey, int] = {}

    def number(self, source: str, series: Series) -> int:
        """Return the number of a series: of its source, symbol and interval."""
        key = (source, series.columns.symbol, series.columns.interval)
        return self._numbers.setdefault(key, len(self._numbers))

    @property
    def keys(self) -> list[SeriesKey]:
        """Source, symbol and interval of each series, by its number."""
        return list(self._numbers)

    def add(self, source: str, series: Series) -> None:
        """Take in a series, or a part of one, of the file that `close_file` will name."""
        key = (source, series.columns.symbol, series.columns.interval)
        report = series.report
        known = self._outlines.get(key)
        if known is None:
            # The bars go to files: not even a view of them may stay.
            first = replace(series, columns=_columns(series.columns, []), dividends=(), splits=())
            known = self._outlines[key] = _Outline(first, report, 1)
        elif report.rows_read:
            known.report = _joined(known.report, report)
            known.places += 1
        known.take(series)
        for note in series.notes:
            text = note.removeprefix(report.place)
            place, count, owner = self._notes.get((source, text), (report.place, 0, key))
            self._notes[source, text] = (place, count + 1, owner)
        closed_at_us = series.columns.closed_at_us
        if len(closed_at_us):
            begin_us, end_us = int(closed_at_us[0]), int(closed_at_us[-1])
            low_us, high_us = self._open.get(key, (begin_us, end_us))
            self._open[key] = min(low_us, begin_us), max(high_us, end_us)

    def close_file(self, place: str) -> None:
        """Say that the series taken in since the last file are of this one."""
        for key, (low_us, high_us) in self._open.items():
            self._spans.extend((self._numbers[key], len(self._places), low_us, high_us))
        self._places.append(place)
        self._open.clear()

    def refuse_overlaps(self) -> None:
        """Refuse two files of a series of which one begins where the other has not ended.

        Raises:
            DataError: naming both files, the symbol and the instant.
        """
        spans = np.frombuffer(self._spans, dtype=np.int64).reshape(-1, 4)
        series, begins_us, ends_us = spans[:, 0], spans[:, 2], spans[:, 3]
        order = np.lexsort((begins_us, series))
        before, after = order[:-1], order[1:]
        wrong = (series[before] == series[after]) & (ends_us[before] >= begins_us[after])
        if wrong.any():
            first = int(wrong.argmax())
            earlier, later = spans[before[first]].tolist(), spans[after[first]].tolist()
            raise overlap(
                self._places[earlier[1]], self._places[later[1]], self.keys[earlier[0]][1], later[2]
            )

    def series_of(self, source: str, symbols: Iterable[str]) -> dict[str, list[Series]]:
        """Return the outlines of a source's series, by symbol and in the order in which they were met.

        Their columns hold the first and the last bar, and one on a weekend if there is one.
        """
        wanted = frozenset(symbols)
        notes: dict[SeriesKey, list[str]] = {}
        for (_source, text), (place, count, owner) in self._notes.items():
            more = "" if count == 1 else f" and {count - 1:,} more"
            notes.setdefault(owner, []).append(f"{place}{more}{text}")
        found: dict[str, list[Series]] = {}
        for key, outline in self._outlines.items():
            if key[0] == source and key[1] in wanted:
                found.setdefault(key[1], []).append(outline.series(tuple(notes.get(key, ()))))
        return found

    def symbols_of(self, source: str) -> list[str]:
        """Return the symbols that a source has."""
        return list(dict.fromkeys(key[1] for key in self._outlines if key[0] == source))


def _bar(columns: SymbolColumns, row: int) -> tuple[int, int]:
    return int(columns.opened_at_us[row]), int(columns.closed_at_us[row])


def _columns(known: SymbolColumns, bars: list[tuple[int, int]]) -> SymbolColumns:
    """Make columns of bars of which only the instants are known."""
    opened, closed = np.array(bars, dtype=np.int64).reshape(len(bars), 2).T
    nothing = np.full(len(bars), np.nan)
    return SymbolColumns(known.symbol, known.interval, opened, closed, nothing, nothing, nothing, nothing)


def _joined(first: SeriesReport, second: SeriesReport) -> SeriesReport:
    dropped = dict(first.dropped)
    for rule, count in second.dropped.items():
        dropped[rule] = dropped.get(rule, 0) + count
    return replace(
        first,
        rows_read=first.rows_read + second.rows_read,
        rows_kept=first.rows_kept + second.rows_kept,
        dropped=dropped,
        widened=first.widened + second.widened,
        is_reversed=first.is_reversed or second.is_reversed,
    )
