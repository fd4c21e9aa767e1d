"""Bytes of a run's files, and the one way to write them: whole or not at all.

Equal runs give equal bytes: no clock, no environment, keys and columns in their declared order.
"""

from __future__ import annotations

import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from qtrader.errors import QTraderError

if TYPE_CHECKING:
    import polars as pl

    from qtrader.services.reporting.metrics import PerformanceSummary


class OutputError(QTraderError):
    """Something could not be written or read back: names the path, the reason and what to do."""


def to_json(value: Any) -> bytes:
    """Write JSON-able values readably, two spaces deep, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2) + b"\n"


def metrics_json(summary: PerformanceSummary) -> bytes:
    """Write measures, drawdowns, monthly and yearly returns, conventions and notes."""
    return to_json(summary.to_dict())


def to_csv(frame: pl.DataFrame) -> bytes:
    """Write a frame as CSV: instants in ISO 8601 with `Z`, shortest digits of floats, null as nothing."""
    target = BytesIO()
    _write_csv(frame, target)
    return target.getvalue()


def to_parquet(frame: pl.DataFrame) -> bytes:
    """Write a frame as Parquet, compressed with zstd."""
    target = BytesIO()
    _write_parquet(frame, target)
    return target.getvalue()


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write what `to_csv` gives to a file, without holding it.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as target:
        _write_csv(frame, target)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write what `to_parquet` gives to a file, without holding it.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as target:
        _write_parquet(frame, target)


def _write_csv(frame: pl.DataFrame, target: IO[bytes]) -> None:
    frame.write_csv(target, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")


def _write_parquet(frame: pl.DataFrame, target: IO[bytes]) -> None:
    frame.write_parquet(target, compression="zstd", statistics=False)


def write_file(path: Path, content: bytes) -> Path:
    """Write a file beside its place, then move it there, so that it is never half there.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # the first failure is the one to tell; the same disk may refuse this too
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> OutputError:
    """Say what could not be written, why, and what to do."""
    return OutputError(
        f"{path} could not be written: {error.strerror or error}; nothing was left there; "
        "free space or correct the permissions, or choose another place, and repeat"
    )
