"""Strategies on columns: `signals(panel)` instead of `on_bar`, through the very same services.

A strategy on columns says for all instants at once what it wants. The engine then goes from one instant with
work to the next; what it does there (events, checks, log) is what it does for a strategy that is called bar
by bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtrader.errors import StrategyError
from qtrader.services.strategy.protocol import Strategy

if TYPE_CHECKING:
    from qtrader.services.strategy.panel import Panel
    from qtrader.services.strategy.signals import Signals


class VectorStrategy(Strategy):
    """Base of strategies on columns; parameters are annotated attributes, as with `Strategy`.

    Attributes:
        lookback: how many instants back a signal looks, its own included. Where bars arrive one by one, or
            are read from disk block by block, there is no column of all of them: such a run refuses a
            strategy without it, and asks one that has it piece by piece, each with `lookback` - 1 instants
            before it. Indicators of the panel and conditions need none: they are carried on.
    """

    lookback: ClassVar[int | None] = None

    def signals(self, panel: Panel) -> Signals:  # noqa: ARG002 - what a strategy of its own says
        """Say what is wanted, by columns of the panel's shape.

        What is said of an instant must depend only on rows up to it; `qtrader check-lookahead` finds where
        it does not.
        """
        msg = f"{type(self).__name__} has no signals(panel) of its own"
        raise StrategyError(msg)
