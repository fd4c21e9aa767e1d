"""What a report must know about one measure, and how it writes a value of it."""

from __future__ import annotations

import difflib
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
    """Give `value` as a report shows it: 12.34 %, 1,234.56, 1.72, 48 days, a date, or n/a for None."""
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
            text = format_days(value)
            return f"{text} day" if text == "1" else f"{text} days"
        case _:
            return f"{_without_negative_zero(value, 2):,.2f}"


def format_days(days: float) -> str:
    """Write a duration in days with the digits that matter: 4,687, then 2.3, then 0.27, then 0.0104."""
    size = abs(days)
    digits = 0 if size >= 9.95 else 1 if size >= 0.95 else 2 if size >= 0.095 else 4
    text = f"{_without_negative_zero(days, digits):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def _without_negative_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0


class Metrics(dict[str, MetricValue]):
    """The measures by key; a key that does not exist is answered with those that are near."""

    def __missing__(self, key: str) -> MetricValue:
        """Refuse an unknown key.

        Raises:
            KeyError: naming it and the nearest keys.
        """
        near = difflib.get_close_matches(str(key), self, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "list(metrics) names them all"
        msg = f"no measure {key!r}; {hint}"
        raise KeyError(msg)
