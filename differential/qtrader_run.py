"""A case through QTrader: the plan as a strategy, the fills paired into trades."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import qtrader as qt
from differential.cases import CASH, QUANTITY, Case
from differential.trades import Outcome, Trade
from qtrader.events.events import FillEvent
from qtrader.events.vocabulary import OrderPurpose, Side

SYMBOL = "X"
_SIDES = {1: "long", -1: "short"}


class FollowPlan:
    """Follow a case's plan, as `differential.cases` describes it."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._index = -1
        self._is_waiting = False

    def on_bar(self, _: qt.PriceBarEvent, context: qt.Context) -> None:
        """Close what is against a turn, then place the entry."""
        case = self._case
        self._index = index = self._index + 1
        held = context.position(SYMBOL).quantity
        turn, enter = case.turn[index], case.enter[index]
        # An entry against the position reverses it, closing first.
        if held * turn < 0 and not enter:
            context.emit_signal(SYMBOL, f"close_{_SIDES[-turn]}")
        self._is_waiting = self._is_waiting and case.rests and not held
        if enter and held * enter <= 0 and not self._is_waiting:
            self._is_waiting = True
            context.emit_signal(
                SYMBOL,
                f"open_{_SIDES[enter]}",
                order_type=case.entry,
                limit_price=case.limit[index],
                stop_price=case.stop[index],
                stop_loss=case.stop_loss[index],
                take_profit=case.take_profit[index],
                time_in_force="gtc" if case.rests or case.entry == "market" else "day",
            )


def run(case: Case) -> Outcome:
    """Run a case.

    Raises:
        RuntimeError: a signal of the plan was refused, so that the programs do not do the same.
    """
    tape = case.tape
    columns = {name: list(getattr(tape, name)) for name in ("open", "high", "low", "close")}
    settings: dict[str, Any] = {} if tape.calendar is None else {"calendar": tape.calendar}
    results = qt.backtest(
        {"date": list(tape.dates), **columns},
        qt.StrategySpec(FollowPlan(case), "plan"),
        symbol=SYMBOL,
        prices="raw",
        tick_size=None,
        initial_equity=CASH,
        sizing={"method": "fixed_quantity", "quantity": QUANTITY},
        commission={"type": "percent", "percent": case.commission_percent},
        limit_touch=case.limit_touch,
        **settings,
    )
    if results.refusal_counts:
        message = f"{case.name}: QTrader refused signals of the plan: {results.refusal_counts}"
        raise RuntimeError(message)
    bars: dict[datetime, int] = {}
    fills = list[FillEvent]()
    for _, event in results.events():
        if isinstance(event, qt.PriceBarEvent):
            bars[event.closed_at] = len(bars)
        elif isinstance(event, FillEvent):
            fills.append(event)
    # A fill becomes known at the close of its bar.
    return _outcome([(bars[fill.occurred_at], fill) for fill in fills], results.equity_curve["equity"][-1])


def _outcome(fills: list[tuple[int, FillEvent]], equity: float) -> Outcome:
    trades: list[Trade] = []
    commissions: list[float] = []
    entry: tuple[int, FillEvent] | None = None
    for bar, fill in fills:
        if fill.purpose is OrderPurpose.OPEN:
            entry = bar, fill
            continue
        if entry is None:
            message = f"{fill.fill_id} closes what was never opened"
            raise RuntimeError(message)
        trades.append(_trade(entry, (bar, fill)))
        commissions.append(float(entry[1].commission + fill.commission))
        entry = None
    if entry is not None:
        trades.append(_trade(entry, None))
    return Outcome(tuple(trades), tuple(commissions), equity)


def _trade(entry: tuple[int, FillEvent], leaving: tuple[int, FillEvent] | None) -> Trade:
    bar, fill = entry
    side = "long" if fill.side is Side.BUY else "short"
    if leaving is None:
        return Trade(side, int(fill.quantity), bar, float(fill.price))
    exit_bar, exit_fill = leaving
    return Trade(
        *(side, int(fill.quantity), bar, float(fill.price)),
        *(exit_bar, float(exit_fill.price), exit_fill.purpose.value),
    )
