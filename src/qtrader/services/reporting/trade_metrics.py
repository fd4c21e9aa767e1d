"""Statistics of closed trades, a trade being flat to flat per strategy and symbol.

Open trades are not counted anywhere here. Profit and commission are Decimals, so that sums are exact to the
cent; a trade whose net profit is zero is neither won nor lost but counts as a trade, and it ends a streak.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from qtrader.services.reporting.closed_trades import ClosedTrade, ClosedTrades
from qtrader.services.reporting.metric_definition import Metric
from qtrader.services.reporting.moments import finite_or_none
from qtrader.services.reporting.returns import MICROSECONDS_PER_DAY

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


def trade_statistics(trades: Iterable[ClosedTrade]) -> TradeStatistics:
    """Give the statistics of `trades`; their order matters only among those closed at the same instant."""
    closed = ClosedTrades.of(trades)
    with localcontext() as context:
        context.prec = _MONEY_PRECISION
        sums = _Sums(closed)
        average_win, average_loss = _average(sums.wins), _average(sums.losses)
        average = _average(sums.all)
        return TradeStatistics(
            trade_count=sums.all.count,
            long_trade_count=sums.long_count,
            short_trade_count=sums.all.count - sums.long_count,
            trade_net_pnl=float(sums.all.total),
            commission=float(sums.commission),
            win_rate=sums.wins.count / sums.all.count if sums.all.count else None,
            profit_factor=float(sums.wins.total / -sums.losses.total) if sums.losses.count else None,
            payoff_ratio=None
            if average_win is None or average_loss is None
            else float(average_win / -average_loss),
            expectancy=_as_float(average),
            average_win=_as_float(average_win),
            average_loss=_as_float(average_loss),
            best_trade=_as_float(sums.best),
            worst_trade=_as_float(sums.worst),
            average_trade_return=math.fsum(sums.returns) / len(sums.returns) if sums.returns else None,
            average_holding_days=None
            if not sums.all.count
            else sums.held_us / sums.all.count / MICROSECONDS_PER_DAY,
            longest_winning_streak=sums.wins.longest,
            longest_losing_streak=sums.losses.longest,
            sqn=_sqn(closed, average, sums),
        )


class _Streak:
    """Trades of one kind: how many, their sum, and the most in a row."""

    __slots__ = ("_current", "count", "longest", "total")

    def __init__(self) -> None:
        self.count = self.longest = self._current = 0
        self.total = Decimal(0)

    def add(self, amount: Decimal, *, belongs: bool) -> None:
        if not belongs:
            self._current = 0
            return
        self.count += 1
        self._current += 1
        self.longest = max(self.longest, self._current)
        self.total += amount


class _Sums:
    """What one pass over the trades, in the order of closing, adds up."""

    def __init__(self, trades: Iterable[ClosedTrade]) -> None:
        self.all, self.wins, self.losses = _Streak(), _Streak(), _Streak()
        self.commission = Decimal(0)
        self.best: Decimal | None = None
        self.worst: Decimal | None = None
        self.returns = array("d")
        self.long_count = self.held_us = 0
        for trade in trades:
            amount = trade.net_pnl
            self.all.add(amount, belongs=True)
            self.wins.add(amount, belongs=amount > 0)
            self.losses.add(amount, belongs=amount < 0)
            self.best = amount if self.best is None else max(self.best, amount)
            self.worst = amount if self.worst is None else min(self.worst, amount)
            self.commission += trade.commission
            self.long_count += trade.side == "long"
            self.held_us += trade.closed_at_us - trade.opened_at_us
            if trade.return_fraction is not None:
                self.returns.append(trade.return_fraction)


def _average(kind: _Streak) -> Decimal | None:
    return kind.total / kind.count if kind.count else None


def _as_float(amount: Decimal | None) -> float | None:
    return None if amount is None else finite_or_none(float(amount))


def _sqn(trades: Iterable[ClosedTrade], average: Decimal | None, sums: _Sums) -> float | None:
    count = sums.all.count
    if average is None or count < 2 or sums.best == sums.worst:
        return None
    squares = Decimal(0)
    for trade in trades:
        squares += (trade.net_pnl - average) ** 2
    variance = squares / (count - 1)
    return float(Decimal(count).sqrt() * average / variance.sqrt())
