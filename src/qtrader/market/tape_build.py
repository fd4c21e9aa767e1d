"""Building a tape: checked columns of each symbol and interval, merged into the tape's order.

What stands here is the definition of a valid bar: every price finite and positive, low ≤ open, close ≤ high,
volume ≥ 0 or unknown (NaN), opened before closed, and closes strictly increasing per symbol and interval.
`bar_faults` gives each rule's offending rows, so that a reader can count and drop them; `build_tape` refuses
the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtrader.clock import from_epoch_us
from qtrader.errors import DataError
from qtrader.market.intervals import interval_us
from qtrader.market.tape import Floats, Longs, Tape, TapeColumns

Mask = NDArray[np.bool_]

# The instants that a contract can write: 1000-01-01T00:00:00Z to the last second of 9999.
_FIRST_US = -30_610_224_000_000_000
_LAST_US = 253_402_300_799_999_999

_PRICES = ("open", "high", "low", "close")
_COLUMNS = ("opened_at_us", "closed_at_us", "open", "high", "low", "close", "volume", "signal_factor")


@dataclass(frozen=True, slots=True, eq=False)
class SymbolColumns:
    """Bars of one symbol and interval, in time order.

    Times are int64 microseconds since the Unix epoch, the rest float64. `volume` None means unknown,
    `signal_factor` None means 1.
    """

    symbol: str
    interval: str
    opened_at_us: Longs
    closed_at_us: Longs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None = None
    signal_factor: Floats | None = None

    def __len__(self) -> int:
        return len(self.closed_at_us)

    def take(self, rows: Any) -> SymbolColumns:
        """Return these rows only, chosen by an index array, a mask or a slice."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in _COLUMNS}
        taken: dict[str, Any] = {
            name: None if column is None else column[rows] for name, column in columns.items()
        }
        return replace(self, **taken)


def price_faults(columns: SymbolColumns) -> Iterator[tuple[str, Mask]]:
    """Yield each rule about a single bar with the rows that break it, int-indexable masks of all rows.

    The order is the order of trust: a later rule may assume that the earlier ones hold.
    """
    for name in _PRICES:
        yield f"{name} must be finite", ~np.isfinite(getattr(columns, name))
    for name in _PRICES:
        yield f"{name} must be positive", getattr(columns, name) <= 0.0
    yield "low must be ≤ high", columns.low > columns.high
    yield "low must be ≤ open", columns.low > columns.open
    yield "low must be ≤ close", columns.low > columns.close
    yield "open must be ≤ high", columns.open > columns.high
    yield "close must be ≤ high", columns.close > columns.high
    if columns.volume is not None:
        yield "volume must be ≥ 0", columns.volume < 0.0
        yield "volume must be finite or unknown", np.isinf(columns.volume)
    if columns.signal_factor is not None:
        yield from _factor_faults(columns.signal_factor)


def bar_faults(columns: SymbolColumns) -> Iterator[tuple[str, Mask]]:
    """Yield each rule about bars with the rows that break it: those about prices, then those about time."""
    yield from price_faults(columns)
    yield from _span_faults(columns)
    late = np.zeros(len(columns), dtype=np.bool_)
    late[1:] = columns.closed_at_us[1:] <= columns.closed_at_us[:-1]
    yield "closed_at must be later than that of the bar before", late


def time_faults(columns: TapeColumns) -> Iterator[tuple[str, Mask]]:
    """Yield the rules about rows of a tape whose prices and order are checked already."""
    yield from _factor_faults(columns.signal_factor)
    yield from _span_faults(columns)


def _factor_faults(factor: Floats) -> Iterator[tuple[str, Mask]]:
    yield "signal_factor must be finite and positive", ~(np.isfinite(factor) & (factor > 0.0))


def _span_faults(columns: SymbolColumns | TapeColumns) -> Iterator[tuple[str, Mask]]:
    outside = (columns.opened_at_us < _FIRST_US) | (columns.closed_at_us > _LAST_US)
    yield "opened_at and closed_at must lie in the years 1000 to 9999", outside
    yield "opened_at must be before closed_at", columns.opened_at_us >= columns.closed_at_us


def build_tape(parts: Sequence[SymbolColumns]) -> Tape:
    """Check and merge columns into one tape.

    The parts may come in any order; several parts may be of one symbol and interval.

    Raises:
        DataError: naming symbol, interval, row of the part, rule and the values found.
        ConfigError: an interval's name is unknown.
    """
    ready = [_as_columns(part) for part in parts]
    for part in ready:
        _refuse_first_fault(part)
    filled = [part for part in ready if len(part)]
    symbols = tuple(sorted({intern(part.symbol) for part in ready}))
    names = {intern(part.interval) for part in filled}
    intervals = tuple(sorted(names, key=lambda name: (interval_us(name), name)))
    if len(filled) == 1:
        return Tape(symbols, intervals, _single(filled[0], symbols))
    return Tape(symbols, intervals, _merged(filled, symbols, intervals))


def _as_columns(part: SymbolColumns) -> SymbolColumns:
    if not part.symbol:
        msg = "a set of columns has an empty symbol; give each one a name"
        raise DataError(msg)
    interval_us(part.interval)
    rows = len(part.closed_at_us)
    columns: dict[str, Any] = {name: getattr(part, name) for name in _COLUMNS}
    if part.volume is None:
        columns["volume"] = np.full(rows, np.nan)
    if part.signal_factor is None:
        columns["signal_factor"] = np.ones(rows)
    for name, values in columns.items():
        columns[name] = column = _column(part, name, values)
        if column.shape != (rows,):
            msg = (
                f"{part.symbol} {part.interval}: column {name} has shape {column.shape}, "
                f"closed_at_us has {rows} rows"
            )
            raise DataError(msg)
    columns["volume"] = canonical_volume(columns["volume"])
    return replace(part, **columns)


def _column(part: SymbolColumns, name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    dtype = np.int64 if name.endswith("_us") else np.float64
    if array.dtype == np.float32:
        msg = (
            f"{part.symbol} {part.interval}: column {name} is float32, which cannot hold prices to the cent; "
            f"read the source as float64"
        )
        raise DataError(msg)
    if not np.can_cast(array.dtype, dtype, casting="safe"):
        msg = f"{part.symbol} {part.interval}: column {name} is {array.dtype}; allowed is {np.dtype(dtype)}"
        raise DataError(msg)
    return np.ascontiguousarray(array, dtype=dtype)


def canonical_volume(volume: Floats) -> Floats:
    """Return volumes with one bit pattern for "unknown" and one for zero: equal tapes have equal digests."""
    odd = np.isnan(volume) | ((volume == 0.0) & np.signbit(volume))
    if not odd.any():
        return volume
    return np.where(np.isnan(volume), np.nan, volume + 0.0)


def _refuse_first_fault(part: SymbolColumns) -> None:
    for rule, mask in bar_faults(part):
        if mask.any():
            raise bar_fault(part, 0, rule, int(mask.argmax()))


def bar_fault(part: SymbolColumns, rows_before: int, rule: str, row: int) -> DataError:
    """Return the error about a row of a series, of which so many rows came before."""
    number = rows_before + row + 1
    return DataError(f"{part.symbol} {part.interval}: row {number}: {rule}; found {describe_row(part, row)}")


def double_bar(symbol: str, interval: str, closed_at_us: int) -> DataError:
    """Return the error about two bars of one symbol and interval that close at one instant."""
    return DataError(
        f"{symbol} {interval}: two bars close at {from_epoch_us(closed_at_us).isoformat()}; a symbol has one "
        "bar per interval and instant"
    )


def describe_row(columns: SymbolColumns, row: int) -> str:
    """Show one row's values for an error message."""
    volume = "unknown" if columns.volume is None else repr(float(columns.volume[row]))
    prices = ", ".join(f"{name} {float(getattr(columns, name)[row])!r}" for name in _PRICES)
    return (
        f"{prices}, volume {volume}, opened {_readable(columns.opened_at_us[row])}, "
        f"closed {_readable(columns.closed_at_us[row])}"
    )


def _readable(instant_us: np.int64) -> str:
    value_us = int(instant_us)
    return from_epoch_us(value_us).isoformat() if _FIRST_US <= value_us <= _LAST_US else f"{value_us} µs"


def _single(part: SymbolColumns, symbols: tuple[str, ...]) -> TapeColumns:
    rows = len(part)
    return TapeColumns(
        symbol_index=np.full(rows, symbols.index(part.symbol), dtype=np.int32),
        interval_index=np.zeros(rows, dtype=np.int16),
        **{name: getattr(part, name) for name in _COLUMNS},
    )


def _merged(parts: list[SymbolColumns], symbols: tuple[str, ...], intervals: tuple[str, ...]) -> TapeColumns:
    symbol_places = {symbol: place for place, symbol in enumerate(symbols)}
    interval_places = {interval: place for place, interval in enumerate(intervals)}
    lengths = [len(part) for part in parts]
    part_symbols = np.array([symbol_places[part.symbol] for part in parts], dtype=np.int32)
    part_intervals = np.array([interval_places[part.interval] for part in parts], dtype=np.int16)
    symbol_index = np.repeat(part_symbols, lengths)
    interval_index = np.repeat(part_intervals, lengths)
    closed_at_us = _joined(parts, "closed_at_us")
    order = np.lexsort((interval_index, symbol_index, closed_at_us))
    symbol_index, interval_index = symbol_index[order], interval_index[order]
    closed_at_us = closed_at_us[order]
    same = (
        (closed_at_us[1:] == closed_at_us[:-1])
        & (symbol_index[1:] == symbol_index[:-1])
        & (interval_index[1:] == interval_index[:-1])
    )
    if same.any():
        row = int(same.argmax())
        raise double_bar(symbols[symbol_index[row]], intervals[interval_index[row]], int(closed_at_us[row]))
    return TapeColumns(
        closed_at_us=closed_at_us,
        symbol_index=symbol_index,
        interval_index=interval_index,
        **{name: _joined(parts, name)[order] for name in _COLUMNS if name != "closed_at_us"},
    )


def _joined(parts: list[SymbolColumns], name: str) -> NDArray[Any]:
    empty = np.zeros(0, dtype=np.int64 if name.endswith("_us") else np.float64)
    return np.concatenate([getattr(part, name) for part in parts]) if parts else empty
