"""`qtrader data cache`: what is kept on disk of datasets larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.services.data.memory import load_frame

Run = Callable[..., Any]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("os.fsync", lambda _file: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    times = [datetime(2024, 1, 2, 14, 30, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(5)]
    prices = {name: [10.0] * 5 for name in ("open", "high", "low", "close")}
    parts = [pl.DataFrame({"time": times, "symbol": [symbol] * 5, **prices}) for symbol in "ABCD"]
    pl.concat(parts).write_parquet(tmp_path / "all.parquet")
    load_frame(
        tmp_path / "all.parquet",
        bar_label="open",
        prices="raw",
        streamed="always",
        cache_dir=tmp_path / "cache",
    )
    return tmp_path / "cache"


def test_tapes_are_listed_with_their_bars_and_sizes(cache: Path, run: Run) -> None:
    (cache / "left.part").mkdir()
    outcome = run("data", "cache", "--folder", cache)
    assert outcome.code == 0, outcome.err
    lines = [line.split() for line in outcome.out.splitlines()]
    assert lines[0] == ["tape", "symbols", "intervals", "bars", "MB"]
    assert lines[1][1:] == ["A,", "B,", "C", "and", "1", "more", "1m", "20", "0.0"]
    assert lines[2] == ["left.part", "unfinished", "0.0"]
    assert outcome.out.splitlines()[-1] == f"2 tapes, 0.0 MB, in {cache}"


def test_clearing_removes_what_is_listed(cache: Path, run: Run) -> None:
    outcome = run("data", "cache", "--folder", cache, "--clear")
    assert outcome.out.splitlines()[-1] == f"1 tape, 0.0 MB, removed from {cache}"
    assert list(cache.iterdir()) == []


def test_without_a_folder_it_is_the_user_s(tmp_path: Path, cache: Path, run: Run) -> None:
    outcome = run("data", "cache")
    assert outcome.out == f"0 tapes, 0.0 MB, in {tmp_path / 'home' / 'qtrader' / 'tapes'}\n"
