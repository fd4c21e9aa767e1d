"""The bounds of a run as frames, as text, as JSON and as a section of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from qtrader.clock import to_epoch_us
from qtrader.engine.results_frames import FLAG, INSTANT, NUMBER, TEXT, Columns, table
from qtrader.events.codec import canonical_decimal
from qtrader.services.reporting.report import Cell, DoubtSection, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from qtrader.engine.bounds import BoundedEquity, BoundedLeg, RunBounds

#: Legs that a text lists; the widest ones.
_LISTED: Final = 20

#: What is the same at the worst and at the best.
HELD: Final = "Decisions, quantities, commissions and slippage stay as they were booked."

_PRICES: Final = ("worst_price", "best_price", "worst_exit_price", "best_exit_price")


def legs_frame(bounds: RunBounds) -> pl.DataFrame:
    """One row per flagged fill."""
    columns: Columns[BoundedLeg] = {
        "executed_at": (INSTANT, lambda leg: leg.fill.executed_at),
        "fill_id": (TEXT, lambda leg: leg.fill.fill_id),
        "strategy_id": (TEXT, lambda leg: leg.fill.strategy_id),
        "symbol": (TEXT, lambda leg: leg.fill.symbol),
        "side": (TEXT, lambda leg: leg.fill.side),
        "purpose": (TEXT, lambda leg: leg.fill.purpose),
        "quantity": (NUMBER, lambda leg: leg.fill.quantity),
        "booked_price": (NUMBER, lambda leg: leg.fill.reference_price),
        "worst_price": (NUMBER, lambda leg: leg.fill.worst_price),
        "best_price": (NUMBER, lambda leg: leg.fill.best_price),
        "worst_exit_price": (NUMBER, lambda leg: leg.fill.worst_exit_price),
        "best_exit_price": (NUMBER, lambda leg: leg.fill.best_exit_price),
        "worst_difference": (NUMBER, lambda leg: leg.worst_difference),
        "best_difference": (NUMBER, lambda leg: leg.best_difference),
        "is_bounded": (FLAG, lambda leg: leg.is_bounded),
    }
    return table(bounds.legs, columns)


def equity_bounds_frame(bounds: RunBounds) -> pl.DataFrame:
    """One row per valuation."""
    columns: Columns[BoundedEquity] = {
        "valued_at": (INSTANT, lambda one: one.valued_at),
        "worst": (NUMBER, lambda one: one.worst),
        "booked": (NUMBER, lambda one: one.booked),
        "best": (NUMBER, lambda one: one.best),
    }
    return table(bounds.equity, columns)


def bounds_document(bounds: RunBounds) -> dict[str, Any]:
    """Give the bounds as JSON-able values; amounts and prices are exact decimals."""
    return {
        "base_currency": bounds.base_currency,
        "equity": {
            "worst": canonical_decimal(bounds.worst),
            "booked": canonical_decimal(bounds.booked),
            "best": canonical_decimal(bounds.best),
        },
        "fills": bounds.fill_count,
        "flagged": bounds.flagged_count,
        "unbounded": len(bounds.unbounded),
        "ambiguity_share": bounds.ambiguity_share,
        "later_fills": bounds.later_fill_count,
        "held": HELD,
        "legs": [_leg_document(leg) for leg in bounds.legs],
    }


def _leg_document(leg: BoundedLeg) -> dict[str, Any]:
    fill = leg.fill
    document: dict[str, Any] = {
        "fill_id": fill.fill_id,
        "executed_at": fill.executed_at.isoformat().replace("+00:00", "Z"),
        "strategy_id": fill.strategy_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "purpose": fill.purpose.value,
        "quantity": canonical_decimal(fill.quantity),
        "booked_price": canonical_decimal(fill.reference_price),
    }
    for name in _PRICES:
        price: Decimal | None = getattr(fill, name)
        document[name] = None if price is None else canonical_decimal(price)
    document["worst_difference"] = canonical_decimal(leg.worst_difference)
    document["best_difference"] = canonical_decimal(leg.best_difference)
    document["is_bounded"] = leg.is_bounded
    return document


def bounds_text(bounds: RunBounds) -> str:
    """Write the bounds for a terminal: the equity, the share, the widest legs and what has no bounds."""
    lines = [f"Final equity if every flagged fill went worst or best, in {bounds.base_currency}"]
    rows = [
        ("", "worst", "booked", "best"),
        ("Equity", _money(bounds.worst), _money(bounds.booked), _money(bounds.best)),
        ("Difference", _money(bounds.worst_difference), "", _money(bounds.best_difference)),
    ]
    lines += _aligned(rows, text_columns=1)
    lines += remarks(bounds)
    widest = sorted(bounds.legs, key=lambda leg: -leg.width)[:_LISTED]
    if widest:
        head = ("time", "symbol", "fill", "booked", "worst", "best", "if worst", "if best")
        lines += _aligned([head, *map(_cells, widest)], text_columns=3)
        hidden = bounds.flagged_count - len(widest)
        if hidden:
            lines.append(f"and {hidden:,} more with less between them.")
    return "\n".join(lines)


def remarks(bounds: RunBounds) -> list[str]:
    """Say in sentences how many fills are flagged, what is held, and what has no bounds."""
    share = bounds.ambiguity_share
    if share is None:
        return ["No fill, so nothing is in doubt."]
    found = [f"Flagged: {bounds.flagged_count:,} of {bounds.fill_count:,} fills ({share * 100:,.2f} %)."]
    if bounds.legs:
        found.append(HELD)
    without = len(bounds.unbounded)
    if without:
        found.append(
            f"Without bounds: {without:,} of them, counted as booked; an order of the other side may have "
            "filled first, which no price of this one can say."
        )
    if bounds.later_fill_count:
        found.append(f"Not valued: {bounds.later_fill_count:,} fills after the last valuation.")
    return found


def doubt_section(bounds: RunBounds) -> DoubtSection | None:
    """Give the report's section; None where no fill is flagged."""
    if not bounds.legs:
        return None
    equity = Table(
        ("", "Worst", "Booked", "Best"),
        ("text", "money", "money", "money"),
        (
            ("Final equity", float(bounds.worst), float(bounds.booked), float(bounds.best)),
            ("Difference", float(bounds.worst_difference), None, float(bounds.best_difference)),
        ),
    )
    columns = (
        ("Time", "instant"),
        ("Symbol", "text"),
        ("Fill", "text"),
        ("Quantity", "quantity"),
        ("Booked", "price"),
        ("Worst", "price"),
        ("Best", "price"),
        ("Worst exit", "price"),
        ("Best exit", "price"),
        ("If worst", "money"),
        ("If best", "money"),
    )
    names, formats = tuple(name for name, _ in columns), tuple(form for _, form in columns)
    legs = Table(names, formats, tuple(_row(leg) for leg in bounds.legs))
    return DoubtSection(equity, legs, tuple(remarks(bounds)))


def _row(leg: BoundedLeg) -> tuple[Cell, ...]:
    fill = leg.fill
    prices: tuple[Decimal | None, ...] = tuple(getattr(fill, name) for name in _PRICES)
    return (
        to_epoch_us(fill.executed_at),
        fill.symbol,
        _deed(leg),
        float(fill.quantity),
        float(fill.reference_price),
        *(None if price is None else float(price) for price in prices),
        float(leg.worst_difference),
        float(leg.best_difference),
    )


def _deed(leg: BoundedLeg) -> str:
    return f"{leg.fill.side.value} to {leg.fill.purpose.value.replace('_', ' ')}"


def _cells(leg: BoundedLeg) -> tuple[str, ...]:
    fill = leg.fill
    return (
        f"{fill.executed_at:%Y-%m-%d %H:%M}",
        fill.symbol,
        f"{fill.side.value} {canonical_decimal(fill.quantity)} {fill.purpose.value.replace('_', ' ')}",
        canonical_decimal(fill.reference_price),
        _prices(fill.worst_price, fill.worst_exit_price),
        _prices(fill.best_price, fill.best_exit_price),
        _money(leg.worst_difference),
        _money(leg.best_difference),
    )


def _prices(own: Decimal | None, of_exit: Decimal | None) -> str:
    parts = [] if own is None else [canonical_decimal(own)]
    parts += [] if of_exit is None else [f"exit {canonical_decimal(of_exit)}"]
    return ", ".join(parts) or "-"


def _money(amount: Decimal) -> str:
    text = f"{amount:,.2f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _aligned(rows: Sequence[tuple[str, ...]], *, text_columns: int) -> list[str]:
    """Write rows under one another: the first columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            text.ljust(width) if place < text_columns else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines
