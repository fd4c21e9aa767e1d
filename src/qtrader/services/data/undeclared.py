"""What a source leaves open and the data do not tell: said once, so that nobody takes it for known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qtrader.market.intervals import DAILY, DAY_US
from qtrader.market.tape import Longs
from qtrader.services.data.loading import Series
from qtrader.services.data.source import DataSource, PriceBasis

#: 1970-01-01 was a Thursday: (day + 3) % 7 counts from Monday.
_TO_MONDAY = 3
_SATURDAY = 5


def undeclared(source: DataSource, name: str, series: Sequence[Series]) -> tuple[str, ...]:
    """Return one note for the price basis and one for the calendar where nobody says what they are."""
    if not series:
        return ()
    notes = []
    if source.prices is None and all(entry.preset is None for entry in series):
        allowed = " | ".join(basis.value for basis in PriceBasis)
        notes.append(f"{name}: prices not declared: taken as raw (declare prices: {allowed})")
    daily = [entry for entry in series if entry.columns.interval == DAILY and len(entry.columns)]
    if source.calendar is None and daily:
        note = f"{name}: no calendar declared: each date is 00:00\N{EN DASH}24:00 UTC"
        if all(_are_weekdays(entry) for entry in daily):
            note += "; bars fall on weekdays only; declare calendar, for example XNYS"
        notes.append(note)
    return tuple(notes)


def _are_weekdays(series: Series) -> bool:
    return not len(weekend_rows(series.columns.closed_at_us))


def weekend_rows(closed_at_us: Longs) -> Longs:
    """Return the rows of daily bars that end a Saturday or a Sunday in UTC."""
    days = (closed_at_us - 1) // DAY_US
    return np.flatnonzero((days + _TO_MONDAY) % 7 >= _SATURDAY)
