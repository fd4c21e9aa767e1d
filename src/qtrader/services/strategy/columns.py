"""A strategy on columns as one that is called bar by bar: its plan, followed in the order of the tape.

What `signals` wanted is said at its place through the strategy's context, by the calls that a strategy with
`on_bar` would make there, so that identities, causes and the log are the same in both forms. Target weights
are weighed against each other: they are said once for an instant, as by a strategy with `on_slice`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtrader.errors import HandlerError, StrategyError, StrategyFailedError
from qtrader.events.event_bus import handler_error
from qtrader.events.vocabulary import SignalIntention
from qtrader.money import ZERO, decimal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    from qtrader.events.events import PriceBarEvent
    from qtrader.services.strategy.context import Context
    from qtrader.services.strategy.instant_bars import InstantBars
    from qtrader.services.strategy.plan import SignalPlan

_NEVER: Final = 2**63 - 1
_OPENS: Final = {True: SignalIntention.OPEN_LONG, False: SignalIntention.OPEN_SHORT}
_CLOSES: Final = {True: SignalIntention.CLOSE_LONG, False: SignalIntention.CLOSE_SHORT}


class PlanFollower:
    """Follow the plan of one strategy.

    Args:
        name: what the strategy goes by in the message of an error.
        quantity_step: gives what a symbol's quantities are multiples of.
    """

    def __init__(self, name: str, quantity_step: Callable[[str], Decimal]) -> None:
        self._name = name
        self._quantity_step = quantity_step
        #: Whether the plans are of target weights, which take instants and not bars.
        self.has_weights = False
        self._plans: Iterator[SignalPlan] = iter(())
        self._plan: SignalPlan | None = None
        self._next = 0
        self._at_us = _NEVER
        self._symbol = ""
        #: The tape's row of the next place; beyond every row when there is none.
        self.next_row = _NEVER

    def follow(self, plans: Iterator[SignalPlan]) -> None:
        """Begin plans that follow on each other; the first one tells whether all are of target weights."""
        self._plans = plans
        self._take(next(plans, None))
        self._go_to(0)

    def _take(self, plan: SignalPlan | None) -> None:
        if plan is not None:
            has_weights = plan.weights is not None
            if self._plan is not None and has_weights is not self.has_weights:
                msg = f"{self._name}: target weights at some instants, entries or exits at others; say one"
                raise StrategyError(msg)
            self.has_weights = has_weights
        self._plan = plan

    def rows_before(self, stop: int) -> list[int]:
        """Return the rows before a row at whose bars something is wanted next."""
        plan = self._plan
        if plan is None or self.has_weights or self.next_row >= stop:
            return []
        rows: list[int] = plan.rows[self._next : int(plan.rows.searchsorted(stop))].tolist()
        return rows

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        """Say what is wanted at a bar, if anything is."""
        if bar.closed_at_us != self._at_us or bar.symbol != self._symbol:
            return
        place, plan = self._next, self._plan
        self._go_to(place + 1)
        if plan is None:
            return
        try:
            self._say(plan, place, context)
        except HandlerError:
            raise
        except Exception as cause:
            raise handler_error(bar, self._name, cause, StrategyFailedError) from cause

    def on_slice(self, bars: InstantBars, context: Context) -> None:
        """Say what the target weights of an instant want, if it has any: first what reduces positions."""
        plan = self._plan
        if plan is None or bars.closed_at_us != self._at_us:
            return
        start = self._next
        end = int(plan.closed_at_us.searchsorted(self._at_us, "right"))
        self._go_to(end)
        try:
            closes = dict(zip(bars.symbols, bars.close.tolist(), strict=True))
            self._weigh(plan, range(start, end), closes, context)
        except HandlerError:
            raise
        except Exception as cause:
            raise handler_error(bars[-1], self._name, cause, StrategyFailedError) from cause

    def _go_to(self, place: int) -> None:
        while self._plan is not None and place >= len(self._plan):
            self._take(next(self._plans, None))
            place = 0
        self._next = place
        plan = self._plan
        if plan is None:
            self._at_us = self.next_row = _NEVER
            return
        self._at_us = int(plan.closed_at_us[place])
        self._symbol = plan.symbol(place)
        self.next_row = int(plan.rows[place])

    def _say(self, plan: SignalPlan, place: int, context: Context) -> None:
        symbol, reason = plan.symbol(place), plan.reason_at(place)
        if plan.is_exit[place]:
            position = context.position(symbol)
            if position:
                context.emit_signal(symbol, _CLOSES[position.is_long], reason=reason)
        if plan.is_entry[place]:
            intention = _OPENS[bool(plan.sides[place] > 0)]
            context.emit_signal(symbol, intention, **plan.order_at(place), reason=reason)

    def _weigh(self, plan: SignalPlan, places: range, closes: dict[str, float], context: Context) -> None:
        equity = context.equity
        increases: list[tuple[str, bool, Decimal, str | None]] = []
        for place in places:
            symbol, reason = plan.symbol(place), plan.reason_at(place)
            target = self._target(plan, place, decimal_of(closes[symbol]), equity)
            held = context.position(symbol).quantity
            if target == held:
                continue
            if held and not target:
                context.emit_signal(symbol, _CLOSES[held > 0], reason=reason)
            elif held and (held > 0) is (target > 0) and abs(target) < abs(held):
                step = self._quantity_step(symbol)
                less = (abs(held) - abs(target)) // step * step
                if less:
                    context.emit_signal(symbol, _CLOSES[held > 0], quantity=less, reason=reason)
            else:
                # What is held on the other side is closed by the opposite opening itself.
                more = abs(target - held) if held and (held > 0) is (target > 0) else abs(target)
                increases.append((symbol, target > 0, more, reason))
        for symbol, is_long, quantity, reason in increases:
            context.emit_signal(symbol, _OPENS[is_long], quantity=quantity, reason=reason)

    def _target(self, plan: SignalPlan, place: int, price: Decimal, equity: Decimal) -> Decimal:
        """Return the signed units that a weight is worth, rounded toward zero to the symbol's step."""
        if plan.weights is None:
            return ZERO
        weight = decimal_of(float(plan.weights[place]))
        value = max(equity, ZERO) * weight
        step = self._quantity_step(plan.symbol(place))
        units = abs(value) / price // step * step
        return units if value > 0 else -units
