"""`qtrader data cache`: the tapes that datasets larger than memory were built into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cache(
    *,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="A source's cache_dir; the user's own without it.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all that is listed.")] = False,
) -> None:
    """List the tapes that are kept on disk, with their bars and sizes, and what broken builds left."""
    from rich.table import Table

    from qtrader.cli.console import stdout
    from qtrader.services.data.tape_cache import cached_tapes, clear_cache, default_cache_folder

    place = default_cache_folder() if folder is None else folder
    found = clear_cache(place) if clear else cached_tapes(place)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("tape", "symbols", "intervals", "bars", "MB"):
        table.add_column(heading, justify="right" if heading in {"bars", "MB"} else "left", no_wrap=True)
    for entry in found:
        symbols = ", ".join(entry.symbols[:3]) + (
            f" and {len(entry.symbols) - 3} more" if len(entry.symbols) > 3 else ""
        )
        size = f"{entry.size_bytes / 1e6:,.1f}"
        rows = f"{entry.rows:,}" if entry.is_whole else "unfinished"
        table.add_row(entry.folder.name, symbols, ", ".join(entry.intervals), rows, size)
    if found:
        stdout().print(table)
    total = sum(entry.size_bytes for entry in found)
    verb = "removed from" if clear else "in"
    typer.echo(
        f"{len(found)} {'tape' if len(found) == 1 else 'tapes'}, {total / 1e6:,.1f} MB, {verb} {place}"
    )
