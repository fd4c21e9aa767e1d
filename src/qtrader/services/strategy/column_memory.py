"""What a strategy on columns carries on where it is asked piece by piece.

A piece is a panel of new instants after some that were asked about before (the lookback). Indicators and
conditions go on across pieces as if there had been one panel of everything: an indicator keeps its state of
each symbol, a condition the relation that held at the last instant. So what they say of an instant is, bit
for bit, what they say of it on the columns of the whole tape, however far back they reach. An indicator that
cannot take one value after another is computed over the panel alone.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.services.strategy.indicator_columns import as_columns, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from numpy.typing import NDArray

    from qtrader.services.strategy.conditions import Cross, Relation
    from qtrader.services.strategy.panel import Panel

    Floats = NDArray[np.float64]


class ColumnMemory:
    """Carry one strategy's indicators and conditions from piece to piece.

    Args:
        lookback: how many instants of a panel, the newest included, a strategy may look at.
        is_stream: pieces are single instants, for which indicators are faster value by value.
        past: gives panels of all instants before the present piece's new ones, in order.
    """

    def __init__(self, lookback: int, *, is_stream: bool, past: Callable[[], Iterator[Panel]]) -> None:
        self._kept_rows = lookback - 1
        self._is_stream = is_stream
        self._past = past
        self._series: dict[Hashable, _Series] = {}
        self._held: dict[str, NDArray[np.int8]] = {}
        self._panel: Panel | None = None
        self._is_first = True
        #: The instants before the next piece that its panel begins with.
        self.instants_us: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def open(self, panel: Panel) -> None:
        """Begin a piece; its panel starts with `instants_us`."""
        self._panel = panel

    def close(self) -> None:
        """End a piece: what was not asked for goes on too."""
        panel = self._panel
        if panel is None:
            return
        for series in self._series.values():
            series.shown_of(panel, len(self.instants_us))
        self.instants_us = _last(panel.closed_at_us, self._kept_rows).copy()
        self._panel, self._is_first = None, False

    def columns(self, panel: Panel, indicator: Any, inputs: tuple[str, ...]) -> Any:
        """Return an indicator's columns of the present panel; None where it cannot be carried on."""
        if not callable(getattr(indicator, "update", None)):
            return None
        identity = identity_of(indicator)
        if identity is None:
            return None
        key = (identity, inputs)
        series = self._series.get(key)
        if series is None:
            series = _Series(indicator, inputs, self._kept_rows, is_stream=self._is_stream)
            if not self._is_first:
                for earlier in self._past():
                    series.take(earlier, 0)
            self._series[key] = series
        return series.shown_of(panel, len(self.instants_us))

    def evaluate(self, field: str, condition: Cross | Relation) -> NDArray[Any]:
        """Evaluate a condition at the new instants, as a column of the whole panel; 0 at the others."""
        begin = len(self.instants_us)
        new = replace(condition, fast=condition.fast[begin:], slow=condition.slow[begin:])
        held = self._held.get(field)
        relation = new.relations(held)
        self._held[field] = relation[-1].copy()
        found = new.among(relation, held)
        column = np.zeros(condition.fast.shape, dtype=found.dtype)
        column[begin:] = found
        return column


class _Series:
    """One indicator over all symbols, and its results at the instants that the next panel begins with."""

    def __init__(self, indicator: Any, inputs: tuple[str, ...], kept_rows: int, *, is_stream: bool) -> None:
        self._indicator = indicator
        self._inputs = inputs
        self._kept_rows = kept_rows
        anchor = None if is_stream else getattr(indicator, "column_anchor", None)
        self._anchor: int | None = anchor
        self._states: dict[str, _Anchored | _Updated] = {}
        nothing = np.empty(0)
        self._empty = indicator.on_columns(*[nothing for _ in inputs])
        self._width = len(as_columns(self._empty))
        self._kept: list[Floats] | None = None
        self._panel: Panel | None = None
        self._shown: Any = None

    def shown_of(self, panel: Panel, begin: int) -> Any:
        """Return the results of a panel whose new instants begin at a place."""
        if self._panel is not panel:
            self._shown = self.take(panel, begin)
            self._panel = panel
        return self._shown

    def take(self, panel: Panel, begin: int) -> Any:
        """Go on over the new instants of a panel and return the results of all of it."""
        count, symbols = panel.shape
        results = [np.full((symbols, count), np.nan).T for _ in range(self._width)]
        if self._kept is not None and begin:
            for result, kept in zip(results, self._kept, strict=True):
                result[:begin] = kept[len(kept) - begin :]
        for place, symbol in enumerate(panel.symbols):
            times, prices = panel.times_of(place), panel.prices_of(place, self._inputs)
            first = int(times.searchsorted(begin))
            if first < len(times):
                found = self._state_of(symbol).take([price[first:] for price in prices])
                for result, column in zip(results, found, strict=True):
                    result[times[first:], place] = column
        self._keep(results, begin)
        for result in results:
            result.flags.writeable = False
        if not isinstance(self._empty, tuple):
            return results[0]
        make = getattr(type(self._empty), "_make", tuple)
        return make(results)

    def _keep(self, results: list[Floats], begin: int) -> None:
        """Keep the results that the next panel begins with."""
        new = [result[begin:] for result in results]
        if self._kept is not None:
            new = [np.concatenate((old, one)) for old, one in zip(self._kept, new, strict=True)]
        self._kept = [_last(column, self._kept_rows).copy() for column in new]

    def _state_of(self, symbol: str) -> _Anchored | _Updated:
        state = self._states.get(symbol)
        if state is None:
            made = _Updated if self._anchor is None else _Anchored
            state = self._states[symbol] = made(self._indicator)
        return state


class _Updated:
    """An indicator of one symbol that takes value after value."""

    def __init__(self, indicator: Any) -> None:
        self._indicator = copy.deepcopy(indicator)
        reset = getattr(self._indicator, "reset", None)
        if reset is not None:
            reset()

    def take(self, prices: list[Floats]) -> list[Floats]:
        """Return the results of the next values."""
        update = self._indicator.update
        found = [update(*row) for row in zip(*[price.tolist() for price in prices], strict=True)]
        table = np.array([each if isinstance(each, float) else tuple(each) for each in found])
        return [table] if table.ndim == 1 else list(table.T)


class _Anchored:
    """An indicator of one symbol whose columns are the same from any anchor on: values since one are kept."""

    def __init__(self, indicator: Any) -> None:
        self._indicator = indicator
        self._anchor: int = indicator.column_anchor
        self._values: list[Floats] | None = None
        #: The place of the first value that is kept, and that of the next value.
        self._first = self._next = 0

    def take(self, prices: list[Floats]) -> list[Floats]:
        """Return the results of the next values."""
        kept = self._values
        values = prices if kept is None else [np.concatenate(pair) for pair in zip(kept, prices, strict=True)]
        found = as_columns(self._indicator.on_columns(*values))
        new = len(prices[0])
        self._next += new
        windows = max(0, self._next - self._indicator.warmup + 1)
        first = windows // self._anchor * self._anchor
        self._values = [value[first - self._first :].copy() for value in values]
        self._first = first
        return [column[len(column) - new :] for column in found]


def _last(column: NDArray[Any], count: int) -> NDArray[Any]:
    return column[max(0, len(column) - count) :]
