"""Prices to measure indicators with: real ones and walks that a seed reproduces."""

from __future__ import annotations

import csv
import gzip
from importlib import resources
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class Bars(NamedTuple):
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]


def walk(seed: int, rows: int, start: float = 100.0) -> Bars:
    """Bars of a geometric random walk in cents, with gaps, so that ranges reach to the previous close."""
    generator = np.random.default_rng(seed)
    path = start * np.exp(np.cumsum(generator.normal(0.0, 0.01, rows)))
    opens = path * (1.0 + generator.normal(0.0, 0.01, rows))
    high = np.maximum(path, opens) * (1.0 + generator.uniform(0.0, 0.01, rows))
    low = np.minimum(path, opens) * (1.0 - generator.uniform(0.0, 0.01, rows))
    return Bars(np.round(high, 2), np.round(low, 2), np.round(path, 2))


@pytest.fixture(scope="session")
def apple() -> Bars:
    """Unadjusted daily prices of AAPL, 2000-03-01 to 2013-03-01, two splits included."""
    packed = (resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz").read_bytes()
    table = csv.DictReader(gzip.decompress(packed).decode().splitlines())
    rows = [row for row in table if row["Ticker"] == "AAPL"]
    assert len(rows) > 3000
    return Bars(*(np.array([float(row[name]) for row in rows]) for name in ("High", "Low", "Close")))


@pytest.fixture(scope="session", params=["AAPL", "walk 1", "walk 2", "walk of pennies"])
def bars(request: pytest.FixtureRequest, apple: Bars) -> Bars:
    """Real prices, two walks of 5,000 bars around 100 and one of a stock worth 2."""
    return {
        "AAPL": apple,
        "walk 1": walk(1, 5000),
        "walk 2": walk(2, 5000),
        "walk of pennies": walk(3, 5000, start=2.0),
    }[request.param]
