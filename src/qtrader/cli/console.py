"""Where commands write tables."""

from __future__ import annotations

import sys

from rich.console import Console

#: Of what is no terminal, so that tables in files and pipes are whole.
_WIDTH = 400


def stdout() -> Console:
    """Return a console on standard output: as wide as the terminal, and plain text where there is none."""
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)
