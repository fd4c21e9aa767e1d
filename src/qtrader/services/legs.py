"""What the manager asks of risk: one leg of a signal at a time, with what is on its way already.

These values are shared by the manager and by risk, which do not know each other.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from qtrader.events.events import RiskDecisionEvent, SignalEvent
from qtrader.events.vocabulary import Side


class OpeningLeg(msgspec.Struct, frozen=True, gc=False):
    """A wish to open or enlarge a position.

    `position_quantity` is signed and is what stands once the closing orders on the way have filled.
    `reserved_*` is what approved orders lay claim to, `released_*` what orders on the way free, as far as the
    policy lets them fund this one; in base currency.
    """

    signal: SignalEvent
    side: Side
    price: Decimal
    position_quantity: Decimal
    reserved_cash: Decimal
    reserved_exposure: Decimal
    released_cash: Decimal
    released_exposure: Decimal


class ClosingLeg(msgspec.Struct, frozen=True, gc=False):
    """A wish to close a position or a part of it.

    Quantities are unsigned; `held_quantity` is without what is being closed already.
    """

    signal: SignalEvent
    side: Side
    price: Decimal
    quantity: Decimal
    held_quantity: Decimal


class RiskJudge(Protocol):
    """Whoever decides on legs."""

    def decide_opening(self, leg: OpeningLeg) -> RiskDecisionEvent:
        """Size an opening leg and check it against every limit."""
        ...

    def decide_closing(self, leg: ClosingLeg) -> RiskDecisionEvent:
        """Approve a closing leg."""
        ...
