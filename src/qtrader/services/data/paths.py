"""Declared paths to files: as they are, or globs and directories in the order of their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtrader.errors import DataError
from qtrader.services.data.source import Format

CSV_SUFFIXES = (".csv", ".txt", ".csv.gz", ".txt.gz", ".tsv", ".tsv.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")


def expand_paths(paths: Sequence[Path], resolve: Callable[[Path], Path]) -> list[Path]:
    """Return the files that declared paths name: files as they are, globs and directories in name order.

    Raises:
        DataError: a path names nothing, or a directory holds no CSV or Parquet file.
    """
    files: dict[Path, None] = {}
    for declared in paths:
        path = resolve(declared)
        if path.is_dir():
            found = sorted(entry for entry in path.rglob("*") if entry.is_file() and format_of(entry))
            if not found:
                allowed = ", ".join(CSV_SUFFIXES + PARQUET_SUFFIXES)
                msg = f"{path}: the directory holds no data file; allowed are names that end in {allowed}"
                raise DataError(msg)
        elif any(letter in str(declared) for letter in "*?["):
            found = _glob(path)
            if not found:
                msg = f"{path}: no file fits this pattern"
                raise DataError(msg)
        elif path.is_file():
            found = [path]
        else:
            msg = f"{path}: no such file"
            raise DataError(msg)
        files.update(dict.fromkeys(found))
    return list(files)


def _glob(pattern: Path) -> list[Path]:
    parts = pattern.parts
    fixed = next(index for index, part in enumerate(parts) if any(letter in part for letter in "*?["))
    root = Path(*parts[:fixed]) if fixed else Path()
    return sorted(entry for entry in root.glob(str(Path(*parts[fixed:]))) if entry.is_file())


def format_of(path: Path) -> Format | None:
    """Return the format that a file's name says, or None."""
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        return Format.PARQUET
    return Format.CSV if name.endswith(CSV_SUFFIXES) else None
