"""The portfolio service: lots, cash, dividends and splits, in a ledger of which every entry balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.portfolio.lot_tracker import LotTracker as LotTracker
    from qtrader.services.portfolio.models import LedgerEntry as LedgerEntry
    from qtrader.services.portfolio.models import Lot as Lot
    from qtrader.services.portfolio.models import Position as Position
    from qtrader.services.portfolio.service import PortfolioService as PortfolioService
    from qtrader.services.portfolio.settings import PortfolioSettings as PortfolioSettings

__all__ = [
    "LedgerEntry",
    "Lot",
    "LotTracker",
    "PortfolioService",
    "PortfolioSettings",
    "Position",
]

__getattr__ = loader(
    __name__,
    {
        "LedgerEntry": "qtrader.services.portfolio.models",
        "Lot": "qtrader.services.portfolio.models",
        "LotTracker": "qtrader.services.portfolio.lot_tracker",
        "PortfolioService": "qtrader.services.portfolio.service",
        "PortfolioSettings": "qtrader.services.portfolio.settings",
        "Position": "qtrader.services.portfolio.models",
    },
)
