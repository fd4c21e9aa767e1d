"""The measures of one run, from its equity curve and closed trades, as values for reports and JSON.

Pure: no clock, no file, no settings but `MeasureConventions`. `summarize` is the one way in for reports; the
single measures live by subject in ratios, returns, drawdowns, benchmark_metrics, activity and trade_metrics.
The keys and their order are those of `metric_catalog.METRICS`, whatever the data: a measure that does not
exist is None, never NaN or infinity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import numpy as np

from qtrader.services.reporting.activity import annual_turnover, average_exposure, time_in_market
from qtrader.services.reporting.benchmark_metrics import (
    alpha,
    beta,
    correlation,
    information_ratio,
    tracking_error,
)
from qtrader.services.reporting.closed_trades import ClosedTrade
from qtrader.services.reporting.drawdowns import (
    Drawdown,
    longest_drawdown_days,
    max_drawdown,
    top_drawdowns,
    ulcer_index,
)
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import Metrics, MetricValue
from qtrader.services.reporting.moments import (
    FloatArray,
    IntArray,
    finite_or_none,
    float_column,
    instant_column,
    require_finite,
    require_same_length,
    total,
)
from qtrader.services.reporting.ratios import (
    TRADING_DAYS_PER_YEAR,
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
from qtrader.services.reporting.returns import (
    DAYS_PER_YEAR,
    FlowTiming,
    PeriodReturn,
    cagr,
    cagr_n_over_p,
    elapsed_days,
    monthly_returns,
    opening_date,
    returns_from_equity,
    total_return,
    valuation_date,
    wealth_index,
    yearly_returns,
)
from qtrader.services.reporting.trade_metrics import trade_statistics


@dataclass(frozen=True, slots=True)
class MeasureConventions:
    """What a report assumes; `risk_free` is an annual rate, `tail_probability` that of VaR and CVaR."""

    periods_per_year: int = TRADING_DAYS_PER_YEAR
    risk_free: float = 0.0
    flow_timing: FlowTiming = "start"
    tail_probability: float = 0.05
    top_drawdown_count: int = 10


@dataclass(frozen=True, slots=True, eq=False)
class AccountSeries:
    """An account at its n + 1 valuations, the first one being the starting capital before the first session.

    `valued_at_us` increases strictly. `flows[i]` is the external money that came within the period ending at
    i, `gross_exposure[i]` the sum of |quantity * price| held at i, `traded_value[i]` that of the period's
    fills.
    """

    equity: FloatArray
    valued_at_us: IntArray
    flows: FloatArray | None = None
    gross_exposure: FloatArray | None = None
    traded_value: FloatArray | None = None

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, values that are not finite, instants that do not increase."""
        size = float_column("equity", self.equity).size
        instants = instant_column("valued_at_us", self.valued_at_us)
        require_same_length("valued_at_us", instants.size, "equity", size)
        object.__setattr__(self, "valued_at_us", instants)
        for name in ("equity", "flows", "gross_exposure", "traded_value"):
            values = getattr(self, name)
            if values is not None:
                column = float_column(name, values)
                require_same_length(name, column.size, "equity", size)
                require_finite(name, column)
                object.__setattr__(self, name, column)


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """The n returns of a named series over the account's periods; `total_return`: dividends are in."""

    name: str
    returns: FloatArray
    total_return: bool

    def __post_init__(self) -> None:
        """Refuse returns that are not finite."""
        column = float_column("benchmark.returns", self.returns)
        require_finite("benchmark.returns", column)
        object.__setattr__(self, "returns", column)


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """The measures of a run: `metrics` in `METRICS` order, tables, conventions and notes as sentences."""

    metrics: Metrics
    drawdowns: tuple[Drawdown, ...]
    monthly_returns: tuple[PeriodReturn, ...]
    yearly_returns: tuple[PeriodReturn, ...]
    conventions: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """Give the summary as values that every JSON writer takes; dates are ISO 8601."""
        return {
            "metrics": dict(self.metrics),
            "drawdowns": [
                {
                    "depth": one.depth,
                    "peak_on": one.peak_on.isoformat(),
                    "trough_on": valuation_date(one.trough_at_us).isoformat(),
                    "recovered_on": _iso_date(one.recovered_at_us),
                    "days_to_trough": one.days_to_trough,
                    "days_to_recovery": one.days_to_recovery,
                    "days": one.days,
                }
                for one in self.drawdowns
            ],
            "monthly_returns": [asdict(one) for one in self.monthly_returns],
            "yearly_returns": [{"year": one.year, "value": one.value} for one in self.yearly_returns],
            "conventions": list(self.conventions),
            "notes": list(self.notes),
        }


def summarize(
    account: AccountSeries,
    *,
    trades: Iterable[ClosedTrade] = (),
    benchmark: Benchmark | None = None,
    conventions: MeasureConventions | None = None,
) -> PerformanceSummary:
    """Give every measure of `METRICS`; raise `MetricInputError` where an input is not usable."""
    assumed = conventions or MeasureConventions()
    returns = returns_from_equity(account.equity, account.flows, flow_timing=assumed.flow_timing)
    wealth = account.equity if account.flows is None or not account.flows[1:].any() else wealth_index(returns)
    months = monthly_returns(wealth, account.valued_at_us)
    worst = top_drawdowns(wealth, account.valued_at_us, assumed.top_drawdown_count)
    found: dict[str, MetricValue] = {
        **_account_metrics(account),
        **_return_metrics(account, wealth, returns, months, assumed),
        **_risk_metrics(returns, assumed),
        **_drawdown_metrics(account, wealth),
        **_activity_metrics(account),
        **_benchmark_metrics(returns, benchmark, assumed),
        **asdict(trade_statistics(trades)),
    }
    for variant in ("", "_n_over_p"):
        found["calmar" + variant] = calmar(_number(found["cagr" + variant]), _number(found["max_drawdown"]))
    return PerformanceSummary(
        metrics=Metrics({key: found[key] for key in METRICS}),
        drawdowns=worst,
        monthly_returns=months,
        yearly_returns=yearly_returns(wealth, account.valued_at_us),
        conventions=_convention_sentences(assumed, benchmark),
        notes=_notes(account, returns),
    )


def _number(value: MetricValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _iso_date(valued_at_us: int | None) -> str | None:
    return None if valued_at_us is None else valuation_date(valued_at_us).isoformat()


def _account_metrics(account: AccountSeries) -> dict[str, MetricValue]:
    equity, instants = account.equity, account.valued_at_us
    flows = 0.0 if account.flows is None else total(account.flows[1:])
    known = equity.size > 0
    return {
        "started_on": opening_date(int(instants[0])).isoformat() if known else None,
        "ended_on": _iso_date(int(instants[-1])) if known else None,
        "period_count": max(equity.size - 1, 0),
        "years": elapsed_days(instants) / DAYS_PER_YEAR,
        "start_equity": float(equity[0]) if known else None,
        "end_equity": float(equity[-1]) if known else None,
        "external_flows": flows,
        "net_profit": finite_or_none(float(equity[-1]) - float(equity[0]) - flows) if known else None,
    }


def _return_metrics(
    account: AccountSeries,
    wealth: FloatArray,
    returns: FloatArray,
    months: tuple[PeriodReturn, ...],
    assumed: MeasureConventions,
) -> dict[str, MetricValue]:
    monthly = np.array([np.nan if one.value is None else one.value for one in months], dtype=np.float64)
    return {
        "total_return": total_return(wealth),
        "cagr": cagr(wealth, account.valued_at_us),
        "cagr_n_over_p": cagr_n_over_p(wealth, assumed.periods_per_year),
        "best_day": best_return(returns),
        "worst_day": worst_return(returns),
        "best_month": best_return(monthly),
        "worst_month": worst_return(monthly),
        "positive_days": positive_share(returns),
    }


def _risk_metrics(returns: FloatArray, assumed: MeasureConventions) -> dict[str, MetricValue]:
    periods, risk_free, tail = assumed.periods_per_year, assumed.risk_free, assumed.tail_probability
    return {
        "annual_volatility": annual_volatility(returns, periods),
        "downside_deviation": downside_deviation(returns, periods, risk_free),
        "sharpe": sharpe(returns, periods, risk_free),
        "sortino": sortino(returns, periods, risk_free),
        "omega": omega(returns, periods, risk_free),
        "skew": skew(returns),
        "excess_kurtosis": excess_kurtosis(returns),
        "tail_ratio": tail_ratio(returns, tail),
        "var_historical": var_historical(returns, tail),
        "cvar_historical": cvar_historical(returns, tail),
        "var_normal": var_normal(returns, tail),
        "cvar_normal": cvar_normal(returns, tail),
    }


def _drawdown_metrics(account: AccountSeries, wealth: FloatArray) -> dict[str, MetricValue]:
    deepest = next(iter(top_drawdowns(wealth, account.valued_at_us, 1)), None)
    return {
        "max_drawdown": max_drawdown(wealth),
        "max_drawdown_peak_on": deepest.peak_on.isoformat() if deepest else None,
        "max_drawdown_trough_on": _iso_date(deepest.trough_at_us) if deepest else None,
        "max_drawdown_recovered_on": _iso_date(deepest.recovered_at_us) if deepest else None,
        "max_drawdown_days": deepest.days if deepest else None,
        "longest_drawdown_days": longest_drawdown_days(wealth, account.valued_at_us),
        "ulcer_index": ulcer_index(wealth),
    }


def _activity_metrics(account: AccountSeries) -> dict[str, MetricValue]:
    exposure, traded = account.gross_exposure, account.traded_value
    return {
        "time_in_market": None if exposure is None else time_in_market(exposure),
        "average_exposure": None if exposure is None else average_exposure(exposure, account.equity),
        "annual_turnover": None
        if traded is None
        else annual_turnover(traded, account.equity, account.valued_at_us),
    }


def _benchmark_metrics(
    returns: FloatArray, benchmark: Benchmark | None, assumed: MeasureConventions
) -> dict[str, MetricValue]:
    if benchmark is None:
        keys = [key for key, metric in METRICS.items() if metric.group == "Benchmark"]
        return dict.fromkeys(keys)
    series, periods = benchmark.returns, assumed.periods_per_year
    return {
        "benchmark_total_return": total_return(wealth_index(series)),
        "alpha": alpha(returns, series, periods, assumed.risk_free),
        "beta": beta(returns, series),
        "correlation": correlation(returns, series),
        "tracking_error": tracking_error(returns, series, periods),
        "information_ratio": information_ratio(returns, series, periods),
    }


def _convention_sentences(assumed: MeasureConventions, benchmark: Benchmark | None) -> tuple[str, ...]:
    sentences = [
        "Returns are taken at session closes, time-weighted where money was paid in or out.",
        f"Money paid in or out counts from the {assumed.flow_timing} of its period.",
        f"A year has {assumed.periods_per_year} periods.",
        "CAGR and Calmar go by actual days / 365.25, first and last included; their n/P variants by periods.",
        f"The risk-free rate is {assumed.risk_free:.2%} a year, brought to one period by compounding.",
        "Standard deviations have ddof 1; downside deviation is over all periods.",
        f"VaR and CVaR are at {assumed.tail_probability:.2%} of periods, signed (a loss is negative).",
        "Trades run from flat to flat, net of costs; open trades are not counted.",
    ]
    if benchmark is not None:
        basis = (
            "total return, dividends included"
            if benchmark.total_return
            else "price return, without dividends"
        )
        sentences.append(f"The benchmark is {benchmark.name} ({basis}).")
    return tuple(sentences)


def _notes(account: AccountSeries, returns: FloatArray) -> tuple[str, ...]:
    notes = []
    ruined = np.flatnonzero(account.equity <= 0.0)
    if ruined.size:
        on = _iso_date(int(account.valued_at_us[ruined[0]]))
        notes.append(f"Equity was zero or negative on {on}: the account was ruined.")
    undefined = int((~np.isfinite(returns)).sum())
    if undefined:
        notes.append(
            f"{undefined} of {returns.size} returns have no positive base; measures over returns are n/a."
        )
    days = elapsed_days(account.valued_at_us)
    if 0.0 < days < DAYS_PER_YEAR:
        covered = "1 day" if days == 1.0 else f"{days:.0f} days"
        notes.append(f"The run covers {covered}: annualised figures extrapolate.")
    return tuple(notes)
