"""Partitioned datasets: what the folders of a file say of its rows, as `key=value` names.

A key stands for a column that the file has not: a declared one, or one that is spelled like a symbol or a
time where the file has none of the kind. Plain folders say nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from qtrader.errors import DataError
from qtrader.services.data.columns import is_spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtrader.services.data.source import DataSource

_PARTITION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.+)")
#: What dataset writers name the folder of rows without a value.
_WITHOUT_VALUE = "__HIVE_DEFAULT_PARTITION__"


def partition_keys(path: Path) -> dict[str, str]:
    """Return what the folders above a file say: `symbol=BRK%2EB/date=2020-01-02/part.parquet`.

    Raises:
        DataError: a folder is of rows without a value.
    """
    found = {}
    for name in path.parts[:-1]:
        match = _PARTITION.fullmatch(name)
        if match is None:
            continue
        if match[2] == _WITHOUT_VALUE:
            msg = f"{path}: the folder {name} is of rows without a value; every row needs one"
            raise DataError(msg)
        found[match[1]] = unquote(match[2])
    return found


def partition_symbol(path: Path, source: DataSource) -> str | None:
    """Return the symbol that a file's folders give, or None where there is none or the source has its own."""
    if source.symbol is not None or source.symbol_from is not None or source.symbol_pattern is not None:
        return None
    declared = source.columns.symbol
    for key, value in partition_keys(path).items():
        if key == declared or (declared is None and is_spelled(key, "symbol")):
            return value
    return None


def partition_columns(path: Path, names: Sequence[str], source: DataSource) -> Mapping[str, str]:
    """Return the columns that a file's folders stand for, with their one value."""
    declared = {field: name for field, name in source.columns.model_dump().items() if name is not None}
    spelled = [
        field
        for field in ("symbol", "time")
        if field not in declared and not any(is_spelled(name, field) for name in names)
    ]
    return {
        key: value
        for key, value in partition_keys(path).items()
        if key not in names and (key in declared.values() or any(is_spelled(key, field) for field in spelled))
    }
