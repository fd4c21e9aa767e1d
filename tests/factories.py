"""Small builders of what tests are about; every argument that a test does not care for has a default.

Numbers may be given as text. Instants are sessions: `at(3)` is the close of day 3 of January 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.events.base import BaseEvent, ValidatedEvent
from qtrader.events.events import (
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    OrderUpdateEvent,
    Posting,
    PriceBarEvent,
    SignalEvent,
    SignalRejectedEvent,
)
from qtrader.events.identity import Envelope, Origin, uuid8
from qtrader.events.vocabulary import (
    ActionType,
    FillBasis,
    LedgerKind,
    OrderPurpose,
    OrderStatus,
    Side,
    SignalIntention,
)
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.account import CASH, DEPOSITS, SECURITIES, SECURITIES_SHORT, AccountProjection

RUN_ID = "run-1"
DAY_US = 86_400_000_000
_MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)


def at(day: int, hour: int = 21) -> datetime:
    """Return an hour of a day of January 2024 (day 32 is the first of February)."""
    return _MIDNIGHT + timedelta(days=day - 1, hours=hour)


def at_us(day: int, hour: int = 21) -> int:
    return to_epoch_us(at(day, hour))


def bar(day: int = 1, close: float = 100.0, symbol: str = "AAPL", **more: Any) -> PriceBarEvent:
    """Make a daily bar from 14:00 to 21:00 whose prices lie within 1 of its close."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "interval": "1d",
        "opened_at_us": at_us(day, 14),
        "closed_at_us": at_us(day),
        "open": close,
        "high": close + 1.0,
        "low": close / 2,
        "close": close,
        "volume": 1000.0,
        "run_id": RUN_ID,
    }
    return PriceBarEvent(**(fields | more))


def tape_of(
    closes: Mapping[str, Sequence[float]],
    *,
    factors: Mapping[str, Sequence[float]] | None = None,
    days: Mapping[str, Sequence[int]] | None = None,
) -> Tape:
    """Build a tape of daily bars from closes by symbol, on days 1, 2, 3 … where no others are named."""
    parts = []
    for symbol, values in closes.items():
        close = np.array(values, dtype=np.float64)
        numbers = range(1, len(close) + 1) if days is None or symbol not in days else days[symbol]
        closed = np.array([at_us(day) for day in numbers], dtype=np.int64)
        factor = (
            None if factors is None or symbol not in factors else np.array(factors[symbol], dtype=np.float64)
        )
        parts.append(
            SymbolColumns(
                symbol=symbol,
                interval="1d",
                opened_at_us=closed - 7 * 3_600_000_000,
                closed_at_us=closed,
                open=close.copy(),
                high=close + 1.0,
                low=close / 2,
                close=close,
                volume=np.arange(1.0, len(close) + 1),
                signal_factor=factor,
            )
        )
    return build_tape(parts)


def envelope(key: str, occurred_at: datetime, **more: Any) -> dict[str, Any]:
    """Make an envelope whose event_id comes from a key."""
    said: dict[str, Any] = {
        "event_id": uuid8(key),
        "run_id": RUN_ID,
        "occurred_at": occurred_at,
        "source_service": "test_service",
        "correlation_id": uuid8(key),
        "causation_id": None,
    }
    return {"envelope": Envelope.known(**(said | more))}


def signal(
    intention: SignalIntention | str = SignalIntention.OPEN_LONG,
    price: str = "100",
    *,
    symbol: str = "AAPL",
    strategy_id: str = "sma",
    day: int = 1,
    ordinal: int = 0,
    **more: Any,
) -> SignalEvent:
    """Make a signal; numbers in `more` may be text."""
    for name in (
        "confidence",
        "quantity",
        "fraction",
        "limit_price",
        "stop_price",
        "stop_loss",
        "take_profit",
    ):
        if isinstance(more.get(name), str):
            more[name] = Decimal(more[name])
    signal_id = f"{strategy_id}:{symbol}:{at(day):%Y%m%dT%H%M%SZ}:{ordinal}"
    return SignalEvent(
        **envelope(signal_id, at(day)),
        signal_id=signal_id,
        strategy_id=strategy_id,
        symbol=symbol,
        intention=SignalIntention(intention),
        price=Decimal(price),
        **more,
    )


def order_update(
    order: Any,
    status: OrderStatus,
    *,
    filled: str = "0",
    leaves: str | None = None,
    reason: str = "test",
    **more: Any,
) -> OrderUpdateEvent:
    """Make a step in an order's life; what is left is what is not filled unless said otherwise."""
    is_final = status in {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
    done = Decimal(filled)
    left = Decimal(leaves) if leaves is not None else Decimal(0) if is_final else order.quantity - done
    quantity = more.pop("quantity", None)
    return OrderUpdateEvent(
        **envelope(f"{order.order_id}:{status}:{filled}:{leaves}", order.occurred_at),
        order_id=order.order_id,
        strategy_id=order.strategy_id,
        symbol=order.symbol,
        status=status,
        reason=reason,
        message="a step",
        quantity=order.quantity if quantity is None else Decimal(quantity),
        filled_quantity=done,
        leaves_quantity=left,
        average_price=Decimal(100) if done else None,
        **more,
    )


def refusal(
    strategy_id: str = "sma", symbol: str = "AAPL", day: int = 1, reason: str = "already_open"
) -> SignalRejectedEvent:
    return SignalRejectedEvent(
        **envelope(f"refusal:{strategy_id}:{symbol}:{day}", at(day)),
        signal_id=f"{strategy_id}:{symbol}:0",
        strategy_id=strategy_id,
        symbol=symbol,
        purpose=OrderPurpose.OPEN,
        reason=reason,
        message="it is refused",
    )


def split(ratio: str, symbol: str = "AAPL", day: int = 2, hour: int = 14) -> CorporateActionEvent:
    """Make a split that takes effect at an hour of a day."""
    return CorporateActionEvent(
        **envelope(f"split:{symbol}:{day}:{ratio}", at(day, hour)),
        action_id=f"{symbol}:split:{day}",
        symbol=symbol,
        action_type=ActionType.SPLIT,
        ex_date=date(2024, 1, day),
        ratio=Decimal(ratio),
    )


class Ledger:
    """An account that is moved by hand, through ledger entries like any other.

    `marks` are the prices by symbol; change them freely. `mark` is asked instead, where it is given.
    """

    def __init__(
        self, cash: str = "100000", *, mark: Callable[[str], Decimal | None] | None = None, **marks: str
    ) -> None:
        self.marks = {symbol: Decimal(price) for symbol, price in marks.items()}
        self.account = AccountProjection(self.marks.get if mark is None else mark)
        self._origin = Origin(RUN_ID, "portfolio_service")
        self._count = 0
        self._post(LedgerKind.DEPOSIT, [(CASH, cash), (DEPOSITS, "-" + cash)])

    def trade(self, quantity: str, price: str, symbol: str = "AAPL", strategy_id: str = "sma") -> None:
        """Book a trade that opens or enlarges a position: signed quantity, no commission."""
        signed = Decimal(quantity)
        account = SECURITIES if signed > 0 else SECURITIES_SHORT
        amount = signed * Decimal(price)
        self._post(
            LedgerKind.FILL, [(account, str(amount)), (CASH, str(-amount))], symbol, strategy_id, signed
        )

    def flatten(self, price: str, symbol: str = "AAPL", strategy_id: str = "sma") -> None:
        """Book the trade that closes a whole position at its cost."""
        quantity = self.account.quantity(strategy_id, symbol)
        cost = self.account.cost(strategy_id, symbol)
        account = SECURITIES if quantity > 0 else SECURITIES_SHORT
        gain = quantity * Decimal(price) - cost
        lines = [
            (account, str(-cost)),
            (CASH, str(quantity * Decimal(price))),
            ("income:realized_gain", str(-gain)),
        ]
        self._post(LedgerKind.FILL, lines, symbol, strategy_id, -quantity)

    def _post(
        self,
        kind: LedgerKind,
        lines: Sequence[tuple[str, str]],
        symbol: str | None = None,
        strategy_id: str | None = None,
        quantity: Decimal | None = None,
    ) -> None:
        self._count += 1
        postings = tuple(
            Posting(account, "USD", Decimal(amount), symbol=symbol, quantity=quantity, lot_id="lot")
            if account in {SECURITIES, SECURITIES_SHORT}
            else Posting(account, "USD", Decimal(amount))
            for account, amount in lines
        )
        entry = LedgerEntryEvent(
            envelope=self._origin.effect_of_id(None, None, at(1)),
            entry_id=f"entry-{self._count}",
            kind=kind,
            description="by hand",
            postings=postings,
            strategy_id=strategy_id,
            symbol=symbol,
        )
        assert sum((p.amount for p in postings), Decimal(0)) == 0
        self.account.on_ledger_entry(entry)


class Recorder:
    """Take what is published, checking each event against its contract, body and envelope."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, event: BaseEvent) -> None:
        if isinstance(event, ValidatedEvent):
            event.validate()
        self.events.append(event)

    def of(self, *classes: type[BaseEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, classes)]


def fill_event(
    strategy_id: str = "sma", symbol: str = "AAPL", day: int = 1, number: int = 1, **more: Any
) -> FillEvent:
    """Make a fill of 100 bought at 100."""
    fields: dict[str, Any] = {
        "fill_id": f"order#{number}",
        "order_id": "order",
        "signal_id": "signal",
        "strategy_id": strategy_id,
        "symbol": symbol,
        "side": Side.BUY,
        "purpose": OrderPurpose.OPEN,
        "quantity": Decimal(100),
        "price": Decimal(100),
        "reference_price": Decimal(100),
        "commission": Decimal(0),
        "slippage": Decimal(0),
        "currency": "USD",
        "executed_at": at(day, 14),
        "basis": FillBasis.OPEN,
    }
    return FillEvent(**envelope(f"fill:{strategy_id}:{symbol}:{day}:{number}", at(day)), **(fields | more))
