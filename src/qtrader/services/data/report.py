"""What loading found: counts per symbol, and everything that was decided without being declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What became of the rows of one symbol and interval in one file or frame.

    `dropped` counts rows by the rule that they broke, `widened` counts bars whose high or low contradicted
    open or close by at most 1e-6 and was moved to it.
    """

    source: str
    place: str
    symbol: str
    interval: str
    rows_read: int
    rows_kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    widened: int = 0
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading found, in the order of loading.

    `notes` say what was detected, reversed or assumed; `actions_in_prices` names the corporate actions that
    are not applied because the prices include them, with the reason.
    """

    series: tuple[SeriesReport, ...] = ()
    notes: tuple[str, ...] = ()
    actions_in_prices: tuple[str, ...] = ()

    @property
    def rows_read(self) -> int:
        """Rows found in all sources, before anything was dropped or cut to the range asked for."""
        return sum(entry.rows_read for entry in self.series)

    @property
    def rows_kept(self) -> int:
        """Rows that passed every rule."""
        return sum(entry.rows_kept for entry in self.series)

    @property
    def widened(self) -> int:
        """Bars whose high or low was moved to their open or close."""
        return sum(entry.widened for entry in self.series)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows dropped in all sources, by rule."""
        total: dict[str, int] = {}
        for entry in self.series:
            for rule, count in entry.dropped.items():
                total[rule] = total.get(rule, 0) + count
        return total
