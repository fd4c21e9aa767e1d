"""The catalogue of measures: name, unit, group and meaning of each, in the order of every report.

JSON, the HTML table, the command line and `results.metrics` all follow `METRICS`; a measure that is not here
does not exist. Percent values are fractions (0.01 is 1 %), money is in base currency, days are calendar days.
"""

from __future__ import annotations

from qtrader.services.reporting.metric_definition import Metric
from qtrader.services.reporting.trade_metrics import TRADE_METRICS

_NO_POINT = "there is no valuation"
_NO_PERIOD = "there is no period, or a return is undefined after ruin"
_NO_GROWTH = "there is no period or the first equity is not positive"
_TWO_RETURNS = "there are fewer than two returns, or a return is undefined after ruin"
_NO_VARIANCE = "there are fewer than two returns, no variance, or a return is undefined after ruin"
_NO_LOSS = "no return is below the risk-free rate, or a return is undefined after ruin"
_NO_DRAWDOWN = "there was no drawdown, or the growth rate is undefined"
_NO_WEALTH = "there is no period or the first equity is not positive"
_NO_BENCHMARK = "there is no benchmark, there are fewer than two returns, or the benchmark has no variance"
_NO_EXPOSURE = "exposure was not given, or there is no period"

_ROWS = (
    Metric("started_on", "First date", "date", "Account", "Date of the starting capital.", _NO_POINT),
    Metric("ended_on", "Last date", "date", "Account", "Date of the last valuation.", _NO_POINT),
    Metric("period_count", "Periods", "count", "Account", "Number of returns, one per session close."),
    Metric("years", "Years", "years", "Account", "Days between first and last valuation / 365.25."),
    Metric("start_equity", "Start equity", "money", "Account", "Equity at the first point.", _NO_POINT),
    Metric("end_equity", "End equity", "money", "Account", "Equity at the last valuation.", _NO_POINT),
    Metric(
        "external_flows",
        "External flows",
        "money",
        "Account",
        "Deposits less withdrawals after the first point.",
    ),
    Metric(
        "net_profit",
        "Net profit",
        "money",
        "Account",
        "End less start equity less external flows.",
        _NO_POINT,
    ),
    Metric(
        "total_return",
        "Total return",
        "percent",
        "Return",
        "Time-weighted return of the whole run.",
        _NO_GROWTH,
    ),
    Metric(
        "cagr",
        "CAGR",
        "percent",
        "Return",
        "Compound annual growth rate by actual days / 365.25.",
        _NO_GROWTH + ", or the last equity is negative",
    ),
    Metric(
        "cagr_n_over_p",
        "CAGR (n/P)",
        "percent",
        "Return",
        "Compound annual growth rate with P periods as a year.",
        _NO_GROWTH + ", or the last equity is negative",
    ),
    Metric("best_day", "Best day", "percent", "Return", "Highest return of a period.", _NO_PERIOD),
    Metric("worst_day", "Worst day", "percent", "Return", "Lowest return of a period.", _NO_PERIOD),
    Metric(
        "best_month", "Best month", "percent", "Return", "Highest return of a calendar month.", _NO_PERIOD
    ),
    Metric(
        "worst_month", "Worst month", "percent", "Return", "Lowest return of a calendar month.", _NO_PERIOD
    ),
    Metric(
        "positive_days", "Positive days", "percent", "Return", "Share of periods with a gain.", _NO_PERIOD
    ),
    Metric(
        "annual_volatility",
        "Volatility",
        "percent",
        "Risk",
        "Standard deviation (ddof 1) of returns times the root of P.",
        _TWO_RETURNS,
    ),
    Metric(
        "downside_deviation",
        "Downside deviation",
        "percent",
        "Risk",
        "Root mean square of returns below the risk-free rate, over all periods, times the root of P.",
        _NO_PERIOD,
    ),
    Metric(
        "sharpe",
        "Sharpe",
        "ratio",
        "Risk",
        "Mean excess return over its standard deviation (ddof 1), times the root of P.",
        _NO_VARIANCE,
    ),
    Metric(
        "sortino",
        "Sortino",
        "ratio",
        "Risk",
        "Mean excess return over its downside root mean square, times the root of P.",
        _NO_LOSS,
    ),
    Metric("calmar", "Calmar", "ratio", "Risk", "CAGR over the depth of the maximum drawdown.", _NO_DRAWDOWN),
    Metric(
        "calmar_n_over_p",
        "Calmar (n/P)",
        "ratio",
        "Risk",
        "CAGR (n/P) over the depth of the maximum drawdown.",
        _NO_DRAWDOWN,
    ),
    Metric(
        "omega", "Omega", "ratio", "Risk", "Gains over losses, both against the risk-free rate.", _NO_LOSS
    ),
    Metric(
        "max_drawdown", "Maximum drawdown", "percent", "Drawdown", "Deepest fall below a peak.", _NO_WEALTH
    ),
    Metric(
        "max_drawdown_peak_on",
        "Peak before it",
        "date",
        "Drawdown",
        "Date of the peak that the maximum drawdown fell from.",
        "there was no drawdown",
    ),
    Metric(
        "max_drawdown_trough_on",
        "Trough",
        "date",
        "Drawdown",
        "Date of the lowest point of the maximum drawdown.",
        "there was no drawdown",
    ),
    Metric(
        "max_drawdown_recovered_on",
        "Recovered",
        "date",
        "Drawdown",
        "Date when the peak before the maximum drawdown was reached again.",
        "there was no drawdown or it still lasts",
    ),
    Metric(
        "max_drawdown_days",
        "Its length",
        "days",
        "Drawdown",
        "Days of the maximum drawdown from peak to recovery, or to the last valuation.",
        "there was no drawdown",
    ),
    Metric(
        "longest_drawdown_days",
        "Longest drawdown",
        "days",
        "Drawdown",
        "Days of the longest time below a peak.",
        _NO_WEALTH,
    ),
    Metric(
        "ulcer_index",
        "Ulcer index",
        "percent",
        "Drawdown",
        "Root mean square of the drawdown over all periods.",
        _NO_WEALTH,
    ),
    Metric(
        "skew",
        "Skew",
        "ratio",
        "Distribution",
        "Adjusted sample skewness of returns.",
        "there are fewer than three returns, no variance, or a return is undefined after ruin",
    ),
    Metric(
        "excess_kurtosis",
        "Excess kurtosis",
        "ratio",
        "Distribution",
        "Adjusted sample kurtosis of returns, 0 for a normal law.",
        "there are fewer than four returns, no variance, or a return is undefined after ruin",
    ),
    Metric(
        "tail_ratio",
        "Tail ratio",
        "ratio",
        "Distribution",
        "Size of the upper tail's quantile over the lower tail's.",
        "there is no return, the lower quantile is zero, or a return is undefined after ruin",
    ),
    Metric(
        "var_historical",
        "VaR (historical)",
        "percent",
        "Distribution",
        "Return that the worst tail of periods fell below.",
        _NO_PERIOD,
    ),
    Metric(
        "cvar_historical",
        "CVaR (historical)",
        "percent",
        "Distribution",
        "Mean return of the worst tail of periods.",
        _NO_PERIOD,
    ),
    Metric(
        "var_normal",
        "VaR (normal)",
        "percent",
        "Distribution",
        "Return at the tail's quantile of a normal law with the same mean and deviation.",
        _TWO_RETURNS,
    ),
    Metric(
        "cvar_normal",
        "CVaR (normal)",
        "percent",
        "Distribution",
        "Mean return below that quantile of the same normal law.",
        _TWO_RETURNS,
    ),
    Metric(
        "time_in_market",
        "Time in market",
        "percent",
        "Activity",
        "Share of valuations with an open position.",
        _NO_EXPOSURE,
    ),
    Metric(
        "average_exposure",
        "Average exposure",
        "percent",
        "Activity",
        "Mean of gross exposure over equity.",
        _NO_EXPOSURE + ", or equity was not positive",
    ),
    Metric(
        "annual_turnover",
        "Turnover a year",
        "percent",
        "Activity",
        "Half the traded value over mean equity, a year.",
        "traded value was not given, no time passed, or mean equity is not positive",
    ),
    Metric(
        "benchmark_total_return",
        "Benchmark return",
        "percent",
        "Benchmark",
        "Return of the benchmark over the same periods.",
        "there is no benchmark or no period",
    ),
    Metric(
        "alpha",
        "Alpha",
        "percent",
        "Benchmark",
        "Jensen's alpha a year: the mean excess return that beta does not explain, times P.",
        _NO_BENCHMARK,
    ),
    Metric(
        "beta", "Beta", "ratio", "Benchmark", "Slope of returns on the benchmark's returns.", _NO_BENCHMARK
    ),
    Metric(
        "correlation",
        "Correlation",
        "ratio",
        "Benchmark",
        "Pearson's correlation with the benchmark.",
        _NO_BENCHMARK + ", or the account has none",
    ),
    Metric(
        "tracking_error",
        "Tracking error",
        "percent",
        "Benchmark",
        "Standard deviation (ddof 1) of the return above the benchmark, times the root of P.",
        "there is no benchmark, or there are fewer than two returns",
    ),
    Metric(
        "information_ratio",
        "Information ratio",
        "ratio",
        "Benchmark",
        "Mean return above the benchmark over its standard deviation, times the root of P.",
        "there is no benchmark, or the return above it has no variance",
    ),
)

METRICS: dict[str, Metric] = {metric.key: metric for metric in (*_ROWS, *TRADE_METRICS)}
