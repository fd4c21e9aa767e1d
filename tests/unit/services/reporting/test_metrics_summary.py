"""The summary of a whole run: keys, tables, sentences, JSON, and accounts that end badly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import Metric, format_metric
from qtrader.services.reporting.metrics import (
    AccountSeries,
    Benchmark,
    MeasureConventions,
    summarize,
)
from qtrader.services.reporting.moments import MetricInputError
from qtrader.services.reporting.trade_metrics import ClosedTrade

DAY = 86_400_000_000
#: 2020-01-31, the close at 21:00 UTC; days count from this date on, whatever the time of day.
FIRST = int(datetime(2020, 1, 31, 21, tzinfo=UTC).timestamp()) * 1_000_000


def days(count: int) -> np.ndarray:
    return FIRST + np.arange(count, dtype=np.int64) * DAY


def account(*equity: float, **columns: list[float]) -> AccountSeries:
    arrays = {name: np.array(values) for name, values in columns.items()}
    return AccountSeries(np.array(equity, dtype=np.float64), days(len(equity)), **arrays)


def test_a_small_account_number_by_number() -> None:
    trade = ClosedTrade(Decimal(-40), Decimal(2), -0.08, "long", FIRST + DAY, FIRST + 3 * DAY)
    summary = summarize(
        account(
            1000.0, 1010.0, 1111.0, 1066.56, 960.0,
            gross_exposure=[0.0, 505.0, 555.5, 0.0, 0.0],
            traded_value=[0.0, 500.0, 0.0, 540.0, 0.0],
        ),
        trades=[trade],
    )  # fmt: skip
    metrics = summary.metrics
    assert metrics["started_on"] == "2020-01-31"
    assert metrics["ended_on"] == "2020-02-04"
    assert metrics["period_count"] == 4
    assert metrics["years"] == pytest.approx(5 / 365.25)
    assert (metrics["start_equity"], metrics["end_equity"]) == (1000.0, 960.0)
    assert (metrics["external_flows"], metrics["net_profit"]) == (0.0, -40.0)
    assert metrics["total_return"] == pytest.approx(-0.04)
    assert metrics["cagr"] == pytest.approx(0.96 ** (365.25 / 5) - 1)
    assert metrics["cagr_n_over_p"] == pytest.approx(0.96**63 - 1)
    assert metrics["best_day"] == pytest.approx(0.1)
    assert metrics["worst_day"] == pytest.approx(960 / 1066.56 - 1)
    assert metrics["best_month"] == metrics["worst_month"] == pytest.approx(-0.04)
    assert metrics["positive_days"] == 0.5
    assert metrics["max_drawdown"] == pytest.approx(960 / 1111 - 1)
    assert metrics["max_drawdown_peak_on"] == "2020-02-02"
    assert metrics["max_drawdown_trough_on"] == "2020-02-04"
    assert metrics["max_drawdown_recovered_on"] is None
    assert metrics["max_drawdown_days"] == metrics["longest_drawdown_days"] == 2.0
    assert metrics["calmar"] == pytest.approx((0.96 ** (365.25 / 5) - 1) / (1 - 960 / 1111))
    assert metrics["calmar_n_over_p"] == pytest.approx((0.96**63 - 1) / (1 - 960 / 1111))
    assert metrics["time_in_market"] == 0.5
    assert metrics["average_exposure"] == pytest.approx(0.25)
    assert metrics["annual_turnover"] == pytest.approx(520 / (5147.56 / 5) / 5 * 365.25)
    assert metrics["trade_count"] == 1
    assert metrics["trade_net_pnl"] == -40.0
    assert metrics["benchmark_total_return"] is None
    assert summary.notes == ("The run covers 5 days: annualised figures extrapolate.",)


def test_known_sharpe_and_sortino_come_through_the_summary() -> None:
    equity = 100_000.0 * np.cumprod([1.0, 1.01, 1.10, 0.96, 1.02, 1.03, 1.02, 1.01, 0.90])
    metrics = summarize(account(*equity)).metrics
    assert metrics["sharpe"] == pytest.approx(1.7238613961706866, rel=1e-12)
    assert metrics["sortino"] == pytest.approx(2.605531251673693, rel=1e-12)


def test_flows_make_the_return_time_weighted_and_leave_the_profit() -> None:
    metrics = summarize(account(100.0, 110.0, 176.0, flows=[100.0, 0.0, 50.0])).metrics
    assert metrics["total_return"] == pytest.approx(0.21)
    assert metrics["external_flows"] == 50.0
    assert metrics["net_profit"] == 26.0
    assert metrics["max_drawdown"] == 0.0, "a deposit hides no drawdown and a withdrawal makes none"
    withdrawn = summarize(account(100.0, 50.0, flows=[0.0, -50.0])).metrics
    assert (withdrawn["total_return"], withdrawn["max_drawdown"]) == (0.0, 0.0)


def test_flows_at_the_end_of_their_period_by_convention() -> None:
    conventions = MeasureConventions(flow_timing="end")
    summary = summarize(account(100.0, 110.0, 171.0, flows=[0.0, 0.0, 50.0]), conventions=conventions)
    assert summary.metrics["total_return"] == pytest.approx(0.21)
    assert "Money paid in or out counts from the end of its period." in summary.conventions


def test_conventions_reach_every_measure_that_they_concern() -> None:
    equity = 100.0 * np.cumprod([1.0, *(1.0 + np.random.default_rng(3).normal(0.001, 0.01, 99))])
    plain = summarize(account(*equity)).metrics
    other = MeasureConventions(
        periods_per_year=365, risk_free=0.04, tail_probability=0.01, top_drawdown_count=2
    )
    changed = summarize(account(*equity), conventions=other)
    differing = {key for key in METRICS if plain[key] != changed.metrics[key]}
    by_periods = {"cagr_n_over_p", "calmar_n_over_p", "annual_volatility", "downside_deviation"}
    by_tail = {"tail_ratio", "var_historical", "cvar_historical", "var_normal", "cvar_normal"}
    assert differing == by_periods | by_tail | {"sharpe", "sortino", "omega"}
    assert len(changed.drawdowns) == 2
    assert "A year has 365 periods." in changed.conventions
    assert any("4.00% a year" in sentence for sentence in changed.conventions)


def test_a_benchmark_is_named_with_its_basis() -> None:
    equity = account(100.0, 101.0, 99.0, 102.0)
    series = np.array([0.01, -0.01, 0.02])
    summary = summarize(equity, benchmark=Benchmark("S&P 500", series, total_return=False))
    assert summary.metrics["benchmark_total_return"] == pytest.approx(1.01 * 0.99 * 1.02 - 1)
    assert summary.metrics["beta"] is not None
    assert summary.conventions[-1] == "The benchmark is S&P 500 (price return, without dividends)."
    assert (
        "dividends included"
        in summarize(equity, benchmark=Benchmark("X", series, total_return=True)).conventions[-1]
    )


@pytest.mark.parametrize("equity", [(), (100.0,), (0.0,)])
def test_without_a_period_only_facts_remain(equity: tuple[float, ...]) -> None:
    metrics = summarize(account(*equity)).metrics
    assert list(metrics) == list(METRICS)
    known = {key for key, value in metrics.items() if value is not None}
    facts = {"period_count", "years", "external_flows"}
    if equity:
        facts |= {"started_on", "ended_on", "start_equity", "end_equity", "net_profit"}
    counts = {metric.key for metric in METRICS.values() if metric.undefined_when == "never"}
    assert known == facts | counts


@pytest.mark.parametrize("level", [100.0, 0.0])
def test_an_account_that_does_nothing_has_no_ratios(level: float) -> None:
    metrics = summarize(account(*([level] * 10))).metrics
    for key in ("sharpe", "sortino", "calmar", "omega", "skew", "excess_kurtosis", "tail_ratio"):
        assert metrics[key] is None
    assert metrics["max_drawdown_peak_on"] is None
    assert metrics["annual_volatility"] == metrics["max_drawdown"] == (0.0 if level else None)


def test_a_ruined_account_says_so() -> None:
    summary = summarize(account(100.0, 50.0, -20.0, 10.0, 20.0))
    assert summary.metrics["total_return"] == -0.8
    assert summary.metrics["max_drawdown"] == -1.2
    assert summary.metrics["sharpe"] is None
    assert summary.notes[:2] == (
        "Equity was zero or negative on 2020-02-02: the account was ruined.",
        "1 of 4 returns have no positive base; measures over returns are n/a.",
    )


def test_the_summary_as_json() -> None:
    document = json.loads(
        json.dumps(summarize(account(100.0, 90.0, 105.0, 104.0)).to_dict(), allow_nan=False)
    )
    assert list(document["metrics"]) == list(METRICS)
    assert document["drawdowns"][0] == {
        "depth": pytest.approx(-0.1),
        "peak_on": "2020-01-31",
        "trough_on": "2020-02-01",
        "recovered_on": "2020-02-02",
        "days_to_trough": 1.0,
        "days_to_recovery": 1.0,
        "days": 2.0,
    }
    assert document["drawdowns"][1]["recovered_on"] is None
    assert document["monthly_returns"] == [{"year": 2020, "month": 2, "value": pytest.approx(0.04)}]
    assert document["yearly_returns"] == [{"year": 2020, "value": pytest.approx(0.04)}]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"equity": [1.0, np.nan], "valued_at_us": [0, 1]}, r"equity\[1\]: found nan"),
        ({"equity": [1.0, 2.0], "valued_at_us": [0]}, "valued_at_us: found 1 values, equity has 2"),
        ({"equity": [1.0, 2.0], "valued_at_us": [5, 5]}, r"valued_at_us\[1\]: found 5 after 5"),
        ({"equity": [1.0, 2.0], "valued_at_us": [0.0, 1.0]}, "valued_at_us: found float64"),
        (
            {"equity": [1.0, 2.0], "valued_at_us": [0, 1], "flows": [1.0]},
            "flows: found 1 values, equity has 2",
        ),
        (
            {"equity": [1.0, 2.0], "valued_at_us": [0, 1], "traded_value": [0.0, np.inf]},
            r"traded_value\[1\]: found inf",
        ),
    ],
)
def test_unusable_columns_are_refused_by_name(columns: dict, words: str) -> None:
    with pytest.raises(MetricInputError, match=words):
        AccountSeries(**columns)


def test_an_unusable_benchmark_is_refused_by_name() -> None:
    with pytest.raises(MetricInputError, match=r"benchmark.returns\[0\]: found nan"):
        Benchmark("X", np.array([np.nan]), total_return=True)
    with pytest.raises(MetricInputError, match="benchmark_returns: found 1 values, returns has 2"):
        summarize(account(1.0, 2.0, 3.0), benchmark=Benchmark("X", np.array([0.1]), total_return=True))


def test_every_measure_is_described() -> None:
    names = [metric.name for metric in METRICS.values()]
    assert len(set(names)) == len(names)
    for key, metric in METRICS.items():
        assert key == metric.key
        assert metric.description.endswith(".")
        assert metric.description.count(". ") == 0, "one sentence"


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("percent", 0.12345, "12.35 %"),
        ("percent", -0.00001, "0.00 %"),
        ("ratio", 1.7238613961706866, "1.72"),
        ("money", 1234567.891, "1,234,567.89"),
        ("money", -0.001, "0.00"),
        ("days", 1234.56, "1,235 days"),
        ("days", 48.0, "48 days"),
        ("days", 9.96, "10 days"),
        ("days", 7.04, "7 days"),
        ("days", 2.29, "2.3 days"),
        ("days", 6.5 / 24, "0.27 days"),
        ("days", 15 / 1440, "0.0104 days"),
        ("days", 1.0, "1 day"),
        ("days", 0.0, "0 days"),
        ("years", 12.999, "13.00"),
        ("count", 1234, "1,234"),
        ("date", "2020-01-31", "2020-01-31"),
        ("ratio", None, "n/a"),
    ],
)
def test_values_as_a_report_shows_them(unit, value, expected: str) -> None:  # noqa: ANN001 - a table
    assert format_metric(Metric("key", "Name", unit, "Return", "A sentence."), value) == expected


def test_the_first_point_has_the_date_of_the_open_even_at_midnight() -> None:
    midnights = FIRST - 21 * 3_600_000_000 + np.arange(4, dtype=np.int64) * DAY
    summary = summarize(AccountSeries(np.array([100.0, 90.0, 95.0, 101.0]), midnights))
    assert summary.metrics["started_on"] == "2020-01-31"
    assert summary.metrics["ended_on"] == "2020-02-02", "three whole days, the last ends at midnight"
    assert summary.metrics["years"] == 3 / 365.25
    assert summary.metrics["max_drawdown_peak_on"] == "2020-01-31", "the capital is the peak"
    assert summary.drawdowns[0].peak_on.isoformat() == "2020-01-31"


def test_an_unknown_measure_is_answered_with_near_ones() -> None:
    metrics = summarize(account(100.0, 90.0)).metrics
    with pytest.raises(KeyError, match=r"no measure 'cagrr'; did you mean 'cagr'"):
        metrics["cagrr"]
    with pytest.raises(KeyError, match="names them all"):
        metrics["xyzzy123"]
    assert metrics.get("cagrr") is None
    assert "cagrr" not in metrics
    assert isinstance(metrics, dict)
