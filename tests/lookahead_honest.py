"""Strategies that know nothing but what they could; none of them may be suspected."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl
from tests.engine_inputs import closes, daily, dividend, hourly, inputs_of, session, split
from tests.lookahead_peeks import Momentum, Trader, bars

import qtrader as qt
from qtrader.engine.inputs import Inputs
from qtrader.events.events import FillEvent, OrderUpdateEvent, PriceBarEvent, SignalRejectedEvent
from qtrader.market.universe import Membership, Universe
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.protocol import Strategy, StrategySpec
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy


class Breakout(Strategy):
    """Buy a new high of the history, with a stop and a target."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        window = context.history(count=20)
        if len(window) == 20 and bar.close >= window.close.max() and not context.position(bar.symbol):
            context.emit_signal(
                bar.symbol, "open_long", stop_loss=bar.close * 0.95, take_profit=bar.close * 1.1
            )


class Rising(VectorStrategy):
    """Share the account among the symbols that have risen over ten bars."""

    def signals(self, panel: Panel) -> Signals:
        before = np.full(panel.shape, np.nan)
        before[10:] = panel.close[:-10]
        weights = np.where(panel.close > before, 1 / panel.shape[1], 0.0)
        # Only where it is decided anew: positions are not trimmed every day.
        changes = np.ones(panel.shape, dtype=bool)
        changes[1:] = weights[1:] != weights[:-1]
        return Signals(target_weights=np.where(changes & panel.has_bar, weights, np.nan))


class Dice(Strategy):
    """Trade by chance, the same in every run."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        if context.rng.random() < 0.1:
            wish = "close_long" if context.position(bar.symbol) else "open_long"
            context.emit_signal(bar.symbol, wish, quantity=context.rng.randint(1, 50))


class Strongest(Strategy):
    """Hold the symbol that rose most, looking at all that close together."""

    def on_start(self, context: Context) -> None:
        self.held = ""

    def on_slice(self, bars: Sequence[PriceBarEvent], context: Context) -> None:
        best = max(bars, key=lambda bar: bar.close / bar.open).symbol
        if best != self.held:
            if context.position(self.held or best):
                context.emit_signal(self.held or best, "close_long")
            context.emit_signal(best, "open_long", reason=f"strongest of {len(bars)}")
            self.held = best


class Replies(Strategy):
    """Act on fills, order updates and refusals, and say so to the end."""

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        if not context.position(bar.symbol):
            context.emit_signal(
                bar.symbol, "open_long", order_type="limit", limit_price=bar.close * 0.99, time_in_force="day"
            )

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        context.log("filled", price=str(fill.price))
        if fill.purpose == "open":
            context.emit_signal(fill.symbol, "close_long")

    def on_order(self, update: OrderUpdateEvent, context: Context) -> None:
        context.record("updates", 1.0)

    def on_refusal(self, refusal: SignalRejectedEvent, context: Context) -> None:
        context.log("refused", reason=refusal.reason)

    def on_stop(self, context: Context) -> None:
        context.log("the end", equity=str(context.equity))
        context.record("equity", float(context.equity))


class StopOrders(Strategy):
    """Enter on stops and stop-limits in turn, both ways."""

    def on_start(self, context: Context) -> None:
        self.count = 0

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self.count += 1
        position = context.position(bar.symbol)
        if position.is_long:
            context.emit_signal(bar.symbol, "close_long", order_type="stop", stop_price=bar.low * 0.99)
        elif position.is_short:
            context.emit_signal(bar.symbol, "close_short", order_type="limit", limit_price=bar.low * 0.98)
        elif self.count % 2:
            wish: dict[str, Any] = {"order_type": "stop", "stop_price": bar.high * 1.01}
            context.emit_signal(bar.symbol, "open_long", time_in_force="day", **wish)
        else:
            wish = {"order_type": "stop_limit", "stop_price": bar.low * 0.99, "limit_price": bar.low * 0.98}
            context.emit_signal(bar.symbol, "open_short", time_in_force="day", **wish)


class Tended(Strategy):
    """Move what rests, give it up now and then, and answer fills with requests, to the very end."""

    def on_start(self, context: Context) -> None:
        self.count = 0

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self.count += 1
        for order in context.orders:
            if order.is_entry and self.count % 5 == 0:
                context.cancel(order)
            elif order.is_entry:
                context.modify(order, limit_price=bar.close * 0.99)
            elif order.purpose == "stop_loss":
                context.modify(order, stop_price=bar.low * 0.97)
        if not context.orders and not context.position(bar.symbol):
            limit = {"order_type": "limit", "limit_price": bar.close * 0.985, "stop_loss": bar.close * 0.9}
            context.emit_signal(
                bar.symbol, "open_long", take_profit=[bar.close * 1.02, bar.close * 1.05], **limit
            )

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        for order in context.orders:
            context.modify(order, limit_price=fill.price * 2)
        context.cancel("nobody's")


class OldPricesFromAFrame(Trader):
    """Use a frame of its own up to the present day only."""

    frame: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        past = self.frame.filter(pl.col("date") < bar.closed_at.date())["close"]
        return bool(bar.close > past.tail(5).mean()) if len(past) >= 5 else None


class OldPricesFromAFile(Trader):
    """Read the sample by itself, another symbol with it, and use what was known."""

    def on_start(self, context: Context) -> None:
        self.frame = qt.sample_data("IBM", "MSFT").bars

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        past = self.frame.filter((pl.col("date") <= bar.closed_at.date()) & (pl.col("symbol") == "IBM"))
        return bool(past["close"][-1] > past["close"].tail(10).mean())


class LaggedSignals(Trader):
    """Follow signals that were computed from the data, each from what was known."""

    signals: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        return bool(self.signals[context.history().close.size - 1])


def lagged(frame: pl.DataFrame) -> dict[str, Any]:
    """Compute a signal for each row from it and the rows before."""
    above = frame["close"] > frame["close"].rolling_mean(10)
    return {"signals": above.fill_null(value=False).to_list()}


class ForgetsAtTheStart(Momentum):
    """Keep state in the class, and begin each run with none."""

    state: ClassVar[dict[str, float]] = {}

    def on_start(self, context: Context) -> None:
        super().on_start(context)
        self.state.clear()

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.state[bar.symbol] = bar.close
        return super().will_rise(bar, context)


class Addresses(Momentum):
    """Log what differs from run to run: no decision, but no log to compare either."""

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        context.log("object", at=object())
        return super().will_rise(bar, context)


def honest() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Give each kind of honest strategy by name, with how it is handed to the check."""
    one: dict[str, Any] = {"data": qt.sample_data("MSFT")}
    all_symbols: dict[str, Any] = {"data": qt.sample_data()}
    yield "moving averages", lambda: {**one, "strategy": "SMADualCrossStrategy", "parameters": {"slow": 20}}
    yield (
        "averages on columns",
        lambda: {**one, "strategy": "SMADualCrossColumns", "parameters": {"slow": 20}},
    )
    yield "weights on columns", lambda: {**all_symbols, "strategy": Rising}
    yield "buy and hold", lambda: {**all_symbols, "strategy": "BuyAndHoldStrategy"}
    yield (
        "short averages, a split, costs",
        lambda: {
            **all_symbols,
            "strategy": "SMADualCrossStrategy",
            "parameters": {"fast": 3, "slow": 8, "allow_short": True},
            "slippage_bps": 2,
            "commission": "0.1%",
        },
    )
    yield "history and brackets", lambda: {**one, "strategy": Breakout}
    yield "chance", lambda: {**all_symbols, "strategy": Dice, "seed": 7}
    yield "slices", lambda: {**all_symbols, "strategy": Strongest}
    yield "replies to notices", lambda: {**one, "strategy": Replies}
    yield "stop orders", lambda: {**one, "strategy": StopOrders, "valuation_calendar": "XNYS"}
    yield "cancels and changes", lambda: {**one, "strategy": Tended, "market_fill": "same_close"}
    yield "cancels and changes at the open", lambda: {**one, "strategy": Tended}
    yield "warmup", lambda: {**one, "strategy": Momentum, "warmup_bars": 30}
    yield (
        "a universe",
        lambda: {
            **all_symbols,
            "strategy": Breakout,
            "universe": pl.DataFrame(
                {
                    "symbol": ["AAPL", "IBM", "MSFT"],
                    "from": ["2000-01-01", "2000-06-01", "2000-01-01"],
                    "to": [None, None, "2000-05-01"],
                }
            ),
        },
    )
    yield (
        "several strategies",
        lambda: {
            **all_symbols,
            "strategy": [
                StrategySpec(Momentum, symbols=("MSFT",)),
                StrategySpec(Replies, symbols=("AAPL", "IBM")),
                StrategySpec(Strongest),
            ],
        },
    )
    yield "its own frame", lambda: {**one, "strategy": OldPricesFromAFrame, "parameters": {"frame": bars()}}
    yield "its own file", lambda: {**one, "strategy": OldPricesFromAFile}
    yield "computed parameters", lambda: {**one, "strategy": LaggedSignals, "parameters": lagged}
    yield "state in the class", lambda: {**one, "strategy": ForgetsAtTheStart}
    yield "logs that differ", lambda: {**one, "strategy": Addresses}
    yield "fills at the deciding close", lambda: {**one, "strategy": Momentum, "market_fill": "same_close"}
    yield (
        "total return and dividends",
        lambda: {
            **all_symbols,
            "strategy": Momentum,
            "signal_prices": "total_return",
            "dividends": "reinvest",
        },
    )


def mixed() -> Inputs:
    """Make days and hours of three exchanges, prices from a seeded walk, and a universe that changes."""
    draw = random.Random(11)  # noqa: S311 - prices of a test guard no secret

    def walk(size: int) -> list[tuple[float, float, float, float]]:
        price, found = 100.0, []
        for _ in range(size):
            price = round(price * (1 + draw.uniform(-0.02, 0.02)), 2)
            found.append(price)
        return closes(*found)

    return inputs_of(
        daily(walk(12), "A"),
        hourly(walk(80), "A"),
        daily(walk(12), "B", calendar="XLON"),
        hourly(walk(70), "C", calendar="XTKS"),
        calendars={"A": "XNYS", "B": "XLON", "C": "XTKS"},
        actions=[split(6, "2", "A"), dividend(4, "0.5", "A"), dividend(9, "0.7", "A")],
        universe=Universe(
            [
                Membership("A", session(0)),
                Membership("B", session(3)),
                Membership("C", session(0), session(5)),
            ]
        ),
    )
