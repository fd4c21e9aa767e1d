"""Who handles what: the one table of subscriptions, and the house it connects.

Services know no other service. Each is given callables and read models here, and hears of the rest by the
events that the table sends it. Rows are in the order of delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qtrader.engine.decisions import Decisions
from qtrader.engine.run_costs import run_costs
from qtrader.engine.tape_market import TapeMarket
from qtrader.engine.worker_facts import worker_facts
from qtrader.errors import DataError
from qtrader.events.event_bus import EventBus
from qtrader.events.events import ConsolidatedPortfolioEvent
from qtrader.events.identity import Origin
from qtrader.market.calendars import get_calendar
from qtrader.market.history import TapeHistory
from qtrader.market.marks import Marks
from qtrader.market.sessions import date_of
from qtrader.services.account import AccountProjection
from qtrader.services.execution.buying_power import buying_power_of
from qtrader.services.execution.service import ExecutionService
from qtrader.services.manager.service import ManagerService
from qtrader.services.portfolio.service import PortfolioService
from qtrader.services.reporting.service import ReportingService
from qtrader.services.risk.service import RiskService
from qtrader.services.strategy.service import StrategyService
from qtrader.services.strategy.visible import VisibleIntervals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from qtrader.engine.config import RunConfig
    from qtrader.events.base import BaseEvent
    from qtrader.events.event_store import EventStore
    from qtrader.market.calendars import SessionCalendar
    from qtrader.market.instruments import Instrument
    from qtrader.market.tape import Tape
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.execution.costs import CustomModels
    from qtrader.services.execution.requests import OrderRequests
    from qtrader.services.strategy.protocol import StrategySpec
    from qtrader.services.strategy.remote import RemoteStrategies
    from qtrader.services.strategy.remote_facts import WorkerFacts

    MakeRemote = Callable[[WorkerFacts, Callable[[BaseEvent], None]], RemoteStrategies]

#: No exchange has ever been shut for longer: New York in 1914, from the end of July to late November.
_LONGEST_BREAK = timedelta(days=150)

#: (topic, part of the house, handler), in the order of delivery.
SUBSCRIPTIONS: tuple[tuple[str, str, str], ...] = (
    ("corporate_action", "marks", "on_corporate_action"),
    ("corporate_action", "portfolio", "on_corporate_action"),
    ("corporate_action", "execution", "on_corporate_action"),
    ("bar", "strategies", "on_bar"),
    ("signal", "manager", "on_signal"),
    ("signal_rejected", "strategies", "on_signal_rejected"),
    ("order", "execution", "on_order"),
    ("order", "strategies", "on_order"),
    ("order_cancel", "manager", "on_order_cancel"),
    ("order_cancel", "requests", "on_order_cancel"),
    ("order_modify", "requests", "on_order_modify"),
    ("order_request_rejected", "manager", "on_order_request_rejected"),
    ("order_request_rejected", "strategies", "on_order_request_rejected"),
    ("order_update", "manager", "on_order_update"),
    ("order_update", "strategies", "on_order_update"),
    ("fill", "portfolio", "on_fill"),
    ("fill", "strategies", "on_fill"),
    ("ledger_entry", "account", "on_ledger_entry"),
    ("ledger_entry", "execution", "on_ledger_entry"),
    ("valuation_trigger", "portfolio", "on_valuation_trigger"),
    ("consolidated_portfolio", "reporting", "on_consolidated_portfolio"),
)

#: What strategies in another process are sent besides: account, marks and time are made of it there.
REMOTE_SUBSCRIPTIONS: tuple[tuple[str, str, str], ...] = (
    ("corporate_action", "strategies", "on_corporate_action"),
    ("ledger_entry", "strategies", "on_ledger_entry"),
    ("valuation_trigger", "strategies", "on_valuation_trigger"),
)


@dataclass(frozen=True)
class House:
    """The parts of one run."""

    bus: EventBus
    marks: Marks
    account: AccountProjection
    strategies: StrategyService | RemoteStrategies
    manager: ManagerService
    risk: RiskService
    execution: ExecutionService
    portfolio: PortfolioService
    reporting: ReportingService

    @property
    def requests(self) -> OrderRequests:
        """The part of execution that handles what strategies ask of orders at work."""
        return self.execution.requests


class Sessions:
    """Answer questions about sessions by symbol."""

    def __init__(self, calendars: dict[str, SessionCalendar]) -> None:
        self._calendars = calendars
        self._days = get_calendar("UTC")

    def of(self, symbol: str) -> SessionCalendar:
        """Return a symbol's calendar; UTC days where it has none."""
        return self._calendars.get(symbol, self._days)

    def close_after(self, symbol: str, instant_us: int) -> int:
        """Return the first close of a symbol's sessions strictly after an instant."""
        return self.of(symbol).next_close(instant_us)

    def close_on(self, symbol: str, day: date) -> int:
        """Return the close of a symbol's session on a date, or of the next one where that date has none."""
        calendar = self.of(symbol)
        closes = calendar.sessions_between(day, day + _LONGEST_BREAK)
        if not len(closes):
            msg = (
                f"{symbol}: calendar {calendar.name} has no session in {_LONGEST_BREAK.days} days from {day}"
            )
            raise DataError(msg)
        return calendar.session_of_date(date_of(int(closes[0]))).closed_at_us


def build(
    config: RunConfig,
    data: LoadedData,
    made: Mapping[str, Any],
    specs: Sequence[StrategySpec],
    *,
    run_id: str,
    trading_starts_us: int,
    store: EventStore | None = None,
    remote: MakeRemote | None = None,
    models: CustomModels | None = None,
) -> House:
    """Build the parts of a run around its strategy objects (`made`, by id) and cost models, and connect them.

    With `remote` the strategies run in the process that it makes, and not the objects.
    """
    bus = EventBus(store, run_id=run_id, is_automatic=False)
    bus.store.attach_tape(data.tape, run_id)
    marks = Marks(data.tape)
    account = AccountProjection(
        marks.mark, config.portfolio.base_currency, config.portfolio.ledger_scale, lambda: marks.version
    )
    sessions = Sessions(dict(data.calendars))
    history = TapeHistory(data.tape)
    visible = visible_intervals(data.tape, specs)
    instruments: dict[str, Instrument] = {symbol: data.instruments[symbol] for symbol in data.tape.symbols}
    instrument = instruments.__getitem__
    risk = RiskService(
        policy=config.risk,
        origin=Origin(run_id, "risk_service"),
        account=account,
        instrument=instrument,
        base_currency=config.portfolio.base_currency,
    )
    strategies: StrategyService | RemoteStrategies
    if remote is None:
        strategies = StrategyService(
            made,
            symbols_of={spec.identifier: spec.symbols for spec in specs if spec.symbols is not None},
            publish=bus.publish,
            run_id=run_id,
            symbols=data.tape.symbols,
            account=account,
            history=history,
            look=marks.look,
            visible=visible,
            last_price=marks.mark,
            universe=data.universe,
            trading_starts_us=trading_starts_us,
            seed=config.run.seed,
            tape=data.tape,
            quantity_step=lambda symbol: instruments[symbol].quantity_step,
        )
    else:
        facts = worker_facts(config, data, specs, run_id=run_id, trading_starts_us=trading_starts_us)
        strategies = remote(facts, bus.publish)
    rule = buying_power_of(config.execution.buying_power, config.risk.account)
    house = House(
        bus=bus,
        marks=marks,
        account=account,
        strategies=strategies,
        manager=ManagerService(
            publish=bus.publish,
            origin=Origin(run_id, "manager_service"),
            risk=risk,
            account=account,
            instrument=instrument,
            scale_in=config.risk.scale_in,
            proceeds_fund_same_instant=config.risk.proceeds_fund_same_instant,
            rounds_prices=config.execution.off_tick == "round",
            trading_starts_us=trading_starts_us,
            is_member=None if data.universe is None else data.universe.contains,
        ),
        risk=risk,
        execution=ExecutionService(
            publish=bus.publish,
            origin=Origin(run_id, "execution_service"),
            settings=config.execution,
            instrument=instrument,
            market=TapeMarket(data.tape, sessions, marks, history, visible),
            ledger_scale=config.portfolio.ledger_scale,
            costs=run_costs(config, data, trading_starts_us=trading_starts_us, models=models),
            cash=None if rule == "allow_margin" else account.cash,
            trims=rule == "trim",
        ),
        portfolio=PortfolioService(
            publish=bus.publish,
            origin=Origin(run_id, "portfolio_service"),
            settings=config.portfolio,
            instrument=instrument,
            mark=marks.mark,
            session_close_us=sessions.close_on,
        ),
        reporting=ReportingService(
            initial_equity=config.portfolio.initial_cash,
            trading_starts_us=trading_starts_us,
            read_valuations=lambda: Decisions(bus.store).of(ConsolidatedPortfolioEvent),
        ),
    )
    connect(house, SUBSCRIPTIONS if remote is None else SUBSCRIPTIONS + REMOTE_SUBSCRIPTIONS)
    return house


def visible_intervals(tape: Tape, specs: Sequence[StrategySpec]) -> VisibleIntervals:
    """Collect which bars strategies see of a tape."""
    chosen = {spec.identifier: spec.intervals for spec in specs}
    return VisibleIntervals(
        tape.intervals,
        {symbol: tape.intervals_of(symbol) for symbol in tape.symbols},
        {name: seen for name, seen in chosen.items() if seen is not None},
    )


def connect(house: House, rows: Sequence[tuple[str, str, str]] = SUBSCRIPTIONS) -> None:
    """Subscribe the parts of a house as the table says."""
    for topic, part, handler in rows:
        owner: Any = getattr(house, part)
        house.bus.subscribe(topic, getattr(owner, handler))
