"""One strategy with what surrounds it: its handlers, its context, and what it has still to hear of."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from qtrader.errors import ConfigError, HandlerError, StrategyFailedError
from qtrader.events.event_bus import handler_error
from qtrader.events.events import (
    FillEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    SignalRejectedEvent,
)
from qtrader.services.strategy.asking import StreamAsker, plans_over
from qtrader.services.strategy.columns import PlanFollower
from qtrader.services.strategy.protocol import Strategy
from qtrader.services.strategy.shape import is_on_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from decimal import Decimal

    from qtrader.events.base import BaseEvent
    from qtrader.market.tape import Tape
    from qtrader.services.strategy.context import Context
    from qtrader.services.strategy.instant_bars import InstantBars
    from qtrader.services.strategy.plan import SignalPlan

    BarHandler = Callable[[PriceBarEvent, Context], None]
    SliceHandler = Callable[[InstantBars, Context], None]
    Notice = FillEvent | OrderUpdateEvent | SignalRejectedEvent | OrderRequestRejectedEvent

#: Which handler of a strategy takes which notice.
NOTICES: Final = {
    FillEvent: "on_fill",
    OrderUpdateEvent: "on_order",
    SignalRejectedEvent: "on_refusal",
    OrderRequestRejectedEvent: "on_request_refusal",
}


class Runner:
    """One strategy with its context, its notices, and the intervals that it sees (None for all)."""

    def __init__(
        self,
        strategy: Any,
        context: Context,
        intervals: frozenset[str] | None,
        quantity_step: Callable[[str], Decimal],
    ) -> None:
        self.strategy = strategy
        self.context = context
        self.intervals = intervals
        self.name = type(strategy).__name__
        self.follower = (
            PlanFollower(f"{self.name}.signals", quantity_step) if is_on_columns(strategy) else None
        )
        handlers: Any = strategy if self.follower is None else self.follower
        self.on_bar: BarHandler | None = getattr(handlers, "on_bar", None)
        self.on_slice: SliceHandler | None = getattr(strategy, "on_slice", None)
        self._asker: StreamAsker | None = None
        self.notices: list[Notice] = []
        self.wanted_notices = frozenset(kind for kind, handler in NOTICES.items() if self.takes(handler))

    def ask(self, tape: Tape, symbols: tuple[str, ...], interval: str) -> None:
        """Ask a strategy on columns what it wants over a tape, and follow that."""
        with self._failing_as_signals():
            plans = plans_over(self.strategy, self.context.strategy_id, tape, symbols, interval)
        self._follow(self._guarded(plans))

    def expect_stream(self, symbols: tuple[str, ...], interval: str) -> None:
        """Prepare to ask a strategy on columns about each instant."""
        self._asker = StreamAsker(self.strategy, self.context.strategy_id, symbols, interval)

    def take_in(self, bars: Sequence[PriceBarEvent]) -> None:
        """Ask a strategy on columns about the bars of an instant, and follow what it wants of them."""
        if self._asker is None:
            return
        with self._failing_as_signals():
            plan = self._asker.ask(bars)
        if plan is not None:
            self._follow(iter((plan,)))

    def _follow(self, plans: Iterator[SignalPlan]) -> None:
        follower = self.follower
        if follower is None:
            return
        follower.follow(plans)
        self.on_bar = None if follower.has_weights else follower.on_bar
        self.on_slice = follower.on_slice if follower.has_weights else None

    def _guarded(self, plans: Iterator[SignalPlan]) -> Iterator[SignalPlan]:
        while True:
            with self._failing_as_signals():
                plan = next(plans, None)
            if plan is None:
                return
            yield plan

    @contextmanager
    def _failing_as_signals(self) -> Iterator[None]:
        """Name the strategy in what goes wrong while it is asked."""
        try:
            yield
        except ConfigError:
            raise
        except Exception as cause:
            found = f"{type(cause).__name__}: {cause}"
            msg = f"{self.name}.signals of strategy {self.context.strategy_id!r} failed: {found}"
            raise StrategyFailedError(msg) from cause

    def takes(self, handler: str) -> bool:
        """Tell whether the strategy has a handler of its own, not the base's empty one."""
        own = getattr(type(self.strategy), handler, None) or getattr(self.strategy, handler, None)
        return own is not None and own is not getattr(Strategy, handler, None)

    def call(self, handler: str, instant_us: int, event: BaseEvent | None) -> None:
        """Call one of the optional handlers, if the strategy has it."""
        if not self.takes(handler):
            return
        self.context.turn_to(instant_us, event)
        method = getattr(self.strategy, handler)
        name = f"{self.name}.{handler}"
        try:
            if event is None:
                method(self.context)
            else:
                method(event, self.context)
        except HandlerError:
            raise
        except Exception as cause:
            if event is None:
                found = f"{type(cause).__name__}: {cause}"
                msg = f"{name} of strategy {self.context.strategy_id!r} failed: {found}"
                raise StrategyFailedError(msg) from cause
            raise handler_error(event, name, cause, StrategyFailedError) from cause

    def on_any_bar(self, bar: PriceBarEvent, context: Context) -> None:  # noqa: ARG002 - it is the strategy's own
        """Call `on_bar` if the strategy sees bars of this interval."""
        if bar.interval in self.intervals:  # type: ignore[operator]  # asked for by the caller
            self.on_bar_event(bar)

    def on_bar_event(self, bar: PriceBarEvent) -> None:
        """Call `on_bar`."""
        self.context.bar = bar
        try:
            self.on_bar(bar, self.context)  # type: ignore[misc]  # the routes hold only runners that have it
        except HandlerError:
            raise
        except Exception as cause:
            name = f"{self.name}.on_bar"
            raise handler_error(bar, name, cause, StrategyFailedError) from cause

    def on_slice_event(self, bars: InstantBars) -> None:
        """Call `on_slice`; what it signals is an effect of the instant's last bar."""
        self.context.turn_to(bars.closed_at_us, bars)
        try:
            self.on_slice(bars, self.context)  # type: ignore[misc]  # asked for by the caller
        except HandlerError:
            raise
        except Exception as cause:
            raise handler_error(bars[-1], f"{self.name}.on_slice", cause, StrategyFailedError) from cause
