"""The lookahead check: whether anything that happened depends on what came after.

The run is made as it is, and again as it is. Then, at chosen instants, it is made with data that end there
and with three other futures; everything up to the instant must be the same. Each run has its strategies made
anew. Where something differs, the range of changed bars is halved until the first bar is found that makes the
difference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from qtrader.engine.lookahead_changes import Change, ChangeKind
from qtrader.engine.lookahead_compare import Difference, compare, decisions
from qtrader.engine.lookahead_instants import DEFAULT_INSTANTS, choose_instants
from qtrader.engine.lookahead_report import BarLookedAt, Finding, LookaheadReport
from qtrader.engine.lookahead_runs import Laboratory, Observed, Subject
from qtrader.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtrader.market.tape import Tape

    Progress = Callable[[int, int], None]

#: The prices differ in three ways before the data end: what a price shows is easier to name.
_KINDS: Final = (ChangeKind.MIRRORED, ChangeKind.RAISED, ChangeKind.LOWERED, ChangeKind.TRUNCATED)
_UNSTEADY_NOTES: Final = "Records and logs differ from run to run over the same data and were not compared."


def check(
    subject: Subject, *, instants: int = DEFAULT_INSTANTS, seed: int = 0, progress: Progress | None = None
) -> LookaheadReport:
    """Check whether strategies decide by what they could not know.

    Args:
        subject: configuration, data and strategies.
        instants: at how many instants the future is changed.
        seed: decides the noise in the changed prices.
        progress: called after each run over changed data with the number of those done and of all.

    Raises:
        ConfigError: the number of instants is not positive, or the data leave none to look at.
        QTraderError: the run as it is fails.
    """
    if instants < 1:
        msg = f"instants is {instants}; allowed is a positive number"
        raise ConfigError(msg)
    tape = subject.inputs.data.tape
    laboratory = Laboratory(subject)
    base = laboratory.run_as_it_is()
    decided = decisions(base.events)
    chosen = choose_instants(tape, decided, subject.inputs.trading_starts_us, instants)
    if not chosen:
        msg = "the data have a single instant to trade at: there is no future that could be changed"
        raise ConfigError(msg)
    last_us = int(tape.closed_at_us[-1])
    again = laboratory.run_as_it_is(again=True)
    differs = compare(base, again, last_us, with_notes=False)
    findings = {each.strategy_id: Finding(None, last_us, each) for each in differs}
    with_notes = not compare(base, again, last_us)
    search = _Search(laboratory, base, tape, seed, with_notes=with_notes)
    for done, after_us in enumerate(chosen):
        for place, kind in enumerate(_KINDS):
            for finding in search.look(kind, after_us):
                findings.setdefault(finding.difference.strategy_id, finding)
            if progress is not None:
                progress(done * len(_KINDS) + place + 1, len(chosen) * len(_KINDS))
    narrowed = tuple(
        finding if finding.kind is None else replace(finding, bar=search.bar_of(finding))
        for _, finding in sorted(findings.items())
    )
    return LookaheadReport(
        strategy_ids=tuple(spec.identifier for spec in subject.specs),
        instants_us=tuple(chosen),
        decision_count=len(decided),
        run_count=laboratory.runs,
        findings=narrowed,
        unchecked=tuple(search.unchanged),
        notes=() if with_notes or differs else (_UNSTEADY_NOTES,),
    )


class _Search:
    """Look for differences, and for the bar that makes one."""

    def __init__(
        self, laboratory: Laboratory, base: Observed, tape: Tape, seed: int, *, with_notes: bool
    ) -> None:
        self._laboratory = laboratory
        self._base = base
        self._tape = tape
        self._seed = seed
        self._with_notes = with_notes
        #: What could not be changed together with the bars, by name.
        self.unchanged: dict[str, None] = {}

    def look(self, kind: ChangeKind, after_us: int) -> list[Finding]:
        """Return what differs up to an instant in one other future."""
        if kind is ChangeKind.TRUNCATED and not _has_all_intervals(self._tape, after_us):
            return []
        change = Change(kind, after_us, self._seed)
        return [Finding(kind, after_us, each) for each in self._differences(change, after_us)]

    def bar_of(self, finding: Finding) -> BarLookedAt | None:
        """Return the first bar that makes a difference of a strategy; None where that cannot be told."""
        if finding.kind is None or finding.difference.what == "event":
            return None
        instants = self._tape.instants_us
        first = int(instants.searchsorted(finding.after_us, "right"))
        later = instants[first:].tolist()
        if finding.kind is ChangeKind.TRUNCATED:
            place = _first(len(later), lambda at: not self._differs_truncated(finding, later[at]))
            return None if place is None else self._bar(later[place], "", is_alone=False)
        change = Change(finding.kind, finding.after_us, self._seed)
        place = _first(len(later), lambda at: self._differs(finding, replace(change, until_us=later[at])))
        if place is None:
            return None
        alone = replace(change, from_us=later[place], until_us=later[place])
        if not self._differs(finding, alone):
            return self._bar(later[place], "", is_alone=False)
        closed = self._tape.rows_of_instant(first + place)
        symbols = dict.fromkeys(self._tape.symbol_at(row) for row in closed)
        if len(symbols) > 1:
            for symbol in symbols:
                if self._differs(finding, replace(alone, symbol=symbol)):
                    return self._bar(later[place], symbol, is_alone=True)
        return self._bar(later[place], "", is_alone=True)

    def _differences(self, change: Change, until_us: int) -> list[Difference]:
        other = self._laboratory.run_changed(change, until_us)
        self.unchanged.update(dict.fromkeys(other.unchanged))
        return compare(
            self._base,
            other,
            until_us,
            is_truncation=change.is_truncation and change.after_us == until_us,
            with_notes=self._with_notes,
        )

    def _differs(self, finding: Finding, change: Change) -> bool:
        wanted = finding.difference.strategy_id
        return any(each.strategy_id == wanted for each in self._differences(change, finding.after_us))

    def _differs_truncated(self, finding: Finding, end_us: int) -> bool:
        if end_us == int(self._tape.closed_at_us[-1]):
            return False
        return self._differs(finding, Change(ChangeKind.TRUNCATED, end_us, self._seed))

    def _bar(self, closed_at_us: int, symbol: str, *, is_alone: bool) -> BarLookedAt:
        """Name the bar of a symbol that closes at an instant; without a symbol, the only one or all."""
        tape = self._tape
        stop = tape.rows_closed_by(closed_at_us)
        rows = [
            row
            for row in range(tape.rows_closed_before(closed_at_us), stop)
            if not symbol or tape.symbol_at(row) == symbol
        ]
        row = rows[0]
        is_one = bool(symbol) or len(rows) == 1
        return BarLookedAt(
            tape.symbol_at(row) if is_one else "",
            tape.interval_at(row) if is_one else "",
            int(tape.opened_at_us[row]),
            closed_at_us,
            is_alone,
        )


def _first(count: int, holds: Callable[[int], bool]) -> int | None:
    """Return the first place from which on something holds; None where it never does."""
    if not count or not holds(count - 1):
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _has_all_intervals(tape: Tape, instant_us: int) -> bool:
    """Tell whether every symbol known by an instant has begun in each of its intervals.

    Orders meet a symbol's finest bars, and its past is that of the finest which a strategy sees. Data that
    end before these begin are those of another set-up, in which other bars are the finest: there a difference
    would mean nothing.
    """
    known = tape.rows_closed_by(instant_us)
    started = {tape.symbols[place] for place in np.unique(tape.symbol_index[:known]).tolist()}
    return all(
        int(tape.rows_of_interval(symbol, interval)[0]) < known
        for symbol in started
        for interval in tape.intervals_of(symbol)
    )
