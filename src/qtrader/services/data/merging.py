"""From spilled bars to a tape on disk: blocks in the tape's order, with their signal factors.

What is checked here is what `build_tape` checks in memory and what reading has not: the years that a bar may
lie in, opens before closes, finite factors, and one bar for each symbol, interval and instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qtrader.market.tape import TapeColumns
from qtrader.market.tape_build import (
    SymbolColumns,
    bar_fault,
    canonical_volume,
    double_bar,
    time_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from qtrader.market.tape import Floats, Longs
    from qtrader.services.data.adjustments import SignalFactor
    from qtrader.services.data.spill import SpilledBars


class SeriesPlace(NamedTuple):
    """What a series of spilled bars is on the tape."""

    symbol: int
    interval: int


@dataclass(slots=True, eq=False)
class Merger:
    """Put blocks of spilled bars into the tape's order.

    Args:
        symbols: of the tape.
        intervals: of the tape.
        places: of each series, by its number.
        factors: of each series, by its number.
    """

    symbols: Sequence[str]
    intervals: Sequence[str]
    places: Sequence[SeriesPlace]
    factors: Sequence[SignalFactor]

    def blocks(self, spilled: Iterable[SpilledBars]) -> Iterator[TapeColumns]:
        """Give the rows of the tape.

        Raises:
            DataError: two bars are of one symbol, interval and instant, or a bar breaks a rule.
        """
        symbol_of = np.array([place.symbol for place in self.places], dtype=np.int32)
        interval_of = np.array([place.interval for place in self.places], dtype=np.int16)
        counts = np.zeros(len(self.places), dtype=np.int64)
        for bars in spilled:
            symbol_index, interval_index = symbol_of[bars.series], interval_of[bars.series]
            if not _is_rising(bars.closed_at_us):
                order = np.lexsort((interval_index, symbol_index, bars.closed_at_us))
                bars = type(bars)._make(column[order] for column in bars)  # noqa: PLW2901 - the same, sorted
                symbol_index, interval_index = symbol_index[order], interval_index[order]
            columns = TapeColumns(
                bars.opened_at_us,
                bars.closed_at_us,
                symbol_index,
                interval_index,
                bars.open,
                bars.high,
                bars.low,
                bars.close,
                canonical_volume(bars.volume),
                self._factor(bars),
            )
            self._refuse_doubles(columns)
            self._refuse_faults(columns, bars.series, counts)
            counts += np.bincount(bars.series, minlength=len(counts))
            yield columns

    def _factor(self, bars: SpilledBars) -> Floats:
        last_us = int(bars.opened_at_us.max())
        factor = np.array([one.value for one in self.factors])[bars.series]
        for number, one in enumerate(self.factors):
            if one.next_us is not None and one.next_us <= last_us:
                rows = np.flatnonzero(bars.series == number)
                factor[rows] = one.over(bars.opened_at_us[rows], bars.close[rows])
        return factor

    def _refuse_doubles(self, columns: TapeColumns) -> None:
        same = columns.closed_at_us[1:] == columns.closed_at_us[:-1]
        if not same.any():
            return
        same &= columns.symbol_index[1:] == columns.symbol_index[:-1]
        same &= columns.interval_index[1:] == columns.interval_index[:-1]
        if same.any():
            row = int(same.argmax())
            raise double_bar(
                self.symbols[columns.symbol_index[row]],
                self.intervals[columns.interval_index[row]],
                int(columns.closed_at_us[row]),
            )

    def _refuse_faults(self, columns: TapeColumns, series: NDArray[np.int32], counts: Longs) -> None:
        for rule, mask in time_faults(columns):
            if mask.any():
                row = int(mask.argmax())
                before = int(counts[series[row]]) + int(np.count_nonzero(series[:row] == series[row]))
                values = columns._asdict()
                del values["symbol_index"], values["interval_index"]
                place = self.places[series[row]]
                bar = SymbolColumns(
                    self.symbols[place.symbol],
                    self.intervals[place.interval],
                    **{name: column[row : row + 1] for name, column in values.items()},
                )
                raise bar_fault(bar, before, rule, 0)


def _is_rising(instants_us: Longs) -> bool:
    return bool((instants_us[1:] > instants_us[:-1]).all())
