"""A dataset that goes to disk gives the very tape, actions, notes and errors of one in memory."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.errors import QTraderError
from qtrader.market.mapped_arrays import ArrayFile
from qtrader.market.tape_mapped import MappedTape
from qtrader.services.data import streaming
from qtrader.services.data.assembly import LoadedData
from qtrader.services.data.memory import load_frame
from qtrader.services.data.service import DataService
from qtrader.services.data.streaming import StreamedLoad

FIRST = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
DAYS = [date(2024, 1, 2) + timedelta(days=day) for day in (0, 1, 2, 3, 6, 7, 8, 9, 10)]
ACTIONS = {
    "symbol": ["A", "A", "B", "B", "A"],
    "ex_date": ["2024-01-04", "2024-01-09", "2024-01-03", "2024-01-04", "2024-01-10"],
    "action": ["split", "cash_dividend", "cash_dividend", "split", "split"],
    "ratio": ["2", None, None, "1.5", "0.1"],
    "amount": [None, "0.25", "1.10", None, None],
}


@pytest.fixture(autouse=True)
def _few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _file: None)


def block_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let batches, runs and blocks have so many rows."""
    whole = StreamedLoad.__init__

    def small(self: StreamedLoad, *args: Any, **named: Any) -> None:
        whole(self, *args, **{**named, "block_rows": rows})

    monkeypatch.setattr(StreamedLoad, "__init__", small)


def bars(symbol: str, times: list[Any], seed: int = 1) -> pl.DataFrame:
    rng = random.Random(f"{symbol}{seed}")  # noqa: S311 - nothing is secret
    close = [rng.randint(800, 1200) / 8 for _ in times]
    return pl.DataFrame(
        {
            "time": times,
            "symbol": [symbol] * len(times),
            "open": [price + 0.125 for price in close],
            "high": [price + 1 for price in close],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [float(rng.randint(0, 900)) for _ in times],
        }
    )


def minutes(count: int, step: int = 1, offset: int = 0) -> list[datetime]:
    return [FIRST + timedelta(minutes=offset + step * number) for number in range(count)]


def both(
    data: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int = 7, **declared: Any
) -> tuple[LoadedData, LoadedData]:
    """Load in memory and to disk."""
    in_memory = load_frame(data, streamed="never", **declared)
    with monkeypatch.context() as patch:
        block_of(block_rows, patch)
        on_disk = load_frame(data, streamed="always", cache_dir=folder / "cache", **declared)
    return in_memory, on_disk


def same(in_memory: LoadedData, on_disk: LoadedData) -> None:
    assert isinstance(on_disk.tape, MappedTape)
    assert on_disk.tape.symbols == in_memory.tape.symbols
    assert on_disk.tape.intervals == in_memory.tape.intervals
    for column, wanted in zip(on_disk.tape.columns, in_memory.tape.columns, strict=True):
        np.testing.assert_array_equal(column, wanted)
    assert on_disk.tape.fingerprint == on_disk.tape.compute_fingerprint() == in_memory.tape.fingerprint
    assert repr(on_disk.actions) == repr(in_memory.actions)
    assert on_disk.instruments.listed == in_memory.instruments.listed
    assert on_disk.calendars == in_memory.calendars
    assert on_disk.report.actions_in_prices == in_memory.report.actions_in_prices
    for count in ("rows_read", "rows_kept", "widened", "dropped"):
        assert getattr(on_disk.report, count) == getattr(in_memory.report, count)


def error_of(data: Any, **declared: Any) -> str:
    with pytest.raises(QTraderError) as caught:
        load_frame(data, **declared)
    return f"{type(caught.value).__name__}: {caught.value}"


def same_error(
    data: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int = 7, **declared: Any
) -> str:
    message = error_of(data, streamed="never", **declared)
    with monkeypatch.context() as patch:
        block_of(block_rows, patch)
        assert error_of(data, streamed="always", cache_dir=folder / "cache", **declared) == message
    assert not list((folder / "cache").iterdir())
    return message


INTRADAY: dict[str, Any] = {"bar_label": "open", "prices": "raw"}


@pytest.fixture
def dataset(tmp_path: Path) -> pl.DataFrame:
    """Three symbols of minute bars over 4 days, of which one begins later."""
    parts = [
        bars(symbol, minutes(40 - 5 * place, offset=24 * 60 * day + 3 * place), seed=day)
        for day in range(4)
        for place, symbol in enumerate("ABC")
        if (symbol, day) != ("C", 0)
    ]
    return pl.concat(parts)


def partitioned(frame: pl.DataFrame, folder: Path, by: str, *, hive: bool) -> Path:
    """Write a dataset: by date all symbols of a day in one file, by symbol all days."""
    key = pl.col("time").dt.date().cast(pl.String) if by == "date" else pl.col("symbol")
    for (value,), part in frame.group_by(key.alias("key"), maintain_order=True):
        rows = part.sort("time", "symbol")
        place = folder / f"{by}={value}" if hive else folder
        place.mkdir(parents=True, exist_ok=True)
        if hive and by == "symbol":
            rows = rows.drop("symbol")
        rows.write_parquet(place / ("part-0.parquet" if hive else f"{value}.parquet"))
    return folder


@pytest.mark.parametrize("layout", ["date", "symbol", "date=", "symbol="])
@pytest.mark.parametrize("block_rows", [5, 37, 1_000])
def test_both_partitionings_make_the_tape_of_memory(
    dataset: pl.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: str,
    block_rows: int,
) -> None:
    folder = partitioned(dataset, tmp_path / "data", layout.rstrip("="), hive=layout.endswith("="))
    loaded = both(folder, tmp_path, monkeypatch, block_rows, corporate_actions=ACTIONS, **INTRADAY)
    same(*loaded)
    whole = load_frame(dataset, corporate_actions=ACTIONS, **INTRADAY)
    assert whole.tape.fingerprint == loaded[0].tape.fingerprint


def test_a_glob_a_list_and_one_file_are_datasets_too(
    dataset: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = partitioned(dataset, tmp_path / "data", "date", hive=False)
    dataset.sort("time", "symbol").write_parquet(tmp_path / "all.parquet", row_group_size=11)
    for data in (str(folder / "*.parquet"), sorted(folder.iterdir()), tmp_path / "all.parquet"):
        same(*both(data, tmp_path, monkeypatch, **INTRADAY))


@pytest.mark.parametrize("block_rows", [3, 9, 100])
def test_one_large_file_in_batches(
    dataset: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    """Symbols run side by side or one after the other, forwards or backwards, whatever a batch cuts."""
    dataset = dataset.filter(pl.col("time").dt.day() < 4)
    orders = {
        "by_time": dataset.sort("time", "symbol"),
        "by_symbol": dataset.sort("symbol", "time"),
        "backwards": dataset.sort("time", "symbol", descending=True),
        "mixed": pl.concat(
            [
                dataset.filter(pl.col("symbol") == "A").sort("time", descending=True),
                dataset.filter(pl.col("symbol") != "A").sort("time"),
            ]
        ),
    }
    for name, frame in orders.items():
        file = tmp_path / f"{name}.parquet"
        frame.write_parquet(file)
        for label in ("open", "close"):
            in_memory, on_disk = both(
                file,
                tmp_path,
                monkeypatch,
                block_rows,
                bar_label=label,
                prices="raw",
                corporate_actions=ACTIONS,
            )
            same(in_memory, on_disk)
            assert on_disk.report == in_memory.report
        assert any("were reversed" in note for note in on_disk.report.notes) is (
            name in {"backwards", "mixed"}
        )


@pytest.mark.parametrize("mode", ["split", "raw", "total_return"])
@pytest.mark.parametrize("block_rows", [1, 3, 50])
def test_daily_bars_with_a_calendar_actions_and_a_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int, mode: str
) -> None:
    frame = pl.concat([bars("A", DAYS), bars("B", DAYS[1:7])])
    frame.sort("time").write_parquet(tmp_path / "daily.parquet")
    declared = {"calendar": "XNYS", "prices": "raw", "corporate_actions": ACTIONS, "signal_prices": mode}
    for span in ({}, {"start": "2024-01-03", "end": "2024-01-09"}, {"symbols": "B", "start": "2024-01-03"}):
        in_memory, on_disk = both(
            tmp_path / "daily.parquet", tmp_path, monkeypatch, block_rows, **declared, **span
        )
        same(in_memory, on_disk)
        assert on_disk.report == in_memory.report
    assert len(on_disk.actions) == 1


def test_several_intervals_and_sources_on_one_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in DAYS]
    pl.concat([bars("A", minutes(30)), bars("B", minutes(20))]).write_parquet(tmp_path / "minutes.parquet")
    bars("A", minutes(6, step=5)).write_parquet(tmp_path / "five.parquet")
    bars("A", [day.date() for day in days]).write_parquet(tmp_path / "days.parquet")
    (tmp_path / "actions.csv").write_text("symbol,ex_date,action,ratio\nA,2024-01-04,split,3\n")
    common = {"prices": "raw", "bar_label": "open", "cache_dir": "cache"}
    sources = {
        "fine": {"path": ["minutes.parquet", "five.parquet"], **common},
        "coarse": {"path": "days.parquet", "calendar": "XNYS", "corporate_actions": "actions.csv", **common},
    }
    sources["fine"]["calendar"] = "XNYS"
    monkeypatch.chdir(tmp_path)
    loaded = []
    for streamed in ("never", "always"):
        every = {name: {**source, "streamed": streamed} for name, source in sources.items()}
        with monkeypatch.context() as patch:
            block_of(5, patch)
            loaded.append(DataService(config={"sources": every}).load())
    same(*loaded)
    assert loaded[1].tape.intervals == ("1m", "5m", "1d")
    assert loaded[1].tape.intervals_of("A") == ("1m", "5m", "1d")
    assert [path.name for path in tmp_path.glob("cache/*")] != []


def test_dividends_and_splits_beside_the_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars("A", DAYS).with_columns(
        dividend=pl.Series([0.0, 0, 0.5, 0, 0, 0, 0, 0.25, 0]), split=pl.Series([1.0, 1, 1, 2, 1, 1, 1, 1, 1])
    )
    frame.write_parquet(tmp_path / "a.parquet")
    in_memory, on_disk = both(
        tmp_path / "a.parquet",
        tmp_path,
        monkeypatch,
        2,
        columns={"dividend": "dividend", "split": "split"},
        prices="raw",
    )
    same(in_memory, on_disk)
    assert len(on_disk.actions) == 3
    assert on_disk.report == in_memory.report


def test_volumes_that_are_zero_throughout_are_unknown_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a file the whole decides: a batch of zeros before a traded bar stays zero."""
    times = minutes(12)
    late = bars("A", times).with_columns(volume=pl.Series([0.0] * 10 + [5.0, 0.0]))
    never = bars("B", times).with_columns(volume=pl.lit(0.0))
    pl.concat([late, never]).sort("time").write_parquet(tmp_path / "all.parquet")
    in_memory, on_disk = both(tmp_path / "all.parquet", tmp_path, monkeypatch, 4, **INTRADAY)
    same(in_memory, on_disk)
    tape = on_disk.tape
    assert tape.volume[tape.rows_of("A")].tolist() == [0.0] * 10 + [5.0, 0.0]
    assert np.isnan(tape.volume[tape.rows_of("B")]).all()


def test_midnights_are_instants_where_other_times_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six-hourly bars, one a batch: midnights alone look like dates."""
    times = [datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=6 * number) for number in range(8)]
    for name, frame in {"up": bars("A", times), "down": bars("A", times[::-1])}.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
        same(*both(tmp_path / f"{name}.parquet", tmp_path, monkeypatch, 1, **INTRADAY))


def test_text_times_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars("A", [time.isoformat() for time in minutes(20)])
    frame.write_parquet(tmp_path / "a.parquet")
    same(*both(tmp_path / "a.parquet", tmp_path, monkeypatch, 3, **INTRADAY))
    frame.write_csv(tmp_path / "a.csv")
    same(*both(tmp_path / "a.csv", tmp_path, monkeypatch, 3, **INTRADAY))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_epochs_of_a_declared_unit_are_read_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    frame = bars("A", [int(time.timestamp()) * per_second for time in minutes(20)])
    frame.write_parquet(tmp_path / "a.parquet")
    same(*both(tmp_path / "a.parquet", tmp_path, monkeypatch, 3, time_format=f"epoch_{unit}", **INTRADAY))


def test_a_time_in_two_columns_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars("A", [DAYS[0]] * 9).with_columns(clock=pl.Series([f"09:3{minute}" for minute in range(9)]))
    frame.write_parquet(tmp_path / "a.parquet")
    columns = {"time": "time", "time_of_day": "clock"}
    same(*both(tmp_path / "a.parquet", tmp_path, monkeypatch, 3, columns=columns, timezone="UTC", **INTRADAY))


def test_an_even_count_of_steps_has_two_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of 1, 1, 2 and 4 minutes: the usual one is 90 seconds, as the median says."""
    times = [FIRST + timedelta(minutes=minute) for minute in (0, 1, 2, 4, 8)]
    bars("A", times).write_parquet(tmp_path / "a.parquet")
    message = same_error(tmp_path / "a.parquet", tmp_path, monkeypatch, 2, interval="4m", **INTRADAY)
    assert message.endswith("the usual step is 90 s")


def test_rows_without_any_cell_are_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars("A", minutes(9)).drop("symbol").with_columns(note=pl.lit("x"))
    holes = frame.clear(3)
    pl.concat([frame[:4], holes, frame[4:], holes]).write_parquet(tmp_path / "a.parquet")
    same(*both(tmp_path / "a.parquet", tmp_path, monkeypatch, 2, symbol="A", **INTRADAY))
    noted = pl.concat([frame[:4], holes.with_columns(note=pl.lit("y")), frame[4:]])
    noted.write_parquet(tmp_path / "b.parquet")
    message = same_error(tmp_path / "b.parquet", tmp_path / "b", monkeypatch, 2, symbol="A", **INTRADAY)
    assert message.endswith("b.parquet: row 5: the time (time) is missing")


BAD: list[tuple[str, dict[str, Any]]] = [
    ("close must be ≤ high", {"close": 1e6}),
    ("low must be ≤ high", {"low": 1e6}),
    ("open must be finite", {"open": float("inf")}),
    ("open must not be missing", {"open": None}),
    ("volume must be ≥ 0", {"volume": -1.0}),
]


@pytest.mark.parametrize(("rule", "change"), BAD)
@pytest.mark.parametrize("block_rows", [1, 7, 1_000])
def test_bad_bars_stop_the_load_with_the_same_words_or_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, change: dict[str, Any], block_rows: int
) -> None:
    frame = pl.concat([bars("A", minutes(12)), bars("B", minutes(12))]).sort("time", "symbol")
    ((field, value),) = change.items()
    column = frame[field].to_list()
    for row in (9, 13, 20):
        column[row] = value
    frame = frame.with_columns(pl.Series(field, column))
    frame.write_parquet(tmp_path / "bad.parquet")
    message = same_error(tmp_path / "bad.parquet", tmp_path, monkeypatch, block_rows, **INTRADAY)
    assert f"bad.parquet: row 21: A: {rule}; found time 2024-01-02 14:40:00+00:00, symbol A" in message
    in_memory, on_disk = both(
        tmp_path / "bad.parquet", tmp_path, monkeypatch, block_rows, on_bad_bar="drop", **INTRADAY
    )
    same(in_memory, on_disk)
    assert on_disk.report == in_memory.report
    assert on_disk.report.dropped == {rule: 3}


def test_the_first_rule_is_named_wherever_its_row_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in memory: the order of the rules comes before the order of the rows."""
    frame = bars("A", minutes(12))
    close = frame["close"].to_list()
    close[2], close[9] = 1e6, float("nan")
    frame.with_columns(close=pl.Series(close)).write_parquet(tmp_path / "a.parquet")
    message = same_error(tmp_path / "a.parquet", tmp_path, monkeypatch, 3, **INTRADAY)
    assert "row 10: A: close must be finite" in message
    nothing = frame.with_columns(close=pl.lit(-1.0))
    nothing.write_parquet(tmp_path / "b.parquet")
    message = same_error(tmp_path / "b.parquet", tmp_path, monkeypatch, 3, on_bad_bar="drop", **INTRADAY)
    assert "A: every row breaks a rule: {'close must be positive': 12}" in message


ORDERS: list[tuple[list[int], str]] = [
    ([0, 1, 2, 3, 3, 4, 5, 6], r"row 5: A: the time is a duplicate of row 4"),
    ([0, 1, 2, 5, 4, 6, 7, 8], r"row 5: A: the time is out of order after row 4; sort the rows by time"),
    ([9, 8, 7, 6, 6, 5, 4, 3], r"row 5: A: the time is a duplicate of row 4"),
    ([9, 8, 7, 6, 7, 5, 4, 3], r"row 5: A: the time is out of order after row 4; sort the rows by time"),
    ([3, 4, 5, 0, 1, 2, 6, 7], r"row 4: A: the time is out of order after row 3; sort the rows by time"),
]


@pytest.mark.parametrize(("order", "message"), ORDERS)
@pytest.mark.parametrize("block_rows", [1, 2, 4, 5])
def test_times_out_of_order_are_refused_wherever_a_batch_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: list[int], message: str, block_rows: int
) -> None:
    frame = bars("A", [FIRST + timedelta(minutes=minute) for minute in order])
    frame.write_parquet(tmp_path / "a.parquet")
    assert message in same_error(tmp_path / "a.parquet", tmp_path, monkeypatch, block_rows, **INTRADAY)


def test_files_that_overlap_and_bars_of_two_sources_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars("A", minutes(9)).write_parquet(tmp_path / "1.parquet")
    bars("A", minutes(9, offset=8)).write_parquet(tmp_path / "2.parquet")
    message = same_error(str(tmp_path / "*.parquet"), tmp_path, monkeypatch, 4, **INTRADAY)
    assert "the files of a symbol must not overlap" in message
    source = {"path": str(tmp_path / "1.parquet"), "cache_dir": str(tmp_path / "cache"), **INTRADAY}
    for streamed in ("never", "always"):
        twice = {name: {**source, "streamed": streamed} for name in ("one", "two")}
        with pytest.raises(QTraderError, match=r"A 1m: two bars close at 2024-01-02T14:31:00\+00:00"):
            DataService(config={"sources": twice}).load()


@pytest.mark.parametrize(
    ("frame", "declared"),
    [
        (bars("A", minutes(9)), {"prices": "raw"}),
        (bars("A", minutes(9)), {"interval": "5m", **INTRADAY}),
        (bars("A", minutes(2) + minutes(7, step=7, offset=10)), INTRADAY),
        (bars("A", minutes(9)).with_columns(pl.col("close").cast(pl.Float32)), INTRADAY),
        (bars("A", minutes(9)).drop("close"), INTRADAY),
        (bars("A", [time.replace(tzinfo=None) for time in minutes(9)]), INTRADAY),
        (pl.concat([bars("A", minutes(9)), bars("B", minutes(9))]), {"symbol": "A", **INTRADAY}),
        (bars("A", minutes(9)), {"symbols": "Z", **INTRADAY}),
        (bars("A", minutes(9)), {"start": "2025-01-01", **INTRADAY}),
        (bars("A", [*DAYS[:3], date(2024, 1, 6), *DAYS[4:]]), {"calendar": "XNYS"}),
        (bars("A", DAYS).with_columns(pl.col("close").cast(pl.Date, strict=False)), {}),
        (bars("A", DAYS).clear(), {}),
        (bars("A", DAYS).clear(5), {}),
        (bars("A", [date(999, 1, 1), date(999, 1, 2), date(1999, 1, 3)]), {}),
        (bars("A", minutes(9)), {"interval": "2m", **INTRADAY}),
        (bars("A", minutes(3)).with_columns(close=pl.lit("ten")), INTRADAY),
        (bars("A", minutes(3)).with_columns(symbol=pl.Series(["A", None, "A"])), INTRADAY),
        (bars("A", DAYS), {"corporate_actions": ACTIONS}),
    ],
)
def test_what_is_refused_in_memory_is_refused_in_the_same_words(
    frame: pl.DataFrame, declared: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame.write_parquet(tmp_path / "a.parquet")
    assert same_error(tmp_path / "a.parquet", tmp_path, monkeypatch, 2, **declared)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 this is none PAR1")
    message = error_of(tmp_path / "a.parquet", streamed="always", cache_dir=tmp_path / "cache")
    assert "a.parquet: cannot be read as parquet" in message


@settings(max_examples=25, deadline=None)
@given(
    st.randoms(use_true_random=False), st.integers(1, 40), st.sampled_from(["date", "symbol", "file", "none"])
)
def test_random_datasets_make_the_tape_of_memory(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random, block_rows: int, by: str
) -> None:
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("os.fsync", lambda _file: None)
    folder = tmp_path_factory.mktemp("random")
    parts = []
    for symbol in "ABCD"[: rng.randint(1, 4)]:
        offsets = sorted(rng.sample(range(4_000), rng.randint(3, 60)))
        parts.append(bars(symbol, [FIRST + timedelta(minutes=offset) for offset in offsets]))
    frame = pl.concat(parts)
    if by in {"date", "symbol"}:
        data = partitioned(frame, folder / "data", by, hive=rng.random() < 0.5)
    elif by == "file":
        frame = frame.sort("time", "symbol")
        cuts = sorted(rng.sample(range(1, len(frame)), min(3, len(frame) - 1)))
        (folder / "data").mkdir()
        for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(frame)], strict=True)):
            frame[start:stop].write_parquet(folder / "data" / f"{number}.parquet")
        data = folder / "data"
    else:
        data = folder / "all.parquet"
        frame.sample(fraction=1.0, shuffle=False).write_parquet(data)
    declared: dict[str, Any] = {
        "bar_label": rng.choice(["open", "close"]),
        "interval": "1m",
        "prices": "raw",
        "corporate_actions": ACTIONS,
        "signal_prices": rng.choice(["split", "total_return"]),
    }
    if rng.random() < 0.5:
        declared["start"], declared["end"] = "2024-01-03", "2024-01-04"
    if _is_refused(data, declared):
        same_error(data, folder, monkeypatch, block_rows, **declared)
    else:
        same(*both(data, folder, monkeypatch, block_rows, **declared))
    monkeypatch.undo()


def _is_refused(data: Path, declared: dict[str, Any]) -> bool:
    try:
        load_frame(data, streamed="never", **declared)
    except QTraderError:
        return True
    return False


def test_the_disk_is_looked_at_before_and_a_full_one_is_named(
    dataset: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.sort("time", "symbol").write_parquet(tmp_path / "all.parquet")

    def full(_file: ArrayFile, _block: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ArrayFile, "append", full)
        message = error_of(
            tmp_path / "all.parquet", streamed="always", cache_dir=tmp_path / "cache", **INTRADAY
        )
    assert "cache: the disk is too small to build a tape of 390 rows: about 0.00 GB are needed" in message
    with monkeypatch.context() as patch:
        usage = type("Usage", (), {"free": 100})
        patch.setattr(streaming.shutil, "disk_usage", lambda _folder: usage)
        error_of(tmp_path / "all.parquet", streamed="always", cache_dir=tmp_path / "cache", **INTRADAY)
    assert not list((tmp_path / "cache").iterdir())


def test_auto_goes_by_the_rows_of_parquet_files(
    dataset: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = partitioned(dataset, tmp_path / "data", "date", hive=True)
    declared: dict[str, Any] = {"cache_dir": tmp_path / "cache", **INTRADAY}
    assert not isinstance(load_frame(folder, **declared).tape, MappedTape)
    monkeypatch.setattr(streaming, "_SURELY_SMALL_BYTES", 0)
    monkeypatch.setattr(streaming, "STREAM_ABOVE_ROWS", len(dataset))
    assert not isinstance(load_frame(folder, **declared).tape, MappedTape)
    monkeypatch.setattr(streaming, "STREAM_ABOVE_ROWS", len(dataset) - 1)
    assert isinstance(load_frame(folder, **declared).tape, MappedTape)
    assert not isinstance(load_frame(folder, streamed="never", **declared).tape, MappedTape)
    dataset.write_csv(tmp_path / "all.csv")
    assert not isinstance(load_frame(tmp_path / "all.csv", **declared).tape, MappedTape)


def test_progress_tells_what_is_read_and_written(
    dataset: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = partitioned(dataset, tmp_path / "data", "date", hive=False)
    told: list[tuple[str, int, int]] = []
    with monkeypatch.context() as patch:
        block_of(50, patch)
        for _time in ("built", "kept"):
            load_frame(
                folder,
                streamed="always",
                cache_dir=tmp_path / "cache",
                progress=lambda *said: told.append(said),
                **INTRADAY,
            )
    rows = len(dataset)
    reading, writing = ([said for said in told if said[0] == stage] for stage in ("reading", "writing"))
    assert told == reading + writing
    assert all(total == rows for _stage, _done, total in told)
    for stage in (reading, writing):
        done = [count for _stage, count, _total in stage]
        assert done == sorted(done)
        assert done[-1] == rows
        assert len(done) > 3


def test_sources_must_agree(tmp_path: Path) -> None:
    bars("A", minutes(9)).write_parquet(tmp_path / "a.parquet")
    sources = {
        name: {"path": str(tmp_path / "a.parquet"), "streamed": streamed}
        for name, streamed in (("one", "always"), ("two", "never"))
    }
    with pytest.raises(QTraderError, match="source 'one' is streamed always and 'two' never"):
        DataService(config={"sources": sources}).load()
