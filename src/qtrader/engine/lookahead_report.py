"""What a check found, as values, as a text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from qtrader.clock import from_epoch_us
from qtrader.engine.lookahead_changes import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtrader.engine.lookahead_compare import Difference

_FUTURES: Final = {
    ChangeKind.TRUNCATED: "with data that end at {instant}",
    ChangeKind.MIRRORED: "with prices mirrored after {instant}",
    ChangeKind.RAISED: "with prices raised after {instant}",
    ChangeKind.LOWERED: "with prices lowered after {instant}",
}
_AGAIN: Final = "in a second run over the same data"
_WIDTH: Final = 300


@dataclass(frozen=True, slots=True)
class BarLookedAt:
    """The bar that a decision must have known.

    Attributes:
        symbol: empty where bars of several symbols close together and only all of them make the difference.
        interval: likewise.
        opened_at_us: when it opened.
        closed_at_us: when it closed.
        is_alone: a change of it alone makes the difference; otherwise it is the last of those that do.
    """

    symbol: str
    interval: str
    opened_at_us: int
    closed_at_us: int
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A strategy that knew more than it could.

    Attributes:
        kind: the future in which it shows; None where a second run over the same data differs from the first.
        after_us: what happened up to here must not depend on what came after.
        difference: the first one.
        bar: what it must have looked at, where that can be told.
    """

    kind: ChangeKind | None
    after_us: int
    difference: Difference
    bar: BarLookedAt | None = None

    @property
    def text(self) -> str:
        """The finding in a few lines."""
        one = self.difference
        after = _written(self.after_us)
        future = _AGAIN if self.kind is None else _FUTURES[self.kind].format(instant=after)
        about = f" for {one.symbol}" if one.symbol else ""
        who = one.strategy_id or "the run"
        lines = [
            f"{_headline(self)} in {who}",
            f"  first difference: {one.what}{about} at {_written(one.instant_us)}",
            f"    with the data as they are: {_said(one.expected)}",
            f"    {future}: {_said(one.found)}",
        ]
        if self.bar is not None:
            lines.append(f"  {_looked_at(self.bar, is_truncation=self.kind is ChangeKind.TRUNCATED)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class LookaheadReport:
    """The outcome of a check.

    Attributes:
        strategy_ids: what was checked.
        instants_us: the instants at which the future was changed.
        decision_count: decisions of the run over the data as they are.
        run_count: runs that were made.
        findings: at most one for each strategy; none where it is honest as far as can be seen.
        unchecked: data within the strategies' reach that could not be changed with the tape.
        notes: what else there is to know.
    """

    strategy_ids: tuple[str, ...]
    instants_us: tuple[int, ...]
    decision_count: int
    run_count: int
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_honest(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    @property
    def text(self) -> str:
        """The report for a person."""
        counts = (
            f"{', '.join(self.strategy_ids)}: {self.decision_count:,} decisions, "
            f"{len(self.instants_us)} instants, {self.run_count} runs"
        )
        lines = [counts, *(finding.text for finding in self.findings)]
        if self.is_honest:
            lines.append("No lookahead found: nothing up to these instants depends on what came after.")
        if self.unchecked:
            lines.append("Not checked, because it could not be changed together with the bars:")
            lines += [f"  {name}" for name in self.unchecked]
        return "\n".join([*lines, *self.notes])

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; instants are RFC 3339 texts."""
        return {
            "is_honest": self.is_honest,
            "strategy_ids": list(self.strategy_ids),
            "instants": [_written(instant_us) for instant_us in self.instants_us],
            "decision_count": self.decision_count,
            "run_count": self.run_count,
            "findings": [_finding(finding) for finding in self.findings],
            "unchecked": list(self.unchecked),
            "notes": list(self.notes),
        }


def _finding(finding: Finding) -> dict[str, Any]:
    difference = asdict(finding.difference)
    difference["instant"] = _written(difference.pop("instant_us"))
    bar = None
    if finding.bar is not None:
        bar = asdict(finding.bar)
        bar["opened_at"] = _written(bar.pop("opened_at_us"))
        bar["closed_at"] = _written(bar.pop("closed_at_us"))
    return {
        "future": "repeated" if finding.kind is None else finding.kind.value,
        "after": _written(finding.after_us),
        "difference": difference,
        "bar": bar,
    }


def _headline(finding: Finding) -> str:
    if finding.kind is None:
        return "Not repeatable: a run depends on what an earlier one left behind, or on chance,"
    if finding.difference.what == "event":
        return "A defect of QTrader: no decision differs, but an event does,"
    return "Lookahead"


def _looked_at(bar: BarLookedAt, *, is_truncation: bool) -> str:
    name = f"{bar.symbol} {bar.interval} bar" if bar.symbol else "bars"
    which = f"the {name} from {_written(bar.opened_at_us)} to {_written(bar.closed_at_us)}"
    if is_truncation:
        return f"it needs the data to go on until {which}"
    if bar.is_alone:
        return f"it must have looked at {which}: a change of it alone makes the difference"
    return (
        f"it must have looked at bars after the instant, up to {which}: changes of fewer make no difference"
    )


def _said(lines: Sequence[str]) -> str:
    text = "; ".join(lines) or "nothing"
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _written(instant_us: int) -> str:
    if instant_us < 0 and instant_us <= -(2**62):
        return "the beginning"
    return from_epoch_us(instant_us).isoformat().replace("+00:00", "Z")
