"""What a sweep measures of every set, and which way is better.

Ten measures stand in every table, by the names of the catalogue. Any other measure that has a number can be
the one by which sets are ranked; the engine then runs every set, because the kernel knows only the ten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qtrader.errors import ConfigError
from qtrader.research.kernel import METRICS as TABLE_METRICS
from qtrader.services.reporting.metric_catalog import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Measures of which less is better; losses, falls and tails are negative, so that there more is better.
_LESS: Final = frozenset(
    {
        "annual_turnover",
        "annual_volatility",
        "average_exposure",
        "commission",
        "downside_deviation",
        "excess_kurtosis",
        "longest_drawdown_days",
        "longest_losing_streak",
        "max_drawdown_days",
        "time_in_market",
        "tracking_error",
        "ulcer_index",
    }
)
#: Measures that are neither good nor bad by themselves.
_NEITHER: Final = frozenset(
    {
        "average_holding_days",
        "beta",
        "correlation",
        "external_flows",
        "long_trade_count",
        "period_count",
        "short_trade_count",
        "start_equity",
        "trade_count",
        "years",
    }
)


@dataclass(frozen=True, slots=True)
class Objective:
    """By what sets are ranked.

    Attributes:
        metric: a key of the catalogue.
        is_more_better: whether the best set has the highest value.
    """

    metric: str
    is_more_better: bool

    @classmethod
    def of(cls, metric: str, maximize: bool | None = None) -> Objective:
        """Understand a metric's name, and which way is better unless that is given.

        Raises:
            ConfigError: there is no such measure, it is no number, or no way is better by itself.
        """
        known = rankable()
        if metric not in known:
            from qtrader.engine.config_errors import unknown

            msg = f"sweep: {unknown('metric', metric, known)}"
            raise ConfigError(msg)
        if maximize is not None:
            return cls(metric, is_more_better=maximize)
        if metric in _NEITHER:
            msg = f"sweep: metric {metric!r} is neither better high nor low; say maximize=True or False"
            raise ConfigError(msg)
        return cls.usual(metric)

    @classmethod
    def usual(cls, metric: str) -> Objective:
        """Take less as better only where the measure means it so, whether or not it can rank."""
        return cls(metric, is_more_better=metric not in _LESS)

    @property
    def is_of_the_table(self) -> bool:
        """Whether it is one of the ten, which the kernel knows too."""
        return self.metric in TABLE_METRICS

    @property
    def columns(self) -> tuple[str, ...]:
        """The measures of the table: the ten, and the metric where it is none of them."""
        return TABLE_METRICS if self.is_of_the_table else (*TABLE_METRICS, self.metric)

    @property
    def column(self) -> int:
        """The place of the metric among the columns."""
        return self.columns.index(self.metric)

    def rank(self, values: Iterable[float]) -> list[int]:
        """Return the places of values, the best first; those that do not exist last, equal ones in order."""
        sign = -1.0 if self.is_more_better else 1.0
        keys = [(True, 0.0) if math.isnan(value) else (False, sign * value) for value in values]
        return sorted(range(len(keys)), key=keys.__getitem__)


def rankable() -> tuple[str, ...]:
    """Return the measures that are numbers, in the catalogue's order."""
    return tuple(key for key, metric in METRICS.items() if metric.unit != "date")


def numbers_of(metrics: Mapping[str, Any], keys: Iterable[str]) -> list[float]:
    """Take measures as floats, NaN where one does not exist."""
    return [math.nan if metrics[key] is None else float(metrics[key]) for key in keys]
