"""Tables of the user's own, seen alike: labels, times and numeric columns of polars and pandas objects.

Nothing here imports pandas: an object is recognised by the module of its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import polars as pl
    from numpy.typing import NDArray

    from qtrader.market.tape import Floats, Longs, Tape

DAY_US: Final = 86_400_000_000
#: A time without a zone may be that of any place: it is compared as if it were this much earlier.
_WIDEST_ZONE_US: Final = 14 * 3_600_000_000


class Rebuild(Protocol):
    """Make an object like the one seen, of chosen rows and with other numbers in some columns."""

    def __call__(self, keep: NDArray[np.bool_] | None, changed: Mapping[int, Floats], /) -> Any:
        """Return the new object; `keep` None keeps every row, changed columns go by place."""
        ...


@dataclass(frozen=True, slots=True)
class TableView:
    """What is known of a table.

    Attributes:
        labels: the symbol of each row, where a column or index holds symbols of the run.
        known_by_us: an instant by which each row may be taken as known, where it has a time; days end, and
            times without a zone are taken as early as they can be.
        columns: numeric columns by place with their names, as float64.
        rebuild: makes a changed copy.
    """

    rows: int
    labels: NDArray[np.object_] | None
    known_by_us: Longs | None
    columns: Mapping[int, tuple[str, Floats]]
    rebuild: Rebuild


def kind_of(value: Any) -> str:
    """Name a library's class as "library.Class"."""
    cls = type(value)
    return f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


def view_of(value: Any, symbols: Collection[str]) -> TableView | None:
    """Look at a polars or pandas frame or series; None for anything else."""
    kind = kind_of(value)
    if kind == "polars.DataFrame":
        return _polars(value, symbols)
    if kind == "polars.Series":
        return _polars_series(value)
    if kind == "pandas.DataFrame":
        return _pandas(value, symbols)
    return _pandas_series(value, symbols) if kind == "pandas.Series" else None


def bars_frame(tape: Tape) -> pl.DataFrame:
    """Return the bars of a tape as a frame, row by row in its order, with times in UTC."""
    import polars as pl

    columns = tape.columns
    utc = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "symbol": [tape.symbols[place] for place in columns.symbol_index.tolist()],
            "interval": [tape.intervals[place] for place in columns.interval_index.tolist()],
            "opened_at": pl.Series(columns.opened_at_us).cast(utc),
            "closed_at": pl.Series(columns.closed_at_us).cast(utc),
            **{
                name: getattr(columns, name)
                for name in ("open", "high", "low", "close", "volume", "signal_factor")
            },
        }
    )


def _polars(frame: pl.DataFrame, symbols: Collection[str]) -> TableView:
    import polars as pl

    labels, times = None, None
    columns: dict[int, tuple[str, Floats]] = {}
    for place, series in enumerate(frame.get_columns()):
        kind = series.dtype
        if kind.is_numeric():
            columns[place] = (series.name, _polars_floats(series))
        elif labels is None and kind in (pl.String, pl.Categorical, pl.Enum):
            labels = _labels(series.cast(pl.String).to_numpy().astype(object), symbols)
            if labels is None and times is None:
                times = _days(series.cast(pl.String).str.to_date(strict=False))
        elif times is None and kind == pl.Date:
            times = _days(series)
        elif times is None and isinstance(kind, pl.Datetime):
            instants = series.dt.cast_time_unit("us").to_physical().fill_null(-(2**62)).to_numpy()
            times = instants.astype(np.int64) - (0 if kind.time_zone else _WIDEST_ZONE_US)

    def rebuild(keep: NDArray[np.bool_] | None, changed: Mapping[int, Floats]) -> pl.DataFrame:
        new = [
            _polars_like(series, changed[place]) if place in changed else series
            for place, series in enumerate(frame.get_columns())
        ]
        made = pl.DataFrame(new)
        return made if keep is None else made.filter(keep)

    return TableView(frame.height, labels, times, columns, rebuild)


def _polars_series(series: pl.Series) -> TableView:
    columns = {0: (series.name, _polars_floats(series))} if series.dtype.is_numeric() else {}

    def rebuild(keep: NDArray[np.bool_] | None, changed: Mapping[int, Floats]) -> pl.Series:
        new = _polars_like(series, changed[0]) if changed else series
        return new if keep is None else new.filter(keep)

    return TableView(len(series), None, None, columns, rebuild)


def _pandas(frame: Any, symbols: Collection[str]) -> TableView:
    labels, times = _pandas_index(frame.index, symbols)
    columns: dict[int, tuple[str, Floats]] = {}
    for place, name in enumerate(frame.columns):
        series = frame.iloc[:, place]
        kind = getattr(series.dtype, "kind", "O")
        if kind in "iuf":
            columns[place] = (str(name), series.to_numpy(dtype=np.float64, na_value=np.nan))
        elif kind == "M" and times is None:
            times = _pandas_times(series.array)
        elif kind not in "Mmb" and labels is None:
            labels = _labels(series.to_numpy(dtype=object), symbols)

    def rebuild(keep: NDArray[np.bool_] | None, changed: Mapping[int, Floats]) -> Any:
        made = frame.copy()
        for place, values in changed.items():
            made.isetitem(place, values)
        return made if keep is None else made[keep]

    return TableView(len(frame), labels, times, columns, rebuild)


def _pandas_series(series: Any, symbols: Collection[str]) -> TableView:
    labels, times = _pandas_index(series.index, symbols)
    is_number = getattr(series.dtype, "kind", "O") in "iuf"
    columns = {0: (str(series.name), series.to_numpy(dtype=np.float64, na_value=np.nan))} if is_number else {}

    def rebuild(keep: NDArray[np.bool_] | None, changed: Mapping[int, Floats]) -> Any:
        made = type(series)(changed[0], index=series.index, name=series.name) if changed else series
        return made if keep is None else made[keep]

    return TableView(len(series), labels, times, columns, rebuild)


def _pandas_index(index: Any, symbols: Collection[str]) -> tuple[NDArray[np.object_] | None, Longs | None]:
    labels, times = None, None
    for level in range(index.nlevels):
        values = index.get_level_values(level)
        kind = getattr(values.dtype, "kind", "O")
        if kind == "M":
            times = _pandas_times(values.array)
        elif kind not in "iufbm" and labels is None:
            labels = _labels(values.to_numpy(dtype=object), symbols)
    return labels, times


def _pandas_times(values: Any) -> Longs:
    zone = getattr(values.dtype, "tz", None)
    naive = (values if zone is None else values.tz_convert("UTC").tz_localize(None)).to_numpy()
    instants = naive.astype("datetime64[us]").astype(np.int64)
    if zone is not None:
        return np.asarray(instants, dtype=np.int64)
    if len(instants) and not (instants % DAY_US).any():
        return np.asarray(instants + 1, dtype=np.int64)
    return np.asarray(instants - _WIDEST_ZONE_US, dtype=np.int64)


def _days(series: pl.Series) -> Longs | None:
    """Return an instant within each day: a day's row is known by any instant that belongs to the day."""
    import polars as pl

    if not len(series) or series.null_count():
        return None
    return np.asarray(series.cast(pl.Date).to_physical().to_numpy().astype(np.int64) * DAY_US + 1)


def _labels(values: NDArray[np.object_], symbols: Collection[str]) -> NDArray[np.object_] | None:
    return values if len(values) and any(value in symbols for value in set(values.tolist())) else None


def _polars_floats(series: pl.Series) -> Floats:
    import polars as pl

    return np.asarray(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _polars_like(series: pl.Series, values: Floats) -> pl.Series:
    """Put numbers in a series of the same name and type; what is not a number is null."""
    import polars as pl

    new = pl.Series(series.name, values).fill_nan(None)
    return (new.round() if series.dtype.is_integer() else new).cast(series.dtype, strict=False)
