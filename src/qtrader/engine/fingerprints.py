"""Digests that say whether two runs are the same: of a configuration, of a log.

BLAKE2b, 32 hexadecimal digits. The log's digest is over its decisions as they are written, one contract
document a line with its sequence; bars are the tape's rows and have the tape's digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from qtrader.events import codec
from qtrader.events.event_store import EventStore
from qtrader.events.event_store_file import FileEventStore


def configuration_hash(config: Mapping[str, Any]) -> str:
    """Digest a configuration, independent of the order of its keys."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def log_lines(store: EventStore, *, with_bars: bool = False) -> Iterator[bytes]:
    """Give a log line by line, each validated as it is written; those of a log on disk as they stand there.

    Args:
        store: the log.
        with_bars: write the tape's rows too, at their places.

    Raises:
        ContractError: an event breaks its contract.
    """
    if isinstance(store, FileEventStore) and not with_bars:
        yield from store.lines()
        return
    for sequence, event in store.history() if with_bars else store.decisions():
        yield codec.encode(event, sequence) + b"\n"


def log_hash(store: EventStore) -> str:
    """Digest the decisions of a log; one on disk was digested while it was written."""
    if isinstance(store, FileEventStore):
        return store.digest
    digest = blake2b(digest_size=16)
    for line in log_lines(store):
        digest.update(line)
    return digest.hexdigest()
