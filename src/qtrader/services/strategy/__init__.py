"""The strategy service: runs strategies on bars and publishes their signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.strategy.context import Context as Context
    from qtrader.services.strategy.instant_bars import InstantBars as InstantBars
    from qtrader.services.strategy.panel import Panel as Panel
    from qtrader.services.strategy.protocol import Strategy as Strategy
    from qtrader.services.strategy.protocol import StrategySpec as StrategySpec
    from qtrader.services.strategy.service import StrategyService as StrategyService
    from qtrader.services.strategy.signals import Signals as Signals
    from qtrader.services.strategy.vector import VectorStrategy as VectorStrategy

__all__ = [
    "Context",
    "InstantBars",
    "Panel",
    "Signals",
    "Strategy",
    "StrategyService",
    "StrategySpec",
    "VectorStrategy",
]

__getattr__ = loader(
    __name__,
    {
        "Context": "qtrader.services.strategy.context",
        "InstantBars": "qtrader.services.strategy.instant_bars",
        "Panel": "qtrader.services.strategy.panel",
        "Signals": "qtrader.services.strategy.signals",
        "Strategy": "qtrader.services.strategy.protocol",
        "StrategyService": "qtrader.services.strategy.service",
        "StrategySpec": "qtrader.services.strategy.protocol",
        "VectorStrategy": "qtrader.services.strategy.vector",
    },
)
