"""The comparison of two outcomes: the same, explained by named rules, or unexplained.

Trades are compared in spans that do not depend on each other. They end at bars at whose close both are flat,
for entries are placed anew at each close; and at turns, which close whatever is held before anything is
entered, except where a peer's stop may come in between and cost it the entry (`levels_before_orders`). Where
entries rest, the whole case is one span.

A span that differs is explained by the fewest of the peer's rules with which the judge gives the peer's
trades of that span to the bit, provided that without rules it gives QTrader's. On top of that the judge must
give QTrader's trades of the whole case without rules and the peer's with all of its rules, and each side's
commissions and final equity must be what its trades come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations, pairwise

from differential.cases import Case
from differential.reference import PEER_RULES, Judge
from differential.trades import Outcome, Trade, commission_of, equity_of

#: Peers add floats where QTrader adds decimals. Amounts here are multiples of 1e-5 (cents, 100 units, a tenth
#: of a percent) below 1e8, so the error of a few thousand additions, some 1e-5 of a millionth, never reaches
#: the last of these places.
_PLACES = Decimal("0.000001")


@dataclass(frozen=True)
class Difference:
    """Trades of one span that are not the same.

    Attributes:
        case: its name.
        first: the bar at whose close the span begins.
        ours, theirs: the trades of the span that the other does not have.
        rules: what turns ours into theirs; empty where nothing does.
        bars: number, open, high, low and close of the bars in which these trades begin and end.
    """

    case: str
    first: int
    ours: tuple[Trade, ...]
    theirs: tuple[Trade, ...]
    rules: tuple[str, ...]
    bars: tuple[tuple[float, ...], ...]

    def __str__(self) -> str:
        """Show both sides."""
        lines = [f"{self.case}, from bar {self.first}: {', '.join(self.rules) or 'UNEXPLAINED'}"]
        lines += [f"  QTrader: {trade}" for trade in self.ours] or ["  QTrader: no trade"]
        lines += [f"  peer:    {trade}" for trade in self.theirs] or ["  peer:    no trade"]
        lines += [f"  bar {bar[0]}: {', '.join(map(repr, bar[1:]))}" for bar in self.bars]
        return "\n".join(lines)


@dataclass
class Tally:
    """What came of the cases of one peer and strategy.

    Attributes:
        cases: compared.
        trades: of QTrader.
        same: trades that both have.
        explained: trades that differ, by the rules that explain them.
        differences: all of them, the explained ones too.
        complaints: what no rule explains, in sentences.
    """

    cases: int = 0
    trades: int = 0
    same: int = 0
    explained: Counter[tuple[str, ...]] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add(self, case: Case, peer: str, ours: Outcome, theirs: Outcome) -> None:
        """Compare one case and count."""
        self.cases += 1
        self.trades += len(ours.trades)
        found = list(differences(case, peer, ours, theirs))
        self.same += len(ours.trades) - sum(len(each.ours) for each in found)
        self.differences += found
        for each in found:
            if each.rules:
                self.explained[each.rules] += max(len(each.ours), len(each.theirs))
            else:
                self.complaints.append(str(each))
        self.complaints += contradictions(case, peer, ours, theirs)


def differences(case: Case, peer: str, ours: Outcome, theirs: Outcome) -> Iterator[Difference]:
    """Find the spans that differ, each with the rules that explain it."""

    def judge(rules: tuple[str, ...], first: int, last: int) -> tuple[Trade, ...]:
        return _entered(Judge(case, frozenset(rules)).trades(first, last + 1), first, last)

    for first, last in pairwise(_bounds(case, peer, ours, theirs)):
        mine, other = _entered(ours.trades, first, last), _entered(theirs.trades, first, last)
        if mine == other:
            continue
        subsets = (
            subset
            for size in range(1, len(PEER_RULES[peer]) + 1)
            for subset in combinations(PEER_RULES[peer], size)
            if judge(subset, first, last) == other
        )
        rules = next(subsets, ()) if judge((), first, last) == mine else ()
        only_mine = tuple(trade for trade in mine if trade not in other)
        only_other = tuple(trade for trade in other if trade not in mine)
        places = {bar for each in (*only_mine, *only_other) for bar in (each.entry_bar, each.exit_bar)}
        tape = case.tape
        bars = tuple(
            (index, tape.open[index], tape.high[index], tape.low[index], tape.close[index])
            for index in sorted(place for place in places if place is not None)
        )
        yield Difference(case.name, first, only_mine, only_other, rules, bars)


def _bounds(case: Case, peer: str, ours: Outcome, theirs: Outcome) -> list[int]:
    """List the bars between which trades can be compared by themselves."""
    ends = 0, len(case.turn) - 1
    if case.rests:
        return list(ends)
    is_held = [False] * len(case.turn)
    for trade in (*ours.trades, *theirs.trades):
        end = len(is_held) if trade.exit_bar is None else trade.exit_bar
        is_held[trade.entry_bar : end] = [True] * (end - trade.entry_bar)
    bounds = {*ends, *(index for index, held in enumerate(is_held) if not held)}
    if "levels_before_orders" not in PEER_RULES[peer]:
        bounds.update(index for index, turn in enumerate(case.turn) if turn)
    return sorted(bounds)


def _entered(trades: tuple[Trade, ...], first: int, last: int) -> tuple[Trade, ...]:
    """Select the trades that were entered after one bar and up to another."""
    return tuple(trade for trade in trades if first < trade.entry_bar <= last)


def contradictions(case: Case, peer: str, ours: Outcome, theirs: Outcome) -> Iterator[str]:
    """Say where an outcome is not what its own conventions or its own trades come to."""
    if Judge(case).trades() != ours.trades:
        yield f"{case.name}: QTrader does not follow its own conventions"
    if Judge(case, frozenset(PEER_RULES[peer])).trades() != theirs.trades:
        yield f"{case.name}: {peer} does not follow the rules listed for it"
    for name, outcome in (("QTrader", ours), (peer, theirs)):
        closed = [trade for trade in outcome.trades if trade.exit_bar is not None]
        due = [_rounded(commission_of(case, trade)) for trade in closed]
        if [_rounded(Decimal(repr(paid))) for paid in outcome.commissions] != due:
            yield f"{case.name}: {name}'s commissions are not those of its trades"
        equity = _rounded(equity_of(case, outcome.trades))
        if _rounded(Decimal(repr(outcome.equity))) != equity:
            yield f"{case.name}: {name}'s equity is {outcome.equity!r}; its trades come to {equity}"


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_PLACES)
