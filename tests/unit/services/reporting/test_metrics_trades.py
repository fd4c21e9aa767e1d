"""Trade statistics, against a table of eight trades."""

from __future__ import annotations

import statistics
from dataclasses import astuple, fields
from decimal import Decimal
from math import sqrt

import pytest

from qtrader.services.reporting.moments import MetricInputError
from qtrader.services.reporting.trade_metrics import (
    TRADE_METRICS,
    ClosedTrade,
    TradeStatistics,
    trade_statistics,
)

DAY = 86_400_000_000
AMOUNTS = ["100", "-50", "0", "200", "50", "-100", "-25", "75"]


def trade(number: int, amount: str, **changes: object) -> ClosedTrade:
    values = {
        "net_pnl": Decimal(amount),
        "commission": Decimal("1.10"),
        "return_fraction": float(amount) / 1000.0,
        "side": "short" if number == 1 else "long",
        "opened_at_us": number * DAY,
        "closed_at_us": number * DAY + (number + 1) * DAY // 2,
    }
    return ClosedTrade(**{**values, **changes})  # type: ignore[arg-type]


TRADES = [trade(number, amount) for number, amount in enumerate(AMOUNTS)]


def test_eight_trades() -> None:
    found = trade_statistics(TRADES)
    assert (found.trade_count, found.long_trade_count, found.short_trade_count) == (8, 7, 1)
    assert found.trade_net_pnl == 250.0
    assert found.commission == 8.8
    assert found.win_rate == 0.5, "the trade without profit counts, and was not won"
    assert found.profit_factor == pytest.approx(425 / 175, rel=1e-15)
    assert found.average_win == 106.25
    assert found.average_loss == pytest.approx(-175 / 3, rel=1e-15)
    assert found.payoff_ratio == pytest.approx(106.25 / (175 / 3), rel=1e-15)
    assert found.expectancy == 31.25
    assert (found.best_trade, found.worst_trade) == (200.0, -100.0)
    assert found.average_trade_return == pytest.approx(0.03125, rel=1e-15)
    assert found.average_holding_days == 2.25, "0.5, 1, ... 4 days"
    assert (found.longest_winning_streak, found.longest_losing_streak) == (2, 2)
    amounts = [float(amount) for amount in AMOUNTS]
    assert found.sqn == pytest.approx(
        sqrt(8) * statistics.mean(amounts) / statistics.stdev(amounts), rel=1e-14
    )


def test_streaks_follow_the_closes_whatever_the_order_given() -> None:
    shuffled = [TRADES[place] for place in (5, 0, 7, 2, 6, 1, 4, 3)]
    assert trade_statistics(shuffled) == trade_statistics(TRADES)


def test_a_trade_without_profit_ends_a_streak() -> None:
    streak = trade_statistics([trade(number, amount) for number, amount in enumerate(["1", "1", "0", "1"])])
    assert streak.longest_winning_streak == 2
    assert streak.longest_losing_streak == 0


def test_cents_add_up_exactly() -> None:
    many = [trade(number, "0.10") for number in range(1000)]
    assert trade_statistics(many).trade_net_pnl == 100.0
    assert trade_statistics([trade(0, "1e15"), trade(1, "0.01"), trade(2, "-1e15")]).trade_net_pnl == 0.01


def test_no_trades_have_counts_and_nothing_else() -> None:
    found = trade_statistics([])
    assert [value for value in astuple(found) if value is not None] == [0, 0, 0, 0.0, 0.0, 0, 0]
    assert (found.win_rate, found.expectancy, found.sqn, found.average_holding_days) == (
        None,
        None,
        None,
        None,
    )


def test_one_sided_results_leave_ratios_undefined() -> None:
    won = trade_statistics([trade(0, "10"), trade(1, "20")])
    assert (won.profit_factor, won.payoff_ratio, won.average_loss) == (None, None, None)
    lost = trade_statistics([trade(0, "-10"), trade(1, "-20")])
    assert (lost.profit_factor, lost.payoff_ratio, lost.average_win) == (0.0, None, None)


def test_sqn_needs_two_trades_that_differ() -> None:
    assert trade_statistics([trade(0, "10")]).sqn is None
    assert trade_statistics([trade(0, "0.1"), trade(1, "0.1"), trade(2, "0.10")]).sqn is None


def test_returns_that_do_not_exist_are_left_out_of_the_average() -> None:
    found = trade_statistics([trade(0, "10", return_fraction=None), trade(1, "10", return_fraction=0.2)])
    assert found.average_trade_return == 0.2
    assert trade_statistics([trade(0, "10", return_fraction=None)]).average_trade_return is None


def test_the_catalogue_has_one_row_for_each_statistic_in_order() -> None:
    assert [metric.key for metric in TRADE_METRICS] == [field.name for field in fields(TradeStatistics)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"net_pnl": Decimal("NaN")}, "trade.net_pnl: found NaN"),
        ({"commission": Decimal("Infinity")}, "trade.commission: found Infinity"),
        ({"return_fraction": float("inf")}, "trade.return_fraction: found inf"),
        ({"closed_at_us": -1}, "trade.closed_at_us: found -1 before opened_at_us 0"),
    ],
)
def test_impossible_trades_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(MetricInputError, match=words):
        trade(0, "1", **changes)
