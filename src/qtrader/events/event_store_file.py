"""A log on disk: the lines of a run directory's `events.jsonl`, written while the run goes on.

Events are held until there are some thousands of them, then written as lines and let go, so that memory does
not grow with the length of a run: what stays is one entry of an index for each such block. Encoding happens
where the events are; the digest of the log and the writing happen in a thread of their own, some MB at a
time. What is read back is read from the file, block by block; an event read back equals the one that was
logged, and is another object.

While a run goes on its log is a hidden file that ends in `.partial`, which nothing takes for a run: it
becomes part of one by `link_to` and `settle`, or is removed with the store. Where a process dies, it is left
behind; it then holds whole lines up to some instant, the last one perhaps broken, and may be removed.
"""

from __future__ import annotations

import os
import shutil
import weakref
from array import array
from bisect import bisect_right
from contextlib import suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from qtrader.errors import QTraderError
from qtrader.events.codec_lines import LineWriter, read_line, type_of_line
from qtrader.events.event_store import BarRows, BaseEventStore
from qtrader.events.event_store_writing import LineFile, LogError, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qtrader.events.base import ValidatedEvent

#: Events that are held at once. Of fewer the processor would change between run and writing too often.
_BLOCK: Final = 4_096
_READ_BUFFER: Final = 1 << 20
_BAR: Final = b"bar"


class FileEventStore(BaseEventStore):
    """An `EventStore` in a file; make one with `partial` for a new log, with `stored` for one that stands."""

    _held_at_most = _BLOCK

    def __init__(self, path: Path, file: LineFile | None = None, made: Path | None = None) -> None:
        super().__init__()
        self.path = path
        self._file = file
        if file is None:
            self._held_at_most = 1
        self._lines = LineWriter()
        #: Of each block: where it begins in the file, the sequence of its first event, and how many decisions
        #: are before it.
        self._offsets = array("Q")
        self._sequences = array("Q")
        self._positions = array("Q")
        self._size = 0
        self._has_bars = False
        self._digest: str | None = None
        self._discard = None if file is None else weakref.finalize(self, _remove, path, file, made)

    @classmethod
    def partial(cls, directory: Path, name: str = "log") -> FileEventStore:
        """Make an empty log in a hidden file of a directory, which is made where it is missing.

        Raises:
            LogError: the file cannot be made.
        """
        try:
            is_new = not directory.exists()
            directory.mkdir(parents=True, exist_ok=True)
            path, file = _hidden_file(directory, name)
        except OSError as error:
            raise unwritable(directory, error) from error
        return cls(path, LineFile(path, file), directory if is_new else None)

    @classmethod
    def stored(
        cls,
        path: Path,
        tape: BarRows | None = None,
        run_id: str = "",
        *,
        check: Callable[[bytes], object] | None = None,
    ) -> FileEventStore:
        """Open a log that stands in a file; bars in it are passed over where their tape is given.

        Args:
            path: the file, which is only read.
            tape: the bars that stand in the log without being stored.
            run_id: the run of those bars.
            check: called with each line of a decision, to validate it.

        Raises:
            OSError: the file cannot be read.
        """
        store = cls(path)
        store._tape, store._run_id = tape, run_id
        store._index(check)
        return store

    @property
    def digest(self) -> str:
        """BLAKE2b digest (32 hexadecimal digits) of the lines of all decisions so far."""
        if self._file is None:
            return self._digest or blake2b(digest_size=16).hexdigest()
        self._write_out()
        return self._file.digest()

    @property
    def is_partial(self) -> bool:
        """Whether the file is still hidden, and removed with the store."""
        return self._discard is not None and self._discard.alive

    def decisions(self, *classes: type[ValidatedEvent]) -> Iterator[tuple[int, ValidatedEvent]]:
        """Give (sequence, event) of all events but the tape's bars, or only of those of some classes."""
        self._write_out()
        return self._read(0, *classes)

    def lines(self) -> Iterator[bytes]:
        """Give the line of every decision, as it stands in the file."""
        self._write_out()
        return self._raw_lines(0)

    def link_to(self, path: Path) -> None:
        """Let the log stand in another place too: a hidden file by a second name, or else by a copy.

        Raises:
            OSError: it cannot be written there.
        """
        self._write_out()
        if self.is_partial:
            # Fails on another file system, or one without second names.
            with suppress(OSError):
                os.link(self.path, path)
                return
        shutil.copyfile(self.path, path)

    def settle(self, path: Path) -> None:
        """Read the log from where it stands for good from now on, and remove the hidden file."""
        if self.is_partial and self._discard is not None:
            self._digest = self.digest
            self._discard()
            self._file, self._held_at_most = None, 1
            self.path = path

    def discard(self) -> None:
        """Remove a hidden file now; nothing can be read from this store afterwards."""
        if self._discard is not None:
            self._discard()

    def _let_go_of_events(self) -> None:
        if self._file is None:
            msg = f"{self.path} is the log of a finished run; nothing can be added to it"
            raise QTraderError(msg)
        events, rows_before, before = self._events, self._rows_before, self._let_go
        if not events:
            return
        sequences = [rows + before + place for place, rows in enumerate(rows_before)]
        block = self._lines.block(zip(sequences, events, strict=True))
        self._note(self._size, sequences[0], before)
        self._size += len(block)
        self._let_go = before + len(events)
        events.clear()
        rows_before.clear()
        self._file.add(block)

    def _note(self, offset: int, sequence: int, position: int) -> None:
        self._offsets.append(offset)
        self._sequences.append(sequence)
        self._positions.append(position)

    def _write_out(self) -> None:
        if self._file is not None:
            if not self.is_partial:
                msg = "this log was removed with its hidden file; run again, and save the run to keep it"
                raise LogError(msg)
            if self._events:
                self._let_go_of_events()
            self._file.flush()

    def _decisions_from(self, sequence: int) -> tuple[int, Iterator[tuple[int, ValidatedEvent]]]:
        self._write_out()
        block = bisect_right(self._sequences, sequence) - 1
        if block < 0:
            return 0, self._read(0)
        position, offset = self._positions[block], self._offsets[block]
        for line in self._raw_lines(offset):
            if _sequence_of(line) >= sequence:
                break
            position += 1
            offset += len(line)
        return position, self._read(offset)

    def _read(self, offset: int, *classes: type[ValidatedEvent]) -> Iterator[tuple[int, ValidatedEvent]]:
        wanted = {each.event_type.encode() for each in classes}
        for line in self._raw_lines(offset):
            if not wanted or type_of_line(line) in wanted:
                yield read_line(line)

    def _raw_lines(self, offset: int) -> Iterator[bytes]:
        end = self._size
        with self._open() as file:
            file.seek(offset)
            for line in file:
                offset += len(line)
                if not (self._has_bars and type_of_line(line) == _BAR):
                    yield line
                if offset >= end:
                    return

    def _open(self) -> IO[bytes]:
        try:
            return self.path.open("rb", buffering=_READ_BUFFER)
        except OSError as error:
            msg = f"{self.path}, the log of a run, cannot be read: {error.strerror or error}"
            raise LogError(msg) from error

    def _index(self, check: Callable[[bytes], object] | None) -> None:
        """Read a file once, to know where its blocks begin, and its digest."""
        digest, position, offset = blake2b(digest_size=16), 0, 0
        with self.path.open("rb", buffering=_READ_BUFFER) as file:
            for line in file:
                if self._tape is not None and type_of_line(line) == _BAR:
                    self._has_bars = True
                else:
                    digest.update(line)
                    if check is not None:
                        check(line)
                    if position % _BLOCK == 0:
                        self._note(offset, _sequence_of(line), position)
                    position += 1
                offset += len(line)
        self._size, self._let_go, self._digest = offset, position, digest.hexdigest()


def _sequence_of(line: bytes) -> int:
    start = line.index(b'"sequence":') + 11
    return int(line[start : line.index(b",", start)])


def _hidden_file(directory: Path, name: str) -> tuple[Path, IO[bytes]]:
    """Make a file that no other process and no other run of this one has."""
    for number in count():
        path = directory / f".{name}.{os.getpid()}.{number}.partial"
        with suppress(FileExistsError):
            return path, path.open("xb", buffering=0)
    raise AssertionError


def _remove(path: Path, file: LineFile, made: Path | None) -> None:
    """Close and remove a hidden file, and the directory that was made for it where nothing else is in it."""
    file.close()
    with suppress(OSError):  # somebody removed it before, or the directory holds a run by now
        path.unlink(missing_ok=True)
        if made is not None:
            made.rmdir()
