"""Cutting the data to the run: warmup before the start, or first in the data; what is too short is named."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest
from tests.engine_inputs import closes, daily, inputs_of, session, split

from qtrader.clock import from_epoch_us
from qtrader.engine.config import RunSettings, parse_run_config
from qtrader.engine.inputs import FROM_THE_FIRST_BAR_US, cut_for_warmup, importing_from, load_inputs
from qtrader.errors import DataError

DATA = inputs_of(
    daily(closes(*range(100, 110))),
    daily(closes(*range(50, 60)), "L", calendar="XLON"),
    calendars={"L": "XLON"},
).data


def test_without_warmup_everything_trades() -> None:
    inputs = cut_for_warmup(DATA, RunSettings())
    assert inputs.data is DATA
    assert inputs.trading_starts_us == FROM_THE_FIRST_BAR_US


def test_without_a_start_the_first_bars_are_the_warmup() -> None:
    """Trading starts after the third close of whoever has it first: London closes before New York."""
    inputs = cut_for_warmup(DATA, RunSettings(warmup_bars=3))
    assert len(inputs.data.tape) == 20
    assert from_epoch_us(inputs.trading_starts_us).isoformat() == f"{session(2)}T16:30:00+00:00"


def test_with_a_start_the_bars_before_it_are_the_warmup() -> None:
    inputs = cut_for_warmup(DATA, RunSettings(start=session(5), warmup_bars=2))
    tape = inputs.data.tape
    assert from_epoch_us(inputs.trading_starts_us).isoformat() == f"{session(5)}T08:00:00+00:00"
    assert {
        from_epoch_us(int(tape.closed_at_us[0])).date(),
        from_epoch_us(int(tape.opened_at_us[0])).date(),
    } == {session(3)}
    assert len(tape) == 2 * (10 - 3)


def test_a_start_on_a_holiday_is_the_next_session() -> None:
    inputs = cut_for_warmup(DATA, RunSettings(start=date(2024, 1, 6), warmup_bars=2))
    assert from_epoch_us(inputs.trading_starts_us).date() == date(2024, 1, 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (RunSettings(warmup_bars=11), "warmup_bars is 11, but .* has only 10 bars"),
        (
            RunSettings(warmup_bars=3, start=session(2)),
            "warmup_bars is 3, but .* has only 2 bars before the start",
        ),
        (RunSettings(warmup_bars=10), "nothing is left to trade after the warmup"),
    ],
)
def test_too_short_data_are_refused(settings: RunSettings, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cut_for_warmup(inputs_of(daily(closes(*range(1, 11)))).data, settings)


def test_the_fingerprint_is_of_bars_actions_and_start() -> None:
    columns = daily(closes(1, 2, 3))
    plain = inputs_of(columns)
    others = [
        inputs_of(daily(closes(1, 2, 4))),
        inputs_of(columns, actions=[split(1, "2")]),
        inputs_of(columns, trading_starts_us=0),
    ]
    assert len({one.fingerprint for one in (plain, *others)}) == 4
    assert inputs_of(daily(closes(1, 2, 3))).fingerprint == plain.fingerprint


def test_a_configuration_loads_its_symbols_only() -> None:
    content = {
        "data": [{"source": "sample", "symbols": ["IBM"]}],
        "data_sources": {
            "sources": {
                "sample": {
                    "path": "sample:bars.parquet",
                    "interval": "1d",
                    "calendar": "XNYS",
                    "prices": "raw",
                    "corporate_actions": "sample:corporate_actions.parquet",
                }
            }
        },
        "run": {"start": "2004-01-02", "end": "2004-01-09", "warmup_bars": 2},
    }
    inputs = load_inputs(parse_run_config(content))
    assert inputs.data.tape.symbols == ("IBM",)
    assert len(inputs.data.tape) == 6 + 2


def test_folders_of_strategies_are_on_the_import_path_only_meanwhile(tmp_path: Path) -> None:
    before = list(sys.path)
    with importing_from([tmp_path]):
        assert sys.path == [str(tmp_path), *before]
    assert sys.path == before
