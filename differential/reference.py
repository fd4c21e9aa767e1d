"""A small backtester of its own that knows every convention by name: the judge of the comparison.

It is written from docs/conventions.md and from the peers' documented behaviour, shares no code with either
and works on floats, which is exact here because prices are only compared and copied. Without rules it follows
QTrader's conventions, and must give QTrader's trades; with all rules of a peer it must give the peer's. So a
difference is explained by the fewest rules that turn the one into the other, exactly.

A short position is a long one in the mirror: prices change sign, high and low change places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from differential.cases import QUANTITY, Case
from differential.trades import Trade

#: What each rule says; docs/differences.md has a section for each.
RULES = {
    "touched_limit_fills": "a limit order fills where its price is only touched",
    "close_before_levels": "a closing order goes before a stop or target that the same open has reached",
    "stop_before_target_at_open": "the stop is asked first even where the bar opens beyond the target",
    "exits_from_next_bar": "stop and target rest from the bar after the entry",
    "exits_after_resting_entry": "after a limit or stop entry, stop and target rest from the next bar",
    "levels_before_orders": "stop and target are asked for the whole bar before orders for its open",
    "stop_limit_at_its_stop": "a stop-limit fills at its stop price although the bar opened beyond it",
    "stop_limit_inside_waits": "a limit short of its stop never fills on the bar that triggers it",
    "stop_limit_needs_reversal": "it fills on that bar only if the bar closes on the other side of its open",
}

#: Which rules each peer follows.
PEER_RULES = {
    "backtesting": (
        "touched_limit_fills",
        "close_before_levels",
        "stop_before_target_at_open",
        "exits_after_resting_entry",
        "stop_limit_at_its_stop",
        "stop_limit_inside_waits",
    ),
    "backtrader": (
        "touched_limit_fills",
        "close_before_levels",
        "stop_before_target_at_open",
        "exits_from_next_bar",
        "stop_limit_needs_reversal",
    ),
    "vectorbt": ("stop_before_target_at_open", "exits_from_next_bar", "levels_before_orders"),
    "vectorbt_orders": (),
}


_SIDES = {1: "long", -1: "short"}


class Bar(NamedTuple):
    """A bar as seen by a position that profits when it rises."""

    open: float
    high: float
    low: float
    close: float


class Levels(NamedTuple):
    """The prices of an order, mirrored for a short; a bracket's are out of reach where there is none."""

    limit: float | None = None
    stop: float | None = None
    stop_loss: float = -inf
    take_profit: float = inf


class Entry(NamedTuple):
    """An entry's price, and whether lower and higher prices are certain to come only after it."""

    price: float
    is_low_ahead: bool = True
    is_high_ahead: bool = True


class Exit(NamedTuple):
    """Why and where a position ends."""

    reason: str
    price: float


@dataclass(frozen=True)
class Judge:
    """Simulate a case under QTrader's conventions, changed by rules.

    Attributes:
        case: what is simulated.
        rules: names of `RULES`.
    """

    case: Case
    rules: frozenset[str] = frozenset()

    def trades(self, start: int = 0, stop: int | None = None) -> tuple[Trade, ...]:
        """Return the trades from one bar to another, both included.

        Args:
            start: the bar at whose close the first order is placed; nothing is held there.
            stop: the last bar; the last of the tape without it.
        """
        case, done = self.case, list[Trade]()
        held: Trade | None = None
        levels = Levels()
        is_closing, entering, bracket = False, 0, levels
        for index in range(start, len(case.turn))[: None if stop is None else stop + 1 - start]:
            if held is not None:
                side = 1 if held.side == "long" else -1
                leaving = self._leave(self._bar(index, side), levels, is_closing=is_closing)
                if leaving is not None:
                    if is_closing and leaving.reason != "close" and "levels_before_orders" in self.rules:
                        entering = 0
                    done.append(_left(held, index, side, leaving))
                    held = None
            if held is None and entering:
                entry = self._enter(self._bar(index, entering), bracket)
                if entry is not None:
                    held = Trade(_SIDES[entering], QUANTITY, index, entering * entry.price)
                    levels = bracket
                    leaving = self._leave_after(entry, self._bar(index, entering), levels)
                    if leaving is not None:
                        done.append(_left(held, index, entering, leaving))
                        held = None
                    entering = 0
            side = 0 if held is None else 1 if held.side == "long" else -1
            is_closing = side * case.turn[index] < 0
            if not (entering and case.rests):
                entering = case.enter[index] if side * case.enter[index] <= 0 else 0
                bracket = self._levels(index, entering)
        if held is not None:
            done.append(held)
        return tuple(done)

    def _bar(self, index: int, side: int) -> Bar:
        tape = self.case.tape
        high, low = (tape.high, tape.low) if side > 0 else (tape.low, tape.high)
        return Bar(side * tape.open[index], side * high[index], side * low[index], side * tape.close[index])

    def _levels(self, index: int, side: int) -> Levels:
        case = self.case
        limit, stop = case.limit[index], case.stop[index]
        loss, gain = case.stop_loss[index], case.take_profit[index]
        return Levels(
            None if limit is None else side * limit,
            None if stop is None else side * stop,
            -inf if loss is None else side * loss,
            inf if gain is None else side * gain,
        )

    @property
    def _touch_fills(self) -> bool:
        return self.case.limit_touch or "touched_limit_fills" in self.rules

    def _reaches(self, price: float, limit: float) -> bool:
        """Tell whether a buy limit fills at a price."""
        return price <= limit if self._touch_fills else price < limit

    def _enter(self, bar: Bar, levels: Levels) -> Entry | None:
        limit, stop = levels.limit, levels.stop
        if stop is not None and limit is not None:
            return self._enter_stop_limit(bar, stop, limit)
        if stop is not None:
            if bar.open >= stop:
                return Entry(bar.open)
            return Entry(stop, is_low_ahead=False) if bar.high >= stop else None
        if limit is not None:
            return self._enter_limit(bar, limit)
        return Entry(bar.open)

    def _enter_limit(self, bar: Bar, limit: float) -> Entry | None:
        if self._reaches(bar.open, limit):
            return Entry(bar.open)
        return Entry(limit, is_high_ahead=False) if self._reaches(bar.low, limit) else None

    def _enter_stop_limit(self, bar: Bar, stop: float, limit: float) -> Entry | None:
        waits = "stop_limit_inside_waits" in self.rules and limit <= stop and bar.low <= limit
        if bar.high < stop or waits:
            return None
        if bar.open >= stop:
            if "stop_limit_at_its_stop" in self.rules and limit > stop:
                return Entry(stop) if bar.low <= limit else None
            return self._enter_limit(bar, limit)
        if stop <= limit if self._touch_fills else stop < limit:
            return Entry(stop, is_low_ahead=False)
        # A bar that closes at or below the limit came down through it after the stop was reached.
        is_certain = self._reaches(bar.close, limit)
        if "stop_limit_needs_reversal" in self.rules:
            # Only the mirrored prices of a sale are below zero; a sale takes a close at the open, too.
            is_certain &= bar.open > bar.close or (bar.open == bar.close < 0)
        return Entry(limit, is_low_ahead=False, is_high_ahead=False) if is_certain else None

    def _leave(self, bar: Bar, levels: Levels, *, is_closing: bool) -> Exit | None:
        """Say how a position that is held since an earlier bar ends in this one."""
        if not is_closing:
            return self._reach(Entry(bar.open), bar, levels)
        if "levels_before_orders" in self.rules:
            return self._reach(Entry(bar.open), bar, levels) or Exit("close", bar.open)
        if "close_before_levels" in self.rules:
            return Exit("close", bar.open)
        # All that the open fills, it fills by acceptance, and the bracket was accepted before the close.
        return self._reach_at_once(bar.open, levels) or Exit("close", bar.open)

    def _leave_after(self, entry: Entry, bar: Bar, levels: Levels) -> Exit | None:
        """Say how a position ends in the bar in which it was entered."""
        if "exits_from_next_bar" in self.rules:
            return None
        is_resting = levels.limit is not None or levels.stop is not None
        if "exits_after_resting_entry" in self.rules and is_resting:
            # The exception: the target of a stop entry lies further on the same way, and the stop is not
            # reached.
            is_further_on = levels.limit is None and levels.take_profit <= bar.high
            if not is_further_on or bar.low <= levels.stop_loss:
                return None
        return self._reach(entry, bar, levels)

    def _reach(self, entry: Entry, bar: Bar, levels: Levels) -> Exit | None:
        """Say which of stop and target is reached from a point of the bar on: where in doubt, the stop."""
        loss, gain = levels.stop_loss, levels.take_profit
        may_lose = bar.low <= loss
        at_once = self._reach_at_once(entry.price, levels)
        if at_once is not None:
            is_gain = at_once.reason == "take_profit"
            if is_gain and may_lose and "stop_before_target_at_open" in self.rules:
                return Exit("stop_loss", loss)
            return at_once
        must_lose = may_lose and (entry.is_low_ahead or bar.close <= loss)
        may_gain = self._reaches(-bar.high, -gain)
        must_gain = may_gain and (entry.is_high_ahead or self._reaches(-bar.close, -gain))
        if not must_lose and not must_gain:
            return None
        return Exit("stop_loss", loss) if may_lose else Exit("take_profit", gain)

    def _reach_at_once(self, price: float, levels: Levels) -> Exit | None:
        """Say whether a price is beyond the stop or the target already."""
        if price <= levels.stop_loss:
            return Exit("stop_loss", price)
        if self._reaches(-price, -levels.take_profit):
            return Exit("take_profit", price)
        return None


def _left(trade: Trade, index: int, side: int, leaving: Exit) -> Trade:
    return replace(trade, exit_bar=index, exit_price=side * leaving.price, reason=leaving.reason)
