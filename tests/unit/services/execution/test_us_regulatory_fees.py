"""The SEC's and FINRA's fees on sales, by date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from qtrader.events.vocabulary import Side
from qtrader.services.execution.us_regulatory_fees import (
    FINRA_TAF,
    SEC_FEE_PER_MILLION,
    finra_taf,
    sec_fee,
    us_regulatory_fees,
)

# Trade date, what the SEC takes of a sale of 1,000,000.00.
SEC = [
    ("2001-12-27", "33.33333333"),
    ("2001-12-28", "15"),
    ("2004-03-31", "39"),
    ("2004-04-01", "23.4"),
    ("2008-03-31", "11"),
    ("2008-04-01", "5.6"),
    ("2013-06-03", "17.4"),
    ("2014-03-17", "17.4"),
    ("2014-03-18", "22.1"),
    ("2018-05-21", "23.1"),
    ("2018-05-22", "13"),
    ("2021-02-24", "22.1"),
    ("2021-02-25", "5.1"),
    ("2025-05-13", "27.8"),
    ("2025-05-14", "0"),
    ("2026-04-03", "0"),
    ("2026-04-04", "20.6"),
    ("2031-01-01", "20.6"),
]
# Trade date, shares, price, what FINRA takes of the sale.
TAF = [
    ("2002-09-30", 1_000, "10", "0"),
    ("2002-10-01", 1_000, "10", "0.1"),
    ("2004-10-31", 200_000, "10", "10"),
    ("2004-11-01", 1_000, "10", "0.075"),
    ("2011-06-30", 49_999, "10", "3.749925"),
    ("2011-06-30", 50_001, "10", "3.75"),
    ("2011-07-01", 1_000, "10", "0.09"),
    ("2012-03-01", 1_000, "10", "0.095"),
    ("2012-07-01", 1_000, "10", "0.119"),
    ("2012-07-01", 50_000, "10", "5.95"),
    ("2012-07-01", 5_000_000, "10", "5.95"),
    ("2024-07-01", 1_000, "10", "0.166"),
    ("2024-07-01", 50_000, "10", "8.3"),
    ("2024-07-01", 60_000, "10", "8.3"),
    ("2026-01-01", 1_000, "10", "0.195"),
    # A share that sells for less than the rate pays nothing.
    ("2024-07-01", 1_000, "0.00016", "0"),
    ("2024-07-01", 1_000, "0.000166", "0.166"),
]


@pytest.mark.parametrize(("day", "fee"), SEC)
def test_the_secs_fee_by_trade_date(day: str, fee: str) -> None:
    assert sec_fee(Side.SELL, Decimal(1_000_000), date.fromisoformat(day)) == Decimal(fee)


@pytest.mark.parametrize(("day", "shares", "price", "fee"), TAF)
def test_finras_fee_by_trade_date(day: str, shares: int, price: str, fee: str) -> None:
    quantity = Decimal(shares)
    found = finra_taf(Side.SELL, quantity, quantity * Decimal(price), date.fromisoformat(day))
    assert found == Decimal(fee)


def test_purchases_are_free() -> None:
    day = date(2024, 7, 1)
    assert us_regulatory_fees(Side.BUY, Decimal(100), Decimal(10_000), day, up_to_cent=True) == 0


@pytest.mark.parametrize(
    ("shares", "price", "exact", "up_to_cent"),
    [
        # SEC 0.000278 and TAF 0.000166; a cent each.
        (1, "10", "0.000444", "0.02"),
        # SEC 0.278, TAF 0.0166.
        (100, "100", "0.2946", "0.30"),
        # SEC 27.80 and TAF 1.66 are cents already.
        (10_000, "100", "29.46", "29.46"),
    ],
)
def test_each_fee_is_rounded_up_by_itself(shares: int, price: str, exact: str, up_to_cent: str) -> None:
    quantity, day = Decimal(shares), date(2024, 7, 1)
    value = quantity * Decimal(price)
    assert us_regulatory_fees(Side.SELL, quantity, value, day, up_to_cent=False) == Decimal(exact)
    assert us_regulatory_fees(Side.SELL, quantity, value, day, up_to_cent=True) == Decimal(up_to_cent)


def test_rates_are_in_the_order_of_their_dates_and_each_is_a_change() -> None:
    for earlier, later in pairwise(SEC_FEE_PER_MILLION):
        assert earlier[0] < later[0]
        assert earlier[1] != later[1]
    for before, after in pairwise(FINRA_TAF):
        assert before[0] < after[0]
        assert before[1:] != after[1:]
    # FINRA's maximum has always been about that of 50,000 shares, but for the first (100,000).
    for _, rate, most in FINRA_TAF[2:]:
        assert 49_000 < most / rate < 51_000
