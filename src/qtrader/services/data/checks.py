"""Checks of rows before they reach the tape: numbers, the rules of a bar, widening, and order.

A contradiction between high or low and open or close of at most 1e-6, relative to the price, comes from
rounding at the source: the bar is widened and counted. Everything else that breaks a rule is a bad bar, which
stops the load or is dropped and counted under the first rule that it broke. Times that are out of order or
double are never dropped, because nobody can say which row is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qtrader.errors import DataError
from qtrader.market.tape import Floats, Longs
from qtrader.market.tape_build import Mask, SymbolColumns
from qtrader.services.data.source import OnBadBar
from qtrader.services.data.tables import Place

#: A relative contradiction up to this is the source's rounding.
WIDENING_LIMIT = 1e-6

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A column as float64 with NaN where a cell is missing or unreadable, and which cells those are."""

    values: Floats
    missing: Mask
    unreadable: Mask


def read_numbers(column: pl.Series, field: str, place: Place) -> Numbers:
    """Read a column of numbers, from text or from a numeric type.

    Raises:
        DataError: the column is of a type that holds no exact prices: float32, or no number at all.
    """
    kind = column.dtype
    if kind == pl.Float32 and field != "volume":
        place.refuse(
            f"column {column.name!r} ({field}) is float32, which cannot hold prices to the cent; save it "
            "as float64"
        )
    if kind == pl.String:
        text = column.str.strip_chars()
        missing = (text.is_null() | (text == "")).to_numpy()
        parsed = text.cast(pl.Float64, strict=False)
        unreadable = parsed.is_null().to_numpy() & ~missing
        return Numbers(parsed.to_numpy(), missing, unreadable)
    if not (kind.is_numeric() or kind == pl.Null):
        place.refuse(
            f"column {column.name!r} ({field}) is {kind}; allowed are numbers, or text that holds them"
        )
    parsed = column.cast(pl.Float64)
    return Numbers(parsed.to_numpy(), column.is_null().to_numpy(), np.zeros(len(column), dtype=np.bool_))


def number_faults(numbers: Mapping[str, Numbers]) -> Iterator[tuple[str, Mask]]:
    """Yield the rows whose cells hold no number, by rule; a missing volume is unknown, not bad."""
    for field, column in numbers.items():
        if field in PRICES:
            yield f"{field} must not be missing", column.missing
        yield f"{field} must be a number", column.unreadable


def sift(
    faults: Iterable[tuple[str, Mask]],
    on_bad_bar: OnBadBar,
    rows: Longs,
    explain: RowExplanation,
    first_bad: dict[str, int] | None = None,
) -> tuple[Mask, dict[str, int]]:
    """Apply rules in order: refuse the first bad row, or count bad rows by the first rule that each broke.

    Args:
        faults: each rule with a mask of the rows that break it.
        on_bad_bar: what to do with them.
        rows: the data rows that the masks are about.
        explain: says what a row holds.
        first_bad: takes, for each rule in order, the first row that broke it; -1 where none did.

    Returns:
        The mask of the rows to keep, and the counts of the others.
    """
    keep = np.ones(len(rows), dtype=np.bool_)
    dropped: dict[str, int] = {}
    for rule, mask in faults:
        bad = mask & keep
        count = int(np.count_nonzero(bad))
        if first_bad is not None:
            first_bad[rule] = int(rows[int(bad.argmax())]) if count else -1
        if not count:
            continue
        if on_bad_bar is OnBadBar.FAIL:
            explain.refuse(int(rows[int(bad.argmax())]), rule)
        dropped[rule] = count
        keep &= ~bad
    return keep, dropped


@dataclass(frozen=True, slots=True, eq=False)
class RowExplanation:
    """Show what a row of a table holds, in the source's own words."""

    place: Place
    frame: pl.DataFrame
    columns: Mapping[str, str]
    symbol: str

    def refuse(self, row: int, rule: str) -> NoReturn:
        """Raise about a row: place, symbol, rule and the row's cells."""
        raise self.error(row, rule)

    def error(self, row: int, rule: str) -> DataError:
        """Return the error about a row."""
        cells = ", ".join(
            f"{name} {self.frame[name][row]!s}" for name in dict.fromkeys(self.columns.values())
        )
        return self.place.row_error(row, f"{self.symbol}: {rule}; found {cells}")

    def disorder(self, row: int, before: str, *, is_double: bool) -> DataError:
        """Return the error about a row whose time repeats or precedes that of the row before."""
        before = before.removeprefix(f"{self.place.name}: ")
        if is_double:
            return self.error(row, f"the time is a duplicate of {before}")
        return self.error(row, f"the time is out of order after {before}; sort the rows by time")


def widen(columns: SymbolColumns) -> tuple[SymbolColumns, int]:
    """Move high and low to open and close where these lie at most 1e-6 outside, and count the bars."""
    top = np.maximum(columns.open, columns.close)
    bottom = np.minimum(columns.open, columns.close)
    # Rows without finite positive prices are left for the rules to name.
    is_low = (columns.high < top) & (top - columns.high <= WIDENING_LIMIT * top)
    is_high = (columns.low > bottom) & (columns.low - bottom <= WIDENING_LIMIT * bottom)
    count = int(np.count_nonzero(is_low | is_high))
    if not count:
        return columns, 0
    return (
        replace(
            columns, high=np.where(is_low, top, columns.high), low=np.where(is_high, bottom, columns.low)
        ),
        count,
    )


def is_descending(times: NDArray[np.int64]) -> bool:
    """Tell whether times run backwards, so that the rows are to be reversed."""
    return len(times) > 1 and bool((times[1:] < times[:-1]).all())


def refuse_disorder(times: NDArray[np.int64], rows: Longs, explain: RowExplanation) -> None:
    """Refuse times that do not strictly increase.

    Raises:
        DataError: naming the first row that repeats a time or goes back.
    """
    steps = np.diff(times)
    if (steps > 0).all():
        return
    falls = int(np.count_nonzero(steps < 0)) > int(np.count_nonzero(steps > 0))
    wrong = (steps >= 0) if falls else (steps <= 0)
    at = int(wrong.argmax())
    raise explain.disorder(
        int(rows[at + 1]), explain.place.row(int(rows[at])), is_double=bool(steps[at] == 0)
    )


def known_volume(numbers: Numbers | None, unknown: float | None) -> Floats | None:
    """Return volumes with NaN where unknown, or None where all are absent or zero."""
    return volume_of(numbers, unknown) if has_volume(numbers, unknown) else None


def volume_of(numbers: Numbers | None, unknown: float | None) -> Floats | None:
    """Return volumes with NaN where unknown, or None without any column."""
    if numbers is None or unknown is None:
        return None if numbers is None else numbers.values
    return np.where(numbers.values == unknown, np.nan, numbers.values)


def has_volume(numbers: Numbers | None, unknown: float | None) -> bool:
    """Tell whether some volume is neither absent nor zero."""
    volume = volume_of(numbers, unknown)
    if numbers is None or volume is None:
        return False
    return bool(np.any(np.nan_to_num(volume, nan=0.0) != 0.0)) or bool(numbers.unreadable.any())
