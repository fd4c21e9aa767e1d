"""A strategy on columns says the same of a whole tape, of blocks of one, and instant by instant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.libraries.indicators import ATR, EMA, MACD, RSI, SMA, BollingerBands
from qtrader.market.tape import Tape, TapeColumns
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.strategy import asking
from qtrader.services.strategy.asking import StreamAsker, plans_over
from qtrader.services.strategy.conditions import crosses, crosses_above, crosses_below, side_of
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.plan import SignalPlan
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

#: What is wanted at a place: (instant, symbol, exit, entry, side, terms, weight, reason).
Said = tuple[Any, ...]
MINUTE_US = 60_000_000


class MappedTape(Tape):
    """A tape that says that it is mapped from files."""

    is_mapped = True


class Everything(VectorStrategy):
    """Ask every indicator, some of them late, and look some instants back."""

    lookback = 5

    def signals(self, panel: Panel) -> Signals:
        fast, slow = panel.indicator(SMA(2)), panel.indicator(SMA(5, field="high"))
        is_late = (panel.closed_at_us >= 9 * MINUTE_US)[:, None]
        if not is_late.any():
            # The other indicators are asked for in later pieces only.
            return Signals(entry=crosses(fast, slow), side=side_of(fast, slow))
        average, strength = panel.indicator(EMA(4)), panel.indicator(RSI(3))
        ranges, macd = panel.indicator(ATR(2)), panel.indicator(MACD(2, 4, 3))
        lower, middle, upper = panel.indicator(BollingerBands(4))
        before = np.full(panel.shape, np.nan)
        before[4:] = panel.close[:-4]
        stop = np.where(is_late & (ranges > 0.25), panel.close - ranges, np.nan)

        def reason(time: int, symbol: int) -> str | None:
            if not is_late[time]:
                return None
            shown = (each[time, symbol] for each in (average, macd.signal, lower, middle, upper, strength))
            return " ".join(repr(float(each)) for each in shown)

        return Signals(
            entry=crosses(fast, slow),
            exit=is_late & (before > panel.close) & (strength < 60),
            side=side_of(fast, slow),
            stop_loss=stop,
            reason=reason,
        )


class Crossing(VectorStrategy):
    """Nothing but indicators and conditions: these need no lookback at all."""

    lookback = 1

    def signals(self, panel: Panel) -> Signals:
        fast, slow = panel.indicator(EMA(2)), panel.indicator(SMA(3))
        return Signals(
            entry=crosses_above(fast, slow),
            exit=crosses_below(fast, slow),
            reason=lambda time, symbol: f"{fast[time, symbol]!r} {slow[time, symbol]!r}",
        )


class Weighing(VectorStrategy):
    """Hold what has risen."""

    lookback = 3

    def signals(self, panel: Panel) -> Signals:
        average = panel.indicator(SMA(3))
        weights = np.where(panel.close > average, 0.25, np.nan)
        return Signals(target_weights=np.where(panel.close < average, 0.0, weights))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    """Draw minutes of one to three symbols, with bars missing, still prices and a split."""
    parts = []
    minutes = draw(st.integers(1, 40))
    for symbol in ("A", "B", "C")[: draw(st.integers(1, 3))]:
        here = np.array(draw(st.lists(st.booleans(), min_size=minutes, max_size=minutes)), dtype=bool)
        if draw(st.booleans()):
            here[:] = True
        at = np.flatnonzero(here) * MINUTE_US
        if not len(at):
            continue
        moves = draw(st.lists(st.sampled_from([0, 0, 0, 1, -1, 4, -4]), min_size=len(at), max_size=len(at)))
        close = 100 + np.cumsum(moves) / 4
        factor = np.where(np.arange(len(at)) < draw(st.integers(0, 60)), 1.0, 2.0)
        parts.append(
            SymbolColumns(
                symbol=symbol,
                interval="1m",
                opened_at_us=at,
                closed_at_us=at + MINUTE_US,
                open=close,
                high=close + draw(st.sampled_from([0.0, 0.5])),
                low=close - 0.25,
                close=close,
                volume=np.full(len(at), 1.0),
                signal_factor=factor,
            )
        )
    return build_tape(parts) if parts else draw(tapes())


def said(plans: Any, panel_symbols: tuple[str, ...]) -> list[Said]:
    """Write out plans."""
    found: list[Said] = []
    plan: SignalPlan
    for plan in plans:
        assert plan.symbols == panel_symbols
        for place in range(len(plan)):
            has_order = bool(plan.is_entry[place])
            what = plan.symbol(place), bool(plan.is_exit[place]), has_order
            order = (int(plan.sides[place]), plan.order_at(place)) if has_order else None
            weight = None if plan.weights is None else float(plan.weights[place])
            found += [(int(plan.closed_at_us[place]), *what, order, weight, plan.reason_at(place))]
    return found


def agree(
    strategy: VectorStrategy, tape: Tape, symbols: tuple[str, ...], block_rows: int, *, streams: bool = True
) -> None:
    whole = list(plans_over(strategy, "s", tape, symbols, "1m"))
    expected = said(whole, symbols)
    rows = [int(row) for plan in whole for row in plan.rows]
    assert [(int(tape.closed_at_us[row]), tape.symbol_at(row)) for row in rows] == [e[:2] for e in expected]

    mapped = MappedTape(tape.symbols, tape.intervals, TapeColumns._make(tape.columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "BLOCK_ROWS", block_rows)
        blocks = list(plans_over(strategy, "s", mapped, symbols, "1m"))
    assert said(blocks, symbols) == expected
    assert [int(row) for plan in blocks for row in plan.rows] == rows

    if not streams:
        return
    asker = StreamAsker(strategy, "s", symbols, "1m")
    streamed = []
    for instant in range(tape.instant_count):
        part = tape.rows_of_instant(instant)
        plan = asker.ask(list(tape.bars(part.start, part.stop)))
        if plan is not None:
            streamed.append(plan)
    assert said(streamed, symbols) == expected


strategies = st.sampled_from([Everything(), Crossing(), Weighing()])


def drawn(tape: Tape, data: st.DataObject) -> None:
    symbols = tuple(sorted(data.draw(st.sets(st.sampled_from(tape.symbols), min_size=1))))
    agree(data.draw(strategies), tape, symbols, data.draw(st.integers(1, 12)))


@settings(max_examples=40, deadline=None)
@given(tapes(), st.data())
def test_pieces_say_what_the_whole_says(tape: Tape, data: st.DataObject) -> None:
    drawn(tape, data)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(tapes(), st.data())
def test_pieces_say_what_the_whole_says_many_times(tape: Tape, data: st.DataObject) -> None:
    drawn(tape, data)


def test_sums_that_are_added_up_afresh_agree_across_blocks() -> None:
    # Longer than several anchors of the averages, in prices of many digits.
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 1_200)))
    at = np.arange(1_200) * MINUTE_US
    tape = build_tape(
        [
            SymbolColumns(
                symbol="A",
                interval="1m",
                opened_at_us=at,
                closed_at_us=at + MINUTE_US,
                open=close,
                high=close,
                low=close,
                close=close,
            )
        ]
    )
    agree(Crossing(), tape, ("A",), 257)
    for block_rows in (100, 257, 700):
        agree(Everything(), tape, ("A",), block_rows, streams=False)
