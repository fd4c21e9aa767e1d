"""The log on disk: what stands in the file, what is held, and what becomes of it."""

from __future__ import annotations

import errno
import gc
import os
import weakref
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import pytest
from tests.factories import RUN_ID, signal, tape_of

from qtrader.errors import QTraderError
from qtrader.events import codec
from qtrader.events.event_store_file import FileEventStore
from qtrader.events.event_store_writing import LineFile, LogError
from qtrader.events.events import SignalEvent

TAPE = tape_of({"AAPL": [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]})


class SmallBlocks(FileEventStore):
    """A store of which short logs have several blocks."""

    _held_at_most = 256


def filled(folder: Path, days: int = 6, per_day: int = 120) -> FileEventStore:
    store = SmallBlocks.partial(folder, "sma-1234")
    store.attach_tape(TAPE, RUN_ID)
    for day in range(1, days + 1):
        store.rows = day
        for ordinal in range(per_day):
            store.append(signal(day=day, ordinal=ordinal))
    return store


def documents(store: FileEventStore) -> bytes:
    return b"".join(codec.encode(event, sequence) + b"\n" for sequence, event in store.decisions())


def test_the_file_holds_the_lines_of_the_contract_and_their_digest(tmp_path: Path) -> None:
    store = filled(tmp_path)
    digest = store.digest
    content = store.path.read_bytes()
    assert content == documents(store) == b"".join(store.lines())
    assert content.count(b"\n") == 720 == store.decision_count
    assert digest == blake2b(content, digest_size=16).hexdigest()
    assert codec.decode_stored(content.splitlines()[-1]) == (725, signal(day=6, ordinal=119))


def test_no_more_than_a_block_of_events_is_held(tmp_path: Path) -> None:
    """`SignalEvent`s cannot be referred to weakly, so that what is counted is the store's own list."""
    store = SmallBlocks.partial(tmp_path)
    held = []
    for ordinal in range(2_000):
        store.append(signal(ordinal=ordinal))
        held.append(len(store._events))
    assert max(held) < 256
    assert len(store) == store.decision_count == 2_000
    assert [event.signal_id for _, event in store.decisions(SignalEvent)][-1] == signal(
        ordinal=1999
    ).signal_id


def test_what_is_read_back_equals_what_was_logged_and_is_read_while_the_log_grows(tmp_path: Path) -> None:
    store = SmallBlocks.partial(tmp_path)
    for ordinal in range(700):
        assert store.append(signal(ordinal=ordinal)) == ordinal
        if ordinal % 100 == 99:
            assert [event for _, event in store.decisions()] == [
                signal(ordinal=place) for place in range(ordinal + 1)
            ]


def test_a_part_of_a_long_history_is_found_by_its_block(tmp_path: Path) -> None:
    store = filled(tmp_path)
    whole = list(store.history())
    assert [sequence for sequence, _ in whole] == list(range(726))
    for start, stop in ((0, 3), (255, 258), (300, 612), (724, None), (121, 122), (726, None)):
        assert list(store.history(start, stop)) == whole[start:stop]


def test_the_hidden_file_goes_with_the_store_and_so_does_its_directory(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    store = filled(folder)
    path = store.path
    assert (path.parent, path.name) == (folder, f".sma-1234.{os.getpid()}.0.partial")
    is_gone = weakref.ref(store)
    del store
    gc.collect()
    assert is_gone() is None
    assert not folder.exists()


def test_two_logs_of_one_name_do_not_meet_and_a_directory_in_use_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    first, second = filled(tmp_path), filled(tmp_path, per_day=1)
    assert first.path != second.path
    first.discard()
    assert second.decision_count == len(list(second.decisions())) == 6
    second.discard()
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_removed_log_says_so(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.discard()
    with pytest.raises(LogError, match="removed with its hidden file; run again, and save the run"):
        list(store.decisions())


def test_a_log_that_is_settled_is_read_from_its_place(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs")
    before, digest = list(store.history()), store.digest
    place = tmp_path / "events.jsonl"
    store.link_to(place)
    assert place.samefile(store.path)
    store.settle(place)
    assert not (tmp_path / "runs").exists()
    assert (store.path, store.is_partial, store.digest) == (place, False, digest)
    assert list(store.history()) == before
    store.settle(tmp_path / "elsewhere")
    assert store.path == place
    with pytest.raises(QTraderError, match="log of a finished run; nothing can be added"):
        store.append(signal(day=6, ordinal=999))


def test_a_settled_log_is_copied_and_never_shared(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.link_to(tmp_path / "one.jsonl")
    store.settle(tmp_path / "one.jsonl")
    store.link_to(tmp_path / "two.jsonl")
    assert not (tmp_path / "one.jsonl").samefile(tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_without_second_names_the_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    store = filled(tmp_path)
    store.link_to(tmp_path / "copy.jsonl")
    assert (tmp_path / "copy.jsonl").read_bytes() == store.path.read_bytes()
    assert not (tmp_path / "copy.jsonl").samefile(store.path)


def test_a_log_that_stands_in_a_file_is_opened(tmp_path: Path) -> None:
    store = filled(tmp_path)
    lines = list(store.lines())
    checked: list[bytes] = []
    opened = FileEventStore.stored(store.path, TAPE, RUN_ID, check=checked.append)
    opened.rows = store.rows
    assert list(opened.history()) == list(store.history())
    assert list(opened.history(300, 400)) == list(store.history(300, 400))
    assert (opened.digest, opened.decision_count, len(opened)) == (store.digest, 720, 726)
    assert checked == lines


def test_bars_in_a_file_are_passed_over_where_their_tape_is_given(tmp_path: Path) -> None:
    store = filled(tmp_path, per_day=2)
    path = tmp_path / "with_bars.jsonl"
    path.write_bytes(b"".join(codec.encode(event, at) + b"\n" for at, event in store.history()))
    opened = FileEventStore.stored(path, TAPE, RUN_ID)
    opened.rows = store.rows
    assert list(opened.decisions()) == list(store.decisions())
    assert list(opened.history(3, 9)) == list(store.history(3, 9))
    assert opened.digest == store.digest


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    store = filled(tmp_path, per_day=1)
    store.digest  # noqa: B018 - writes out what is held
    store.path.unlink()
    with pytest.raises(LogError, match=r"sma-1234.*the log of a run, cannot be read: No such file"):
        list(store.decisions())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a directory")
    with pytest.raises(LogError, match=r"runs could not be written.*event_log=\"memory\""):
        FileEventStore.partial(tmp_path / "runs")


class FullDisk:
    """A file of which the disk takes so many bytes; other bytes are taken a part at a time."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.content = b""

    def write(self, piece: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = bytes(piece[: min(self.room, 1_000_003)])
        self.room -= len(taken)
        self.content += taken
        return len(taken)

    def close(self) -> None:
        self.room = 0


def test_pieces_are_written_whole_in_order_though_the_file_takes_parts() -> None:
    target: Any = FullDisk(room=100_000_000)
    file = LineFile(Path("log"), target)
    blocks = [bytes([97 + place]) * 1_500_000 for place in range(8)]
    for block in blocks:
        file.add(block)
    file.flush()
    assert target.content == b"".join(blocks)
    assert file.digest() == blake2b(b"".join(blocks), digest_size=16).hexdigest()
    file.close()


@pytest.mark.parametrize("room", [0, 3_000_000, 9_000_000])
def test_a_full_disk_stops_the_run_with_what_to_do(room: int) -> None:
    target: Any = FullDisk(room)
    written: IO[bytes] = target
    file = LineFile(Path("runs/log.partial"), written)

    def write() -> None:
        for _ in range(8):
            file.add(b"x" * 1_500_000)
        file.flush()

    with pytest.raises(LogError, match=r"runs/log.partial could not be written: No space left.*free space"):
        write()
    file.close()
