"""Folders of a dataset that name what its files leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.errors import DataError
from qtrader.services.data.memory import load_frame
from qtrader.services.data.partitions import partition_columns, partition_keys, partition_symbol
from qtrader.services.data.source import declare_source

FILE = Path("data/year=2024/symbol=BRK%2EB/part-0.parquet")


def test_keys_are_read_in_order_and_decoded() -> None:
    assert partition_keys(FILE) == {"year": "2024", "symbol": "BRK.B"}
    assert partition_keys(Path("data/plain/x=1.parquet")) == {}


def test_rows_without_a_value_are_refused() -> None:
    with pytest.raises(
        DataError, match="the folder symbol=__HIVE_DEFAULT_PARTITION__ is of rows without a value"
    ):
        partition_keys(Path("symbol=__HIVE_DEFAULT_PARTITION__/a.parquet"))


# what the source declares → the symbol that the folders give
SYMBOLS: list[tuple[dict[str, Any], str | None]] = [
    ({}, "BRK.B"),
    ({"columns": {"symbol": "year"}}, "2024"),
    ({"columns": {"symbol": "name"}}, None),
    ({"symbol": "X"}, None),
    ({"symbol_from": "file_name"}, None),
    ({"symbol_pattern": "(.*)-"}, None),
]


@pytest.mark.parametrize(("declared", "symbol"), SYMBOLS)
def test_the_symbol_of_a_file(declared: dict[str, Any], symbol: str | None) -> None:
    assert partition_symbol(FILE, declare_source(**declared)) == symbol


# the file's columns, what the source declares → the columns that the folders add
COLUMNS: list[tuple[list[str], dict[str, Any], dict[str, str]]] = [
    (["time", "close"], {}, {"symbol": "BRK.B"}),
    (["time", "ticker"], {}, {}),
    (["time", "symbol"], {}, {}),
    (["close"], {"columns": {"time": "year"}}, {"year": "2024", "symbol": "BRK.B"}),
    (["time"], {"columns": {"symbol": "year"}}, {"year": "2024"}),
]


@pytest.mark.parametrize(("names", "declared", "added"), COLUMNS)
def test_the_columns_of_a_file(names: list[str], declared: dict[str, Any], added: dict[str, str]) -> None:
    assert partition_columns(FILE, names, declare_source(**declared)) == added


def bars(**columns: Any) -> pl.DataFrame:
    prices = {name: [10.0, 11.0] for name in ("open", "high", "low", "close")}
    return pl.DataFrame({**columns, **prices})


def test_a_date_in_the_folder_is_the_day_of_the_times_in_the_file(tmp_path: Path) -> None:
    for day in ("2024-01-02", "2024-01-03"):
        (tmp_path / f"date={day}").mkdir()
        bars(clock=["09:30", "09:31"]).write_parquet(tmp_path / f"date={day}" / "p.parquet")
    tape = load_frame(
        tmp_path,
        symbol="A",
        columns={"time": "date", "time_of_day": "clock"},
        timezone="UTC",
        bar_label="open",
        prices="raw",
    ).tape
    assert [bar.opened_at.isoformat() for bar in tape.bars()] == [
        f"2024-01-0{day}T09:3{minute}:00+00:00" for day in (2, 3) for minute in (0, 1)
    ]


def test_a_date_in_the_folder_does_not_compete_with_times_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "date=2024-01-02").mkdir()
    times = [datetime(2024, 1, 2, 9, 30, tzinfo=UTC), datetime(2024, 1, 2, 9, 31, tzinfo=UTC)]
    bars(timestamp=times).write_parquet(tmp_path / "date=2024-01-02" / "A.parquet")
    tape = load_frame(tmp_path, bar_label="open", prices="raw").tape
    assert (tape.symbols, len(tape)) == (("A",), 2)


def test_files_of_other_symbols_are_not_read(tmp_path: Path) -> None:
    for symbol in ("A", "B"):
        (tmp_path / f"symbol={symbol}").mkdir()
    times = [datetime(2024, 1, 2, 9, 30, tzinfo=UTC), datetime(2024, 1, 2, 9, 31, tzinfo=UTC)]
    bars(timestamp=times).write_parquet(tmp_path / "symbol=A" / "p.parquet")
    (tmp_path / "symbol=B" / "p.parquet").write_bytes(b"damaged")
    assert load_frame(tmp_path, symbols="A", bar_label="open", prices="raw").tape.symbols == ("A",)
    with pytest.raises(DataError, match=r"p\.parquet: cannot be read as parquet"):
        load_frame(tmp_path, bar_label="open", prices="raw")


def test_a_csv_file_has_folders_too(tmp_path: Path) -> None:
    (tmp_path / "ticker=A").mkdir()
    bars(date=["2024-01-02", "2024-01-03"]).write_csv(tmp_path / "ticker=A" / "p.csv")
    assert load_frame(tmp_path, prices="raw").tape.symbols == ("A",)
