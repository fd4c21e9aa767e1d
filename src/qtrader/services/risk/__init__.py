"""The risk service: sizes what a signal asks for and checks it against limits, each with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.risk.policy import RiskPolicy as RiskPolicy
    from qtrader.services.risk.service import RiskService as RiskService

__all__ = [
    "RiskPolicy",
    "RiskService",
]

__getattr__ = loader(
    __name__,
    {
        "RiskPolicy": "qtrader.services.risk.policy",
        "RiskService": "qtrader.services.risk.service",
    },
)
