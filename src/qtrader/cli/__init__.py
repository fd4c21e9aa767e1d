"""The command line: thin commands over the engine, and the one frame that turns errors into exit codes.

Exit codes: 0 done, 1 a defect of QTrader, 2 refused input or wrong usage, 3 the strategy failed, 130
interrupted. Nothing heavy is imported before the command that needs it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: those after the program's name; by default the process's own.
    """
    from qtrader.cli.app import TRACEBACK, app
    from qtrader.cli.failures import explain_failure

    given = list(sys.argv[1:] if arguments is None else arguments)
    wants_traceback = TRACEBACK in given
    try:
        app([word for word in given if word != TRACEBACK], prog_name="qtrader", standalone_mode=True)
    except Exception as error:  # noqa: BLE001 - the outermost frame of the program
        sys.exit(explain_failure(error, wants_traceback=wants_traceback))
    sys.exit(0)
