"""The strategy service: hands each strategy what has become known and publishes what it wants.

Within an instant the order is: what happened to a strategy's orders since it last looked (fills, updates,
refusals), then `on_bar` by symbol and, for one symbol, by strategy in the order of wiring, then `on_slice`
once. A service lives on events alone: its account is a projection of ledger entries, its orders one of orders
and their updates, its history a tape or the bars it was given, so it can run in a process that sees only
contract JSON.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.events import codec
from qtrader.events.base import BaseEvent
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
from qtrader.services.strategy.instant_bars import InstantBars
from qtrader.services.strategy.orders import OrderProjection
from qtrader.services.strategy.runner import NOTICES, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qtrader.market.history import BarHistory
    from qtrader.market.tape import Longs, Tape
    from qtrader.market.universe import Universe
    from qtrader.services.account import AccountView
    from qtrader.services.strategy.runner import BarHandler, Notice
    from qtrader.services.strategy.visible import VisibleIntervals


def _one_unit(symbol: str) -> Decimal:  # noqa: ARG001 - the same for all
    return Decimal(1)


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
        tape: the bars of the run, for strategies on columns; without one they are asked instant by instant.
        quantity_step: gives what a symbol's quantities are multiples of.

    Raises:
        ConfigError: a strategy on columns sees bars of several intervals, or says no lookback for a stream.
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
        tape: Tape | None = None,
        quantity_step: Callable[[str], Decimal] = _one_unit,
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
            name: Runner(
                strategy,
                Context(name, self, publish, Origin(run_id, "strategy_service", f"strategy:{name}"), seed),
                visible.of(name),
                quantity_step,
            )
            for name, strategy in strategies.items()
        }
        self._run_id = run_id
        self._tape = tape
        self._symbols_of = dict(symbols_of)
        for name, runner in self._on_columns():
            seen = self._seen_by(name)
            if tape is None:
                runner.expect_stream(*seen)
        self._connect()
        self._wanted_notices = frozenset[type[BaseEvent]]().union(
            *(runner.wanted_notices for runner in self._runners.values())
        )
        #: Whether some strategy waits for a notice; the engine then holds a full instant.
        self.has_notices = False

    def _on_columns(self) -> list[tuple[str, Runner]]:
        return [(name, runner) for name, runner in self._runners.items() if runner.follower is not None]

    def _seen_by(self, name: str) -> tuple[tuple[str, ...], str]:
        """Return the symbols and the interval that a strategy on columns sees."""
        symbols = tuple(sorted(self._symbols_of.get(name, self._symbols)))
        return symbols, self.visible.only_of(name, symbols)

    def _connect(self) -> None:
        """Work out who is handed what."""
        runners, symbols = self._runners, self._symbols
        self._routes: dict[str, tuple[Runner, ...]] = {
            symbol: tuple(
                runner
                for name, runner in runners.items()
                if runner.on_bar is not None and symbol in self._symbols_of.get(name, symbols)
            )
            for symbol in symbols
        }
        self.has_slices = any(runner.on_slice is not None for runner in runners.values())
        followers = [runner.follower for runner in runners.values() if runner.follower is not None]
        #: The strategies on columns, and whether there are no others.
        self._followers = tuple(followers)
        self._are_all_on_columns = len(followers) == len(runners)
        #: Whether rows do for all strategies: no one is called with every bar.
        self.takes_rows = all(
            runner.on_bar is None or runner.follower is not None for runner in runners.values()
        )

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol of the run."""
        return self._symbols

    def has_symbol(self, symbol: str) -> bool:
        """Tell whether the run has a symbol."""
        return symbol in self._routes

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
        """Let strategies prepare, before the first bar, and ask those on columns what they want."""
        for runner in self._runners.values():
            runner.call("on_start", instant_us, None)
        if self._tape is not None:
            for name, runner in self._on_columns():
                runner.ask(self._tape, *self._seen_by(name))
            self._connect()

    def take_in(self, bars: Sequence[PriceBarEvent]) -> None:
        """Show strategies on columns the bars of an instant of a stream, before any strategy handles one."""
        asked = self._on_columns()
        for _, runner in asked:
            runner.take_in(bars)
        if asked:
            self._connect()

    def next_signal_row(self) -> int | None:
        """Return the first row at which a strategy wants something; None unless all are on columns.

        Up to there no strategy needs a bar.
        """
        followers = self._followers
        if not self._are_all_on_columns:
            return None
        return followers[0].next_row if len(followers) == 1 else min(each.next_row for each in followers)

    def next_planned_row(self) -> int:
        """Return the first row at whose bar a strategy on columns wants something, 2**63 - 1 for none."""
        return min((each.next_row for each in self._followers if not each.has_weights), default=2**63 - 1)

    def rows_before(self, stop: int) -> list[int]:
        """Return the rows before a row whose bars strategies on columns need next."""
        return [row for follower in self._followers for row in follower.rows_before(stop)]

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
                runner.call(NOTICES[type(notice)], instant_us, notice)

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
        for name, runner in self._runners.items():
            if runner.on_slice is None:
                continue
            symbols, intervals = self._symbols_of.get(name), runner.intervals
            chosen = bars if symbols is None else [bar for bar in bars if bar.symbol in symbols]
            if intervals is not None:
                chosen = [bar for bar in chosen if bar.interval in intervals]
            if chosen:
                runner.on_slice_event(InstantBars.of_events(chosen, self._symbols))

    def on_rows(self, tape: Tape, start: int, stop: int) -> None:
        """Hand the rows of an instant, from `start` to before `stop`, to those strategies without events."""
        if not self.has_slices:
            return
        closed_at_us = int(tape.closed_at_us[start])
        for name, runner in self._runners.items():
            if runner.on_slice is not None:
                rows = self._rows_seen(tape, name, start, stop)
                if isinstance(rows, slice) or len(rows):
                    runner.on_slice_event(InstantBars.of_rows(tape, rows, closed_at_us, self._run_id))

    def _rows_seen(self, tape: Tape, name: str, start: int, stop: int) -> slice | Longs:
        """Return which rows of an instant a strategy sees."""
        symbols, intervals = self._symbols_of.get(name), self._runners[name].intervals
        if symbols is None and intervals is None:
            return slice(start, stop)
        seen = np.ones(stop - start, dtype=np.bool_)
        if symbols is not None:
            seen &= np.isin(tape.symbol_index[start:stop], [tape.symbol_place(symbol) for symbol in symbols])
        if intervals is not None:
            places = [place for place, interval in enumerate(tape.intervals) if interval in intervals]
            seen &= np.isin(tape.interval_index[start:stop], places)
        return start + np.flatnonzero(seen)

    def _keep(self, notice: Notice) -> None:
        runner = self._runners.get(notice.strategy_id)
        if runner is not None and type(notice) in runner.wanted_notices:
            # As it would arrive in another process: its Decimals in their canonical form.
            runner.notices.append(codec.decode_as(type(notice), codec.encode(notice, is_validated=True)))
            self.has_notices = True
