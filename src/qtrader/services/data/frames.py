"""Data that is already in memory: Polars, pandas and pyarrow tables and dicts of arrays, as tables.

Nothing here imports pandas or pyarrow: an object is recognised by the module of its class, and used through
its own methods.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from qtrader.errors import DataError
from qtrader.services.data.tables import Place, Table

_PRICE_NAMES = frozenset({"open", "high", "low", "close"})


def is_tabular(data: object) -> bool:
    """Tell whether `tables_of` can take this."""
    return isinstance(data, Mapping) or _kind(data) is not None


def _kind(data: object) -> str | None:
    module, name = type(data).__module__.partition(".")[0], type(data).__name__
    known = {
        ("polars", "DataFrame"),
        ("polars", "LazyFrame"),
        ("pandas", "DataFrame"),
        ("pyarrow", "Table"),
        ("pyarrow", "RecordBatch"),
    }
    return f"{module}.{name}" if (module, name) in known else None


def tables_of(data: Any, name: str = "data") -> Iterator[Table]:
    """Turn a frame, a dict of arrays, or a dict of those by symbol into tables.

    Raises:
        DataError: the object is of another kind, or its arrays do not fit together.
    """
    if isinstance(data, Mapping) and data and all(is_tabular(value) for value in data.values()):
        for symbol, part in data.items():
            if not isinstance(symbol, str):
                msg = f"{name}: the symbol {symbol!r} is {type(symbol).__name__}; allowed is text"
                raise DataError(msg)
            for table in tables_of(part, f"{name}[{symbol!r}]"):
                if table.symbol is not None:
                    msg = f"{name}[{symbol!r}]: holds several symbols; give this frame alone"
                    raise DataError(msg)
                yield Table(table.frame, table.place, symbol, table.notes)
        return
    if _kind(data) == "pandas.DataFrame" and data.columns.nlevels > 1:
        yield from _pandas_by_symbol(data, name)
        return
    yield Table(frame_of(data, name), Place(name))


def frame_of(data: Any, name: str = "data") -> pl.DataFrame:
    """Turn one frame or dict of arrays into a Polars frame.

    Raises:
        DataError: the object is of another kind, or its arrays have different lengths.
    """
    kind = _kind(data)
    if kind == "polars.DataFrame":
        return data  # type: ignore[no-any-return]
    if kind == "polars.LazyFrame":
        return data.collect()  # type: ignore[no-any-return]
    if kind == "pandas.DataFrame":
        return _pandas(data)
    if kind is not None:
        frame = pl.from_arrow(data)
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()
    if not isinstance(data, Mapping):
        msg = (
            f"{name}: cannot read a {type(data).__module__}.{type(data).__name__}; allowed are Polars and "
            "pandas "
            "frames, pyarrow tables, dicts of arrays, and dicts of those by symbol"
        )
        raise DataError(msg)
    columns = [_series(str(column), values, name) for column, values in data.items()]
    lengths = {column.name: len(column) for column in columns}
    if len(set(lengths.values())) > 1:
        msg = f"{name}: the arrays have different lengths: {lengths}"
        raise DataError(msg)
    return pl.DataFrame(columns)


def _series(column: str, values: Any, name: str) -> pl.Series:
    if type(values).__module__.partition(".")[0] == "pandas":
        return _pandas_series(column, values)
    try:
        if isinstance(values, np.ndarray):
            return _from_numpy(column, values)
        return pl.Series(column, list(values) if isinstance(values, range) else values)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        msg = f"{name}: column {column!r} is no array: {error}"
        raise DataError(msg) from None


def _from_numpy(column: str, values: np.ndarray[Any, Any]) -> pl.Series:
    if values.ndim != 1:
        msg = f"it has {values.ndim} dimensions"
        raise ValueError(msg)
    if values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        if unit not in {"D", "ms", "us", "ns"}:
            # Whole units above a millisecond convert exactly.
            values = values.astype("datetime64[us]")
    if values.dtype.kind == "O":
        return pl.Series(column, values.tolist())
    return pl.Series(column, values)


def _pandas(frame: Any) -> pl.DataFrame:
    columns = [_pandas_series(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    index = frame.index
    if type(index).__name__ == "RangeIndex":
        return pl.DataFrame(columns)
    name = "index" if index.name is None else str(index.name)
    if name in {column.name for column in columns}:
        return pl.DataFrame(columns)
    return pl.DataFrame([_pandas_series(name, index.to_series()), *columns])


def _pandas_series(name: str, series: Any) -> pl.Series:
    kind = str(series.dtype)
    if kind.startswith("datetime64["):
        zone = getattr(series.dtype, "tz", None)
        if zone is None:
            return _from_numpy(name, series.to_numpy())
        instants = _from_numpy(name, series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
        if instants.dtype != pl.Datetime("ns"):
            instants = instants.cast(pl.Datetime("us"))
        aware = instants.dt.replace_time_zone("UTC")
        # A fixed offset has no IANA name; the instants are the same in UTC.
        zone_name = getattr(zone, "key", None) or getattr(zone, "zone", None)
        return aware.dt.convert_time_zone(zone_name) if zone_name else aware
    if series.dtype.kind in "iufb" and not kind[0].isupper():
        return pl.Series(name, series.to_numpy())
    if kind[0].isupper() and series.dtype.kind in "iuf":
        return pl.Series(name, series.to_numpy(dtype="float64", na_value=np.nan))
    return pl.Series(name, [None if _is_missing(value) else value for value in series.tolist()])


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def _pandas_by_symbol(frame: Any, name: str) -> Iterator[Table]:
    levels = [
        {str(value).lower() for value in frame.columns.get_level_values(level)}
        for level in range(frame.columns.nlevels)
    ]
    price_levels = [level for level, names in enumerate(levels) if names >= _PRICE_NAMES]
    if frame.columns.nlevels != 2 or len(price_levels) != 1:
        msg = (
            f"{name}: the columns have {frame.columns.nlevels} levels, of which {len(price_levels)} hold "
            "open, high, low "
            "and close; allowed are two levels, (Price, Ticker) or (Ticker, Price)"
        )
        raise DataError(msg)
    symbol_level = 1 - price_levels[0]
    symbols = list(dict.fromkeys(frame.columns.get_level_values(symbol_level)))
    for symbol in symbols:
        part = frame.xs(symbol, axis=1, level=symbol_level)
        filled = part.dropna(how="all")
        left_out = len(part) - len(filled)
        notes = (f"{name}: {left_out} times without any value of {symbol} are left out",) if left_out else ()
        yield Table(_pandas(filled), Place(f"{name}[{str(symbol)!r}]"), str(symbol), notes)
