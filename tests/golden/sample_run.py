"""The golden run: half a year of the shipped prices, with as much happening as fits.

Three symbols, two strategies, a split (AAPL, 2005-02-28), dividends (a special and a regular one of MSFT on
one date), brackets, day orders that expire, limits, stops, stop-limits, shorts, reversals, fractions,
refusals, commission, slippage, warmup.

    PYTHONPATH=src:. python -m tests.golden.sample_run            prints the digest of the complete log
    PYTHONPATH=src:. python -m tests.golden.sample_run --write    writes sample_run.txt again

`sample_run.txt` holds that digest and one line for each decision: when the bytes change, the diff of the
lines says what changed. It is written again only for a change of what numbers mean, which the changelog then
names. The run's id is given, so that neither the version nor this file's text is in the bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from hashlib import blake2b
from pathlib import Path

import qtrader as qt
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    RiskDecisionEvent,
    SignalEvent,
    SignalRejectedEvent,
)

GOLDEN = Path(__file__).with_suffix(".txt")


class Rounds:
    """Go through a round of twenty bars with each symbol, one kind of order after another."""

    def __init__(self) -> None:
        self.bars: dict[str, int] = {}

    def on_bar(self, bar: PriceBarEvent, context: qt.Context) -> None:
        count = self.bars[bar.symbol] = self.bars.get(bar.symbol, -1) + 1
        step = (count + {"AAPL": 0, "IBM": 7, "MSFT": 13}[bar.symbol]) % 20

        def at(factor: float) -> float:
            return round(bar.close * factor, 2)

        emit, symbol = context.emit_signal, bar.symbol
        if step == 0:
            emit(symbol, "open_long", stop_loss=at(0.97), take_profit=at(1.03), reason="a bracket")
        elif step == 2:
            emit(symbol, "open_long", quantity=10, reason="again")
        elif step == 4:
            emit(symbol, "close_long", fraction="0.5")
        elif step == 6:
            emit(symbol, "open_short", quantity=50, stop_loss=at(1.04))
        elif step == 9:
            emit(symbol, "open_long", order_type="limit", limit_price=at(0.985), time_in_force="day")
        elif step == 11:
            emit(symbol, "open_long", order_type="stop", stop_price=at(1.002), quantity=30)
        elif step == 14:
            emit(
                symbol,
                "open_short",
                order_type="stop_limit",
                stop_price=at(0.999),
                limit_price=at(0.997),
                quantity=20,
            )
        elif step == 16:
            emit(symbol, "open_long", quantity=100_000, reason="too much")
        elif step == 17:
            emit(symbol, "open_long", stop_loss=at(1.01), quantity=5)
        elif step == 18:
            emit(symbol, "close_short")


class Laggard:
    """Hold the symbol that fell most over ten days, chosen once for all bars of an instant."""

    def on_slice(self, bars: tuple[PriceBarEvent, ...], context: qt.Context) -> None:
        if context.now.day % 7 or any(len(context.history(bar.symbol)) < 10 for bar in bars):
            return
        changes = {}
        for bar in bars:
            window = context.history(bar.symbol, 10)
            changes[bar.symbol] = float(window.close[-1] / window.close[0])
        chosen = min(changes, key=lambda symbol: (changes[symbol], symbol))
        for symbol in changes:
            if context.position(symbol) and symbol != chosen:
                context.emit_signal(symbol, "close_long", reason=f"{chosen} fell more")
        context.emit_signal(chosen, "open_long", confidence=0.5)

    def on_refusal(self, refusal: object, context: qt.Context) -> None:
        context.log("refused", what=str(refusal)[:10])


def results() -> qt.Results:
    """Run it."""
    return qt.backtest(
        qt.sample_data(),
        [qt.StrategySpec(Rounds, "rounds"), qt.StrategySpec(Laggard, "laggard")],
        start=date(2004, 11, 1),
        end=date(2005, 4, 29),
        warmup_bars=12,
        run_id="golden",
        valuation_calendar="XNYS",
        slippage_bps=3,
        execution={"commission": {"type": "percent", "percent": "0.1"}},
    )


def digest(found: qt.Results) -> str:
    """Digest the complete log, bars included, as contract documents."""
    total = blake2b(digest_size=32)
    for sequence, event in found.events():
        total.update(codec.encode(event, sequence) + b"\n")
    return total.hexdigest()


def lines(found: qt.Results) -> Iterator[str]:
    """Write the run for a reader: the digest, then a line for each decision."""
    yield f"digest {digest(found)}"
    for sequence, event in found.events():
        if not isinstance(event, PriceBarEvent):
            text = describe(event)
            if text:
                yield f"{sequence:5d} {event.occurred_at:%Y-%m-%d %H:%M} {text}"


def describe(event: ValidatedEvent) -> str:  # noqa: PLR0911 - one line for each kind of event
    """Say in one line what an event says; empty for those that only repeat."""
    number = canonical_decimal
    if isinstance(event, CorporateActionEvent):
        return f"action     {event.action_id} {number(event.ratio or event.amount or 0)}"
    if isinstance(event, SignalEvent):
        return f"signal     {event.signal_id} {event.intention} {event.order_type} at {number(event.price)}"
    if isinstance(event, RiskDecisionEvent):
        return f"decision   {event.decision_id} {event.verdict} {number(event.approved_quantity)}"
    if isinstance(event, SignalRejectedEvent):
        return f"refusal    {event.signal_id} {event.reason}: {event.message}"
    if isinstance(event, OrderEvent):
        return f"order      {event.order_id} {event.side} {number(event.quantity)} {event.time_in_force}"
    if isinstance(event, OrderUpdateEvent):
        is_news = event.reason not in ("accepted", "filled")
        return f"update     {event.order_id} {event.status} {event.reason}" if is_news else ""
    if isinstance(event, FillEvent):
        flag = " ambiguous" if event.is_ambiguous else ""
        traded = f"{number(event.quantity)} at {number(event.price)}"
        return f"fill       {event.fill_id} {traded} ({event.basis}){flag}"
    if isinstance(event, LedgerEntryEvent):
        return f"ledger     {event.kind}: {event.description}"
    if isinstance(event, ConsolidatedPortfolioEvent):
        return f"valuation  equity {number(event.equity)} cash {number(event.cash)}"
    return ""


def main() -> None:
    """Print the digest, or write the file."""
    found = results()
    if "--write" in sys.argv[1:]:
        GOLDEN.write_text("\n".join(lines(found)) + "\n", encoding="utf-8")
    sys.stdout.write(digest(found) + "\n")


if __name__ == "__main__":
    main()
