"""After any sequence of fills, splits and dividends the books balance and a second bookkeeper agrees.

The second bookkeeper is naive on purpose: plain lists of fractions, straight from the conventions, rounded at
the same postings. It shares no code with the portfolio.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.events import codec
from qtrader.events.events import CorporateActionEvent, FillEvent, LedgerEntryEvent
from qtrader.events.identity import Envelope, Origin
from qtrader.events.vocabulary import ActionType, FillBasis, OrderPurpose, Side
from qtrader.services.account import AccountProjection
from qtrader.services.portfolio.service import PortfolioService
from qtrader.services.portfolio.settings import PortfolioSettings

START = datetime(2010, 1, 4, 14, 30, tzinfo=UTC)
RATIOS = {
    "2": Fraction(2),
    "1.5": Fraction(3, 2),
    "0.1": Fraction(1, 10),
    "0.333333": Fraction(1, 3),
    "1.4": Fraction(7, 5),
}


@dataclass
class NaiveBooks:
    """Cash, gains and, by strategy and symbol, a list of [quantity, cost]; all fractions."""

    scale: int
    cash: Fraction
    gains: Fraction = Fraction(0)
    dividends: Fraction = Fraction(0)
    commissions: Fraction = Fraction(0)
    lots: dict[tuple[str, str], list[list[Fraction]]] = field(default_factory=dict)

    def rounded(self, amount: Fraction, scale: int | None = None) -> Fraction:
        unit = 10 ** (self.scale if scale is None else scale)
        return Fraction(round(amount * unit), unit)

    def held(self, key: tuple[str, str]) -> Fraction:
        return sum((quantity for quantity, _ in self.lots.get(key, [])), Fraction(0))

    def trade(self, key: tuple[str, str], quantity: Fraction, price: Fraction) -> None:
        lots, held = self.lots.setdefault(key, []), self.held(key)
        paid = self.rounded(quantity * price)
        self.cash -= paid
        if held * quantity < 0:
            flips = abs(quantity) > abs(held)
            proceeds = self.rounded(held * price) if flips else -paid
            closing = held if flips else -quantity
            quantity, paid = quantity + closing, paid + proceeds
            while closing:
                lot = lots[0] if held > 0 else lots[-1]
                part = lot[0] if abs(lot[0]) <= abs(closing) else closing
                cost = lot[1] if part == lot[0] else self.rounded(lot[1] * part / lot[0])
                closing -= part
                piece = self.rounded(part * price) if closing else proceeds
                proceeds -= piece
                self.gains += piece - cost
                if part == lot[0]:
                    lots.remove(lot)
                else:
                    lot[0] -= part
                    lot[1] -= cost
        if quantity:
            lots.append([quantity, paid])

    def fill(self, key: tuple[str, str], quantity: Fraction, price: Fraction, commission: Fraction) -> None:
        self.trade(key, quantity, price)
        self.cash -= self.rounded(commission)
        self.commissions += self.rounded(commission)

    def split(self, symbol: str, ratio: Fraction, mark: Fraction) -> None:
        for key in sorted(self.lots):
            if key[1] != symbol or not self.held(key):
                continue
            before = after = Fraction(0)
            for lot in self.lots[key]:
                before += lot[0]
                target = self.rounded(before * ratio, 8)
                lot[0], after = target - after, target
            fraction = after - int(after)
            if fraction:
                self.trade(key, -fraction, mark)

    def dividend(self, symbol: str, per_share: Fraction) -> None:
        for key in self.lots:
            if key[1] == symbol:
                amount = self.rounded(self.held(key) * per_share)
                self.cash += amount
                self.dividends += amount


@dataclass(frozen=True)
class Listing:
    currency: str = "USD"
    quantity_step: Decimal = Decimal(1)


class Desk:
    """The portfolio under test, beside a projection and the second bookkeeper."""

    def __init__(self, scale: int) -> None:
        self.settings = PortfolioSettings(ledger_scale=scale)
        self.marks = {"AAA": Decimal("20.5"), "BBB": Decimal("3.33")}
        self.entries: list[LedgerEntryEvent] = []
        self.projection = AccountProjection(self.marks.get, ledger_scale=scale)
        self.service = self.new_service()
        self.naive = NaiveBooks(scale, Fraction(100000))
        self.outside = Origin("run", "outside")
        self.count = 0
        self.service.open_books(START, "run")

    def new_service(self) -> PortfolioService:
        return PortfolioService(
            publish=self.publish,
            origin=Origin("run", "portfolio_service"),
            settings=self.settings,
            instrument=lambda symbol: Listing(),
            mark=self.marks.get,
            session_close_us=lambda symbol, session: 0,
        )

    def publish(self, event: Any) -> None:
        codec.validate(event)
        self.entries.append(event)
        self.projection.on_ledger_entry(event)

    def apply(self, operation: tuple[Any, ...]) -> None:
        self.count += 1
        kind, symbol, *rest = operation
        if kind == "fill":
            self.fill(symbol, *rest)
        elif kind == "split":
            self.marks[symbol] /= Decimal(rest[0])
            self.act(symbol, ActionType.SPLIT, ratio=Decimal(rest[0]))
            self.naive.split(symbol, RATIOS[rest[0]], Fraction(self.marks[symbol]))
        else:
            self.act(symbol, ActionType.CASH_DIVIDEND, amount=rest[0], currency="USD")
            self.naive.dividend(symbol, Fraction(rest[0]))

    def new_envelope(self) -> Envelope:
        now = START + timedelta(minutes=self.count)
        return self.outside.effect_of_id(f"cause-{self.count}", None, now)

    def fill(self, symbol: str, strategy_id: str, side: Side, *traded: Decimal) -> None:
        quantity, price, fee = traded
        envelope = self.new_envelope()
        fill = FillEvent(
            envelope=envelope,
            fill_id=f"order-{self.count}#1",
            order_id=f"order-{self.count}",
            signal_id="signal",
            strategy_id=strategy_id,
            symbol=symbol,
            side=side,
            purpose=OrderPurpose.OPEN,
            quantity=quantity,
            price=price,
            reference_price=price,
            commission=fee,
            slippage=Decimal(0),
            currency="USD",
            executed_at=envelope.occurred_at,
            basis=FillBasis.OPEN,
        )
        self.marks[symbol] = price
        self.service.on_fill(fill)
        signed = Fraction(quantity) if side is Side.BUY else -Fraction(quantity)
        self.naive.fill((strategy_id, symbol), signed, Fraction(price), Fraction(fee))

    def act(self, symbol: str, action_type: ActionType, **fields: Any) -> None:
        action = CorporateActionEvent(
            envelope=self.new_envelope(),
            action_id=f"{symbol}:{self.count}",
            symbol=symbol,
            action_type=action_type,
            ex_date=date(2010, 1, 4),
            **fields,
        )
        self.service.on_corporate_action(action)

    def check(self) -> None:
        """Compare the portfolio with the second bookkeeper and with the projection, number by number."""
        state, naive, view = self.service.get_state(), self.naive, self.projection
        assert Fraction(state.cash) == naive.cash
        assert Fraction(state.realized_pnl) == naive.gains
        assert Fraction(state.dividend_income) == naive.dividends
        assert Fraction(state.commissions) == naive.commissions
        equity = naive.cash
        for (strategy_id, symbol), expected in naive.lots.items():
            lots = self.service.lots.lots(strategy_id, symbol)
            assert [[Fraction(lot.quantity), Fraction(lot.cost)] for lot in lots] == expected
            held = naive.held((strategy_id, symbol))
            assert Fraction(view.quantity(strategy_id, symbol)) == held
            equity += naive.rounded(held * Fraction(self.marks[symbol]))
        assert Fraction(state.equity) == equity
        assert view.equity == state.equity
        assert view.positions() == state.positions
        assert (view.cash(), view.realized_pnl, view.unrealized_pnl) == (
            state.cash,
            state.realized_pnl,
            state.unrealized_pnl,
        )
        for entry in self.entries:
            assert sum((Fraction(posting.amount) for posting in entry.postings), Fraction(0)) == 0
        self.service.check(self.entries)


symbols = st.sampled_from(["AAA", "BBB"])
quantities = st.one_of(st.integers(1, 400).map(Decimal), st.decimals(Decimal("0.01"), Decimal(300), places=2))
fills = st.tuples(
    st.just("fill"),
    symbols,
    st.sampled_from(["one", "two"]),
    st.sampled_from(Side),
    quantities,
    st.decimals(Decimal("0.01"), Decimal(500), places=3).filter(bool),
    st.decimals(Decimal(-1), Decimal(9), places=4),
)
splits = st.tuples(st.just("split"), symbols, st.sampled_from(sorted(RATIOS)))
dividends = st.tuples(st.just("dividend"), symbols, st.decimals(Decimal(0), Decimal(5), places=4))
operations = st.lists(st.one_of(fills, fills, fills, splits, dividends), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(operations=operations, scale=st.sampled_from([2, 8]))
def test_the_books_agree_with_a_second_bookkeeper_after_every_operation(
    operations: list[tuple[Any, ...]], scale: int
) -> None:
    desk = Desk(scale)
    for operation in operations:
        desk.apply(operation)
        desk.check()


@settings(max_examples=50, deadline=None)
@given(operations=operations, cut=st.integers(0, 20))
def test_books_restored_anywhere_continue_to_the_same_bytes(
    operations: list[tuple[Any, ...]], cut: int
) -> None:
    straight, restored = Desk(8), Desk(8)
    for place, operation in enumerate(operations):
        if place == cut:
            snapshot = restored.service.get_snapshot()
            restored.service = restored.new_service()
            restored.service.restore_from_snapshot(snapshot)
        straight.apply(operation)
        restored.apply(operation)
    encoded = [[codec.encode(entry) for entry in desk.entries] for desk in (straight, restored)]
    assert encoded[0] == encoded[1]
    assert straight.service.get_snapshot() == restored.service.get_snapshot()
