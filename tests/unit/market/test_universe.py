"""Membership is answered as of a date or instant, both ends of a stay included."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.clock import to_epoch_us
from qtrader.errors import DataError
from qtrader.market.universe import Membership, Universe, read_universe, universe_from_rows

STAYS = "symbol,from,to\nB,2020-01-02,\nA,2020-01-01,2020-01-31\nA,2020-03-01,2020-03-01\n"


@pytest.fixture
def universe(tmp_path: Path) -> Universe:
    file = tmp_path / "universe.csv"
    file.write_text(STAYS)
    return read_universe(file)


@pytest.mark.parametrize(
    ("day", "members"),
    [
        (date(2019, 12, 31), ()),
        (date(2020, 1, 1), ("A",)),
        (date(2020, 1, 31), ("A", "B")),
        (date(2020, 2, 1), ("B",)),
        (date(2020, 3, 1), ("A", "B")),
        (date(2030, 1, 1), ("B",)),
    ],
)
def test_members_by_date(universe: Universe, day: Any, members: Any) -> None:
    assert universe.members(day) == members
    assert [universe.contains(symbol, day) for symbol in "ABC"] == [symbol in members for symbol in "ABC"]
    assert universe.members(datetime.fromisoformat(day.isoformat())) == members


def test_midnight_belongs_to_the_day_that_it_ends(universe: Universe) -> None:
    for instant, is_member in [
        (datetime(2020, 1, 1, tzinfo=UTC), False),
        (datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC), True),
        (datetime(2020, 2, 1, tzinfo=UTC), True),
        (datetime(2020, 2, 1, 0, 0, 0, 1, tzinfo=UTC), False),
    ]:
        assert universe.contains("A", instant) is is_member
        assert universe.contains("A", to_epoch_us(instant)) is is_member


def test_a_naive_time_is_refused(universe: Universe) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        universe.members(datetime.fromisoformat("2020-01-01 12:00"))


def test_formats_agree(tmp_path: Path, universe: Universe) -> None:
    frame = pl.read_csv(tmp_path / "universe.csv", try_parse_dates=True)
    frame.write_parquet(tmp_path / "universe.parquet")
    assert read_universe(tmp_path / "universe.parquet").memberships == universe.memberships
    assert universe_from_rows(frame.columns, frame.iter_rows(), "rows").memberships == universe.memberships
    assert universe.symbols == ("A", "B")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("symbol,from\n", "has the columns symbol, from; a universe has symbol, from and to"),
        ("symbol,from,to\n,2020-01-01,\n", "row 1: symbol is empty"),
        ("symbol,from,to\nA,,\n", "row 1: from is empty"),
        ("symbol,from,to\nA,2020-01-01,x\n", "row 1: to is 'x'; allowed is a date"),
        (
            "symbol,from,to\nA,2020-01-02,2020-01-01\n",
            "A leaves on 2020-01-01, before it joins on 2020-01-02",
        ),
        (
            "symbol,from,to\nA,2020-01-01,\nA,2020-01-05,\n",
            "A joins on 2020-01-05, but is a member since 2020-01-01",
        ),
    ],
)
def test_a_wrong_universe_is_refused(tmp_path: Path, content: str | bytes | None, message: str) -> None:
    file = tmp_path / "universe.csv"
    file.write_text(content)
    with pytest.raises(DataError) as refusal:
        read_universe(file)
    assert str(file) in str(refusal.value)
    assert message in str(refusal.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; it should list a universe"):
        read_universe(tmp_path / "none.csv")
    (tmp_path / "broken.parquet").write_text("x")
    with pytest.raises(DataError, match="cannot be read"):
        read_universe(tmp_path / "broken.parquet")


def test_stays_may_be_given_directly() -> None:
    assert Universe([Membership("A", date(2020, 1, 1))]).members(date(2021, 1, 1)) == ("A",)
