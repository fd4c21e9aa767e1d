"""The data service: from files and frames to a checked tape, and from the tape to bars on the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.services.data.assembly import LoadedData as LoadedData
    from qtrader.services.data.service import DataService as DataService
    from qtrader.services.data.source import DataSource as DataSource
    from qtrader.services.data.source import DataSources as DataSources

__all__ = [
    "DataService",
    "DataSource",
    "DataSources",
    "LoadedData",
]

__getattr__ = loader(
    __name__,
    {
        "DataService": "qtrader.services.data.service",
        "DataSource": "qtrader.services.data.source",
        "DataSources": "qtrader.services.data.source",
        "LoadedData": "qtrader.services.data.assembly",
    },
)
