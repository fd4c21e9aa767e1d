"""Small tables beside the prices, from CSV or Parquet files: cells of a CSV file stay text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtrader.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def read_records(path: str | Path, content: str) -> pl.DataFrame:
    """Read a table whole.

    Args:
        path: a file; its ending tells Parquet from CSV.
        content: what it should list, for messages.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    import polars as pl

    file = Path(path)
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            return pl.read_parquet(file)
        return pl.read_csv(file, infer_schema=False)
    except FileNotFoundError:
        msg = f"{file}: no such file; it should list {content}"
        raise DataError(msg) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        msg = f"{file}: cannot be read: {error}"
        raise DataError(msg) from error
