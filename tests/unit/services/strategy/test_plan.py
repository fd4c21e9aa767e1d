"""What a strategy on columns may say, and what is refused."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from tests.factories import at_us, tape_of

from qtrader.errors import StrategyError
from qtrader.events.vocabulary import OrderType, TimeInForce
from qtrader.services.strategy.conditions import crosses_above, side_of
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.plan import plan_of
from qtrader.services.strategy.signals import Signals

PANEL = Panel(tape_of({"A": [1.0, 2.0, 3.0], "B": [5.0, 4.0]}, days={"B": [2, 3]}), ("A", "B"), "1d")
YES = np.array([[True, False], [False, True], [False, False]])
NO = np.zeros((3, 2), dtype=bool)


def column(*rows: tuple[float, float]) -> Any:
    return np.array(rows, dtype=np.float64)


def test_a_plan_holds_the_places_in_the_order_of_the_tape() -> None:
    plan = plan_of("S", Signals(entry=YES, exit=~NO & PANEL.has_bar, quantity=7, reason="why"), PANEL)
    assert [plan.symbol(place) for place in range(len(plan))] == ["A", "A", "B", "A", "B"]
    assert plan.rows.tolist() == [0, 1, 2, 3, 4]
    assert plan.closed_at_us.tolist() == [at_us(day) for day in (1, 2, 2, 3, 3)]
    assert plan.is_entry.tolist() == [True, False, True, False, False]
    assert plan.is_exit.all()
    assert plan.order_at(0) == {
        "quantity": 7.0,
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.GTC,
    }
    assert plan.reason_at(0) == "why"


@pytest.mark.parametrize(
    ("limit", "stop", "order_type"),
    [(nan, nan, "market"), (2.0, nan, "limit"), (nan, 2.0, "stop"), (2.0, 3.0, "stop_limit")],
)
def test_the_prices_that_are_there_make_the_type_of_the_order(
    limit: float, stop: float, order_type: str
) -> None:
    said = Signals(
        entry=YES,
        limit_price=np.full((3, 2), limit),
        stop_price=np.full((3, 2), stop),
        time_in_force="day",
        reason=lambda time, symbol: f"{time} {symbol}",
    )
    plan = plan_of("S", said, PANEL)
    assert plan.order_at(1)["order_type"] == order_type
    assert plan.order_at(1)["time_in_force"] == "day"
    assert {"limit_price", "stop_price"} & set(plan.order_at(1)) == {
        name for name, value in (("limit_price", limit), ("stop_price", stop)) if not isnan(value)
    }
    assert [plan.reason_at(place) for place in (0, 1)] == ["0 0", "1 1"]


def test_conditions_are_evaluated() -> None:
    above, below = column((1, 1), (3, 1), (3, 1)), np.full((3, 2), 2.0)
    plan = plan_of("S", Signals(entry=crosses_above(above, below), side=side_of(above, below)), PANEL)
    assert [(int(t), plan.symbol(p), int(plan.sides[p])) for p, t in enumerate(plan.times)] == [(1, "A", 1)]


AT = "2024-01-01T21:00:00"

REFUSED = [
    (Signals(entry=~NO), rf"something is wanted at {AT}\S* for B; the symbol has no bar then"),
    (Signals(entry=YES, side=0), rf"the side of an entry is 0.0 at {AT}\S* for A; allowed is \+1 or -1"),
    (Signals(entry=YES, stop_loss=column((inf, 1), (1, 1), (1, 1))), rf"stop_loss is inf at {AT}\S* for A;"),
    (Signals(entry=YES, limit_price=column((-1, 1), (1, 1), (1, 1))), "limit_price is -1.0 at .* above zero"),
    (Signals(entry=YES, confidence=1.5), "confidence is 1.5 at .* 0 to 1"),
    (Signals(target_weights=column((nan, nan), (inf, nan), (nan, nan))), "target_weights is inf at .* for A"),
    (Signals(entry=YES[:2]), r"entry is bool\[2, 2\]; allowed is a condition or bool\[3, 2\]"),
    (Signals(entry=YES.astype(float)), r"entry is float64\[3, 2\]; allowed is a condition or bool"),
    (Signals(entry=YES, side=2), r"side is 2; allowed is \+1, -1 or int"),
    (Signals(entry=YES, side=np.ones((3, 2))), r"side is float64\[3, 2\]"),
    (Signals(entry=YES, quantity=np.ones(3)), r"quantity is float64\[3\]; allowed is a number or float64"),
    (Signals(entry=YES, quantity=np.ones((3, 2), dtype=np.float32)), r"quantity is float32\[3, 2\]"),
    (None, r"S: signals returned NoneType; it returns Signals\(entry=…, exit=…, …\)"),
]


@pytest.mark.parametrize(("said", "message"), REFUSED)
def test_what_cannot_be_is_refused_by_name(said: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        plan_of("S", said, PANEL)


def test_terms_where_nothing_is_opened_are_not_looked_at() -> None:
    stops = column((1, inf), (inf, 1), (-1, 0))
    assert len(plan_of("S", Signals(entry=YES, stop_loss=stops), PANEL)) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "neither entry, exit nor target_weights"),
        ({"target_weights": PANEL.close, "entry": YES}, "cannot stand beside entry or exit"),
        ({"entry": YES, "time_in_force": "gtd"}, "time_in_force is 'gtd'; allowed is day, gtc, ioc or fok"),
        ({"entry": YES, "time_in_force": "soon"}, "time_in_force is 'soon'"),
    ],
)
def test_signals_that_say_nothing_or_two_things_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        Signals(**fields)
