"""Runs written day by day whose fills are in doubt, as execution flags them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from tests.run_builder import Number, RunBuilder

from qtrader.engine.bounds import RunBounds
from qtrader.engine.results import Results
from qtrader.events.base import BaseEvent
from qtrader.events.events import FillEvent, OrderEvent
from qtrader.events.vocabulary import OrderPurpose

__all__ = ["DoubtfulRun", "check_invariants", "run_of"]


class DoubtfulRun(RunBuilder):
    """Write a run; a trade may be in doubt, and may be that of a bracket's child."""

    _doubt: dict[str, Decimal] | None = None
    _parent: str | None = None

    def publish(self, event: BaseEvent) -> None:
        if isinstance(event, FillEvent) and self._doubt is not None:
            event = msgspec.structs.replace(event, is_ambiguous=True, **self._doubt)
        elif isinstance(event, OrderEvent) and self._parent is not None:
            event = msgspec.structs.replace(event, parent_order_id=self._parent)
        super().publish(event)

    def enter(self, quantity: Number, price: Number, **kwargs: Any) -> FillEvent:
        """Trade X with purpose `open`; prices named `worst_price` and so on put the fill in doubt."""
        return self._trade(quantity, price, OrderPurpose.OPEN, kwargs)

    def leave(self, quantity: Number, price: Number, **kwargs: Any) -> FillEvent:
        """Trade X with purpose `stop_loss`; `parent` is the fill whose bracket it belongs to."""
        return self._trade(quantity, price, OrderPurpose.STOP_LOSS, kwargs)

    def _trade(
        self, quantity: Number, price: Number, purpose: OrderPurpose, kwargs: dict[str, Any]
    ) -> FillEvent:
        parent: FillEvent | None = kwargs.pop("parent", None)
        reference = kwargs.pop("reference_price", None)
        doubts = {name: Decimal(kwargs.pop(name)) for name in tuple(kwargs) if name.endswith("_price")}
        is_doubtful = kwargs.pop("is_doubtful", bool(doubts))
        if reference is not None:
            # Slippage parts the price from that of the market; a fill that is certain has no doubts.
            doubts["reference_price"] = Decimal(reference)
        self._doubt = doubts if is_doubtful else None
        self._parent = None if parent is None else parent.order_id
        fill = self.trade("X", quantity, price, purpose=purpose, **kwargs)
        self._doubt = self._parent = None
        return fill

    def results(self, **overrides: Any) -> Results:
        """End the run."""
        return Results(self.completed(**overrides))


def run_of(*closes: float, **settings: Any) -> DoubtfulRun:
    """Begin a run over days of X with these closes."""
    return DoubtfulRun({"X": list(closes)}, **settings)


def check_invariants(bounds: RunBounds) -> None:
    """Check what holds of all bounds."""
    assert bounds.worst <= bounds.booked <= bounds.best
    worst = best = Decimal(0)
    for leg in bounds.legs:
        assert leg.worst_difference <= 0 <= leg.best_difference
        worst += leg.worst_difference
        best += leg.best_difference
    assert bounds.worst == bounds.booked + worst
    assert bounds.best == bounds.booked + best
    for one in bounds.equity:
        assert one.worst <= one.booked <= one.best
    if bounds.equity:
        assert bounds.equity[-1][1:] == (bounds.worst, bounds.booked, bounds.best)
