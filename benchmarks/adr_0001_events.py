"""Measure what ADR 1 decides: msgspec or frozen Pydantic for events, and what validation costs.

Run `python benchmarks/adr_0001_events.py`; it takes half a minute. Each figure is the best of seven
repetitions in microseconds, because the fastest one is what the rest of the machine disturbed least. The
Pydantic models have the same fields and types.
"""

from __future__ import annotations

import platform
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from qtrader.contracts import registry
from qtrader.events import codec
from qtrader.events.codec_fields import EVENT_CLASSES
from qtrader.events.events import FillEvent, PriceBarEvent
from qtrader.events.vocabulary import FillBasis, OrderPurpose, Side

REPETITIONS = 7
SECONDS_PER_REPETITION = 0.05


class PydanticBar(BaseModel):
    """The bar as a frozen Pydantic model."""

    model_config = ConfigDict(frozen=True)

    symbol: str
    interval: str
    opened_at_us: int
    closed_at_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    signal_factor: float = 1.0
    run_id: str = ""


class PydanticFill(BaseModel):
    """The fill as a frozen Pydantic model."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    run_id: str
    occurred_at: datetime
    source_service: str
    correlation_id: str | None
    causation_id: str | None
    fill_id: str
    order_id: str
    signal_id: str
    strategy_id: str
    symbol: str
    side: Side
    purpose: OrderPurpose
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    commission: Decimal
    slippage: Decimal
    currency: str
    executed_at: datetime
    basis: FillBasis
    is_ambiguous: bool = False


BAR: dict[str, Any] = {
    "symbol": "AAPL",
    "interval": "1d",
    "opened_at_us": 1_344_346_200_000_000,
    "closed_at_us": 1_344_369_600_000_000,
    "open": 622.77,
    "high": 625.0,
    "low": 618.04,
    "close": 620.914,
    "volume": 10_373_100.0,
    "signal_factor": 4.0,
    "run_id": "sma-cross-3f6a1c90",
}
FILL: dict[str, Any] = {
    "event_id": "f992b640-91eb-8dcf-b0f6-5b9f9f35e040",
    "run_id": "sma-cross-3f6a1c90",
    "occurred_at": datetime(2012, 8, 8, 20, tzinfo=UTC),
    "source_service": "execution_service",
    "correlation_id": "40940903-87b8-8819-8865-2ba60e93668b",
    "causation_id": "40940903-87b8-8819-8865-2ba60e93668b",
    "fill_id": "sma:AAPL:20120807T200000Z:0/open#1",
    "order_id": "sma:AAPL:20120807T200000Z:0/open",
    "signal_id": "sma:AAPL:20120807T200000Z:0",
    "strategy_id": "sma",
    "symbol": "AAPL",
    "side": Side.BUY,
    "purpose": OrderPurpose.OPEN,
    "quantity": Decimal(100),
    "price": Decimal("619.46"),
    "reference_price": Decimal("619.39"),
    "commission": Decimal("61.946"),
    "slippage": Decimal(7),
    "currency": "USD",
    "executed_at": datetime(2012, 8, 8, 13, 30, tzinfo=UTC),
    "basis": FillBasis.OPEN,
}


def best_us(call: Callable[[], object]) -> float:
    """Return the best time of one call, in microseconds."""
    timer = timeit.Timer(call)
    calls, seconds = timer.autorange()
    number = max(1, int(calls * SECONDS_PER_REPETITION / seconds))
    return min(timer.repeat(REPETITIONS, number)) / number * 1e6


def row(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print one comparison."""
    a, b = best_us(ours), best_us(theirs)
    print(f"{name:<46}{a:>10.2f}{b:>12.2f}{b / a:>9.1f}")


def main() -> None:
    """Print the tables."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("msgspec", "pydantic", "jsonschema-rs"))
    print(f"Python {platform.python_version()}, {packages}; microseconds\n")
    bar_values = tuple(BAR.values())
    bar, pydantic_bar = PriceBarEvent(*bar_values), PydanticBar(**BAR)
    fill, pydantic_fill = FillEvent(**FILL), PydanticFill(**FILL)
    raw_fill, pydantic_json = msgspec.json.encode(fill), pydantic_fill.model_dump_json().encode()
    decoder, encoder = msgspec.json.Decoder(FillEvent), msgspec.json.Encoder()

    print(f"{'the library alone':<46}{'msgspec':>10}{'Pydantic':>12}{'ratio':>9}")
    row("build a bar", lambda: PriceBarEvent(*bar_values), lambda: PydanticBar(**BAR))
    row("build a fill", lambda: FillEvent(**FILL), lambda: PydanticFill(**FILL))
    row("write a fill as JSON", lambda: encoder.encode(fill), pydantic_fill.model_dump_json)
    read_theirs = PydanticFill.model_validate_json
    row("read a fill from JSON", lambda: decoder.decode(raw_fill), lambda: read_theirs(pydantic_json))
    row("write a bar as JSON", lambda: encoder.encode(bar), pydantic_bar.model_dump_json)

    columns = ("convert", "validate", "publish", "write", "+ valid.", "read")
    print(f"\n{'contract JSON by the codec':<28}" + "".join(f"{column:>10}" for column in columns))
    for cls in EVENT_CLASSES:
        text = registry.example(codec.contract_name(cls))
        event = codec.decode(text)
        payload = codec.body(event)
        is_valid = registry.validator(codec.contract_name(cls)).is_valid
        calls: list[Callable[[], object]] = [
            lambda event=event: codec.body(event),
            lambda payload=payload, is_valid=is_valid: is_valid(payload),
            lambda event=event: codec.validate_body(event),
            lambda event=event: codec.encode(event, is_validated=True),
            lambda event=event: codec.encode(event),
            lambda text=text: codec.decode(text),
        ]
        print(f"{cls.__name__:<28}" + "".join(f"{best_us(call):>10.2f}" for call in calls))


if __name__ == "__main__":
    main()
