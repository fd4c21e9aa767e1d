"""The smallest tapes on which each rule makes a difference: a quiet bar or two, then the bar in question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from differential.cases import Case
from differential.tapes import FIRST_DAY, Tape

#: Every order is placed at the close of this bar; backtesting.py calls a strategy from its second bar on.
DECISION = 1

Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class Example:
    """A rule, an order for a long position, and the bars after it.

    Attributes:
        rule: what it shows.
        asked: the order in words.
        prices: of the order; keys are those of a case.
        rows: open, high, low, close of the bars from the order on.
        entry: the order's type.
        before: where the price stands still until then.
        turns_at: the bar at whose close the plan turns down.
        reverses: whether it goes short there.
        limit_touch: QTrader's setting.
    """

    rule: str
    asked: str
    prices: Mapping[str, float]
    rows: tuple[Row, ...]
    entry: str = "market"
    before: float = 100.0
    turns_at: int | None = None
    reverses: bool = False
    limit_touch: bool = True

    @property
    def case(self) -> Case:
        """Make a case of it."""
        before = self.before
        rows = [(before, before, before, before)] * (DECISION + 1) + list(self.rows)
        size = len(rows)
        dates = tuple((FIRST_DAY + timedelta(days=number)).isoformat() for number in range(size))
        opens, highs, lows, closes = (tuple(column) for column in zip(*rows, strict=True))
        tape = Tape(self.rule, None, dates, opens, highs, lows, closes, fast=1, slow=2, distance=0.01)
        turn, enter = [0] * size, [0] * size
        turn[DECISION] = enter[DECISION] = 1
        if self.turns_at is not None:
            turn[self.turns_at] = -1
            enter[self.turns_at] = -1 if self.reverses else 0
        names = ("limit", "stop", "stop_loss", "take_profit", "loss_fraction", "gain_fraction")
        columns = (
            tuple(self.prices.get(name) if index == DECISION else None for index in range(size))
            for name in names
        )
        orders = (self.rule, self.entry, False, self.limit_touch)
        return Case(f"example/{self.rule}", *orders, "0", tape, tuple(turn), tuple(enter), *columns)


_LONG = {"stop_loss": 95.0, "loss_fraction": 0.05}
_BRACKET = {**_LONG, "take_profit": 125.0, "gain_fraction": 0.25}
_QUIET = (100.0, 101.0, 99.0, 100.0)

EXAMPLES = (
    Example(
        "touched_limit_fills",
        "buy limit 100",
        {"limit": 100.0},
        ((101.0, 102.0, 100.0, 101.0),),
        entry="limit",
        limit_touch=False,
    ),
    Example(
        "close_before_levels",
        "buy at the open, stop 95; close at the next open",
        _LONG,
        (_QUIET, (94.0, 96.0, 93.0, 95.0)),
        turns_at=DECISION + 1,
    ),
    Example(
        "stop_before_target_at_open",
        "buy at the open, stop 95, target 125",
        _BRACKET,
        (_QUIET, (130.0, 131.0, 94.0, 96.0)),
    ),
    Example(
        "exits_from_next_bar",
        "buy at the open, stop 95",
        _LONG,
        ((100.0, 104.0, 94.0, 96.0), (96.0, 97.0, 95.5, 97.0)),
    ),
    Example(
        "exits_after_resting_entry",
        "buy limit 98, stop 95",
        {"limit": 98.0, "stop_loss": 95.0},
        ((100.0, 101.0, 94.0, 96.0), (96.0, 97.0, 95.5, 97.0)),
        entry="limit",
    ),
    Example(
        "levels_before_orders",
        "buy at the open, stop 95; reverse at the next open",
        _LONG,
        (_QUIET, (99.0, 100.0, 94.0, 96.0)),
        turns_at=DECISION + 1,
        reverses=True,
    ),
    Example(
        "stop_limit_at_its_stop",
        "buy stop 100, limit 101",
        {"stop": 100.0, "limit": 101.0},
        ((103.0, 104.0, 100.5, 102.0),),
        entry="stop_limit",
        before=98.0,
    ),
    Example(
        "stop_limit_inside_waits",
        "buy stop 100, limit 99",
        {"stop": 100.0, "limit": 99.0},
        ((99.5, 101.0, 97.0, 98.5),),
        entry="stop_limit",
        before=98.0,
    ),
    Example(
        "stop_limit_needs_reversal",
        "buy stop 100, limit 99",
        {"stop": 100.0, "limit": 99.0},
        ((98.5, 101.0, 97.0, 98.75),),
        entry="stop_limit",
        before=98.0,
    ),
)
