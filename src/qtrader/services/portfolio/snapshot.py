"""The books as a versioned document of JSON-able values: decimals are strings, instants RFC 3339 in UTC.

A snapshot is taken at an instant's end and holds everything that later entries depend on, so that a
restored portfolio continues to byte-identical events. What is restored must add up, or nothing is restored.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from qtrader.errors import AccountingError
from qtrader.services.portfolio.books import Books
from qtrader.services.portfolio.corporate_actions import PendingDividend
from qtrader.services.portfolio.models import Lot
from qtrader.services.portfolio.settings import PortfolioSettings

#: The version that is written; older ones would be read by their own rules, newer ones are refused.
SNAPSHOT_VERSION: Final = 1


class _Balance(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    account: str
    currency: str
    amount: Decimal


class _Realized(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    symbol: str
    strategy_id: str
    amount: Decimal


class _Snapshot(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    version: int
    base_currency: str
    ledger_scale: int
    is_open: bool
    next_ordinal: int
    balances: tuple[_Balance, ...]
    realized: tuple[_Realized, ...]
    lots: tuple[Lot, ...]
    dividends: tuple[PendingDividend, ...]


def write_snapshot(books: Books, settings: PortfolioSettings) -> dict[str, Any]:
    """Write the books; equal books give equal documents."""
    ledger = books.ledger
    snapshot = _Snapshot(
        version=SNAPSHOT_VERSION,
        base_currency=settings.base_currency,
        ledger_scale=settings.ledger_scale,
        is_open=books.is_open,
        next_ordinal=books.next_ordinal,
        balances=tuple(_Balance(*key, amount) for key, amount in sorted(ledger.balances.items())),
        realized=tuple(_Realized(*key, amount) for key, amount in sorted(ledger.realized.items())),
        lots=tuple(books.lots.all_lots()),
        dividends=books.dividends(),
    )
    document: dict[str, Any] = _plain(msgspec.to_builtins(snapshot, builtin_types=(Decimal,)))
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # An exact spelling rather than the shortest: the exponent survives, so that sums keep theirs.
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def read_snapshot(document: Any, settings: PortfolioSettings) -> Books:
    """Read books that `write_snapshot` wrote.

    Raises:
        AccountingError: another version, a missing or unknown field, a wrong value, settings that differ,
            or books that do not add up.
    """
    version = document.get("version") if isinstance(document, dict) else None
    if version != SNAPSHOT_VERSION:
        msg = f"portfolio snapshot: version is {version!r}; readable is version {SNAPSHOT_VERSION}"
        raise AccountingError(msg)
    try:
        snapshot = msgspec.convert(document, _Snapshot)
    except msgspec.ValidationError as error:
        msg = f"portfolio snapshot: {error}"
        raise AccountingError(msg) from error
    for name in ("base_currency", "ledger_scale"):
        found, allowed = getattr(snapshot, name), getattr(settings, name)
        if found != allowed:
            msg = f"portfolio snapshot: {name} is {found!r}, but the portfolio is set to {allowed!r}"
            raise AccountingError(msg)
    _check_numbers(snapshot)
    books = _build(snapshot)
    books.check(settings.base_currency)
    return books


def _check_numbers(snapshot: _Snapshot) -> None:
    for name, amounts in (
        ("balances", [balance.amount for balance in snapshot.balances]),
        ("realized", [realized.amount for realized in snapshot.realized]),
        ("dividends", [dividend.amount for dividend in snapshot.dividends]),
    ):
        for place, amount in enumerate(amounts):
            if not amount.is_finite():
                msg = f"portfolio snapshot: {name}[{place}].amount is {amount}; allowed is a finite number"
                raise AccountingError(msg)
    for place, lot in enumerate(snapshot.lots):
        if not (lot.quantity.is_finite() and lot.cost.is_finite() and lot.quantity):
            msg = (
                f"portfolio snapshot: lots[{place}] has quantity {lot.quantity} and cost {lot.cost}; "
                "allowed are finite numbers and a quantity other than 0"
            )
            raise AccountingError(msg)


def _build(snapshot: _Snapshot) -> Books:
    books = Books(snapshot.ledger_scale)
    books.is_open = snapshot.is_open
    books.lots.restore(snapshot.lots)
    ledger = books.ledger
    for record in snapshot.balances:
        ledger.restore_balance(record.account, record.currency, record.amount)
    ledger.realized = {(record.symbol, record.strategy_id): record.amount for record in snapshot.realized}
    ledger.lots = {lot.lot_id: (lot.quantity, lot.cost) for lot in snapshot.lots}
    for dividend in snapshot.dividends:
        books.add_dividend(dividend)
    books.next_ordinal = snapshot.next_ordinal
    return books
