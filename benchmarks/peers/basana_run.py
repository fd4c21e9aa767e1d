"""Run workloads through basana: an asynchronous handler per bar (`callback`), all money in decimals.

Bars are made into its objects before the run. Market orders fill at the next open, the fee is 0.1 % of value,
liquidity is unlimited. It keeps orders and balances, but no log.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import adapter
import basana as bs
from basana.backtesting import exchange as exchanges
from basana.backtesting import fees, liquidity
from basana.core.event import FifoQueueEventSource


def bars_of(data, place, pair):
    """Return one symbol's bar events."""
    minute = timedelta(minutes=1)
    columns = [data.series(name, place).tolist() for name in ("open", "high", "low", "close", "volume")]
    events = []
    for closed_at_us, *row in zip(data.closed_at_us.tolist(), *columns, strict=True):
        closed_at = datetime.fromtimestamp(closed_at_us / 1e6, UTC)
        values = [Decimal(repr(value)) for value in row]
        events.append(bs.BarEvent(closed_at, bs.Bar(closed_at - minute, pair, *values, minute)))
    return events


def callback(data, options):
    """Prepare a run."""
    logic = adapter.logic(options)
    pairs = [bs.Pair(name, "USD") for name in data.names]
    given = [bars_of(data, place, pair) for place, pair in enumerate(pairs)]

    async def simulate():
        dispatcher = bs.backtesting_dispatcher()
        exchange = exchanges.Exchange(
            dispatcher,
            initial_balances={"USD": Decimal(int(adapter.CASH))},
            liquidity_strategy_factory=liquidity.InfiniteLiquidity,
            fee_strategy=fees.Percentage(Decimal("0.1")),
        )
        updates, held, orders = {pair: logic().update for pair in pairs}, set(), []
        size = Decimal(adapter.SHARES)

        async def on_bar(event):
            pair = event.bar.pair
            move = updates[pair](float(event.bar.close))
            if move > 0:
                held.add(pair)
                orders.append((await exchange.create_market_order(bs.OrderOperation.BUY, pair, size)).id)
            elif move < 0 and pair in held:
                held.discard(pair)
                orders.append((await exchange.create_market_order(bs.OrderOperation.SELL, pair, size)).id)

        for pair, events in zip(pairs, given, strict=True):
            exchange.subscribe_to_bar_events(pair, on_bar)
            exchange.add_bar_source(FifoQueueEventSource(events=list(events)))
        await dispatcher.run()
        infos = [await exchange.get_order_info(order) for order in orders]
        return sum(info.amount_filled > 0 for info in infos)

    return lambda: asyncio.run(simulate())


if __name__ == "__main__":
    adapter.main("basana", {"callback": callback})
