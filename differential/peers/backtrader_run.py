"""Run cases through backtrader, in its own environment: `python backtrader_run.py CASES RESULTS`.

Both files are JSON. The plan is described in `differential/cases.py`. The broker has its defaults (market
orders at the next open, no slippage); brackets are buy_bracket and sell_bracket; a turn cancels what rests
and closes the position.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import backtrader as bt

TYPES = {
    "market": bt.Order.Market,
    "limit": bt.Order.Limit,
    "stop": bt.Order.Stop,
    "stop_limit": bt.Order.StopLimit,
}


class Tape(bt.feed.DataBase):
    """Feed a tape's rows."""

    params = (("tape", None),)

    def start(self):
        """Begin at the first row."""
        super().start()
        self.index = 0

    def _load(self):
        tape, index = self.p.tape, self.index
        if index == len(tape["dates"]):
            return False
        self.lines.datetime[0] = bt.date2num(datetime.fromisoformat(tape["dates"][index]))
        for name in ("open", "high", "low", "close"):
            getattr(self.lines, name)[0] = tape[name][index]
        self.lines.volume[0] = self.lines.openinterest[0] = 0.0
        self.index += 1
        return True


class FollowPlan(bt.Strategy):
    """Follow a plan."""

    params = (("case", None),)

    def __init__(self):
        """Begin without orders and trades."""
        self.working = []
        self.purposes = {}
        self.trades = []
        self.commissions = []

    def notify_order(self, order):
        """Pair fills into trades; what happened in a bar is told before `next` of that bar."""
        if order.status != bt.Order.Completed:
            return
        purpose = self.purposes[order.ref]
        # The order's own price is an average, with the rounding of a product and a quotient.
        (part,) = order.executed.exbits
        bar, price, fee = len(self) - 1, part.price, order.executed.comm
        if purpose == "open":
            self.trades.append(
                {
                    "side": "long" if order.isbuy() else "short",
                    "quantity": abs(int(order.executed.size)),
                    "entry_bar": bar,
                    "entry_price": price,
                }
            )
            self.entry_fee = fee
        else:
            self.trades[-1] |= {"exit_bar": bar, "exit_price": price, "reason": purpose}
            self.commissions.append(self.entry_fee + fee)

    def next(self):
        """Cancel what is left, close what is against a turn, place the entry."""
        case, index = self.p.case, len(self) - 1
        size, turn, enter = self.position.size, case["turn"][index], case["enter"][index]
        if case["rests"] and not size and any(order.alive() for order in self.working):
            return
        if not size or size * turn < 0:
            for order in self.working:
                if order.alive():
                    self.cancel(order)
            self.working = []
        if size * turn < 0:
            self.purposes[self.close().ref] = "close"
        if enter and size * enter <= 0:
            self.enter(index, enter)

    def enter(self, index, side):
        """Place an entry with what protects it."""
        case = self.p.case
        limit, stop = case["limit"][index], case["stop"][index]
        loss, gain = case["stop_loss"][index], case["take_profit"][index]
        terms = {
            "size": case["quantity"],
            "exectype": TYPES[case["entry"]],
            "price": limit if stop is None else stop,
            "plimit": None if stop is None else limit,
        }
        if loss is None and gain is None:
            orders = [(self.buy if side > 0 else self.sell)(**terms)]
        else:
            place = self.buy_bracket if side > 0 else self.sell_bracket
            orders = place(
                **terms,
                stopprice=loss,
                limitprice=gain,
                stopexec=None if loss is None else bt.Order.Stop,
                limitexec=None if gain is None else bt.Order.Limit,
            )
        for order, purpose in zip(orders, ("open", "stop_loss", "take_profit"), strict=False):
            if order is not None:
                self.purposes[order.ref] = purpose
                self.working.append(order)


def run(case):
    """Run one case."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Tape(tape=case["tape"]))
    cerebro.addstrategy(FollowPlan, case=case)
    cerebro.broker.setcash(case["cash"])
    cerebro.broker.setcommission(commission=float(case["commission_percent"]) / 100)
    (strategy,) = cerebro.run()
    return {
        "trades": strategy.trades,
        "commissions": strategy.commissions,
        "equity": cerebro.broker.getvalue(),
    }


def main():
    """Run every case of a file."""
    cases = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps({case["name"]: run(case) for case in cases}))


if __name__ == "__main__":
    main()
