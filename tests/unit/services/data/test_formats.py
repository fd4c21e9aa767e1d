"""The same data make the same tape, whatever holds them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.errors import DataError
from qtrader.services.data.memory import load_frame

DAYS = ["2020-01-02", "2020-01-03", "2020-01-06"]
COLUMNS = {
    "open": [10.0, 10.1, 0.3],
    "high": [11.0, 11.25, 0.30000000000000004],
    "low": [9.0, 9.99, 0.1],
    "close": [10.5, 10.01, 0.2],
    "volume": [100.0, 0.0, 12345678.0],
}
FRAME = pl.DataFrame({"date": DAYS, **COLUMNS})
TYPED = FRAME.with_columns(pl.col("date").str.to_date())
REFERENCE = load_frame({"date": DAYS, **COLUMNS}, symbol="A", calendar="XNYS").tape.fingerprint


def fingerprint(data: Any, **declared: Any) -> str:
    return load_frame(data, **({"symbol": "A", "calendar": "XNYS"} | declared)).tape.fingerprint


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        TYPED,
        TYPED.lazy(),
        TYPED.with_columns(pl.col("date").cast(pl.Datetime("ms"))),
        TYPED.with_columns(pl.col("volume").cast(pl.Float32)),
        TYPED.with_columns(pl.col("volume").cast(pl.Int64)),
        TYPED.to_arrow(),
        TYPED.to_arrow().to_batches()[0],
        pa.table({"date": pa.array(DAYS), **COLUMNS}),
        TYPED.to_pandas(),
        TYPED.to_pandas().set_index("date"),
        pd.DataFrame(COLUMNS, index=pd.to_datetime(DAYS)),
        pd.DataFrame(COLUMNS, index=pd.to_datetime(DAYS).as_unit("ns")),
        pd.DataFrame(COLUMNS, index=pd.to_datetime(DAYS).as_unit("s").tz_localize("America/New_York")),
        pd.DataFrame(COLUMNS, index=pd.to_datetime(DAYS).tz_localize("America/New_York").as_unit("ns")),
        pd.DataFrame({"date": DAYS, **COLUMNS}),
        pd.DataFrame({"date": pd.array(DAYS, dtype="string"), **COLUMNS}).astype({"volume": "Int64"}),
        pd.DataFrame({"date": pd.Series(DAYS, dtype=object), **COLUMNS}),
        {
            "date": np.array(DAYS, dtype="datetime64[D]"),
            **{name: np.array(values) for name, values in COLUMNS.items()},
        },
        {"date": [datetime.fromisoformat(day) for day in DAYS], **COLUMNS},
        {"date": np.array(DAYS), **{name: pd.Series(values) for name, values in COLUMNS.items()}},
        {"A": FRAME},
    ],
    ids=lambda data: f"{type(data).__module__.partition('.')[0]}-{type(data).__name__}",
)
def test_objects_in_memory(data: Any) -> None:
    declared = {"symbol": None} if isinstance(data, dict) and "A" in data else {}
    assert fingerprint(data, **declared) == REFERENCE


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".txt", ".parquet", ".pq", ".tsv"])
def test_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"A{suffix}"
    declared = {}
    if suffix in {".parquet", ".pq"}:
        TYPED.write_parquet(file)
    elif suffix == ".csv.gz":
        import gzip

        file.write_bytes(gzip.compress(FRAME.write_csv().encode()))
    elif suffix == ".tsv":
        FRAME.write_csv(file, separator="\t")
        declared = {"separator": "\t"}
    else:
        FRAME.write_csv(file)
    assert fingerprint(file, **declared) == REFERENCE
    assert fingerprint(str(file), **declared) == REFERENCE
    assert fingerprint(tmp_path, **declared) == REFERENCE


def test_files_of_another_name_take_the_declared_format(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "A.data")
    assert fingerprint(tmp_path / "A.data", format="csv") == REFERENCE
    with pytest.raises(
        DataError, match=r"A\.data: the format is unknown; allowed are names that end in \.csv"
    ):
        fingerprint(tmp_path / "A.data")


def test_several_files_of_a_symbol_are_one_series(tmp_path: Path) -> None:
    FRAME[:1].write_csv(tmp_path / "2020-01-02.csv")
    TYPED[1:].write_parquet(tmp_path / "2020-01-03.parquet")
    assert fingerprint(tmp_path) == REFERENCE
    assert fingerprint(str(tmp_path / "2020-*")) == REFERENCE
    assert fingerprint([tmp_path / "2020-01-03.parquet", tmp_path / "2020-01-02.csv"]) == REFERENCE
    FRAME[:2].write_csv(tmp_path / "2020-01-02.csv")
    with pytest.raises(DataError, match="the files of a symbol must not overlap"):
        fingerprint(tmp_path)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_bytes(b"\xef\xbb\xbf" + FRAME.write_csv(line_terminator="\r\n").encode())
    assert fingerprint(tmp_path / "A.csv") == REFERENCE


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "none.csv: no such file"),
        ("*.csv", None, "no file fits this pattern"),
        ("", None, "the directory holds no data file"),
        ("empty.csv", b"", "empty.csv: cannot be read as csv: "),
        ("head.csv", b"date,open,high,low,close\n", "head.csv: holds no rows"),
        ("bad.parquet", b"PAR", "bad.parquet: cannot be read as parquet: "),
        ("long.csv", b"date,open\n2020-01-02,1,2,3\n", "long.csv: cannot be read as csv: "),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        load_frame(tmp_path / name)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            42,
            (
                "data: cannot read a builtins.int; allowed are Polars and pandas frames, pyarrow tables, "
                "dicts of arrays"
            ),
        ),
        (
            {"date": DAYS, **COLUMNS, "open": [1.0]},
            "data: the arrays have different lengths: {'date': 3, 'open': 1",
        ),
        (
            {"date": DAYS, **COLUMNS, "open": np.ones((3, 2))},
            "data: column 'open' is no array: it has 2 dimensions",
        ),
        ({"date": DAYS, **COLUMNS, "open": object()}, "data: column 'open' is no array"),
    ],
)
def test_other_objects_are_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError) as refusal:
        load_frame(data, symbol="A")
    assert message in str(refusal.value)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=20))
def test_every_float_survives_the_way_through_text(prices: Any) -> None:
    days = [str(np.datetime64("2020-01-01") + place) for place in range(len(prices))]
    data = {"date": days, **dict.fromkeys(("open", "high", "low", "close"), prices)}
    text = {
        name: [value if name == "date" else repr(value) for value in values] for name, values in data.items()
    }
    assert load_frame(text, symbol="A").tape.close.tolist() == prices
    assert load_frame(text, symbol="A").tape.fingerprint == load_frame(data, symbol="A").tape.fingerprint


def test_what_the_caller_changes_afterwards_does_not_reach_the_tape() -> None:
    arrays = {"date": np.array(DAYS), **{name: np.array(values) for name, values in COLUMNS.items()}}
    frame = pd.DataFrame({name: values.copy() for name, values in arrays.items()})
    tapes = [load_frame(arrays, symbol="A").tape, load_frame(frame, symbol="A").tape]
    arrays["close"][0] = 1.0
    frame.loc[0, "close"] = 1.0
    assert [tape.close[0] for tape in tapes] == [10.5, 10.5]
