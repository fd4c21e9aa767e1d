"""What loading gives: everything that a run needs to know of the market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtrader.market.instruments import Instruments
    from qtrader.market.session_calendar import SessionCalendar
    from qtrader.market.tape import Tape
    from qtrader.market.universe import Universe
    from qtrader.services.data.adjustments import EffectiveAction
    from qtrader.services.data.report import LoadReport


@dataclass(frozen=True, slots=True, eq=False)
class LoadedData:
    """Everything that a run needs to know of the market.

    `actions` are (effective instant in microseconds, action) in the order in which they apply. `calendars`
    gives each symbol's sessions; a symbol without an exchange has the UTC days.
    """

    tape: Tape
    actions: tuple[EffectiveAction, ...]
    instruments: Instruments
    calendars: Mapping[str, SessionCalendar]
    universe: Universe | None
    report: LoadReport
