"""How much of the time, and of the equity, an account was invested, and how much it traded.

Exposure is seen at valuations only: a position opened and closed between two of them leaves turnover but no
exposure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qtrader.services.reporting.moments import (
    IntArray,
    float_column,
    mean,
    none_on_overflow,
    require_same_length,
    total,
)
from qtrader.services.reporting.returns import DAYS_PER_YEAR, elapsed_days


@none_on_overflow
def time_in_market(gross_exposure: ArrayLike) -> float | None:
    """Give the share of the n period ends with an open position; None for no period.

    `gross_exposure` is the sum of |quantity * price| at each of the n + 1 points; the first one is not
    counted.
    """
    held = float_column("gross_exposure", gross_exposure)[1:]
    return int((held > 0.0).sum()) / held.size if held.size else None


@none_on_overflow
def average_exposure(gross_exposure: ArrayLike, equity: ArrayLike) -> float | None:
    """Give the mean of gross exposure / equity at the n period ends; None unless all equity is positive."""
    held, values = float_column("gross_exposure", gross_exposure), float_column("equity", equity)
    require_same_length("gross_exposure", held.size, "equity", values.size)
    if not (values[1:] > 0.0).all():
        return None
    return mean(held[1:] / values[1:])


@none_on_overflow
def annual_turnover(traded_value: ArrayLike, equity: ArrayLike, valued_at_us: IntArray) -> float | None:
    """Give half the traded value / mean equity / years; None without time or positive mean equity.

    `traded_value` is the sum of |quantity * price| of the fills of each period. Half of it counts a purchase
    and the sale that ends it once: 1.0 is one replacement of the whole account a year.
    """
    traded, values = float_column("traded_value", traded_value), float_column("equity", equity)
    require_same_length("traded_value", traded.size, "equity", values.size)
    years = elapsed_days(valued_at_us) / DAYS_PER_YEAR
    average = mean(values)
    if average is None or not average > 0.0 or not years > 0.0:
        return None
    return total(np.abs(traded)) / 2.0 / average / years
