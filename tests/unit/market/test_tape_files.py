"""A tape in a folder is the tape that was written: every answer, every digest, whole or not there."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.errors import DataError
from qtrader.market import mapped_arrays, tape_mapped, tape_writer
from qtrader.market import tape as tape_module
from qtrader.market.tape import Tape, TapeColumns
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.market.tape_files import open_tape, write_tape
from qtrader.market.tape_mapped import MappedTape
from qtrader.market.tape_writer import TapeWriter

MINUTE = 60_000_000
LENGTHS = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": 60 * MINUTE}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows be many: several blocks, several releases, and files for what is derived."""
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    monkeypatch.setattr(tape_mapped, "_BLOCK_ROWS", 5)
    monkeypatch.setattr(tape_mapped, "RELEASE_ROWS", 7)
    monkeypatch.setattr(tape_mapped, "IN_MEMORY_BYTES", 400)
    monkeypatch.setattr(tape_mapped, "_BISECTIONS", 3)
    monkeypatch.setattr(tape_module, "_PASS_ROWS", 4)
    monkeypatch.setattr(mapped_arrays, "IN_MEMORY_BYTES", 48)
    monkeypatch.setattr(tape_writer, "_BLOCK_ROWS", 5)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing is secret


def series(symbol: str, interval: str, opens: list[int], rng: random.Random) -> SymbolColumns:
    length = LENGTHS[interval]
    opened = np.array(sorted(set(opens)), dtype=np.int64) * length
    close = np.array([rng.randint(100, 200) / 8 for _ in opened], dtype=np.float64)
    return SymbolColumns(
        symbol, interval, opened, opened + length, close, close + 1, close - 1, close + 0.5, close * 10
    )


def random_tape(rng: random.Random, symbols: int = 3, rows: int = 12) -> Tape:
    parts = [
        series(f"S{place}", interval, [rng.randint(0, 40) for _ in range(rng.randint(1, rows))], rng)
        for place in range(symbols)
        for interval in rng.sample(sorted(LENGTHS), rng.randint(1, 3))
    ]
    return build_tape(parts)


def sent(tape: Tape) -> Tape:
    return pickle.loads(pickle.dumps(tape))  # noqa: S301 - written a line ago


def same(found: Tape, expected: Tape) -> None:
    """Compare every answer of two tapes."""
    assert (found.symbols, found.intervals, len(found)) == (
        expected.symbols,
        expected.intervals,
        len(expected),
    )
    for column, wanted in zip(found.columns, expected.columns, strict=True):
        np.testing.assert_array_equal(column, wanted)
        assert (column.dtype, column.flags.writeable) == (wanted.dtype, False)
    assert found.fingerprint == found.compute_fingerprint() == expected.fingerprint
    assert found.instant_starts.tolist() == expected.instant_starts.tolist()
    assert found.instants_us.tolist() == expected.instants_us.tolist()
    for symbol in expected.symbols:
        assert found.rows_of(symbol).tolist() == expected.rows_of(symbol).tolist()
        assert found.matching_rows_of(symbol).tolist() == expected.matching_rows_of(symbol).tolist()
        assert found.intervals_of(symbol) == expected.intervals_of(symbol)
        for interval in LENGTHS:
            rows = expected.rows_of_interval(symbol, interval).tolist()
            assert found.rows_of_interval(symbol, interval).tolist() == rows
    # As text, because an unknown volume (NaN) equals nothing.
    for side in ("left", "right"):
        instants = np.arange(0, 50 * MINUTE, 7 * MINUTE)
        places = found.places_in(found.closed_at_us, instants, side)
        assert places.tolist() == expected.closed_at_us.searchsorted(instants, side).tolist()
    assert [*itertools.chain(*found.row_blocks(np.arange(len(found))))] == [*range(len(found))]
    assert [*map(repr, found.bars(run_id="r", block_rows=3))] == [*map(repr, expected.bars(run_id="r"))]


def on_disk(tape: Tape, folder: Path, block_rows: int = 4) -> MappedTape:
    write_tape(tape, folder, block_rows=block_rows)
    return open_tape(folder, verify=True)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 30))
def test_a_written_tape_answers_as_the_one_in_memory(
    rng: random.Random, symbols: int, block_rows: int
) -> None:
    tape = random_tape(rng, symbols)
    with TemporaryDirectory() as folder:
        mapped = on_disk(tape, Path(folder) / "tape", block_rows)
        same(mapped, tape)
        start_us, end_us = sorted(rng.choices(range(0, 45 * MINUTE, MINUTE // 2), k=2))
        for bounds in ((start_us, end_us), (start_us, None), (None, end_us)):
            same(mapped.slice(*bounds), tape.slice(*bounds))
        chosen = rng.sample(tape.symbols, rng.randint(1, symbols))
        same(mapped.select(chosen), tape.select(chosen))
        same(mapped.slice(start_us).select(chosen), tape.slice(start_us).select(chosen))
        same(mapped.select(chosen).slice(None, end_us), tape.select(chosen).slice(None, end_us))


def test_an_empty_tape_is_one(tmp_path: Path) -> None:
    none = np.empty(0, dtype=np.int64)
    floats = none.astype(np.float64)
    empty = build_tape([SymbolColumns("A", "1m", none, none, floats, floats, floats, floats)])
    mapped = on_disk(empty, tmp_path / "tape")
    same(mapped, empty)
    assert (mapped.instant_count, mapped.symbols) == (0, ("A",))


def test_unknown_volumes_and_factors_keep_their_bits(tmp_path: Path) -> None:
    part = series("A", "1m", list(range(9)), seeded(1))
    volume = np.where(np.arange(9) % 3 == 0, np.nan, 0.1 + 0.2)
    tape = build_tape([SymbolColumns(*(getattr(part, name) for name in SymbolColumns.__slots__))])
    odd = tape.columns._replace(volume=volume, signal_factor=np.full(9, 1 / 3))
    same(on_disk(Tape(("A",), ("1m",), odd), tmp_path / "tape"), Tape(("A",), ("1m",), odd))


def pieces(tape: Tape, rows: int) -> Iterator[TapeColumns]:
    for first in range(0, len(tape), rows):
        yield TapeColumns._make(column[first : first + rows] for column in tape.columns)


def test_a_writer_that_is_left_early_leaves_nothing(tmp_path: Path) -> None:
    tape = random_tape(seeded(3))
    with TapeWriter(tmp_path / "tape", tape.symbols, tape.intervals) as writer:
        for piece in itertools.islice(pieces(tape, 4), 2):
            writer.append(piece)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"tape: holds no tape; there is no tape\.json"):
        open_tape(tmp_path / "tape")


KILLED = """
import os, signal, sys
import numpy as np
from qtrader.market.tape import TapeColumns
from qtrader.market.tape_writer import TapeWriter
writer = TapeWriter(sys.argv[1], ("A",), ("1m",))
ones = np.ones(3)
times = np.arange(3, dtype=np.int64)
zeros = np.zeros(3, dtype=np.int32)
writer.append(TapeColumns(times, times + 1, zeros, zeros.astype(np.int16), *[ones] * 6))
if sys.argv[2] == "completed":
    writer.complete()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("stage", ["appended", "completed"])
def test_a_killed_writer_leaves_nothing_that_is_taken_for_a_tape(tmp_path: Path, stage: str) -> None:
    source = Path(tape_writer.__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "tape"), stage],
        check=False,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "tape").exists()
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    same(on_disk(random_tape(seeded(5)), tmp_path / "tape"), random_tape(seeded(5)))


def test_a_tape_is_never_written_over_another(tmp_path: Path) -> None:
    tape = random_tape(seeded(7))
    write_tape(tape, tmp_path / "tape")
    with pytest.raises(DataError, match="tape exists already; a tape is written to a new folder"):
        write_tape(tape, tmp_path / "tape")
    with TapeWriter(tmp_path / "raced", tape.symbols, tape.intervals) as writer:
        writer.append(tape.columns)
        write_tape(tape, tmp_path / "raced")
        with pytest.raises(DataError, match="raced exists already"):
            writer.finish()
    same(open_tape(tmp_path / "raced"), tape)


@pytest.mark.parametrize(
    ("symbols", "intervals"),
    [(("B", "A"), ("1m",)), (("A", "A"), ("1m",)), (("A",), ("5m", "1m")), (("A",), ("1m", "1m"))],
)
def test_names_out_of_order_are_refused(
    tmp_path: Path, symbols: tuple[str, ...], intervals: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match="symbols must be sorted, and intervals run from the finest"):
        TapeWriter(tmp_path / "tape", symbols, intervals)


def test_rows_out_of_order_are_refused_within_and_between_blocks(tmp_path: Path) -> None:
    tape = build_tape([series("A", "1m", [0, 1, 2, 3], seeded(1))])
    backwards = TapeColumns._make(column[::-1] for column in tape.columns)
    with TapeWriter(tmp_path / "tape", ("A",), ("1m",)) as writer:
        message = (
            r"row 2 \(A 1m, closed 1970-01-01T00:03:00\+00:00\) does not come after the row before it; rows "
            "are sorted by closed_at, symbol and interval"
        )
        with pytest.raises(DataError, match=message):
            writer.append(backwards)
        writer.append(tape.columns)
        with pytest.raises(DataError, match=r"row 5 \(A 1m, closed 1970-01-01T00:04:00"):
            writer.append(TapeColumns._make(column[3:] for column in tape.columns))


def test_rows_of_no_symbol_and_columns_of_two_lengths_are_refused(tmp_path: Path) -> None:
    columns = build_tape([series("A", "1m", [0, 1], seeded(1))]).columns
    with TapeWriter(tmp_path / "tape", ("A",), ("1m",)) as writer:
        with pytest.raises(DataError, match=r"a row points past the 1 names \('A',\)"):
            writer.append(columns._replace(symbol_index=np.array([0, 1], dtype=np.int32)))
        with pytest.raises(DataError, match=r"column low has shape \(1,\), closed_at_us has 2 rows"):
            writer.append(columns._replace(low=columns.low[:1]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tape(random_tape(seeded(11)), tmp_path / "tape")
    return tmp_path / "tape"


def test_a_head_of_another_version_is_named(folder: Path) -> None:
    head = json.loads((folder / "tape.json").read_text())
    (folder / "tape.json").write_text(json.dumps({**head, "version": 2}))
    with pytest.raises(DataError, match=r"is qtrader-tape 2; this version of QTrader reads qtrader-tape 1"):
        open_tape(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"format": "qtrader-tape"'])
def test_a_damaged_head_is_named(folder: Path, content: bytes) -> None:
    (folder / "tape.json").write_bytes(content)
    with pytest.raises(DataError, match=r"tape\.json: is damaged"):
        open_tape(folder)


def test_a_cut_a_missing_and_an_exchanged_column_are_found_on_opening(folder: Path) -> None:
    close = (folder / "close.npy").read_bytes()
    (folder / "close.npy").write_bytes(close[:-8])
    with pytest.raises(DataError, match=r"close\.npy: is damaged: it has .* bytes, its .* rows need"):
        open_tape(folder)
    (folder / "close.npy").write_bytes((folder / "closed_at_us.npy").read_bytes())
    with pytest.raises(
        DataError, match=r"close\.npy: is damaged: it holds int64 of shape .* allowed is float64"
    ):
        open_tape(folder)
    np.save(folder / "close.npy", np.ones(2))
    with pytest.raises(DataError, match=r"close\.npy: is damaged: it has 2 rows, the head \d+"):
        open_tape(folder)
    (folder / "close.npy").unlink()
    with pytest.raises(DataError, match=r"close\.npy: no such file"):
        open_tape(folder)


@pytest.mark.parametrize(("name", "key"), [("close", "fingerprint"), ("series_rows", "series_digest")])
def test_a_changed_value_is_found_on_demand(folder: Path, name: str, key: str) -> None:
    content = bytearray((folder / f"{name}.npy").read_bytes())
    content[-3] ^= 1
    (folder / f"{name}.npy").write_bytes(content)
    open_tape(folder)
    with pytest.raises(DataError, match=f"was changed: its {key} is .* instead of"):
        open_tape(folder, verify=True)


def test_numpy_reads_a_column(folder: Path) -> None:
    np.testing.assert_array_equal(np.load(folder / "close.npy", mmap_mode="r"), open_tape(folder).close)


def test_a_tape_travels_by_name(folder: Path) -> None:
    mapped = open_tape(folder)
    assert len(pickle.dumps(mapped)) < 500
    same(sent(mapped), mapped)
    part = mapped.slice(8 * MINUTE, 30 * MINUTE)
    same(sent(part), part)
    for selected in (mapped.select(["S1", "S2"]), part.select(["S1"])):
        same(sent(selected), selected)


def fingerprint_of(tape: Tape) -> str:
    return tape.compute_fingerprint()


def test_another_process_maps_the_same_files(folder: Path) -> None:
    mapped = open_tape(folder)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(fingerprint_of, (mapped,)) == mapped.fingerprint


def test_a_selection_leaves_nothing_beside_the_tape(folder: Path) -> None:
    selected = open_tape(folder).select(["S0", "S1"])
    assert isinstance(selected, MappedTape)
    assert [path.name for path in folder.parent.iterdir()] == ["tape"]
    assert selected.compute_fingerprint() == selected.fingerprint


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_passed_rows_are_not_resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten columns of 2,000,000 rows, 124 MB, a pass keeps a part, whose size the kernel's pages decide."""
    monkeypatch.undo()
    monkeypatch.setattr(tape_mapped, "RELEASE_ROWS", 100_000)
    rows = 2_000_000
    times = np.arange(rows, dtype=np.int64) * MINUTE
    price = np.linspace(10.0, 20.0, rows)
    write_tape(
        build_tape([SymbolColumns("A", "1m", times, times + MINUTE, price, price, price, price)]),
        tmp_path / "tape",
    )
    mapped = open_tape(tmp_path / "tape")
    before, highest = resident_kib(), 0
    for first in range(0, rows, 50_000):
        mapped.bar_block(first, first + 50_000, "")
        highest = max(highest, resident_kib())
    assert highest - before < 60_000
    assert [len(np.unique(column[::512])) > 0 for column in mapped.columns] == [True] * 10
    assert resident_kib() - before > 110_000
    mapped.release_pages()
    assert resident_kib() - before < 10_000
