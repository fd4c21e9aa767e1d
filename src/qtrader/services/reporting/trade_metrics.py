"""Statistics of closed trades, a trade being flat to flat per strategy and symbol.

Open trades are not counted anywhere here. Profit and commission are Decimals, so that sums are exact to the
cent; a trade whose net profit is zero is neither won nor lost but counts as a trade, and it ends a streak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from qtrader.services.reporting.metric_definition import Metric
from qtrader.services.reporting.moments import MetricInputError, finite_or_none
from qtrader.services.reporting.returns import MICROSECONDS_PER_DAY

TradeSide = Literal["long", "short"]

_MONEY_PRECISION = 50


_NO_TRADE = "there is no closed trade"

TRADE_METRICS = (
    Metric(
        "trade_count",
        "Closed trades",
        "count",
        "Trades",
        "Trades from flat to flat; open ones are not counted.",
    ),
    Metric("long_trade_count", "Long trades", "count", "Trades", "Closed trades on the long side."),
    Metric("short_trade_count", "Short trades", "count", "Trades", "Closed trades on the short side."),
    Metric("trade_net_pnl", "Trades' net profit", "money", "Trades", "Net profit of all closed trades."),
    Metric("commission", "Trades' commission", "money", "Trades", "Commission of all closed trades."),
    Metric("win_rate", "Win rate", "percent", "Trades", "Share of closed trades with a net gain.", _NO_TRADE),
    Metric(
        "profit_factor",
        "Profit factor",
        "ratio",
        "Trades",
        "Sum of gains over sum of losses.",
        "no trade lost",
    ),
    Metric(
        "payoff_ratio",
        "Payoff ratio",
        "ratio",
        "Trades",
        "Average win over average loss.",
        "no trade won or none lost",
    ),
    Metric("expectancy", "Expectancy", "money", "Trades", "Average net profit of a closed trade.", _NO_TRADE),
    Metric(
        "average_win",
        "Average win",
        "money",
        "Trades",
        "Average net profit of winning trades.",
        "no trade won",
    ),
    Metric(
        "average_loss",
        "Average loss",
        "money",
        "Trades",
        "Average net profit of losing trades.",
        "no trade lost",
    ),
    Metric("best_trade", "Best trade", "money", "Trades", "Highest net profit of a trade.", _NO_TRADE),
    Metric("worst_trade", "Worst trade", "money", "Trades", "Lowest net profit of a trade.", _NO_TRADE),
    Metric(
        "average_trade_return",
        "Average trade return",
        "percent",
        "Trades",
        "Mean of the trades' returns on their entry values.",
        _NO_TRADE,
    ),
    Metric(
        "average_holding_days",
        "Average holding time",
        "days",
        "Trades",
        "Mean time from open to close.",
        _NO_TRADE,
    ),
    Metric("longest_winning_streak", "Longest winning streak", "count", "Trades", "Most gains in a row."),
    Metric("longest_losing_streak", "Longest losing streak", "count", "Trades", "Most losses in a row."),
    Metric(
        "sqn",
        "SQN",
        "ratio",
        "Trades",
        "Root of the number of trades times mean over standard deviation (ddof 1) of net profit.",
        "there are fewer than two closed trades or all profits are equal",
    ),
)
"""The trades' part of the catalogue, one row per field of `TradeStatistics`, in its order."""


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closed trade: net profit after `commission`, both in base currency, and return on entry value.

    `return_fraction` is net profit / entry value (0.01 is 1 %), None where the entry value is zero.
    """

    net_pnl: Decimal
    commission: Decimal
    return_fraction: float | None
    side: TradeSide
    opened_at_us: int
    closed_at_us: int

    def __post_init__(self) -> None:
        """Refuse amounts that are not finite and a close before the open."""
        for name, amount in (("net_pnl", self.net_pnl), ("commission", self.commission)):
            if not amount.is_finite():
                msg = f"trade.{name}: found {amount}, a finite amount is required"
                raise MetricInputError(msg)
        if self.return_fraction is not None and not math.isfinite(self.return_fraction):
            msg = f"trade.return_fraction: found {self.return_fraction}, a number or None is required"
            raise MetricInputError(msg)
        if self.closed_at_us < self.opened_at_us:
            msg = f"trade.closed_at_us: found {self.closed_at_us} before opened_at_us {self.opened_at_us}"
            raise MetricInputError(msg)


@dataclass(frozen=True, slots=True)
class TradeStatistics:
    """The statistics of closed trades; None where one does not exist, counts are zero without trades."""

    trade_count: int
    long_trade_count: int
    short_trade_count: int
    trade_net_pnl: float
    commission: float
    win_rate: float | None
    profit_factor: float | None
    payoff_ratio: float | None
    expectancy: float | None
    average_win: float | None
    average_loss: float | None
    best_trade: float | None
    worst_trade: float | None
    average_trade_return: float | None
    average_holding_days: float | None
    longest_winning_streak: int
    longest_losing_streak: int
    sqn: float | None


def trade_statistics(trades: Sequence[ClosedTrade]) -> TradeStatistics:
    """Give the statistics of `trades`; their order matters only among those closed at the same instant."""
    ordered = sorted(trades, key=lambda trade: trade.closed_at_us)
    with localcontext() as context:
        context.prec = _MONEY_PRECISION
        amounts = [trade.net_pnl for trade in ordered]
        wins = [amount for amount in amounts if amount > 0]
        losses = [amount for amount in amounts if amount < 0]
        returns = [trade.return_fraction for trade in ordered if trade.return_fraction is not None]
        average_win, average_loss = _average(wins), _average(losses)
        return TradeStatistics(
            trade_count=len(ordered),
            long_trade_count=len([trade for trade in ordered if trade.side == "long"]),
            short_trade_count=len([trade for trade in ordered if trade.side == "short"]),
            trade_net_pnl=float(_exact_sum(amounts)),
            commission=float(_exact_sum([trade.commission for trade in ordered])),
            win_rate=len(wins) / len(ordered) if ordered else None,
            profit_factor=float(_exact_sum(wins) / -_exact_sum(losses)) if losses else None,
            payoff_ratio=None
            if average_win is None or average_loss is None
            else float(average_win / -average_loss),
            expectancy=_as_float(_average(amounts)),
            average_win=_as_float(average_win),
            average_loss=_as_float(average_loss),
            best_trade=_as_float(max(amounts, default=None)),
            worst_trade=_as_float(min(amounts, default=None)),
            average_trade_return=math.fsum(returns) / len(returns) if returns else None,
            average_holding_days=_average_holding_days(ordered),
            longest_winning_streak=_longest_streak([amount > 0 for amount in amounts]),
            longest_losing_streak=_longest_streak([amount < 0 for amount in amounts]),
            sqn=_sqn(amounts),
        )


def _exact_sum(amounts: Sequence[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _average(amounts: Sequence[Decimal]) -> Decimal | None:
    return _exact_sum(amounts) / len(amounts) if amounts else None


def _as_float(amount: Decimal | None) -> float | None:
    return None if amount is None else finite_or_none(float(amount))


def _average_holding_days(trades: Sequence[ClosedTrade]) -> float | None:
    if not trades:
        return None
    held_us = sum(trade.closed_at_us - trade.opened_at_us for trade in trades)
    return held_us / len(trades) / MICROSECONDS_PER_DAY


def _longest_streak(flags: Sequence[bool]) -> int:
    longest = current = 0
    for flag in flags:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest


def _sqn(amounts: Sequence[Decimal]) -> float | None:
    average = _average(amounts)
    if average is None or len(amounts) < 2:
        return None
    variance = _exact_sum([(amount - average) ** 2 for amount in amounts]) / (len(amounts) - 1)
    equal = all(amount == amounts[0] for amount in amounts)
    return None if equal else float(Decimal(len(amounts)).sqrt() * average / variance.sqrt())
