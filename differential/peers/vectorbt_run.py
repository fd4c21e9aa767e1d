"""Run cases through vectorbt, in its own environment: `python vectorbt_run.py CASES RESULTS [orders]`.

Both files are JSON. The plan is described in `differential/cases.py`. Signals are shifted by one bar and
filled at that bar's open, which is vectorbt's way to say "at the next open"; opposite entries reverse.
Protective levels are fractions of the fill price. With `orders`, the positions that the plan asks for are
given to `from_orders` as target amounts instead.

It has no resting entry orders, and does not say why a position ended: the reason is taken from the bar, in
the order in which vectorbt asks (stop, target, signal).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt


def shifted(values):
    """Move a plan's column to the bars in which it is acted on."""
    return np.array([np.nan, *(np.nan if value is None else value for value in values[:-1])], dtype=float)


def settings(case):
    """Return what both ways share."""
    tape = case["tape"]
    return {
        "price": np.array(tape["open"]),
        "fees": float(case["commission_percent"]) / 100,
        "init_cash": case["cash"],
        "freq": "1D",
    }


def from_signals(case):
    """Run one case on signals."""
    tape, turn, enter = case["tape"], shifted(case["turn"]), shifted(case["enter"])
    return vbt.Portfolio.from_signals(
        pd.Series(tape["close"]),
        entries=enter == 1,
        exits=turn == -1,
        short_entries=enter == -1,
        short_exits=turn == 1,
        size=case["quantity"],
        open=np.array(tape["open"]),
        high=np.array(tape["high"]),
        low=np.array(tape["low"]),
        sl_stop=shifted(case["loss_fraction"]),
        tp_stop=shifted(case["gain_fraction"]),
        stop_entry_price="FillPrice",
        stop_exit_price="StopLimit",
        upon_opposite_entry="Reverse",
        **settings(case),
    )


def from_orders(case):
    """Run one case on target amounts: what the plan wants to hold after each turn."""
    turn, enter = shifted(case["turn"]), shifted(case["enter"])
    targets = np.where(np.nan_to_num(turn) != 0, np.nan_to_num(enter) * case["quantity"], np.nan)
    return vbt.Portfolio.from_orders(
        pd.Series(case["tape"]["close"]), size=targets, size_type="targetamount", **settings(case)
    )


def trades_of(case, portfolio):
    """Split the orders where they cross zero, and pair them into trades."""
    trades, commissions, entry_fee = [], [], 0.0
    held = 0
    for record in portfolio.orders.values:
        size = round(record["size"]) * (1 if record["side"] == 0 else -1)
        fee = record["fees"] / abs(size)
        bar, price = int(record["idx"]), float(record["price"])
        if held * size < 0:
            part = min(abs(held), abs(size))
            trades[-1] |= {"exit_bar": bar, "exit_price": price, "reason": reason(case, trades[-1], bar)}
            commissions.append(float(entry_fee + fee * part))
        rest = held + size
        if rest and held * rest <= 0:
            trades.append(
                {
                    "side": "long" if rest > 0 else "short",
                    "quantity": abs(rest),
                    "entry_bar": bar,
                    "entry_price": price,
                }
            )
            entry_fee = fee * abs(rest)
        held = rest
    return trades, commissions


def reason(case, trade, bar):
    """Say why a trade ended in a bar."""
    tape, decided = case["tape"], trade["entry_bar"] - 1
    loss, gain = case["stop_loss"][decided], case["take_profit"][decided]
    is_long = trade["side"] == "long"
    low, high = tape["low"][bar], tape["high"][bar]
    if loss is not None and (low <= loss if is_long else high >= loss):
        return "stop_loss"
    if gain is not None and (high >= gain if is_long else low <= gain):
        return "take_profit"
    return "close"


def run(case, way):
    """Run one case."""
    portfolio = way(case)
    trades, commissions = trades_of(case, portfolio)
    return {"trades": trades, "commissions": commissions, "equity": float(portfolio.value().iloc[-1])}


def main():
    """Run every case of a file."""
    cases = json.loads(Path(sys.argv[1]).read_text())
    way = from_orders if sys.argv[3:] == ["orders"] else from_signals
    Path(sys.argv[2]).write_text(json.dumps({case["name"]: run(case, way) for case in cases}))


if __name__ == "__main__":
    main()
