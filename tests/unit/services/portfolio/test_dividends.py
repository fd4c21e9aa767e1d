"""Dividends in the books: entitlement, payment, reinvestment, on both sides."""

from __future__ import annotations

import gzip
import importlib.util
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from qtrader.clock import to_epoch_us
from qtrader.errors import AccountingError
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType, LedgerKind

D = Decimal

EX_DATE, PAY_DATE = date(2004, 11, 15), date(2004, 12, 2)


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def kinds(entries: list[Any]) -> list[LedgerKind]:
    return [entry.kind for entry in entries]


def test_msft_2004_pays_3_08_a_share_on_the_pay_date(desk: Any) -> None:
    """A special dividend of $3.00 and a regular one of $0.08 went ex on 2004-11-15, paid on 2004-12-02."""
    desk.buy("100", "29.97")
    desk.marks["MSFT"] = D("29.97")
    special = desk.dividend("3.00", ex_date=EX_DATE, pay_date=PAY_DATE, is_special=True)
    regular = desk.dividend("0.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    assert kinds(special + regular) == [LedgerKind.DIVIDEND_ENTITLEMENT] * 2
    desk.marks["MSFT"] = D("27.39")
    state = desk.value()
    assert state.cash == D("97003.00")
    assert (state.dividends_receivable, state.dividend_income) == (D("308.00"), D("308.00"))
    assert state.equity == D(97003) + D(2739) + D(308)
    assert desk.service.next_due_us() == to_epoch_us(at(PAY_DATE, 21))
    desk.check()
    assert desk.settle(at(PAY_DATE, 20)) == []
    paid = desk.settle(at(PAY_DATE, 21))
    assert [(entry.kind, entry.postings[0].amount) for entry in paid] == [
        (LedgerKind.DIVIDEND_PAYMENT, D(300)),
        (LedgerKind.DIVIDEND_PAYMENT, D(8)),
    ]
    assert [entry.occurred_at for entry in paid] == [at(PAY_DATE, 21)] * 2
    # A payment is caused by its action, as its entitlement is, although it comes weeks later.
    assert [entry.causation_id for entry in paid] == [special[0].causation_id, regular[0].causation_id]
    state = desk.service.get_state()
    assert (state.cash, state.dividends_receivable, state.dividend_income) == (D("97311.00"), 0, D("308.00"))
    assert desk.service.next_due_us() is None
    desk.check()


def test_a_short_owes_the_dividend(desk: Any) -> None:
    desk.sell("100", "29.97")
    (entry,) = desk.dividend("3.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    assert [(p.account, p.amount) for p in entry.postings] == [
        ("liabilities:dividends_payable", D(-308)),
        ("income:dividends", D(308)),
    ]
    assert desk.service.get_state().dividends_receivable == D(-308)
    desk.check()
    (payment,) = desk.settle(at(PAY_DATE, 21))
    assert [(p.account, p.amount) for p in payment.postings] == [
        ("assets:cash", D(-308)),
        ("liabilities:dividends_payable", D(308)),
    ]
    assert desk.service.get_state().cash == D("102689.00")
    desk.check()


@pytest.mark.parametrize("pay_date", [None, EX_DATE, date(2004, 11, 12)])
def test_without_a_later_pay_date_it_is_paid_on_the_ex_date(desk: Any, pay_date: date | None) -> None:
    desk.buy("100", "30")
    entries = desk.dividend("0.08", ex_date=EX_DATE, pay_date=pay_date)
    assert kinds(entries) == [LedgerKind.DIVIDEND_ENTITLEMENT, LedgerKind.DIVIDEND_PAYMENT]
    assert entries[0].occurred_at == entries[1].occurred_at
    assert entries[0].event_id != entries[1].event_id
    assert desk.service.get_state().cash == D(97008)
    desk.check()


def test_an_action_that_becomes_known_after_its_pay_date_is_paid_at_once(desk: Any) -> None:
    desk.buy("100", "30")
    desk.now = at(date(2005, 1, 3), 14)
    entries = desk.dividend("0.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    assert kinds(entries) == [LedgerKind.DIVIDEND_ENTITLEMENT, LedgerKind.DIVIDEND_PAYMENT]
    assert entries[1].occurred_at >= at(date(2005, 1, 3), 14)


def test_who_sells_on_the_ex_date_keeps_the_dividend_and_who_buys_gets_none(desk: Any) -> None:
    desk.buy("100", "30", strategy_id="holder")
    (entry,) = desk.dividend("0.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    desk.sell("100", "29.92", strategy_id="holder")
    desk.buy("100", "29.92", strategy_id="buyer")
    assert entry.strategy_id == "holder"
    (payment,) = desk.settle(at(PAY_DATE, 21))
    assert (payment.strategy_id, payment.postings[0].amount) == ("holder", D(8))
    desk.check()


def test_payments_of_one_instant_come_in_the_order_of_their_entitlement(desk: Any) -> None:
    for symbol in ("IBM", "AAPL"):
        desk.buy("10", "50", symbol=symbol)
        desk.dividend("1", symbol=symbol, ex_date=EX_DATE, pay_date=PAY_DATE)
    desk.dividend("1", symbol="AAPL", ex_date=date(2004, 11, 16), pay_date=date(2004, 11, 30))
    paid = desk.settle(at(PAY_DATE, 21))
    assert [entry.symbol for entry in paid] == ["AAPL", "IBM", "AAPL"]
    desk.check()


def test_a_dividend_after_a_split_of_the_same_date_is_per_new_share(desk: Any) -> None:
    desk.buy("100", "30")
    desk.split("2", ex_date=EX_DATE)
    desk.dividend("0.04", ex_date=EX_DATE)
    assert desk.service.get_state().dividend_income == D(8)
    desk.check()


def test_amounts_are_rounded_per_position(new_desk: Any) -> None:
    desk = new_desk(ledger_scale=2)
    desk.buy("3", "30", strategy_id="one")
    desk.buy("3", "30", strategy_id="two")
    desk.dividend("0.085", ex_date=EX_DATE)
    assert desk.service.get_state().dividend_income == D("0.52")  # 0.255 to the even cent, twice
    desk.dividend("0.001", ex_date=EX_DATE)  # less than half a cent each is nothing
    assert desk.service.get_state().dividend_income == D("0.52")
    desk.check()


def test_reinvested_at_the_close_of_the_ex_date(new_desk: Any) -> None:
    desk = new_desk(dividends="reinvest")
    desk.buy("100", "29.97")
    (entitled,) = desk.dividend("3.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    assert entitled.kind == LedgerKind.DIVIDEND_ENTITLEMENT
    desk.marks["MSFT"] = D("27.39")
    (entry,) = desk.settle(at(EX_DATE, 21))
    shares = D("11.24497992")  # 308.00 / 27.39
    assert [(p.account, p.amount, p.quantity) for p in entry.postings] == [
        ("assets:securities", D(308), shares),
        ("assets:dividends_receivable", D(-308), None),
    ]
    assert desk.service.lots.lots("alpha", "MSFT")[1].lot_id == entry.entry_id
    state = desk.service.get_state()
    assert (state.cash, state.positions[0].quantity) == (D(97003), 100 + shares)
    desk.check()
    desk.sell("111.24497992", "28")
    assert desk.service.get_state().positions == ()
    desk.check()


def test_reinvested_at_the_close_of_the_pay_date(new_desk: Any) -> None:
    desk = new_desk(dividends="reinvest", reinvest_at="pay_close")
    desk.sell("100", "30")
    desk.dividend("3.08", ex_date=EX_DATE, pay_date=PAY_DATE)
    assert desk.settle(at(EX_DATE, 21)) == []
    desk.marks["MSFT"] = D(28)
    (entry,) = desk.settle(at(PAY_DATE, 21))
    assert [(p.account, p.amount, p.quantity) for p in entry.postings] == [
        ("liabilities:securities_short", D(-308), D(-11)),
        ("liabilities:dividends_payable", D(308), None),
    ]
    desk.check()


@pytest.mark.parametrize(("is_long", "sign"), [(True, 1), (False, -1)])
def test_reinvested_in_whole_shares_the_rest_is_cash(new_desk: Any, is_long: bool, sign: int) -> None:
    desk = new_desk(dividends="reinvest", reinvest_in="quantity_steps")
    desk.buy("100", "30") if is_long else desk.sell("100", "30")
    cash = desk.service.get_state().cash
    desk.dividend("3.08", ex_date=EX_DATE)
    desk.marks["MSFT"] = D("27.39")
    (entry,) = desk.settle(at(EX_DATE, 21))
    assert (entry.postings[0].quantity, entry.postings[0].amount) == (11 * sign, D("301.29") * sign)
    assert desk.service.get_state().cash - cash == D("6.71") * sign
    desk.check()
    desk.dividend("0.01", ex_date=date(2005, 2, 15))
    (entry,) = desk.settle(at(date(2005, 2, 15), 21))
    assert (entry.kind, entry.postings[0].amount) == (LedgerKind.DIVIDEND_PAYMENT, D("1.11") * sign)
    desk.check()


@pytest.mark.parametrize("sold", ["100", "150"])
def test_who_has_closed_or_turned_by_the_close_is_paid_in_cash(new_desk: Any, sold: str) -> None:
    desk = new_desk(dividends="reinvest")
    desk.buy("100", "30")
    desk.dividend("3.08", ex_date=EX_DATE)
    desk.sell(sold, "27")
    (entry,) = desk.settle(at(EX_DATE, 21))
    assert (entry.kind, entry.postings[0].amount) == (LedgerKind.DIVIDEND_PAYMENT, D(308))
    desk.check()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": None, "currency": None}, "amount is None"),
        ({"amount": D(-1), "currency": "USD"}, "amount is -1"),
        ({"amount": D(1), "currency": "EUR"}, "is in EUR, the account is in USD"),
        ({"action_type": ActionType.SPLIT, "ratio": D(0)}, "ratio is 0"),
        ({"action_type": ActionType.SPLIT, "ratio": D(-2)}, "ratio is -2"),
        ({"action_type": ActionType.SPLIT}, "ratio is None"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(desk: Any, fields: dict[str, Any], message: str) -> None:
    desk.buy("100", "30")
    before = desk.service.get_snapshot()
    wanted = {"action_id": "a", "symbol": "MSFT", "action_type": ActionType.CASH_DIVIDEND, "ex_date": EX_DATE}
    event = CorporateActionEvent(**desk.envelope(), **(wanted | fields))
    with pytest.raises(AccountingError, match=message):
        desk.service.on_corporate_action(event)
    assert desk.service.get_snapshot() == before


def sample(symbol: str) -> tuple[dict[date, D], list[dict[str, Any]]]:
    import polars as pl

    import qtrader.sample as shipped

    folder = Path(shipped.__file__).parent
    bars = pl.read_parquet(folder / "bars.parquet").filter(pl.col("symbol") == symbol)
    actions = pl.read_parquet(folder / "corporate_actions.parquet").filter(pl.col("symbol") == symbol)
    closes = {day: D(repr(close)) for day, close in bars.select("date", "close").iter_rows()}
    return closes, actions.sort("ex_date", maintain_order=True).to_dicts()


def adjusted_closes(symbol: str) -> tuple[float, float]:
    """Read the source's own adjusted closes, first and last, to six decimals."""
    import polars as pl

    origin = importlib.util.find_spec("bokeh_sampledata").origin
    document = gzip.decompress((Path(origin).parent / "_data" / "stocks.csv.gz").read_bytes())
    adjusted = pl.read_csv(document).filter(pl.col("Ticker") == symbol)["Adj Close"]
    return adjusted[0], adjusted[-1]


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
@pytest.mark.parametrize("sign", [1, -1])
def test_total_return_identity_on_real_prices(new_desk: Any, symbol: str, sign: int) -> None:
    """Position value grows as the adjusted close does, to 1e-8, and a short's loss is the long's gain."""
    closes, actions = sample(symbol)
    days = sorted(closes)
    first, last = closes[days[0]], closes[days[-1]]
    desk = new_desk(dividends="reinvest", initial_cash=0)
    desk.now = at(days[0], 21)
    trade = desk.buy if sign > 0 else desk.sell
    trade("1000", str(first), symbol=symbol)
    growth, per_share = Fraction(last) / Fraction(first), dict.fromkeys(days, Fraction(0))
    for action in actions:
        day = action["ex_date"]
        if action["action"] == "split":
            desk.split(repr(action["ratio"]), symbol=symbol, ex_date=day)
            growth *= Fraction(D(repr(action["ratio"])))
        else:
            desk.dividend(repr(action["amount"]), symbol=symbol, ex_date=day)
            per_share[day] += Fraction(D(repr(action["amount"])))
        desk.marks[symbol] = closes[day]
        if action is actions[-1] or actions[actions.index(action) + 1]["ex_date"] != day:
            desk.settle(at(day, 21))
    for day, dividend in per_share.items():
        growth *= 1 + dividend / Fraction(closes[day])
    desk.marks[symbol] = last
    desk.check()
    state = desk.service.get_state()
    value = Fraction(state.positions[0].market_value) / (1000 * Fraction(first))
    assert abs(float(sign * value / growth - 1)) < 1e-8
    # Short and reinvesting, the loss is what the long gains: -q0 * C0 * (growth - 1).
    assert abs(float(Fraction(state.equity) / (sign * 1000 * Fraction(first) * (growth - 1)) - 1)) < 1e-8
    # The source prints six decimals, of a first value as small as 4.18: no more than 2e-7 can be seen of it.
    adjusted_first, adjusted_last = adjusted_closes(symbol)
    assert float(growth) == pytest.approx(adjusted_last / adjusted_first, rel=2e-7)
