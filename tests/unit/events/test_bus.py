"""The bus by small conversations: what each handler saw, in order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.factories import at, bar, refusal, signal

from qtrader.errors import ContractError, HandlerError, QTraderError
from qtrader.events.base import BaseEvent, DecisionEvent, ValidatedEvent
from qtrader.events.event_bus import EventBus
from qtrader.events.events import OrderEvent, PriceBarEvent, SignalEvent, SliceEvent, ValuationTriggerEvent
from qtrader.events.identity import NOT_YET, Envelope, Origin

Heard = list[tuple[str, str]]


def listener(heard: Heard, name: str) -> Any:
    def hear(event: BaseEvent) -> None:
        heard.append((name, event.event_type))

    return hear


def unidentified(**more: Any) -> SignalEvent:
    blank = {
        "event_id": "",
        "run_id": "",
        "occurred_at": NOT_YET,
        "source_service": "",
        "correlation_id": None,
    }
    return msgspec.structs.replace(signal(), envelope=Envelope.known(**(blank | more)))


class TestTopics:
    # topic, events that it hears of bar, signal, slice
    TABLE = (
        ("bar", ["bar"]),
        ("signal", ["signal"]),
        ("slice", ["slice"]),
        ("order", []),
        ("*", ["bar", "signal", "slice"]),
        (PriceBarEvent, ["bar"]),
        (SignalEvent, ["signal"]),
        (DecisionEvent, ["signal"]),
        (ValidatedEvent, ["bar", "signal"]),
        (BaseEvent, ["bar", "signal", "slice"]),
        (OrderEvent, []),
    )

    @pytest.mark.parametrize(("topic", "expected"), TABLE, ids=str)
    def test_a_topic_is_a_name_a_class_or_everything(self, topic: Any, expected: list[str]) -> None:
        heard: Heard = []
        bus = EventBus(run_id="r")
        bus.subscribe(topic, listener(heard, "a"))
        for event in (bar(), signal(), SliceEvent(0, ())):
            bus.publish(event)
        assert [event_type for _, event_type in heard] == expected

    @pytest.mark.parametrize("topic", ["bars", "Signal", "", "event"])
    def test_an_unknown_topic_is_refused_with_those_that_exist(self, topic: str) -> None:
        # "event" is the abstract base's name: nothing is ever published under it.
        with pytest.raises(
            QTraderError, match=r"no event has the topic .*known topics: \*, bar, .*, signal,"
        ) as caught:
            EventBus().subscribe(topic, print)
        assert " event," not in str(caught.value)

    @pytest.mark.parametrize("topic", [7, int, None, b"bar"])
    def test_what_is_no_topic_is_a_type_error(self, topic: Any) -> None:
        with pytest.raises(TypeError, match="a topic is an event type's name, an event class or"):
            EventBus().subscribe(topic, print)

    def test_the_known_topics_are_those_of_the_contracts_and_the_slice(self) -> None:
        with pytest.raises(QTraderError) as caught:
            EventBus().subscribe("nothing", print)
        assert set(str(caught.value).partition("known topics: ")[2].split(", ")) >= {
            "*",
            "bar",
            "consolidated_portfolio",
            "corporate_action",
            "fill",
            "ledger_entry",
            "order",
            "order_cancel",
            "order_modify",
            "order_request_rejected",
            "order_update",
            "risk_decision",
            "signal",
            "signal_rejected",
            "slice",
            "valuation_trigger",
        }


class TestOrder:
    def test_handlers_are_called_in_order_of_subscription_whatever_the_topic(self) -> None:
        bus, heard = EventBus(), []
        for name, topic in (
            ("a", "*"),
            ("b", SignalEvent),
            ("c", "signal"),
            ("d", DecisionEvent),
            ("e", "bar"),
        ):
            bus.subscribe(topic, listener(heard, name))
        bus.publish(signal())
        assert [name for name, _ in heard] == ["a", "b", "c", "d"]

    def test_what_a_handler_publishes_waits_until_all_have_seen_the_present_event(self) -> None:
        bus, heard = EventBus(), []

        def answer(event: SignalEvent) -> None:
            heard.append(("answer", "begins"))
            bus.publish(refusal(day=1))
            bus.publish(SliceEvent(1, ()))
            heard.append(("answer", "ends"))

        bus.subscribe("signal", answer)
        bus.subscribe("signal", listener(heard, "second"))
        bus.subscribe("*", listener(heard, "all"))
        bus.publish(signal())
        assert heard == [
            ("answer", "begins"),
            ("answer", "ends"),
            ("second", "signal"),
            ("all", "signal"),
            ("all", "signal_rejected"),
            ("all", "slice"),
        ]

    def test_consequences_are_first_in_first_out_breadth_before_depth(self) -> None:
        bus, heard = EventBus(), []

        def spread(event: SliceEvent) -> None:
            heard.append(event.instant_us)
            if event.instant_us < 4:
                bus.publish(SliceEvent(event.instant_us * 2, ()))
                bus.publish(SliceEvent(event.instant_us * 2 + 1, ()))

        bus.subscribe("slice", spread)
        bus.publish(SliceEvent(1, ()))
        assert heard == [1, 2, 3, 4, 5, 6, 7]

    def test_one_handler_may_listen_to_several_topics_but_once_to_each(self) -> None:
        bus, heard = EventBus(), []
        hear = listener(heard, "a")
        bus.subscribe("signal", hear)
        bus.subscribe("bar", hear)
        with pytest.raises(QTraderError, match=r"hear is subscribed to 'signal' already"):
            bus.subscribe("signal", hear)
        bus.publish(signal())
        assert heard == [("a", "signal")]


class TestSubscriptionsDuringDelivery:
    def test_a_new_subscriber_hears_the_next_event_not_the_present_one(self) -> None:
        bus, heard = EventBus(), []
        late = listener(heard, "late")

        def invite(event: SignalEvent) -> None:
            if not heard:
                heard.append(("invite", "signal"))
                bus.subscribe("signal", late)

        bus.subscribe("signal", invite)
        bus.publish(signal())
        assert heard == [("invite", "signal")]
        bus.publish(signal())
        assert heard == [("invite", "signal"), ("late", "signal")]

    def test_one_who_leaves_still_hears_the_event_being_delivered_and_none_after(self) -> None:
        bus, heard = EventBus(), []
        leaver = listener(heard, "leaver")

        def dismiss(event: SignalEvent) -> None:
            if ("leaver", "signal") not in heard:
                bus.unsubscribe("signal", leaver)

        bus.subscribe("signal", dismiss)
        bus.subscribe("signal", leaver)
        bus.publish(signal())
        bus.publish(signal())
        assert heard == [("leaver", "signal")]

    def test_a_handler_may_unsubscribe_itself(self) -> None:
        bus, heard = EventBus(), []

        def once(event: SignalEvent) -> None:
            heard.append(event.signal_id)
            bus.unsubscribe("signal", once)

        bus.subscribe("signal", once)
        bus.publish(signal(ordinal=0))
        bus.publish(signal(ordinal=1))
        assert heard == ["sma:AAPL:20240101T210000Z:0"]

    def test_events_waiting_already_follow_the_new_subscriptions(self) -> None:
        bus, heard = EventBus(is_automatic=False), []
        bus.publish(signal())
        bus.subscribe("signal", listener(heard, "after publish"))
        bus.drain()
        assert heard == [("after publish", "signal")]

    def test_leaving_without_having_come_is_an_error(self) -> None:
        bus = EventBus()
        bus.subscribe("signal", print)
        with pytest.raises(QTraderError, match=r"print is not subscribed to SignalEvent"):
            bus.unsubscribe(SignalEvent, print)


class TestModes:
    def test_automatic_delivers_inside_publish(self) -> None:
        bus, heard = EventBus(), []
        bus.subscribe("*", listener(heard, "a"))
        bus.publish(signal())
        assert heard == [("a", "signal")]
        assert not bus.pending

    def test_manual_delivers_at_drain(self) -> None:
        bus, heard = EventBus(is_automatic=False), []
        bus.subscribe("*", listener(heard, "a"))
        bus.publish(signal())
        bus.publish(refusal())
        assert heard == []
        assert len(bus.store) == 0
        bus.drain()
        assert heard == [("a", "signal"), ("a", "signal_rejected")]
        assert len(bus.store) == 2
        bus.drain()
        assert len(heard) == 2

    def test_drain_inside_a_handler_does_not_overtake_the_present_event(self) -> None:
        bus, heard = EventBus(is_automatic=False), []

        def eager(event: SignalEvent) -> None:
            bus.publish(refusal())
            bus.drain()
            heard.append(("eager", "signal"))

        bus.subscribe("signal", eager)
        bus.subscribe("*", listener(heard, "all"))
        bus.publish(signal())
        bus.drain()
        assert heard == [("eager", "signal"), ("all", "signal"), ("all", "signal_rejected")]

    def test_deliver_calls_handlers_without_logging(self) -> None:
        bus, heard = EventBus(), []
        bus.subscribe("bar", listener(heard, "a"))
        bus.deliver(bar())
        assert heard == [("a", "bar")]
        assert len(bus.store) == 0


class TestPublish:
    @pytest.mark.parametrize("thing", ["signal", 7, None, {"event_type": "signal"}])
    def test_only_events_can_be_published(self, thing: Any) -> None:
        with pytest.raises(TypeError, match="only events can be published; this is a"):
            EventBus().publish(thing)

    def test_a_body_that_breaks_its_contract_is_refused_where_it_is_published(self) -> None:
        bus, heard = EventBus(), []
        bus.subscribe("*", listener(heard, "a"))
        with pytest.raises(ContractError, match="signal"):
            bus.publish(msgspec.structs.replace(signal(), price=-signal().price))
        assert heard == []
        assert list(bus.history()) == []
        assert not bus.pending

    def test_a_bar_that_breaks_its_contract_is_refused_too(self) -> None:
        with pytest.raises(ContractError, match="bar"):
            EventBus().publish(bar(close=float("nan")))

    def test_an_event_without_identity_gets_one_that_a_contract_accepts(self) -> None:
        bus = EventBus(run_id="run-7")
        bus.publish(unidentified(occurred_at=at(1)))
        (event,) = bus.history()
        event.validate()
        assert (event.run_id, event.source_service, event.occurred_at) == ("run-7", "external", at(1))

    def test_the_identity_given_is_that_of_an_origin_called_external(self) -> None:
        bus, origin = EventBus(run_id="run-7"), Origin("run-7", "external")
        for _ in range(2):
            bus.publish(unidentified(occurred_at=at(1)))
        made = [origin.effect_of_id(None, None, at(1)).event_id for _ in range(2)]
        assert [event.event_id for event in bus.history()] == made

    def test_what_an_unidentified_event_says_of_itself_is_kept(self) -> None:
        bus = EventBus(run_id="run-7")
        said = {
            "occurred_at": at(2),
            "source_service": "desk",
            "correlation_id": "chain",
            "causation_id": "cause",
        }
        bus.publish(unidentified(**said, run_id="other-run"))
        (event,) = bus.history()
        assert {name: getattr(event, name) for name in said} == said
        assert event.run_id == "other-run"

    def test_without_an_instant_it_follows_what_happened_last(self) -> None:
        bus = EventBus(run_id="r")
        bus.publish(signal(day=3))
        bus.publish(unidentified())
        assert [event.occurred_at for event in bus.history()] == [at(3), at(3)]

    def test_without_an_instant_and_a_past_it_is_refused(self) -> None:
        with pytest.raises(QTraderError, match=r"SignalEvent has no occurred_at.*give occurred_at="):
            EventBus(run_id="r").publish(unidentified())

    def test_a_bus_without_a_run_still_makes_documents_that_its_contract_accepts(self) -> None:
        bus = EventBus()
        bus.publish(unidentified(occurred_at=at(1)))
        (event,) = bus.history()
        event.validate()

    def test_an_identified_event_passes_untouched(self) -> None:
        bus, event = EventBus(run_id="r"), signal()
        bus.publish(event)
        assert next(bus.history()) is event


class TestFailure:
    def test_a_handlers_exception_names_event_handler_and_cause_and_how_to_meet_it_again(self) -> None:
        class Desk:
            def on_signal(self, event: SignalEvent) -> None:
                message = "no paper"
                raise LookupError(message)

        bus = EventBus()
        bus.subscribe("signal", Desk().on_signal)
        with pytest.raises(HandlerError) as caught:
            bus.publish(signal())
        assert str(caught.value) == (
            "Desk.on_signal failed on the signal event for AAPL of 2024-01-01T21:00:00+00:00: "
            "LookupError: no paper. The run has stopped. "
            "Run it again with the same configuration to meet the same event "
            f"(event_id {signal().event_id}, run_id run-1)."
        )
        assert isinstance(caught.value.__cause__, LookupError)

    def test_a_function_is_named_by_its_qualified_name(self) -> None:
        def clumsy(event: BaseEvent) -> None:
            raise ZeroDivisionError

        bus = EventBus()
        bus.subscribe("slice", clumsy)
        with pytest.raises(
            HandlerError, match=r"clumsy failed on the slice event .*: ZeroDivisionError\. The run"
        ):
            bus.publish(SliceEvent(0, ()))

    def test_nothing_is_delivered_after_a_failure_and_the_rest_is_dropped(self) -> None:
        bus, heard = EventBus(is_automatic=False), []

        def fail(event: SignalEvent) -> None:
            raise ValueError

        bus.subscribe("signal", listener(heard, "before"))
        bus.subscribe("signal", fail)
        bus.subscribe("*", listener(heard, "after"))
        bus.publish(signal())
        bus.publish(refusal())
        with pytest.raises(HandlerError):
            bus.drain()
        assert heard == [("before", "signal")]
        assert not bus.pending
        bus.drain()
        assert heard == [("before", "signal")]
        assert [event.event_type for event in bus.history()] == ["signal"]

    def test_an_error_below_keeps_the_name_of_the_handler_that_failed_first(self) -> None:
        bus = EventBus()

        def outer(event: SignalEvent) -> None:
            bus.deliver(SliceEvent(0, ()))

        def inner(event: SliceEvent) -> None:
            raise ValueError

        bus.subscribe("signal", outer)
        bus.subscribe("slice", inner)
        with pytest.raises(HandlerError, match=r"inner failed on the slice event"):
            bus.publish(signal())

    def test_a_bad_event_published_by_a_handler_names_that_handler(self) -> None:
        bus = EventBus()

        def careless(event: SignalEvent) -> None:
            bus.publish(msgspec.structs.replace(refusal(), reason=""))

        bus.subscribe("signal", careless)
        with pytest.raises(HandlerError, match=r"careless failed on the signal .*ContractError.*reason"):
            bus.publish(signal())


class TestHistory:
    def test_bars_published_one_by_one_stand_in_the_history_in_their_place(self) -> None:
        bus = EventBus()
        said = [
            bar(1),
            signal(day=1),
            bar(2, symbol="AAPL"),
            bar(2, symbol="MSFT"),
            signal(day=2),
            refusal(day=2),
        ]
        for event in said:
            bus.publish(event)
        assert list(bus.history()) == said
        assert list(bus.history(2)) == said[2:]
        assert list(bus.history(1, 3)) == said[1:3]

    def test_control_events_are_not_history(self) -> None:
        bus = EventBus()
        bus.publish(SliceEvent(0, ()))
        assert list(bus.history()) == []

    def test_time_never_goes_back(self) -> None:
        bus = EventBus()
        bus.publish(
            ValuationTriggerEvent(
                envelope=Envelope.known(occurred_at=at(2)), session=at(2).date(), calendar="UTC"
            )
        )
        with pytest.raises(
            QTraderError, match=r"of 2024-01-01T21:00:00\+00:00 cannot follow .* of 2024-01-02T21"
        ):
            bus.publish(signal(day=1))
