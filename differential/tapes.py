"""The tapes: the shipped daily prices as they are, and random ones full of what makes fills hard.

Random prices lie on a coarse grid, and so do the orders on them, so that touches, equal prices, bars that
stand still and opens beyond every level happen all the time and not once in a thousand bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import qtrader as qt

FIRST_DAY = date(2020, 1, 1)
GRID = 0.25


@dataclass(frozen=True)
class Tape:
    """Bars of one symbol.

    Attributes:
        name: of the tape, for messages.
        calendar: whose sessions the dates name; None for days of 24 hours.
        dates: one for each bar, as ISO text.
        open, high, low, close: prices.
        fast, slow: bars of the averages whose crosses trade.
        distance: how far limits and stops lie from the close, as a fraction.
        tick: to whose multiples order prices are rounded.
    """

    name: str
    calendar: str | None
    dates: tuple[str, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    fast: int
    slow: int
    distance: float
    tick: float = 0.01


def sample_tapes() -> list[Tape]:
    """Give AAPL, IBM and MSFT, 2000 to 2013, unadjusted: a split is a gap like any other."""
    tapes = []
    for symbol in ("AAPL", "IBM", "MSFT"):
        bars = qt.sample_data(symbol).bars
        opens, highs, lows, closes = (tuple(bars[name]) for name in ("open", "high", "low", "close"))
        dates = tuple(day.isoformat() for day in bars["date"])
        tapes.append(Tape(symbol, "XNYS", dates, opens, highs, lows, closes, fast=10, slow=30, distance=0.01))
    return tapes


def random_tape(seed: int, length: int = 250) -> Tape:
    """Make the random tape of a seed."""
    random = Random(seed)  # noqa: S311 - tapes, not secrets
    rows = []
    close = 100.0
    for _ in range(length):
        opened = close if random.random() < 0.25 else _moved(random, close, 6)
        closed = opened if random.random() < 0.1 else _moved(random, opened, 5)
        is_still = random.random() < 0.05
        high = max(opened, closed) + (0 if is_still else GRID * random.randrange(6))
        low = min(opened, closed) - (0 if is_still else GRID * random.randrange(6))
        rows.append((opened, high, low, closed))
        # Drawn back towards 100, so that no tape runs away to prices that nothing else resembles.
        close = closed if 80 <= closed <= 120 else 100.0
    dates = tuple((FIRST_DAY + timedelta(days=number)).isoformat() for number in range(length))
    opens, highs, lows, closes = (tuple(column) for column in zip(*rows, strict=True))
    distance = random.choice((0.005, 0.01, 0.015))
    columns = (opens, highs, lows, closes)
    return Tape(f"random-{seed}", None, dates, *columns, fast=3, slow=8, distance=distance, tick=GRID)


def _moved(random: Random, price: float, steps: int) -> float:
    return price + GRID * random.randint(-steps, steps)
