"""A worker on streams in memory: which turn does what, and what it says on the way."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.factories import RUN_ID, at_us, bar, fill_event, split

from qtrader.errors import ContractError, HandlerError
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.events import FillEvent, PriceBarEvent, SignalEvent
from qtrader.money import money_context
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.remote_facts import (
    MARK,
    StrategyFacts,
    WorkerFacts,
    WorkerFailure,
    WorkerNotes,
    read_report,
    report_line,
)
from qtrader.services.strategy.worker import StrategyWorker

_FACTS = WorkerFacts(
    run_id=RUN_ID,
    strategies=(
        StrategyFacts("sma", "module:Class", {}),
        StrategyFacts("other", "module:Class", {}, ("MSFT",)),
    ),
    intervals=("1d",),
    intervals_of={"AAPL": ("1d",), "MSFT": ("1d",)},
    base_currency="USD",
    ledger_scale=8,
    trading_starts_us=-1,
    seed=3,
    opened_at_us=at_us(1, 14),
)


class _Diary:
    """Write down each call with what could be seen then."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_start(self, context: Context) -> None:
        self._note("start", context)

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        self._note(bar.symbol, context)
        context.emit_signal(bar.symbol, "open_long", quantity=5)

    def on_fill(self, fill: FillEvent, context: Context) -> None:
        self._note(f"fill {fill.price}", context)

    def on_stop(self, context: Context) -> None:
        self._note("stop", context)

    def _note(self, what: str, context: Context) -> None:
        prices = "/".join(str(context.position(symbol).market_price) for symbol in ("AAPL", "MSFT"))
        self.lines.append(f"{context.now:%d %H} {what} {prices} {len(context.history('AAPL'))}")


def _work(
    *turns: list[ValidatedEvent], facts: WorkerFacts = _FACTS
) -> tuple[bool, list[str], StrategyWorker]:
    """Give a worker turns; return whether it finished, the diary of its first strategy, and itself."""
    incoming = b"".join(b"".join(codec.encode(event) + b"\n" for event in turn) + b"\n" for turn in turns)
    diary = _Diary()
    worker = StrategyWorker(facts, {"sma": diary, "other": _Diary()}, io.BytesIO(incoming), io.BytesIO())
    with money_context():
        return worker.run(), diary.lines, worker


def test_turns_start_decide_and_stop() -> None:
    is_finished, lines, _ = _work(
        [],
        [bar(1, 100.0), bar(1, 20.0, "MSFT")],
        [fill_event(day=2, price=Decimal("100.50")), split("2", day=2), bar(2, 51.0)],
        [split("3", "MSFT", day=3)],
    )
    assert is_finished
    assert lines == [
        "01 14 start None/None 0",
        # Both bars of the instant are known before either is handed out.
        "01 21 AAPL 100/20 1",
        "01 21 MSFT 100/20 1",
        "02 21 fill 100.5 51/20 2",
        "02 21 AAPL 51/20 2",
        # The present is the latest instant heard of, and a split counts from then on.
        "03 14 stop 51/6.6666666666666666666666666666666666666666666666667 2",
    ]


def test_answers_are_the_signals_of_the_strategies_that_see_the_bar() -> None:
    outgoing = io.BytesIO()
    incoming = io.BytesIO(
        b"\n" + codec.encode(bar(1)) + b"\n" + codec.encode(bar(1, 20.0, "MSFT")) + b"\n\n\n"
    )
    worker = StrategyWorker(_FACTS, {"sma": _Diary(), "other": _Diary()}, incoming, outgoing)
    with money_context():
        assert worker.run()
    lines = outgoing.getvalue().split(b"\n")
    assert [bool(line) for line in lines] == [False, True, True, True, False, False, False]
    signals = [codec.decode_as(SignalEvent, line) for line in lines if line]
    assert [(signal.strategy_id, signal.symbol) for signal in signals] == [
        ("sma", "AAPL"),
        ("sma", "MSFT"),
        ("other", "MSFT"),
    ]
    assert {signal.causation_id for signal in signals[1:]} == {bar(1, 20.0, "MSFT").event_id}


def test_bars_of_a_coarser_interval_are_seen_but_make_neither_marks_nor_history() -> None:
    hour = bar(1, 99.0, interval="1h")
    facts = msgspec.structs.replace(
        _FACTS, intervals=("1h", "1d"), intervals_of={"AAPL": ("1h", "1d"), "MSFT": ("1d",)}
    )
    _, lines, _ = _work([], [bar(1, 100.0), hour], [], facts=facts)
    assert lines[1:3] == ["01 21 AAPL 99/None 1", "01 21 AAPL 99/None 1"]


@pytest.mark.parametrize("turns", [[], [[]], [[], [bar(1)]]])
def test_a_stream_that_ends_before_the_stop_is_said_and_stops_no_strategy(turns: list[Any]) -> None:
    is_finished, lines, _ = _work(*turns)
    assert not is_finished
    assert not any("stop" in line for line in lines)


def test_what_is_no_contract_document_is_refused() -> None:
    worker = StrategyWorker(_FACTS, {"sma": _Diary()}, io.BytesIO(b'{"event_type":"bar"}\n\n'), io.BytesIO())
    with pytest.raises(ContractError, match="envelope"):
        worker.run()


def test_reports_come_back_as_they_were_sent() -> None:
    _, _, worker = _work([], [])
    context = worker.contexts()["sma"]
    context.log("said", price=Decimal("1.50"), count=3)
    context.record("ratio", float("nan"))
    context.record("ratio", float("-inf"))
    line = report_line(WorkerNotes.of(worker.contexts()))
    assert line.startswith(MARK)
    notes = read_report(line.removeprefix(MARK))
    assert isinstance(notes, WorkerNotes)
    found = notes.by_strategy()
    assert found["sma"].logs == [(at_us(1, 14), "said", {"price": "1.50", "count": 3})]
    assert [repr(value) for _, _, value in found["sma"].records] == ["nan", "-inf"]
    assert found["other"].logs == []


def test_an_error_comes_back_in_its_nearest_class_of_ours() -> None:
    class SpecialError(HandlerError):
        pass

    report = read_report(
        report_line(WorkerFailure.of(SpecialError("two\nlines"), "Traceback …")).removeprefix(MARK)
    )
    assert isinstance(report, WorkerFailure)
    error = report.to_error()
    assert type(error) is HandlerError
    assert str(error) == "two\nlines"
    assert error.__notes__ == ["In the strategy worker:\nTraceback …"]
