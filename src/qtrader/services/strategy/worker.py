"""The strategy service in a process of its own, which knows nothing but the events that it is sent.

Contract documents come in, one JSON line each; an empty line ends a turn, and the worker answers with its
signals and requests and an empty line. The first turn starts the strategies. A turn with bars is the decision
phase of their instant: all of them are known before any strategy sees one. A later turn without bars stops
the strategies and ends the worker. Account, orders, marks and history are projections of what came in, so
that the signals, and with them the log, are those of a run in one process.

The worker has no clock: its present is the latest instant that it was told of.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from qtrader.clock import to_epoch_us
from qtrader.errors import QTraderError
from qtrader.events import codec
from qtrader.events.event_bus import EventBus
from qtrader.events.events import (
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderCancelEvent,
    OrderEvent,
    OrderModifyEvent,
    OrderRequestRejectedEvent,
    OrderUpdateEvent,
    PriceBarEvent,
    SignalEvent,
    SignalRejectedEvent,
)
from qtrader.market.history import StreamHistory
from qtrader.market.stream_marks import StreamMarks
from qtrader.market.universe import Universe
from qtrader.money import money_context
from qtrader.services.account import AccountProjection
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.remote_facts import WorkerFacts, WorkerFailure, WorkerNotes, report_line
from qtrader.services.strategy.service import StrategyService
from qtrader.services.strategy.visible import VisibleIntervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtrader.services.strategy.context import Context

ONE: Final = Decimal(1)
#: Exit codes of the command.
FAILED: Final = 3
ABANDONED: Final = 4


class StrategyWorker:
    """Run strategies on a stream of contract documents.

    Args:
        facts: what no event states.
        strategies: strategy objects by id, in the order of wiring.
        incoming: contract documents and empty lines.
        outgoing: takes the signals' documents and empty lines.
    """

    def __init__(
        self, facts: WorkerFacts, strategies: Mapping[str, Any], incoming: BinaryIO, outgoing: BinaryIO
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._finest = {symbol: names[0] for symbol, names in facts.intervals_of.items() if names}
        self._present_us = facts.opened_at_us
        self._marks = StreamMarks()
        self._history = StreamHistory(self._finest)
        self._bus = EventBus(run_id=facts.run_id, is_automatic=False)
        account = AccountProjection(
            self._marks.mark, facts.base_currency, facts.ledger_scale, lambda: self._marks.version
        )
        self._service = StrategyService(
            strategies,
            symbols_of={
                each.strategy_id: each.symbols for each in facts.strategies if each.symbols is not None
            },
            publish=self._bus.publish,
            run_id=facts.run_id,
            symbols=tuple(facts.intervals_of),
            account=account,
            history=self._history,
            look=_look_nowhere,
            last_price=self._marks.mark,
            universe=None if facts.universe is None else Universe(facts.universe),
            trading_starts_us=facts.trading_starts_us,
            seed=facts.seed,
            quantity_step=lambda symbol: facts.quantity_steps.get(symbol, ONE),
            visible=VisibleIntervals(
                facts.intervals,
                facts.intervals_of,
                {each.strategy_id: each.intervals for each in facts.strategies if each.intervals is not None},
            ),
        )
        self._bus.subscribe(CorporateActionEvent, self._marks.on_corporate_action)
        self._bus.subscribe(LedgerEntryEvent, account.on_ledger_entry)
        self._bus.subscribe(FillEvent, self._service.on_fill)
        self._bus.subscribe(OrderEvent, self._service.on_order)
        self._bus.subscribe(OrderUpdateEvent, self._service.on_order_update)
        self._bus.subscribe(SignalRejectedEvent, self._service.on_signal_rejected)
        self._bus.subscribe(OrderRequestRejectedEvent, self._service.on_order_request_rejected)
        self._bus.subscribe(PriceBarEvent, self._service.on_bar)
        for wish in (SignalEvent, OrderCancelEvent, OrderModifyEvent):
            self._bus.subscribe(wish, self._send)

    def contexts(self) -> Mapping[str, Context]:
        """Return each strategy's context, by id."""
        return self._service.contexts()

    def run(self) -> bool:
        """Work until the strategies have stopped; say False if the stream ended before.

        Raises:
            HandlerError: a strategy raised.
            ContractError: what came in is no contract document.
        """
        if self._take_turn() is None:
            return False
        self._service.on_start(self._present_us)
        self._answer()
        while bars := self._take_turn():
            self._decide(bars)
            self._answer()
        if bars is None:
            return False
        self._service.on_stop(self._present_us)
        self._answer()
        return True

    def _take_turn(self) -> list[PriceBarEvent] | None:
        """Take in a turn's events and return the bars among them; None if the stream ends before the turn."""
        bars: list[PriceBarEvent] = []
        for line in self._incoming:
            if line == b"\n":
                return bars
            event = codec.decode(line)
            self._present_us = max(self._present_us, to_epoch_us(event.occurred_at))
            if isinstance(event, PriceBarEvent):
                bars.append(event)
            else:
                self._bus.deliver(event)
        return None

    def _decide(self, bars: list[PriceBarEvent]) -> None:
        self._service.take_in(bars)
        for bar in bars:
            self._history.add(bar)
            if bar.interval == self._finest[bar.symbol]:
                self._marks.add(bar)
        self._service.deliver_notices(self._present_us)
        for bar in bars:
            self._bus.deliver(bar)
        self._service.on_slice(bars)

    def _send(self, wish: SignalEvent | OrderCancelEvent | OrderModifyEvent) -> None:
        self._outgoing.write(codec.encode(wish) + b"\n")

    def _answer(self) -> None:
        self._bus.drain()
        self._outgoing.write(b"\n")
        self._outgoing.flush()


def _look_nowhere(instant_us: int) -> None:
    """Change nothing: what has come in is what is known."""


def main(arguments: list[str]) -> int:
    """Run a worker on the standard streams and return its exit code; `arguments` are the facts."""
    # The engine decides what an interrupt means; it ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What strategies print must not stand among the documents.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        with outgoing, money_context():
            facts = WorkerFacts.from_arguments(arguments)
            sys.path[:0] = facts.import_from
            made = {
                each.strategy_id: StrategySpec(each.reference, parameters=each.parameters).make({})
                for each in facts.strategies
            }
            worker = StrategyWorker(facts, made, sys.stdin.buffer, outgoing)
            is_finished = worker.run()
    except QTraderError as error:
        _report(WorkerFailure.of(error, traceback.format_exc()))
        return FAILED
    if not is_finished:
        sys.stderr.write("the engine has gone before the run had ended\n")
        return ABANDONED
    _report(WorkerNotes.of(worker.contexts()))
    return 0


def _report(report: WorkerFailure | WorkerNotes) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    sys.stderr.buffer.write(report_line(report))
    sys.stderr.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
