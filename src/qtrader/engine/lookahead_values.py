"""Data that a strategy was given beside the context, changed together with the tape.

What a parameter, an attribute or a global holds is recognised by its values: numbers that agree, one after
the other, with a column of the run's bars (shifted or not, whole or in part) are those bars, and become the
bars of the other future. A table that holds other symbols' prices is changed by its dates. Everything else
with many numbers in it cannot be changed with the data; it is named, so that nobody takes silence for
innocence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qtrader.engine.lookahead_changes import LEVELS, Change, change_data, change_tape
from qtrader.engine.lookahead_tables import TableView, kind_of, view_of
from qtrader.market.tape import Tape
from qtrader.services.data.assembly import LoadedData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.market.tape import Floats, Longs

#: Fewer numbers than this are no series of prices.
FEWEST_NUMBERS: Final = 6
#: As many numbers that are not recognised are worth a word.
MANY_NUMBERS: Final = 20
_BEFORE, _AFTER = -1, -2
_PRICE_NAME: Final = re.compile(
    r"^(adj|adjusted)?[ _]?(open|high|low|close|price|last|vwap|volume)$", re.IGNORECASE
)
_CANDIDATES: Final = 64
_DEPTH: Final = 6


class Place(NamedTuple):
    """Where an array stands on the tape: the row of each element (or before, or after it), and the column."""

    rows: Longs
    column: str


class KnownSeries:
    """Recognise arrays that hold columns of a tape."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    @cached_property
    def columns(self) -> dict[str, Floats]:
        """The columns that arrays are compared with; `signal` is the close of the signal series."""
        tape = self.tape
        found = {name: getattr(tape, name) for name in ("close", "open", "high", "low", "volume")}
        if (tape.signal_factor != 1.0).any():
            found["signal"] = tape.close * tape.signal_factor
        return found

    @cached_property
    def _orders(self) -> dict[str | None, list[Longs]]:
        """Return the orders in which rows of a symbol (None: of all) may follow one another."""
        tape = self.tape
        found: dict[str | None, list[Longs]] = {}
        for symbol in tape.symbols:
            rows = tape.rows_of(symbol)
            kinds = np.unique(tape.interval_index[rows]).tolist()
            found[symbol] = [rows[tape.interval_index[rows] == kind] for kind in kinds]
        every = [rows for orders in found.values() for rows in orders]
        if len(every) > 1:
            every += [np.arange(len(tape)), np.concatenate(every)]
        found[None] = every
        return found

    def find(self, values: Floats, symbol: str | None = None) -> Place | None:
        """Return where an array stands on the tape; None where it is not recognised."""
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite) < FEWEST_NUMBERS:
            return None
        for rows in self._orders.get(symbol, ()):
            for name, column in self.columns.items():
                offset = _offset(values, finite, column[rows])
                if offset is not None:
                    return Place(_rows_at(rows, offset, len(values)), name)
        return None


def _rows_at(rows: Longs, offset: int, size: int) -> Longs:
    places = np.arange(size) + offset
    found = rows[np.clip(places, 0, len(rows) - 1)]
    return np.where(places < 0, _BEFORE, np.where(places >= len(rows), _AFTER, found))


def _offset(values: Floats, finite: Longs, column: Floats) -> int | None:
    """Return d so that values[i] is column[i + d] wherever both are known; None where there is no such d."""
    tried: set[int] = set()
    for at in (int(finite[0]), int(finite[len(finite) // 2]), int(finite[-1])):
        tried.update((np.flatnonzero(column == values[at])[:_CANDIDATES] - at).tolist())
    if not tried:
        for at in (0, len(column) // 2, len(column) - 1):
            tried.update((at - np.flatnonzero(values == column[at])[:_CANDIDATES]).tolist())
    needed = max(FEWEST_NUMBERS, min(len(finite), len(column)) // 2)
    for offset in sorted(tried, key=abs):
        first, stop = max(0, -offset), min(len(values), len(column) - offset)
        ours, theirs = values[first:stop], column[first + offset : stop + offset]
        known = np.isfinite(ours)
        if int(known.sum()) < needed or not np.array_equal(ours[known], theirs[known]):
            continue
        if len(np.unique(ours[known])) > 2:
            return offset
    return None


class DataChanger:
    """Change data of the user's as a change does the tape.

    Args:
        known: the bars of the run.
        change: what becomes of them.
    """

    def __init__(self, known: KnownSeries, change: Change) -> None:
        self._known = known
        self._change = change
        self._changed_tape = change_tape(known.tape, change)
        #: What holds many numbers and could not be changed, or not wholly.
        self.unchanged: dict[str, None] = {}

    def changed(self, value: Any, name: str, depth: int = 0) -> Any:
        """Return a changed copy, or the value itself where there is nothing to change."""
        if isinstance(value, (Tape, LoadedData)):
            return self._of_the_market(value)
        if isinstance(value, np.ndarray):
            return self._array(value, name)
        if isinstance(value, (list, tuple)):
            return self._sequence(value, name, depth)
        if type(value) is dict:
            return self._mapping(value, name, depth)
        return self._table(value, name)

    def _of_the_market(self, value: Tape | LoadedData) -> Tape | LoadedData:
        return (
            change_tape(value, self._change) if isinstance(value, Tape) else change_data(value, self._change)
        )

    def _array(self, values: NDArray[Any], name: str) -> Any:
        if values.dtype.kind not in "iuf" or values.ndim not in {1, 2} or len(values) < FEWEST_NUMBERS:
            return values
        columns = [values] if values.ndim == 1 else list(values.T)
        found = [self._known.find(np.asarray(column, dtype=np.float64)) for column in columns]
        rows = next((place.rows for place in found if place is not None), None)
        if rows is None:
            self._name_unknown(name, values.size)
            return values
        if self._change.is_truncation:
            return values[self._is_known(rows)]
        new = [
            self._moved(np.asarray(column, dtype=np.float64), place) if place is not None else column
            for column, place in zip(columns, found, strict=True)
        ]
        return new[0] if values.ndim == 1 else np.column_stack(new)

    def _sequence(self, values: Any, name: str, depth: int) -> Any:
        if len(values) >= FEWEST_NUMBERS and all(_is_number(value) for value in values):
            array = _floats(values)
            new = self._array(array, name)
            return values if new is array else type(values)(new.tolist())
        if depth >= _DEPTH or type(values) not in {list, tuple}:
            return values
        made = [self.changed(value, f"{name}[{place}]", depth + 1) for place, value in enumerate(values)]
        is_same = all(new is old for new, old in zip(made, values, strict=True))
        return values if is_same else type(values)(made)

    def _mapping(self, values: dict[Any, Any], name: str, depth: int) -> Any:
        if len(values) >= FEWEST_NUMBERS and all(_is_number(value) for value in values.values()):
            array = _floats(values.values())
            place = self._known.find(array)
            if place is None:
                self._name_unknown(name, len(values))
                return values
            if self._change.is_truncation:
                return dict(compress(values.items(), self._is_known(place.rows).tolist()))
            return dict(zip(values, self._moved(array, place).tolist(), strict=True))
        if depth >= _DEPTH:
            return values
        made = {key: self.changed(value, f"{name}[{key!r}]", depth + 1) for key, value in values.items()}
        return values if all(made[key] is value for key, value in values.items()) else made

    def _table(self, value: Any, name: str) -> Any:
        if kind_of(value) == "polars.LazyFrame":
            frame = value.collect()
            changed = self._table(frame, name)
            return value if changed is frame else changed.lazy()
        view = view_of(value, self._known.tape.symbols)
        if view is None or not view.columns or view.rows < FEWEST_NUMBERS:
            return value
        groups = _groups(view, self._known.tape.symbols)
        found = {
            (number, place): self._known.find(values[rows], label)
            for number, (label, rows) in enumerate(groups)
            for place, (_, values) in view.columns.items()
        }
        is_known = self._known_rows(view, groups, found)
        if is_known is None:
            self._name_unknown(name, view.rows * len(view.columns))
            return value
        columns: dict[int, Floats] = {}
        for place, (column, values) in view.columns.items():
            if len(np.unique(values)) < 2:
                # One number throughout tells nothing of any day.
                continue
            new = values.copy()
            recognised = True
            for number, (_, rows) in enumerate(groups):
                spot = found[number, place]
                recognised = recognised and spot is not None
                new[rows] = self._column(values[rows], spot, is_known[rows])
            if not recognised and not _PRICE_NAME.match(column):
                self._name_unknown(f"{name}[{column!r}]", view.rows)
            if not np.array_equal(new, values, equal_nan=True):
                columns[place] = new
        is_cut = self._change.is_truncation and not is_known.all()
        return view.rebuild(is_known if is_cut else None, columns) if is_cut or columns else value

    def _column(self, values: Floats, spot: Place | None, is_known: NDArray[np.bool_]) -> Floats:
        """Change one column of one group, whose rows are known by the instant or not."""
        if spot is not None:
            if not self._change.is_truncation:
                return self._moved(values, spot)
            # What a known row holds of a later one, as a shifted column does, is not known yet.
            return np.where(is_known & ~self._is_known(spot.rows), np.nan, values)
        return values if self._change.is_truncation else self._scaled(values, ~is_known)

    def _known_rows(
        self,
        view: TableView,
        groups: list[tuple[str | None, Longs]],
        found: Mapping[tuple[int, int], Place | None],
    ) -> NDArray[np.bool_] | None:
        """Tell which rows of a table were known at the change's instant; None where nothing tells."""
        is_known = np.ones(view.rows, dtype=np.bool_)
        for number, (_, rows) in enumerate(groups):
            spots = {
                name: spot.rows
                for place, (name, _) in view.columns.items()
                if (spot := found[number, place]) is not None
            }
            # A shifted column says nothing of its row's time where one that is named as a price stands by.
            own = [each for name, each in spots.items() if _PRICE_NAME.match(name)] or list(spots.values())
            if own:
                is_known[rows] = np.max([self._is_known(each) for each in own], axis=0)
            elif view.known_by_us is not None and self._holds_prices(view):
                is_known[rows] = view.known_by_us[rows] <= self._change.after_us
            else:
                return None
        return is_known

    @staticmethod
    def _holds_prices(view: TableView) -> bool:
        return any(_PRICE_NAME.match(name) for name, _ in view.columns.values())

    def _is_known(self, rows: Longs) -> NDArray[np.bool_]:
        closed = self._known.tape.closed_at_us[np.clip(rows, 0, None)]
        return np.asarray((rows == _BEFORE) | ((rows >= 0) & (closed <= self._change.after_us)))

    def _moved(self, values: Floats, place: Place) -> Floats:
        """Put the other future's values where the tape has changed; behind its end scale them."""
        tape = self._changed_tape
        if place.column == "signal":
            new = (tape.close * tape.signal_factor)[np.clip(place.rows, 0, None)]
        else:
            new = getattr(tape, place.column)[np.clip(place.rows, 0, None)]
        moved = np.where((place.rows >= 0) & np.isfinite(values), new, values)
        return self._scaled(moved, place.rows == _AFTER)

    def _scaled(self, values: Floats, rows: NDArray[np.bool_]) -> Floats:
        """Scale values of later rows; those of the mirrored future are reflected at the last known one."""
        if self._is_partial:
            return values
        level = LEVELS.get(self._change.kind)
        if level is not None:
            wave = 1.0 + 0.05 * np.cos(np.arange(len(values)) * 2.0)
            return np.where(rows, values * level * wave, values)
        known = values[~rows & np.isfinite(values)]
        pivot = float(known[-1]) if len(known) and known[-1] else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            mirrored = np.where(values == 0, 0.0, pivot * pivot / values)
        return np.where(rows, mirrored, values)

    @property
    def _is_partial(self) -> bool:
        change = self._change
        return change.until_us is not None or change.from_us is not None or change.symbol is not None

    def _name_unknown(self, name: str, numbers: int) -> None:
        if numbers >= MANY_NUMBERS:
            self.unchanged[name] = None


def _groups(view: TableView, symbols: tuple[str, ...]) -> list[tuple[str | None, Longs]]:
    """Return the rows of each symbol of a table, and the symbol where the run has it."""
    if view.labels is None:
        return [(None, np.arange(view.rows))]
    return [
        (label if label in symbols else None, np.flatnonzero(view.labels == label))
        for label in dict.fromkeys(view.labels.tolist())
    ]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float, np.integer, np.floating)) and value is not True)


def _floats(values: Any) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
