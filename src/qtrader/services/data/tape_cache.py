"""Tapes that were built from files, kept on disk: found again by what they were built from.

A tape's folder is named by two digests: of what is asked of which files, and of the files' sizes and times of
change. So a tape of files that have changed is never found, and a new one takes its place. Beside the tape's
own files lies `market.json`: corporate actions and the load report, which loading found in the files too.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qtrader.errors import DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType
from qtrader.market.tape_files import open_tape
from qtrader.market.tape_writer import HEAD_FILE, UNFINISHED
from qtrader.services.data.report import LoadReport, SeriesReport
from qtrader.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qtrader.market.tape import Tape
    from qtrader.services.data.adjustments import EffectiveAction, SignalPrices
    from qtrader.services.data.dataset import SourceFiles
    from qtrader.services.data.selection import Selection

MARKET_FILE: Final = "market.json"
_DATES: Final = ("ex_date", "announced_date", "record_date", "pay_date")
_NUMBERS: Final = ("ratio", "amount", "cost_fraction")
_TEXTS: Final = ("action_id", "symbol", "currency", "new_symbol")


def default_cache_folder() -> Path:
    """Return where tapes are kept unless a source says otherwise: below the user's folder for caches."""
    declared = os.environ.get("XDG_CACHE_HOME", "")
    if declared:
        return Path(declared) / "qtrader" / "tapes"
    home = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(home).expanduser() / "qtrader" / "tapes"


@dataclass(frozen=True, slots=True)
class TapeKey:
    """What a tape is found by."""

    #: Which files, as what: another tape of the same takes the place of one whose files have changed.
    dataset: str
    #: In which state the files are.
    state: str

    @property
    def name(self) -> str:
        """The name of the tape's folder."""
        return f"{self.dataset}-{self.state}"


def key_of(
    sources: Sequence[SourceFiles],
    selection: Selection,
    actions: Mapping[str, Sequence[CorporateActionEvent]],
    signal_prices: SignalPrices,
) -> TapeKey:
    """Digest all that a tape depends on: declarations, what is asked for, actions, and the files' states."""
    asked: list[str] = [
        __version__,
        signal_prices.value,
        repr(selection.symbols and sorted(selection.symbols)),
        repr((selection.start, selection.end)),
    ]
    states = []
    for name, source, files in sources:
        declared = source.model_dump_json(exclude={"path", "streamed", "cache_dir", "universe"})
        asked += [name, declared, *(repr(action) for action in actions[name])]
        for path, shown in files:
            asked += [str(path.absolute()), shown]
            known = path.stat()
            states.append(f"{known.st_size} {known.st_mtime_ns}")
    return TapeKey(_digest(asked), _digest(states))


def _digest(parts: Sequence[str]) -> str:
    joined = "\x1f".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class BuiltTape:
    """A tape from the cache, with what loading found beside it.

    `owners` are (source, symbol) pairs: which source described which symbol, in the order of loading.
    """

    tape: Tape
    actions: tuple[EffectiveAction, ...]
    report: LoadReport
    owners: tuple[tuple[str, str], ...]


def find(folder: Path, key: TapeKey) -> BuiltTape | None:
    """Return the tape of a key, or None where it is not there or not whole."""
    place = folder / key.name
    if not (place / HEAD_FILE).is_file():
        return None
    try:
        tape = open_tape(place)
        found = msgspec.json.decode((place / MARKET_FILE).read_bytes())
        return BuiltTape(
            tape,
            tuple((instant_us, _read_action(fields)) for instant_us, fields in found["actions"]),
            LoadReport(
                tuple(SeriesReport(**entry) for entry in found["series"]),
                tuple(found["notes"]),
                tuple(found["actions_in_prices"]),
            ),
            tuple((source, symbol) for source, symbol in found["owners"]),
        )
    except (DataError, OSError, ValueError, KeyError, TypeError, msgspec.DecodeError):
        # Whatever is wrong with what is kept, the files that it was built from say it again.
        shutil.rmtree(place, ignore_errors=True)
        return None


def market_document(
    actions: Sequence[EffectiveAction], report: LoadReport, owners: Sequence[tuple[str, str]]
) -> bytes:
    """Write what loading found beside the bars."""
    return msgspec.json.encode(
        {
            "actions": [(instant_us, _write_action(action)) for instant_us, action in actions],
            "series": [asdict(entry) for entry in report.series],
            "notes": report.notes,
            "actions_in_prices": report.actions_in_prices,
            "owners": owners,
        }
    )


def forget_older(folder: Path, key: TapeKey) -> None:
    """Remove tapes of the same dataset in another state; whoever reads one keeps its files until the end."""
    for place in folder.glob(f"{key.dataset}-*"):
        if place.name != key.name and (place / HEAD_FILE).is_file():
            shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class CachedTape:
    """A folder of the cache: a tape, or what is left of a build that was broken off."""

    folder: Path
    rows: int
    size_bytes: int
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    is_whole: bool


def cached_tapes(folder: Path) -> list[CachedTape]:
    """Return what a cache holds, by name."""
    return list(_cached(folder)) if folder.is_dir() else []


def _cached(folder: Path) -> Iterator[CachedTape]:
    for place in sorted(folder.iterdir()):
        if not place.is_dir():
            continue
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        if place.suffix == UNFINISHED:
            yield CachedTape(place, 0, size, (), (), is_whole=False)
        elif (place / HEAD_FILE).is_file():
            try:
                tape = open_tape(place)
            except DataError:
                yield CachedTape(place, 0, size, (), (), is_whole=False)
                continue
            yield CachedTape(place, len(tape), size, tape.symbols, tape.intervals, is_whole=True)


def clear_cache(folder: Path) -> list[CachedTape]:
    """Remove all tapes of a cache and what broken builds left, and nothing else; return what it was."""
    found = cached_tapes(folder)
    for entry in found:
        shutil.rmtree(entry.folder)
    return found


def _write_action(action: CorporateActionEvent) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(action, name) for name in _TEXTS}
    for name in (*_DATES, *_NUMBERS):
        value = getattr(action, name)
        fields[name] = None if value is None else str(value)
    return {**fields, "action_type": action.action_type.value, "is_special": action.is_special}


def _read_action(fields: dict[str, Any]) -> CorporateActionEvent:
    values = dict(fields)
    for name in _DATES:
        values[name] = None if fields[name] is None else date.fromisoformat(fields[name])
    for name in _NUMBERS:
        values[name] = None if fields[name] is None else Decimal(fields[name])
    return CorporateActionEvent(**{**values, "action_type": ActionType(fields["action_type"])})
