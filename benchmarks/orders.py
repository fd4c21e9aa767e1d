"""What resting orders cost: a bar that reaches none of them, with few and with many at rest.

    python -m benchmarks.orders

Times are ratios to the call of an empty method, taken in the same round.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import Any

from qtrader.clock import from_epoch_us
from qtrader.events.events import OrderEvent, PriceBarEvent
from qtrader.events.identity import Envelope, Origin
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.services.execution.service import ExecutionService
from qtrader.services.execution.settings import ExecutionSettings

FEW, MANY = 10, 10_000
BARS = 20_000


class Quiet:
    """A market that nobody asks, and a method that does nothing."""

    def nothing(self, bars: object, now: object) -> None:
        """Do nothing."""

    def session_close_after(self, symbol: str, instant_us: int) -> int:
        """Return an instant."""
        return instant_us + len(symbol)

    def session_prints(self, bar: PriceBarEvent) -> tuple[bool, bool]:
        """Say that a bar is a session."""
        return bar.opened_at_us > 0, True

    def previous_bar(self, bar: PriceBarEvent) -> PriceBarEvent | None:
        """Return the same bar."""
        return bar

    def last_price(self, symbol: str) -> Decimal | None:
        """Return a price."""
        return Decimal(len(symbol))

    def average_true_range(self, strategy_id: str, symbol: str, period: int, at_us: int) -> Decimal | None:
        """Return a range."""
        return Decimal(period + at_us + len(symbol) + len(strategy_id))


def limit_order(number: int) -> OrderEvent:
    """Make a limit order below the market or above it."""
    side = Side.BUY if number % 2 else Side.SELL
    price = Decimal(90) - number % 997 if side is Side.BUY else Decimal(110) + number % 997
    return OrderEvent(
        envelope=Envelope.known(event_id=str(number), run_id="bench", occurred_at=from_epoch_us(1)),
        order_id=str(number),
        signal_id="signal",
        strategy_id="strategy",
        symbol="AAPL",
        side=side,
        quantity=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose.OPEN,
        limit_price=max(price, Decimal(1)),
    )


def service_with(orders: int) -> ExecutionService:
    """Make a service with so many limit orders at rest on one symbol."""
    events: list[Any] = []
    service = ExecutionService(
        publish=events.append,
        origin=Origin("bench", "execution_service"),
        settings=ExecutionSettings(),
        instrument=lambda symbol: Instrument(symbol=symbol),
        market=Quiet(),
    )
    for number in range(orders):
        service.on_order(limit_order(number))
    return service


def per_call(call: Callable[[Any, Any], None]) -> float:
    """Return the seconds of one call with a bar that reaches no order."""
    bars, now = [PriceBarEvent("AAPL", "1d", 2, 3, 100.0, 105.0, 95.0, 101.0, 1e6)], from_epoch_us(3)
    began = time.perf_counter()
    for _ in range(BARS):
        call(bars, now)
    return (time.perf_counter() - began) / BARS


def bench_orders(rounds: int) -> None:
    """Compare a bar's cost with few and many orders at rest."""
    empty, few, many = Quiet().nothing, service_with(FEW).begin_instant, service_with(MANY).begin_instant
    found = [(per_call(empty), per_call(few), per_call(many)) for _ in range(rounds)]
    call = median(row[0] for row in found)
    print(f"\na bar that reaches none of the limit orders that rest on its symbol, {rounds} rounds")
    print(f"  empty method call        {call * 1e9:8.0f} ns")
    for place, orders in ((1, FEW), (2, MANY)):
        taken = median(row[place] for row in found)
        each = median(row[place] / row[0] for row in found) / orders
        print(
            f"  {orders:>6,} orders            {taken * 1e9:8.0f} ns a bar, "
            f"{taken / orders * 1e9:8.3f} ns an order (goal 500), {each:.4f} empty calls an order"
        )
    print(f"  {MANY:,} / {FEW} orders        {median(row[2] / row[1] for row in found):8.2f} (goal 1.2)")


if __name__ == "__main__":
    bench_orders(5)
