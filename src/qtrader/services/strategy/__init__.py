"""The strategy service: runs strategies on bars and publishes their signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.strategy.context import Context as Context
    from qtrader.services.strategy.protocol import Strategy as Strategy
    from qtrader.services.strategy.protocol import StrategySpec as StrategySpec
    from qtrader.services.strategy.service import StrategyService as StrategyService

__all__ = [
    "Context",
    "Strategy",
    "StrategyService",
    "StrategySpec",
]

__getattr__ = loader(
    __name__,
    {
        "Context": "qtrader.services.strategy.context",
        "Strategy": "qtrader.services.strategy.protocol",
        "StrategyService": "qtrader.services.strategy.service",
        "StrategySpec": "qtrader.services.strategy.protocol",
    },
)
