"""Where rows come from, for messages that lead a person to the spot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qtrader.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A file or frame, and which line of it holds the first data row (None where there are no lines).

    `name` leads a person to the spot on this machine, `shown` names it in what a run leaves behind, which
    must be the same wherever the project lies; empty: as `name`. `rows` are the data rows that a selection
    consists of, so that its rows are named as the file counts them; `first_row` is the data row that a part
    of a file begins with.
    """

    name: str
    first_line: int | None = None
    rows: NDArray[np.int64] | None = None
    shown: str = ""
    first_row: int = 0

    @property
    def label(self) -> str:
        """Return the name for notes and reports."""
        return self.shown or self.name

    def select(self, rows: NDArray[np.int64]) -> Place:
        """Return the place of a selection of these rows."""
        return replace(self, rows=rows)

    def row(self, row: int) -> str:
        """Name a data row, counted from 0 inside and from 1 outside."""
        number = self.first_row + (row if self.rows is None else int(self.rows[row]))
        if self.first_line is None:
            return f"{self.name}: row {number + 1}"
        return f"{self.name}: row {number + 1} (line {self.first_line + number})"

    def refuse(self, message: str) -> NoReturn:
        """Raise about the whole file or frame."""
        msg = f"{self.name}: {message}"
        raise DataError(msg)

    def refuse_row(self, row: int, message: str) -> NoReturn:
        """Raise about one row."""
        raise self.row_error(row, message)

    def row_error(self, row: int, message: str) -> DataError:
        """Return the error about one row."""
        return DataError(f"{self.row(row)}: {message}")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows as they were found: text from CSV files, typed from everything else."""

    frame: pl.DataFrame
    place: Place
    #: Given by the container (a dict's key, a second header line); None where the source must say.
    symbol: str | None = None
    notes: tuple[str, ...] = field(default=())
