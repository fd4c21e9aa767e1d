"""Other futures: a market that is the same up to an instant and another after it.

A change keeps every bar that closed at or before its instant, bit for bit. After it the data end
(`truncated`), or prices and volumes are others: valid bars at the same times, in the same sessions. Each
value is a function of seed, symbol, time and the value that it replaces alone, so that days and hours of one
symbol stay consistent and any tape that holds the same bars is changed alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from qtrader.clock import from_epoch_us
from qtrader.market.tape import Tape
from qtrader.market.universe import Membership, Universe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qtrader.engine.inputs import Inputs
    from qtrader.market.tape import Floats, Longs
    from qtrader.services.data.adjustments import EffectiveAction
    from qtrader.services.data.assembly import LoadedData

#: Largest move, as a logarithm, by which a raised or lowered price is noisy.
_NOISE: Final = 0.08
#: Dividends after the instant of a change of prices are multiplied by this.
_DIVIDENDS: Final = Decimal("1.5")
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)


class ChangeKind(StrEnum):
    """How the future differs.

    A mirrored future falls where it rose, bar for bar; a raised or lowered one lies at another level and is
    noisy, which shows in means and extremes.
    """

    TRUNCATED = "truncated"
    MIRRORED = "mirrored"
    RAISED = "raised"
    LOWERED = "lowered"


#: The level of a raised or lowered future, as a multiple.
LEVELS: Final = {ChangeKind.RAISED: 3.0, ChangeKind.LOWERED: 0.3}


@dataclass(frozen=True, slots=True)
class Change:
    """A way in which the data after an instant differ.

    Args:
        kind: how they differ.
        after_us: bars that closed by this instant stay as they are.
        seed: decides the noise.
        from_us: bars that close before it stay too, where it is given.
        until_us: bars that close after it stay too, where it is given; not for a truncation.
        symbol: bars of other symbols stay too, where it is given.
    """

    kind: ChangeKind
    after_us: int
    seed: int = 0
    from_us: int | None = None
    until_us: int | None = None
    symbol: str | None = None

    @property
    def is_truncation(self) -> bool:
        """Tell whether the data end after the instant."""
        return self.kind is ChangeKind.TRUNCATED


def changed_rows(tape: Tape, change: Change) -> NDArray[np.bool_]:
    """Tell which rows a change concerns, bool[rows]."""
    closed = tape.closed_at_us
    rows = closed > change.after_us
    if change.from_us is not None:
        rows &= closed >= change.from_us
    if change.until_us is not None:
        rows &= closed <= change.until_us
    if change.symbol is not None:
        place = tape.symbols.index(change.symbol) if change.symbol in tape.symbols else -1
        rows &= tape.symbol_index == place
    return rows


def change_tape(tape: Tape, change: Change) -> Tape:
    """Return the tape of the other future."""
    if change.is_truncation:
        return tape.slice(None, change.after_us)
    rows = np.flatnonzero(changed_rows(tape, change))
    if not len(rows):
        return tape
    opened, high, low, close = _prices(tape, rows, change)
    columns = tape.columns
    values = {"open": opened, "high": high, "low": low, "close": close, "volume": _volume(tape, rows, change)}
    replaced = {}
    for name, new in values.items():
        column = getattr(columns, name).copy()
        column[rows] = new
        replaced[name] = column
    return Tape(tape.symbols, tape.intervals, columns._replace(**replaced))


def change_data(data: LoadedData, change: Change) -> LoadedData:
    """Change bars, corporate actions and universe; what was effective by the instant stays.

    A truncation leaves out later actions and later joinings and leavings of the universe.
    """
    return replace(
        data,
        tape=change_tape(data.tape, change),
        actions=tuple(_actions(data.actions, change)),
        universe=_universe(data.universe, change),
    )


def change_inputs(inputs: Inputs, change: Change) -> Inputs:
    """Change the data of a run; its warmup stays."""
    return replace(inputs, data=change_data(inputs.data, change))


def _prices(tape: Tape, rows: Longs, change: Change) -> tuple[Floats, Floats, Floats, Floats]:
    opened, high, low, close = (column[rows] for column in (tape.open, tape.high, tape.low, tape.close))
    if change.kind is ChangeKind.MIRRORED:
        pivot = _pivots(tape, change.after_us)[tape.symbol_index[rows]]
        # In the series without jumps at splits, so that a split's ratio still fits the prices around it.
        square = (pivot / tape.signal_factor[rows]) ** 2
        return square / opened, square / low, square / high, square / close
    at_open = _level(tape, rows, tape.opened_at_us, change)
    at_close = _level(tape, rows, tape.closed_at_us, change)
    first, last, between = opened * at_open, close * at_close, (at_open + at_close) / 2
    return (
        first,
        np.maximum(np.maximum(first, last), high * between),
        np.minimum(np.minimum(first, last), low * between),
        last,
    )


def _pivots(tape: Tape, instant_us: int) -> Floats:
    """Return each symbol's last close by an instant, or its first open later, in the signal series."""
    found = np.ones(len(tape.symbols))
    known = tape.rows_closed_by(instant_us)
    for place, symbol in enumerate(tape.symbols):
        rows = tape.matching_rows_of(symbol)
        if len(rows):
            stop = int(rows.searchsorted(known))
            row = int(rows[max(stop - 1, 0)])
            found[place] = (tape.close if stop else tape.open)[row] * tape.signal_factor[row]
    return found


def _level(tape: Tape, rows: Longs, times_us: Longs, change: Change) -> Floats:
    noise = _fractions(tape, rows, times_us, f"price:{change.seed}") * 2.0 - 1.0
    return np.asarray(LEVELS[change.kind] * np.exp(_NOISE * noise), dtype=np.float64)


def _volume(tape: Tape, rows: Longs, change: Change) -> Floats:
    """Multiply volumes by a quarter to four; no volume stays none, and whole ones stay whole."""
    volume = tape.volume[rows]
    part = _fractions(tape, rows, tape.closed_at_us, f"volume:{change.seed}:{change.kind}")
    new = volume * np.exp2(part * 4.0 - 2.0)
    is_whole = volume == np.rint(volume)
    return np.where(is_whole & (volume > 0), np.maximum(np.rint(new), 1.0), new)


def _fractions(tape: Tape, rows: Longs, times_us: Longs, purpose: str) -> Floats:
    """Return numbers in [0, 1) that symbol, time and purpose decide (the SplitMix64 finaliser)."""
    keys = np.array([_key(f"{purpose}:{symbol}") for symbol in tape.symbols], dtype=np.uint64)
    mixed = times_us[rows].astype(np.uint64) * _STEP + keys[tape.symbol_index[rows]]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2.0**53, dtype=np.float64)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _actions(actions: tuple[EffectiveAction, ...], change: Change) -> list[EffectiveAction]:
    if change.is_truncation:
        return [entry for entry in actions if entry[0] < change.after_us]
    if change.from_us is not None or change.until_us is not None or change.symbol is not None:
        # Only some bars are of interest then.
        return list(actions)
    return [
        (instant_us, action)
        if instant_us <= change.after_us or action.amount is None
        else (instant_us, msgspec.structs.replace(action, amount=action.amount * _DIVIDENDS))
        for instant_us, action in actions
    ]


def _universe(universe: Universe | None, change: Change) -> Universe | None:
    if universe is None or not change.is_truncation:
        return universe
    # An instant belongs to the day that ends at it or later.
    day = from_epoch_us(change.after_us - 1).date()
    return Universe(
        Membership(stay.symbol, stay.first, stay.last if stay.last is not None and stay.last <= day else None)
        for stay in universe.memberships
        if stay.first <= day
    )
