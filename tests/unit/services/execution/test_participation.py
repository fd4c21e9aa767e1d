"""What orders can fill of a bar's volume, and bars that fill nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.factories import bar
from tests.unit.services.execution.matching_tables import rows

from qtrader.events.vocabulary import TimeInForce
from qtrader.services.execution.participation import (
    available_quantity,
    can_fill,
    filled_quantity,
    has_no_volume,
    is_stale,
)

# volume | percent | taken | step | available (- for no limit)
AVAILABLE = """
1000    | 10   | 0      | 1          | 100
1000    | 10   | 30     | 1          | 70
1000    | 10   | 100    | 1          | 0
1000    | 10   | 150    | 1          | 0
999     | 10   | 0      | 1          | 99
999     | 10   | 0      | 0.1        | 99.9
999     | 10   | 0      | 100        | 0
2599    | 10   | 0      | 100        | 200
2599    | 10   | 150    | 100        | 100
1000    | 2.5  | 0      | 1          | 25
1000    | 100  | 0      | 1          | 1000
1000    | 0    | 0      | 1          | 0
0       | 10   | 0      | 1          | 0
?       | 10   | 0      | 1          | -
?       | 10   | 500    | 1          | -
1000    | -    | 0      | 1          | -
0       | -    | 0      | 1          | -
0.3     | 10   | 0      | 0.00000001 | 0.03
12.3456 | 10   | 0      | 0.0001     | 1.2345
"""

# left of the order | available | time in force | filled
FILLED = """
100 | 100 | gtc | 100
100 | 99  | gtc | 99
100 | 0   | gtc | 0
100 | -   | gtc | 100
100 | 250 | day | 100
100 | 99  | day | 99
100 | 99  | gtd | 99
100 | 99  | ioc | 99
100 | 0   | ioc | 0
100 | 100 | fok | 100
100 | 99  | fok | 0
100 | -   | fok | 100
"""


def number(text: str) -> Decimal | None:
    return None if text == "-" else Decimal(text)


@pytest.mark.parametrize("row", rows(AVAILABLE, 5), ids=" ".join)
def test_what_orders_may_still_take_of_a_bar(row: tuple[str, ...]) -> None:
    volume, percent, taken, step, expected = row
    found = available_quantity(
        float("nan") if volume == "?" else float(volume), number(percent), Decimal(taken), Decimal(step)
    )
    assert found == number(expected)


@pytest.mark.parametrize("row", rows(FILLED, 4), ids=" ".join)
def test_how_much_of_an_order_is_filled(row: tuple[str, ...]) -> None:
    leaves, available, time_in_force, expected = row
    assert filled_quantity(Decimal(leaves), number(available), TimeInForce(time_in_force)) == Decimal(
        expected
    )


UNITS = st.integers(1, 10_000).map(Decimal)


@settings(max_examples=100, deadline=None)
@given(
    volume=st.integers(0, 100_000).map(float),
    percent=st.integers(0, 100).map(Decimal),
    orders=st.lists(st.tuples(UNITS, st.sampled_from(TimeInForce)), max_size=10),
    step=st.sampled_from([Decimal(1), Decimal("0.01"), Decimal(100)]),
)
def test_all_orders_of_a_bar_together_stay_within_the_share(
    volume: float, percent: Decimal, orders: list[tuple[Decimal, TimeInForce]], step: Decimal
) -> None:
    taken = Decimal(0)
    for leaves, time_in_force in orders:
        available = available_quantity(volume, percent, taken, step)
        assert available is not None
        filled = filled_quantity(leaves, available, time_in_force)
        assert 0 <= filled <= leaves
        if time_in_force is TimeInForce.FOK:
            assert filled in {0, leaves}
        taken += filled
    assert taken <= Decimal(volume) * percent / 100


SAME: dict[str, Any] = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5}

# the bar's volume | it repeats the prices before it | no volume allowed | stale allowed | fills
CAN_FILL = """
1000 | no  | no  | no  | yes
1000 | yes | no  | no  | yes
?    | no  | no  | no  | yes
?    | yes | no  | no  | yes
0    | no  | no  | no  | no
0    | no  | yes | no  | yes
0    | no  | no  | yes | no
0    | yes | no  | no  | no
0    | yes | yes | no  | no
0    | yes | no  | yes | yes
0    | yes | yes | yes | yes
"""


@pytest.mark.parametrize("row", rows(CAN_FILL, 5), ids=" ".join)
def test_a_bar_in_which_nothing_traded_fills_nothing_unless_allowed(row: tuple[str, ...]) -> None:
    volume, repeats, no_volume, stale, expected = row
    today = bar(2, **SAME, volume=float("nan") if volume == "?" else float(volume))
    before = bar(1, **(SAME if repeats == "yes" else SAME | {"high": 102.0}))
    can = can_fill(today, before, allow_no_volume=no_volume == "yes", allow_stale=stale == "yes")
    assert can is (expected == "yes")


def test_the_first_bar_repeats_nothing() -> None:
    first = bar(1, **SAME, volume=0.0)
    assert has_no_volume(first)
    assert not is_stale(first, None)
    assert can_fill(first, None, allow_no_volume=True)


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_a_bar_that_differs_in_one_price_is_not_stale(name: str) -> None:
    before, today = bar(1, **SAME), bar(2, **SAME, volume=0.0)
    assert is_stale(today, before)
    assert not is_stale(today, bar(1, **(SAME | {name: SAME[name] + 0.01})))
