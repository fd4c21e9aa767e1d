"""The notebook's way in: data in memory, or a path, on the same way to the tape as declared sources."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from qtrader.errors import ConfigError, DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.market.corporate_actions import actions_from_rows, read_corporate_actions
from qtrader.market.universe import Universe, read_universe, universe_from_rows
from qtrader.services.data.adjustments import SignalPrices
from qtrader.services.data.assembly import SourceData, assemble
from qtrader.services.data.dataset import SourceFiles
from qtrader.services.data.frames import frame_of, is_tabular, tables_of
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.paths import expand_paths
from qtrader.services.data.selection import Day, Opener, Selection, wanted_symbols
from qtrader.services.data.service import DataService
from qtrader.services.data.source import DataSource, DataSources, declare_source, shown_path
from qtrader.services.data.streaming import BuildProgress, StreamedLoad, is_streamed

#: What `SampleData`-like objects say of their bars.
_SAMPLE_FACTS = ("calendar", "currency", "interval", "prices")


def load_frame(
    data: Any,
    *,
    symbols: str | Iterable[str] | None = None,
    start: Day | None = None,
    end: Day | None = None,
    corporate_actions: Any = None,
    universe: Any = None,
    signal_prices: SignalPrices | str = SignalPrices.SPLIT,
    name: str = "data",
    progress: BuildProgress | None = None,
    **declared: Any,
) -> LoadedData:
    """Load a frame, a dict of arrays, a dict of either by symbol, a path, sample data, or declared sources.

    Args:
        data: Polars or pandas frame (yfinance's included), pyarrow table, dict, path, `sample_data()`, or
            `DataSources`.
        symbols: those to load; None means all.
        start: first session (date) or instant (aware datetime) to load.
        end: last session or instant to load.
        corporate_actions: a path, a frame with the columns of a corporate-actions file, or a list of events.
        universe: a path, a frame with the columns symbol, from and to, or a `Universe`.
        signal_prices: what the signal series contains.
        name: what messages call the data.
        progress: hears of a tape that is being built on disk, where one is.
        declared: what else a source may declare, for example symbol=, timezone=, bar_label=, prices=,
            calendar=.

    Raises:
        DataError: the data break a rule, a symbol is unknown, or the range is empty.
        ConfigError: a declaration is not allowed, or one is missing that the data do not tell.
    """
    mode = SignalPrices(signal_prices)
    if isinstance(data, DataSources):
        if declared or corporate_actions is not None or universe is not None:
            msg = (
                "declared sources say everything themselves; change their declarations instead of giving "
                "arguments"
            )
            raise ConfigError(msg)
        return DataService(config=data, signal_prices=mode).load(
            wanted_symbols(symbols), start, end, progress
        )
    if hasattr(data, "bars_path"):
        facts = {fact: getattr(data, fact) for fact in _SAMPLE_FACTS if hasattr(data, fact)}
        declared = facts | declared
        symbols = data.symbols if symbols is None else symbols
        if corporate_actions is None:
            corporate_actions = data.corporate_actions_path
        data = data.bars_path
    source = declare_source(name, **declared)
    selection = Selection(wanted_symbols(symbols), start, end)
    files = _files(data, source, name)
    if files is not None and is_streamed([files]):
        listed = {name: _actions(corporate_actions, source)}
        return StreamedLoad([files], selection, listed, _universe(universe), mode, progress).load()
    series = selection.read(name, source, _frame(data, name) if files is None else files.openers)
    selection.refuse_missing()
    part = SourceData(source, name, selection.without_empty(series), _actions(corporate_actions, source))
    return assemble([part], _universe(universe), mode)


def _as_is(path: Path) -> Path:
    return path.expanduser()


def _files(data: Any, source: DataSource, name: str) -> SourceFiles | None:
    """Return the files that data name, or None where they are no paths."""
    is_path = isinstance(data, (str, Path))
    is_paths = isinstance(data, (list, tuple)) and all(isinstance(entry, (str, Path)) for entry in data)
    if not (is_path or (is_paths and data)):
        return None
    files = expand_paths([Path(entry) for entry in ([data] if is_path else data)], _as_is)
    return SourceFiles.of(name, source, files, lambda file: shown_path(file, Path()))


def _frame(data: Any, name: str) -> list[Opener]:
    if not is_tabular(data):
        msg = (
            f"{name}: cannot read a {type(data).__module__}.{type(data).__name__}; allowed are Polars and "
            "pandas "
            "frames, pyarrow tables, dicts of arrays, dicts of those by symbol, paths and sample_data()"
        )
        raise DataError(msg)
    return [Opener(None, False, partial(tables_of, data, name))]


def _actions(given: Any, source: DataSource) -> list[CorporateActionEvent]:
    if given is None:
        files = expand_paths(source.corporate_actions, _as_is)
        return [action for file in files for action in read_corporate_actions(file, source.currency)]
    if source.corporate_actions:
        msg = "corporate_actions are given twice"
        raise ConfigError(msg)
    if isinstance(given, (str, Path)):
        return read_corporate_actions(given, source.currency)
    if isinstance(given, (list, tuple)) and all(isinstance(entry, CorporateActionEvent) for entry in given):
        return list(given)
    frame = frame_of(given, "corporate_actions")
    return actions_from_rows(frame.columns, frame.iter_rows(), "corporate_actions", source.currency)


def _universe(given: Any) -> Universe | None:
    if given is None or isinstance(given, Universe):
        return given
    if isinstance(given, (str, Path)):
        return read_universe(given)
    frame = frame_of(given, "universe")
    return universe_from_rows(frame.columns, frame.iter_rows(), "universe")
