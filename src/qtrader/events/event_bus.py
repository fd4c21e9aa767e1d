"""The bus: first in, first out, run to completion.

What a handler publishes is queued and delivered after the handler has returned, so that every subscriber sees
every event in one order. The body of each decision event is validated when it is published, in the frame of
the one who made it; it enters the log when its turn comes. In automatic mode `publish` delivers at once; the
engine switches to manual mode and calls `drain()` at the end of each phase. A handler's exception stops
everything and names the event, the handler and the cause.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from qtrader.errors import HandlerError, QTraderError
from qtrader.events import codec
from qtrader.events.base import BaseEvent, DecisionEvent, ValidatedEvent
from qtrader.events.event_store import EventStore, InMemoryEventStore
from qtrader.events.identity import NOT_YET, Envelope, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Handler = Callable[[Any], None]
    Topic = str | type[BaseEvent]

WILDCARD = "*"


class EventBus:
    """Carry events from publishers to subscribers in one order, and keep their history.

    Args:
        store: where the history is kept; in memory by default.
        run_id: the run that unidentified events are stamped with.
        is_automatic: deliver inside `publish`; an engine that drives phases sets it to False and calls
            `drain()`.
    """

    def __init__(
        self, store: EventStore | None = None, *, run_id: str = "unnamed", is_automatic: bool = True
    ) -> None:
        self.store: EventStore = InMemoryEventStore() if store is None else store
        self.run_id = run_id
        self.is_automatic = is_automatic
        #: Events that wait for delivery; read by the engine's inner loop, changed only here.
        self.pending: deque[BaseEvent] = deque()
        self._subscriptions: list[tuple[Topic, Handler]] = []
        self._routes: dict[type[BaseEvent], tuple[Handler, ...]] = {}
        self._origin = Origin(run_id, "external")
        #: The compiled check of each class of decisions that was published.
        self._checks: dict[type[BaseEvent], Callable[[Any], bool]] = {}
        self._last_logged: BaseEvent | None = None
        self._is_draining = False

    def subscribe(self, topic: Topic, handler: Handler) -> None:
        """Call `handler` with every event of a topic from now on, in order of subscription.

        Args:
            topic: an event type's name ("bar"), an event class (its subclasses included) or "*" for
                everything.
            handler: called with the event. Subscribing the same handler to the same topic twice is refused.

        Raises:
            QTraderError: no event class has that name, or the handler is subscribed already.
        """
        _check_topic(topic)
        if (topic, handler) in self._subscriptions:
            msg = f"{_name(handler)} is subscribed to {_topic_name(topic)} already"
            raise QTraderError(msg)
        self._subscriptions.append((topic, handler))
        self._routes.clear()

    def unsubscribe(self, topic: Topic, handler: Handler) -> None:
        """Stop calling `handler` for a topic; the event being delivered now still reaches it.

        Raises:
            QTraderError: the handler is not subscribed to that topic.
        """
        try:
            self._subscriptions.remove((topic, handler))
        except ValueError:
            msg = f"{_name(handler)} is not subscribed to {_topic_name(topic)}"
            raise QTraderError(msg) from None
        self._routes.clear()

    def handlers(self, event_class: type[BaseEvent]) -> tuple[Handler, ...]:
        """Return who handles an event class, in order of subscription."""
        routes = self._routes.get(event_class)
        if routes is None:
            routes = tuple(handler for topic, handler in self._subscriptions if _matches(topic, event_class))
            self._routes[event_class] = routes
        return routes

    def publish(self, event: BaseEvent) -> None:
        """Validate an event and queue it; in automatic mode deliver it and all that follows from it.

        Raises:
            TypeError: not a `BaseEvent`.
            ContractError: the event's body breaks its contract.
            HandlerError: a handler raised.
        """
        # Most events are decisions of the engine: identified, and valid beyond doubt.
        is_surely_valid = self._checks.get(type(event))
        if (
            is_surely_valid is None
            or event.envelope.known_id == ""  # type: ignore[union-attr]  # only decisions have a check here
            or not is_surely_valid(event)
        ):
            event = self._checked(event)
        self.pending.append(event)
        if self.is_automatic and not self._is_draining:
            self.drain()

    def drain(self) -> None:
        """Deliver what waits, and what follows from it, until nothing waits.

        Raises:
            HandlerError: a handler raised; what still waits is dropped, for no later event could be trusted.
        """
        if self._is_draining:
            return
        self._is_draining = True
        pending, routes, log = self.pending, self._routes, self.store.append
        try:
            while pending:
                event = pending.popleft()
                if event.has_identity:
                    log(event)  # type: ignore[arg-type]  # what has an identity is a ValidatedEvent
                    self._last_logged = event
                # As `deliver` does, without the call.
                kind = type(event)
                for handler in routes.get(kind) or self.handlers(kind):
                    try:
                        handler(event)
                    except HandlerError:
                        raise
                    except Exception as cause:
                        raise handler_error(event, _name(handler), cause) from cause
        finally:
            pending.clear()
            self._is_draining = False

    def deliver(self, event: BaseEvent) -> None:
        """Hand an event to its subscribers without logging it: for rows that the log counts by the tape.

        Raises:
            HandlerError: a handler raised.
        """
        for handler in self.handlers(type(event)):
            try:
                handler(event)
            except HandlerError:
                raise
            except Exception as cause:
                raise handler_error(event, _name(handler), cause) from cause

    def history(self, start: int = 0, stop: int | None = None) -> Iterator[ValidatedEvent]:
        """Give every event in order of sequence, bars included."""
        for _sequence, event in self.store.history(start, stop):
            yield event

    def _checked(self, event: BaseEvent) -> BaseEvent:
        """Validate an event, give it an identity if it has none, and remember its class's check."""
        if isinstance(event, DecisionEvent):
            codec.validate_body(event)
            check = codec.surely_valid(type(event))
            if check is not None:
                self._checks[type(event)] = check
            return event if event.event_id else self._identified(event)
        if not isinstance(event, BaseEvent):
            msg = f"only events can be published; this is a {type(event).__name__}: {event!r:.80}"
            raise TypeError(msg)
        if isinstance(event, ValidatedEvent):
            codec.validate_body(event)
        return event

    def _identified(self, event: DecisionEvent) -> DecisionEvent:
        given, last = event.envelope, self._last_logged
        latest = NOT_YET if last is None else last.occurred_at
        occurred_at = given.occurred_at if given.occurred_at != NOT_YET else latest
        if occurred_at == NOT_YET:
            msg = (
                f"{type(event).__name__} has no occurred_at, and nothing has happened yet that it could "
                "follow; give occurred_at="
            )
            raise QTraderError(msg)
        made = self._origin.effect_of_id(given.causation_id, given.correlation_id, occurred_at)
        envelope = Envelope.known(
            event_id=made.event_id,
            run_id=given.run_id or made.run_id,
            occurred_at=occurred_at,
            source_service=given.source_service or made.source_service,
            correlation_id=given.correlation_id,
            causation_id=given.causation_id,
        )
        return msgspec.structs.replace(event, envelope=envelope)


def handler_error(
    event: BaseEvent, handler: str, cause: Exception, kind: type[HandlerError] = HandlerError
) -> HandlerError:
    """Build the error that names what was handled, by whom, and how to meet it again."""
    symbol = getattr(event, "symbol", None)
    of_symbol = f" for {symbol}" if symbol else ""
    instant = event.occurred_at.isoformat()
    found = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    msg = (
        f"{handler} failed on the {event.event_type} event{of_symbol} of {instant}: {found}. "
        f"The run has stopped. Run it again with the same configuration to meet the same event"
        f"{f' (event_id {event.event_id}, run_id {event.run_id})' if event.event_id else ''}."
    )
    return kind(msg)


def _matches(topic: Topic, event_class: type[BaseEvent]) -> bool:
    if isinstance(topic, str):
        return topic in (WILDCARD, event_class.event_type)
    return issubclass(event_class, topic)


def _check_topic(topic: Topic) -> None:
    if isinstance(topic, str):
        # A base class has only an inherited name, under which nothing is ever published.
        named = (cls for cls in _subclasses(BaseEvent) if "event_type" in vars(cls))
        known = {WILDCARD} | {cls.event_type for cls in named}
        if topic not in known:
            msg = f"no event has the topic {topic!r}; known topics: {', '.join(sorted(known))}"
            raise QTraderError(msg)
    elif not (isinstance(topic, type) and issubclass(topic, BaseEvent)):
        msg = f"a topic is an event type's name, an event class or '*'; this is {topic!r}"
        raise TypeError(msg)


def _subclasses(cls: type[BaseEvent]) -> Iterator[type[BaseEvent]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _name(handler: Handler) -> str:
    owner = getattr(handler, "__self__", None)
    name: str = getattr(handler, "__qualname__", repr(handler))
    return name if owner is None else f"{type(owner).__name__}.{handler.__name__}"


def _topic_name(topic: Topic) -> str:
    return repr(topic) if isinstance(topic, str) else topic.__name__
