"""The engine: configuration, wiring, and the loop that takes a run through its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.engine.backtest_engine import BacktestEngine as BacktestEngine
    from qtrader.engine.config import RunConfig as RunConfig
    from qtrader.engine.results import Results as Results

__all__ = [
    "BacktestEngine",
    "Results",
    "RunConfig",
]

__getattr__ = loader(
    __name__,
    {
        "BacktestEngine": "qtrader.engine.backtest_engine",
        "Results": "qtrader.engine.results",
        "RunConfig": "qtrader.engine.config",
    },
)
