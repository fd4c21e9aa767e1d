"""Small finished runs without the engine."""

from __future__ import annotations

from typing import Any

from tests.factories_tape import tape_of
from tests.run_builder import RunBuilder

from qtrader.engine.completed_run import CompletedRun
from qtrader.events.vocabulary import OrderPurpose

__all__ = ["RunBuilder", "tape_of", "tiny_run"]


def tiny_run(**overrides: Any) -> CompletedRun:
    """Give ten days: a long of AAPL, a short of MSFT that stays open, refusals, a resting order."""
    builder = RunBuilder(
        {
            "AAPL": [100, 102, 104, 103, 105, 107, 106, 108, 110, 109],
            "MSFT": [50, 49, 48, 49, 47, 46, 45, 46, 44, 43],
        }
    )
    builder.idle()
    builder.next_day()
    builder.trade("AAPL", 100, "102", commission="1.02", reason="fast above slow", slippage="0.5")
    builder.close_day()
    builder.next_day()
    builder.refuse("AAPL", 100, reason="already_open", message="100 AAPL are held already")
    builder.refuse("AAPL", 5000, reason="gross_leverage", message="too much", by_risk=True)
    builder.close_day().idle(2)
    builder.next_day()
    builder.trade("AAPL", -100, "107", commission="1.07", purpose=OrderPurpose.STOP_LOSS)
    builder.trade("MSFT", -200, "46", commission="0.92", reason="slow above fast")
    builder.close_day().idle(2)
    builder.next_day()
    builder.order("AAPL", 50, limit_price="90")
    builder.close_day().idle()
    return builder.completed(**overrides)
