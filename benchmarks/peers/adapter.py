"""What the adapters share: how a peer is given its bars, timed, and counted.

    python NAME_run.py MODE DATA [KEY=VALUE ...]

An adapter runs as a program in its peer's own environment and knows only files, NumPy and the peer. DATA is a
folder of `.npy` files: `closed_at_us` (bars), and `open`, `high`, `low`, `close`, `volume` (bars x symbols).
It prints one JSON line. Three times are kept apart: `prepare_seconds`, in which the arrays become what the
peer takes; `first_seconds`, the first run on a few bars, which compiles what is compiled; and `seconds`, a
run from prices to trades (and metrics, where the peer calculates them) in the warm process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import deque
from importlib.metadata import version
from pathlib import Path

import numpy as np

SHARES = 100
COMMISSION = 0.001
#: Enough for commissions to the end, so that no order is refused.
CASH = 100_000_000.0
#: Bars of the first run: more than the longest window.
FIRST_BARS = 1_000


class Data:
    """The bars: arrays of bars x symbols, C-contiguous float64."""

    def __init__(self, closed_at_us, columns):
        self.closed_at_us = closed_at_us
        for name, values in columns.items():
            setattr(self, name, values)
        self.bars, self.symbols = self.close.shape

    @classmethod
    def load(cls, folder):
        """Read a folder of `.npy` files."""
        names = ("open", "high", "low", "close", "volume")
        columns = {name: np.load(Path(folder) / f"{name}.npy") for name in names}
        return cls(np.load(Path(folder) / "closed_at_us.npy"), columns)

    def head(self, bars):
        """Return the first bars alone."""
        names = ("open", "high", "low", "close", "volume")
        columns = {name: np.ascontiguousarray(getattr(self, name)[:bars]) for name in names}
        return Data(self.closed_at_us[:bars], columns)

    @property
    def names(self):
        """The symbols."""
        return [f"S{number:03d}" for number in range(self.symbols)]

    def series(self, name, symbol=0):
        """Return one symbol's column as an array of its own."""
        return np.ascontiguousarray(getattr(self, name)[:, symbol])

    @property
    def closed_at_ns(self):
        """When the bars close, in nanoseconds."""
        return self.closed_at_us * 1_000


class Window:
    """A running mean of the last `length` values, which is None until it is warm."""

    __slots__ = ("length", "total", "values")

    def __init__(self, length):
        self.length, self.total, self.values = length, 0.0, deque()

    def update(self, value):
        """Take a value in and return the mean."""
        values = self.values
        values.append(value)
        self.total += value
        if len(values) > self.length:
            self.total -= values.popleft()
        elif len(values) < self.length:
            return None
        return self.total / self.length


class Cross:
    """The crossover of two running means: `update` returns +1, -1 or 0."""

    __slots__ = ("fast", "is_above", "slow")

    def __init__(self, fast=10, slow=50):
        self.fast, self.slow, self.is_above = Window(fast), Window(slow), None

    def update(self, price):
        """Take a price in; a first state is no cross."""
        fast, slow = self.fast.update(price), self.slow.update(price)
        if slow is None:
            return 0
        # Prices are in cents, so a difference this small is rounding.
        difference = fast - slow
        if -1e-9 < difference < 1e-9:
            return 0
        is_above, was_above = difference > 0, self.is_above
        if is_above is was_above:
            return 0
        self.is_above = is_above
        return 0 if was_above is None else 1 if is_above else -1


class EveryBar:
    """The strategy that trades on every bar: `update` returns +1 and -1 in turns."""

    __slots__ = ("side",)

    def __init__(self):
        self.side = -1

    def update(self, price):
        """Take a price in."""
        self.side = -self.side
        return self.side


def logic(options):
    """Return what makes the per-symbol logic of a workload."""
    return EveryBar if options.get("logic") == "every_bar" else Cross


def crosses(close, fast=10, slow=50):
    """Return where the means cross up and down, for every symbol: two boolean arrays of bars x symbols."""
    sums = np.vstack([np.zeros((1, close.shape[1])), np.cumsum(np.round(close * 100), axis=0)])
    bars = len(close)
    difference = np.zeros(close.shape)
    if bars >= slow:
        short = (sums[slow:] - sums[slow - fast : bars + 1 - fast]) * slow
        difference[slow - 1 :] = short - (sums[slow:] - sums[: bars + 1 - slow]) * fast
    state = np.sign(difference).astype(np.int8)
    # Equal means keep the state that was.
    places = np.where(state != 0, np.arange(bars)[:, None], -1)
    np.maximum.accumulate(places, axis=0, out=places)
    held = np.where(places >= 0, np.take_along_axis(state, np.maximum(places, 0), axis=0), 0)
    before = np.vstack([np.zeros((1, close.shape[1]), dtype=held.dtype), held[:-1]])
    return (held == 1) & (before == -1), (held == -1) & (before == 1)


def signals(data, options):
    """Return entries and exits of a workload, decided at the close: two boolean arrays of bars x symbols."""
    if options.get("logic") == "every_bar":
        up = np.zeros(data.close.shape, dtype=bool)
        up[::2] = True
        return up, ~up
    return crosses(data.close)


def pairs():
    """Return the (fast, slow) pairs of the sweep."""
    return [(fast, slow) for fast in range(5, 44, 2) for slow in range(50, 241, 10)]


def pairs_of(options):
    """Return the pairs that `sets=` of the options leaves: so many, evenly chosen."""
    chosen = pairs()
    sets = int(options.get("sets", len(chosen)))
    return chosen[:: len(chosen) // sets][:sets]


def main(package, modes, *, notes=""):
    """Run one mode, as the command line says, and print what was found.

    Args:
        package: distribution whose version is reported.
        modes: by name, a function of data and options that prepares a run and returns it; the run returns how
            many fills it made, or a dictionary with `fills` and more.
        notes: conventions of the adapter, passed on.
    """
    mode, folder, *pairs_given = sys.argv[1:]
    options = dict(pair.split("=", 1) for pair in pairs_given)
    data = Data.load(folder)
    first = None
    if options.get("cold") != "yes":
        head = data.head(min(data.bars, FIRST_BARS))
        began = time.perf_counter()
        modes[mode](head, options)()
        first = time.perf_counter() - began
    began = time.perf_counter()
    run = modes[mode](data, options)
    prepared, processor = time.perf_counter(), time.process_time()
    found = run()
    seconds, processor = time.perf_counter() - prepared, time.process_time() - processor
    found = found if isinstance(found, dict) else {"fills": found}
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor_seconds": processor,
                "first_seconds": first,
                "prepare_seconds": prepared - began,
                "rows": data.bars * data.symbols,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "version": version(package),
                "python": ".".join(map(str, sys.version_info[:2])),
                "notes": notes,
                **found,
            }
        )
    )
