"""Real prices through the whole engine give what holding them gave.

The oracle is the source's adjusted close, which the engine never sees: it is not on the tape.
"""

from __future__ import annotations

import csv
import gzip
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from tests.engine_inputs import BUY, SHORT, Script

import qtrader as qt
from qtrader.engine.results import Results
from qtrader.sample import SYMBOLS

#: The identity's tolerance in the conventions. Shares are rounded to 1e-8 at each of at most 52 dividends,
#: which is at most 2.6e-9 of 100 shares.
TOLERANCE = Decimal("1e-8")


@pytest.fixture(scope="module")
def adjusted() -> dict[str, dict[date, Decimal]]:
    """Return the adjusted closes of the package that the sample comes from."""
    packed = resources.files("bokeh_sampledata").joinpath("_data", "stocks.csv.gz").read_bytes()
    closes: dict[str, dict[date, Decimal]] = {symbol: {} for symbol in SYMBOLS}
    for row in csv.DictReader(gzip.decompress(packed).decode().splitlines()):
        if row["Ticker"] in closes:
            closes[row["Ticker"]][date.fromisoformat(row["Date"])] = Decimal(row["Adj Close"])
    return closes


def hold(symbol: str, wish: Any, **overrides: Any) -> Results:
    """Take 100 shares at the close of the second bar and keep them, in 1e-8 shares and without costs."""
    settings: dict[str, Any] = {
        "market_fill": "next_close",
        "dividends": "reinvest",
        "reinvest_at": "ex_close",
        "quantity_step": "0.00000001",
        "valuation_calendar": "XNYS",
        "initial_equity": 1_000_000,
    }
    return qt.backtest(qt.sample_data(symbol), Script({0: [wish]}), **(settings | overrides))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_long_reinvesting_its_dividends_grows_as_the_adjusted_close(
    symbol: str, adjusted: dict[str, dict[date, Decimal]]
) -> None:
    held = [(one.session, one.positions[0]) for one in hold(symbol, BUY).valuations if one.positions]
    assert len(held) == 3269
    first_day, first = held[0]
    assert first.quantity == 100
    worst = Decimal(0)
    for day, position in held:
        growth = position.market_value / first.market_value
        worst = max(worst, abs(growth / (adjusted[symbol][day] / adjusted[symbol][first_day]) - 1))
    assert worst < TOLERANCE


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_short_reinvesting_loses_what_the_adjusted_close_gains(
    symbol: str, adjusted: dict[str, dict[date, Decimal]]
) -> None:
    results = hold(symbol, SHORT)
    held = [(one.session, one.equity, one.positions[0]) for one in results.valuations if one.positions]
    first_day, first_equity, first = held[0]
    assert (first.quantity, first_equity) == (-100, 1_000_000)
    sold_for = -first.market_value
    worst = Decimal(0)
    for day, equity, _ in held:
        growth = adjusted[symbol][day] / adjusted[symbol][first_day]
        expected = -sold_for * (growth - 1)
        worst = max(worst, abs(equity - first_equity - expected) / (sold_for * growth))
    assert worst < TOLERANCE


@pytest.mark.parametrize("reinvest_at", ["ex_close", "pay_close"])
def test_reinvesting_leaves_the_cash_alone(reinvest_at: str) -> None:
    """The source knows no pay dates, so that both closes are the ex date's."""
    results = hold("IBM", BUY, reinvest_at=reinvest_at)
    cash = {one.cash for one in results.valuations[1:]}
    assert len(cash) == 1
    assert results.ledger.filter(results.ledger["kind"] == "dividend_reinvestment").height == 52 * 2


@pytest.mark.parametrize(
    ("symbol", "day", "before", "after"),
    [
        ("AAPL", date(2000, 6, 21), "101.25", "55.63"),
        ("AAPL", date(2005, 2, 28), "88.99", "44.86"),
        ("MSFT", date(2003, 2, 18), "48.30", "24.96"),
    ],
)
@pytest.mark.parametrize("wish", [BUY, SHORT], ids=["long", "short"])
def test_equity_does_not_jump_on_a_split(symbol: str, day: date, before: str, after: str, wish: Any) -> None:
    """Over the split's session 100 old shares gain 200 new closes less 100 old ones."""
    results = hold(symbol, wish, dividends="cash", start=date(day.year, 1, 3), end=date(day.year, 12, 31))
    place = next(number for number, one in enumerate(results.valuations) if one.session == day)
    eve, split_day = results.valuations[place - 1 : place + 1]
    sign = 1 if wish is BUY else -1
    assert (eve.positions[0].quantity, eve.positions[0].market_price) == (100 * sign, Decimal(before))
    assert (split_day.positions[0].quantity, split_day.positions[0].market_price) == (
        200 * sign,
        Decimal(after),
    )
    assert split_day.equity - eve.equity == sign * (200 * Decimal(after) - 100 * Decimal(before))
    assert split_day.positions[0].cost == eve.positions[0].cost


def test_cash_dividends_of_microsoft_in_2004_to_the_cent() -> None:
    """100 shares bought at the open of 5 January 2004 for 27.73 each, worth 26.72 at the end of the year.

    8.00 of 23 August, 300.00 and 8.00 of 15 November: 100,000.00 - 2,773.00 + 316.00 = 97,543.00 in cash.
    """
    results = qt.backtest(
        qt.sample_data("MSFT"),
        Script({0: [BUY]}),
        start=date(2004, 1, 2),
        end=date(2004, 12, 31),
        valuation_calendar="XNYS",
    )
    assert results.fills.select("price", "quantity").rows() == [(27.73, 100.0)]
    by_day = {one.session: one for one in results.valuations}
    assert by_day[date(2004, 1, 5)].cash == Decimal("97227.00")
    assert by_day[date(2004, 8, 20)].cash == Decimal("97227.00")
    assert by_day[date(2004, 8, 23)].cash == Decimal("97235.00")
    assert by_day[date(2004, 11, 12)].cash == Decimal("97235.00")
    assert by_day[date(2004, 11, 15)].cash == Decimal("97543.00")
    last = results.valuations[-1]
    assert (last.session, last.cash) == (date(2004, 12, 31), Decimal("97543.00"))
    assert last.equity == Decimal("100215.00")
    assert last.dividend_income == Decimal("316.00")
    assert (last.realized_pnl, last.unrealized_pnl) == (0, Decimal("-101.00"))


def test_a_short_pays_the_same_dividends() -> None:
    results = qt.backtest(
        qt.sample_data("MSFT"), Script({0: [SHORT]}), start=date(2004, 1, 2), end=date(2004, 12, 31)
    )
    last = results.valuations[-1]
    assert last.cash == Decimal("100000.00") + Decimal("2773.00") - Decimal("316.00")
    assert last.equity == Decimal("99785.00")
    assert last.dividend_income == Decimal("-316.00")
