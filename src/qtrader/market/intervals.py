"""Names of bar intervals and their lengths.

An interval is written as a count and a unit: `30s`, `1m`, `15m`, `4h`, or `1d` for a daily bar. A daily bar's
instants come from its exchange's session, so `1d` has a length only for ordering: it is coarser than every
intraday interval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from qtrader.errors import ConfigError

#: The interval of daily bars.
DAILY = "1d"

#: Microseconds in a day.
DAY_US = 86_400_000_000

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_PATTERN = re.compile(r"([1-9][0-9]{0,4})([smh])", re.ASCII)


@lru_cache(maxsize=256)
def interval_us(interval: str) -> int:
    """Return an interval's length in microseconds.

    Raises:
        ConfigError: the name is not an interval, or an intraday interval is a day or longer.
    """
    if interval == DAILY:
        return DAY_US
    match = _PATTERN.fullmatch(interval)
    length_us = int(match[1]) * _UNITS_US[match[2]] if match else DAY_US
    if length_us >= DAY_US:
        msg = (
            f"interval {interval!r} is unknown; allowed are a count of seconds, minutes or hours below "
            "one day, for example 30s, 1m, 15m, 4h, and 1d"
        )
        raise ConfigError(msg)
    return length_us


def in_order(intervals: Iterable[str]) -> tuple[str, ...]:
    """Return each interval once, the finest first.

    Raises:
        ConfigError: one of the names is not an interval.
    """
    return tuple(sorted(set(intervals), key=lambda name: (interval_us(name), name)))


def interval_name(length_us: int) -> str:
    """Name an interval of a length in microseconds, in the largest unit that divides it.

    Raises:
        ConfigError: the length is not a whole number of seconds below a day, nor a day.
    """
    if length_us == DAY_US:
        return DAILY
    for unit in ("h", "m", "s"):
        count, rest = divmod(length_us, _UNITS_US[unit])
        if not rest and 0 < length_us < DAY_US:
            return f"{count}{unit}"
    msg = f"no interval lasts {length_us} µs; allowed are whole seconds, minutes, hours below one day, and 1d"
    raise ConfigError(msg)
