"""A run's log as frames, one row per fact.

Prices, quantities and amounts are Float64, because frames are there to be computed with and plotted; the
exact decimals are in the events and in `ledger`. Instants are `Datetime("us", "UTC")`. Every frame has its
columns and types whatever the run did. Columns are listed by kinds, so that listing them loads no Polars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qtrader.clock import from_epoch_us
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderUpdateEvent,
    Posting,
)
from qtrader.money import ZERO
from qtrader.services.reporting.trades import Trade

if TYPE_CHECKING:
    import polars as pl

_Row = TypeVar("_Row")
Columns = Mapping[str, tuple[Any, Callable[[_Row], Any]]]

INSTANT: Final = "instant"
DATE: Final = "date"
TEXT: Final = "text"
NUMBER: Final = "number"
COUNT: Final = "count"
FLAG: Final = "flag"

#: Rows that become columns together.
_PART: Final = 16_384


def table(rows: Iterable[_Row], columns: Columns[_Row]) -> pl.DataFrame:
    """Build a frame of rows that need not be held all at once; see `frame_of`."""
    import polars as pl

    left = iter(rows)
    parts = [frame_of(list(islice(left, _PART)), columns)]
    while part := list(islice(left, _PART)):
        parts.append(frame_of(part, columns))
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def frame_of(rows: Sequence[_Row], columns: Columns[_Row]) -> pl.DataFrame:
    """Build a frame column by column; a Decimal becomes a float in a Float64 column, an enumeration text."""
    import polars as pl

    series = []
    for name, (kind, give) in columns.items():
        values = [give(row) for row in rows]
        if kind == NUMBER:
            values = [None if value is None else float(value) for value in values]
        elif kind == TEXT:
            values = [None if value is None else str(value) for value in values]
        series.append(pl.Series(name, values, dtype=dtype_of(kind)))
    return pl.DataFrame(series)


def dtype_of(kind: Any) -> Any:
    """Return the Polars type of a kind; a type stands for itself."""
    import polars as pl

    types = {
        INSTANT: pl.Datetime("us", "UTC"),
        DATE: pl.Date,
        TEXT: pl.String,
        NUMBER: pl.Float64,
        COUNT: pl.Int64,
        FLAG: pl.Boolean,
    }
    return types[kind] if isinstance(kind, str) else kind


def _fields(dtype: Any, *names: str) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """Make columns that are attributes of the same name."""
    return {name: (dtype, _attribute(name)) for name in names}


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)


def fills_frame(events: Iterable[FillEvent]) -> pl.DataFrame:
    """One row per fill; `notional` is quantity times price."""
    columns: Columns[FillEvent] = {
        **_fields(INSTANT, "executed_at"),
        **_fields(TEXT, "fill_id", "order_id", "signal_id", "strategy_id", "symbol", "side", "purpose"),
        **_fields(NUMBER, "quantity", "price", "reference_price"),
        "notional": (NUMBER, lambda fill: fill.quantity * fill.price),
        **_fields(NUMBER, "commission", "slippage"),
        **_fields(TEXT, "currency", "basis"),
        **_fields(FLAG, "is_ambiguous"),
    }
    return table(events, columns)


def order_updates_frame(events: Iterable[OrderUpdateEvent]) -> pl.DataFrame:
    """One row per step of an order."""
    columns: Columns[OrderUpdateEvent] = {
        **_fields(INSTANT, "occurred_at"),
        **_fields(TEXT, "order_id", "strategy_id", "symbol", "status", "reason", "message"),
        **_fields(NUMBER, "quantity", "filled_quantity", "leaves_quantity"),
        **_fields(NUMBER, "average_price", "limit_price", "stop_price"),
    }
    return table(events, columns)


def days_held(trade: Trade) -> float | None:
    """Give the days of 24 hours between opening and closing; None while open."""
    if trade.closed_at is None:
        return None
    return (trade.closed_at - trade.opened_at).total_seconds() / 86_400


def ledger_frame(read: Callable[[], Iterable[LedgerEntryEvent]]) -> pl.DataFrame:
    """One row per posting, amounts and quantities exact as Decimal.

    Args:
        read: gives the entries; it is called twice, because the longest fraction decides the type.
    """
    scale = max((_decimals(posting) for _, _, posting in _postings(read())), default=8)
    import polars as pl

    exact = pl.Decimal(38, max(8, scale))
    columns: Columns[tuple[LedgerEntryEvent, int, Posting]] = {
        "occurred_at": (INSTANT, lambda row: row[0].occurred_at),
        "entry_id": (TEXT, lambda row: row[0].entry_id),
        "kind": (TEXT, lambda row: row[0].kind),
        "strategy_id": (TEXT, lambda row: row[0].strategy_id),
        "symbol": (TEXT, lambda row: row[0].symbol),
        "line": (COUNT, lambda row: row[1]),
        "account": (TEXT, lambda row: row[2].account),
        "currency": (TEXT, lambda row: row[2].currency),
        "amount": (exact, lambda row: row[2].amount),
        "quantity": (exact, lambda row: row[2].quantity),
        "lot_id": (TEXT, lambda row: row[2].lot_id),
        "description": (TEXT, lambda row: row[0].description),
        "event_id": (TEXT, lambda row: row[0].event_id),
        "causation_id": (TEXT, lambda row: row[0].causation_id),
    }
    return table(_postings(read()), columns)


def _postings(entries: Iterable[LedgerEntryEvent]) -> Iterator[tuple[LedgerEntryEvent, int, Posting]]:
    for entry in entries:
        for line, posting in enumerate(entry.postings):
            yield entry, line, posting


def _decimals(posting: Posting) -> int:
    amounts = (posting.amount, posting.quantity or ZERO)
    return max(-int(amount.as_tuple().exponent) for amount in amounts)


def positions_frame(valuations: Iterable[ConsolidatedPortfolioEvent]) -> pl.DataFrame:
    """One row per open position and valuation."""
    rows = ((one, position) for one in valuations for position in one.positions)
    columns: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "session": (DATE, lambda row: row[0].session),
        "valued_at": (INSTANT, lambda row: row[0].occurred_at),
    }
    for name in ("strategy_id", "symbol"):
        columns[name] = (TEXT, _of_second(name))
    for name in ("quantity", "cost", "market_price", "market_value", "unrealized_pnl", "realized_pnl"):
        columns[name] = (NUMBER, _of_second(name))
    columns["currency"] = (TEXT, _of_second("currency"))
    return table(rows, columns)


def _of_second(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row[1], name)


def log_frame(logs: Mapping[str, Sequence[tuple[int, str, Mapping[str, Any]]]]) -> pl.DataFrame:
    """One row per message that a strategy logged, by time and strategy; fields as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder(enc_hook=str).encode
    rows = [(at_us, name, text, fields) for name, lines in logs.items() for at_us, text, fields in lines]
    rows.sort(key=lambda row: row[0])
    columns: Columns[tuple[int, str, str, Mapping[str, Any]]] = {
        "at": (INSTANT, lambda row: from_epoch_us(row[0])),
        "strategy_id": (TEXT, lambda row: row[1]),
        "message": (TEXT, lambda row: row[2]),
        "fields": (TEXT, lambda row: encode(dict(row[3])).decode()),
    }
    return table(rows, columns)


def recorded_frame(records: Mapping[str, Sequence[tuple[int, str, float]]]) -> pl.DataFrame:
    """One row per value that a strategy recorded, by time and strategy."""
    rows = [
        (at_us, strategy, name, value) for strategy, lines in records.items() for at_us, name, value in lines
    ]
    rows.sort(key=lambda row: row[0])
    columns: Columns[tuple[int, str, str, float]] = {
        "at": (INSTANT, lambda row: from_epoch_us(row[0])),
        "strategy_id": (TEXT, lambda row: row[1]),
        "name": (TEXT, lambda row: row[2]),
        "value": (NUMBER, lambda row: row[3]),
    }
    return table(rows, columns)
