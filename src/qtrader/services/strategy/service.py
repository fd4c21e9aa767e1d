"""The strategy service: hands each strategy what has become known and publishes what it wants.

Within an instant the order is: what happened to a strategy's orders since it last looked (fills, updates,
refusals), then `on_bar` by symbol and, for one symbol, by strategy in the order of wiring, then `on_slice`
once. A service lives on events alone: its account is a projection of ledger entries, its orders one of orders
and their updates, its history a tape or the bars it was given, so it can run in a process that sees only
contract JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtrader.errors import HandlerError, StrategyFailedError
from qtrader.events import codec
from qtrader.events.base import BaseEvent
from qtrader.events.event_bus import handler_error
from qtrader.events.events import (
    FillEvent,
    OrderEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    SignalRejectedEvent,
)
from qtrader.events.identity import Origin
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.orders import OrderProjection
from qtrader.services.strategy.protocol import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from qtrader.market.history import BarHistory
    from qtrader.market.universe import Universe
    from qtrader.services.account import AccountView
    from qtrader.services.strategy.visible import VisibleIntervals

    BarHandler = Callable[[PriceBarEvent, Context], None]
    Notice = FillEvent | OrderUpdateEvent | SignalRejectedEvent | OrderRequestRejectedEvent

#: Which handler of a strategy takes which notice.
_NOTICES = {
    FillEvent: "on_fill",
    OrderUpdateEvent: "on_order",
    SignalRejectedEvent: "on_refusal",
    OrderRequestRejectedEvent: "on_request_refusal",
}


class StrategyService:
    """Run strategies.

    Args:
        strategies: strategy objects by id, in the order of wiring.
        symbols_of: the symbols whose bars a strategy sees, by strategy id; one that is missing sees all.
        publish: takes the signals.
        run_id: the run that events belong to.
        symbols: every symbol of the run.
        account: the account as known from ledger entries.
        history: closed bars.
        look: makes prices those known at an instant (in microseconds).
        last_price: gives the last known close of a symbol.
        universe: point-in-time membership; every symbol is always a member without one.
        trading_starts_us: instants up to and including this one are warmup.
        seed: what `context.rng` is derived from, with the strategy's id.
        visible: the intervals of the run, and which of them strategies see.
    """

    def __init__(
        self,
        strategies: Mapping[str, Any],
        *,
        symbols_of: Mapping[str, tuple[str, ...]],
        publish: Callable[[BaseEvent], None],
        run_id: str,
        symbols: tuple[str, ...],
        account: AccountView,
        history: BarHistory,
        look: Callable[[int], None],
        last_price: Callable[[str], Decimal | None],
        universe: Universe | None = None,
        trading_starts_us: int = -(2**63),
        seed: int = 0,
        visible: VisibleIntervals,
    ) -> None:
        self.account = account
        self.orders = OrderProjection()
        self.history = history
        self.trading_starts_us = trading_starts_us
        self.visible = visible
        self.has_one_interval = visible.has_one
        self.look = look
        self.last_price = last_price
        self._symbols = symbols
        self._universe = universe
        self._runners = {
            name: _Runner(
                strategy,
                Context(name, self, publish, Origin(run_id, "strategy_service", f"strategy:{name}"), seed),
                visible.of(name),
            )
            for name, strategy in strategies.items()
        }
        self._routes: dict[str, tuple[_Runner, ...]] = {
            symbol: tuple(
                runner
                for name, runner in self._runners.items()
                if runner.on_bar is not None and symbol in symbols_of.get(name, symbols)
            )
            for symbol in symbols
        }
        self._symbols_of = dict(symbols_of)
        self.has_slices = any(runner.on_slice is not None for runner in self._runners.values())
        self._wanted_notices = frozenset[type[BaseEvent]]().union(
            *(runner.wanted_notices for runner in self._runners.values())
        )
        #: Whether some strategy waits for a notice; the engine then holds a full instant.
        self.has_notices = False

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol of the run."""
        return self._symbols

    def members(self, instant_us: int) -> tuple[str, ...]:
        """Return the symbols of the universe at an instant."""
        if self._universe is None:
            return self._symbols
        members = self._universe.members(instant_us)
        return tuple(symbol for symbol in self._symbols if symbol in members)

    def contexts(self) -> Mapping[str, Context]:
        """Return each strategy's context, by id."""
        return {name: runner.context for name, runner in self._runners.items()}

    def direct_handler(self) -> tuple[BarHandler, Context] | None:
        """Return the one bar handler and its context if one strategy sees every symbol and nothing but bars.

        It takes every bar; where the strategy sees some intervals only, the handler leaves out the others.
        """
        if self.has_slices or len(self._runners) != 1:
            return None
        (runner,) = self._runners.values()
        if runner.on_bar is None or any(runners != (runner,) for runners in self._routes.values()):
            return None
        return runner.on_bar if runner.intervals is None else runner.on_any_bar, runner.context

    def on_start(self, instant_us: int) -> None:
        """Let strategies prepare, before the first bar."""
        for runner in self._runners.values():
            runner.call("on_start", instant_us, None)

    def on_stop(self, instant_us: int) -> None:
        """Hand out what is left and let strategies finish."""
        self.deliver_notices(instant_us)
        for runner in self._runners.values():
            runner.context.is_stopped = True
            runner.call("on_stop", instant_us, None)

    def on_fill(self, fill: FillEvent) -> None:
        """Keep a fill for its strategy until it next looks."""
        if FillEvent in self._wanted_notices:
            self._keep(fill)

    def on_order(self, order: OrderEvent) -> None:
        """Take an order in, for the strategies to see."""
        self.orders.on_order(order)

    def on_order_update(self, update: OrderUpdateEvent) -> None:
        """Follow an order's step, and keep it for its strategy until it next looks."""
        self.orders.on_order_update(update)
        if OrderUpdateEvent in self._wanted_notices:
            self._keep(update)

    def on_signal_rejected(self, refusal: SignalRejectedEvent) -> None:
        """Keep a refusal for its strategy until it next looks."""
        if SignalRejectedEvent in self._wanted_notices:
            self._keep(refusal)

    def on_order_request_rejected(self, refusal: OrderRequestRejectedEvent) -> None:
        """Keep a request's refusal for its strategy until it next looks."""
        if OrderRequestRejectedEvent in self._wanted_notices:
            self._keep(refusal)

    def deliver_notices(self, instant_us: int) -> None:
        """Hand each strategy what happened to its orders, in order; the first thing in a decision phase."""
        if not self.has_notices:
            return
        self.has_notices = False
        for runner in self._runners.values():
            notices, runner.notices = runner.notices, []
            for notice in notices:
                runner.call(_NOTICES[type(notice)], instant_us, notice)

    def on_bar(self, bar: PriceBarEvent) -> None:
        """Hand a bar to the strategies that see its symbol and interval."""
        for runner in self._routes[bar.symbol]:
            intervals = runner.intervals
            if intervals is None or bar.interval in intervals:
                runner.on_bar_event(bar)

    def on_slice(self, bars: Sequence[PriceBarEvent]) -> None:
        """Hand all bars of an instant at once to the strategies that want them so."""
        if not self.has_slices or not bars:
            return
        instant_us = bars[0].closed_at_us
        for name, runner in self._runners.items():
            if runner.on_slice is None:
                continue
            symbols, intervals = self._symbols_of.get(name), runner.intervals
            chosen = bars if symbols is None else [bar for bar in bars if bar.symbol in symbols]
            if intervals is not None:
                chosen = [bar for bar in chosen if bar.interval in intervals]
            if chosen:
                runner.on_slice_event(tuple(chosen), instant_us)

    def _keep(self, notice: Notice) -> None:
        runner = self._runners.get(notice.strategy_id)
        if runner is not None and type(notice) in runner.wanted_notices:
            # As it would arrive in another process: its Decimals in their canonical form.
            runner.notices.append(codec.decode_as(type(notice), codec.encode(notice, is_validated=True)))
            self.has_notices = True


class _Runner:
    """One strategy with its context, its notices, and the intervals that it sees (None for all)."""

    def __init__(self, strategy: Any, context: Context, intervals: frozenset[str] | None) -> None:
        self.strategy = strategy
        self.context = context
        self.intervals = intervals
        self.on_bar: BarHandler | None = getattr(strategy, "on_bar", None)
        self.on_slice: Callable[[tuple[PriceBarEvent, ...], Context], None] | None = getattr(
            strategy, "on_slice", None
        )
        self.notices: list[Notice] = []
        self.wanted_notices = frozenset(kind for kind, handler in _NOTICES.items() if self.takes(handler))

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
        name = f"{type(self.strategy).__name__}.{handler}"
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
            name = f"{type(self.strategy).__name__}.on_bar"
            raise handler_error(bar, name, cause, StrategyFailedError) from cause

    def on_slice_event(self, bars: tuple[PriceBarEvent, ...], instant_us: int) -> None:
        """Call `on_slice`; what it signals is an effect of the instant's last bar."""
        self.context.turn_to(instant_us, bars[-1])
        try:
            self.on_slice(bars, self.context)  # type: ignore[misc]  # asked for by the caller
        except HandlerError:
            raise
        except Exception as cause:
            name = f"{type(self.strategy).__name__}.on_slice"
            raise handler_error(bars[-1], name, cause, StrategyFailedError) from cause
