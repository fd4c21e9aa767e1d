"""Which bars strategies see, as tables."""

from __future__ import annotations

import pytest

from qtrader.errors import StrategyError
from qtrader.services.strategy.visible import VisibleIntervals

EVERY = ("5m", "1h", "1d")
OF_SYMBOLS = {"A": ("5m", "1d"), "B": ("1h", "1d"), "C": ("5m",)}
CHOSEN = {"days": ("1d",), "slow": ("1h", "1d"), "all": ("1d", "5m", "1h")}
VISIBLE = VisibleIntervals(EVERY, OF_SYMBOLS, CHOSEN)


@pytest.mark.parametrize(
    ("strategy", "seen"),
    [("days", {"1d"}), ("slow", {"1h", "1d"}), ("all", None), ("unnamed", None)],
)
def test_who_names_every_interval_sees_every_bar(strategy: str, seen: set[str] | None) -> None:
    assert VISIBLE.of(strategy) == seen


@pytest.mark.parametrize(
    ("strategy", "symbol", "wanted", "shown"),
    [
        ("unnamed", "A", None, None),
        ("all", "A", None, None),
        ("unnamed", "A", "1d", "1d"),
        ("days", "A", None, "1d"),
        ("slow", "A", None, "1d"),
        ("slow", "B", None, "1h"),
        ("slow", "B", "1d", "1d"),
        # The past of a symbol that has no such bars is empty, and has some interval all the same.
        ("slow", "C", None, "1h"),
        ("slow", "not begun", None, "1h"),
    ],
)
def test_the_past_is_of_the_finest_interval_that_is_seen(
    strategy: str, symbol: str, wanted: str | None, shown: str | None
) -> None:
    assert VISIBLE.of_history(strategy, symbol, wanted) == shown


@pytest.mark.parametrize(
    ("strategy", "wanted", "allowed"), [("days", "1h", "1d"), ("unnamed", "4h", "5m, 1h, 1d")]
)
def test_a_past_that_is_not_seen_is_refused(strategy: str, wanted: str, allowed: str) -> None:
    with pytest.raises(StrategyError, match=f"interval is '{wanted}'; this strategy sees bars of {allowed}$"):
        VISIBLE.of_history(strategy, "A", wanted)


def test_one_interval_is_no_choice() -> None:
    one = VisibleIntervals(("1d",), {"A": ("1d",)}, {"days": ("1d",)})
    assert one.has_one
    assert not VISIBLE.has_one
    assert one.of("days") is None
