"""Other futures: valid bars, the same past to the bit, another future throughout."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine_inputs import closes, daily, dividend, inputs_of, session, split
from tests.engine_markets import Play, plays, world_plays

from qtrader.engine.lookahead_changes import Change, ChangeKind, change_data, change_inputs, change_tape
from qtrader.engine.lookahead_instants import choose_instants
from qtrader.engine.lookahead_tables import bars_frame
from qtrader.engine.lookahead_values import DataChanger, KnownSeries
from qtrader.events.events import SignalEvent
from qtrader.market.tape_build import SymbolColumns, bar_faults
from qtrader.market.universe import Membership, Universe

PRICES = [100.0, 101.0, 103.0, 102.5, 104.0, 99.0, 98.0, 98.5, 101.5, 107.0]
ANOTHER = ChangeKind.MIRRORED, ChangeKind.RAISED, ChangeKind.LOWERED


@settings(max_examples=30, deadline=None)
@given(st.one_of(plays(), world_plays()), st.integers(0, 60), st.sampled_from(ANOTHER), st.integers(0, 9))
def test_the_past_stays_and_every_later_bar_is_another_and_valid(
    play: Play, place: int, kind: ChangeKind, seed: int
) -> None:
    tape = play.inputs.data.tape
    after_us = int(tape.instants_us[place % tape.instant_count])
    changed = change_tape(tape, Change(kind, after_us, seed))
    known = tape.rows_closed_by(after_us)
    assert tape.slice(None, after_us).fingerprint == changed.slice(None, after_us).fingerprint
    assert (changed.closed_at_us == tape.closed_at_us).all()
    for name in ("open", "high", "low", "close"):
        before, after = getattr(tape, name)[known:], getattr(changed, name)[known:]
        if kind is not ChangeKind.MIRRORED:
            assert (before != after).all()
    part = SymbolColumns(
        symbol="X",
        interval="1d",
        opened_at_us=changed.opened_at_us,
        closed_at_us=changed.closed_at_us,
        open=changed.open,
        high=changed.high,
        low=changed.low,
        close=changed.close,
        volume=changed.volume,
    )
    by_rule = {rule: mask for rule, mask in bar_faults(part) if "order" not in rule and "increas" not in rule}
    assert not any(
        mask[np.isfinite(changed.open)].any() for rule, mask in by_rule.items() if "clos" not in rule
    )
    assert (changed.low > 0).all()
    assert (changed.high >= np.maximum(changed.open, changed.close)).all()
    assert (changed.low <= np.minimum(changed.open, changed.close)).all()
    assert (changed.volume >= 1).all()
    assert change_tape(tape, Change(kind, after_us, seed)).fingerprint == changed.fingerprint


def test_a_mirrored_future_falls_where_it_rose_at_splits_too() -> None:
    prices = [
        100.0,
        110.0,
        60.5,
        55.0,
        66.0,
    ]  # a split of 2 for 1 before the third: 121, 110, 132 in old shares
    tape = inputs_of(daily(closes(*prices)), actions=[split(2, "2")]).data.tape
    changed = change_tape(tape, Change(ChangeKind.MIRRORED, int(tape.closed_at_us[1])))
    signal = changed.close * changed.signal_factor
    assert signal.tolist() == pytest.approx([100, 110, 110 / 1.1, 110, 110 / 1.2])


def test_a_change_may_be_of_some_bars_only() -> None:
    tape = inputs_of(daily(closes(*PRICES), "A"), daily(closes(*PRICES), "B")).data.tape
    closed = tape.instants_us
    change = Change(
        ChangeKind.RAISED, int(closed[2]), from_us=int(closed[4]), until_us=int(closed[5]), symbol="B"
    )
    differs = change_tape(tape, change).close != tape.close
    assert np.flatnonzero(differs).tolist() == [9, 11]


def test_a_truncation_leaves_out_what_is_announced_by_later_bars() -> None:
    universe = Universe(
        [
            Membership("A", session(0), session(6)),
            Membership("B", session(0), session(1)),
            Membership("C", session(5)),
        ]
    )
    data = inputs_of(
        daily(closes(*PRICES), "A"), actions=[dividend(2, "1", "A"), dividend(7, "2", "A")], universe=universe
    ).data
    at_us = int(data.tape.closed_at_us[4])
    cut = change_data(data, Change(ChangeKind.TRUNCATED, at_us))
    assert len(cut.tape) == 5
    assert [str(action.amount) for _, action in cut.actions] == ["1"]
    assert cut.universe is not None
    assert [(stay.symbol, stay.last) for stay in cut.universe.memberships] == [("A", None), ("B", session(1))]
    raised = change_inputs(
        inputs_of(daily(closes(*PRICES), "A"), actions=[dividend(7, "2", "A")]),
        Change(ChangeKind.RAISED, at_us),
    )
    assert [str(action.amount) for _, action in raised.data.actions] == ["3.0"]


def known() -> KnownSeries:
    return KnownSeries(inputs_of(daily(closes(*PRICES), "A"), daily(closes(*PRICES[::-1]), "B")).data.tape)


A = np.array(PRICES)
# what a user may hold → whether it is recognised, and how many rows a truncation after the 5th bar leaves
VALUES: list[tuple[str, Any, bool, int]] = [
    ("a column", A, True, 5),
    ("a list", PRICES, True, 5),
    ("its end", A[2:], True, 3),
    ("more than the run has", np.concatenate(([90.0, 91.0], A, [92.0])), True, 7),
    ("shifted back", np.concatenate(([np.nan], A[:-1])), True, 6),
    ("shifted ahead", np.concatenate((A[1:], [np.nan])), True, 4),
    ("a dict by day", dict(enumerate(PRICES)), True, 5),
    ("a polars series", pl.Series(PRICES), True, 5),
    ("a polars frame", pl.DataFrame({"close": PRICES, "other": [1.0] * 10}), True, 5),
    ("a lazy frame", pl.LazyFrame({"close": PRICES}), True, 5),
    ("two columns", np.column_stack([A, A]), True, 5),
    ("too few numbers", PRICES[:5], False, 5),
    ("other numbers", np.arange(30.0), False, 30),
    ("texts", ["a"] * 10, False, 10),
    ("nothing but one number", [100.0] * 10, False, 10),
]


@pytest.mark.parametrize(("name", "value", "is_known", "left"), VALUES, ids=[row[0] for row in VALUES])
def test_data_of_the_run_is_recognised_by_its_values(
    name: str, value: Any, is_known: bool, left: int
) -> None:
    series = known()
    after_us = int(series.tape.instants_us[4])
    cut = DataChanger(series, Change(ChangeKind.TRUNCATED, after_us)).changed(value, name)
    raised = DataChanger(series, Change(ChangeKind.RAISED, after_us)).changed(value, name)
    if isinstance(value, pl.LazyFrame):
        value, cut, raised = value.collect(), cut.collect(), raised.collect()
    assert len(cut) == left
    assert (raised is value) is not is_known
    assert type(raised) is type(value)
    assert len(raised) == len(value)


def test_a_table_of_several_symbols_is_changed_by_symbol_and_one_of_others_by_its_dates() -> None:
    series = known()
    frame = bars_frame(series.tape).with_columns(pl.col("closed_at").dt.date().alias("day"))
    after_us = int(series.tape.instants_us[4])
    long = frame.sort("symbol", "closed_at")
    changer = DataChanger(series, Change(ChangeKind.RAISED, after_us))
    changed = changer.changed(long, "long")
    assert changed.filter(pl.col("closed_at") <= frame["closed_at"][9]).equals(
        long.filter(pl.col("closed_at") <= frame["closed_at"][9])
    )
    expected = bars_frame(change_tape(series.tape, Change(ChangeKind.RAISED, after_us)))
    assert changed["close"].equals(expected.sort("symbol", "closed_at")["close"])
    other = pl.DataFrame({"day": frame["day"].unique().sort(), "price": [float(n) for n in range(1, 11)]})
    moved = changer.changed(other, "other")
    assert moved["price"][:5].equals(other["price"][:5])
    assert (moved["price"][5:] > other["price"][5:] * 2).all()
    assert changer.unchanged == {}


def decided(*instants_us: int, symbol: str = "A", intention: str = "open_long") -> list[SignalEvent]:
    from tests.engine_inputs import Script, events, run

    from qtrader.services.strategy.protocol import StrategySpec

    tape = known().tape
    places = {int(np.flatnonzero(tape.closed_at_us == us)[0]): us for us in instants_us}
    inputs = inputs_of(daily(closes(*PRICES), "A"), daily(closes(*PRICES[::-1]), "B"))
    plan = {place: [{"symbol": symbol, "intention": intention, "price": 100}] for place in places}
    return events(run(inputs, StrategySpec(Script(plan), "script")), SignalEvent)


def test_instants_are_those_of_decisions_and_between() -> None:
    tape = known().tape
    instants = tape.instants_us.tolist()
    chosen = choose_instants(tape, decided(instants[3], instants[6]), -(2**63), 4)
    assert {instants[3], instants[6]} <= set(chosen)
    assert len(chosen) == 4
    assert chosen == sorted(chosen)
    assert instants[-1] not in chosen
    assert choose_instants(tape, [], -(2**63), 50) == instants[:-1]
    assert choose_instants(tape, [], instants[4], 50) == instants[5:-1]
    assert choose_instants(tape, [], instants[-2], 3) == []


def test_every_kind_of_decision_has_its_turn() -> None:
    tape = known().tape
    instants = tape.instants_us.tolist()
    many = decided(*instants[:6]) + decided(instants[7], symbol="B")
    chosen = choose_instants(tape, many, -(2**63), 4)
    assert instants[0] in chosen
    assert instants[7] in chosen
