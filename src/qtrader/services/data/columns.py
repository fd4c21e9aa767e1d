"""Finding columns: declared names first, then the preset's, then the usual spellings.

Detection ignores case, spaces and angle brackets. Where two columns could be meant, it refuses to choose;
what it chose is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtrader.services.data.presets import PRESETS, Preset
from qtrader.services.data.source import ColumnNames, DataSource
from qtrader.services.data.tables import Place

_SPELLINGS = {
    "time": ("date", "datetime", "timestamp", "time", "date_time", "t", "open_time", "window_start", "index"),
    "symbol": ("symbol", "ticker", "sym"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v"),
}
_ADJUSTED_CLOSE = (
    "adj_close",
    "adjclose",
    "adjusted_close",
    "adjustedclose",
    "close_adjusted",
    "adj_close_price",
)
_REQUIRED = ("time", "open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Found:
    """Which column holds each field, the preset variant that fits, and what was detected."""

    columns: dict[str, str]
    preset: Preset | None
    notes: tuple[str, ...]


def find_columns(names: Sequence[str], source: DataSource, place: Place) -> Found:
    """Decide which column holds what.

    Raises:
        DataError: a declared or required column is missing, or a field could be two columns.
    """
    declared = {field: name for field, name in source.columns.model_dump().items() if name is not None}
    for field, name in declared.items():
        if name not in names:
            place.refuse(f"column {name!r}, declared for {field}, is not there; found {_listed(names)}")
    if source.preset is not None:
        preset = _variant(source.preset, names, declared, place)
        columns = {
            field: name
            for field, name in preset.columns.items()
            if name in names and field in ColumnNames.model_fields
        }
        return Found(columns | declared, preset, ())
    columns = dict(declared)
    for field, spellings in _SPELLINGS.items():
        if field not in columns and (name := _detect(field, spellings, names, columns, place)) is not None:
            columns[field] = name
    missing = [field for field in _REQUIRED if field not in columns]
    if missing:
        free = [name for name in names if name not in columns.values()]
        place.refuse(
            f"no column for {', '.join(missing)}; found {_listed(names)}; "
            f"declare it, for example columns: {{{missing[0]}: {free[0] if free else 'name'}}}"
        )
    detected = ", ".join(f"{field} = {name!r}" for field, name in columns.items() if field not in declared)
    unused = [name for name in names if name not in columns.values()]
    notes = [f"{place.label}: columns detected: {detected}"] if detected else []
    if unused:
        notes.append(f"{place.label}: columns not used: {_listed(unused)}")
    notes.extend(
        f"{place.label}: column {name!r} is ignored: close is {columns['close']!r} as it stands; "
        "declare preset or prices to say what it includes"
        for name in unused
        if _normal(name).replace(".", "_") in _ADJUSTED_CLOSE
    )
    return Found(columns, None, tuple(notes))


def is_spelled(name: str, field: str) -> bool:
    """Tell whether a column's name is a usual spelling of a field."""
    return _normal(name) in _SPELLINGS[field]


def _variant(preset: str, names: Sequence[str], declared: dict[str, str], place: Place) -> Preset:
    fitting = [variant for variant in PRESETS[preset] if variant.fits(names, given=declared)]
    if fitting:
        return fitting[0]
    shapes = " or ".join(_listed(list(variant.columns.values())) for variant in PRESETS[preset])
    return place.refuse(f"the columns are not those of the preset {preset}: {shapes}; found {_listed(names)}")


def _detect(
    field: str, spellings: tuple[str, ...], names: Sequence[str], taken: dict[str, str], place: Place
) -> str | None:
    fits = [name for name in names if _normal(name) in spellings and name not in taken.values()]
    if len(fits) > 1 and field == "time":
        # A frame's unnamed index beside a column of dates is a row number, not a time.
        fits = [name for name in fits if _normal(name) != "index"]
    if len(fits) > 1:
        hint = f"declare which one, for example columns: {{{field}: {fits[0]}}}"
        if field == "time":
            hint += f", or columns: {{time: {fits[0]}, time_of_day: {fits[1]}}} for a date and its time"
        place.refuse(f"{field} could be {' or '.join(repr(name) for name in fits)}; {hint}")
    return fits[0] if fits else None


def _normal(name: str) -> str:
    return name.strip().strip("<>").strip().lower().replace(" ", "_")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no columns"
