"""Random markets and scripts for the engine's properties: small, coarse in price, so that much happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from tests.engine_inputs import Row, Wish, daily, dividend, hourly, inputs_of, session, split

from qtrader.engine.inputs import Inputs
from qtrader.events.events import CorporateActionEvent
from qtrader.market.tape_build import SymbolColumns

#: Quarters of a dollar around 100: touches, gaps and equal prices are common.
PRICES = st.integers(380, 420).map(lambda quarters: quarters / 4)
#: Mostly on the right side of the market; a wrong side is a refusal, which must happen too.
ABOVE = st.integers(398, 420).map(lambda quarters: quarters / 4)
BELOW = st.integers(380, 402).map(lambda quarters: quarters / 4)
SIZES = st.sampled_from([None, None, 1, 30, 700])
EXCHANGES = ("XNYS", "XLON", "XTKS")


@dataclass(frozen=True)
class Play:
    """A market, what a strategy does on which of its bars, and how the run is set up."""

    inputs: Inputs
    plan: dict[int, list[Wish]]
    settings: dict[str, Any]


@st.composite
def rows(draw: st.DrawFn, size: int) -> list[Row]:
    """Draw valid bars."""
    found = []
    for _ in range(size):
        low, first, second, high = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        opened, close = (first, second) if draw(st.booleans()) else (second, first)
        found.append((opened, high, low, close))
    return found


@st.composite
def wishes(draw: st.DrawFn, symbols: tuple[str, ...]) -> Wish:
    """Draw a signal, sensible or not; what is not allowed together is not drawn together."""
    intention = draw(
        st.sampled_from(["open_long", "open_long", "open_short", "open_short", "close_long", "close_short"])
    )
    wish: dict[str, Any] = {"intention": intention}
    if draw(st.booleans()):
        # Another symbol than the bar's may have no price yet, so that one is given.
        wish |= {"symbol": draw(st.sampled_from(symbols)), "price": draw(PRICES)}
    order_type = draw(st.sampled_from(["market", "market", "limit", "stop", "stop_limit"]))
    wish["order_type"] = order_type
    is_long = "long" in intention
    is_buy = intention in ("open_long", "close_short")
    if order_type in ("limit", "stop_limit"):
        wish["limit_price"] = draw(PRICES)
    if order_type in ("stop", "stop_limit"):
        wish["stop_price"] = draw(ABOVE if is_buy else BELOW)
    wish["time_in_force"] = draw(st.sampled_from(["day", "gtc"]))
    if intention.startswith("open"):
        wish["quantity"] = draw(SIZES)
        if draw(st.booleans()):
            wish["stop_loss"] = draw(BELOW if is_long else ABOVE)
        if draw(st.booleans()):
            wish["take_profit"] = draw(ABOVE if is_long else BELOW)
    elif draw(st.booleans()):
        wish["fraction"] = draw(st.sampled_from(["0.3", "0.5", "1"]))
    return {name: value for name, value in wish.items() if value is not None}


@st.composite
def actions(draw: st.DrawFn, symbol: str, sessions: int) -> list[CorporateActionEvent]:
    """Draw a split and some dividends, with pay dates and without."""
    found: list[CorporateActionEvent] = []
    if draw(st.booleans()):
        found.append(
            split(draw(st.integers(1, sessions)), draw(st.sampled_from(["2", "1.5", "0.1"])), symbol)
        )
    for number in draw(st.lists(st.integers(1, sessions), max_size=2, unique=True)):
        pay_date = session(number + draw(st.integers(0, 4))) if draw(st.booleans()) else None
        found.append(dividend(number, draw(st.sampled_from(["0.37", "1"])), symbol, pay_date))
    return found


@st.composite
def settings_of(draw: st.DrawFn) -> dict[str, Any]:
    """Draw how a run is set up."""
    return {
        "market_fill": draw(st.sampled_from(["next_open", "next_close", "same_close"])),
        "valuation_calendar": draw(st.sampled_from(["XNYS", "UTC"])),
        "limit_touch": draw(st.booleans()),
        "slippage_bps": draw(st.sampled_from([0, 7])),
        "commission": draw(st.sampled_from([{"type": "none"}, {"type": "percent", "percent": 0.1}])),
        "scale_in": draw(st.booleans()),
        "proceeds_fund_same_instant": draw(st.booleans()),
        "portfolio": {"dividends": draw(st.sampled_from(["cash", "reinvest"]))},
    }


@st.composite
def plans(draw: st.DrawFn, symbols: tuple[str, ...], bars: int) -> dict[int, list[Wish]]:
    """Draw on which bars something is signalled, and what."""
    places = draw(st.lists(st.integers(0, max(0, bars - 3)), min_size=1, max_size=8, unique=True))
    return {place: draw(st.lists(wishes(symbols), min_size=1, max_size=2)) for place in sorted(places)}


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """Draw a run over days, hours or both, of one or two symbols of one exchange."""
    symbols = draw(st.sampled_from([("A",), ("A", "B")]))
    columns: list[SymbolColumns] = []
    for symbol in symbols:
        size = draw(st.integers(3, 14))
        shape = draw(st.sampled_from(["1d", "1d", "1h", "both"]))
        if shape != "1h":
            columns.append(daily(draw(rows(size)), symbol))
        if shape != "1d":
            columns.append(hourly(draw(rows(size + 5)), symbol))
    happened = [action for symbol in symbols for action in draw(actions(symbol, 6))]
    inputs = inputs_of(*columns, actions=happened)
    return Play(inputs, draw(plans(symbols, len(inputs.data.tape))), draw(settings_of()))


@st.composite
def world_plays(draw: st.DrawFn) -> Play:
    """Draw a run over three exchanges, days and hours mixed."""
    columns = []
    calendars = {}
    for symbol, exchange in zip("ABC", EXCHANGES, strict=True):
        calendars[symbol] = exchange
        size = draw(st.integers(2, 7))
        shape = draw(st.sampled_from(["1d", "1h", "both"]))
        if shape != "1h":
            columns.append(daily(draw(rows(size)), symbol, calendar=exchange))
        if shape != "1d":
            columns.append(hourly(draw(rows(size * 2)), symbol, calendar=exchange))
    happened = draw(actions("A", 4))
    inputs = inputs_of(*columns, calendars=calendars, actions=happened)
    return Play(inputs, draw(plans(("A", "B", "C"), len(inputs.data.tape))), draw(settings_of()))


def cut(inputs: Inputs, end_us: int) -> Inputs:
    """Cut the tape after an instant; the actions of later dates are not known then either."""
    data = inputs.data
    known = tuple(entry for entry in data.actions if entry[0] < end_us)
    return replace(inputs, data=replace(data, tape=data.tape.slice(None, end_us), actions=known))
