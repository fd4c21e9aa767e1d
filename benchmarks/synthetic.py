"""The one generator of benchmark data: geometric random walks in one-minute or daily bars, from a seed.

Prices move by independent normal steps, so nothing trends and a moving-average crossover trades often (about
27 times per 1,000 bars for 10 against 50): the hardest case for an engine whose cost lies in its decisions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qtrader.engine.inputs import Inputs
from qtrader.market.calendars import get_calendar
from qtrader.market.instruments import Instrument, Instruments
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.report import LoadReport

if TYPE_CHECKING:
    from qtrader.market.tape import Tape

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
#: 2020-01-01T00:00:00Z.
FIRST_OPEN_US = 1_577_836_800_000_000


def columns(symbol: str, bars: int, *, seed: int, interval: str = "1m") -> SymbolColumns:
    """Make one symbol's bars: a walk from 100, 5 basis points a minute or 1 % a day, in cents."""
    step_us, volatility = (MINUTE_US, 0.0005) if interval == "1m" else (DAY_US, 0.01)
    generator = np.random.default_rng(seed)
    close = np.maximum(np.round(100.0 * np.exp(np.cumsum(generator.normal(0.0, volatility, bars))), 2), 1.0)
    opened = np.concatenate(([100.0], close[:-1]))
    reach = np.round(np.abs(generator.normal(0.0, volatility, (2, bars))) * close, 2)
    high = np.round(np.maximum(opened, close) + reach[0], 2)
    low = np.maximum(np.round(np.minimum(opened, close) - reach[1], 2), 0.01)
    opened_at_us = FIRST_OPEN_US + step_us * np.arange(bars, dtype=np.int64)
    return SymbolColumns(
        symbol=symbol,
        interval=interval,
        opened_at_us=opened_at_us,
        closed_at_us=opened_at_us + step_us,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.round(generator.uniform(1_000.0, 10_000.0, bars)),
    )


def inputs(symbols: int, bars: int, *, seed: int = 1, interval: str = "1m") -> Inputs:
    """Make the inputs of a run: `symbols` walks of `bars` bars each."""
    parts = [
        columns(name, bars, seed=seed + place, interval=interval) for place, name in enumerate(names(symbols))
    ]
    return Inputs(loaded(build_tape(parts)))


def loaded(tape: Tape) -> LoadedData:
    """Wrap a tape with instruments that trade around the clock."""
    day = get_calendar("UTC")
    instruments = Instruments([Instrument(symbol=name) for name in tape.symbols])
    return LoadedData(tape, (), instruments, dict.fromkeys(tape.symbols, day), None, LoadReport())


FIELDS = ("open", "high", "low", "close", "volume")


def names(symbols: int) -> list[str]:
    """Return the symbols of a market of so many."""
    return [f"S{number:03d}" for number in range(symbols)]


def save(folder: Path, symbols: int, bars: int, *, seed: int = 1, interval: str = "1m") -> None:
    """Write the bars of `inputs` as `.npy` files of bars x symbols, which every engine reads."""
    folder.mkdir(parents=True)
    parts = [
        columns(name, bars, seed=seed + place, interval=interval) for place, name in enumerate(names(symbols))
    ]
    np.save(folder / "closed_at_us.npy", parts[0].closed_at_us)
    for field in FIELDS:
        np.save(folder / f"{field}.npy", np.stack([getattr(part, field) for part in parts], axis=1))


def load(folder: Path, *, bars: int | None = None) -> Inputs:
    """Make the inputs of a run from the files of `save`, or from their first bars."""
    closed_at_us = np.load(folder / "closed_at_us.npy")[:bars]
    arrays = {field: np.load(folder / f"{field}.npy")[:bars] for field in FIELDS}
    step_us = int(closed_at_us[1] - closed_at_us[0])
    parts = [
        SymbolColumns(
            symbol=name,
            interval="1m" if step_us == MINUTE_US else "1d",
            opened_at_us=closed_at_us - step_us,
            closed_at_us=closed_at_us,
            **{field: np.ascontiguousarray(values[:, place]) for field, values in arrays.items()},
        )
        for place, name in enumerate(names(arrays["close"].shape[1]))
    ]
    return Inputs(loaded(build_tape(parts)))
