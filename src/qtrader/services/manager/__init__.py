"""The manager service: turns signals into sized, checked orders, or into refusals with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.manager.service import ManagerService as ManagerService

__all__ = [
    "ManagerService",
]

__getattr__ = loader(
    __name__,
    {
        "ManagerService": "qtrader.services.manager.service",
    },
)
