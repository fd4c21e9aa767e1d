"""Trades by hand: numbers that a trader can follow, and sums that must agree with the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.factories_run import RunBuilder

from qtrader.errors import AccountingError
from qtrader.events.events import FillEvent, LedgerEntryEvent, Posting
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import FillBasis, LedgerKind, OrderPurpose, Side
from qtrader.services.account import COMMISSION, DIVIDEND_INCOME, REALIZED_GAIN
from qtrader.services.reporting.trades import Trade, trades_from

D = Decimal

FLAT = {"AAPL": [100.0] * 12}


def posted(entries: list[LedgerEntryEvent]) -> D:
    """Give what was posted to income and expenses, as a profit."""
    results = {REALIZED_GAIN, DIVIDEND_INCOME, COMMISSION}
    total = D(0)
    for entry in entries:
        for posting in entry.postings:
            if posting.account in results:
                total -= posting.amount
    return total


def net(trades: tuple[Trade, ...]) -> D:
    total = D(0)
    for trade in trades:
        total += trade.net_pnl
    return total


def trades_of(builder: RunBuilder) -> tuple[Trade, ...]:
    trades = trades_from(builder.store.decision_events)
    assert net(trades) == posted(builder.entries)
    return trades


def test_a_long_from_flat_to_flat() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    entry = builder.trade("AAPL", 100, "10.00", commission="1")
    builder.close_day().idle(2).next_day()
    leave = builder.trade("AAPL", -100, "12.50", commission="2", purpose=OrderPurpose.TAKE_PROFIT)
    builder.close_day()
    (trade,) = trades_of(builder)
    assert (trade.trade_id, trade.symbol, trade.strategy_id) == (entry.fill_id, "AAPL", "sma")
    assert (trade.side, trade.is_open, trade.fill_count) == ("long", False, 2)
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (D(100), D(10), D("12.5"))
    assert (trade.gross_pnl, trade.commission, trade.dividends, trade.net_pnl) == (D(250), D(3), D(0), D(247))
    assert trade.return_fraction == 0.247
    assert (trade.opened_at, trade.closed_at) == (entry.executed_at, leave.executed_at)
    assert (trade.entry_signal_id, trade.exit_signal_id) == (entry.signal_id, leave.signal_id)
    assert trade.exit_purpose == "take_profit"
    assert (trade.open_quantity, trade.open_cost) == (D(0), D(0))


def test_scaling_in_and_out_is_one_trade() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10")
    builder.trade("AAPL", 50, "13")
    builder.trade("AAPL", -30, "14", purpose=OrderPurpose.CLOSE)
    builder.trade("AAPL", 30, "12")
    builder.trade("AAPL", -150, "15", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    # 1,000 + 650 + 360 paid for 180; 420 + 2,250 received for 180.
    assert (trade.entry_value, round(trade.entry_price, 6)) == (D(2010), D("11.166667"))
    assert round(trade.exit_price or D(0), 6) == D("14.833333")
    assert trade.quantity == 150, "the largest that was held"
    assert trade.gross_pnl == D(660)
    assert trade.fill_count == 5


def test_a_short_gains_when_the_price_falls_and_owes_the_dividend() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", -100, "50", commission="1")
    builder.close_day().next_day()
    builder.dividend("AAPL", "0.25", pay_date=date(2012, 1, 6))
    builder.close_day().next_day()
    builder.trade("AAPL", 100, "45", commission="1", purpose=OrderPurpose.CLOSE)
    builder.close_day()
    (trade,) = trades_of(builder)
    assert (trade.side, trade.entry_price, trade.exit_price) == ("short", D(50), D(45))
    assert (trade.gross_pnl, trade.dividends, trade.commission) == (D(500), D(-25), D(2))
    assert trade.net_pnl == D(473)
    assert trade.return_fraction == 473 / 5000


def test_a_fill_through_zero_ends_one_trade_and_begins_the_next() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10")
    flip = builder.trade("AAPL", -150, "11", commission="3")
    builder.trade("AAPL", 50, "9", purpose=OrderPurpose.CLOSE)
    first, second = trades_of(builder)
    assert (first.side, first.gross_pnl, first.commission, first.closed_at) == (
        "long",
        D(100),
        D(2),
        flip.executed_at,
    )
    assert (second.side, second.gross_pnl, second.commission) == ("short", D(100), D(1))
    assert (second.trade_id, second.quantity, second.entry_price) == (flip.fill_id, D(50), D(11))


@pytest.mark.parametrize(
    ("sold", "of_first", "of_second"), [(-101, D("0.00000001"), D(0)), (-1000, D(0), D("0.00000001"))]
)
def test_a_commission_too_small_to_share_belongs_to_the_larger_leg(
    sold: int, of_first: D, of_second: D
) -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10")
    builder.trade("AAPL", sold, "11", commission="0.00000001")
    first, second = trades_of(builder)
    assert (first.commission, second.commission) == (of_first, of_second)


def test_a_split_restates_what_came_before_it() -> None:
    builder = RunBuilder({"AAPL": [120.0, 60.0, 65.0]})
    builder.next_day()
    builder.trade("AAPL", 100, "120")
    builder.close_day().next_day()
    builder.split("AAPL", 2)
    builder.close_day().next_day()
    builder.trade("AAPL", -200, "65", purpose=OrderPurpose.CLOSE)
    builder.close_day()
    (trade,) = trades_of(builder)
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (D(200), D(60), D(65))
    assert (trade.entry_value, trade.gross_pnl, trade.return_fraction) == (D(12000), D(1000), 1000 / 12000)


def test_an_exit_before_a_split_is_restated_too() -> None:
    builder = RunBuilder({"AAPL": [120.0, 60.0, 65.0]})
    builder.next_day()
    builder.trade("AAPL", 100, "120")
    builder.trade("AAPL", -50, "124", purpose=OrderPurpose.CLOSE)
    builder.close_day().next_day()
    builder.split("AAPL", 2)
    builder.trade("AAPL", -100, "65", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    # 100 units at 62 (124 before the split) and 100 at 65.
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (D(200), D(60), D("63.5"))
    assert trade.gross_pnl == D(700)


def test_cash_in_lieu_is_an_exit() -> None:
    builder = RunBuilder({"AAPL": [100.0, 200.0, 200.0]})
    builder.next_day()
    builder.trade("AAPL", 101, "100")
    builder.close_day().next_day()
    builder.split("AAPL", "0.5")
    builder.close_day().next_day()
    builder.trade("AAPL", -50, "210", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    # 50.5 after the split: half a share at 200 in cash, 50 at 210.
    assert trade.quantity == D("50.5")
    assert trade.entry_price == D(200)
    assert trade.gross_pnl == D(500)
    assert round(trade.exit_price or D(0), 6) == D("209.900990"), "10,600 for 50.5"


def test_a_position_too_small_for_a_reverse_split_ends_by_cash_in_lieu() -> None:
    builder = RunBuilder({"AAPL": [100.0, 200.0]})
    builder.next_day()
    builder.trade("AAPL", "0.00000001", "100")
    builder.close_day().next_day()
    builder.split("AAPL", "0.1")
    (trade,) = trades_of(builder)
    assert (trade.is_open, trade.exit_purpose, trade.exit_signal_id) == (False, "cash_in_lieu", None)


def test_a_reinvested_dividend_enlarges_the_trade() -> None:
    builder = RunBuilder({"AAPL": [100.0, 100.0, 110.0]}, dividends="reinvest")
    builder.next_day()
    builder.trade("AAPL", 100, "100")
    builder.close_day().next_day()
    builder.dividend("AAPL", 1)
    builder.close_day().next_day()
    builder.trade("AAPL", -101, "110", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    # 100 of dividends bought one share at 100; 101 shares at 110 bring 11,110 for 10,000 paid.
    assert (trade.quantity, trade.entry_value) == (D(101), D(10100))
    assert (trade.gross_pnl, trade.dividends, trade.net_pnl) == (D(1010), D(100), D(1110))


def test_an_open_trade_is_listed_with_what_it_has_realised() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10", commission="1")
    builder.trade("AAPL", -40, "12", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    assert (trade.is_open, trade.closed_at) == (True, None)
    assert (trade.gross_pnl, trade.net_pnl) == (D(80), D(79))
    assert (trade.open_quantity, trade.open_cost) == (D(60), D(600))
    with pytest.raises(ValueError, match="is open"):
        trade.as_closed()


def test_trades_are_kept_apart_by_strategy_and_symbol_in_the_order_of_opening() -> None:
    builder = RunBuilder({"AAPL": [10.0], "MSFT": [10.0]})
    builder.next_day()
    for symbol, strategy in (("MSFT", "b"), ("AAPL", "a"), ("AAPL", "b")):
        builder.trade(symbol, 10, "10", strategy=strategy)
    for symbol, strategy in (("AAPL", "b"), ("AAPL", "a"), ("MSFT", "b")):
        builder.trade(symbol, -10, "11", strategy=strategy, purpose=OrderPurpose.CLOSE)
    trades = trades_of(builder)
    assert [(one.symbol, one.strategy_id) for one in trades] == [("MSFT", "b"), ("AAPL", "a"), ("AAPL", "b")]


def test_the_statistics_get_what_the_trade_says() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10", commission="1")
    builder.close_day().next_day()
    builder.trade("AAPL", -100, "9", purpose=OrderPurpose.CLOSE)
    (trade,) = trades_of(builder)
    closed = trade.as_closed()
    assert (closed.net_pnl, closed.commission, closed.return_fraction) == (D(-101), D(1), -0.101)
    assert closed.closed_at_us - closed.opened_at_us == 86_400_000_000


def test_an_entry_without_its_fill_is_refused() -> None:
    builder = RunBuilder(FLAT)
    builder.next_day()
    builder.trade("AAPL", 100, "10")
    with pytest.raises(AccountingError, match="books a fill that is not in the log"):
        trades_from(builder.entries)


def test_income_where_nothing_is_held_is_refused() -> None:
    entry = LedgerEntryEvent(
        entry_id="x/dividend_entitlement/sma",
        kind=LedgerKind.DIVIDEND_ENTITLEMENT,
        description="dividend",
        postings=(
            Posting("assets:dividends_receivable", "USD", D(1)),
            Posting(DIVIDEND_INCOME, "USD", D(-1)),
        ),
        strategy_id="sma",
        symbol="AAPL",
    )
    with pytest.raises(AccountingError, match="sma holds nothing"):
        trades_from([entry])


def test_hand_written_postings_without_a_portfolio() -> None:
    at = datetime(2012, 1, 3, tzinfo=UTC)

    def fill(number: int, side: Side, price: str) -> FillEvent:
        return FillEvent(
            envelope=Envelope.known(event_id=f"fill-{number}", occurred_at=at),
            fill_id=f"f{number}",
            order_id=f"o{number}",
            signal_id=f"s{number}",
            strategy_id="sma",
            symbol="AAPL",
            side=side,
            purpose=OrderPurpose.OPEN if side is Side.BUY else OrderPurpose.CLOSE,
            quantity=D(3),
            price=D(price),
            reference_price=D(price),
            commission=D(0),
            slippage=D(0),
            currency="USD",
            executed_at=at,
            basis=FillBasis.OPEN,
        )

    def entry(number: int, *postings: Posting) -> LedgerEntryEvent:
        return LedgerEntryEvent(
            envelope=Envelope.known(causation_id=f"fill-{number}", occurred_at=at),
            entry_id=f"f{number}/ledger",
            kind=LedgerKind.FILL,
            description="x",
            postings=postings,
            strategy_id="sma",
            symbol="AAPL",
        )

    (trade,) = trades_from(
        [
            fill(1, Side.BUY, "10"),
            entry(
                1,
                Posting("assets:securities", "USD", D(30), "AAPL", D(3), "f1"),
                Posting("assets:cash", "USD", D(-30)),
            ),
            fill(2, Side.SELL, "8"),
            entry(
                2,
                Posting("assets:securities", "USD", D(-30), "AAPL", D(-3), "f1"),
                Posting(REALIZED_GAIN, "USD", D(6), lot_id="f1"),
                Posting("assets:cash", "USD", D(24)),
            ),
        ]
    )
    assert (trade.gross_pnl, trade.exit_price, trade.is_open) == (D(-6), D(8), False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("trade"),
                st.integers(-300, 300).filter(bool),
                st.decimals("1", "500", places=2),
                st.decimals("0", "3", places=8),
            ),
            st.tuples(st.just("split"), st.sampled_from(["2", "3", "1.5", "0.5", "0.333333"])),
            st.tuples(st.just("dividend"), st.decimals("0.01", "5", places=2)),
        ),
        max_size=10,
    ),
    st.sampled_from(["cash", "reinvest"]),
)
def test_the_net_profits_of_all_trades_are_what_was_posted(
    steps: list[tuple[object, ...]], policy: str
) -> None:
    builder = RunBuilder({"AAPL": [100.0] * 12}, dividends=policy)
    for kind, *values in steps:
        builder.next_day()
        if kind == "trade":
            quantity, price, commission = values
            builder.trade("AAPL", D(str(quantity)), D(str(price)), commission=D(str(commission)))
        elif kind == "split":
            builder.split("AAPL", D(str(values[0])))
        else:
            builder.dividend("AAPL", D(str(values[0])))
        builder.close_day()
    trades = trades_of(builder)
    held = builder.books.lots.quantity("sma", "AAPL")
    assert [one.open_quantity for one in trades if one.is_open] == ([held] if held else [])
    assert all(one.open_quantity == 0 and one.open_cost == 0 for one in trades if not one.is_open)
