"""Run workloads through zipline-reloaded: `handle_data` per session on daily bars (`callback`).

Its data come from a bundle of its own, written before the run to a folder that the run removes. A market
order fills at the close of the next bar, for its simulation of daily bars knows no next open; commission is
0.1 % of value, slippage is none. Prices are read through its data portal, one symbol at a time.
"""

from __future__ import annotations

import os
import tempfile
import warnings

HOME = tempfile.TemporaryDirectory(prefix="zipline-")
os.environ["ZIPLINE_ROOT"] = HOME.name

warnings.filterwarnings("ignore")

import adapter  # noqa: E402 - the folder is named before
import pandas as pd  # noqa: E402
from zipline import run_algorithm  # noqa: E402
from zipline.api import order, set_commission, set_slippage, symbol  # noqa: E402
from zipline.data import bundles  # noqa: E402
from zipline.finance import commission, slippage  # noqa: E402
from zipline.utils.calendar_utils import get_calendar  # noqa: E402

CALENDAR = "24/7"


def ingest(name, data, sessions):
    """Write a bundle."""

    def write(environ, asset_db_writer, minute_bar_writer, daily_bar_writer, adjustment_writer, *rest):
        del environ, minute_bar_writer, rest
        frames = []
        for place in range(data.symbols):
            columns = {
                field: data.series(field, place) for field in ("open", "high", "low", "close", "volume")
            }
            frames.append((place, pd.DataFrame(columns, index=sessions)))
        daily_bar_writer.write(iter(frames))
        equities = pd.DataFrame(
            {
                "symbol": data.names,
                "asset_name": data.names,
                "start_date": sessions[0],
                "end_date": sessions[-1],
                "first_traded": sessions[0],
                "auto_close_date": sessions[-1] + pd.Timedelta(days=1),
                "exchange": "SIM",
            }
        )
        exchanges = pd.DataFrame({"exchange": ["SIM"], "canonical_name": ["SIM"], "country_code": ["US"]})
        asset_db_writer.write(equities=equities, exchanges=exchanges)
        adjustment_writer.write()

    bundles.register(name, write, calendar_name=CALENDAR, start_session=sessions[0], end_session=sessions[-1])
    bundles.ingest(name, show_progress=False)


def callback(data, options):
    """Prepare a run: a bundle."""
    logic = adapter.logic(options)
    sessions = pd.to_datetime(data.closed_at_us - 86_400_000_000, unit="us").normalize()
    name = f"bench-{data.bars}-{data.symbols}"
    ingest(name, data, sessions)

    def initialize(context):
        set_commission(commission.PerDollar(cost=adapter.COMMISSION))
        set_slippage(slippage.NoSlippage())
        context.updates = {symbol(each): logic().update for each in data.names}
        context.held = set()

    def handle_data(context, bars):
        held = context.held
        prices = bars.current(list(context.updates), "close")
        for asset, update in context.updates.items():
            price = prices[asset]
            # The first session has no price yet.
            move = 0 if price != price else update(price)  # noqa: PLR0124 - NaN alone differs from itself
            if move > 0:
                held.add(asset)
                order(asset, adapter.SHARES)
            elif move < 0 and asset in held:
                held.discard(asset)
                order(asset, -adapter.SHARES)

    def run():
        found = run_algorithm(
            start=sessions[0],
            end=sessions[-1],
            initialize=initialize,
            handle_data=handle_data,
            capital_base=adapter.CASH,
            data_frequency="daily",
            bundle=name,
            trading_calendar=get_calendar(CALENDAR),
            benchmark_returns=pd.Series(0.0, index=sessions.tz_localize("UTC")),
        )
        # What is held at the last session is sold without an order.
        return sum(one["order_id"] is not None for each in found["transactions"] for one in each)

    return run


if __name__ == "__main__":
    adapter.main("zipline-reloaded", {"callback": callback})
