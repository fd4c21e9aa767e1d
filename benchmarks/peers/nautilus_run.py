"""Run workloads through NautilusTrader: per-bar Python in `on_bar` (`callback`), logging switched off.

Bars are made into its objects before the run. It has no order for the next open: a market order that is sent
at a close fills at that close, for its matching engine then knows no other price; the fee of 0.1 % is the
instrument's taker fee. Orders, positions and events are kept in its cache; nothing is written to disk.
"""

from __future__ import annotations

from decimal import Decimal

import adapter
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")


def instrument(name):
    """Return a share that costs 0.1 % to trade."""
    return Equity(
        instrument_id=InstrumentId(Symbol(name), VENUE),
        raw_symbol=Symbol(name),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def callback(data, options):
    """Prepare a run: an engine with its bars."""
    logic = adapter.logic(options)
    config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(config=config)
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=USD,
        starting_balances=[Money(adapter.CASH, USD)],
    )
    kinds = []
    for place, name in enumerate(data.names):
        share = instrument(name)
        engine.add_instrument(share)
        kind = BarType.from_str(f"{name}.SIM-1-MINUTE-LAST-EXTERNAL")
        names = ("open", "high", "low", "close", "volume")
        frame = pd.DataFrame(
            {column: data.series(column, place) for column in names},
            index=pd.to_datetime(data.closed_at_us, unit="us", utc=True),
        )
        engine.add_data(BarDataWrangler(kind, share).process(frame), sort=False)
        kinds.append(kind)
    engine.sort_data()

    class Crossing(Strategy):
        def on_start(self):
            self.states = {}
            for kind in kinds:
                self.states[kind] = (logic().update, kind.instrument_id)
                self.subscribe_bars(kind)
            self.held = set()
            self.size = Quantity.from_int(100)

        def on_bar(self, bar):
            update, share = self.states[bar.bar_type]
            move = update(bar.close.as_double())
            if move > 0:
                self.held.add(share)
                self.submit_order(self.order_factory.market(share, OrderSide.BUY, self.size))
            elif move < 0 and share in self.held:
                self.held.discard(share)
                self.submit_order(self.order_factory.market(share, OrderSide.SELL, self.size))

    engine.add_strategy(Crossing(StrategyConfig()))

    def run():
        engine.run()
        return sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders())

    return run


if __name__ == "__main__":
    adapter.main("nautilus_trader", {"callback": callback})
