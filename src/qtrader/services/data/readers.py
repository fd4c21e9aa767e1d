"""Reading files: paths, globs and directories to tables, CSV and Parquet by Polars.

CSV cells stay text until the column that they belong to is known, so that an error can show what the file
says. Files are read in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from qtrader.errors import DataError
from qtrader.services.data.partitions import partition_columns, partition_symbol
from qtrader.services.data.paths import CSV_SUFFIXES, PARQUET_SUFFIXES, format_of
from qtrader.services.data.presets import PRESETS
from qtrader.services.data.source import DataSource, Format
from qtrader.services.data.tables import Place, Table

_MISSING = ["", "null", "NULL", "NaN", "nan", "N/A", "NA", "None"]


def read_file(path: Path, source: DataSource, shown: str = "") -> Iterator[Table]:
    """Read one file as the source declares it; `shown` names it in notes.

    Raises:
        DataError: the file is missing, empty, damaged or of an unknown format.
    """
    wanted = source.format if source.format is not Format.AUTO else format_of(path)
    if wanted is None:
        allowed = ", ".join(CSV_SUFFIXES + PARQUET_SUFFIXES)
        msg = (
            f"{path}: the format is unknown; allowed are names that end in {allowed}, or format: csv | "
            "parquet"
        )
        raise DataError(msg)
    try:
        if wanted is Format.PARQUET:
            frame = pl.read_parquet(path, hive_partitioning=False)
            yield of_partition(Table(frame, Place(str(path), shown=shown)), path, source)
        else:
            for table in _read_csv(path, source, shown):
                yield of_partition(table, path, source)
    except FileNotFoundError:
        msg = f"{path}: no such file"
        raise DataError(msg) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as {wanted.value}: {error}"
        raise DataError(msg) from error


def of_partition(table: Table, path: Path, source: DataSource) -> Table:
    """Add what the folders of a file say: its symbol, and columns that it has not."""
    added = partition_columns(path, table.frame.columns, source)
    frame = table.frame.with_columns(pl.lit(value).alias(name) for name, value in added.items())
    return replace(table, frame=frame, symbol=table.symbol or partition_symbol(path, source))


def _read_csv(path: Path, source: DataSource, shown: str) -> Iterator[Table]:
    if source.preset == "yfinance":
        head = _first_lines(path, source, 3)
        if len(head) == 3 and head[0][:1] == ["Price"] and head[1][:1] == ["Ticker"]:
            yield from _read_yfinance_csv(path, source, head, shown)
            return
    header = next((variant.header for variant in PRESETS.get(source.preset or "", ()) if variant.header), ())
    if header and not _has_header(path, source, header):
        frame = _csv(path, source, has_header=False)
        if frame.width != len(header):
            msg = (
                f"{path}: has {frame.width} columns; the preset {source.preset} has {len(header)}: "
                f"{', '.join(header)}"
            )
            raise DataError(msg)
        yield Table(
            frame.rename(dict(zip(frame.columns, header, strict=True))), Place(str(path), 1, shown=shown)
        )
        return
    frame = _csv(path, source)
    yield Table(
        frame.rename({name: name.strip() for name in frame.columns}), Place(str(path), 2, shown=shown)
    )


def _csv(path: Path, source: DataSource, *, has_header: bool = True, skip: int = 0) -> pl.DataFrame:
    return pl.read_csv(
        path,
        separator=source.separator,
        has_header=has_header,
        skip_rows=skip,
        infer_schema=False,
        null_values=_MISSING,
    )


def _first_lines(path: Path, source: DataSource, count: int) -> list[list[str]]:
    frame = pl.read_csv(
        path,
        separator=source.separator,
        has_header=False,
        infer_schema=False,
        n_rows=count,
        truncate_ragged_lines=True,
    )
    return [["" if cell is None else str(cell).strip() for cell in row] for row in frame.iter_rows()]


def _has_header(path: Path, source: DataSource, header: tuple[str, ...]) -> bool:
    head = _first_lines(path, source, 1)
    return bool(head) and head[0][:1] == [header[0]]


def _read_yfinance_csv(path: Path, source: DataSource, head: list[list[str]], shown: str) -> Iterator[Table]:
    # yfinance's frame written by to_csv: a line of prices, a line of tickers, a line with the index's name.
    time = head[2][0] or "Date"
    frame = _csv(path, source, has_header=False, skip=3)
    tickers = list(dict.fromkeys(head[1][1:]))
    for ticker in tickers:
        places = [index for index, name in enumerate(head[1]) if index and name == ticker]
        names = {frame.columns[index]: head[0][index] for index in places}
        part = frame.select(
            pl.col(frame.columns[0]).alias(time), *(pl.col(old).alias(new) for old, new in names.items())
        )
        empty = part.select(pl.all_horizontal(pl.col(list(names.values())).is_null())).to_series()
        if empty.any() and len(tickers) > 1:
            yield Table(
                part.filter(~empty),
                Place(f"{path} [{ticker}]", shown=f"{shown or path} [{ticker}]"),
                ticker,
                (f"{shown or path}: {int(empty.sum())} dates without any price of {ticker} are left out",),
            )
        else:
            yield Table(part, Place(str(path), 4, shown=shown), ticker)
