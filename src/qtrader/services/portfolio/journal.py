"""The one way into the ledger: an entry is checked, added up and published, in this order."""

from __future__ import annotations

from collections.abc import Callable

from qtrader.events.base import BaseEvent
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.events.identity import Envelope, Origin
from qtrader.events.vocabulary import LedgerKind
from qtrader.services.portfolio.books import Books


def entry_id(source_id: str, kind: LedgerKind, strategy_id: str) -> str:
    """Name the entry of a corporate action for one strategy."""
    return f"{source_id}/{kind}/{strategy_id}"


class Journal:
    """Post entries to the books and publish them; `origin` gives their envelopes."""

    __slots__ = ("_books", "_publish", "origin")

    def __init__(self, books: Books, origin: Origin, publish: Callable[[BaseEvent], None]) -> None:
        self._books = books
        self._publish = publish
        self.origin = origin

    def post(
        self,
        envelope: Envelope,
        kind: LedgerKind,
        entry_id: str,
        description: str,
        postings: tuple[Posting, ...],
        *,
        strategy_id: str | None = None,
        symbol: str | None = None,
    ) -> None:
        """Post one entry.

        Raises:
            AccountingError: the postings do not balance.
        """
        entry = LedgerEntryEvent(
            envelope=envelope,
            entry_id=entry_id,
            kind=kind,
            description=description,
            postings=postings,
            strategy_id=strategy_id,
            symbol=symbol,
        )
        self._books.ledger.post(entry)
        self._publish(entry)
