"""Cases: a tape, a plan and settings, as they are handed to QTrader and to the peers.

A plan says at the close of each bar what is wanted, and every program follows it in the same way:

1. What is left of the entry order of the bar before is canceled, unless the case says that entries rest.
2. `turn` (1 up, -1 down, 0 none): a position against it is closed at the market.
3. `enter` (1 long, -1 short, 0 none): unless the position is on that side already or an entry rests, one is
   placed, with `limit`, `stop`, `stop_loss` and `take_profit` of this bar where they are not None.

So what happens after a bar at whose close nothing is held or rests depends on nothing before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from differential.tapes import Tape

QUANTITY = 100
CASH = 1_000_000
COMMISSION_PERCENT = "0.1"

Prices = tuple[float | None, ...]


@dataclass(frozen=True)
class Strategy:
    """What is traded on the crosses of two averages.

    Attributes:
        name: of the strategy, for the table.
        entry: market, limit, stop or stop_limit; market orders are placed once, at the cross, the others as
            day orders at every close until they fill.
        rests: whether entries are placed at the cross only and rest until they fill.
        sides: which sides may be entered.
        has_bracket: whether entries carry a stop-loss, a take-profit or both, in turns.
        limit_touch: QTrader's setting; the peers fill what is touched.
        levels_from_open: protective prices from the next open, in whose terms vectorbt states them.
        peers: who has what it needs.
    """

    name: str
    entry: str
    peers: tuple[str, ...]
    sides: tuple[int, ...] = (1, -1)
    rests: bool = False
    has_bracket: bool = False
    limit_touch: bool = True
    levels_from_open: bool = False


ORDER_BOOKS = ("backtesting", "backtrader")
STRATEGIES = (
    Strategy("market_long", "market", (*ORDER_BOOKS, "vectorbt", "vectorbt_orders"), sides=(1,)),
    Strategy("market_short", "market", (*ORDER_BOOKS, "vectorbt", "vectorbt_orders"), sides=(-1,)),
    Strategy("market_reverse", "market", (*ORDER_BOOKS, "vectorbt", "vectorbt_orders")),
    Strategy("limit", "limit", ORDER_BOOKS),
    Strategy("limit_default", "limit", ORDER_BOOKS, limit_touch=False),
    Strategy("stop", "stop", ORDER_BOOKS),
    Strategy("stop_limit", "stop_limit", ORDER_BOOKS),
    Strategy("limit_resting", "limit", ORDER_BOOKS, rests=True),
    Strategy("stop_resting", "stop", ORDER_BOOKS, rests=True),
    Strategy("market_bracket", "market", ORDER_BOOKS, has_bracket=True),
    Strategy("limit_bracket", "limit", ORDER_BOOKS, has_bracket=True),
    Strategy("stop_bracket", "stop", ORDER_BOOKS, has_bracket=True),
    Strategy("open_bracket", "market", ("vectorbt",), has_bracket=True, levels_from_open=True),
)


@dataclass(frozen=True)
class Case:
    """Everything that a program needs to know; `to_json` is what the peers read.

    Attributes:
        name: tape, strategy and commission.
        strategy: the name of the strategy.
        entry: order type of entries.
        rests: whether an entry rests until it fills.
        limit_touch: QTrader's setting.
        commission_percent: of the traded value, of each fill; decimal text.
        tape: the bars.
        turn, enter, limit, stop, stop_loss, take_profit: the plan, one value for each bar.
        loss_fraction, gain_fraction: protective distances from the fill, where a peer wants them so.
    """

    name: str
    strategy: str
    entry: str
    rests: bool
    limit_touch: bool
    commission_percent: str
    tape: Tape
    turn: tuple[int, ...]
    enter: tuple[int, ...]
    limit: Prices
    stop: Prices
    stop_loss: Prices
    take_profit: Prices
    loss_fraction: Prices
    gain_fraction: Prices

    def to_json(self) -> dict[str, Any]:
        """Return the case as JSON can hold it."""
        return {**asdict(self), "quantity": QUANTITY, "cash": CASH}


#: A row of the plan, without its turn, in which nobody enters.
_NOTHING = (0, None, None, None, None, None, None)


def case_of(tape: Tape, strategy: Strategy, commission_percent: str) -> Case:
    """Plan a strategy on a tape."""
    turns = crosses(tape.close, tape.fast, tape.slow)
    trend, segment = 0, -1
    rows = []
    for index, turn in enumerate(turns):
        if turn:
            trend, segment = turn, segment + 1
        wants = turn if strategy.rests or strategy.entry == "market" else trend
        is_wanted = wants != 0 and wants in strategy.sides
        rows.append((turn, *(_entry(tape, strategy, index, wants, segment) if is_wanted else _NOTHING)))
    columns = [tuple(column) for column in zip(*rows, strict=True)]
    name = f"{tape.name}/{strategy.name}/{commission_percent}%"
    orders = (strategy.name, strategy.entry, strategy.rests, strategy.limit_touch)
    return Case(name, *orders, commission_percent, tape, *columns)


def crosses(closes: Iterable[float], fast: int, slow: int) -> list[int]:
    """Tell where the fast average comes to lie above (1) or below (-1) the slow one."""
    turns, seen, side = [], [], 0
    for close in closes:
        seen.append(close)
        is_known = len(seen) >= slow
        gap = _mean(seen[-fast:]) - _mean(seen[-slow:]) if is_known else 0.0
        new = (gap > 0) - (gap < 0) or side
        turns.append(new if new != side else 0)
        side = new
    return turns


def _mean(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _on_tick(tape: Tape, price: float) -> float:
    # The second rounding takes off what the product adds; a tick has at most two decimals.
    return round(round(price / tape.tick) * tape.tick, 2)


def _entry(tape: Tape, strategy: Strategy, index: int, wants: int, segment: int) -> tuple[Any, ...]:
    """Return the plan of a bar at whose close an entry is wanted, without its turn."""
    close, distance = tape.close[index], tape.distance
    limit = stop = None
    if strategy.entry == "limit":
        limit = _on_tick(tape, close * (1 - wants * distance))
    elif strategy.entry == "stop":
        stop = _on_tick(tape, close * (1 + wants * distance))
    elif strategy.entry == "stop_limit":
        stop = _on_tick(tape, close * (1 + wants * distance))
        # Beyond the stop and short of it, in turns.
        limit = _on_tick(tape, stop * (1 + wants * distance * (0.5 if segment % 2 else -0.5)))
    if not strategy.has_bracket:
        return (wants, limit, stop, None, None, None, None)
    loss = None if segment % 4 == 2 else 2 * distance
    gain = None if segment % 4 == 3 else 3 * distance
    if not strategy.levels_from_open:
        base = limit or stop or close
        return (
            *(wants, limit, stop),
            None if loss is None else _on_tick(tape, base * (1 - wants * loss)),
            None if gain is None else _on_tick(tape, base * (1 + wants * gain)),
            *(None, None),
        )
    if index + 1 == len(tape.close):
        return _NOTHING
    base = tape.open[index + 1]
    # The very products that vectorbt forms, so that both have the same floats.
    stop_loss = None if loss is None else base * (1 - loss if wants > 0 else 1 + loss)
    take_profit = None if gain is None else base * (1 + gain if wants > 0 else 1 - gain)
    if (stop_loss is not None and (close - stop_loss) * wants <= 0) or (
        take_profit is not None and (take_profit - close) * wants <= 0
    ):
        # The open gaps past a level as seen from the close, at which QTrader judges it: nobody enters.
        return _NOTHING
    return (wants, None, None, stop_loss, take_profit, loss, gain)
