"""Writing a log's blocks: gathered, then digested and written by one thread beside the run.

A block is some thousand lines. They are gathered into some MB, which a thread digests and writes while the
run goes on; both need no interpreter lock for pieces of that size. No more than two pieces are in memory: one
that is gathered, one that is written. A failure to write shows at the next piece, and at `flush`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Final

from qtrader.errors import QTraderError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

_PIECE_BYTES: Final = 4_000_000


class LogError(QTraderError):
    """A log on disk cannot be written or read: names the path, the reason and what to do."""


class LineFile:
    """A file to which blocks of lines are added."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._hash = blake2b(digest_size=16)
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._writing: Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def add(self, block: bytes) -> None:
        """Take a block of lines.

        Raises:
            LogError: what was added before could not be written.
        """
        self._gathered.append(block)
        self._gathered_bytes += len(block)
        if self._gathered_bytes >= _PIECE_BYTES:
            self._wait()
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "qtrader-log")
            self._writing = self._thread.submit(self._write, self._take())

    def flush(self) -> None:
        """Write what was gathered, and wait until it is written.

        Raises:
            LogError: it could not be written.
        """
        self._wait()
        if self._gathered:
            try:
                self._write(self._take())
            except OSError as error:
                raise unwritable(self._path, error) from error

    def digest(self) -> str:
        """Return the digest of everything that was added; `flush` first."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file as it is."""
        if self._thread is not None:
            self._thread.shutdown()
        self._file.close()

    def _take(self) -> bytes:
        piece = b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_bytes = 0
        return piece

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            try:
                writing.result()
            except OSError as error:
                raise unwritable(self._path, error) from error

    def _write(self, piece: bytes) -> None:
        self._hash.update(piece)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]


def unwritable(path: Path, error: OSError) -> LogError:
    """Say what could not be written, why, and what to do."""
    return LogError(
        f"the run's log {path} could not be written: {error.strerror or error}; free space or correct the "
        'permissions, choose another reporting.directory, or keep the log in memory (event_log="memory")'
    )
