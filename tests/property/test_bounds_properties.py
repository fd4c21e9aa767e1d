"""Bounds against books that are kept once more, with other prices in the place of the booked ones.

A plan is a list of positions, one after another or side by side, each with its doubts. It can be played with
a choice for each doubt: the portfolio then books what would have been. The bounds must be what the worst and
the best choices give, to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st
from tests.doubtful_runs import DoubtfulRun, check_invariants, run_of
from tests.engine_inputs import Script, events, run
from tests.engine_markets import Play, plays, world_plays

from qtrader.events.events import FillEvent
from qtrader.services.strategy.protocol import StrategySpec

#: Cents, so that amounts of whole units are exact and rounding has no say.
CENTS = st.integers(5_000, 20_000).map(lambda cents: Decimal(cents) / 100)
SHARES = st.integers(1, 50)
DAYS = 6

BOOKED, WORST, BEST = "booked", "worst", "best"


@dataclass(frozen=True)
class Order:
    """A trade with what its price may have been; the smallest and the largest of three prices are bounds."""

    price: Decimal
    worst: Decimal | None
    best: Decimal | None

    def doubts(self) -> dict[str, Any]:
        if self.worst is None:
            return {}
        return {"worst_price": self.worst, "best_price": self.best}

    def at(self, choice: str) -> Decimal:
        found = {BOOKED: self.price, WORST: self.worst, BEST: self.best}[choice]
        return self.price if found is None else found

    @property
    def choices(self) -> tuple[str, ...]:
        return (BOOKED,) if self.worst is None else (BOOKED, WORST, BEST)


@dataclass(frozen=True)
class Position:
    """Units entered on a day and left on a later one, or kept; `exits` are prices within the entry's bar."""

    strategy: str
    sign: int
    size: int
    entered_on: int
    entry: Order
    exits: tuple[Decimal | None, Decimal | None]
    left_on: int
    leaving: Order | None

    def choices(self) -> list[tuple[str, str, Decimal | None]]:
        """Give every way in which it may have gone: (entry, leaving, price of an exit in the bar)."""
        leavings = (BOOKED,) if self.leaving is None else self.leaving.choices
        inside = [(BOOKED, price) for price in self.exits if price is not None]
        ends = [*product(leavings, (None,)), *inside]
        return [(entry, leaving, price) for entry in self.entry.choices for leaving, price in ends]


@st.composite
def orders(draw: st.DrawFn, is_buy: bool) -> Order:
    low, price, high = sorted(draw(st.tuples(CENTS, CENTS, CENTS)))
    if draw(st.booleans()):
        return Order(price, None, None)
    return Order(price, high, low) if is_buy else Order(price, low, high)


@st.composite
def positions(draw: st.DrawFn, strategy: str) -> Position:
    sign = draw(st.sampled_from((1, -1)))
    entered_on = draw(st.integers(0, DAYS - 2))
    exits = draw(st.tuples(st.none() | CENTS, st.none() | CENTS))
    leaving = draw(st.none() | orders(is_buy=sign < 0))
    return Position(
        strategy,
        sign,
        draw(SHARES),
        entered_on,
        draw(orders(is_buy=sign > 0)),
        exits,
        draw(st.integers(entered_on + 1, DAYS - 1)),
        leaving,
    )


@dataclass(frozen=True)
class Plan:
    closes: tuple[Decimal, ...]
    positions: tuple[Position, ...]
    split_on: int | None
    dividend_on: int | None

    def play(self, choices: dict[int, tuple[str, str, Decimal | None]] | None = None) -> DoubtfulRun:
        """Write the run as booked and flagged, or certain and with a choice for some positions."""
        run = run_of(*map(float, self.closes), initial=1_000_000)
        for day in range(DAYS):
            run.next_day()
            if day == self.split_on:
                run.split("X", 2)
            if day == self.dividend_on:
                run.dividend("X", 1)
            for place, position in enumerate(self.positions):
                self._trade(run, day, position, None if choices is None else choices.get(place))
            run.close_day()
        return run

    def _trade(
        self,
        run: DoubtfulRun,
        day: int,
        position: Position,
        choice: tuple[str, str, Decimal | None] | None,
    ) -> None:
        entry, leaving, exit_price = choice or (BOOKED, BOOKED, None)
        units = position.sign * position.size
        if day == position.entered_on:
            doubts = {} if choice is not None else self._doubts(position)
            run.enter(units, position.entry.at(entry), strategy=position.strategy, **doubts)
            if exit_price is not None:
                run.leave(-units, exit_price, strategy=position.strategy)
        elif day == position.left_on and position.leaving is not None and exit_price is None:
            if self.split_on is not None and position.entered_on < self.split_on <= day:
                units *= 2
            doubts = {} if choice is not None else position.leaving.doubts()
            run.leave(-units, position.leaving.at(leaving), strategy=position.strategy, **doubts)

    def _doubts(self, position: Position) -> dict[str, Any]:
        names = ("worst_exit_price", "best_exit_price")
        exits = {name: price for name, price in zip(names, position.exits, strict=True) if price is not None}
        return position.entry.doubts() | exits


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    return Plan(
        draw(st.tuples(*[CENTS] * DAYS)),
        tuple(draw(positions(strategy)) for strategy in ("a", "b")[: draw(st.integers(1, 2))]),
        draw(st.none() | st.integers(1, DAYS - 1)),
        draw(st.none() | st.integers(1, DAYS - 1)),
    )


def equity(run: DoubtfulRun) -> Decimal:
    return run.valuations[-1].equity


@settings(max_examples=60, deadline=None)
@given(plans())
def test_the_bounds_are_what_the_books_give_for_the_worst_and_the_best_of_all_ways(plan: Plan) -> None:
    bounds = plan.play().results(strategy_ids=("a", "b")).bounds()
    check_invariants(bounds)
    booked = equity(plan.play({}))
    assert bounds.booked == booked
    worst = best = Decimal(0)
    for place, position in enumerate(plan.positions):
        found = [equity(plan.play({place: choice})) - booked for choice in position.choices()]
        worst += min(found)
        best += max(found)
    assert bounds.worst == booked + worst
    assert bounds.best == booked + best


STEPS = st.lists(
    st.tuples(
        st.integers(-30, 30).filter(bool),
        CENTS,
        st.booleans(),
        CENTS,
        CENTS,
        st.none() | CENTS,
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.none() | st.integers(1, 11), st.none() | st.integers(1, 11))
def test_the_legs_sum_up_whatever_is_added_closed_or_reversed(
    steps: list[Any], split_on: int | None, dividend_on: int | None
) -> None:
    """Entries upon entries, partial closes, trades through zero, splits that leave fractions."""
    run = run_of(*[100.0] * len(steps), initial=1_000_000)
    for day, (units, price, is_flagged, low, high, exit_price, is_child) in enumerate(steps):
        run.next_day()
        if day == split_on:
            run.split("X", "1.5")
        if day == dividend_on:
            run.dividend("X", "0.37")
        doubts: dict[str, Any] = {}
        if is_flagged:
            doubts = {"worst_price": low, "best_price": high}
            if exit_price is not None:
                doubts["best_exit_price"] = exit_price
        last = run.enter(units, price, **doubts)
        if is_child and abs(units) > 1:
            run.leave(-units // 2, price, parent=last, **({"worst_price": low} if is_flagged else {}))
        run.close_day()
    check_invariants(run.results().bounds())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(plays(), world_plays()))
def test_every_run_of_the_engine_lies_between_its_bounds(play: Play) -> None:
    """Random markets and scripts: days and hours, splits, dividends paid and reinvested, scaling in."""
    results = run(play.inputs, StrategySpec(Script(play.plan), "script"), **play.settings)
    bounds = results.bounds()
    check_invariants(bounds)
    fills = events(results, FillEvent)
    assert bounds.fill_count + bounds.later_fill_count == len(fills)
    valued = fills[: bounds.fill_count]
    assert [leg.fill for leg in bounds.legs] == [fill for fill in valued if fill.is_ambiguous]
    assert [one.booked for one in bounds.equity] == [one.equity for one in results.valuations]
    target(float(bounds.flagged_count))
