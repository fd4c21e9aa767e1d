"""Intervals are counts of seconds, minutes and hours, and the daily bar."""

from __future__ import annotations

import pytest

from qtrader.errors import ConfigError
from qtrader.market.intervals import in_order, interval_name, interval_us


@pytest.mark.parametrize(
    ("name", "length_us"),
    [
        ("1s", 1_000_000),
        ("30s", 30_000_000),
        ("1m", 60_000_000),
        ("90m", 5_400_000_000),
        ("4h", 14_400_000_000),
        ("1d", 86_400_000_000),
    ],
)
def test_lengths(name: str, length_us: int) -> None:
    assert interval_us(name) == length_us


@pytest.mark.parametrize(
    "name",
    ["", "1", "m", "0m", "01m", "-1m", "1.5h", "1M", "24h", "1440m", "2d", "1w", "1 m", "1m\n", "\u0661m"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is unknown; allowed are a count of seconds, minutes or hours"):
        interval_us(name)


@pytest.mark.parametrize(
    ("length_us", "name"),
    [(3_600_000_000, "1h"), (5_400_000_000, "90m"), (90_000_000, "90s"), (86_400_000_000, "1d")],
)
def test_names(length_us: int, name: str) -> None:
    assert interval_name(length_us) == name


def test_several_are_named_once_the_finest_first() -> None:
    assert in_order(["1d", "5m", "1h", "60m", "5m"]) == ("5m", "1h", "60m", "1d")
    with pytest.raises(ConfigError, match="interval 'daily' is unknown"):
        in_order(["1d", "daily"])


@pytest.mark.parametrize("length_us", [0, 500_000, 90_000_000_000, 7 * 86_400_000_000])
def test_lengths_without_a_name_are_refused(length_us: int) -> None:
    with pytest.raises(ConfigError, match="no interval lasts"):
        interval_name(length_us)
