"""What the command line says and returns when something fails."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Final

from qtrader.errors import AccountingError, ConfigError, HandlerError, QTraderError, StrategyFailedError

DEFECT: Final = 1
BAD_INPUT: Final = 2
STRATEGY_FAILED: Final = 3

_PACKAGE: Final = str(Path(__file__).parents[1])


def explain_failure(error: Exception, *, wants_traceback: bool) -> int:
    """Write a failure to stderr, in one message where it is not a defect, and return the exit code."""
    code = exit_code(error)
    if wants_traceback or code == DEFECT:
        traceback.print_exception(error, file=sys.stderr)
    if code == DEFECT:
        _say("this is a defect of QTrader; please report it with what stands above")
        return code
    _say(str(error))
    place = _place_in_own_code(error) if code == STRATEGY_FAILED else None
    if place is not None:
        sys.stderr.write(f"  at {place}\n")
    return code


def _say(message: str) -> None:
    sys.stderr.write(f"qtrader: {message}\n")


def exit_code(error: Exception) -> int:
    """Tell whose fault an error is."""
    if isinstance(error, HandlerError):
        if isinstance(error.__cause__, ConfigError):
            return BAD_INPUT
        return STRATEGY_FAILED if isinstance(error, StrategyFailedError) else DEFECT
    if isinstance(error, AccountingError) or not isinstance(error, QTraderError):
        return DEFECT
    return BAD_INPUT


def _place_in_own_code(error: Exception) -> str | None:
    """Return file, line and function of the last frame of the cause that lies outside the package."""
    cause = error.__cause__
    if cause is None:
        return None
    if isinstance(cause, SyntaxError) and cause.filename:
        return f"{cause.filename}:{cause.lineno}"
    called = traceback.extract_tb(cause.__traceback__)
    frames = [frame for frame in called if not frame.filename.startswith("<frozen ")]
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None
