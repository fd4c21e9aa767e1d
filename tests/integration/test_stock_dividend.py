"""A stock dividend multiplies units, marks and resting orders alike, so that equity does not jump."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

import qtrader as qt

if TYPE_CHECKING:
    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]


class BuyOnce(qt.Strategy):
    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        if not context.position(bar.symbol):
            context.emit_signal(bar.symbol, "open_long", quantity=101, stop_loss=60)


def run(action: str, ratio: float) -> qt.Results:
    closes = [100.0, 100.0, 66.67, 66.67]
    data = {"date": DAYS} | dict.fromkeys(("open", "high", "low", "close"), closes)
    actions = pl.DataFrame({"symbol": ["X"], "ex_date": ["2024-01-04"], "action": [action], "ratio": [ratio]})
    return qt.backtest(data, BuyOnce, symbol="X", prices="raw", corporate_actions=actions)


def test_half_a_share_for_each_is_the_split_of_three_for_two() -> None:
    as_dividend, as_split = run("stock_dividend", 0.5), run("split", 1.5)
    for results in (as_dividend, as_split):
        # 101 * 1.5 = 151.5: 151 shares stay, half a share is paid at 100 / 1.5.
        held = results.positions.sort("valued_at")["quantity"].to_list()
        assert held == [101.0, 151.0, 151.0]
        in_lieu = [
            posting.amount
            for _, event in results.events()
            if event.event_type == "ledger_entry" and event.kind == "cash_in_lieu"
            for posting in event.postings
            if posting.account == "assets:cash"
        ]
        assert in_lieu == [Decimal("33.33333333")]
        stop = results.order_updates.filter(pl.col("reason") == "split")
        # The stop of 101 at 60 becomes 151 at 40.
        assert stop.select("quantity", "stop_price").rows() == [(151.0, 40.0)]
        before, after = results.equity_curve.sort("valued_at")["equity"].to_list()[-3:-1]
        # Only the cent between 66.67 and 100 / 1.5 may move equity.
        assert abs(after - before) < 151 * 0.01
