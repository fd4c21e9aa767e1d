"""Shipped strategies: small, readable, and used by the examples, the tests and the benchmarks."""

from __future__ import annotations

from qtrader.libraries.strategies.buy_and_hold import BuyAndHoldStrategy
from qtrader.libraries.strategies.sma_dual_cross import SMADualCrossColumns, SMADualCrossStrategy

#: Names that a configuration may use instead of "module:Class".
LIBRARY = {
    "BuyAndHoldStrategy": "qtrader.libraries.strategies.buy_and_hold:BuyAndHoldStrategy",
    "SMADualCrossStrategy": "qtrader.libraries.strategies.sma_dual_cross:SMADualCrossStrategy",
    "SMADualCrossColumns": "qtrader.libraries.strategies.sma_dual_cross:SMADualCrossColumns",
}

__all__ = ["LIBRARY", "BuyAndHoldStrategy", "SMADualCrossColumns", "SMADualCrossStrategy"]
