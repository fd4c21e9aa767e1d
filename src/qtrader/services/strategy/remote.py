"""The engine's side of a strategy worker: strategies in another process, behind the service's own surface.

Events go to the worker as they come; the bars of an instant go with `on_slice`, which waits for the signals
and requests that answer them and publishes these. The pipe carries contract documents, one JSON line each,
and empty lines that end a turn. The log is byte for byte that of a run in one process, so long as nobody but
strategies publishes events while bars are delivered: what the worker answers comes after the last bar of
their instant.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import msgspec

from qtrader.errors import ContractError, QTraderError
from qtrader.events import codec
from qtrader.events.events import OrderCancelEvent, OrderModifyEvent, SignalEvent
from qtrader.services.strategy.remote_facts import (
    MARK,
    StrategyNotes,
    WorkerFacts,
    WorkerFailure,
    WorkerNotes,
    read_report,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qtrader.events.base import BaseEvent, ValidatedEvent
    from qtrader.events.events import (
        CorporateActionEvent,
        FillEvent,
        LedgerEntryEvent,
        OrderEvent,
        OrderRequestRejectedEvent,
        OrderUpdateEvent,
        PriceBarEvent,
        SignalRejectedEvent,
        ValuationTriggerEvent,
    )
    from qtrader.market.tape import Tape

#: `-P` keeps the working directory off the worker's import path; it gets the engine's path instead.
_COMMAND = (sys.executable, "-P", "-m", "qtrader.services.strategy.worker")
#: What strategies publish.
_WISHES = (SignalEvent, OrderCancelEvent, OrderModifyEvent)
#: How many of a worker's last lines an error shows.
_LINES_KEPT = 20
#: A worker that has closed its pipe needs no longer to end.
_PATIENCE_S = 10.0


class RemoteStrategies:
    """Run strategies in a worker process.

    Args:
        facts: what the worker must know before the first event.
        publish: takes the signals.
        command: starts a worker that speaks over its standard streams; the facts are added as arguments.
            By default this Python runs it.
    """

    #: The worker holds whatever notices there are.
    has_notices = False
    #: Each instant's bars are wanted together.
    has_slices = True
    #: Bars travel as events.
    takes_rows = False

    def __init__(
        self, facts: WorkerFacts, publish: Callable[[BaseEvent], None], *, command: Sequence[str] = _COMMAND
    ) -> None:
        self._facts = facts
        self._publish = publish
        self._command = tuple(command)
        self._waiting: list[ValidatedEvent] = []
        self._worker: _Worker | None = None
        self._has_stopped = False
        self._notes = {each.strategy_id: StrategyNotes() for each in facts.strategies}

    def contexts(self) -> Mapping[str, StrategyNotes]:
        """Return what each strategy logged and recorded, by id; empty until the run has ended."""
        return self._notes

    def direct_handler(self) -> None:
        """Return None: no strategy of another process can be called."""

    def next_signal_row(self) -> None:
        """Return None: every bar goes to the worker."""

    def next_planned_row(self) -> int:
        """Return a row beyond all: no strategy of another process is followed here."""
        return 2**63 - 1

    def on_rows(self, tape: Tape, start: int, stop: int) -> None:
        """Do nothing: bars travel as events, with `on_slice`."""

    def rows_before(self, stop: int) -> list[int]:  # noqa: ARG002 - the service's own surface
        """Return nothing: no strategy of another process is followed here."""
        return []

    def on_start(self, instant_us: int) -> None:
        """Start the worker and let strategies prepare.

        Raises:
            HandlerError: a strategy raised.
            QTraderError: the worker cannot be started, or ended.
        """
        self._worker = _Worker(self._command, msgspec.structs.replace(self._facts, opened_at_us=instant_us))
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._worker.send(event)
        self._take_turn()

    def on_stop(self, instant_us: int) -> None:  # noqa: ARG002 - the worker knows the instant from its events
        """Let strategies finish, take over what they logged and recorded, and end the worker."""
        self._take_turn()
        if self._worker is not None:
            self._notes = self._worker.finish().by_strategy()
        self._has_stopped = True

    def close(self) -> None:
        """End the worker at once if it is still there; for a run that is given up."""
        if self._worker is not None:
            self._worker.end()

    def deliver_notices(self, instant_us: int) -> None:
        """Do nothing: the worker hands them out when it gets the bars of the instant."""

    def on_bar(self, bar: PriceBarEvent) -> None:
        """Do nothing: the bars of an instant go together, with `on_slice`."""

    def on_slice(self, bars: Sequence[PriceBarEvent]) -> None:
        """Send the bars of an instant and publish the signals and requests that come back.

        Raises:
            HandlerError: a strategy raised.
            ContractError: what came back is neither signal nor request.
            QTraderError: the worker ended.
        """
        if not bars:
            return
        for bar in bars:
            self._send(bar)
        self._take_turn()

    def on_fill(self, fill: FillEvent) -> None:
        """Send a fill."""
        self._send(fill)

    def on_order(self, order: OrderEvent) -> None:
        """Send an order; the worker's view of orders is made of them."""
        self._send(order)

    def on_order_update(self, update: OrderUpdateEvent) -> None:
        """Send an order's step."""
        self._send(update)

    def on_signal_rejected(self, refusal: SignalRejectedEvent) -> None:
        """Send a refusal."""
        self._send(refusal)

    def on_order_request_rejected(self, refusal: OrderRequestRejectedEvent) -> None:
        """Send the refusal of a request."""
        self._send(refusal)

    def on_corporate_action(self, action: CorporateActionEvent) -> None:
        """Send a corporate action; the worker's marks need it."""
        self._send(action)

    def on_ledger_entry(self, entry: LedgerEntryEvent) -> None:
        """Send a booking; the worker's account is made of them."""
        self._send(entry)

    def on_valuation_trigger(self, trigger: ValuationTriggerEvent) -> None:
        """Send a session's close; it tells the worker the time."""
        self._send(trigger)

    def _send(self, event: ValidatedEvent) -> None:
        if self._has_stopped:
            # The strategies are gone; in one process they would not hear of it any more either.
            return
        if self._worker is None:
            self._waiting.append(event)
        else:
            self._worker.send(event)

    def _take_turn(self) -> None:
        if self._worker is None:
            msg = "the strategies have not been started; on_start comes first"
            raise QTraderError(msg)
        for wish in self._worker.take_turn():
            self._publish(wish)


class _Worker:
    """A worker process with its three streams."""

    def __init__(self, command: Sequence[str], facts: WorkerFacts) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the caller's own or this Python
                [*command, *facts.to_arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except OSError as cause:
            msg = f"the strategy worker cannot be started: {cause}; its command is {' '.join(command)}"
            raise QTraderError(msg) from cause
        if process.stdin is None or process.stdout is None or process.stderr is None:
            msg = "the strategy worker has no pipes"
            raise QTraderError(msg)
        self._process = process
        self._incoming = process.stdout
        self._outgoing = process.stdin
        self._side = _SideChannel(process.stderr)
        self.end = weakref.finalize(self, _end, process)

    def send(self, event: ValidatedEvent) -> None:
        """Send an event; it may wait in a buffer until the turn is taken."""
        # The bus has validated a decision's body, and the tape every bar.
        self._write(codec.encode(event, is_validated=True) + b"\n")

    def take_turn(self) -> list[ValidatedEvent]:
        """End the turn and wait for the signals and requests that answer it."""
        self._write(b"\n", is_last=True)
        wishes = []
        while (line := self._incoming.readline()) != b"\n":
            if not line.endswith(b"\n"):
                raise self._failure()
            wishes.append(_wish_of(line))
        return wishes

    def finish(self) -> WorkerNotes:
        """Wait for the worker's end and return what its strategies logged and recorded."""
        self._outgoing.close()
        report = self._wait()
        if self._process.returncode != 0 or not isinstance(report, WorkerNotes):
            raise self._failure()
        self.end()
        return report

    def _write(self, content: bytes, *, is_last: bool = False) -> None:
        if self._outgoing.closed:
            raise self._failure()
        try:
            self._outgoing.write(content)
            if is_last:
                self._outgoing.flush()
        except (BrokenPipeError, ConnectionResetError) as cause:
            raise self._failure() from cause

    def _wait(self) -> WorkerFailure | WorkerNotes | None:
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._side.close()

    def _failure(self) -> QTraderError:
        """Say why the worker has ended."""
        report = self._wait()
        self.end()
        if isinstance(report, WorkerFailure):
            return report.to_error()
        code = self._process.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        lines = "\n".join(self._side.last_lines) or "(nothing)"
        msg = f"the strategy worker ended {how} before it had answered; its last lines were:\n{lines}"
        return QTraderError(msg)


def _wish_of(line: bytes) -> ValidatedEvent:
    """Read what a strategy may publish, and nothing else."""
    wish = codec.decode(line)
    if not isinstance(wish, _WISHES):
        allowed = ", ".join(repr(each.event_type) for each in _WISHES)
        msg = f"contract envelope.v1, field event_type: found {wish.event_type!r}; must be one of {allowed}"
        raise ContractError(msg)
    return wish


class _SideChannel:
    """Read a worker's standard error as it runs: pass on what strategies print, keep what is reported."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._report: WorkerFailure | WorkerNotes | None = None
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def close(self) -> WorkerFailure | WorkerNotes | None:
        """Wait for the stream's end and return what was reported."""
        self._thread.join(_PATIENCE_S)
        return self._report

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                printed, mark, document = line.partition(MARK)
                if mark:
                    self._report = read_report(document)
                if printed:
                    text = printed.decode(errors="replace").rstrip("\r\n")
                    self.last_lines.append(text)
                    sys.stderr.write(f"{text}\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            # What the worker will never read may be lost.
            with suppress(BrokenPipeError, ConnectionResetError):
                stream.close()
