"""Bounds of a run whose fills are in doubt: by hand, and by booking the other prices.

Runs are written day by day with a portfolio that keeps the books, so that a doubt can be played out: the
same days with another price in the place of the booked one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from tests.doubtful_runs import DoubtfulRun, check_invariants, run_of
from tests.factories_run import tiny_run

from qtrader.engine.results import Results


def exact(value: str | int) -> Decimal:
    return Decimal(value)


class Case(NamedTuple):
    """A trade written by `play`; `legs` are (if worst, if best) of the flagged fills, `booked` the profit."""

    name: str
    closes: tuple[float, ...]
    play: Callable[[DoubtfulRun], None]
    booked: int | str
    legs: list[tuple[int | str, int | str]]


def day(run: DoubtfulRun, *trades: Callable[[DoubtfulRun], Any]) -> None:
    run.next_day()
    for trade in trades:
        trade(run)
    run.close_day()


def trip(
    quantity: int, entry: dict[str, Any], leave: dict[str, Any] | None = None
) -> Callable[[DoubtfulRun], None]:
    """Enter on the first day, and leave on the second or not at all; idle on the third."""

    def play(run: DoubtfulRun) -> None:
        run.next_day()
        opened = run.enter(quantity, **entry)
        run.close_day().next_day()
        if leave is not None:
            run.leave(-quantity, parent=opened, **leave)
        run.close_day().idle()

    return play


STOP_OR_TARGET = {"price": 95, "worst_price": 95, "best_price": 110}
SHORT_STOP_OR_TARGET = {"price": 105, "worst_price": 105, "best_price": 90}

TABLE = [
    Case("nothing in doubt", (100, 102, 103), trip(10, {"price": 100}, {"price": 102}), 20, []),
    Case(
        "long, stop and target in one bar: the target's price would have brought 15 a share",
        (100, 100, 100),
        trip(10, {"price": 100}, STOP_OR_TARGET),
        -50,
        [(0, 150)],
    ),
    Case(
        "short, stop and target in one bar",
        (100, 100, 100),
        trip(-10, {"price": 100}, SHORT_STOP_OR_TARGET),
        -50,
        [(0, 150)],
    ),
    Case(
        "long entry between two prices",
        (100, 100, 104),
        trip(10, {"price": 101, "worst_price": 103, "best_price": 100}),
        30,
        [(-20, 10)],
    ),
    Case(
        "short entry between two prices",
        (100, 100, 96),
        trip(-10, {"price": 99, "worst_price": 97, "best_price": 100}),
        30,
        [(-20, 10)],
    ),
    Case(
        "slippage stays as it was booked: 101.5 instead of 101 is 97.5 instead of 97",
        (100, 100, 104),
        trip(-10, {"price": "100.5", "reference_price": 101, "worst_price": 97, "best_price": 101}),
        -35,
        [(-40, 0)],
    ),
    Case(
        "limit entry 98, the target 110 may have been reached, later stopped at 95",
        (105, 96, 96),
        trip(10, {"price": 98, "best_exit_price": 110}, {"price": 95}),
        -30,
        [(0, 150)],
    ),
    Case(
        "limit entry 98, the stop 95 may have been reached, later sold at the target 110",
        (96, 111, 111),
        trip(10, {"price": 98, "worst_exit_price": 95}, {"price": 110}),
        120,
        [(-150, 0)],
    ),
    Case(
        "both may have been reached, later closed between them",
        (97, 101, 101),
        trip(10, {"price": 98, "worst_exit_price": 95, "best_exit_price": 110}, {"price": 100}),
        20,
        [(-50, 100)],
    ),
    Case(
        "the stop would have been better than the gap that came",
        (97, 80, 80),
        trip(10, {"price": 98, "worst_exit_price": 95}, {"price": 80}),
        -180,
        [(0, 150)],
    ),
    Case(
        "short entry 102, stop 105 and target 90 may have been reached, later covered at 100",
        (103, 99, 99),
        trip(-10, {"price": 102, "worst_exit_price": 105, "best_exit_price": 90}, {"price": 100}),
        20,
        [(-50, 100)],
    ),
    Case(
        "still open at the end: the mark is what the exit stands against",
        (97, 99, 104),
        trip(10, {"price": 98, "worst_exit_price": 95, "best_exit_price": 110}),
        60,
        [(-90, 60)],
    ),
    Case(
        "a short still open at the end",
        (103, 99, 96),
        trip(-10, {"price": 102, "worst_exit_price": 105, "best_exit_price": 90}),
        60,
        [(-90, 60)],
    ),
    Case(
        "a position ends once: its stop in the entry's bar is worse than either price of its later exit",
        (97, 100, 100),
        trip(10, {"price": 98, "worst_exit_price": 95}, {"price": 100, "worst_price": 99, "best_price": 110}),
        20,
        [(-50, 0), (0, 100)],
    ),
    Case(
        "a position ends once: what its later exit may have been is worse than its stop",
        (97, 90, 90),
        trip(10, {"price": 98, "worst_exit_price": 95}, {"price": 96, "worst_price": 90, "best_price": 97}),
        -20,
        [(0, 0), (-60, 10)],
    ),
    Case(
        "a position ends once: at its best in the entry's bar, and not once more later",
        (105, 96, 96),
        trip(10, {"price": 98, "best_exit_price": 110}, STOP_OR_TARGET | {"best_price": 109}),
        -30,
        [(0, 150), (0, 0)],
    ),
    Case(
        "the entry's price and its exit are doubts of their own",
        (97, 101, 101),
        trip(
            10,
            {
                "price": 98,
                "worst_price": 99,
                "best_price": 97,
                "worst_exit_price": 95,
                "best_exit_price": 110,
            },
            {"price": 100},
        ),
        20,
        [(-60, 110)],
    ),
    Case(
        "no price can say what else may have happened",
        (100, 100, 100),
        trip(10, {"price": 105, "is_doubtful": True}),
        -50,
        [(0, 0)],
    ),
    Case(
        "prices that leave out what is booked take it in",
        (100, 100, 100),
        trip(10, {"price": 100, "worst_price": 99, "best_price": 98}),
        0,
        [(0, 20)],
    ),
]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_bounds_by_hand(case: Case) -> None:
    run = run_of(*case.closes, initial=1_000)
    case.play(run)
    bounds = run.results().bounds()
    assert bounds.booked == 1_000 + exact(case.booked)
    assert [(leg.worst_difference, leg.best_difference) for leg in bounds.legs] == [
        (exact(worst), exact(best)) for worst, best in case.legs
    ]
    check_invariants(bounds)


def scaled_in(run: DoubtfulRun) -> None:
    run.next_day()
    run.enter(10, 100, worst_exit_price=95)
    run.close_day().next_day()
    second = run.enter(10, 102)
    run.close_day().next_day()
    run.leave(-10, 101, parent=second)
    run.close_day().next_day()
    run.leave(-10, 99)
    run.close_day()


def test_a_bracket_ends_the_entry_that_it_protects() -> None:
    """The books close the oldest lot first, but it is the second entry that its own stop ended at 101."""
    run = run_of(100, 102, 101, 99, initial=5_000)
    scaled_in(run)
    (leg,) = run.results().bounds().legs
    assert leg.worst_difference == 10 * (95 - 99)


@pytest.mark.parametrize(("sign", "expected"), [(1, 10 * (95 - 101)), (-1, 10 * (105 - 101) * -1)])
def test_without_a_bracket_a_long_ends_by_its_oldest_entry_and_a_short_by_its_newest(
    sign: int, expected: int
) -> None:
    """Only the first entry of a long and the second of a short may have ended in its bar; 101 closes it."""
    run = run_of(100, 100, 101, 120, initial=5_000)
    doubt = {"worst_exit_price": 100 - sign * 5}
    run.next_day()
    run.enter(sign * 10, 100, **(doubt if sign > 0 else {}))
    run.close_day().next_day()
    run.enter(sign * 10, 100, **(doubt if sign < 0 else {}))
    run.close_day().next_day()
    run.leave(-sign * 10, 101)
    run.close_day().idle()
    (leg,) = run.results().bounds().legs
    assert leg.worst_difference == expected


def test_a_close_of_two_entries_is_shared_by_quantity() -> None:
    """30 sold at 100 or 90: 20 of the first entry, which may have ended at 85, and 10 of the second."""
    run = run_of(100, 100, 100, initial=5_000)
    run.next_day()
    run.enter(20, 100, worst_exit_price=85)
    run.enter(10, 100)
    run.close_day().next_day()
    run.leave(-30, 100, worst_price=90, best_price=100)
    run.close_day().idle()
    bounds = run.results().bounds()
    # The first entry ends at 85, so the sale's worst is that of the 10 others.
    assert [leg.worst_difference for leg in bounds.legs] == [20 * (85 - 100), 10 * (90 - 100)]
    check_invariants(bounds)


def test_a_partial_close_leaves_the_rest_to_the_mark() -> None:
    run = run_of(100, 104, 108, initial=5_000)
    run.next_day()
    run.enter(10, 100, worst_exit_price=95, best_exit_price=110)
    run.close_day().next_day()
    run.leave(-4, 103)
    run.close_day().idle()
    (leg,) = run.results().bounds().legs
    assert leg.worst_difference == 4 * (95 - 103) + 6 * (95 - 108)
    assert leg.best_difference == 4 * (110 - 103) + 6 * (110 - 108)


def test_a_split_changes_the_units_and_not_the_doubt() -> None:
    """10 at 100 that may have ended at 94 are 20 in units of 50, sold at 48: 940 against 960."""
    run = run_of(100, 50, 50, initial=5_000)
    run.next_day()
    run.enter(10, 100, worst_exit_price=94)
    run.close_day().next_day()
    run.split("X", 2)
    run.leave(-20, 48)
    run.close_day().idle()
    (leg,) = run.results().bounds().legs
    assert leg.worst_difference == 940 - 960


@pytest.mark.parametrize(("sign", "expected"), [(1, -50 - 30), (-1, -50 + 30)])
def test_a_position_that_ended_earlier_earns_no_dividend_and_owes_none(sign: int, expected: int) -> None:
    run = run_of(100, 100, 100, initial=5_000)
    run.next_day()
    run.enter(sign * 10, 100, worst_exit_price=100 - sign * 5)
    run.close_day().next_day()
    run.dividend("X", 3)
    run.close_day().idle()
    (leg,) = run.results().bounds().legs
    assert leg.worst_difference == expected


def test_cash_in_lieu_is_a_close_like_any_other() -> None:
    """5 split 3 for 2 are 7 and a half: the half is paid at the mark of 100 ÷ 1.5, the 7 stand at 66."""
    run = run_of(100, 66, 66, initial=5_000)
    run.next_day()
    run.enter(5, 100, best_exit_price=110)
    run.close_day().next_day()
    run.split("X", "1.5")
    run.close_day().idle()
    results = run.results()
    (leg,) = results.bounds().legs
    earned = results.bounds().booked - 5_000
    assert earned + leg.best_difference == pytest.approx(5 * (110 - 100), abs=Decimal("1e-7"))


def test_bounds_at_each_valuation_follow_the_mark_until_the_position_ends() -> None:
    run = run_of(97, 99, 101, 104, initial=1_000)
    run.next_day()
    opened = run.enter(10, 98, worst_exit_price=95, best_exit_price=100)
    run.close_day().next_day().close_day().next_day()
    run.leave(-10, 102, parent=opened)
    run.close_day().idle()
    bounds = run.results().bounds()
    assert [tuple(int(amount) for amount in one[1:]) for one in bounds.equity] == [
        (970, 990, 1_020),  # 95, 97 or 100
        (970, 1_010, 1_020),
        (970, 1_040, 1_040),  # sold at 102
        (970, 1_040, 1_040),
    ]
    assert bounds.equity_curve["worst"].to_list() == [970.0] * 4
    assert bounds.equity_curve.columns == ["valued_at", "worst", "booked", "best"]


def test_the_share_counts_flagged_fills_among_all() -> None:
    run = run_of(100, 100, 100, initial=1_000)
    trip(10, {"price": 100}, STOP_OR_TARGET)(run)
    bounds = run.results().bounds()
    assert (bounds.flagged_count, bounds.fill_count, bounds.ambiguity_share) == (1, 2, 0.5)
    assert bounds.unbounded == ()


def test_a_choice_between_two_sides_is_listed_and_has_no_bounds() -> None:
    run = run_of(100, 100, 100, initial=2_000)
    trip(10, {"price": 105, "is_doubtful": True})(run)
    bounds = run.results().bounds()
    (leg,) = bounds.unbounded
    assert leg.fill.price == 105
    assert "Without bounds: 1 of them, counted as booked" in str(bounds)


def test_a_run_without_fills_is_not_in_doubt() -> None:
    bounds = run_of(100, 101).idle(2).completed()
    found = Results(bounds).bounds()
    assert (found.worst, found.booked, found.best) == (100_000, 100_000, 100_000)
    assert found.ambiguity_share is None
    assert found.table.height == 0
    assert "No fill, so nothing is in doubt." in str(found)


def test_a_run_without_valuations_is_bounded_by_its_capital() -> None:
    run = run_of(100.0)
    run.next_day()
    run.enter(10, 100, worst_price=101, best_price=99)
    found = run.results().bounds()
    assert (found.worst, found.best, found.fill_count, found.later_fill_count) == (100_000, 100_000, 0, 1)
    assert found.legs == ()


def test_fills_after_the_last_valuation_are_counted_apart() -> None:
    run = run_of(100, 100, initial=2_000)
    run.idle().next_day()
    run.enter(10, 100, worst_price=101, best_price=99)
    bounds = run.results().bounds()
    assert (bounds.fill_count, bounds.later_fill_count, bounds.worst) == (0, 1, 2_000)
    later = run_of(100, 100, 100, initial=2_000)
    later.next_day()
    later.enter(10, 100)
    later.close_day().next_day()
    later.leave(-10, 100, worst_price=99, best_price=101)
    assert "Not valued: 1 fills after the last valuation." in str(later.results().bounds())


def test_amounts_are_rounded_as_the_books_round_them() -> None:
    """0.333 at 10.01 is 3.33333 in cents 3.33, at 10.05 it is 3.34665, which is 3.35."""
    run = run_of(10, 10, initial=100, ledger_scale=2)
    run.next_day()
    run.enter("0.333", "10.01", worst_price="10.05", best_price="10.01")
    run.close_day().idle()
    results = run.results(config={"portfolio": {"ledger_scale": 2}})
    assert results.bounds().worst_difference == exact("-0.02")


def test_the_text_lists_the_widest_legs_first() -> None:
    run = run_of(*[100.0] * 26, initial=100_000)
    for number in range(25):
        day(run, lambda run, number=number: run.enter(1, 100, worst_price=100 + number, best_price=100))
    lines = str(run.results().bounds()).splitlines()
    assert lines[0] == "Final equity if every flagged fill went worst or best, in USD"
    assert lines[2].split() == ["Equity", "99,700.00", "100,000.00", "100,000.00"]
    assert lines[3].split() == ["Difference", "-300.00", "0.00"]
    assert lines[4] == "Flagged: 25 of 25 fills (100.00 %)."
    assert lines[7].split()[-4:] == ["124", "100", "-24.00", "0.00"]
    assert lines[-1] == "and 5 more with less between them."


def test_a_run_that_is_certain_says_so() -> None:
    text = str(Results(tiny_run()).bounds())
    assert "Flagged: 0 of 3 fills (0.00 %)." in text
    assert "if worst" not in text


def test_the_table_has_a_row_for_each_leg() -> None:
    run = run_of(97, 101, 101, initial=1_000)
    trip(10, {"price": 98, "worst_exit_price": 95, "best_exit_price": 110}, {"price": 100})(run)
    table = run.results().bounds().table
    row = table.row(0, named=True)
    assert table.height == 1
    assert (row["symbol"], row["side"], row["purpose"], row["quantity"]) == ("X", "buy", "open", 10.0)
    assert (row["booked_price"], row["worst_price"], row["worst_exit_price"]) == (98.0, None, 95.0)
    assert (row["worst_difference"], row["best_difference"], row["is_bounded"]) == (-50.0, 100.0, True)
