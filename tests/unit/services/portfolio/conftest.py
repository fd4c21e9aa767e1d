"""A desk to trade at: a portfolio service, its marks, and what it publishes, checked by contract."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from qtrader.clock import to_epoch_us
from qtrader.events import codec
from qtrader.events.events import (
    ConsolidatedPortfolioEvent,
    CorporateActionEvent,
    FillEvent,
    LedgerEntryEvent,
    ValuationTriggerEvent,
)
from qtrader.events.identity import Origin
from qtrader.events.vocabulary import ActionType, FillBasis, OrderPurpose, Side
from qtrader.services.account import AccountProjection
from qtrader.services.portfolio.service import PortfolioService
from qtrader.services.portfolio.settings import PortfolioSettings

OPENING = datetime(2004, 11, 1, 14, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    currency: str = "USD"
    quantity_step: Decimal = Decimal(1)


def session_close_us(symbol: str, session: date) -> int:
    return to_epoch_us(datetime.combine(session, time(21), UTC))


class Desk:
    """Books that are traded by hand; numbers may be given as text."""

    def __init__(self, **settings: Any) -> None:
        self.settings = PortfolioSettings(**settings)
        self.marks: dict[str, Decimal] = {}
        self.listings: dict[str, Listing] = {}
        self.events: list[Any] = []
        self.now = OPENING
        self.numbers = itertools.count(1)
        self.outside = Origin("run-1", "test_service")
        self.projection = AccountProjection(self.marks.get, ledger_scale=self.settings.ledger_scale)
        self.service = self.new_service()

    def new_service(self) -> PortfolioService:
        return PortfolioService(
            publish=self.publish,
            origin=Origin("run-1", "portfolio_service"),
            settings=self.settings,
            instrument=lambda symbol: self.listings.get(symbol, Listing()),
            mark=self.marks.get,
            session_close_us=session_close_us,
        )

    def list_instrument(self, symbol: str, currency: str = "USD", quantity_step: str = "1") -> None:
        self.listings[symbol] = Listing(currency, Decimal(quantity_step))

    def publish(self, event: Any) -> None:
        codec.validate(event)
        self.events.append(event)
        if isinstance(event, LedgerEntryEvent):
            self.projection.on_ledger_entry(event)

    def open(self) -> Desk:
        self.service.open_books(self.now, "run-1")
        return self

    def envelope(self) -> dict[str, Any]:
        self.now += timedelta(minutes=1)
        return {"envelope": self.outside.effect_of_id(f"cause-{next(self.numbers)}", None, self.now)}

    def fill(
        self, side: Side, quantity: str, price: str, commission: str = "0", **more: Any
    ) -> LedgerEntryEvent:
        envelope = self.envelope()
        order_id = f"order-{next(self.numbers)}"
        fields: dict[str, Any] = {
            "fill_id": f"{order_id}#1",
            "order_id": order_id,
            "signal_id": "signal",
            "strategy_id": "alpha",
            "symbol": "MSFT",
            "side": side,
            "purpose": OrderPurpose.OPEN,
            "quantity": Decimal(quantity),
            "price": Decimal(price),
            "reference_price": Decimal(price),
            "commission": Decimal(commission),
            "slippage": Decimal(0),
            "currency": "USD",
            "executed_at": self.now,
            "basis": FillBasis.OPEN,
        }
        fields |= more
        self.marks.setdefault(fields["symbol"], Decimal(price))
        self.service.on_fill(FillEvent(**envelope, **fields))
        entry: LedgerEntryEvent = self.events[-1]
        return entry

    def buy(self, quantity: str, price: str, commission: str = "0", **more: Any) -> LedgerEntryEvent:
        return self.fill(Side.BUY, quantity, price, commission, **more)

    def sell(self, quantity: str, price: str, commission: str = "0", **more: Any) -> LedgerEntryEvent:
        return self.fill(Side.SELL, quantity, price, commission, **more)

    def act(self, action_type: ActionType, **fields: Any) -> list[LedgerEntryEvent]:
        """Let an action take effect at 09:30 in New York on its ex date, or now where that is later."""
        before = len(self.events)
        ex_date = fields.setdefault("ex_date", self.now.date() + timedelta(days=1))
        self.now = max(self.now, datetime.combine(ex_date, time(14, 30), UTC))
        fields.setdefault("symbol", "MSFT")
        fields.setdefault("action_id", f"{fields['symbol']}:{action_type}:{ex_date}:{next(self.numbers)}")
        for name in ("ratio", "amount"):
            if name in fields:
                fields[name] = Decimal(fields[name])
        event = CorporateActionEvent(**self.envelope(), action_type=action_type, **fields)
        codec.validate(event)
        self.service.on_corporate_action(event)
        return self.events[before:]

    def split(self, ratio: str, **fields: Any) -> list[LedgerEntryEvent]:
        """Split, with the mark adjusted in the same instant."""
        symbol = fields.get("symbol", "MSFT")
        if symbol in self.marks:
            self.marks[symbol] /= Decimal(ratio)
        return self.act(ActionType.SPLIT, ratio=ratio, **fields)

    def dividend(self, amount: str, **fields: Any) -> list[LedgerEntryEvent]:
        return self.act(ActionType.CASH_DIVIDEND, amount=amount, currency="USD", **fields)

    def settle(self, at: datetime) -> list[LedgerEntryEvent]:
        before = len(self.events)
        self.now = max(self.now, at)
        self.service.settle_due(at)
        return self.events[before:]

    def value(self) -> ConsolidatedPortfolioEvent:
        trigger = ValuationTriggerEvent(**self.envelope(), session=self.now.date(), calendar="XNYS")
        self.service.on_valuation_trigger(trigger)
        event: ConsolidatedPortfolioEvent = self.events[-1]
        return event

    @property
    def entries(self) -> list[LedgerEntryEvent]:
        return [event for event in self.events if isinstance(event, LedgerEntryEvent)]

    def check(self) -> None:
        """Check every invariant, and that the projection agrees with the books in every number."""
        self.service.check(self.entries)
        state, view = self.service.get_state(), self.projection
        names = (
            "equity",
            "realized_pnl",
            "unrealized_pnl",
            "dividend_income",
            "dividends_receivable",
            "commissions",
            "deposits",
            "gross_exposure",
            "net_exposure",
        )
        assert {name: getattr(view, name) for name in names} == {name: getattr(state, name) for name in names}
        assert view.cash() == state.cash
        assert view.positions() == state.positions


@pytest.fixture
def new_desk() -> Callable[..., Desk]:
    """Make desks with settings as keywords; the books are open."""
    return lambda **settings: Desk(**settings).open()


@pytest.fixture
def desk() -> Desk:
    return Desk().open()
