"""The command line: thin commands over the engine, and the one frame that turns errors into exit codes.

Exit codes: 0 done, 1 a defect of QTrader, 2 refused input or wrong usage, 3 the strategy failed, 130
interrupted. Nothing heavy is imported before the command that needs it runs.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

#: Objects made between two looks for cycles: imports and events make hundreds of thousands, and hardly one.
_OBJECTS_PER_LOOK = 100_000


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: those after the program's name; by default the process's own.
    """
    if arguments is None:
        _settle_process()
    from qtrader.cli.app import TRACEBACK, app
    from qtrader.cli.failures import explain_failure

    given = list(sys.argv[1:] if arguments is None else arguments)
    wants_traceback = TRACEBACK in given
    try:
        app([word for word in given if word != TRACEBACK], prog_name="qtrader", standalone_mode=True)
    except Exception as error:  # noqa: BLE001 - the outermost frame of the program
        sys.exit(explain_failure(error, wants_traceback=wants_traceback))
    sys.exit(0)


def _settle_process() -> None:
    """Keep the process from work that no command has any use for; a fifth of a short run.

    What it changes is the whole process's, so it is done only where the process is the command's own.
    """
    gc.set_threshold(_OBJECTS_PER_LOOK)
    # The searches for cycles at the very end go over all that was ever loaded, to give it back.
    atexit.register(gc.freeze)
    # Idle threads of NumPy's linear algebra would spin for a while, on a core that others could use.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
