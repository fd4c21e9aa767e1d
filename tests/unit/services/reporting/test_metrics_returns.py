"""Returns, growth and calendar periods, against tables that can be checked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from qtrader.services.reporting.moments import MetricInputError
from qtrader.services.reporting.returns import (
    PeriodReturn,
    cagr,
    cagr_n_over_p,
    elapsed_days,
    monthly_returns,
    returns_from_equity,
    risk_free_per_period,
    total_return,
    valuation_date,
    wealth_index,
    yearly_returns,
)


def at_us(*moments: str) -> np.ndarray:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    seconds = [(datetime.fromisoformat(text).replace(tzinfo=UTC) - epoch).total_seconds() for text in moments]
    return np.array([int(second) * 1_000_000 for second in seconds], dtype=np.int64)


def test_returns_are_the_relative_changes_of_equity() -> None:
    assert returns_from_equity([100.0, 110.0, 99.0, 99.0]).tolist() == [0.1, -0.1, 0.0]


@pytest.mark.parametrize("equity", [[], [100.0]])
def test_fewer_than_two_points_have_no_returns(equity: list[float]) -> None:
    assert returns_from_equity(equity).size == 0
    assert total_return(equity) is None
    assert cagr_n_over_p(equity, 252) is None


@pytest.mark.parametrize(
    ("timing", "equity", "flows", "expected"),
    [
        # 110 grows by 10 % to 121; 50 more were there from the period's start and grow as well: 160 to 176.
        ("start", [100.0, 110.0, 176.0], [0.0, 0.0, 50.0], [0.1, 0.1]),
        # 110 grows to 121, then 50 come at the close: 171.
        ("end", [100.0, 110.0, 171.0], [0.0, 0.0, 50.0], [0.1, 0.1]),
        # 40 of 110 are taken out first: 70 grow to 77.
        ("start", [100.0, 110.0, 77.0], [0.0, 0.0, -40.0], [0.1, 0.1]),
        ("end", [100.0, 110.0, 81.0], [0.0, 0.0, -40.0], [0.1, 0.1]),
        # The flow of the first point belongs to no period.
        ("start", [100.0, 110.0], [100.0, 0.0], [0.1]),
        # An account that is empty until its first deposit.
        ("start", [0.0, 103.0], [0.0, 100.0], [0.03]),
        # An account that is emptied at the close.
        ("end", [100.0, 0.0], [0.0, -104.0], [0.04]),
    ],
)
def test_external_flows_are_no_gain(timing: str, equity: list, flows: list, expected: list) -> None:
    returns = returns_from_equity(equity, flows, flow_timing=timing)  # type: ignore[arg-type]
    assert returns == pytest.approx(expected, abs=1e-15)


def test_ruin_has_a_return_and_what_follows_has_none() -> None:
    returns = returns_from_equity([100.0, 0.0, 50.0, -10.0, 20.0, 30.0])
    assert returns[[0, 2, 4]] == pytest.approx([-1.0, -1.2, 0.5], abs=1e-15)
    assert np.isnan(returns[[1, 3]]).all()


def test_the_wealth_index_keeps_the_value_of_ruin() -> None:
    assert wealth_index([0.5, -1.2, 0.5, np.nan]) == pytest.approx([1.0, 1.5, -0.3, -0.3, -0.3])
    assert wealth_index([]).tolist() == [1.0]


def test_an_undefined_return_before_ruin_leaves_no_wealth() -> None:
    assert np.isnan(wealth_index([np.nan, 0.1])[1:]).all()
    assert total_return(wealth_index([np.nan, 0.1])) is None


def test_total_return_without_flows_is_last_over_first() -> None:
    assert total_return([100.0, -20.0, 50.0]) == -0.5
    assert total_return([0.0, 100.0]) is None
    assert total_return([-5.0, 100.0]) is None
    assert total_return([1e-300, 1e300]) is None


def test_cagr_goes_by_actual_days() -> None:
    four_years = at_us("2000-03-01", "2004-03-01")
    assert cagr([100.0, 146.41], four_years) == pytest.approx(0.1, abs=1e-12)
    a_third_more = at_us("2001-01-01", "2002-05-03")
    assert cagr([100.0, 110.0], a_third_more) == pytest.approx(1.1**0.75 - 1, abs=1e-12), (
        "487 days are 4/3 years"
    )


def test_days_go_by_dates_and_not_by_the_time_of_day() -> None:
    around_the_clock = at_us("2000-03-01", "2004-03-01")
    exchange = at_us("2000-03-01T14:30:00", "2004-02-29T21:00:00")
    assert elapsed_days(around_the_clock) == elapsed_days(exchange) == 1461.0
    assert cagr([100.0, 146.41], exchange) == pytest.approx(0.1, abs=1e-12)
    assert elapsed_days(at_us("2000-03-01T14:30:00", "2000-03-01T21:00:00")) == 1.0
    assert elapsed_days(at_us("2000-03-01")) == 0.0


def test_cagr_n_over_p_goes_by_periods() -> None:
    assert cagr_n_over_p(wealth_index(np.full(504, 1.21 ** (1 / 504) - 1)), 252) == pytest.approx(
        0.1, abs=1e-12
    )
    assert cagr_n_over_p([100.0, 100.1], 365) == pytest.approx(1.001**365 - 1, rel=1e-12)


def test_growth_to_zero_is_a_total_loss_and_below_zero_is_undefined() -> None:
    year = at_us("2001-01-01", "2002-01-01")
    assert cagr([100.0, 0.0], year) == -1.0
    assert cagr([100.0, -1.0], year) is None
    assert cagr([100.0, 1e6], at_us("2001-01-01", "2001-01-01T00:00:01")) is None, (
        "beyond the range of a float"
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2020-01-31T21:00:00", date(2020, 1, 31)), ("2020-02-01T00:00:00", date(2020, 1, 31))],
)
def test_a_close_at_midnight_belongs_to_the_day_that_it_ends(moment: str, expected: date) -> None:
    assert valuation_date(int(at_us(moment)[0])) == expected


def test_monthly_and_yearly_returns_chain_over_gaps() -> None:
    instants = at_us(
        "2019-12-30", "2019-12-31T21:00:00", "2020-01-15", "2020-02-01", "2020-04-02", "2021-01-05"
    )
    equity = [100.0, 110.0, 121.0, 99.0, 118.8, 59.4]
    months = [(one.year, one.month) for one in monthly_returns(equity, instants)]
    assert months == [(2019, 12), (2020, 1), (2020, 4), (2021, 1)]
    values = [one.value for one in monthly_returns(equity, instants)]
    assert values == pytest.approx([0.1, -0.1, 0.2, -0.5], abs=1e-12)
    yearly = yearly_returns(equity, instants)
    assert [(one.year, one.month) for one in yearly] == [(2019, None), (2020, None), (2021, None)]
    assert [one.value for one in yearly] == pytest.approx([0.1, 0.08, -0.5], abs=1e-12)


def test_a_month_after_ruin_has_no_return() -> None:
    instants = at_us("2020-01-01", "2020-02-01", "2020-03-01")
    assert monthly_returns([10.0, 0.0, 5.0], instants) == (
        PeriodReturn(2020, 1, -1.0),
        PeriodReturn(2020, 2, None),
    )


def test_the_risk_free_rate_compounds_to_its_annual_value() -> None:
    for periods in (1, 12, 252, 365):
        assert (1.0 + risk_free_per_period(0.05, periods)) ** periods == pytest.approx(1.05, rel=1e-12)
    assert risk_free_per_period(0.0, 252) == 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: returns_from_equity([1.0, float("nan")]), r"equity\[1\]: found nan"),
        (lambda: returns_from_equity([1.0, 2.0], [0.0]), "flows: found 1 values, equity has 2"),
        (lambda: returns_from_equity([1.0, 2.0], [0.0, float("inf")]), r"flows\[1\]: found inf"),
        (lambda: returns_from_equity([[1.0, 2.0]]), "equity: found 2 dimensions"),
        (lambda: risk_free_per_period(-1.0, 252), "risk_free: found -1.0"),
        (lambda: risk_free_per_period(0.0, 0), "periods_per_year: found 0"),
        (lambda: cagr([1.0, 2.0], at_us("2020-01-01")), "valued_at_us: found 1 values, wealth has 2"),
    ],
)
def test_unusable_input_is_refused_by_name(call, words: str) -> None:  # noqa: ANN001 - a table of lambdas
    with pytest.raises(MetricInputError, match=words):
        call()
