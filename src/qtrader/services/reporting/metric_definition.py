"""What a report must know about one measure, and how it writes a value of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricValue = float | int | str | None
MetricUnit = Literal["percent", "ratio", "money", "days", "count", "date", "years"]
MetricGroup = Literal[
    "Account", "Return", "Risk", "Drawdown", "Distribution", "Activity", "Benchmark", "Trades"
]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a report must know to show one measure: `undefined_when` says when its value is None."""

    key: str
    name: str
    unit: MetricUnit
    group: MetricGroup
    description: str
    undefined_when: str = "never"


def format_metric(metric: Metric, value: MetricValue) -> str:
    """Give `value` as a report shows it: 12.34 %, 1,234.56, 1.72, a date, or n/a for None."""
    if value is None:
        return "n/a"
    if isinstance(value, str):
        return value
    match metric.unit:
        case "percent":
            return f"{_without_negative_zero(value * 100.0, 2):,.2f} %"
        case "count":
            return f"{value:,}"
        case "days":
            return f"{_without_negative_zero(value, 1):,.1f}"
        case _:
            return f"{_without_negative_zero(value, 2):,.2f}"


def _without_negative_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
