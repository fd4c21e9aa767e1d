"""Loaded data kept beside their files: found by every byte that decides, equal to what loading gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from qtrader.errors import ConfigError
from qtrader.services.data.loaded import LoadedData
from qtrader.services.data.prepared import PREPARED_FOLDER, Request, find_prepared, prepare
from qtrader.services.data.service import DataService
from qtrader.services.data.source import DataSources, parse_sources

BARS = """symbol,date,open,high,low,close,volume
A,2020-01-02,10,11,9,10.5,100
A,2020-01-03,10.5,11,10,10.75,200
A,2020-01-06,5.5,6,5,5.25,
B,2020-01-02,20,22,19,21,300
B,2020-01-03,21,22,20,21.5,400
"""
ACTIONS = """symbol,ex_date,action,ratio,amount,currency
A,2020-01-06,split,2,,
B,2020-01-03,cash_dividend,,0.125,USD
"""
DECLARED = {
    "path": "bars.csv",
    "calendar": "XNYS",
    "interval": "1d",
    "prices": "raw",
    "corporate_actions": "actions.csv",
}


def sources(folder: Path, **changed: Any) -> DataSources:
    return parse_sources({"sources": {"mine": {**DECLARED, **changed}}}, folder=folder)


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    (tmp_path / "bars.csv").write_text(BARS, encoding="utf-8")
    (tmp_path / "actions.csv").write_text(ACTIONS, encoding="utf-8")
    return Request(sources(tmp_path), None, None, None, "split")


def load(request: Request) -> LoadedData:
    service = DataService(config=request.sources, signal_prices=request.signal_prices)
    return service.load(request.symbols, request.start, request.end)


def assert_same(kept: LoadedData | None, loaded: LoadedData) -> None:
    assert kept is not None
    assert kept.tape.fingerprint == loaded.tape.fingerprint
    assert kept.tape.is_mapped == loaded.tape.is_mapped
    assert repr(kept.actions) == repr(loaded.actions)
    assert kept.instruments.listed == loaded.instruments.listed
    assert kept.calendars == loaded.calendars
    assert kept.universe is loaded.universe is None
    assert kept.report == loaded.report


CHOICES: list[dict[str, Any]] = [
    {},
    {"symbols": ["A"]},
    {"symbols": ["B", "A"], "end": date(2020, 1, 3)},
    {"start": date(2020, 1, 3)},
    {"signal_prices": "total_return"},
]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_what_is_kept_is_what_loading_gives(request_: Request, choice: dict[str, Any]) -> None:
    request = replace(request_, **choice)
    assert find_prepared(request) is None
    prepare(request, load(request))
    assert_same(find_prepared(request), load(request))


def test_it_is_found_in_any_order_of_the_symbols(request_: Request) -> None:
    request = replace(request_, symbols=["A", "B"])
    prepare(request, load(request))
    assert_same(find_prepared(replace(request_, symbols=["B", "A"])), load(request))


def test_it_travels_with_its_files(request_: Request, tmp_path: Path) -> None:
    prepare(request_, load(request_))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("bars.csv", "actions.csv"):
        shutil.copy(tmp_path / name, moved)
    shutil.copytree(tmp_path / PREPARED_FOLDER, moved / PREPARED_FOLDER)
    there = replace(request_, sources=sources(moved))
    assert_same(find_prepared(there), load(there))


def another_price(folder: Path) -> None:
    (folder / "bars.csv").write_text(BARS.replace("10.75", "10.76"), encoding="utf-8")


def another_dividend(folder: Path) -> None:
    (folder / "actions.csv").write_text(ACTIONS.replace("0.125", "0.126"), encoding="utf-8")


@pytest.mark.parametrize("change", [another_price, another_dividend])
def test_where_a_byte_differs_nothing_is_found_and_the_newer_takes_its_place(
    request_: Request, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    prepare(request_, load(request_))
    change(tmp_path)
    assert find_prepared(request_) is None
    kept = prepare(request_, load(request_))
    assert_same(find_prepared(request_), load(request_))
    assert list((tmp_path / PREPARED_FOLDER).iterdir()) == [kept]


@pytest.mark.parametrize(
    "choice",
    [{"symbols": ["A"]}, {"start": date(2020, 1, 3)}, {"end": "2020-01-03"}, {"signal_prices": "raw"}],
)
def test_another_question_finds_nothing(request_: Request, choice: dict[str, Any]) -> None:
    prepare(request_, load(request_))
    assert find_prepared(replace(request_, **choice)) is None


@pytest.mark.parametrize("changed", [{"prices": "split_adjusted"}, {"currency": "EUR"}, {"calendar": "XNAS"}])
def test_another_declaration_finds_nothing(
    request_: Request, tmp_path: Path, changed: dict[str, Any]
) -> None:
    prepare(request_, load(request_))
    assert find_prepared(replace(request_, sources=sources(tmp_path, **changed))) is None


def test_another_version_finds_nothing(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(request_, load(request_))
    monkeypatch.setattr("qtrader.services.data.prepared.__version__", "0.0.0")
    assert find_prepared(request_) is None


def test_what_is_damaged_is_not_found(request_: Request) -> None:
    kept = prepare(request_, load(request_))
    columns = kept / "close.npy"
    whole = columns.read_bytes()
    columns.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert find_prepared(request_) is None
    columns.write_bytes(b"")
    assert find_prepared(request_) is None


def test_a_second_time_nothing_is_written(request_: Request) -> None:
    kept = prepare(request_, load(request_))
    before = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert prepare(request_, load(request_)) == kept
    assert {file: file.stat().st_mtime_ns for file in kept.iterdir()} == before


def test_data_of_a_universe_are_not_kept(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "universe.csv").write_text("symbol,from,to\nA,2020-01-01,\nB,2020-01-01,\n", encoding="utf-8")
    request = replace(request_, sources=sources(tmp_path, universe="universe.csv"))
    with pytest.raises(ConfigError, match="source 'mine' has a universe"):
        prepare(request, load(request))
    assert find_prepared(request) is None


def test_without_sources_there_is_nothing_to_find_and_nothing_to_keep(request_: Request) -> None:
    nothing = replace(request_, sources=DataSources(sources={}))
    assert find_prepared(nothing) is None
    with pytest.raises(ConfigError, match="no source is declared"):
        prepare(nothing, load(request_))
