"""Execution: how orders rest, meet bars and fill, at what price and at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.execution.service import ExecutionService as ExecutionService
    from qtrader.services.execution.settings import ExecutionSettings as ExecutionSettings

__all__ = [
    "ExecutionService",
    "ExecutionSettings",
]

__getattr__ = loader(
    __name__,
    {
        "ExecutionService": "qtrader.services.execution.service",
        "ExecutionSettings": "qtrader.services.execution.settings",
    },
)
