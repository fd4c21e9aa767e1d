"""A tape as the sweep kernel reads it: columns by symbol, prepared once and shared by memory map."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtrader.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.market.tape import Tape
    from qtrader.services.execution.settings import ExecutionSettings

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

#: The columns of a tape that are written to disk, by attribute.
_COLUMNS: Final = (
    "closed_at_us",
    "valued_at_us",
    "open",
    "high",
    "low",
    "close",
    "marks",
    "fills",
    "rows",
    "row_opened_at_us",
    "row_closed_at_us",
    "session_times",
)
_FACTS: Final = "tape.json"


@dataclass(frozen=True, eq=False)
class KernelTape:
    """Hold what the kernel needs of a tape.

    Args:
        symbols: the columns of the panel.
        closed_at_us: int64[time], the rows of the panel.
        valued_at_us: int64[sessions], the session closes at which equity is taken.
        open: float64[time, symbol], NaN where there is no bar.
        high: float64[symbol, time], NaN where there is no bar.
        low: float64[symbol, time], NaN where there is no bar.
        close: float64[time, symbol], NaN where there is no bar.
        marks: float64[time, symbol], the last close known, 0 before the first bar.
        fills: int8[symbol, time], whether a bar can fill orders.
        rows: int64[symbol, time], the row on the tape; -1 where there is no bar.
        row_opened_at_us: int64[row].
        row_closed_at_us: int64[row].
        session_times: int64[sessions], the last time known at each session close.
        began_us: the instant of the starting capital.
        first_time: trading begins after the times before this one.
        periods_per_year: of the returns, unless the terms say otherwise.
    """

    symbols: tuple[str, ...]
    closed_at_us: Longs
    valued_at_us: Longs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    marks: Floats
    fills: NDArray[np.int8]
    rows: Longs
    row_opened_at_us: Longs
    row_closed_at_us: Longs
    session_times: Longs
    began_us: int
    first_time: int
    periods_per_year: int
    _source: tuple[Inputs, RunConfig] | None = None

    @classmethod
    def of(cls, inputs: Inputs, config: RunConfig) -> KernelTape:
        """Prepare a tape that `unsupported(config, inputs)` has nothing against."""
        from qtrader.engine.agenda import valuations
        from qtrader.market.calendars import get_calendar
        from qtrader.services.reporting.equity import periods_per_year, trading_began_us

        tape, starts_us = inputs.data.tape, inputs.trading_starts_us
        marked = valuations(tape, get_calendar(config.run.valuation_calendar))
        valued = [one.instant_us for one in marked if one.instant_us > starts_us]
        instants = tape.instants_us
        valued_at_us = np.array(valued, dtype=np.int64)
        columns = _columns(tape, config.execution)
        return cls(
            symbols=tape.symbols,
            closed_at_us=instants,
            valued_at_us=valued_at_us,
            **columns,
            row_opened_at_us=tape.opened_at_us,
            row_closed_at_us=tape.closed_at_us,
            session_times=np.searchsorted(instants, valued_at_us, side="right").astype(np.int64) - 1,
            began_us=trading_began_us(tape, starts_us, valued),
            first_time=int(np.searchsorted(instants, starts_us, side="right")),
            periods_per_year=periods_per_year(tape),
            _source=(inputs, config),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The number of instants and of symbols: the shape of a strategy's columns."""
        return len(self.closed_at_us), len(self.symbols)

    @property
    def is_dense(self) -> bool:
        """Whether every symbol has a bar that can fill orders at every instant."""
        return bool(self.fills.all())

    def alone(self, place: int) -> KernelTape:
        """Return the tape of one symbol, as if the others were not there.

        Raises:
            DataError: the tape was loaded from disk, where only columns lie.
        """
        if self._source is None:
            msg = "a kernel tape that was loaded from disk cannot be taken apart; take it apart, then save it"
            raise DataError(msg)
        inputs, config = self._source
        tape = inputs.data.tape.select([self.symbols[place]])
        return KernelTape.of(replace(inputs, data=replace(inputs.data, tape=tape)), config)

    def save(self, directory: Path) -> None:
        """Write the columns, so that `load` can map them into another process."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in _COLUMNS:
            np.save(directory / f"{name}.npy", getattr(self, name))
        facts = {
            "symbols": self.symbols,
            "began_us": self.began_us,
            "first_time": self.first_time,
            "periods_per_year": self.periods_per_year,
        }
        (directory / _FACTS).write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> KernelTape:
        """Map a saved tape; nothing is copied."""
        facts = json.loads((directory / _FACTS).read_text(encoding="utf-8"))
        columns: dict[str, Any] = {
            name: np.load(directory / f"{name}.npy", mmap_mode="r") for name in _COLUMNS
        }
        return cls(symbols=tuple(facts.pop("symbols")), **columns, **facts)


def _columns(tape: Tape, execution: ExecutionSettings) -> dict[str, NDArray[Any]]:
    """Lay the bars out by symbol and time; columns of a tape with one symbol stay where they are."""
    if len(tape.symbols) == 1:
        prices = {name: getattr(tape, name)[:, None] for name in ("open", "close")}
        prices |= {name: getattr(tape, name)[None, :] for name in ("high", "low")}
        rows = np.arange(len(tape), dtype=np.int64)
        fills = _can_fill(tape, rows, execution)
        return {**prices, "marks": tape.close[:, None], "fills": fills[None, :], "rows": rows[None, :]}
    shape = len(tape.symbols), tape.instant_count
    rows = np.full(shape, -1, dtype=np.int64)
    fills = np.zeros(shape, dtype=np.int8)
    prices = {name: np.full(shape[::-1], np.nan) for name in ("open", "close")}
    extremes = {name: np.full(shape, np.nan) for name in ("high", "low")}
    marks = np.zeros(shape[::-1])
    for place, symbol in enumerate(tape.symbols):
        own = tape.matching_rows_of(symbol)
        times = np.searchsorted(tape.instants_us, tape.closed_at_us[own])
        rows[place, times] = own
        fills[place, times] = _can_fill(tape, own, execution)
        for name, column in prices.items():
            column[times, place] = getattr(tape, name)[own]
        for name, column in extremes.items():
            column[place, times] = getattr(tape, name)[own]
        known = np.searchsorted(times, np.arange(shape[1]), side="right") - 1
        seen = known >= 0
        marks[seen, place] = tape.close[own[known[seen]]]
    return {**prices, **extremes, "marks": marks, "fills": fills, "rows": rows}


def _can_fill(tape: Tape, rows: Longs, execution: ExecutionSettings) -> NDArray[np.int8]:
    """Say which bars can fill orders, as `qtrader.services.execution.participation.can_fill`."""
    no_volume = tape.volume[rows] == 0
    if not no_volume.any():
        return np.ones(len(rows), dtype=np.int8)
    is_stale = no_volume.copy()
    is_stale[:1] = False
    for column in (tape.open, tape.high, tape.low, tape.close):
        own = column[rows]
        is_stale[1:] &= own[1:] == own[:-1]
    allowed = np.where(is_stale, execution.fill_on_stale, execution.fill_on_no_volume)
    can_fill: NDArray[np.int8] = (~no_volume | allowed).astype(np.int8)
    return can_fill
