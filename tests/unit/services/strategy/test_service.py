"""Who hears what and when: several strategies, slices, notices, failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.factories import at, at_us, fill_event, order_update, refusal, signal, tape_of
from tests.unit.services.strategy.stage import Play, Stage

from qtrader.errors import HandlerError
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import OrderStatus
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.strategy.protocol import Strategy


class Diary:
    """Write down every call: (name, handler, what, day)."""

    def __init__(self, name: str, diary: list[tuple[Any, ...]]) -> None:
        self.name = name
        self.diary = diary

    def _note(self, handler: str, what: str, context: Any) -> None:
        self.diary.append((self.name, handler, what, context.now.day))

    def on_start(self, context: Any) -> None:
        self._note("start", "", context)

    def on_bar(self, bar: Any, context: Any) -> None:
        self._note("bar", bar.symbol, context)

    def on_slice(self, bars: Any, context: Any) -> None:
        self._note("slice", "+".join(bar.symbol for bar in bars), context)

    def on_fill(self, fill: Any, context: Any) -> None:
        self._note("fill", fill.fill_id, context)

    def on_order(self, update: Any, context: Any) -> None:
        self._note("order", update.status.value, context)

    def on_refusal(self, refusal: Any, context: Any) -> None:
        self._note("refusal", refusal.reason, context)

    def on_stop(self, context: Any) -> None:
        self._note("stop", "", context)


def build_tape_parts() -> Any:
    """Make columns of one bar that closes with day 1."""

    def part(symbol: str, interval: str) -> SymbolColumns:
        times = {"opened_at_us": np.array([at_us(1, 20)]), "closed_at_us": np.array([at_us(1)])}
        prices = {name: np.array([1.0]) for name in ("open", "high", "low", "close")}
        return SymbolColumns(symbol=symbol, interval=interval, **times, **prices)

    return part


class TestBars:
    def test_bars_come_by_symbol_then_by_strategy_in_order_of_wiring_and_the_slice_comes_last(self) -> None:
        diary: list[Any] = []
        Stage({name: Diary(name, diary) for name in ("z", "a")}).play(1)
        assert diary == [
            ("z", "bar", "AAPL", 1),
            ("a", "bar", "AAPL", 1),
            ("z", "bar", "MSFT", 1),
            ("a", "bar", "MSFT", 1),
            ("z", "slice", "AAPL+MSFT", 1),
            ("a", "slice", "AAPL+MSFT", 1),
        ]

    def test_a_strategy_sees_only_its_symbols(self) -> None:
        diary: list[Any] = []
        strategies = {name: Diary(name, diary) for name in ("a", "m", "all")}
        tape = tape_of({"AAPL": [1.0, 2.0], "MSFT": [3.0]}, days={"MSFT": [2]})
        Stage(strategies, tape, symbols_of={"a": ("AAPL",), "m": ("MSFT",)}).play(1, 2)
        assert [entry for entry in diary if entry[0] == "m"] == [
            ("m", "bar", "MSFT", 2),
            ("m", "slice", "MSFT", 2),
        ]
        assert [entry[2] for entry in diary if entry[0] == "a"] == ["AAPL", "AAPL", "AAPL", "AAPL"]
        assert [entry[2] for entry in diary if entry[0] == "all"] == [
            "AAPL",
            "AAPL",
            "AAPL",
            "MSFT",
            "AAPL+MSFT",
        ]

    def test_a_strategy_sees_only_its_intervals(self) -> None:
        diary: list[Any] = []
        part = build_tape_parts()
        tape = build_tape([part("AAPL", "1h"), part("AAPL", "1d"), part("MSFT", "1h")])
        strategies = {name: Diary(name, diary) for name in ("days", "hours", "all")}
        Stage(strategies, tape, intervals={"days": ("1d",), "hours": ("1h",)}).play(1)
        assert [entry[:3] for entry in diary] == [
            ("hours", "bar", "AAPL"),
            ("all", "bar", "AAPL"),
            ("days", "bar", "AAPL"),
            ("all", "bar", "AAPL"),
            ("hours", "bar", "MSFT"),
            ("all", "bar", "MSFT"),
            ("days", "slice", "AAPL"),
            ("hours", "slice", "AAPL+MSFT"),
            ("all", "slice", "AAPL+AAPL+MSFT"),
        ]

    def test_the_direct_handler_leaves_out_bars_that_are_not_seen(self) -> None:
        seen: list[str] = []
        part = build_tape_parts()
        tape = build_tape([part("AAPL", "1h"), part("AAPL", "1d")])
        play = Play(lambda bar, context: seen.append(f"{bar.interval} {context.bar is bar}"))
        direct = Stage(play, tape, intervals={"sma": ("1d",)}).service.direct_handler()
        assert direct is not None
        for bar in tape.bars():
            direct[0](bar, direct[1])
        assert seen == ["1d True"]
        every = Stage(play, tape, intervals={"sma": ("1h", "1d")}).service.direct_handler()
        assert every is not None
        assert every[0] is play.on_bar

    def test_a_strategy_of_slices_alone_needs_no_on_bar(self) -> None:
        class Slices:
            def on_slice(self, bars: Any, context: Any) -> None:
                seen.append([bar.close for bar in bars])
                assert context.bar is None
                context.emit_signal("MSFT", "open_long")

        seen: list[list[float]] = []
        stage = Stage(Slices()).play(1, 2)
        assert seen == [[100.0, 20.0], [101.5, 21.0]]
        last_bars = [bar for bar in stage.tape.bars(run_id="run-1") if bar.symbol == "MSFT"]
        assert [signal.causation_id for signal in stage.signals] == [bar.event_id for bar in last_bars[:2]]

    # strategies, symbols of the only one → whether it can be called directly
    @pytest.mark.parametrize(
        ("strategies", "symbols_of", "is_direct"),
        [
            ({"a": Play(print)}, {}, True),
            ({"a": Play(print)}, {"a": ("AAPL", "MSFT")}, True),
            ({"a": Play(print)}, {"a": ("AAPL",)}, False),
            ({"a": Play(print), "b": Play(print)}, {}, False),
            ({"a": Diary("a", [])}, {}, False),
        ],
    )
    def test_only_one_strategy_that_sees_every_bar_and_nothing_else_is_called_directly(
        self, strategies: Any, symbols_of: Any, is_direct: bool
    ) -> None:
        service = Stage(strategies, symbols_of=symbols_of).service
        direct = service.direct_handler()
        assert (direct is not None) is is_direct
        if direct is not None:
            assert direct == (strategies["a"].on_bar, service.contexts()["a"])


class TestLife:
    def test_start_comes_before_the_first_bar_and_stop_after_the_last(self) -> None:
        diary: list[Any] = []
        stage = Stage(Diary("a", diary), tape_of({"AAPL": [1.0]})).start().play(1)
        stage.service.on_stop(at_us(1))
        assert [entry[1] for entry in diary] == ["start", "bar", "slice", "stop"]

    def test_no_signal_is_possible_in_on_stop(self) -> None:
        class Late(Strategy):
            def on_bar(self, bar: Any, context: Any) -> None: ...

            def on_stop(self, context: Any) -> None:
                context.emit_signal("AAPL", "close_long")

        stage = Stage(Late()).play(1)
        with pytest.raises(
            HandlerError, match=r"Late\.on_stop of strategy 'sma' failed: .*the run has ended"
        ):
            stage.service.on_stop(at_us(1))
        assert stage.signals == []


class TestNotices:
    def told(self, stage: Stage, diary: list[Any]) -> list[Any]:
        return [entry for entry in diary if entry[1] in {"fill", "order", "refusal"}]

    def test_what_happened_is_told_in_order_when_the_strategy_next_looks(self) -> None:
        diary: list[Any] = []
        stage = Stage(Diary("a", diary), tape_of({"AAPL": [1.0, 2.0]})).play(1)
        service = stage.service
        assert not service.has_notices
        service.on_signal_rejected(refusal("sma"))
        service.on_order_update(order_update(_order(), OrderStatus.ACCEPTED))
        service.on_fill(fill_event("sma", number=1))
        service.on_order_update(order_update(_order(), OrderStatus.FILLED, filled="100"))
        service.on_fill(fill_event("sma", number=2))
        assert service.has_notices
        assert self.told(stage, diary) == []
        stage.play(2)
        assert not service.has_notices
        assert [entry[1:3] for entry in diary[2:]] == [
            ("refusal", "already_open"),
            ("order", "accepted"),
            ("fill", "order#1"),
            ("order", "filled"),
            ("fill", "order#2"),
            ("bar", "AAPL"),
            ("slice", "AAPL"),
        ]
        assert {entry[3] for entry in diary[2:]} == {2}

    def test_everybody_is_told_of_his_own_orders_only(self) -> None:
        diary: list[Any] = []
        stage = Stage({name: Diary(name, diary) for name in ("a", "b")})
        stage.service.on_fill(fill_event("b", number=1))
        stage.service.on_fill(fill_event("a", number=2))
        stage.service.on_fill(fill_event("stranger", number=3))
        stage.service.deliver_notices(at_us(1))
        assert diary == [("a", "fill", "order#2", 1), ("b", "fill", "order#1", 1)]

    def test_what_nobody_listens_to_is_not_kept(self) -> None:
        class Quiet(Strategy):
            def on_bar(self, bar: Any, context: Any) -> None: ...

        for strategy in (Quiet(), Play(print)):
            service = Stage(strategy).service
            service.on_fill(fill_event("sma"))
            service.on_signal_rejected(refusal("sma"))
            assert not service.has_notices

    def test_the_answer_to_a_fill_is_its_effect_at_the_present_instant(self) -> None:
        class Answer(Strategy):
            def on_bar(self, bar: Any, context: Any) -> None: ...

            def on_fill(self, fill: Any, context: Any) -> None:
                context.emit_signal(fill.symbol, "close_long")

        stage = Stage(Answer())
        fill = fill_event("sma", day=2)
        stage.service.on_fill(fill)
        stage.service.deliver_notices(at_us(2))
        (answer,) = stage.signals
        assert (answer.causation_id, answer.occurred_at) == (fill.event_id, at(2))

    def test_what_is_left_is_told_before_the_end_and_can_be_answered_until_on_stop(self) -> None:
        diary: list[Any] = []
        stage = Stage(Diary("a", diary))
        stage.service.on_fill(fill_event("sma"))
        stage.service.on_stop(at_us(4))
        assert [entry[1] for entry in diary] == ["fill", "stop"]

        class Answer(Diary):
            def on_fill(self, fill: Any, context: Any) -> None:
                context.emit_signal(fill.symbol, "close_long")

            def on_stop(self, context: Any) -> None:
                context.emit_signal("AAPL", "close_long")

        stage = Stage(Answer("a", []))
        stage.service.on_fill(fill_event("sma"))
        with pytest.raises(HandlerError, match=r"Answer\.on_stop .*the run has ended"):
            stage.service.on_stop(at_us(4))
        assert [signal.intention for signal in stage.signals] == ["close_long"]


class TestFailures:
    class Broken(Strategy):
        def on_bar(self, bar: Any, context: Any) -> None:
            if context.now.day == 2:
                message = "no such level"
                raise KeyError(message)

        def on_slice(self, bars: Any, context: Any) -> None:
            if context.now.day == 3:
                raise IndexError

        def on_start(self, context: Any) -> None:
            if self.fails_at_start:
                raise ValueError

        fails_at_start: bool = False

        def on_refusal(self, refusal: Any, context: Any) -> None:
            raise RuntimeError

    def test_a_bar_that_breaks_a_strategy_is_named(self) -> None:
        stage = Stage(self.Broken()).play(1)
        with pytest.raises(HandlerError) as caught:
            stage.play(2)
        text = str(caught.value)
        assert text.startswith(
            "Broken.on_bar failed on the bar event for AAPL of 2024-01-02T21:00:00+00:00: "
            "KeyError: 'no such level'."
        )
        assert isinstance(caught.value.__cause__, KeyError)

    def test_so_is_a_slice(self) -> None:
        with pytest.raises(
            HandlerError, match=r"Broken\.on_slice failed on the bar event .* of 2024-01-03T21"
        ):
            Stage(self.Broken()).play(1, 3)

    def test_so_is_the_start(self) -> None:
        with pytest.raises(HandlerError, match=r"Broken\.on_start of strategy 'sma' failed: ValueError"):
            Stage(self.Broken(fails_at_start=True)).start()

    def test_so_is_a_notice(self) -> None:
        stage = Stage(self.Broken())
        stage.service.on_signal_rejected(refusal("sma"))
        with pytest.raises(
            HandlerError, match=r"Broken\.on_refusal failed on the signal_rejected event for AAPL"
        ):
            stage.service.deliver_notices(at_us(1))

    def test_a_bad_signal_names_strategy_and_bar(self) -> None:
        stage = Stage(Play(lambda bar, context: context.emit_signal("IBM", "open_long")))
        with pytest.raises(
            HandlerError,
            match=r"Play\.on_bar failed on the bar event for AAPL .*strategy sma: unknown symbol",
        ):
            stage.play(1)


def _order() -> Any:
    from qtrader.events.events import OrderEvent
    from qtrader.events.vocabulary import OrderPurpose, OrderType, Side, TimeInForce

    wish = signal()
    return OrderEvent(
        order_id="order",
        signal_id=wish.signal_id,
        strategy_id="sma",
        symbol="AAPL",
        side=Side.BUY,
        quantity=fill_event().quantity,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose.OPEN,
        envelope=Envelope.known(occurred_at=at(1)),
    )
