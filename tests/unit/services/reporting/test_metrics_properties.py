"""What holds for any series of returns, equity or trades."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.services.reporting import drawdowns, ratios, returns
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric
from qtrader.services.reporting.metrics import AccountSeries, Benchmark, MeasureConventions, summarize
from qtrader.services.reporting.trade_metrics import ClosedTrade, trade_statistics

DAY = 86_400_000_000
basis_points = st.lists(st.integers(-5_000, 5_000), min_size=2, max_size=60)
cents = st.lists(st.integers(1, 10**12), min_size=2, max_size=60)
# Steps of at most 1000 times, up or down: 1 + r then keeps 13 of its 16 digits and products hold to 1e-9.
moderate_cents = st.lists(st.integers(10**6, 10**9), min_size=2, max_size=60)
any_floats = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)


def days(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * DAY


@given(basis_points, st.integers(-3, 3))
def test_sharpe_sortino_and_omega_do_not_depend_on_leverage(points: list[int], power: int) -> None:
    series = np.array(points) / 10_000
    for measure in (ratios.sharpe, ratios.sortino, ratios.omega):
        assert measure(series * 2.0**power) == measure(series), "scaling by a power of two is exact"


@given(cents, st.integers(1, 1000))
def test_measures_do_not_depend_on_the_size_of_the_account(amounts: list[int], factor: int) -> None:
    small, large = np.array(amounts) / 100, np.array(amounts) / 100 * factor
    assert drawdowns.max_drawdown(large) == pytest.approx(drawdowns.max_drawdown(small), rel=1e-9, abs=1e-12)
    assert returns.total_return(large) == pytest.approx(returns.total_return(small), rel=1e-9, abs=1e-12)


@given(basis_points, st.randoms(use_true_random=False))
def test_the_order_of_returns_does_not_change_one_bit(points: list[int], random) -> None:  # noqa: ANN001
    series = [point / 10_000 for point in points]
    shuffled = series.copy()
    random.shuffle(shuffled)
    for measure in (
        ratios.sharpe,
        ratios.sortino,
        ratios.omega,
        ratios.skew,
        ratios.var_normal,
        ratios.cvar_historical,
    ):
        assert measure(shuffled) == measure(series)


@given(moderate_cents)
def test_equity_to_returns_and_back(amounts: list[int]) -> None:
    equity = np.array(amounts) / 100
    assert returns.wealth_index(returns.returns_from_equity(equity)) * equity[0] == pytest.approx(
        equity, rel=1e-9
    )


@given(
    st.lists(st.integers(-5_000, 5_000), max_size=10),
    st.lists(st.integers(0, 10**6), min_size=10, max_size=10),
    st.sampled_from(["start", "end"]),
)
def test_deposits_do_not_change_time_weighted_returns(
    points: list[int], deposits: list[int], timing: str
) -> None:
    series = [point / 10_000 for point in points]
    equity, flows = [10_000.0], [0.0]
    for value, deposit in zip(series, deposits, strict=False):
        before = equity[-1]
        grown = (before + deposit) * (1 + value) if timing == "start" else before * (1 + value) + deposit
        equity.append(grown)
        flows.append(float(deposit))
    found = returns.returns_from_equity(equity, flows, flow_timing=timing)  # type: ignore[arg-type]
    # A deposit may be 1e5 times the equity before it (10,000 halved ten times): five digits cancel, no more.
    assert found == pytest.approx(series, abs=1e-9)


@given(cents)
def test_drawdowns_lie_between_minus_one_and_zero_and_make_up_the_series(amounts: list[int]) -> None:
    equity = np.array(amounts) / 100
    depths = drawdowns.drawdown_series(equity)
    assert ((depths >= -1.0) & (depths <= 0.0)).all()
    table = drawdowns.drawdowns(equity, days(equity.size))
    assert drawdowns.max_drawdown(equity) == min((one.depth for one in table), default=0.0) == depths.min()
    below = set()
    for one in table:
        until = equity.size * DAY if one.recovered_at_us is None else one.recovered_at_us
        inside = range(one.peak_at_us // DAY + 1, until // DAY)
        assert not below & set(inside), "drawdowns do not overlap"
        below |= set(inside)
        assert one.days_to_trough + (one.days_to_recovery or 0.0) <= one.days
        assert equity[one.trough_at_us // DAY] == min(equity[place] for place in inside)
    assert below == set(np.flatnonzero(depths < 0.0).tolist())


@given(moderate_cents, st.integers(0, 400))
def test_months_and_years_chain_to_the_total_return(amounts: list[int], step: int) -> None:
    equity = np.array(amounts) / 100
    instants = days(equity.size) * (step + 1)
    total = returns.total_return(equity)
    assert total is not None
    for table in (returns.monthly_returns(equity, instants), returns.yearly_returns(equity, instants)):
        assert math.prod(1 + one.value for one in table if one.value is not None) == pytest.approx(
            1 + total, rel=1e-9
        )


@given(basis_points, st.floats(0.001, 0.499))
def test_tails_are_ordered(points: list[int], probability: float) -> None:
    series = [point / 10_000 for point in points]
    historical, worst = (
        ratios.var_historical(series, probability),
        ratios.cvar_historical(series, probability),
    )
    assert historical is not None
    assert worst is not None
    assert min(series) - 1e-15 <= worst <= historical + 1e-15
    normal, normal_worst = ratios.var_normal(series, probability), ratios.cvar_normal(series, probability)
    assert normal is not None
    assert normal_worst is not None
    assert normal_worst <= normal


@given(any_floats, st.data())
def test_any_finite_account_gives_a_complete_summary_that_json_can_hold(
    equity: list[float], data: st.DataObject
) -> None:
    size = len(equity)
    column = st.none() | st.lists(st.floats(-1e12, 1e12), min_size=size, max_size=size)
    account = AccountSeries(
        equity=equity,  # type: ignore[arg-type]
        valued_at_us=days(size),
        flows=data.draw(column),
        gross_exposure=data.draw(column),
        traded_value=data.draw(column),
    )
    periods = max(size - 1, 0)
    others = data.draw(st.lists(st.floats(-1e3, 1e3), min_size=periods, max_size=periods))
    summary = summarize(
        account,
        benchmark=Benchmark("index", np.array(others), total_return=True),
        conventions=MeasureConventions(risk_free=data.draw(st.floats(-0.5, 1.0))),
    )
    assert list(summary.metrics) == list(METRICS)
    json.dumps(summary.to_dict(), allow_nan=False)
    for key, value in summary.metrics.items():
        assert format_metric(METRICS[key], value)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40))
def test_trade_statistics_agree_with_each_other(amounts: list[int]) -> None:
    trades = [
        ClosedTrade(Decimal(amount).scaleb(-2), Decimal(0), None, "long", place * DAY, (place + 1) * DAY)
        for place, amount in enumerate(amounts)
    ]
    found = trade_statistics(trades)
    assert found.trade_net_pnl == float(Decimal(sum(amounts)).scaleb(-2))
    assert found.expectancy == pytest.approx(found.trade_net_pnl / len(amounts), rel=1e-12)
    assert found.win_rate == sum(amount > 0 for amount in amounts) / len(amounts)
    assert found.average_holding_days == 1.0
    if found.profit_factor is not None:
        assert (found.profit_factor > 1.0) == (sum(amounts) > 0)
    assert found.longest_winning_streak + found.longest_losing_streak <= len(amounts)
