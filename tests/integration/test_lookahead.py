"""The lookahead check over whole runs: planted peeks are found, honest strategies are not suspected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.lookahead_honest import Breakout, Dice, Replies, StopOrders, Strongest, Tended, honest, mixed
from tests.lookahead_peeks import (
    END,
    KnowsTheLastBar,
    LearnsFromEarlierRuns,
    PrivateTape,
    ReadsAheadInAFrame,
    Trader,
    bars,
    peeks,
)

import qtrader as qt
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.engine.lookahead import check
from qtrader.engine.lookahead_changes import ChangeKind
from qtrader.engine.lookahead_runs import Subject
from qtrader.errors import ConfigError, StrategyFailedError
from qtrader.events.events import PriceBarEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.protocol import StrategySpec, specs_of

PEEKS = dict(peeks())
HONEST = dict(honest())
MSFT = qt.sample_data("MSFT")


@pytest.mark.parametrize("name", PEEKS)
def test_a_planted_peek_is_found(name: str) -> None:
    report = qt.check_lookahead(MSFT, **PEEKS[name](), end=END, instants=2)
    assert not report.is_honest, report.text
    (finding,) = report.findings
    assert finding.difference.strategy_id == report.strategy_ids[0]
    assert finding.difference.instant_us <= finding.after_us
    assert finding.difference.expected != finding.difference.found


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_strategy_is_not_suspected(name: str) -> None:
    report = qt.check_lookahead(**HONEST[name](), end=END, instants=2)
    assert report.is_honest, report.text
    assert report.decision_count > 0
    assert report.run_count == 2 + 4 * 2


# kind of peek → first differing decision, the other future, the bar that was looked at
SHOWN = [
    (
        {"strategy": ReadsAheadInAFrame, "parameters": {"frame": bars()}},
        ("decision for MSFT at 2000-03-01T21:00:00Z", "open_long, price 90.81", "nothing"),
        "the MSFT 1d bar from 2000-03-02T14:30:00Z to 2000-03-02T21:00:00Z: a change of it alone makes the",
    ),
    (
        {"strategy": KnowsTheLastBar},
        ("decision for MSFT at 2000-03-01T21:00:00Z", "open_long, price 90.81", "nothing"),
        "it needs the data to go on until the MSFT 1d bar from 2000-03-02T14:30:00Z to 2000-03-02T21:00:00Z",
    ),
    (
        {"strategy": LearnsFromEarlierRuns},
        ("decision for MSFT at 2000-03-03T21:00:00Z", "nothing", "close_long, price 96.12"),
        "Not repeatable: a run depends on what an earlier one left behind, or on chance",
    ),
]


@pytest.mark.parametrize(("given", "difference", "explanation"), SHOWN)
def test_the_first_differing_decision_is_shown_and_the_bar_that_makes_it(
    given: dict[str, Any], difference: tuple[str, str, str], explanation: str
) -> None:
    text = qt.check_lookahead(MSFT, **given, end=END, instants=4).text
    where, expected, found = difference
    assert f"first difference: {where}\n" in text
    assert f"with the data as they are: {expected}\n" in text
    assert f": {found}\n" in f"{text}\n"
    assert explanation in text


class ReachesAcross(Trader):
    """Trade A by the first bar of C that closes after the present; C has hours where A has days."""

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        tape = context._surroundings.history._tape  # type: ignore[attr-defined]
        rows = tape.rows_of("C")
        later = rows[tape.closed_at_us[rows] > bar.closed_at_us]
        return bool(tape.close[later[0]] > 100.0) if len(later) else None


def subject(strategies: Any) -> Subject:
    config = apply_overrides(default_run_config(), {"valuation_calendar": "XNYS"})
    return Subject(config, mixed(), specs_of(strategies))


@pytest.mark.parametrize("strategy", [Breakout, Dice, Replies, StopOrders, Strongest, Tended])
def test_honest_over_days_and_hours_of_three_exchanges_a_universe_and_actions(strategy: type) -> None:
    report = check(subject(strategy), instants=5)
    assert report.is_honest, report.text
    assert report.decision_count > 0


@pytest.mark.parametrize("intervals", [("1d",), ("1h",)])
def test_honest_where_strategies_see_days_or_hours_only(intervals: tuple[str, ...]) -> None:
    report = check(
        subject([StrategySpec(each, intervals=intervals) for each in (Breakout, Tended)]), instants=5
    )
    assert report.is_honest, report.text
    assert report.decision_count > 0


def test_the_bar_is_found_among_several_symbols_and_intervals() -> None:
    spec = StrategySpec(ReachesAcross, symbols=("A",))
    report = check(subject(spec), instants=8)
    (finding,) = report.findings
    assert finding.bar is not None
    assert (finding.bar.symbol, finding.bar.interval, finding.bar.is_alone) == ("C", "1h", True)
    assert finding.difference.symbol == "A"


def test_of_several_strategies_only_the_one_that_peeks_is_named() -> None:
    report = check(subject([Dice, StrategySpec(PrivateTape, symbols=("A",)), Strongest]), instants=6)
    assert [finding.difference.strategy_id for finding in report.findings] == ["private_tape"]


def test_the_same_check_says_the_same() -> None:
    first, again = (
        qt.check_lookahead(MSFT, PrivateTape, end=END, instants=3, check_seed=5).to_dict() for _ in range(2)
    )
    assert first == again
    assert first["is_honest"] is False
    assert first["findings"][0]["future"] == ChangeKind.MIRRORED


class Opaque(Trader):
    """Trade on numbers that nobody can trace back to prices."""

    numbers: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        return bool(self.numbers[len(context.history()) - 1] > 0)


def test_data_that_could_not_be_changed_are_named() -> None:
    ahead = bars()["close"].shift(-1) / bars()["close"] - 1
    report = qt.check_lookahead(
        MSFT, Opaque, parameters={"numbers": ahead.fill_null(0.0).to_list()}, end=END, instants=3
    )
    # Returns computed beforehand are no prices: nothing differs, and the report says what it rests on.
    assert report.is_honest
    assert report.unchecked == ("parameter numbers",)
    assert "Not checked, because it could not be changed together with the bars:\n  parameter numbers" in str(
        report
    )

    def compute(frame: Any) -> dict[str, Any]:
        returns = frame["close"].shift(-1) / frame["close"] - 1
        return {"numbers": returns.fill_null(0.0).to_list()}

    report = qt.check_lookahead(MSFT, Opaque, parameters=compute, end=END, instants=3)
    assert not report.is_honest
    assert report.unchecked == ()


class Careless(Trader):
    """Fail where prices are far from those of the year: no peek, but no good either."""

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        if not 30 < bar.close < 130:
            msg = f"close {bar.close}"
            raise ValueError(msg)
        return bar.close > bar.open


def test_a_failure_after_the_instant_is_no_peek() -> None:
    assert qt.check_lookahead(MSFT, Careless, end=END, instants=3).is_honest


def fail(frame: Any) -> dict[str, Any]:
    msg = "no parameters"
    raise ValueError(msg)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"instants": 0}, ConfigError, "instants is 0; allowed is a positive number"),
    ({"end": "2000-03-01"}, ConfigError, "a single instant"),
    ({"slippage": 1}, ConfigError, "slippage"),
    (
        {"strategy": [Dice, Replies], "parameters": lambda frame: {}},
        ConfigError,
        "parameters= as a function belongs to one strategy",
    ),
    ({"parameters": fail}, StrategyFailedError, "computing the parameters failed: ValueError: no parameters"),
]


@pytest.mark.parametrize(("given", "error", "message"), REFUSED)
def test_bad_input_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        qt.check_lookahead(MSFT, **{"strategy": Dice, "end": END, **given})


def test_nothing_of_the_check_stays_behind() -> None:
    def state() -> list[Callable[..., Any]]:
        import numpy as np
        import polars as pl

        from qtrader.engine import inputs

        return [np.load, pl.read_csv, pl.read_parquet, inputs.find_prepared, qt.DataService.load]

    before = state()
    LearnsFromEarlierRuns.seen.clear()
    qt.check_lookahead(MSFT, LearnsFromEarlierRuns, end=END, instants=2)
    assert state() == before
    assert LearnsFromEarlierRuns.seen == {}
