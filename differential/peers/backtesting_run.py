"""Run cases through backtesting.py, in its own environment: `python backtesting_run.py CASES RESULTS`.

Both files are JSON. The plan is described in `differential/cases.py`. The peer's settings are its defaults:
market orders at the next open (trade_on_close is False), no hedging; entries are canceled and placed anew at
each close, and a turn closes the position.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from backtesting import Backtest, Strategy


class FollowPlan(Strategy):
    """Follow a plan; its case is given as a class attribute."""

    case = None

    def init(self):
        """Remember which trades were told to close, by the bar after."""
        self.closed_from = {}

    def next(self):
        """Cancel what is left, close what is against a turn, place the entry."""
        case, index = self.case, len(self.data) - 1
        entries = [order for order in self.orders if not order.is_contingent]
        if not case["rests"]:
            for order in entries:
                order.cancel()
        size = self.position.size
        if size * case["turn"][index] < 0:
            for trade in self.trades:
                self.closed_from[trade.entry_bar] = index + 1
            self.position.close()
        enter = case["enter"][index]
        if not enter or size * enter > 0 or (entries and case["rests"]):
            return
        place = self.buy if enter > 0 else self.sell
        place(
            size=case["quantity"],
            limit=case["limit"][index],
            stop=case["stop"][index],
            sl=case["stop_loss"][index],
            tp=case["take_profit"][index],
            tag=index,
        )


def run(case):
    """Run one case."""
    tape = case["tape"]
    frame = pd.DataFrame(
        {name.capitalize(): tape[name] for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(tape["dates"]),
    )
    commission = float(case["commission_percent"]) / 100
    test = Backtest(
        frame, type("Plan", (FollowPlan,), {"case": case}), cash=case["cash"], commission=commission
    )
    found = test.run()
    strategy = found["_strategy"]
    closed = sorted(strategy.closed_trades, key=lambda trade: trade.entry_bar)
    paid = found["_trades"].sort_values("EntryBar")["Commission"].tolist()
    trades = [closed_trade(case, strategy, trade) for trade in closed]
    trades += [open_trade(trade) for trade in strategy.trades]
    return {"trades": trades, "commissions": paid, "equity": float(found["Equity Final [$]"])}


def open_trade(trade):
    """Describe a trade's entry."""
    return {
        "side": "long" if trade.is_long else "short",
        "quantity": abs(int(trade.size)),
        "entry_bar": int(trade.entry_bar),
        "entry_price": float(trade.entry_price),
    }


def closed_trade(case, strategy, trade):
    """Describe a trade from entry to exit."""
    price, exit_bar = float(trade.exit_price), int(trade.exit_bar)
    sign = 1 if trade.is_long else -1
    loss = case["stop_loss"][trade.tag]
    if strategy.closed_from.get(trade.entry_bar) == exit_bar:
        reason = "close"
    elif loss is not None and sign * (price - loss) <= 0:
        reason = "stop_loss"
    else:
        reason = "take_profit"
    return {**open_trade(trade), "exit_bar": exit_bar, "exit_price": price, "reason": reason}


def main():
    """Run every case of a file."""
    # It warns of margins and of exits within the entry's bar; the comparison sees both.
    warnings.simplefilter("ignore")
    cases = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps({case["name"]: run(case) for case in cases}))


if __name__ == "__main__":
    main()
