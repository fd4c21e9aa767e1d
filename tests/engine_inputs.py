"""Small markets and scripted strategies for tests that run the whole engine.

Bars are given as rows (open, high, low, close) of consecutive sessions or hours of an exchange; a `Script`
says which signals a strategy sends on which of its bars. Everything goes through the real engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.inputs import FROM_THE_FIRST_BAR_US, Inputs
from qtrader.engine.results import Results
from qtrader.events import codec
from qtrader.events.base import ValidatedEvent
from qtrader.events.events import CorporateActionEvent, FillEvent, PriceBarEvent, SignalEvent
from qtrader.events.vocabulary import ActionType, Side, SignalIntention
from qtrader.market.calendars import get_calendar
from qtrader.market.corporate_actions import effective_at_us
from qtrader.market.instruments import Instrument, Instruments
from qtrader.market.sessions import date_of
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.market.universe import Universe
from qtrader.services.data.adjustments import SignalPrices, signal_factor
from qtrader.services.data.assembly import LoadedData
from qtrader.services.data.report import LoadReport
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec, specs_of

Row = tuple[float, float, float, float]
Wish = Mapping[str, Any]
_Event = TypeVar("_Event", bound=ValidatedEvent)

FIRST_DAY = date(2024, 1, 2)
HOUR_US = 3_600_000_000

BUY: Wish = {"intention": SignalIntention.OPEN_LONG}
SELL: Wish = {"intention": SignalIntention.CLOSE_LONG}
SHORT: Wish = {"intention": SignalIntention.OPEN_SHORT}
COVER: Wish = {"intention": SignalIntention.CLOSE_SHORT}


def flat(price: float) -> Row:
    """Make a bar that stands still."""
    return (price, price, price, price)


def closes(*prices: float) -> list[Row]:
    """Make bars that open at the close before and end at these closes."""
    opens = (prices[0], *prices[:-1])
    return [(o, max(o, c), min(o, c), c) for o, c in zip(opens, prices, strict=True)]


def daily(
    rows: Sequence[Row], symbol: str = "X", *, calendar: str = "XNYS", first: date = FIRST_DAY
) -> SymbolColumns:
    """Put rows on consecutive sessions."""
    sessions = get_calendar(calendar)
    start = int(np.searchsorted(sessions.session_dates, (first - date(1970, 1, 1)).days))
    part = slice(start, start + len(rows))
    return _columns(rows, symbol, "1d", sessions.opened_at_us[part], sessions.closed_at_us[part])


def hourly(
    rows: Sequence[Row], symbol: str = "X", *, calendar: str = "XNYS", first: date = FIRST_DAY
) -> SymbolColumns:
    """Put rows on consecutive hours of consecutive sessions; the last hour of a session ends with it."""
    sessions = get_calendar(calendar)
    place = int(np.searchsorted(sessions.session_dates, (first - date(1970, 1, 1)).days))
    opened: list[int] = []
    closed: list[int] = []
    while len(opened) < len(rows):
        begin, end = int(sessions.opened_at_us[place]), int(sessions.closed_at_us[place])
        hours = list(range(begin, end, HOUR_US))
        opened += hours
        closed += [*hours[1:], end]
        place += 1
    size = len(rows)
    return _columns(rows, symbol, "1h", np.array(opened[:size]), np.array(closed[:size]))


def _columns(
    rows: Sequence[Row], symbol: str, interval: str, opened_at_us: Any, closed_at_us: Any
) -> SymbolColumns:
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 4)
    return SymbolColumns(
        symbol=symbol,
        interval=interval,
        opened_at_us=opened_at_us.astype(np.int64),
        closed_at_us=closed_at_us.astype(np.int64),
        open=table[:, 0].copy(),
        high=table[:, 1].copy(),
        low=table[:, 2].copy(),
        close=table[:, 3].copy(),
        volume=np.full(len(rows), 1000.0),
    )


def session(number: int, calendar: str = "XNYS") -> date:
    """Return the date of the `number`-th session, counted from 0, of what `daily` makes."""
    sessions = get_calendar(calendar).sessions_between(FIRST_DAY, date(2030, 1, 1))
    return date_of(int(sessions[number]))


def split(number: int, ratio: str, symbol: str = "X") -> CorporateActionEvent:
    """Split at the open of a session."""
    day = session(number)
    return CorporateActionEvent(
        action_id=f"{symbol}:{day}:split",
        symbol=symbol,
        action_type=ActionType.SPLIT,
        ex_date=day,
        ratio=Decimal(ratio),
    )


def dividend(
    number: int, amount: str, symbol: str = "X", pay_date: date | None = None
) -> CorporateActionEvent:
    """Go ex at the open of a session."""
    day = session(number)
    return CorporateActionEvent(
        action_id=f"{symbol}:{day}:cash_dividend",
        symbol=symbol,
        action_type=ActionType.CASH_DIVIDEND,
        ex_date=day,
        amount=Decimal(amount),
        currency="USD",
        pay_date=pay_date,
    )


def inputs_of(
    *columns: SymbolColumns,
    calendars: Mapping[str, str] | None = None,
    actions: Sequence[CorporateActionEvent] = (),
    universe: Universe | None = None,
    quantity_step: str = "1",
    trading_starts_us: int = FROM_THE_FIRST_BAR_US,
) -> Inputs:
    """Put columns of symbols and intervals on one tape; symbols not named in `calendars` trade on XNYS."""
    named = dict(calendars or {})
    of = {part.symbol: get_calendar(named.get(part.symbol, "XNYS")) for part in columns}
    applied = sorted(
        ((effective_at_us(action, of[action.symbol]), action) for action in actions),
        key=lambda entry: entry[0],
    )
    parts = []
    for part in columns:
        own = [entry for entry in applied if entry[1].symbol == part.symbol]
        factor = signal_factor(part.opened_at_us, part.close, own, SignalPrices.SPLIT)
        parts.append(replace(part, signal_factor=factor))
    instruments = Instruments(
        Instrument(symbol=symbol, calendar=calendar.name, quantity_step=Decimal(quantity_step))
        for symbol, calendar in of.items()
    )
    data = LoadedData(build_tape(parts), tuple(applied), instruments, of, universe, LoadReport())
    return Inputs(data, trading_starts_us)


#: As `after` in a script's wish: its signal before that one.
THE_LAST = "the last"


class Script:
    """Send the signals that a plan lists for each bar of a strategy, counted from 0 over all its symbols."""

    def __init__(self, plan: Mapping[int, Iterable[Wish]]) -> None:
        self.plan = {place: tuple(wishes) for place, wishes in plan.items()}
        self.seen = 0
        self.last: SignalEvent | None = None

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        for wish in self.plan.get(self.seen, ()):
            terms = {"symbol": bar.symbol, **wish}
            if terms.get("after") == THE_LAST:
                terms["after"] = self.last
            self.last = context.emit_signal(**terms)
        self.seen += 1


def engine_of(inputs: Inputs, strategy: Any, **overrides: Any) -> BacktestEngine:
    """Build an engine; a list of strategies may be given."""
    settings = {"run_id": "test", "valuation_calendar": "XNYS", **overrides}
    return BacktestEngine(apply_overrides(default_run_config(), settings), inputs, specs_of(strategy))


def run(inputs: Inputs, strategy: Any, **overrides: Any) -> Results:
    """Run strategies over inputs."""
    return engine_of(inputs, strategy, **overrides).run()


def play(rows: Sequence[Row], plan: Mapping[int, Iterable[Wish]], **overrides: Any) -> Results:
    """Run a script over daily bars of one symbol."""
    return run(inputs_of(daily(rows)), StrategySpec(Script(plan), "script"), **overrides)


def events(results: Results, *classes: type[_Event]) -> list[_Event]:
    """Return the events of some classes in the order of the log."""
    return [event for _, event in results.events() if isinstance(event, classes)]


def fills(results: Results) -> list[tuple[str, Decimal, Decimal]]:
    """Return each fill's purpose, signed quantity and price."""
    return [
        (fill.purpose.value, fill.quantity if fill.side is Side.BUY else -fill.quantity, fill.price)
        for fill in events(results, FillEvent)
    ]


def refusals(results: Results) -> list[str]:
    """Return the reasons of the refusals in order."""
    return results.refusals["reason"].to_list()


def log(results: Results) -> list[bytes]:
    """Return the complete log as contract documents, bars included; each is validated as it is written."""
    return [codec.encode(event, sequence) for sequence, event in results.events()]
