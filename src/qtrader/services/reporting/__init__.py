"""Reporting: what a run earned, at what risk, and how each number is defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.reporting.service import ReportingService as ReportingService

__all__ = [
    "ReportingService",
]

__getattr__ = loader(
    __name__,
    {
        "ReportingService": "qtrader.services.reporting.service",
    },
)
