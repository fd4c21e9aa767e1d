"""What cannot be traded is refused as a value, through the public entry: the run goes on and says why."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import qtrader as qt
from qtrader.errors import ConfigError

DAYS = [date(2024, 1, day) for day in range(1, 7)]


def frame(symbol: str) -> pl.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close"), [100.0] * len(DAYS))
    return pl.DataFrame({"date": DAYS, "symbol": [symbol] * len(DAYS), **prices})


class Toggle(qt.Strategy):
    """Open when flat, close when not, on every bar."""

    window: int = 1

    def on_bar(self, bar: Any, context: Any) -> None:
        held = context.position(bar.symbol)
        context.emit_signal(bar.symbol, "close_long" if held else "open_long")


class OpenOnce(qt.Strategy):
    def on_bar(self, bar: Any, context: Any) -> None:
        if bar.closed_at.day == 3:
            context.emit_signal(bar.symbol, "open_long")
        if bar.closed_at.day == 6:
            context.emit_signal(bar.symbol, "close_long")


class Misspelt(Toggle):
    def on_filled(self, fill: Any, context: Any) -> None: ...


def test_a_foreign_currency_is_a_refusal_and_no_order() -> None:
    results = qt.backtest(frame("BMW"), Toggle, currency="EUR")
    assert results.refusal_counts == {"currency": len(DAYS)}
    assert (len(results.orders), len(results.fills)) == (0, 0)
    refusal = results.refusals.row(0, named=True)
    assert refusal["message"] == "BMW is in EUR, the account is in USD; currencies are not converted yet"
    assert refusal["remedy"] == "no quantity would have passed"
    assert results.equity_curve["equity"].unique().to_list() == [100_000.0]


def test_the_same_run_in_the_accounts_currency_trades() -> None:
    results = qt.backtest(frame("BMW"), Toggle, currency="EUR", base_currency="EUR")
    assert len(results.fills) > 0
    assert results.refusal_counts == {}


def test_what_has_left_the_universe_is_closed_but_not_opened() -> None:
    # A day ends at midnight: the signal of January 2nd's bar is the last one of the membership.
    members = {"symbol": ["BMW"], "from": ["2024-01-01"], "to": ["2024-01-03"]}
    results = qt.backtest(frame("BMW"), OpenOnce, universe=members)
    assert results.refusal_counts == {}
    assert results.fills["side"].to_list() == ["buy", "sell"]
    before = {"symbol": ["BMW"], "from": ["2024-01-05"], "to": [None]}
    refused = qt.backtest(frame("BMW"), OpenOnce, universe=before)
    assert refused.refusal_counts == {"not_in_universe": 1, "no_position": 1}
    assert len(refused.orders) == 0


@pytest.mark.parametrize(
    ("strategy", "parameters", "message"),
    [
        (Toggle, {"window": "10"}, "Toggle: window is '10', of type str; allowed is int"),
        (Misspelt, {}, "Misspelt has on_filled, which nothing calls; did you mean on_fill?"),
        (
            "SMADualCrossStrategy",
            {"fast": 50, "slow": 20},
            "fast is 50 and slow is 20; allowed is 0 < fast < slow",
        ),
    ],
)
def test_a_strategy_that_cannot_be_meant_so_is_bad_input(
    strategy: Any, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        qt.backtest(frame("BMW"), strategy, parameters=parameters)
    assert message in str(caught.value)
