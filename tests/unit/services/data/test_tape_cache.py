"""Kept tapes are found by what they were built from, and by nothing that has changed since."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.market.tape_mapped import MappedTape
from qtrader.services.data.assembly import LoadedData
from qtrader.services.data.memory import load_frame
from qtrader.services.data.service import DataService
from qtrader.services.data.streaming import StreamedLoad
from qtrader.services.data.tape_cache import cached_tapes, clear_cache, default_cache_folder

FIRST = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
DECLARED: dict[str, Any] = {"bar_label": "open", "prices": "raw", "streamed": "always"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _file: None)


def write(path: Path, closes: list[float], symbol: str = "A") -> None:
    count = len(closes)
    times = [FIRST + timedelta(minutes=number) for number in range(count)]
    columns = {"open": closes, "high": [c + 1 for c in closes], "low": [c - 1 for c in closes]}
    pl.DataFrame({"time": times, "symbol": [symbol] * count, **columns, "close": closes}).write_parquet(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "a.parquet", [10.0, 11.0, 12.0, 13.0])
    return tmp_path / "a.parquet"


def load(file: Path, **declared: Any) -> LoadedData:
    return load_frame(file, cache_dir=file.parent / "cache", **{**DECLARED, **declared})


def names(file: Path) -> list[str]:
    return sorted(path.name for path in (file.parent / "cache").iterdir())


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each time that a tape is built."""
    built, whole = [], StreamedLoad._build

    def noted(self: StreamedLoad, folder: Path, key: Any) -> LoadedData:
        built.append(key.name)
        return whole(self, folder, key)

    monkeypatch.setattr(StreamedLoad, "_build", noted)
    return built


def test_the_same_files_are_read_once(file: Path, builds: list[str]) -> None:
    actions = {"symbol": ["A"], "ex_date": ["2024-01-03"], "action": ["cash_dividend"], "amount": ["0.10"]}
    facts = {"corporate_actions": actions, "quantity_step": "0.01", "currency": "EUR"}
    first, second = load(file, **facts), load(file, **facts)
    assert len(builds) == 1
    assert second.tape.fingerprint == first.tape.compute_fingerprint()
    assert second.report == first.report
    assert repr(second.actions) == repr(first.actions)
    assert second.instruments.listed == first.instruments.listed
    assert second.calendars == first.calendars
    assert names(file) == builds


def test_every_field_of_an_action_is_kept(tmp_path: Path) -> None:
    days = [date(2024, 1, 2) + timedelta(days=day) for day in range(10)]
    closes = pl.Series([10.0] * len(days))
    frame = pl.DataFrame({"date": days, "open": closes, "high": closes, "low": closes, "close": closes})
    frame.write_parquet(tmp_path / "A.parquet")
    actions = {
        "symbol": ["A"] * 4,
        "ex_date": ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06"],
        "action": ["split", "cash_dividend", "spin_off", "symbol_change"],
        "ratio": ["1.50", None, "0.1", None],
        "amount": [None, "0.2500", None, None],
        "currency": [None, "CHF", None, None],
        "kind": [None, "special", None, None],
        "pay_date": [None, "2024-02-01", None, None],
        "announced_date": [None, "2023-12-01", None, None],
        "record_date": [None, "2024-01-05", None, None],
        "new_symbol": [None, None, "B", "C"],
        "cost_fraction": [None, None, "0.125", None],
    }
    loaded = [
        load_frame(
            tmp_path / "A.parquet",
            streamed=streamed,
            cache_dir=tmp_path / "cache",
            prices="raw",
            corporate_actions=actions,
        )
        for streamed in ("never", "always", "always")
    ]
    assert [repr(each.actions) for each in loaded] == [repr(loaded[0].actions)] * 3
    assert len(loaded[0].actions) == 4


def test_a_changed_file_is_read_again_and_the_old_tape_goes(file: Path, builds: list[str]) -> None:
    old = load(file)
    write(file, [20.0, 21.0, 22.0, 23.0])
    os.utime(file, ns=(1, 1))
    assert load(file).tape.close.tolist() == [20.0, 21.0, 22.0, 23.0]
    assert len(builds) == 2
    assert names(file) == builds[1:]
    assert old.tape.close.tolist() == [10.0, 11.0, 12.0, 13.0]


@pytest.mark.parametrize(
    "change",
    [
        {"bar_label": "close"},
        {"start": "2024-01-02T14:31:00+00:00"},
        {"symbols": ["A"]},
        {"signal_prices": "raw"},
        {"on_bad_bar": "drop"},
        {"corporate_actions": {"symbol": ["A"], "ex_date": ["2024-01-02"], "action": ["delisting"]}},
    ],
)
def test_what_decides_makes_another_tape(file: Path, builds: list[str], change: dict[str, Any]) -> None:
    load(file)
    load(file, **change)
    assert len(set(builds)) == 2
    assert names(file) == sorted(builds)


def test_another_file_of_the_same_size_and_time_makes_another_tape(file: Path, builds: list[str]) -> None:
    write(file.parent / "b.parquet", [10.0, 11.0, 12.0, 13.0])
    for path in (file, file.parent / "b.parquet"):
        os.utime(path, ns=(1, 1))
        load(path)
    assert len(set(builds)) == 2


@pytest.mark.parametrize("damage", ["close.npy", "tape.json", "market.json"])
def test_a_damaged_tape_is_built_again(file: Path, builds: list[str], damage: str) -> None:
    load(file)
    (file.parent / "cache" / builds[0] / damage).write_bytes(b"{}")
    assert load(file).tape.close.tolist() == [10.0, 11.0, 12.0, 13.0]
    assert builds == [builds[0]] * 2


def test_another_process_that_was_first_is_no_fault(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merge = StreamedLoad._merge

    def late(self: StreamedLoad, *args: Any) -> LoadedData:
        with monkeypatch.context() as patch:
            patch.setattr(StreamedLoad, "_merge", merge)
            StreamedLoad(
                self.sources,
                type(self.selection)(self.selection.symbols),
                self.actions,
                self.universe,
                self.signal_prices,
            ).load()
        return merge(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(StreamedLoad, "_merge", late)
        loaded = load(file)
    assert isinstance(loaded.tape, MappedTape)
    assert loaded.tape.close.tolist() == [10.0, 11.0, 12.0, 13.0]
    assert len(names(file)) == 1


def test_the_folder_is_the_source_s_or_the_user_s(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_folder() == tmp_path / "xdg" / "qtrader" / "tapes"
    load_frame(file, **DECLARED)
    assert len(cached_tapes(default_cache_folder())) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setattr("sys.platform", "linux")
    assert default_cache_folder() == Path("/home/someone/.cache/qtrader/tapes")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_cache_folder() == Path("/home/someone/Library/Caches/qtrader/tapes")


def test_a_relative_folder_starts_from_the_configuration_s(file: Path) -> None:
    (file.parent / "sources.yaml").write_text(
        "sources: {s: {path: a.parquet, bar_label: open, prices: raw, streamed: always, cache_dir: kept}}"
    )
    DataService(config=file.parent / "sources.yaml").load()
    assert len(cached_tapes(file.parent / "kept")) == 1


def test_listing_and_clearing_touch_nothing_else(file: Path) -> None:
    assert cached_tapes(file.parent / "cache") == []
    load(file)
    cache = file.parent / "cache"
    (cache / "left.part").mkdir()
    (cache / "left.part" / "close.npy").write_bytes(bytes(100))
    (cache / "mine").mkdir()
    (cache / "note.txt").write_text("mine")
    found = cached_tapes(cache)
    assert [(entry.rows, entry.symbols, entry.intervals, entry.is_whole) for entry in found] == [
        (4, ("A",), ("1m",), True),
        (0, (), (), False),
    ]
    assert found[1].size_bytes == 100
    assert clear_cache(cache) == found
    assert names(file) == ["mine", "note.txt"]
