"""Small tapes of daily bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape

FIRST_DAY = datetime(2012, 1, 2, tzinfo=UTC)
OPENS_AFTER, CLOSES_AFTER = timedelta(hours=14, minutes=30), timedelta(hours=21)


def days_from(first: datetime, count: int) -> list[datetime]:
    """Give `count` weekdays."""
    days, day = [], first
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def tape_of(
    closes: Mapping[str, Sequence[float]], factors: Mapping[str, Sequence[float]] | None = None
) -> Tape:
    """Make daily bars that open at the day's close and range one percent around it."""
    parts = []
    for symbol, values in closes.items():
        days = days_from(FIRST_DAY, len(values))
        close = np.array(values, dtype=np.float64)
        parts.append(
            SymbolColumns(
                symbol=symbol,
                interval="1d",
                opened_at_us=np.array([to_epoch_us(day + OPENS_AFTER) for day in days], dtype=np.int64),
                closed_at_us=np.array([to_epoch_us(day + CLOSES_AFTER) for day in days], dtype=np.int64),
                open=close,
                high=close * 1.01,
                low=close * 0.99,
                close=close,
                volume=np.full(len(close), 1e6),
                signal_factor=None if factors is None else np.array(factors[symbol], dtype=np.float64),
            )
        )
    return build_tape(parts)
