"""Strategies in two forms, on columns and bar by bar, and random tables of what they want."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from tests.engine_markets import ABOVE, BELOW, PRICES, SIZES

from qtrader.events.events import PriceBarEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.instant_bars import InstantBars
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.protocol import Strategy
from qtrader.services.strategy.signals import TERMS, Signals
from qtrader.services.strategy.vector import VectorStrategy


class Wanted(NamedTuple):
    """What is wanted at one bar."""

    closes: bool
    opens: bool
    side: int
    terms: dict[str, float]


@dataclass(frozen=True)
class Table:
    """What is wanted at which bar of which symbol, its bars of one interval counted from 0."""

    wanted: Mapping[tuple[str, int], Wanted]
    time_in_force: str = "gtc"


class BarByBar(Strategy):
    """Follow a table with `on_bar`."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.seen: Counter[str] = Counter()

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        symbol = bar.symbol
        wanted = self.table.wanted.get((symbol, self.seen[symbol]))
        self.seen[symbol] += 1
        if wanted is None:
            return
        if wanted.closes and (position := context.position(symbol)):
            side = "close_long" if position.is_long else "close_short"
            context.emit_signal(symbol, side, reason=self.reason(symbol))
        if wanted.opens:
            prices = [name for name in ("stop_price", "limit_price") if name in wanted.terms]
            context.emit_signal(
                symbol,
                "open_long" if wanted.side > 0 else "open_short",
                order_type="_".join(name.removesuffix("_price") for name in prices) or "market",
                time_in_force=self.table.time_in_force,
                reason=self.reason(symbol),
                **wanted.terms,
            )

    @staticmethod
    def reason(symbol: str) -> str:
        return f"as the table says of {symbol}"


class OnColumns(VectorStrategy):
    """Follow the same table with `signals`."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table

    def signals(self, panel: Panel) -> Signals:
        shape = panel.shape
        entry, leave = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        side = np.zeros(shape, dtype=np.int64)
        terms = {name: np.full(shape, np.nan) for name in TERMS}
        for place, symbol in enumerate(panel.symbols):
            times = np.flatnonzero(panel.has_bar[:, place])
            for (of, number), wanted in self.table.wanted.items():
                if of == symbol and number < len(times):
                    at = (times[number], place)
                    leave[at], entry[at], side[at] = wanted.closes, wanted.opens, wanted.side
                    for name, value in wanted.terms.items():
                        terms[name][at] = value

        def reason(time: int, symbol: int) -> str:
            assert entry[time, symbol] or leave[time, symbol]
            return BarByBar.reason(panel.symbols[symbol])

        return Signals(entry, leave, side, **terms, time_in_force=self.table.time_in_force, reason=reason)


@st.composite
def tables(draw: st.DrawFn, symbols: tuple[str, ...], bars: int) -> Table:
    """Draw what is wanted at some of the first bars of symbols."""
    places = st.tuples(st.sampled_from(symbols), st.integers(0, bars - 1))
    return Table(
        draw(st.dictionaries(places, wanteds(), min_size=3, max_size=12)),
        draw(st.sampled_from(["gtc", "day", "ioc"])),
    )


@st.composite
def wanteds(draw: st.DrawFn) -> Wanted:
    """Draw what is wanted at a bar, sensible or not."""
    side = draw(st.sampled_from([1, -1]))
    terms: dict[str, Any] = {}
    if draw(st.booleans()):
        terms["limit_price"] = draw(PRICES)
    if draw(st.integers(0, 3)) == 0:
        terms["stop_price"] = draw(ABOVE if side > 0 else BELOW)
    if draw(st.booleans()):
        terms["stop_loss"] = draw(BELOW if side > 0 else ABOVE)
    if draw(st.booleans()):
        terms["take_profit"] = draw(ABOVE if side > 0 else BELOW)
    if (quantity := draw(SIZES)) is not None:
        terms["quantity"] = float(quantity)
    if draw(st.integers(0, 3)) == 0:
        terms["confidence"] = draw(st.sampled_from([0.0, 0.25, 1.0]))
    closes, opens = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    return Wanted(closes, opens, side, terms)


@dataclass(frozen=True)
class WeightTable:
    """Which part of the account is wanted of which symbol at which of its bars, counted from 0."""

    wanted: Mapping[tuple[str, int], float]


class WeightsBySlices(Strategy):
    """Follow a table of weights with `on_slice`: sell what is too much, then buy what is too little."""

    def __init__(self, table: WeightTable, step: str = "1") -> None:
        super().__init__()
        self.table, self.step = table, Decimal(step)
        self.seen: Counter[str] = Counter()

    def on_slice(self, bars: InstantBars, context: Context) -> None:
        later = []
        equity = context.equity if self._wants(bars) else Decimal(0)
        for bar in bars:
            weight = self.table.wanted.get((bar.symbol, self.seen[bar.symbol]))
            self.seen[bar.symbol] += 1
            if weight is None:
                continue
            worth = equity * Decimal(repr(weight)) / Decimal(repr(bar.close))
            target = (abs(worth) // self.step) * self.step * (1 if worth > 0 else -1)
            held = context.position(bar.symbol).quantity
            word = "long" if held > 0 else "short"
            if held and target == 0:
                context.emit_signal(bar.symbol, f"close_{word}")
            elif held * target > 0 and abs(target) < abs(held):
                if part := (abs(held) - abs(target)) // self.step * self.step:
                    context.emit_signal(bar.symbol, f"close_{word}", quantity=part)
            elif target != held:
                quantity = abs(target) - (abs(held) if held * target > 0 else 0)
                later.append((bar.symbol, "open_long" if target > 0 else "open_short", quantity))
        for symbol, intention, quantity in later:
            context.emit_signal(symbol, intention, quantity=quantity)

    def _wants(self, bars: InstantBars) -> bool:
        return any((symbol, self.seen[symbol]) in self.table.wanted for symbol in bars.symbols)


class WeightsOnColumns(VectorStrategy):
    """Follow the same table with `signals`."""

    def __init__(self, table: WeightTable) -> None:
        super().__init__()
        self.table = table

    def signals(self, panel: Panel) -> Signals:
        weights = np.full(panel.shape, np.nan)
        for place, symbol in enumerate(panel.symbols):
            times = np.flatnonzero(panel.has_bar[:, place])
            for (of, number), weight in self.table.wanted.items():
                if of == symbol and number < len(times):
                    weights[times[number], place] = weight
        return Signals(target_weights=weights)


@st.composite
def weight_tables(draw: st.DrawFn, symbols: tuple[str, ...], bars: int) -> WeightTable:
    """Draw weights at some of the first bars of symbols."""
    places = st.tuples(st.sampled_from(symbols), st.integers(0, bars - 1))
    weights = st.sampled_from([0.0, 0.1, 0.25, 0.4, -0.2, -0.3])
    return WeightTable(draw(st.dictionaries(places, weights, min_size=3, max_size=12)))
