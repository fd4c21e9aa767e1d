"""Datasets larger than memory: from files to a tape on disk, with bounded memory.

The files are read in order, each whole or, if it is a large Parquet file, in batches; their checked bars are
spilled in sorted runs and merged by time into the tape's files. Everything else is as in memory: the same
checks and messages, actions and notes, and the same tape to the bit. The tape is kept, and opened at once by
the next run over the same files.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtrader.errors import ConfigError, DataError
from qtrader.market.instruments import Instruments
from qtrader.market.intervals import in_order
from qtrader.market.tape_files import open_tape
from qtrader.market.tape_writer import BYTES_PER_BAR, UNFINISHED, TapeExistsError, TapeWriter
from qtrader.services.data.adjustments import SignalFactor
from qtrader.services.data.assembly import Described, Description, SourceData, around
from qtrader.services.data.batches import BatchedFile, row_count
from qtrader.services.data.dataset import opener_of
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.merging import Merger, SeriesPlace
from qtrader.services.data.outlines import Outlines
from qtrader.services.data.paths import format_of
from qtrader.services.data.source import Format
from qtrader.services.data.spill import BLOCK_ROWS, SPILLED_BYTES, Spill
from qtrader.services.data.tape_cache import (
    MARKET_FILE,
    TapeKey,
    default_cache_folder,
    find,
    forget_older,
    key_of,
    market_document,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qtrader.events.events import CorporateActionEvent
    from qtrader.market.universe import Universe
    from qtrader.services.data.adjustments import EffectiveAction, SignalPrices
    from qtrader.services.data.dataset import DataFile, SourceFiles
    from qtrader.services.data.loading import Series
    from qtrader.services.data.selection import Selection
    from qtrader.services.data.source import DataSource

#: Told now and then while a tape is built: the stage, the rows that it has done, and all that there are (as
#: many as Parquet files have; others are not counted before they are read).
BuildProgress = Callable[[str, int, int], None]

#: Parquet datasets with more rows are streamed unless a source says otherwise.
STREAM_ABOVE_ROWS: Final = 20_000_000
#: Parquet files that are smaller together hold no such number of rows.
_SURELY_SMALL_BYTES: Final = 32 * 1024 * 1024


def is_streamed(sources: Sequence[SourceFiles]) -> bool:
    """Tell whether sources go to a tape on disk: where one says so, or their Parquet files are large.

    Raises:
        ConfigError: one source says always and another never.
        DataError: a Parquet file cannot be read.
    """
    asked = {entry.source.streamed: entry.name for entry in sources}
    if "always" in asked and "never" in asked:
        msg = (
            f"source {asked['always']!r} is streamed always and {asked['never']!r} never, but all sources of "
            "a run make one tape; declare the same"
        )
        raise ConfigError(msg)
    if "always" in asked:
        return True
    large = [
        file
        for entry in sources
        if entry.source.streamed == "auto"
        for file in entry.files
        if _is_parquet(file, entry.source)
    ]
    if sum(file.path.stat().st_size for file in large) < _SURELY_SMALL_BYTES:
        return False
    return sum(row_count(file) for file in large) > STREAM_ABOVE_ROWS


def _is_parquet(file: DataFile, source: DataSource) -> bool:
    declared = source.format
    return (format_of(file.path) if declared is Format.AUTO else declared) is Format.PARQUET


@dataclass(frozen=True, slots=True, eq=False)
class StreamedLoad:
    """Load sources onto a tape on disk.

    Args:
        sources: with their files.
        selection: the symbols and the range asked for.
        actions: the corporate actions that each source's files list.
        universe: goes along as it is.
        signal_prices: what the signal series contains.
        progress: hears of a tape that is being built.
        block_rows: rows that are held in memory together.
    """

    sources: Sequence[SourceFiles]
    selection: Selection
    actions: Mapping[str, Sequence[CorporateActionEvent]]
    universe: Universe | None
    signal_prices: SignalPrices
    progress: BuildProgress | None = None
    block_rows: int = BLOCK_ROWS

    def load(self) -> LoadedData:
        """Open the tape that was built of these files, or build it.

        Raises:
            DataError: data break a rule, or the disk is too small.
            ConfigError: a source leaves something open that the data do not tell.
        """
        folder = self._folder()
        key = key_of(self.sources, self.selection, self.actions, self.signal_prices)
        built = find(folder, key)
        if built is None:
            return self._build(folder, key)
        described = {entry.name: entry.source for entry in self.sources}
        instruments = Instruments(described[name].instrument(symbol) for name, symbol in built.owners)
        return around(built.tape, Described(built.actions, instruments, built.report), self.universe)

    def _folder(self) -> Path:
        declared = [entry.source.cache_dir for entry in self.sources if entry.source.cache_dir is not None]
        return declared[0].expanduser() if declared else default_cache_folder()

    def _build(self, folder: Path, key: TapeKey) -> LoadedData:
        rows = {
            file: row_count(file)
            for entry in self.sources
            for file in entry.files
            if _is_parquet(file, entry.source)
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_small_disk(folder, sum(rows.values()))
            with tempfile.TemporaryDirectory(
                prefix=f"{key.name}-", suffix=UNFINISHED, dir=folder
            ) as temporary:
                return self._build_from(folder, key, Spill(Path(temporary), self.block_rows), rows)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise _full(folder, sum(rows.values())) from error

    def _build_from(
        self, folder: Path, key: TapeKey, spill: Spill, rows: Mapping[DataFile, int]
    ) -> LoadedData:
        outlines, read, total = Outlines(), 0, sum(rows.values())
        try:
            for entry in self.sources:
                for file in entry.files:
                    for series in self._read(entry, file, rows.get(file, 0)):
                        spill.add(outlines.number(entry.name, series), series.columns)
                        outlines.add(entry.name, series)
                        read += series.report.rows_read
                        self._tell("reading", read, total)
                    outlines.close_file(file.shown)
            self.selection.refuse_missing()
            outlines.refuse_overlaps()
            return self._merge(folder, key, spill, outlines)
        finally:
            spill.abandon()

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, max(done, total))

    def _read(self, entry: SourceFiles, file: DataFile, rows: int) -> Iterator[Series]:
        opener = opener_of(file, entry.source)
        if opener.is_of_symbol and opener.symbol is not None and not self.selection.is_wanted(opener.symbol):
            return
        if rows > self.block_rows:
            batched = BatchedFile(entry, file, rows, self.block_rows, self.selection)
            if batched.has_typed_times:
                yield from batched.series(opener.symbol)
                return
        yield from self.selection.series_of(entry.name, entry.source, opener)

    def _merge(self, folder: Path, key: TapeKey, spill: Spill, outlines: Outlines) -> LoadedData:
        description = Description(self.signal_prices)
        applied: dict[tuple[str, str], list[EffectiveAction]] = {}
        filled: set[tuple[str, str, str]] = set()
        for entry in self.sources:
            kept = self.selection.with_bars(outlines.symbols_of(entry.name))
            series = outlines.series_of(entry.name, kept)
            part = SourceData(entry.source, entry.name, series, self.actions[entry.name])
            description.begin(part)
            for symbol, found in series.items():
                bars = [one.columns for one in found]
                applied[entry.name, symbol] = description.add(part, symbol, bars)
                filled.update((entry.name, symbol, one.interval) for one in bars if len(one))
        symbols = tuple(sorted({symbol for _source, symbol in applied}))
        intervals = in_order(interval for _source, _symbol, interval in filled)
        symbol_places = {symbol: place for place, symbol in enumerate(symbols)}
        interval_places = {interval: place for place, interval in enumerate(intervals)}
        # A series whose bars all lie outside the range has no place, and no bar that asks for one.
        places = [
            SeriesPlace(symbol_places.get(symbol, -1), interval_places.get(interval, -1))
            for _source, symbol, interval in outlines.keys
        ]
        factors = [
            SignalFactor(applied.get((source, symbol), ()), self.signal_prices)
            for source, symbol, _interval in outlines.keys
        ]
        merger = Merger(symbols, intervals, places, factors)
        described = description.complete()
        try:
            with TapeWriter(folder / key.name, symbols, intervals) as writer:
                written = 0
                for block in merger.blocks(spill.blocks()):
                    writer.append(block)
                    written += len(block.closed_at_us)
                    self._tell("writing", written, spill.rows)
                (writer.unfinished / MARKET_FILE).write_bytes(
                    market_document(described.actions, described.report, list(applied))
                )
                writer.finish()
        except TapeExistsError:
            # Another process was first; its tape is of the same files.
            if find(folder, key) is None:
                raise
        forget_older(folder, key)
        return around(open_tape(folder / key.name), described, self.universe)


def _refuse_small_disk(folder: Path, rows: int) -> None:
    if shutil.disk_usage(folder).free < rows * (BYTES_PER_BAR + SPILLED_BYTES):
        raise _full(folder, rows)


def _full(folder: Path, rows: int) -> DataError:
    free = shutil.disk_usage(folder).free
    needed, kept, there = (
        f"{size / 1e9:,.2f} GB"
        for size in (rows * (BYTES_PER_BAR + SPILLED_BYTES), rows * BYTES_PER_BAR, free)
    )
    return DataError(
        f"{folder}: the disk is too small to build a tape of {rows:,} rows: about {needed} are needed "
        f"meanwhile, of which {kept} stay, and {there} are free; make room, or declare another cache_dir"
    )
