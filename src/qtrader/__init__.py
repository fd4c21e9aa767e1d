"""QTrader: event-driven backtesting whose every cent can be explained.

    import qtrader as qt
    results = qt.backtest(qt.sample_data(), "SMADualCrossStrategy")

Everything public stands here; it is loaded when it is first asked for, so that the import costs next to
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader
from qtrader.version import __version__

if TYPE_CHECKING:
    from qtrader.api import backtest as backtest
    from qtrader.api import check_lookahead as check_lookahead
    from qtrader.api import sweep as sweep
    from qtrader.engine.backtest_engine import BacktestEngine as BacktestEngine
    from qtrader.engine.results import Results as Results
    from qtrader.errors import QTraderError as QTraderError
    from qtrader.events.event_bus import EventBus as EventBus
    from qtrader.events.events import PriceBarEvent as PriceBarEvent
    from qtrader.events.vocabulary import SignalIntention as SignalIntention
    from qtrader.libraries import indicators as indicators
    from qtrader.sample import sample_data as sample_data
    from qtrader.services.data.service import DataService as DataService
    from qtrader.services.strategy.conditions import crosses as crosses
    from qtrader.services.strategy.conditions import crosses_above as crosses_above
    from qtrader.services.strategy.conditions import crosses_below as crosses_below
    from qtrader.services.strategy.conditions import side_of as side_of
    from qtrader.services.strategy.context import Context as Context
    from qtrader.services.strategy.panel import Panel as Panel
    from qtrader.services.strategy.protocol import Strategy as Strategy
    from qtrader.services.strategy.protocol import StrategySpec as StrategySpec
    from qtrader.services.strategy.signals import Signals as Signals
    from qtrader.services.strategy.vector import VectorStrategy as VectorStrategy

_HOMES = {
    "BacktestEngine": "qtrader.engine.backtest_engine",
    "Context": "qtrader.services.strategy.context",
    "DataService": "qtrader.services.data.service",
    "EventBus": "qtrader.events.event_bus",
    "Panel": "qtrader.services.strategy.panel",
    "PriceBarEvent": "qtrader.events.events",
    "QTraderError": "qtrader.errors",
    "Results": "qtrader.engine.results",
    "SignalIntention": "qtrader.events.vocabulary",
    "Signals": "qtrader.services.strategy.signals",
    "Strategy": "qtrader.services.strategy.protocol",
    "StrategySpec": "qtrader.services.strategy.protocol",
    "VectorStrategy": "qtrader.services.strategy.vector",
    "backtest": "qtrader.api",
    "check_lookahead": "qtrader.api",
    "crosses": "qtrader.services.strategy.conditions",
    "crosses_above": "qtrader.services.strategy.conditions",
    "crosses_below": "qtrader.services.strategy.conditions",
    "indicators": "qtrader.libraries.indicators",
    "sample_data": "qtrader.sample",
    "side_of": "qtrader.services.strategy.conditions",
    "sweep": "qtrader.api",
}

__all__ = [
    "BacktestEngine",
    "Context",
    "DataService",
    "EventBus",
    "Panel",
    "PriceBarEvent",
    "QTraderError",
    "Results",
    "SignalIntention",
    "Signals",
    "Strategy",
    "StrategySpec",
    "VectorStrategy",
    "__version__",
    "backtest",
    "check_lookahead",
    "crosses",
    "crosses_above",
    "crosses_below",
    "indicators",
    "sample_data",
    "side_of",
    "sweep",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
