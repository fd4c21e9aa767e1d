"""Strategies that a worker process can import: between them they look at everything that a context shows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from qtrader.events.events import (
    FillEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    SignalRejectedEvent,
)
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import Strategy


def _seen(context: Context, symbol: str) -> str:
    """Write down all that is known, so that any difference between two processes stands in the log."""
    position = context.position(symbol)
    window = context.history(symbol, 5)
    closes = ",".join(value.hex() for value in window.close.tolist())
    return (
        f"{context.now.isoformat()} cash {context.cash} equity {context.equity} holds {position.quantity} "
        f"at {position.average_price} of {position.market_price} worth {position.market_value} "
        f"gain {position.unrealized_pnl} closes {closes} volume {window.volume.sum()} "
        f"universe {'/'.join(context.universe)} chance {context.rng.random().hex()}"
    )


class Swing(Strategy):
    """Buy dips with brackets and close on strength, bar by bar; ask for too much now and then."""

    lookback: int = 10
    quantity: int = 300

    def on_start(self, context: Context) -> None:
        self._bars = 0
        context.log("start", now=context.now, cash=context.cash)

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self._bars += 1
        if context.is_warmup:
            context.record("warmup", float("nan"))
        closes = context.history(count=self.lookback).close
        position = context.position(bar.symbol)
        if not position and bar.close < float(closes.min()) * 1.005 and not context.is_warmup:
            context.emit_signal(
                bar.symbol,
                "open_long",
                quantity=self.quantity,
                stop_loss=round(bar.close * 0.93, 2),
                take_profit=round(bar.close * 1.08, 2),
                reason=_seen(context, bar.symbol),
            )
        elif position and bar.close >= float(closes.max()):
            context.emit_signal(bar.symbol, "close_long", fraction="0.5", reason=_seen(context, bar.symbol))
        if self._bars % 97 == 0:
            context.emit_signal(bar.symbol, "open_long", quantity=10_000_000, reason="too much")

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        context.record("filled", float(fill.quantity))
        context.log("fill", price=fill.price, seen=_seen(context, fill.symbol))
        if fill.quantity == self.quantity and self._bars % 5 == 0 and not context.is_stopped:
            reason = f"filled at {fill.price} for {fill.commission}; {_seen(context, fill.symbol)}"
            context.emit_signal(fill.symbol, "open_long", quantity=1, reason=reason)

    def on_order(self, update: OrderUpdateEvent, context: Context) -> None:
        context.log("order", status=update.status, leaves=update.leaves_quantity)

    def on_refusal(self, refusal: SignalRejectedEvent, context: Context) -> None:
        context.log("refusal", reason=refusal.reason, text=refusal.message)
        if "10000000" in refusal.message and not context.is_stopped:
            context.emit_signal(
                refusal.symbol, "open_long", quantity=2, reason=_seen(context, refusal.symbol)
            )

    def on_stop(self, context: Context) -> None:
        context.log("stop", now=context.now, seen=_seen(context, "AAPL"))


class Rotation(Strategy):
    """Hold what did best, slice by slice, and be short of what did worst."""

    every: int = 15

    def on_start(self, context: Context) -> None:
        self._slices = 0

    def on_slice(self, bars: Sequence[PriceBarEvent], context: Context) -> None:
        self._slices += 1
        if self._slices % self.every or len(bars) < 2:
            return
        gains = {bar.symbol: self._gain(bar.symbol, context) for bar in bars}
        best, worst = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
        for bar in bars:
            position = context.position(bar.symbol)
            if position.is_long and bar.symbol != best:
                context.emit_signal(bar.symbol, "close_long", reason=_seen(context, bar.symbol))
            if position.is_short and bar.symbol != worst:
                context.emit_signal(bar.symbol, "close_short", reason=_seen(context, bar.symbol))
        if not context.position(best):
            context.emit_signal(best, "open_long", quantity=50, reason=_seen(context, best))
        if not context.position(worst):
            limit = round(float(context.history(worst, 1).close[-1]) * 1.01, 2)
            context.emit_signal(
                worst, "open_short", quantity=40, order_type="limit", limit_price=limit, time_in_force="day"
            )

    @staticmethod
    def _gain(symbol: str, context: Context) -> float:
        closes = context.history(symbol, 30).close
        return float(closes[-1] / closes[0])

    def on_order(self, update: OrderUpdateEvent, context: Context) -> None:
        context.log("order", status=update.status, seen=_seen(context, update.symbol))


class Tending(Strategy):
    """Keep a limit below the market, raise stops, give up what rests too long, and ask for nonsense."""

    patience: int = 3

    def on_start(self, context: Context) -> None:
        self._bars = 0

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self._bars += 1
        own = [order for order in context.orders if order.symbol == bar.symbol]
        context.log("orders", seen=repr(context.orders))
        for order in own:
            if order.purpose == "stop_loss" and bar.close * 0.95 > float(order.stop_price or 0):
                context.modify(order, stop_price=round(bar.close * 0.95, 2), reason=f"raised for {bar.close}")
            if order.is_entry and (bar.closed_at - order.ordered_at).days > self.patience:
                context.cancel(order, reason=f"{order.leaves_quantity} left at {order.limit_price}")
        if not own and not context.position(bar.symbol) and not context.is_warmup:
            context.emit_signal(
                bar.symbol,
                "open_long",
                quantity=30,
                order_type="limit",
                limit_price=round(bar.close * 0.985, 2),
                stop_loss=round(bar.close * 0.9, 2),
                take_profit=[(round(bar.close * 1.05, 2), "0.4"), (round(bar.close * 1.1, 2), "0.6")],
            )
        if self._bars % 29 == 0:
            context.cancel("nobody's")
            context.modify(f"tending:{bar.symbol}:0/open", quantity=1)

    def on_request_refusal(self, refusal: OrderRequestRejectedEvent, context: Context) -> None:
        context.log("refused", reason=refusal.reason, text=refusal.message, seen=repr(context.orders))


class Chained(Strategy):
    """Let entries in Y wait for entries in X: for the signal, the order as seen, or its id, in turn."""

    def on_start(self, context: Context) -> None:
        self._slices = 0

    def on_slice(self, bars: Sequence[PriceBarEvent], context: Context) -> None:
        self._slices += 1
        context.log("orders", seen=repr(context.orders))
        orders = {order.symbol: order for order in context.orders}
        turn = self._slices % 8
        if turn == 1:
            price = round(bars[0].close * 0.98, 2)
            first = context.emit_signal("X", "open_long", quantity=5, order_type="limit", limit_price=price)
            if self._slices % 3 == 0:
                context.emit_signal("Y", "open_short", quantity=5, after=first)
        elif turn == 2 and "X" in orders and "Y" not in orders:
            after = orders["X"] if self._slices % 3 else orders["X"].order_id
            context.emit_signal("Y", "open_short", quantity=5, after=after, stop_loss=bars[1].close * 1.1)
        elif turn == 5 and "X" in orders:
            context.cancel(orders["X"])
        elif turn == 7:
            for position in context.positions:
                context.emit_signal(position.symbol, "close_long" if position.is_long else "close_short")


class Failing(Strategy):
    """Raise in one of its handlers, or end its process."""

    handler: str = "on_bar"
    after: int = 3
    how: str = "raise"

    def on_start(self, context: Context) -> None:
        self._bars = 0
        self._fail("on_start")

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        sys.stdout.write(f"seen {bar.symbol} {bar.closed_at.date()}\n")
        self._bars += 1
        if self._bars == self.after:
            context.emit_signal(bar.symbol, "open_long", quantity=1)
            self._fail("on_bar")

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        self._fail("on_fill")

    def on_stop(self, context: Context) -> None:
        self._fail("on_stop")

    def _fail(self, handler: str) -> None:
        if handler != self.handler:
            return
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exit":
            raise SystemExit(7)
        msg = "first line\nsecond line: ümlaut"
        raise ValueError(msg)


class Printing(Strategy):
    """Print, which must not disturb anything."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        sys.stdout.write("printed" if bar.symbol == "IBM" else "printed\n")

    def on_stop(self, context: Context) -> None:
        sys.stdout.write("the end")


class NeedsTable(Strategy):
    """Have a parameter that may be anything."""

    table: Any = None

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        context.log(f"{type(self.table).__name__} {self.table!r}")
