"""The measures against empyrical and quantstats, on random and on real returns.

Where they use another convention, the difference itself is tested: a formula that leads from theirs to ours.
"""

from __future__ import annotations

import csv
import gzip
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from qtrader.services.reporting import benchmark_metrics, drawdowns, ratios, returns

pd = pytest.importorskip("pandas")
empyrical = pytest.importorskip("empyrical")
quantstats = pytest.importorskip("quantstats.stats")

RATE = 0.03
RATE_PER_DAY = 1.03 ** (1 / 252) - 1
CLOSE = {"rel": 1e-9, "abs": 1e-14}


def real_returns(symbol: str) -> pd.Series:
    spec = find_spec("bokeh_sampledata")
    assert spec is not None
    assert spec.origin is not None
    with gzip.open(Path(spec.origin).parent / "_data" / "stocks.csv.gz", "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Ticker"] == symbol]
    prices = np.array([float(row["Adj Close"]) for row in rows])
    dates = pd.DatetimeIndex([row["Date"] for row in rows])
    return pd.Series(returns.returns_from_equity(prices), index=dates[1:])


def random_returns(seed: int, count: int) -> pd.Series:
    values = np.random.default_rng(seed).standard_t(4, count) * 0.01 + 0.0003
    return pd.Series(values, index=pd.bdate_range("2015-01-02", periods=count))


SERIES = {
    "AAPL": lambda: real_returns("AAPL"),
    "MSFT": lambda: real_returns("MSFT"),
    "random 30": lambda: random_returns(1, 30),
    "random 700": lambda: random_returns(2, 700),
}


@pytest.fixture(scope="module", params=SERIES)
def series(request: pytest.FixtureRequest) -> pd.Series:
    return SERIES[request.param]()


@pytest.fixture(scope="module")
def index_series(series: pd.Series) -> pd.Series:
    noise = np.random.default_rng(7).normal(0.0002, 0.008, len(series))
    return 0.6 * series + pd.Series(noise, index=series.index)


def array(series: pd.Series) -> np.ndarray:
    return series.to_numpy(dtype=np.float64)


def test_volatility_sharpe_and_sortino_agree(series: pd.Series) -> None:
    ours = array(series)
    assert ratios.annual_volatility(ours) == pytest.approx(empyrical.annual_volatility(series), **CLOSE)
    assert ratios.annual_volatility(ours) == pytest.approx(quantstats.volatility(series), **CLOSE)
    assert ratios.downside_deviation(ours) == pytest.approx(empyrical.downside_risk(series), **CLOSE)
    assert ratios.sharpe(ours) == pytest.approx(empyrical.sharpe_ratio(series), **CLOSE)
    assert ratios.sharpe(ours) == pytest.approx(quantstats.sharpe(series), **CLOSE)
    assert ratios.sortino(ours) == pytest.approx(empyrical.sortino_ratio(series), **CLOSE)
    assert ratios.sortino(ours) == pytest.approx(quantstats.sortino(series), **CLOSE)


def test_the_risk_free_rate_is_annual_as_in_quantstats_and_per_period_in_empyrical(series: pd.Series) -> None:
    ours = array(series)
    assert ratios.sharpe(ours, 252, RATE) == pytest.approx(quantstats.sharpe(series, rf=RATE), **CLOSE)
    assert ratios.sharpe(ours, 252, RATE) == pytest.approx(
        empyrical.sharpe_ratio(series, RATE_PER_DAY), **CLOSE
    )
    assert ratios.sortino(ours, 252, RATE) == pytest.approx(quantstats.sortino(series, rf=RATE), **CLOSE)
    assert ratios.sortino(ours, 252, RATE) == pytest.approx(
        empyrical.sortino_ratio(series, RATE_PER_DAY), **CLOSE
    )
    assert ratios.omega(ours, 252, RATE) == pytest.approx(quantstats.omega(series, rf=RATE), **CLOSE)
    assert ratios.omega(ours, 252, RATE) == pytest.approx(
        empyrical.omega_ratio(series, RATE_PER_DAY), **CLOSE
    )
    assert ratios.omega(ours) == pytest.approx(empyrical.omega_ratio(series), **CLOSE)


def test_growth_agrees_by_periods_and_differs_by_days(series: pd.Series) -> None:
    wealth = returns.wealth_index(array(series))
    start = series.index[0] - pd.Timedelta(days=1)
    instants = np.array([day.value // 1000 for day in [start, *series.index]], dtype=np.int64)
    by_periods, by_days = returns.cagr_n_over_p(wealth, 252), returns.cagr(wealth, instants)
    assert returns.total_return(wealth) == pytest.approx(empyrical.cum_returns_final(series), **CLOSE)
    assert returns.total_return(wealth) == pytest.approx(quantstats.comp(series), **CLOSE)
    assert by_periods == pytest.approx(empyrical.annual_return(series), **CLOSE)
    assert by_periods == pytest.approx(quantstats.cagr(series), **CLOSE)
    assert by_days is not None
    assert by_periods is not None
    assert abs(by_days - by_periods) > 1e-5, "a documented difference"
    days = (series.index[-1] - start).days
    assert (1 + by_days) ** (days / 365.25) == pytest.approx(
        (1 + by_periods) ** (len(series) / 252), rel=1e-9
    )


def test_drawdown_and_calmar_agree_by_periods(series: pd.Series) -> None:
    wealth = returns.wealth_index(array(series))
    deepest, growth = drawdowns.max_drawdown(wealth), returns.cagr_n_over_p(wealth, 252)
    assert deepest == pytest.approx(empyrical.max_drawdown(series), **CLOSE)
    assert deepest == pytest.approx(quantstats.max_drawdown(series), **CLOSE)
    assert ratios.calmar(growth, deepest) == pytest.approx(empyrical.calmar_ratio(series), **CLOSE)
    assert ratios.calmar(growth, deepest) == pytest.approx(quantstats.calmar(series), **CLOSE)
    ours = drawdowns.drawdown_series(wealth)[1:]
    assert ours == pytest.approx(quantstats.to_drawdown_series(series).to_numpy(), rel=1e-9, abs=1e-12)


def test_the_drawdown_table_agrees_but_for_its_day_counts(series: pd.Series) -> None:
    wealth = returns.wealth_index(array(series))
    first = series.index[0] - pd.tseries.offsets.BDay()
    instants = np.array([day.value // 1000 for day in [first, *series.index]], dtype=np.int64)
    theirs = quantstats.drawdown_details(quantstats.to_drawdown_series(series)).sort_values("max drawdown")
    for ours, (_, row) in zip(
        drawdowns.top_drawdowns(wealth, instants, 3), theirs.head(3).iterrows(), strict=False
    ):
        assert ours.depth * 100 == pytest.approx(row["max drawdown"], **CLOSE)
        assert ours.trough_at_us == pd.Timestamp(row["valley"]).value // 1000
        started = int(np.searchsorted(instants, ours.peak_at_us)) + 1
        assert instants[started] == pd.Timestamp(row["start"]).value // 1000, (
            "theirs starts a point after the peak"
        )
        ended = pd.Timestamp(row["end"]).value // 1000
        if ours.recovered_at_us is None:
            assert ended == instants[-1]
        else:
            before = int(np.searchsorted(instants, ours.recovered_at_us)) - 1
            assert ended == instants[before], "and ends a point before the recovery"


def test_the_ulcer_index_of_quantstats_divides_by_one_less(series: pd.Series) -> None:
    ours = drawdowns.ulcer_index(returns.wealth_index(array(series)))
    assert ours is not None
    assert ours * math.sqrt(len(series) / (len(series) - 1)) == pytest.approx(
        quantstats.ulcer_index(series), **CLOSE
    )


def test_empyrical_has_the_historical_and_quantstats_the_normal_value_at_risk(series: pd.Series) -> None:
    ours = array(series)
    assert ratios.var_historical(ours) == pytest.approx(empyrical.value_at_risk(series), **CLOSE)
    assert ratios.var_normal(ours) == pytest.approx(quantstats.value_at_risk(series), **CLOSE)
    assert ratios.cvar_historical(ours) == pytest.approx(empyrical.conditional_value_at_risk(series), **CLOSE)
    assert ratios.cvar_normal(ours) == pytest.approx(quantstats.conditional_value_at_risk(series), **CLOSE)
    historical, normal = ratios.var_historical(ours), ratios.var_normal(ours)
    assert historical != pytest.approx(normal, abs=1e-5), "two measures, hence two names"


def test_shape_and_tails_agree(series: pd.Series) -> None:
    stats = pytest.importorskip("scipy.stats")
    ours = array(series)
    assert ratios.skew(ours) == pytest.approx(quantstats.skew(series), **CLOSE)
    assert ratios.skew(ours) == pytest.approx(stats.skew(ours, bias=False), **CLOSE)
    assert ratios.excess_kurtosis(ours) == pytest.approx(quantstats.kurtosis(series), **CLOSE)
    assert ratios.excess_kurtosis(ours) == pytest.approx(stats.kurtosis(ours, bias=False), **CLOSE)
    assert ratios.tail_ratio(ours) == pytest.approx(empyrical.tail_ratio(series), **CLOSE)
    assert ratios.tail_ratio(ours) == pytest.approx(quantstats.tail_ratio(series), **CLOSE)


def test_beta_agrees_and_alpha_compounds_in_empyrical(series: pd.Series, index_series: pd.Series) -> None:
    ours, other = array(series), array(index_series)
    theirs = quantstats.greeks(series, index_series)
    assert benchmark_metrics.beta(ours, other) == pytest.approx(empyrical.beta(series, index_series), **CLOSE)
    assert benchmark_metrics.beta(ours, other) == pytest.approx(theirs["beta"], **CLOSE)
    assert benchmark_metrics.alpha(ours, other) == pytest.approx(theirs["alpha"], **CLOSE)
    alpha = benchmark_metrics.alpha(ours, other, 252, RATE)
    assert alpha is not None
    compounded = (1 + alpha / 252) ** 252 - 1
    assert compounded == pytest.approx(empyrical.alpha(series, index_series, risk_free=RATE_PER_DAY), **CLOSE)


def test_the_information_ratio_of_both_is_not_annual(series: pd.Series, index_series: pd.Series) -> None:
    ours = benchmark_metrics.information_ratio(array(series), array(index_series))
    root = math.sqrt(252)
    assert ours == pytest.approx(quantstats.information_ratio(series, index_series) * root, **CLOSE)
    assert ours == pytest.approx(empyrical.excess_sharpe(series, index_series) * root, **CLOSE)
    correlation = benchmark_metrics.correlation(array(series), array(index_series))
    assert correlation == pytest.approx(np.corrcoef(series, index_series)[0, 1], **CLOSE)


def test_monthly_returns_agree(series: pd.Series) -> None:
    wealth = returns.wealth_index(array(series))
    first = series.index[0] - pd.Timedelta(days=1)
    closes = [day + pd.Timedelta(hours=21) for day in [first, *series.index]]
    instants = np.array([day.value // 1000 for day in closes], dtype=np.int64)
    monthly = returns.monthly_returns(wealth, instants)
    theirs = empyrical.aggregate_returns(series, "monthly")
    assert [(one.year, one.month) for one in monthly] == list(theirs.index)
    assert [one.value for one in monthly] == pytest.approx(theirs.to_list(), rel=1e-9, abs=1e-12)
