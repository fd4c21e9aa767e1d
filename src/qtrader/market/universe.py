"""Which symbols belonged to a universe, as it was known on each date.

A membership lasts from its first to its last day, both included; an empty last day means that it still lasts.
A symbol may leave and come back. An instant asks for the date on which it ends: midnight belongs to the day
before, because that is the day whose close it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.errors import DataError
from qtrader.market.record_files import read_records


@dataclass(frozen=True, slots=True)
class Membership:
    """One stay of a symbol, both dates included; `last` None means that it still lasts."""

    symbol: str
    first: date
    last: date | None = None


class Universe:
    """Answer which symbols were members on a date.

    Raises:
        DataError: a stay ends before it begins, or two stays of a symbol overlap.
    """

    def __init__(self, memberships: Iterable[Membership]) -> None:
        stays: dict[str, list[Membership]] = {}
        for stay in sorted(memberships, key=lambda stay: (stay.symbol, stay.first)):
            if stay.last is not None and stay.last < stay.first:
                msg = f"universe: {stay.symbol} leaves on {stay.last}, before it joins on {stay.first}"
                raise DataError(msg)
            known = stays.setdefault(stay.symbol, [])
            if known and (known[-1].last is None or known[-1].last >= stay.first):
                msg = (
                    f"universe: {stay.symbol} joins on {stay.first}, but is a member since "
                    f"{known[-1].first} already"
                )
                raise DataError(msg)
            known.append(stay)
        self._stays = stays

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that was ever a member, sorted."""
        return tuple(self._stays)

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """Every stay, by symbol and date."""
        return tuple(stay for stays in self._stays.values() for stay in stays)

    def members(self, at: date | datetime | int) -> tuple[str, ...]:
        """Return the members, sorted, on a date, or at an instant (aware datetime, or microseconds)."""
        day = _day_of(at)
        return tuple(symbol for symbol in self._stays if self._is_member(symbol, day))

    def contains(self, symbol: str, at: date | datetime | int) -> bool:
        """Tell whether a symbol was a member on a date, or at an instant (datetime or microseconds)."""
        return self._is_member(symbol, _day_of(at))

    def _is_member(self, symbol: str, day: date) -> bool:
        stays = self._stays.get(symbol, [])
        place = bisect_right(stays, day, key=lambda stay: stay.first) - 1
        if place < 0:
            return False
        last = stays[place].last
        return last is None or day <= last


def _day_of(at: date | datetime | int) -> date:
    if isinstance(at, int):
        return from_epoch_us(at - 1).date()
    if isinstance(at, datetime):
        if at.tzinfo is None and at == datetime.combine(at.date(), datetime.min.time()):
            return at.date()
        return from_epoch_us(to_epoch_us(at) - 1).date()
    return at


def read_universe(path: str | Path) -> Universe:
    """Read a universe from a CSV or Parquet file with the columns symbol, from and to.

    Raises:
        DataError: naming file, row and what is wrong.
    """
    frame = read_records(path, "a universe")
    return universe_from_rows(frame.columns, frame.iter_rows(), str(path))


def universe_from_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], place: str) -> Universe:
    """Make a universe of rows with the columns symbol, from and to.

    Raises:
        DataError: naming place, row, field and what is allowed.
    """
    names = [name.strip().lower() for name in columns]
    if sorted(names) != ["from", "symbol", "to"]:
        msg = f"{place}: has the columns {', '.join(columns)}; a universe has symbol, from and to"
        raise DataError(msg)
    memberships = []
    for number, row in enumerate(rows, start=1):
        values = dict(zip(names, row, strict=True))
        symbol = "" if values["symbol"] is None else str(values["symbol"]).strip()
        first = _date(values["from"], f"{place}: row {number}: from")
        if not symbol or first is None:
            msg = f"{place}: row {number}: {'from' if symbol else 'symbol'} is empty"
            raise DataError(msg)
        memberships.append(Membership(symbol, first, _date(values["to"], f"{place}: row {number}: to")))
    try:
        return Universe(memberships)
    except DataError as error:
        msg = f"{place}: {error}"
        raise DataError(msg) from None


def _date(value: Any, field: str) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"{field} is {text!r}; allowed is a date, for example 2005-02-28"
        raise DataError(msg) from None
