"""Ratios, tails and benchmark measures, against closed forms and tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qtrader.services.reporting.activity import annual_turnover, average_exposure, time_in_market
from qtrader.services.reporting.benchmark_metrics import (
    alpha,
    beta,
    correlation,
    information_ratio,
    tracking_error,
)
from qtrader.services.reporting.moments import MetricInputError
from qtrader.services.reporting.ratios import (
    annual_volatility,
    best_return,
    calmar,
    cvar_historical,
    cvar_normal,
    downside_deviation,
    excess_kurtosis,
    omega,
    positive_share,
    sharpe,
    skew,
    sortino,
    tail_ratio,
    var_historical,
    var_normal,
    worst_return,
)
from qtrader.services.reporting.returns import DAYS_PER_YEAR, MICROSECONDS_PER_DAY, wealth_index

EIGHT = [0.01, 0.10, -0.04, 0.02, 0.03, 0.02, 0.01, -0.10]
OVER_RETURNS = (
    annual_volatility,
    best_return,
    cvar_historical,
    cvar_normal,
    downside_deviation,
    excess_kurtosis,
    omega,
    positive_share,
    sharpe,
    skew,
    sortino,
    tail_ratio,
    var_historical,
    var_normal,
    worst_return,
)
OVER_BENCHMARK = (alpha, beta, correlation, information_ratio, tracking_error)


def test_sharpe_and_sortino_have_their_known_values() -> None:
    assert sharpe(EIGHT) == pytest.approx(1.7238613961706866, rel=1e-15)
    assert sortino(EIGHT) == pytest.approx(2.605531251673693, rel=1e-15)


def test_the_other_conventions_give_the_other_known_values() -> None:
    returns = np.array(EIGHT)
    assert returns.mean() / returns.std() * math.sqrt(252) == pytest.approx(1.84289, abs=5e-6)
    assert sharpe(EIGHT) == pytest.approx(1.84289 * math.sqrt(7 / 8), abs=5e-6), "ddof 1, not 0"
    assert sortino(EIGHT) != pytest.approx(2.33854, abs=1e-2), "over all periods, not the losing ones"


def test_periods_and_risk_free_rate_enter_as_defined() -> None:
    assert sharpe(EIGHT, 365) == pytest.approx(1.7238613961706866 * math.sqrt(365 / 252), rel=1e-14)
    rate = 1.05 ** (1 / 252) - 1
    shifted = [value - rate for value in EIGHT]
    assert sharpe(EIGHT, 252, 0.05) == pytest.approx(sharpe(shifted), rel=1e-12)
    assert sortino(EIGHT, 252, 0.05) == pytest.approx(sortino(shifted), rel=1e-12)
    assert omega(EIGHT, 252, 0.05) == pytest.approx(omega(shifted), rel=1e-12)


def test_values_worked_out_by_hand() -> None:
    assert annual_volatility([0.01, -0.01], 252) == pytest.approx(math.sqrt(0.0002 * 252), rel=1e-14)
    assert downside_deviation([0.03, -0.01, -0.02, 0.0], 100) == pytest.approx(
        math.sqrt(0.0005 / 4) * 10, rel=1e-14
    )
    assert omega(EIGHT) == pytest.approx(0.19 / 0.14, rel=1e-14)
    assert calmar(0.2, -0.1) == 2.0
    assert best_return(EIGHT) == 0.1
    assert worst_return(EIGHT) == -0.1
    assert positive_share(EIGHT) == 0.75


def test_historical_tails_of_an_even_grid() -> None:
    grid = [step / 100 for step in range(10, -11, -1)]
    assert var_historical(grid) == -0.09
    assert cvar_historical(grid) == pytest.approx(-0.095, abs=1e-16)
    assert tail_ratio(grid) == pytest.approx(1.0, rel=1e-15)
    assert var_historical([0.0, 0.1], 0.25) == pytest.approx(0.025, abs=1e-16), "interpolated"
    assert var_historical([0.02]) == cvar_historical([0.02]) == 0.02


def test_normal_tails_use_the_normal_law() -> None:
    returns = [0.01, -0.01] * 50
    deviation = 0.01 * math.sqrt(100 / 99)
    assert var_normal(returns) == pytest.approx(-1.6448536269514722 * deviation, rel=1e-12)
    assert cvar_normal(returns) == pytest.approx(-2.0627128075074257 * deviation, rel=1e-12)
    assert var_normal(returns, 0.01) == pytest.approx(-2.3263478740408408 * deviation, rel=1e-12)


def test_skew_and_kurtosis_of_small_samples() -> None:
    assert skew([-0.01, 0.0, 0.01]) == pytest.approx(0.0, abs=1e-15)
    # One in four: m2 = 3/16, m3 = 3/32, g1 = 2/sqrt(3), G1 = sqrt(3) g1 = 2; m4 = 21/256, g2 = -2/3, G2 = 4.
    assert skew([0.0, 0.0, 0.0, 1.0]) == pytest.approx(2.0, rel=1e-14)
    assert excess_kurtosis([0.0, 0.0, 0.0, 1.0]) == pytest.approx(4.0, rel=1e-14)


@pytest.mark.parametrize("measure", OVER_RETURNS)
@pytest.mark.parametrize(
    "returns", [[], [0.01, math.nan, 0.02], [math.nan], [0.01, math.inf, 0.0, 0.02, 0.01]]
)
def test_no_return_or_an_undefined_one_leaves_every_measure_undefined(measure, returns: list) -> None:  # noqa: ANN001
    assert measure(returns) is None


@pytest.mark.parametrize("level", [0.0, 0.01, -0.01, 0.1 + 1e-17])
@pytest.mark.parametrize("measure", [sharpe, skew, excess_kurtosis])
def test_no_variance_leaves_a_ratio_undefined(measure, level: float) -> None:  # noqa: ANN001
    assert measure([level] * 20) is None
    grown = wealth_index([level] * 20) * 100_000.0
    assert measure((grown[1:] - grown[:-1]) / grown[:-1]) is None, "rounding is not variance"


def test_one_return_has_no_deviation() -> None:
    for measure in (annual_volatility, sharpe, skew, excess_kurtosis, var_normal, cvar_normal):
        assert measure([0.01]) is None
    assert skew([0.01, 0.02]) is None
    assert excess_kurtosis([0.01, 0.02, 0.04]) is None


def test_no_loss_leaves_loss_ratios_undefined() -> None:
    assert sortino([0.01, 0.02]) is None
    assert omega([0.01, 0.02]) is None
    assert calmar(0.1, 0.0) is None
    assert calmar(None, -0.1) is None
    assert calmar(0.1, None) is None
    assert tail_ratio([0.0] * 10) is None
    assert downside_deviation([0.01, 0.02]) == 0.0


def test_returns_beyond_the_range_of_squares_are_undefined_not_infinite() -> None:
    huge = [1e200, -1e200, 1e300, 5.0]
    for measure in (annual_volatility, sharpe, skew, excess_kurtosis, var_normal):
        assert measure(huge) is None
    assert omega([1e308, 1e308, -1.0]) is None


@pytest.mark.parametrize("probability", [0.0, 0.5, -0.1, 5.0, math.nan])
def test_a_tail_probability_outside_its_range_is_refused(probability: float) -> None:
    for measure in (var_historical, cvar_historical, var_normal, cvar_normal, tail_ratio):
        with pytest.raises(MetricInputError, match="tail_probability: found"):
            measure(EIGHT, probability)


def test_a_leveraged_benchmark_has_its_leverage_as_beta() -> None:
    benchmark = np.array([0.01, -0.02, 0.015, 0.0, -0.005])
    returns = 0.001 + 1.5 * benchmark
    assert beta(returns, benchmark) == pytest.approx(1.5, rel=1e-13)
    assert alpha(returns, benchmark) == pytest.approx(0.252, rel=1e-12)
    assert correlation(returns, benchmark) == pytest.approx(1.0, rel=1e-14)
    assert correlation(-returns, benchmark) == pytest.approx(-1.0, rel=1e-14)
    active = 0.001 + 0.5 * benchmark
    assert tracking_error(returns, benchmark) == pytest.approx(annual_volatility(active), rel=1e-12)
    assert information_ratio(returns, benchmark) == pytest.approx(sharpe(active), rel=1e-12)


def test_the_risk_free_rate_moves_alpha_by_one_less_beta() -> None:
    benchmark = np.array([0.01, -0.02, 0.015, 0.0, -0.005])
    rate = 1.04 ** (1 / 252) - 1
    assert alpha(0.5 * benchmark, benchmark, 252, 0.04) == pytest.approx(-0.5 * rate * 252, rel=1e-9)


def test_benchmark_measures_without_variance_are_undefined() -> None:
    flat, moving = [0.01] * 4, [0.01, -0.01, 0.02, 0.0]
    assert beta(moving, flat) is None
    assert alpha(moving, flat) is None
    assert correlation(flat, moving) is None
    assert correlation([2.7e154, -1.0], [0.0, 0.0]) is None, "one is too large to be squared, one is flat"
    assert information_ratio(moving, moving) is None
    assert tracking_error(moving, moving) == 0.0
    for measure in OVER_BENCHMARK:
        assert measure([0.01], [0.02]) is None
        assert measure([0.01, math.nan, 0.0], [0.02, 0.0, 0.01]) is None


@pytest.mark.parametrize("measure", OVER_BENCHMARK)
def test_a_benchmark_of_another_length_is_refused(measure) -> None:  # noqa: ANN001
    with pytest.raises(MetricInputError, match="benchmark_returns: found 2 values, returns has 3"):
        measure([0.0, 0.1, 0.2], [0.0, 0.1])


def test_exposure_and_turnover_by_hand() -> None:
    four_years = np.array([0, 100, 200, 300, round(4 * DAYS_PER_YEAR * MICROSECONDS_PER_DAY)], dtype=np.int64)
    equity = [100.0, 100.0, 110.0, 90.0, 100.0]
    assert time_in_market([0.0, 50.0, 55.0, 0.0, 0.0]) == 0.5
    assert average_exposure([0.0, 50.0, 55.0, 0.0, 0.0], equity) == 0.25
    assert annual_turnover([0.0, 200.0, 0.0, 600.0, 0.0], equity, four_years) == 1.0, (
        "800 traded, half is one mean equity in each of four years"
    )


def test_exposure_and_turnover_without_a_base_are_undefined() -> None:
    instants = np.array([0, 1], dtype=np.int64)
    assert time_in_market([1.0]) is None
    assert average_exposure([0.0, 1.0], [1.0, 0.0]) is None
    assert average_exposure([0.0], [1.0]) is None
    assert annual_turnover([0.0, 1.0], [1.0, -1.0], instants) is None
    assert annual_turnover([1.0], [1.0], instants[:1]) is None
